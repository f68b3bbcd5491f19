//! A story: what is sent, what the server does, and what must come of it.

use super::turns::{self, Turn, unescape};
use crate::Result;
use std::time::Duration;

/// One file of `tests/hostile`.
#[derive(Clone, Debug)]
pub struct Story {
    /// The name of its file.
    pub name: String,
    /// What the server does.
    pub behaviour: String,
    /// What a good client makes of it.
    pub right: String,
    /// How a good client ends.
    pub outcome: Outcome,
    /// What standard error must hold.
    pub says: Vec<String>,
    /// What standard output must hold.
    pub reports: Vec<String>,
    /// What neither may hold.
    pub hides: Vec<String>,
    /// `plain`, `starttls` or `tls`.
    pub security: String,
    /// The reverse-path and the originator.
    pub from: String,
    /// The recipients.
    pub to: Vec<String>,
    /// The subject.
    pub subject: String,
    /// The body, on standard input.
    pub text: Vec<u8>,
    /// The name of a file of [`Story::files`] that is attached.
    pub attach: Option<String>,
    /// Who authenticates, and with which password.
    pub user: Option<(String, String)>,
    /// More words of the command line, for `gatepost` alone.
    pub arguments: Vec<String>,
    /// Other clients are not told it.
    pub alone: bool,
    /// Files of the client's directory.
    pub files: Vec<(String, Vec<u8>)>,
    /// A client that runs longer hangs.
    pub stuck_after: Duration,
    /// The most memory a client may take, octets.
    pub memory: u64,
    /// The most processor time a client may take.
    pub processor: Duration,
    pub(super) turns: Vec<Turn>,
}

/// How a client ends; for `gatepost` a number of `sysexits.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// 0: every recipient has the mail.
    Sent,
    /// 64: the command line makes no sense.
    Usage,
    /// 65: an address or the content cannot be sent.
    Data,
    /// 69: refused for good.
    Refused,
    /// 75: worth another try.
    Retry,
    /// 76: the server breaks the protocol.
    Protocol,
    /// 77: not trusted, or not let in.
    Denied,
}

impl Outcome {
    /// The exit code of `gatepost`.
    pub fn exit_code(self) -> i32 {
        match self {
            Self::Sent => 0,
            Self::Usage => 64,
            Self::Data => 65,
            Self::Refused => 69,
            Self::Retry => 75,
            Self::Protocol => 76,
            Self::Denied => 77,
        }
    }

    /// What exit code of `gatepost` means.
    pub fn name(code: i32) -> Option<&'static str> {
        let known = WORDS.iter().find(|(_, outcome)| outcome.exit_code() == code);
        known.map(|(word, _)| *word)
    }
}

const WORDS: [(&str, Outcome); 7] = [
    ("sent", Outcome::Sent),
    ("usage", Outcome::Usage),
    ("data", Outcome::Data),
    ("refused", Outcome::Refused),
    ("retry", Outcome::Retry),
    ("protocol", Outcome::Protocol),
    ("denied", Outcome::Denied),
];

impl Story {
    /// Reads the text of a file; an error names the line.
    pub fn parse(name: &str, text: &str) -> Result<Self> {
        let mut story = Self {
            name: name.to_owned(),
            behaviour: String::new(),
            right: String::new(),
            outcome: Outcome::Sent,
            says: Vec::new(),
            reports: Vec::new(),
            hides: Vec::new(),
            security: "plain".to_owned(),
            from: "alice@mail.test".to_owned(),
            to: Vec::new(),
            subject: "Hello".to_owned(),
            text: b"A line.\n".to_vec(),
            attach: None,
            user: None,
            arguments: Vec::new(),
            alone: false,
            files: Vec::new(),
            stuck_after: Duration::from_secs(20),
            memory: 24 << 20,
            processor: Duration::from_secs(2),
            turns: Vec::new(),
        };
        let mut lines = text.lines().filter(|line| !line.starts_with('#'));
        for line in lines.by_ref().take_while(|line| !line.is_empty()) {
            let (key, value) = line.split_once(':').ok_or_else(|| format!("no header: {line:?}"))?;
            story
                .take(key, value.trim_start())
                .map_err(|error| format!("{line:?}: {error}"))?;
        }
        for line in lines.filter(|line| !line.is_empty()) {
            let turn = turns::parse(line).map_err(|error| format!("{line:?}: {error}"))?;
            match (story.turns.last_mut(), turn) {
                (Some(Turn::Say(before)), Turn::Join(octets)) => before.extend(octets),
                (_, Turn::Join(octets)) => story.turns.push(Turn::Say(octets)),
                (_, turn) => story.turns.push(turn),
            }
        }
        if story.to.is_empty() {
            story.to.push("bob@mail.test".to_owned());
        }
        if story.behaviour.is_empty() || story.right.is_empty() {
            return Err("a story says its behaviour and what is right".into());
        }
        Ok(story)
    }

    /// Whether the server waits for several commands at once.
    pub fn is_pipelined(&self) -> bool {
        let hears = |turn: &Turn| matches!(turn, Turn::Hear(_));
        self.turns.windows(2).any(|turns| turns.iter().all(hears))
    }

    fn take(&mut self, key: &str, value: &str) -> Result<()> {
        let text = |value: &str| -> Result<String> { Ok(String::from_utf8(unescape(value)?)?) };
        match key {
            "behaviour" => self.behaviour = value.to_owned(),
            "right" => self.right = value.to_owned(),
            "outcome" => {
                let known = WORDS.iter().find(|(word, _)| *word == value);
                self.outcome = known.ok_or("no such outcome")?.1;
            }
            "says" => self.says.push(text(value)?),
            "reports" => self.reports.push(text(value)?),
            "hides" => self.hides.push(text(value)?),
            "security" => self.security = value.to_owned(),
            "from" => self.from = text(value)?,
            "to" => self.to.push(text(value)?),
            "many to" => {
                let count: u32 = value.parse()?;
                self.to.extend((0..count).map(|index| format!("r{index}@mail.test")));
            }
            "subject" => self.subject = text(value)?,
            "text" => self.text = turns::repeated(value)?,
            "attach" => self.attach = Some(text(value)?),
            "file" => {
                let (name, content) = value.split_once(' ').ok_or("a name and a content")?;
                self.files.push((text(name)?, turns::repeated(content)?));
            }
            "user" => self.user = Some((value.to_owned(), String::new())),
            "password" => self.user.as_mut().ok_or("first the user")?.1 = value.to_owned(),
            "arguments" => self.arguments.extend(value.split_whitespace().map(str::to_owned)),
            "argument" => self.arguments.push(text(value)?),
            "alone" => self.alone = true,
            "stuck after" => self.stuck_after = Duration::from_secs(value.parse()?),
            "memory" => self.memory = value.parse::<u64>()? << 20,
            "processor" => self.processor = Duration::from_secs(value.parse()?),
            _ => return Err("no such key".into()),
        }
        Ok(())
    }
}
