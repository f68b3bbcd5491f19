//! What is written into the files: lines of printable ASCII, sealed by where they begin and by a digest.
//!
//! ```text
//! gatepost-mail 1                               gatepost-state 1
//! created 1795382363                            attempts 2
//! content 512 8bit ascii 0f1e...                next 1795382483
//! from alice@home.test                          since 1795382363
//! ret headers                                   reports 0
//! envid QQ314159                                held
//! require-tls                                   reason server mail.test:587: connect: refused
//! priority 3                                    told 450 4.2.0 greylisted
//! to bob@mail.test failure,delay bob@old.test   delivered 250 2.0.0 queued
//! to carol@mail.test - -                        end 0000000000000000 9c0d...
//! end 0000000000000200 77aa...
//! ```
//!
//! The record of a mail stands behind its content, that of a state alone in its file. Whatever came from outside is
//! escaped: it cannot end a line, and outside a reply or a reason not even a word.

use super::content::Facts;
use super::envelope::{Envelope, MOST_RECIPIENTS, Recipient, address};
use super::state::{RecipientState, State, Status};
use gatepost_core::message::Transfer;
use gatepost_core::smtp::{EnvelopeId, Notify, Priority, Return};
use ring::digest::{SHA256, digest};
use std::fmt;
use std::fmt::Write;
use std::time::Duration;

/// Why a file is not what a spool wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It does not end in a seal: it was cut, or is something else.
    Cut,
    /// Its digest is another.
    Digest,
    /// A line that has no meaning here, counted from 1.
    Line(u32),
    /// Lines are missing.
    Incomplete,
    /// The content is shorter or longer than its record says, or other octets.
    Content,
    /// It could not be read, or nobody but a spool should have put it there.
    Unreadable,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cut => f.write_str("cut short, or not written by a spool"),
            Self::Digest => f.write_str("changed since it was written: another digest"),
            Self::Line(line) => write!(f, "line {line} of the record has no meaning"),
            Self::Incomplete => f.write_str("the record is incomplete"),
            Self::Content => f.write_str("the content is not the one that was handed over"),
            Self::Unreadable => f.write_str("it cannot be read, or is not a spool's own file"),
        }
    }
}

impl std::error::Error for Damage {}

/// The record of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRecord {
    /// When it came, since 1970; whole seconds.
    pub created: Duration,
    /// What the content is.
    pub facts: Facts,
    /// From whom and to whom.
    pub envelope: Envelope,
}

/// Where the record of a mail begins, by the last [`SEAL`] octets of its file: behind the content.
pub(super) fn seal_position(seal: &[u8]) -> Result<u64, Damage> {
    let text = seal.strip_prefix(b"end ").and_then(|rest| rest.get(..16));
    let text = text.and_then(|text| str::from_utf8(text).ok()).ok_or(Damage::Cut)?;
    let digits = text.bytes().all(|octet| matches!(octet, b'0'..=b'9' | b'a'..=b'f'));
    let position = u64::from_str_radix(text, 16).ok().filter(|_| digits);
    position.ok_or(Damage::Cut)
}

/// Writes the record of a mail.
pub(super) fn encode_mail(mail: &MailRecord) -> String {
    let MailRecord {
        created,
        facts,
        envelope,
    } = mail;
    let mut text = String::from("gatepost-mail 1\n");
    // Writing to a String cannot fail.
    let _ = writeln!(text, "created {}", created.as_secs());
    let transfer = TRANSFERS.iter().find(|(_, transfer)| *transfer == facts.transfer);
    let _ = writeln!(
        text,
        "content {} {} {} {}",
        facts.octets,
        transfer.map_or("", |(word, _)| word),
        if facts.utf8 { "utf8" } else { "ascii" },
        hexadecimal(&facts.digest),
    );
    let _ = writeln!(text, "from {}", word(envelope.reverse_path.as_deref()));
    if let Some(ret) = envelope.ret {
        let _ = writeln!(text, "ret {}", if ret == Return::Full { "full" } else { "headers" });
    }
    if let Some(id) = &envelope.envelope_id {
        let _ = writeln!(text, "envid {}", word(Some(id)));
    }
    if envelope.require_tls {
        text.push_str("require-tls\n");
    }
    if let Some(priority) = envelope.priority {
        let _ = writeln!(text, "priority {priority}");
    }
    for recipient in &envelope.recipients {
        let _ = writeln!(
            text,
            "to {} {} {}",
            word(Some(&recipient.address)),
            notify_word(recipient.notify),
            word(recipient.original.as_deref())
        );
    }
    seal(text, facts.length)
}

/// Reads the record of a mail, seal included, whose content is `position` octets long.
pub fn decode_mail(record: &[u8], position: u64) -> Result<MailRecord, Damage> {
    let mut lines = Lines::unseal(record, position)?;
    lines.expect("gatepost-mail 1")?;
    let created = lines.number("created")?;
    let facts = lines.take("content", |text| facts(text, position))?;
    let mut envelope = Envelope {
        reverse_path: lines.take("from", optional_address)?,
        ret: lines.optional("ret", |text| match text {
            "full" => Some(Return::Full),
            "headers" => Some(Return::Headers),
            _ => None,
        })?,
        envelope_id: lines.optional("envid", |text| {
            let id = unescape(text)?;
            EnvelopeId::new(&id)?;
            Some(id)
        })?,
        require_tls: lines.flag("require-tls"),
        priority: lines.optional("priority", |text| {
            let value = text.parse().ok().and_then(Priority::new)?.value();
            (value.to_string() == text).then_some(value)
        })?,
        recipients: Vec::new(),
    };
    while let Some(recipient) = lines.optional("to", recipient)? {
        envelope.recipients.push(recipient);
    }
    lines.end()?;
    match envelope.recipients.len() {
        1..=MOST_RECIPIENTS => Ok(MailRecord {
            created: Duration::from_secs(created),
            facts,
            envelope,
        }),
        _ => Err(Damage::Incomplete),
    }
}

/// Writes the record of a state.
pub(super) fn encode_state(state: &State) -> String {
    let mut text = String::from("gatepost-state 1\n");
    let _ = writeln!(text, "attempts {}", state.attempts);
    let _ = writeln!(text, "next {}", state.next.as_secs());
    let _ = writeln!(text, "since {}", state.since.as_secs());
    let _ = writeln!(text, "reports {}", state.reports);
    if state.held {
        text.push_str("held\n");
    }
    if !state.reason.is_empty() {
        let _ = writeln!(text, "reason {}", state.reason);
    }
    for recipient in &state.recipients {
        text.push_str(recipient.status.as_str());
        if !recipient.reply.is_empty() {
            let _ = write!(text, " {}", recipient.reply);
        }
        text.push('\n');
    }
    seal(text, 0)
}

/// Reads the record of a state, seal included.
pub fn decode_state(record: &[u8]) -> Result<State, Damage> {
    let mut lines = Lines::unseal(record, 0)?;
    lines.expect("gatepost-state 1")?;
    let attempts = lines.number("attempts")?;
    let next = lines.number("next")?;
    let since = lines.number("since")?;
    let reports = lines.number("reports")?;
    let mut state = State {
        attempts: u32::try_from(attempts).map_err(|_| lines.wrong())?,
        next: Duration::from_secs(next),
        since: Duration::from_secs(since),
        reports: u32::try_from(reports).map_err(|_| lines.wrong())?,
        held: lines.flag("held"),
        reason: lines.optional("reason", line)?.unwrap_or_default(),
        recipients: Vec::new(),
    };
    'recipients: loop {
        for (word, status) in Status::ALL {
            let reply = if lines.flag(word) {
                Some(String::new())
            } else {
                lines.optional(word, line)?
            };
            if let Some(reply) = reply {
                state.recipients.push(RecipientState { status, reply });
                continue 'recipients;
            }
        }
        break;
    }
    lines.end()?;
    match state.recipients.len() {
        1..=MOST_RECIPIENTS => Ok(state),
        _ => Err(Damage::Incomplete),
    }
}

/// One line of printable ASCII of at most [`LONGEST_LINE`] octets, for a person to read: what a server said, or why.
pub(super) fn one_line(text: &str) -> String {
    let mut line = String::new();
    for octet in text.trim().bytes() {
        let known = line.len();
        match octet {
            b'\\' => line.push_str("\\x5c"),
            b' '..=b'~' => line.push(char::from(octet)),
            _ => {
                let _ = write!(line, "\\x{octet:02x}");
            }
        }
        if line.len() > LONGEST_LINE {
            line.truncate(known);
            break;
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// The lines of a record that is whole.
struct Lines<'a> {
    rest: &'a str,
    number: u32,
}

impl<'a> Lines<'a> {
    fn unseal(record: &'a [u8], position: u64) -> Result<Self, Damage> {
        let (body, seal) = record
            .len()
            .checked_sub(SEAL)
            .and_then(|at| record.split_at_checked(at))
            .ok_or(Damage::Cut)?;
        if seal_position(seal)? != position {
            return Err(Damage::Cut);
        }
        if sealed(body, position).as_bytes() != seal {
            return Err(Damage::Digest);
        }
        let rest = str::from_utf8(body).map_err(|_| Damage::Line(0))?;
        Ok(Self { rest, number: 1 })
    }

    fn wrong(&self) -> Damage {
        Damage::Line(self.number)
    }

    /// The next line, if it is this word and something behind it.
    fn peek(&self, name: &str) -> Option<(&'a str, &'a str)> {
        let (line, rest) = self.rest.split_once('\n')?;
        Some((line.strip_prefix(name)?.strip_prefix(' ')?, rest))
    }

    fn optional<T>(&mut self, name: &str, read: impl FnOnce(&'a str) -> Option<T>) -> Result<Option<T>, Damage> {
        let Some((text, rest)) = self.peek(name) else {
            return Ok(None);
        };
        let value = read(text).ok_or(self.wrong())?;
        self.rest = rest;
        self.number += 1;
        Ok(Some(value))
    }

    fn take<T>(&mut self, name: &str, read: impl FnOnce(&'a str) -> Option<T>) -> Result<T, Damage> {
        let wrong = self.wrong();
        self.optional(name, read)?.ok_or(wrong)
    }

    fn number(&mut self, name: &str) -> Result<u64, Damage> {
        self.take(name, number)
    }

    /// Whether the next line is this one.
    fn flag(&mut self, line: &str) -> bool {
        let rest = self.rest.strip_prefix(line).and_then(|rest| rest.strip_prefix('\n'));
        if let Some(rest) = rest {
            self.rest = rest;
            self.number += 1;
        }
        rest.is_some()
    }

    fn expect(&mut self, line: &str) -> Result<(), Damage> {
        if self.flag(line) { Ok(()) } else { Err(self.wrong()) }
    }

    fn end(&self) -> Result<(), Damage> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            Err(self.wrong())
        }
    }
}

fn seal(text: String, position: u64) -> String {
    let seal = sealed(text.as_bytes(), position);
    text + &seal
}

/// `end`, where the record begins, and the first 8 octets of its digest.
fn sealed(body: &[u8], position: u64) -> String {
    let hash = digest(&SHA256, body);
    let hash = hash.as_ref().get(..8).unwrap_or_default();
    format!("end {position:016x} {}\n", hexadecimal(hash))
}

fn facts(text: &str, length: u64) -> Option<Facts> {
    let mut words = text.split(' ');
    let octets = number(words.next()?)?;
    let name = words.next()?;
    let (_, transfer) = TRANSFERS.into_iter().find(|(word, _)| *word == name)?;
    let utf8 = match words.next()? {
        "utf8" => true,
        "ascii" => false,
        _ => return None,
    };
    let digest = from_hexadecimal(words.next()?)?;
    words.next().is_none().then_some(Facts {
        length,
        octets,
        transfer,
        utf8,
        digest,
    })
}

fn recipient(text: &str) -> Option<Recipient> {
    let mut words = text.split(' ');
    let address = optional_address(words.next()?)??;
    let notify = notify(words.next()?)?;
    let original = optional_address(words.next()?)?;
    words.next().is_none().then_some(Recipient {
        address,
        notify,
        original,
    })
}

/// `-` is none; `None`: it is not one.
fn optional_address(text: &str) -> Option<Option<String>> {
    if text == "-" {
        return Some(None);
    }
    let text = unescape(text)?;
    address(&text)?;
    Some(Some(text))
}

fn notify_word(notify: Option<Notify>) -> String {
    let Some(notify) = notify else {
        return "-".to_owned();
    };
    let occasions = [
        (notify.success, "success"),
        (notify.failure, "failure"),
        (notify.delay, "delay"),
    ];
    let words: Vec<&str> = occasions
        .iter()
        .filter(|(asked, _)| *asked)
        .map(|(_, word)| *word)
        .collect();
    if words.is_empty() {
        "never".to_owned()
    } else {
        words.join(",")
    }
}

fn notify(text: &str) -> Option<Option<Notify>> {
    // There are few enough to ask each for its word.
    let occasions = (0..8).map(|bits| {
        Some(Notify {
            success: bits & 1 != 0,
            failure: bits & 2 != 0,
            delay: bits & 4 != 0,
        })
    });
    occasions.chain([None]).find(|notify| notify_word(*notify) == text)
}

/// Decimal digits as they are written: no sign, no leading zero.
fn number(text: &str) -> Option<u64> {
    let value: u64 = text.parse().ok()?;
    (value.to_string() == text).then_some(value)
}

/// A line that [`one_line`] may have written.
fn line(text: &str) -> Option<String> {
    let fits = !text.is_empty() && text.len() <= LONGEST_LINE && text.trim() == text;
    (fits && text.bytes().all(|octet| matches!(octet, b' '..=b'~'))).then(|| text.to_owned())
}

/// One word of printable ASCII; `-` where there is none.
fn word(text: Option<&str>) -> String {
    let Some(text) = text else {
        return "-".to_owned();
    };
    let mut word = String::new();
    for octet in text.bytes() {
        match octet {
            b'!'..=b'~' if octet != b'\\' && text != "-" => word.push(char::from(octet)),
            _ => {
                let _ = write!(word, "\\x{octet:02x}");
            }
        }
    }
    word
}

/// The inverse of [`word`]; `None` if that wrote something else.
fn unescape(escaped: &str) -> Option<String> {
    let mut octets = Vec::new();
    let mut rest = escaped;
    while let Some(character) = rest.chars().next() {
        if let Some(code) = rest.strip_prefix("\\x") {
            octets.push(u8::from_str_radix(code.get(..2)?, 16).ok()?);
            rest = code.get(2..)?;
        } else {
            octets.extend(character.to_string().bytes());
            rest = rest.get(character.len_utf8()..)?;
        }
    }
    let text = String::from_utf8(octets).ok()?;
    (word(Some(&text)) == escaped).then_some(text)
}

fn hexadecimal(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

fn from_hexadecimal(text: &str) -> Option<[u8; 32]> {
    let mut digest = [0; 32];
    for (index, octet) in digest.iter_mut().enumerate() {
        *octet = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    (hexadecimal(&digest) == text).then_some(digest)
}

const TRANSFERS: [(&str, Transfer); 3] = [
    ("7bit", Transfer::SevenBit),
    ("8bit", Transfer::EightBit),
    ("binary", Transfer::Binary),
];

/// How long the last line of every record is, line end included.
pub(super) const SEAL: usize = 4 + 16 + 1 + 16 + 1;
/// No record is longer: 1000 recipients with two addresses of 254 octets, each octet escaped, and room.
pub(super) const LONGEST_RECORD: u64 = 4 * 1024 * 1024;
/// No reply and no reason is longer: that of RFC 5321 4.5.3.1.5 (512 octets with its line end).
pub(super) const LONGEST_LINE: usize = 510;

#[cfg(test)]
mod tests {
    use super::*;

    fn mail() -> MailRecord {
        let recipient = |address: &str, notify, original: Option<&str>| Recipient {
            address: address.to_owned(),
            notify,
            original: original.map(str::to_owned),
        };
        let notify = Notify {
            failure: true,
            delay: true,
            success: false,
        };
        MailRecord {
            created: Duration::from_secs(1_795_382_363),
            facts: Facts {
                length: 500,
                octets: 512,
                transfer: Transfer::EightBit,
                utf8: false,
                digest: [0x5a; 32],
            },
            envelope: Envelope {
                reverse_path: Some("\"a b\\\\\"@home.test".to_owned()),
                recipients: vec![
                    recipient("bob@mail.test", Some(notify), Some("bob@old.test")),
                    recipient("carol@mail.test", Some(Notify::default()), None),
                    recipient("dave@mail.test", None, None),
                ],
                ret: Some(Return::Headers),
                envelope_id: Some("QQ 314159".to_owned()),
                require_tls: true,
                priority: Some(-3),
            },
        }
    }

    fn state() -> State {
        let mut state = State::fresh(Duration::from_secs(7), 3);
        state.attempts = 2;
        state.reason = one_line("server mail.test:587: connect: refused");
        state.recipients[0].reply = one_line("450 4.2.0 greylisted\r\nfrom <x>");
        state.recipients[1].status = Status::Delivered;
        state
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        for envelope in [
            mail().envelope,
            Envelope {
                recipients: mail().envelope.recipients,
                ..Envelope::default()
            },
        ] {
            let mail = MailRecord { envelope, ..mail() };
            let text = encode_mail(&mail);
            assert_eq!(decode_mail(text.as_bytes(), 500), Ok(mail), "{text}");
        }
        for held in [false, true] {
            let state = State { held, ..state() };
            let text = encode_state(&state);
            assert_eq!(decode_state(text.as_bytes()), Ok(state), "{text}");
        }
    }

    #[test]
    fn a_record_is_lines_that_a_person_can_read() {
        let text = encode_mail(&mail());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[3], "from \"a\\x20b\\x5c\\x5c\"@home.test");
        assert_eq!(lines[8], "to bob@mail.test failure,delay bob@old.test");
        assert_eq!(lines[9], "to carol@mail.test never -");
        assert!(lines[11].starts_with("end 00000000000001f4 "), "{text}");
        let text = encode_state(&state());
        assert!(
            text.contains("\npending 450 4.2.0 greylisted\\x0d\\x0afrom <x>\ndelivered\npending\nend "),
            "{text}"
        );
    }

    #[test]
    fn whatever_is_cut_changed_or_added_is_damage() {
        let (mail, state) = (encode_mail(&mail()), encode_state(&state()));
        let damaged = |octets: &[u8]| {
            assert!(
                decode_mail(octets, 500).is_err(),
                "{:?}",
                String::from_utf8_lossy(octets)
            );
            assert!(decode_state(octets).is_err(), "{:?}", String::from_utf8_lossy(octets));
        };
        for record in [mail.as_bytes(), state.as_bytes()] {
            for cut in 0..record.len() {
                damaged(&record[..cut]);
                damaged(&record[cut + 1..]);
                for flip in [1, 0x20, 0x80] {
                    let mut changed = record.to_vec();
                    changed[cut] ^= flip;
                    damaged(&changed);
                }
            }
            damaged(&[record, b"\n"].concat());
            damaged(&[record, record].concat());
            damaged(&vec![0; record.len()]);
        }
        assert_eq!(
            decode_mail(mail.as_bytes(), 499),
            Err(Damage::Cut),
            "the content is another one's"
        );
    }

    #[test]
    fn a_good_seal_does_not_make_a_record() {
        let sealed = |lines: &str| seal(lines.to_owned(), 0);
        let check = |lines: &str, damage| assert_eq!(decode_state(sealed(lines).as_bytes()), Err(damage), "{lines}");
        let head = "gatepost-state 1\nattempts 2\nnext 7\nsince 7\nreports 0\n";
        check("", Damage::Line(1));
        check("gatepost-state 2\n", Damage::Line(1));
        check(head, Damage::Incomplete);
        check(&format!("{head}pending \n"), Damage::Line(6));
        check(&format!("{head}pending a\tb\n"), Damage::Line(6));
        check(
            &format!("{head}pending {}\n", "x".repeat(LONGEST_LINE + 1)),
            Damage::Line(6),
        );
        check(&format!("{head}waiting\n"), Damage::Line(6));
        check(&format!("{head}pending"), Damage::Line(6));
        check(&head.replace("attempts 2", "attempts 02"), Damage::Line(2));
        check(&head.replace("attempts 2", "attempts -2"), Damage::Line(2));
        check(&head.replace("attempts 2", "attempts 4294967296"), Damage::Line(6));
        check(
            &format!("{head}{}", "pending\n".repeat(MOST_RECIPIENTS + 1)),
            Damage::Incomplete,
        );

        let good = encode_mail(&mail());
        let body = &good[..good.len() - SEAL];
        let check = |from: &str, to: &str, line| {
            let changed = body.replacen(from, to, 1);
            assert_ne!(changed, body, "{from}");
            let record = seal(changed, 500);
            assert_eq!(decode_mail(record.as_bytes(), 500), Err(Damage::Line(line)), "{record}");
        };
        check("to carol@mail.test", "to carol", 10);
        check("to carol@mail.test never -", "to carol@mail.test never", 10);
        check("to carol@mail.test never -", "to carol@mail.test never - -", 10);
        check("to carol@mail.test", "to carol@mail.test\\x0d\\x0aRCPT", 10);
        check("to carol@mail.test", "to \\x63arol@mail.test", 10);
        check("never", "delay,failure", 10);
        check("priority -3", "priority 10", 8);
        check("QQ\\x20314159", "QQ\\x0a314159", 6);
        check("8bit", "9bit", 3);
        check("5a5a", "5A5a", 3);
    }

    #[test]
    fn replies_stay_on_their_line() {
        assert_eq!(one_line(" 550 a\\b\u{e4} \r\n"), "550 a\\x5cb\\xc3\\xa4");
        assert_eq!(one_line("\r\n \0"), "\\x00");
        assert_eq!(one_line(&"x".repeat(2000)).len(), LONGEST_LINE);
        let controls = one_line(&"\n\u{1}".repeat(2000));
        assert!(
            controls.len() <= LONGEST_LINE && controls.ends_with("\\x01\\x0a\\x01"),
            "{controls}"
        );
        assert!(line(&controls).is_some());
    }
}
