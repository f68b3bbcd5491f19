//! A story as it is read from its file.

use gatepost_core::message::Transfer;
use gatepost_core::smtp::{Protocol, Return, Security};
use std::fs;
use std::path::Path;

/// One file of `dialogues/`.
#[derive(Clone)]
pub(crate) struct Story {
    pub(crate) name: String,
    pub(crate) client: String,
    pub(crate) protocol: Protocol,
    pub(crate) basic: bool,
    pub(crate) security: Security,
    pub(crate) storage: (usize, usize),
    /// The words of each.
    pub(crate) mechanisms: Vec<Vec<String>>,
    pub(crate) mails: Vec<Mail>,
    pub(crate) turns: Vec<Turn>,
    pub(crate) transcript: Vec<String>,
}

#[derive(Clone, Default)]
pub(crate) struct Mail {
    pub(crate) reverse_path: Option<String>,
    pub(crate) recipients: Vec<Vec<String>>,
    pub(crate) data: Vec<u8>,
    pub(crate) ret: Option<Return>,
    pub(crate) envelope_id: Option<String>,
    pub(crate) require_tls: bool,
    pub(crate) priority: Option<i8>,
    pub(crate) deliver_by: Option<(u32, bool, bool)>,
    pub(crate) hold: Option<String>,
    pub(crate) all_or_nothing: bool,
    pub(crate) transfer: Option<Transfer>,
    pub(crate) utf8: bool,
    pub(crate) octets: Option<Option<u64>>,
    pub(crate) breaks_after: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) enum Turn {
    Client(Vec<u8>),
    Server {
        octets: Vec<u8>,
        joined: bool,
        urgent: bool,
        endless: bool,
    },
    Close,
    /// The connection is closed, and whatever the client does but accept is right; no file says so.
    Gone,
    Pause(u64),
    Expect(String),
    Act(String),
}

/// Every file of `dialogues/`.
pub(crate) fn read_all() -> Vec<Story> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues");
    let mut paths: Vec<_> = fs::read_dir(directory)
        .expect("the dialogues are here")
        .map(|entry| entry.expect("it is readable").path())
        .collect();
    paths.sort();
    let parse = |path: &std::path::PathBuf| {
        let name = path.file_name().expect("it is a file").to_string_lossy();
        Story::parse(&name, &fs::read_to_string(path).expect("it is text"))
    };
    paths.iter().map(parse).collect()
}

impl Story {
    fn parse(name: &str, text: &str) -> Self {
        let mut story = Self {
            name: name.to_owned(),
            client: "gate.test".to_owned(),
            protocol: Protocol::Smtp,
            basic: false,
            security: Security::Plain,
            storage: (256, 96),
            mechanisms: Vec::new(),
            mails: vec![Mail::default()],
            turns: Vec::new(),
            transcript: Vec::new(),
        };
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            let taken = line
                .split_once(':')
                .and_then(|(key, value)| story.header(key, value.trim_start()));
            taken.unwrap_or_else(|| panic!("{name}: {line:?}"));
        }
        for line in lines {
            story.turn(line).unwrap_or_else(|| panic!("{name}: {line:?}"));
        }
        assert!(!story.turns.is_empty(), "{name}");
        assert!(story.mails.iter().all(|mail| !mail.recipients.is_empty()), "{name}");
        story
    }

    fn header(&mut self, key: &str, value: &str) -> Option<()> {
        let words = || value.split(' ').map(str::to_owned).collect::<Vec<_>>();
        match (key, value) {
            ("client", _) => self.client = value.to_owned(),
            ("protocol", "lmtp") => self.protocol = Protocol::Lmtp,
            ("profile", "basic") => self.basic = true,
            ("security", "starttls") => self.security = Security::StartTls,
            ("security", "starttls if offered") => self.security = Security::StartTlsIfOffered,
            ("security", "implicit") => self.security = Security::Implicit,
            ("security", "plain") => self.security = Security::Plain,
            ("security", "plain with password") => self.security = Security::PlainWithPassword,
            ("storage", _) => {
                let (receive, transmit) = value.split_once(' ')?;
                self.storage = (receive.parse().ok()?, transmit.parse().ok()?);
            }
            ("mechanism", _) => self.mechanisms.push(words()),
            ("user", _) => self.mechanisms.push(vec!["PLAIN".to_owned(), value.to_owned()]),
            ("password", _) => self.mechanisms.last_mut()?.push(value.to_owned()),
            ("mail", "next") => self.mails.push(Mail::default()),
            _ => return self.mails.last_mut()?.header(key, value),
        }
        Some(())
    }

    fn turn(&mut self, line: &str) -> Option<()> {
        let line_of = |text: &str| [text.as_bytes(), b"\r\n"].concat();
        let server = |octets| Turn::Server {
            octets,
            joined: false,
            urgent: false,
            endless: false,
        };
        let (mark, rest) = line.split_at_checked(2)?;
        let rest = rest.strip_prefix(' ').unwrap_or(rest);
        let turn = match (mark, line) {
            ("S:", _) => server(line_of(rest)),
            ("S=", _) => server(unescape(rest)?),
            ("S+", _) => Turn::Server {
                octets: line_of(rest),
                joined: true,
                urgent: false,
                endless: false,
            },
            ("S!", _) => Turn::Server {
                octets: line_of(rest),
                joined: false,
                urgent: true,
                endless: false,
            },
            ("S*", _) => Turn::Server {
                octets: unescape(rest)?,
                joined: false,
                urgent: false,
                endless: true,
            },
            ("C:", _) => Turn::Client(line_of(rest)),
            ("C=", _) => Turn::Client(unescape(rest)?),
            ("E:", _) => Turn::Expect(rest.to_owned()),
            ("A:", _) => Turn::Act(rest.to_owned()),
            ("L:", _) => {
                self.transcript.push(rest.to_owned());
                return Some(());
            }
            (_, "close") => Turn::Close,
            _ => Turn::Pause(line.strip_prefix("pause ")?.parse().ok()?),
        };
        match (self.turns.last_mut(), turn) {
            (Some(Turn::Client(before)), Turn::Client(octets)) => before.extend(octets),
            (_, turn) => self.turns.push(turn),
        }
        Some(())
    }
}

impl Mail {
    fn header(&mut self, key: &str, value: &str) -> Option<()> {
        match (key, value) {
            ("from", _) => self.reverse_path = Some(value.to_owned()),
            ("to", _) => self.recipients.push(value.split(' ').map(str::to_owned).collect()),
            ("data", _) => self.data.extend(unescape(value)?),
            ("return", "full") => self.ret = Some(Return::Full),
            ("return", "headers") => self.ret = Some(Return::Headers),
            ("envelope", _) => self.envelope_id = Some(value.to_owned()),
            ("require", "tls") => self.require_tls = true,
            ("priority", _) => self.priority = Some(value.parse().ok()?),
            ("deliver by", _) => {
                let mut words = value.split(' ');
                let seconds = words.next()?.parse().ok()?;
                let returns = match words.next()? {
                    "return" => true,
                    "notify" => false,
                    _ => return None,
                };
                self.deliver_by = Some((seconds, returns, words.next() == Some("trace")));
            }
            ("hold", _) => self.hold = Some(value.to_owned()),
            ("policy", "all or nothing") => self.all_or_nothing = true,
            ("transfer", "7bit") => self.transfer = Some(Transfer::SevenBit),
            ("transfer", "8bit") => self.transfer = Some(Transfer::EightBit),
            ("transfer", "binary") => self.transfer = Some(Transfer::Binary),
            ("header", "utf8") => self.utf8 = true,
            ("octets", "unknown") => self.octets = Some(None),
            ("octets", _) => self.octets = Some(Some(value.parse().ok()?)),
            ("breaks after", _) => self.breaks_after = Some(value.parse().ok()?),
            _ => return None,
        }
        Some(())
    }
}

/// The octets that `text` stands for.
pub(crate) fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut octets = Vec::new();
    let mut input = text.bytes();
    while let Some(octet) = input.next() {
        octets.push(match octet {
            b'\\' => match input.next()? {
                b'r' => b'\r',
                b'n' => b'\n',
                b'0' => 0,
                b'\\' => b'\\',
                b'x' => {
                    let digits: String = input.by_ref().take(2).map(char::from).collect();
                    u8::from_str_radix(&digits, 16).ok()?
                }
                _ => return None,
            },
            octet => octet,
        });
    }
    Some(octets)
}
