//! Sessions as stories: each file in `dialogues/` is one, told at every read and write size.
//!
//! A file has a header of `key: value` lines, an empty line, and then turns:
//!
//! ```text
//! S: 220 mail.test              the server says this line, CRLF included
//! C: EHLO gate.test             the client says this line, CRLF included
//! S= 250 ok\n                   the server says exactly these octets; \r \n \0 \xNN \\ are escapes
//! S+ 250 ok                     like S:, and it comes in one read with what is before it
//! S* 250-x\r\n                  the server says exactly these octets, without end
//! close                         the server closes the connection
//! E: accepted 250 ok            the session reports this event with this reply
//! E: failed smtp: RCPT: ...     this mail is not taken
//! E: error smtp: RCPT: ...      the session ends with this error
//! ```
//!
//! `mail: next` in the header begins another mail, given as soon as the session is ready for it. Where the client may
//! write or read, it reads if the server's turn is next.
//!
//! Lines that begin with `#` say what the story is about.

use gatepost_core::machine::{Machine, Step};
use gatepost_core::message::Address;
use gatepost_core::smtp::sasl::{Mechanism, Plain};
use gatepost_core::smtp::{Config, Envelope, Event, Full, Options, Protocol, Recipient, Security, Session, Storage};
use std::fs;
use std::path::Path;

#[test]
fn every_dialogue_at_every_read_and_write_size() {
    let dialogues = read_all();
    assert!(dialogues.len() > 20, "only {} dialogues were found", dialogues.len());
    for dialogue in &dialogues {
        dialogue.tell_at_every_size();
    }
}

#[test]
fn a_connection_that_closes_anywhere_is_never_an_acceptance() {
    let dialogues = read_all();
    for name in ["plain.txt", "starttls-auth.txt"] {
        let dialogue = dialogues.iter().find(|dialogue| dialogue.name == name).expect(name);
        let mut command = "greeting";
        for (index, turn) in dialogue.turns.iter().enumerate() {
            match turn {
                Turn::Client(octets) => command = phase(octets),
                Turn::Server { octets, .. } if command != "QUIT" => {
                    for cut in [0, 1, octets.len() - 1] {
                        let mut turns = dialogue.turns[..index].to_vec();
                        turns.push(Turn::Server {
                            octets: octets[..cut].to_vec(),
                            joined: false,
                            endless: false,
                        });
                        turns.retain(|turn| !matches!(turn, Turn::Server { octets, .. } if octets.is_empty()));
                        turns.push(Turn::Close);
                        turns.push(Turn::Expect(format!(
                            "error smtp: {command}: the server closed the connection"
                        )));
                        let cut = Dialogue {
                            name: format!("{name}, closed at turn {index} after {cut} octets"),
                            turns,
                            ..dialogue.clone()
                        };
                        for size in [1, 2, 3, 64, usize::MAX] {
                            cut.tell(size, size);
                        }
                    }
                }
                _ => {}
            }
        }
    }
}

/// What a client's octets begin, in the words of the errors.
fn phase(octets: &[u8]) -> &'static str {
    let known = ["EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "QUIT"];
    let verb = known.iter().find(|verb| octets.starts_with(verb.as_bytes()));
    verb.copied().unwrap_or("end of data")
}

#[derive(Clone)]
struct Dialogue {
    name: String,
    client: String,
    security: Security,
    credentials: Option<(String, String)>,
    protocol: Protocol,
    mails: Vec<Mail>,
    turns: Vec<Turn>,
}

#[derive(Clone, Default)]
struct Mail {
    reverse_path: Option<String>,
    recipients: Vec<String>,
    data: Vec<u8>,
    all_or_nothing: bool,
}

#[derive(Clone, Debug)]
enum Turn {
    Client(Vec<u8>),
    Server {
        octets: Vec<u8>,
        joined: bool,
        endless: bool,
    },
    Close,
    Expect(String),
}

impl Dialogue {
    fn parse(name: &str, text: &str) -> Self {
        let mut dialogue = Self {
            name: name.to_owned(),
            client: "gate.test".to_owned(),
            security: Security::Plain,
            credentials: None,
            protocol: Protocol::Smtp,
            mails: vec![Mail::default()],
            turns: Vec::new(),
        };
        let (mut user, mut password) = (None, None);
        let mut in_header = true;
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let context = || format!("{name}: {line:?}");
            if line.is_empty() {
                in_header = false;
            } else if in_header {
                let (key, value) = line.split_once(':').unwrap_or_else(|| panic!("{}", context()));
                let value = value.trim_start();
                let mail = dialogue.mails.last_mut().expect("there is one from the start");
                match key {
                    "protocol" if value == "lmtp" => dialogue.protocol = Protocol::Lmtp,
                    "mail" if value == "next" => dialogue.mails.push(Mail::default()),
                    "policy" if value == "all or nothing" => mail.all_or_nothing = true,
                    "client" => dialogue.client = value.to_owned(),
                    "security" => {
                        dialogue.security = match value {
                            "starttls" => Security::StartTls,
                            "starttls if offered" => Security::StartTlsIfOffered,
                            "implicit" => Security::Implicit,
                            "plain" => Security::Plain,
                            "plain with password" => Security::PlainWithPassword,
                            _ => panic!("{}", context()),
                        }
                    }
                    "user" => user = Some(value.to_owned()),
                    "password" => password = Some(value.to_owned()),
                    "from" => mail.reverse_path = Some(value.to_owned()),
                    "to" => mail.recipients.push(value.to_owned()),
                    "data" => mail.data.extend(unescape(value)),
                    _ => panic!("{}", context()),
                }
            } else {
                let server = |octets: Vec<u8>| Turn::Server {
                    octets,
                    joined: false,
                    endless: false,
                };
                let (mark, rest) = line.split_at(line.len().min(2));
                let rest = rest.strip_prefix(' ').unwrap_or(rest);
                let turn = match mark {
                    "S:" => server([rest.as_bytes(), b"\r\n"].concat()),
                    "S=" => server(unescape(rest)),
                    "S+" => Turn::Server {
                        octets: [rest.as_bytes(), b"\r\n"].concat(),
                        joined: true,
                        endless: false,
                    },
                    "S*" => Turn::Server {
                        octets: unescape(rest),
                        joined: false,
                        endless: true,
                    },
                    "C:" => Turn::Client([rest.as_bytes(), b"\r\n"].concat()),
                    "E:" => Turn::Expect(rest.to_owned()),
                    "cl" if line == "close" => Turn::Close,
                    _ => panic!("{}", context()),
                };
                match (dialogue.turns.last_mut(), turn) {
                    (Some(Turn::Client(before)), Turn::Client(octets)) => before.extend(octets),
                    (_, turn) => dialogue.turns.push(turn),
                }
            }
        }
        dialogue.credentials = user.zip(password);
        assert!(!dialogue.turns.is_empty(), "{name}");
        assert!(dialogue.mails.iter().all(|mail| !mail.recipients.is_empty()), "{name}");
        dialogue
    }

    fn tell_at_every_size(&self) {
        let sizes = || (1..=64).chain([usize::MAX]);
        for read_size in sizes() {
            for write_size in sizes() {
                self.tell(read_size, write_size);
            }
        }
    }

    fn tell(&self, read_size: usize, write_size: usize) {
        let recipients: Vec<Vec<Recipient<'_>>> = self
            .mails
            .iter()
            .map(|mail| mail.recipients.iter().map(|text| address(text).into()).collect())
            .collect();
        let envelopes: Vec<Envelope<'_>> = self
            .mails
            .iter()
            .zip(&recipients)
            .map(|(mail, recipients)| Envelope {
                reverse_path: mail.reverse_path.as_deref().map(address),
                recipients,
                options: Options {
                    all_or_nothing: mail.all_or_nothing,
                    ..Options::default()
                },
            })
            .collect();
        let mut mails = envelopes.iter().zip(&self.mails);
        let mut plain = self.credentials.as_ref().map(|(user, password)| {
            Plain::new(user, password).unwrap_or_else(|error| panic!("{}: {error}", self.name))
        });
        let mut mechanisms: Vec<&mut dyn Mechanism> = plain.iter_mut().map(|plain| plain as _).collect();
        let config = Config {
            client: &self.client,
            security: self.security,
            protocol: self.protocol,
            mechanisms: &mut mechanisms,
        };
        let (mut receive, mut transmit, mut accepted) = ([0; 256], [0; 96], [0; 4]);
        let storage = Storage {
            receive: &mut receive,
            transmit: &mut transmit,
            accepted: &mut accepted,
        };
        let refuse = |error| panic!("{}: {error}", self.name);
        let mut session = Session::<Full, &[u8]>::new(config, storage).unwrap_or_else(refuse);
        let mut peer = Peer {
            place: format!("{} (read {read_size}, write {write_size})", self.name),
            turns: &self.turns,
            offset: 0,
        };
        let (envelope, mail) = mails.next().expect("there is one from the start");
        session.mail(envelope, &mail.data).unwrap_or_else(refuse_mail);
        loop {
            match session.poll() {
                Ok(Step::Duplex { receive, .. }) if peer.speaks() => {
                    let count = peer.say(receive, read_size);
                    session.received(count);
                }
                Ok(Step::Transmit(octets) | Step::Duplex { transmit: octets, .. }) => {
                    let octets = &octets[..octets.len().min(write_size)];
                    peer.hear(octets);
                    let count = octets.len();
                    session.transmitted(count);
                }
                Ok(Step::Receive(room)) => {
                    let count = peer.say(room, read_size);
                    session.received(count);
                }
                Ok(Step::Event(event)) => {
                    let name = match event {
                        Event::StartTls => "starttls".to_owned(),
                        Event::Recipient { index, .. } => format!("recipient {index}"),
                        Event::Delivered { index, .. } => format!("delivered {index}"),
                        Event::Deferred { from } => format!("deferred {from}"),
                        Event::Accepted => "accepted".to_owned(),
                        Event::Ready => {
                            if let Some((envelope, mail)) = mails.next() {
                                session.mail(envelope, &mail.data).unwrap_or_else(refuse_mail);
                            }
                            continue;
                        }
                        Event::Failed(error) => {
                            peer.expect(&format!("failed {error}"));
                            continue;
                        }
                        Event::Closed => {
                            peer.expect("closed");
                            return peer.end();
                        }
                    };
                    let reply = session.reply().expect("an event follows a reply");
                    if let Event::Recipient { code, .. } = event {
                        assert_eq!(code, reply.code);
                    }
                    peer.expect(&format!("{name} {reply}"));
                    if event == Event::StartTls {
                        session.secured(None);
                    }
                }
                Err(error) => {
                    peer.skip_unheard();
                    peer.expect(&format!("error {error}"));
                    assert_eq!(session.poll(), Err(error));
                    return peer.end();
                }
            }
        }
    }
}

fn refuse_mail(error: gatepost_core::smtp::Error) {
    panic!("{error}")
}

/// The other side of a dialogue: where it stands, and how much of that turn is done.
struct Peer<'a> {
    place: String,
    turns: &'a [Turn],
    offset: usize,
}

impl Peer<'_> {
    /// Whether it is the server's turn.
    fn speaks(&self) -> bool {
        matches!(self.turns, [Turn::Server { .. } | Turn::Close, ..])
    }

    fn hear(&mut self, heard: &[u8]) {
        let shown = String::from_utf8_lossy(heard);
        let [Turn::Client(octets), turns @ ..] = self.turns else {
            panic!(
                "{}: the client says {shown:?} instead of {:?}",
                self.place,
                self.turns.first()
            );
        };
        let expected = &octets[self.offset..];
        assert!(
            expected.starts_with(heard),
            "{}: the client says {shown:?} instead of {:?}",
            self.place,
            String::from_utf8_lossy(expected)
        );
        self.offset += heard.len();
        if self.offset == octets.len() {
            (self.turns, self.offset) = (turns, 0);
        }
    }

    fn say(&mut self, room: &mut [u8], size: usize) -> usize {
        if let [Turn::Close, turns @ ..] = self.turns {
            self.turns = turns;
            return 0;
        }
        let mut count = 0;
        let mut limit = room.len().min(size);
        while let [Turn::Server { octets, endless, .. }, turns @ ..] = self.turns
            && count < limit
        {
            let piece = &octets[self.offset..];
            let piece = &piece[..piece.len().min(limit - count)];
            room[count..count + piece.len()].copy_from_slice(piece);
            count += piece.len();
            self.offset += piece.len();
            if self.offset < octets.len() {
                continue;
            }
            self.offset = 0;
            if !endless {
                self.turns = turns;
            }
            if let [Turn::Server { joined: true, .. }, ..] = self.turns
                && count == limit
                && count < room.len()
            {
                limit += 1;
            }
        }
        assert!(
            count > 0,
            "{}: the client waits instead of {:?}",
            self.place,
            self.turns.first()
        );
        count
    }

    fn expect(&mut self, event: &str) {
        let [Turn::Expect(expected), turns @ ..] = self.turns else {
            panic!("{}: {event:?} instead of {:?}", self.place, self.turns.first());
        };
        assert_eq!(event, expected, "{}", self.place);
        self.turns = turns;
    }

    /// A session that failed leaves the rest of what the server says unread.
    fn skip_unheard(&mut self) {
        while let [
            Turn::Server {
                octets,
                joined,
                endless,
            },
            turns @ ..,
        ] = self.turns
        {
            let begun = self.offset > 0 || *joined || *endless;
            assert!(
                begun,
                "{}: {:?} was not read",
                self.place,
                String::from_utf8_lossy(octets)
            );
            (self.turns, self.offset) = (turns, 0);
        }
    }

    fn end(&self) {
        assert!(
            self.turns.is_empty(),
            "{}: the session ends before {:?}",
            self.place,
            self.turns.first()
        );
    }
}

fn read_all() -> Vec<Dialogue> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogues");
    let mut paths: Vec<_> = fs::read_dir(directory)
        .expect("the dialogues are here")
        .map(|entry| entry.expect("it is readable").path())
        .collect();
    paths.sort();
    let parse = |path: &std::path::PathBuf| {
        let name = path.file_name().expect("it is a file").to_string_lossy();
        Dialogue::parse(&name, &fs::read_to_string(path).expect("it is text"))
    };
    paths.iter().map(parse).collect()
}

fn address(text: &str) -> Address<'_> {
    Address::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// The octets that `text` stands for.
fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut input = text.bytes();
    while let Some(octet) = input.next() {
        octets.push(match octet {
            b'\\' => match input.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b'0') => 0,
                Some(b'\\') => b'\\',
                Some(b'x') => {
                    let digits: String = input.by_ref().take(2).map(char::from).collect();
                    u8::from_str_radix(&digits, 16).expect("two hexadecimal digits")
                }
                other => panic!("{text:?}: no escape {other:?}"),
            },
            octet => octet,
        });
    }
    octets
}
