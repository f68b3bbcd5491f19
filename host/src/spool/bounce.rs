//! Reports to the originator: delivery status notifications (RFC 3464) in a multipart/report (RFC 6522).

use super::envelope::{Envelope, Recipient};
use super::record::one_line;
use super::state::{RecipientState, Status};
use super::{EntryId, MailRecord, State};
use gatepost_core::message::{DateTime, Transfer};
use gatepost_core::smtp::Return;
use std::fmt::Write;
use std::time::Duration;

/// Whether the originator wants to hear of a failure (RFC 3461 4.1: where nothing is said, he does).
pub(super) fn wants_failure(envelope: &Envelope, recipient: &Recipient) -> bool {
    envelope.reverse_path.is_some() && recipient.notify.is_none_or(|notify| notify.failure)
}

/// Whether the originator asked to be told of a delay.
pub(super) fn wants_delay(envelope: &Envelope, recipient: &Recipient) -> bool {
    envelope.reverse_path.is_some() && recipient.notify.is_some_and(|notify| notify.delay)
}

/// The envelope of a report: from nobody, so that nobody is told if it fails; to whom it concerns.
pub(super) fn envelope(mail: &MailRecord) -> Option<Envelope> {
    let originator = Recipient {
        address: mail.envelope.reverse_path.clone()?,
        notify: None,
        original: None,
    };
    Some(Envelope {
        recipients: vec![originator],
        require_tls: mail.envelope.require_tls,
        ..Envelope::default()
    })
}

/// What a report is made of.
pub(super) struct Report<'a> {
    /// Its own name.
    pub(super) id: EntryId,
    /// Who reports: a domain name.
    pub(super) host: &'a str,
    /// About which mail.
    pub(super) mail: &'a MailRecord,
    /// What became of it.
    pub(super) state: &'a State,
    /// The recipients it is about.
    pub(super) places: &'a [usize],
    /// Until when a mail that is late is tried.
    pub(super) until: Duration,
    pub(super) now: Duration,
    /// The beginning of the content.
    pub(super) original: &'a [u8],
}

/// Composes a report: CRLF lines, ASCII unless an address is not.
pub(super) fn compose(report: &Report<'_>) -> String {
    let Report { id, host, mail, .. } = report;
    let envelope = &mail.envelope;
    let about: Vec<(&Recipient, &RecipientState)> = report
        .places
        .iter()
        .filter_map(|place| Some((envelope.recipients.get(*place)?, report.state.recipients.get(*place)?)))
        .collect();
    let failed = about.iter().any(|(_, state)| state.status == Status::Failed);
    let utf8 = !envelope.reverse_path().unwrap_or_default().is_ascii()
        || about.iter().any(|(recipient, _)| !recipient.address.is_ascii());
    // RFC 6533: what an address beyond ASCII needs.
    let (kind, status_type, encoding) = match utf8 {
        true => ("utf-8", "message/global-delivery-status", "8bit"),
        false => ("rfc822", "message/delivery-status", "7bit"),
    };
    let subject = if failed { "Undelivered mail" } else { "Mail is late" };
    let to = envelope.reverse_path().unwrap_or_default();

    let mut text = String::new();
    let mut line = |line: std::fmt::Arguments<'_>| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{line}\r\n");
    };
    line(format_args!("From: Mail Delivery System <MAILER-DAEMON@{host}>"));
    line(format_args!("To: {to}"));
    line(format_args!("Subject: {subject}"));
    line(format_args!("Date: {}", date(report.now)));
    line(format_args!("Message-ID: <{id}@{host}>"));
    // RFC 3834: no vacation program answers it.
    line(format_args!("Auto-Submitted: auto-replied"));
    line(format_args!("MIME-Version: 1.0"));
    line(format_args!(
        "Content-Type: multipart/report; report-type=delivery-status;"
    ));
    line(format_args!(" boundary=\"={id}\""));
    line(format_args!("Content-Transfer-Encoding: {encoding}"));
    line(format_args!(""));
    line(format_args!("--={id}"));
    line(format_args!("Content-Type: text/plain; charset=utf-8"));
    line(format_args!("Content-Transfer-Encoding: {encoding}"));
    line(format_args!(""));
    line(format_args!("This is the mail system at {host}."));
    for (wanted, words) in [
        (true, "Your mail could not be delivered to:"),
        (
            false,
            "Your mail is late; it is still being tried, and you need not send it again, for:",
        ),
    ] {
        let about = about
            .iter()
            .filter(|(_, state)| (state.status == Status::Failed) == wanted);
        for (index, (recipient, state)) in about.enumerate() {
            if index == 0 {
                line(format_args!(""));
                line(format_args!("{words}"));
            }
            line(format_args!(""));
            line(format_args!("<{}>", recipient.address));
            line(format_args!("    {}", why(report.state, state)));
        }
    }
    line(format_args!(""));
    line(format_args!("--={id}"));
    line(format_args!("Content-Type: {status_type}"));
    line(format_args!("Content-Transfer-Encoding: {encoding}"));
    line(format_args!(""));
    line(format_args!("Reporting-MTA: dns; {host}"));
    if let Some(id) = &envelope.envelope_id {
        line(format_args!("Original-Envelope-Id: {}", one_line(id)));
    }
    line(format_args!("Arrival-Date: {}", date(mail.created)));
    for (recipient, state) in &about {
        line(format_args!(""));
        if let Some(original) = &recipient.original {
            line(format_args!("Original-Recipient: {kind};{original}"));
        }
        line(format_args!("Final-Recipient: {kind};{}", recipient.address));
        let failed = state.status == Status::Failed;
        line(format_args!("Action: {}", if failed { "failed" } else { "delayed" }));
        line(format_args!("Status: {}", status(&state.reply, failed)));
        if !state.reply.is_empty() {
            line(format_args!("Diagnostic-Code: smtp; {}", state.reply));
        }
        line(format_args!("Last-Attempt-Date: {}", date(report.now)));
        if !failed {
            line(format_args!("Will-Retry-Until: {}", date(report.until)));
        }
    }
    line(format_args!(""));
    line(format_args!("--={id}"));
    let original = Original::choose(report);
    line(format_args!("Content-Type: {}", original.media_type()));
    line(format_args!(""));
    text.push_str(&original.text(&format!("--={id}")));
    let _ = write!(text, "\r\n--={id}--\r\n");
    text
}

/// Why a recipient has not got the mail: what was said to it, or what came of the attempt as a whole.
fn why<'a>(state: &'a State, recipient: &'a RecipientState) -> &'a str {
    match (recipient.reply.as_str(), state.reason.as_str()) {
        ("", "") => "no server took it",
        ("", reason) => reason,
        (reply, _) => reply,
    }
}

/// The enhanced status code (RFC 3463) in a reply, or the one that fits.
fn status(reply: &str, failed: bool) -> &str {
    let code = reply
        .split_once(' ')
        .map_or("", |(_, text)| text.split(' ').next().unwrap_or_default());
    let mut parts = code.split('.');
    let number = |part: Option<&str>| {
        part.is_some_and(|part| matches!(part.len(), 1..=3) && part.bytes().all(|octet| octet.is_ascii_digit()))
    };
    let class = parts
        .next()
        .is_some_and(|class| reply.starts_with(class) && matches!(class, "4" | "5"));
    let enhanced = class && number(parts.next()) && number(parts.next()) && parts.next().is_none();
    match (failed, reply.starts_with('5')) {
        // Given up, whatever was said last: delivery time expired.
        (true, false) => "4.4.7",
        _ if enhanced => code,
        (true, true) => "5.0.0",
        (false, _) => "4.0.0",
    }
}

/// What a report returns of the mail.
enum Original<'a> {
    Whole(&'a [u8]),
    Header(&'a [u8]),
}

impl<'a> Original<'a> {
    /// The header section, or all of it where that was asked for and needs nothing of the way (RFC 3461 6.2).
    fn choose(report: &Report<'a>) -> Self {
        let octets = report.original;
        let facts = &report.mail.facts;
        let whole = report.mail.envelope.ret == Some(Return::Full)
            && facts.transfer == Transfer::SevenBit
            && facts.length == octets.len() as u64;
        if whole {
            return Self::Whole(octets);
        }
        let (mut end, mut line) = (octets.len(), 0);
        for (index, octet) in octets.iter().enumerate() {
            match octet {
                b'\n' if line == 0 => {
                    end = index;
                    break;
                }
                b'\n' => line = 0,
                b'\r' => {}
                _ => line += 1,
            }
        }
        Self::Header(octets.get(..end).unwrap_or_default())
    }

    fn media_type(&self) -> &'static str {
        match self {
            Self::Whole(_) => "message/rfc822",
            Self::Header(_) => "text/rfc822-headers",
        }
    }

    /// CRLF lines of at most 998 octets of ASCII, without the line end of the last; nothing else leaves, whatever it was.
    fn text(&self, boundary: &str) -> String {
        let (Self::Whole(octets) | Self::Header(octets)) = self;
        let text = String::from_utf8_lossy(octets);
        let lines = text.split('\n').map(|line| {
            let line = line.strip_suffix('\r').unwrap_or(line);
            let line = line.chars().take(998).map(|character| match character {
                ' '..='~' | '\t' => character,
                _ => '?',
            });
            let line: String = line.collect();
            if line.starts_with(boundary) {
                line.replacen('-', "?", 1)
            } else {
                line
            }
        });
        let lines: Vec<String> = lines.collect();
        lines.join("\r\n").trim_end_matches(['\r', '\n']).to_owned()
    }
}

/// RFC 5322 3.3; a clock beyond all calendars is told as 1970.
fn date(moment: Duration) -> String {
    let date = i64::try_from(moment.as_secs())
        .ok()
        .and_then(|seconds| DateTime::from_unix(seconds, 0).ok());
    date.or_else(|| DateTime::from_unix(0, 0).ok())
        .map_or_else(String::new, |date| date.to_string())
}

/// So much of a mail is read to be returned, octets.
pub(super) const MOST_RETURNED: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::super::Facts;
    use super::*;

    fn mail(ret: Option<Return>, original: &[u8]) -> MailRecord {
        let recipient = |address: &str, original: Option<&str>| Recipient {
            address: address.to_owned(),
            notify: None,
            original: original.map(str::to_owned),
        };
        MailRecord {
            created: Duration::from_secs(1_795_382_363),
            facts: Facts {
                length: original.len() as u64,
                octets: original.len() as u64,
                transfer: Transfer::SevenBit,
                utf8: false,
                digest: [0; 32],
            },
            envelope: Envelope {
                reverse_path: Some("alice@home.test".to_owned()),
                recipients: vec![
                    recipient("bob@mail.test", Some("bob@old.test")),
                    recipient("carol@mail.test", None),
                ],
                ret,
                envelope_id: Some("QQ314159".to_owned()),
                ..Envelope::default()
            },
        }
    }

    fn report(ret: Option<Return>, original: &[u8], replies: [(Status, &str); 2]) -> String {
        let mail = mail(ret, original);
        let mut state = State::fresh(mail.created, 2);
        for (recipient, (status, reply)) in state.recipients.iter_mut().zip(replies) {
            recipient.status = status;
            recipient.reply = one_line(reply);
        }
        state.reason = "mail.test:587: connect: refused".to_owned();
        compose(&Report {
            id: EntryId::parse("0123456789abcdef0123").unwrap(),
            host: "gate.test",
            mail: &mail,
            state: &state,
            places: &state.unreported(),
            until: mail.created + Duration::from_secs(432_000),
            now: mail.created + Duration::from_secs(61),
            original,
        })
    }

    const ORIGINAL: &[u8] = b"From: alice@home.test\r\nSubject: Hello\r\n\r\nText\r\n";

    #[test]
    fn a_report_of_a_failure_in_full() {
        let text = report(
            None,
            ORIGINAL,
            [
                (Status::Failed, "550 5.1.1 no such user"),
                (Status::Delivered, "250 ok"),
            ],
        );
        let expected = "\
From: Mail Delivery System <MAILER-DAEMON@gate.test>
To: alice@home.test
Subject: Undelivered mail
Date: Sun, 22 Nov 2026 21:20:24 +0000
Message-ID: <0123456789abcdef0123@gate.test>
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
 boundary=\"=0123456789abcdef0123\"
Content-Transfer-Encoding: 7bit

--=0123456789abcdef0123
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: 7bit

This is the mail system at gate.test.

Your mail could not be delivered to:

<bob@mail.test>
    550 5.1.1 no such user

--=0123456789abcdef0123
Content-Type: message/delivery-status
Content-Transfer-Encoding: 7bit

Reporting-MTA: dns; gate.test
Original-Envelope-Id: QQ314159
Arrival-Date: Sun, 22 Nov 2026 21:19:23 +0000

Original-Recipient: rfc822;bob@old.test
Final-Recipient: rfc822;bob@mail.test
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 no such user
Last-Attempt-Date: Sun, 22 Nov 2026 21:20:24 +0000

--=0123456789abcdef0123
Content-Type: text/rfc822-headers

From: alice@home.test
Subject: Hello
--=0123456789abcdef0123--
";
        assert_eq!(text, expected.replace('\n', "\r\n"));
    }

    #[test]
    fn a_report_of_a_delay_says_until_when() {
        let text = report(
            Some(Return::Full),
            ORIGINAL,
            [(Status::Late, "450 4.2.0 greylisted"), (Status::Late, "")],
        );
        for part in [
            "Subject: Mail is late\r\n",
            "you need not send it again, for:\r\n\r\n<bob@mail.test>\r\n    450 4.2.0 greylisted\r\n\r\n<carol@mail.test>\r\n    mail.test:587: connect: refused\r\n",
            "Action: delayed\r\nStatus: 4.2.0\r\n",
            "Action: delayed\r\nStatus: 4.0.0\r\nLast-Attempt-Date:",
            "Will-Retry-Until: Fri, 27 Nov 2026 21:19:23 +0000\r\n",
            "Content-Type: message/rfc822\r\n\r\nFrom: alice@home.test\r\nSubject: Hello\r\n\r\nText\r\n--=",
        ] {
            assert!(text.contains(part), "{part:?} is not in {text}");
        }
    }

    #[test]
    fn status_codes_are_those_of_the_reply_or_fit_it() {
        let check = |reply, failed, expected| assert_eq!(status(reply, failed), expected, "{reply:?}");
        check("550 5.1.1 no such user", true, "5.1.1");
        check("550 5.7.509 no", true, "5.7.509");
        check("550 no such user", true, "5.0.0");
        check("550", true, "5.0.0");
        check("550 2.1.1 odd", true, "5.0.0");
        check("550 5.1.1.1 odd", true, "5.0.0");
        check("550 5.1. odd", true, "5.0.0");
        check("450 4.2.0 greylisted", true, "4.4.7");
        check("", true, "4.4.7");
        check("450 4.2.0 greylisted", false, "4.2.0");
        check("", false, "4.0.0");
    }

    #[test]
    fn nothing_of_a_mail_can_become_part_of_its_report() {
        let hostile = format!(
            "A: {}\r\n\u{e4}\0\x1b: b\rc\n--=0123456789abcdef0123--\n\nbody",
            "x".repeat(2000)
        );
        let text = report(
            None,
            hostile.as_bytes(),
            [(Status::Failed, "550 a\r\nTo: evil@x.test"), (Status::Delivered, "")],
        );
        assert!(
            text.split("\r\n")
                .all(|line| line.len() <= 998 && !line.contains(['\r', '\n']))
        );
        assert_eq!(text.matches("\r\n--=0123456789abcdef0123").count(), 4);
        assert!(text.is_ascii() && !text.contains('\0') && !text.contains("\r\nTo: evil") && !text.contains("body"));
    }
}
