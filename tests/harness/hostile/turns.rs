//! The turns of a story, and the escapes in which they write octets.

use crate::Result;

/// What the server does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Say(Vec<u8>),
    /// Goes with what is said before; not part of a story that was read.
    Join(Vec<u8>),
    SayEndlessly(Vec<u8>),
    Drip(Vec<u8>),
    SayTimes(usize, Vec<u8>),
    Hear(String),
    Answer {
        count: usize,
        start: String,
        reply: Vec<u8>,
    },
    HearOctets(usize),
    Data,
    Bdat,
    DataHeld(Vec<u8>),
    Tls,
    TlsRefused,
    Still,
    Silent,
    Quit,
    Deaf,
    Close,
    Linger,
    Reset,
    Next,
}

impl Turn {
    /// Whether octets beyond ASCII may follow.
    pub(super) fn offers_eight_bit(&self) -> bool {
        matches!(self, Self::Say(octets) if octets.windows(8).any(|word| word == b"8BITMIME"))
    }
}

/// One line of a story.
pub(super) fn parse(line: &str) -> Result<Turn> {
    let crlf = |text: &str| [text.as_bytes(), b"\r\n"].concat();
    let (mark, rest) = line.split_at_checked(2).ok_or("no turn")?;
    let rest = rest.strip_prefix(' ').unwrap_or(rest);
    Ok(match (mark, line) {
        ("S:", _) => Turn::Say(crlf(rest)),
        ("S+", _) => Turn::Join(crlf(rest)),
        ("S=", _) => Turn::Say(unescape(rest)?),
        ("S*", _) => Turn::SayEndlessly(unescape(rest)?),
        ("S~", _) => Turn::Drip(unescape(rest)?),
        ("S#", _) => {
            let (count, text) = rest.split_once(' ').ok_or("a number and octets")?;
            Turn::SayTimes(count.parse()?, unescape(text)?)
        }
        ("C:", _) => Turn::Hear(rest.to_owned()),
        ("C#", _) => {
            let (count, rest) = rest.split_once(' ').ok_or("a number and a line")?;
            let (start, reply) = rest.split_once(" | ").ok_or("a line and its answer")?;
            Turn::Answer {
                count: count.parse()?,
                start: start.to_owned(),
                reply: crlf(reply),
            }
        }
        ("C=", _) => Turn::HearOctets(rest.parse()?),
        ("D:", _) => Turn::DataHeld(unescape(rest)?),
        (_, "data") => Turn::Data,
        (_, "bdat") => Turn::Bdat,
        (_, "tls") => Turn::Tls,
        (_, "tls refused") => Turn::TlsRefused,
        (_, "still") => Turn::Still,
        (_, "silent") => Turn::Silent,
        (_, "quit") => Turn::Quit,
        (_, "deaf") => Turn::Deaf,
        (_, "close") => Turn::Close,
        (_, "linger") => Turn::Linger,
        (_, "reset") => Turn::Reset,
        (_, "next") => Turn::Next,
        _ => return Err("no such turn".into()),
    })
}

/// The octets that `text` stands for.
pub(super) fn unescape(text: &str) -> Result<Vec<u8>> {
    let mut octets = Vec::new();
    let mut input = text.bytes();
    while let Some(octet) = input.next() {
        octets.push(match octet {
            b'\\' => match input.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'e') => 0x1b,
                Some(b'0') => 0,
                Some(b'\\') => b'\\',
                Some(b'x') => {
                    let digits: String = input.by_ref().take(2).map(char::from).collect();
                    u8::from_str_radix(&digits, 16)?
                }
                _ => return Err("no such escape".into()),
            },
            octet => octet,
        });
    }
    Ok(octets)
}

/// As [`unescape`]; `1000 * text` is that text so many times.
pub(super) fn repeated(value: &str) -> Result<Vec<u8>> {
    match value.split_once(" * ") {
        Some((count, text)) => Ok(unescape(text)?.repeat(count.parse()?)),
        None => unescape(value),
    }
}
