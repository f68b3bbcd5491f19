//! Makes a mail that a program wrote one that can be sent: what is missing in its header is added, what is secret removed.

use super::address_list::{self, Listed};
use super::config::{Account, SetFrom};
use super::draft::{Draft, Field};
use super::intake::Intake;
use super::order::address;
use super::{Failure, letter};
use gatepost_core::message::{Body, Composer, DateTime, Mailbox, Message, MessageId, Source, Text};
use std::time::Duration;

/// What a header is completed with.
pub struct Completion<'a> {
    /// What the configuration wants.
    pub account: &'a Account,
    /// Who the mail comes from.
    pub originator: &'a str,
    /// The name that is shown for it.
    pub full_name: Option<&'a str>,
    /// The domain of addresses that have none.
    pub domain: &'a str,
    /// Since 1970.
    pub now: Duration,
}

impl Draft {
    /// Everyone the header names as a recipient: To, Cc and Bcc; of a mail that was resent, those of the last time
    /// (RFC 5322 3.6.6).
    pub fn recipients(&self) -> Result<Vec<String>, Failure> {
        let mut found = Vec::new();
        for field in self.recipient_fields() {
            let listed = addresses(field)?;
            found.extend(listed.into_iter().map(|listed| listed.address));
        }
        Ok(found)
    }

    fn recipient_fields(&self) -> Vec<&Field> {
        let is_one = |field: &Field, prefix: &str| RECIPIENTS.iter().any(|name| field.is(&format!("{prefix}{name}")));
        let mut block: Vec<&Field> = Vec::new();
        for field in self.fields.iter().filter(|field| is_resent(field)) {
            // Each field stands once in a block, and the last block stands first.
            if block.iter().any(|before| before.is(field.name())) {
                break;
            }
            block.push(field);
        }
        if block.is_empty() {
            return self.fields.iter().filter(|field| is_one(field, "")).collect();
        }
        block.retain(|field| is_one(field, "Resent-"));
        block
    }

    /// Removes Bcc and Return-Path, completes addresses without a domain, and adds From, Date and Message-ID where they
    /// are missing.
    pub fn complete(&mut self, with: &Completion<'_>) -> Result<(), Failure> {
        let account = with.account;
        let resent = self.fields.iter().any(is_resent);
        let prefix = if resent { "Resent-" } else { "" };
        self.fields.retain(|field| !SECRET.iter().any(|name| field.is(name)));
        if account.undisclosed {
            self.fields
                .retain(|field| !["To", "Cc"].iter().any(|name| field.is(name)));
            self.fields
                .extend(Field::new(b"To: undisclosed-recipients:;\r\n".to_vec()));
        }
        if account.set_from == SetFrom::Always && !resent {
            self.fields.retain(|field| !field.is("From"));
        }
        for field in &mut self.fields {
            if ADDRESSES.iter().any(|name| field.is(name)) {
                // What cannot be read is left to who can.
                for listed in addresses(field).unwrap_or_default().iter().rev() {
                    if let Some(at) = listed.bare {
                        field.insert(at, &format!("@{}", with.domain));
                    }
                }
            }
        }
        let wanted = [
            ("Date", account.set_date),
            ("From", account.set_from != SetFrom::Never),
            ("Message-ID", account.set_message_id),
        ];
        let own = own_fields(with)?;
        let mut added = Vec::new();
        for (name, wanted) in wanted {
            let name = format!("{prefix}{name}");
            if wanted && !self.has(&name) {
                let lines = own.iter().find(|field| name.ends_with(field.name()));
                added.extend(lines.and_then(|field| Field::new([prefix.as_bytes(), field.octets()].concat())));
            }
        }
        self.fields.splice(0..0, added);
        Ok(())
    }
}

/// Date, From and Message-ID as the composer writes them.
fn own_fields(with: &Completion<'_>) -> Result<Vec<Field>, Failure> {
    let failed = |error| Failure::Letter {
        part: "the header".to_owned(),
        error,
    };
    let originator = address(with.originator)?;
    let originators = [Mailbox {
        name: with.full_name,
        address: originator,
    }];
    let seconds = i64::try_from(with.now.as_secs()).unwrap_or(i64::MAX);
    let left = letter::unique(with.now);
    // A domain beyond ASCII, or an address literal, is none that an identifier must have.
    let id = MessageId::new(&left, originator.domain()).or_else(|_| MessageId::new(&left, "localhost"));
    let texts = [Text::plain("")];
    let date = DateTime::from_unix(seconds, 0).map_err(failed)?;
    let message = Message::new(&originators, date, id.map_err(failed)?, Body::texts(&texts));
    let mut composer = Composer::new(message).map_err(failed)?;
    let mut intake = Intake::new(u64::MAX);
    let mut room = [0; 1024];
    loop {
        match composer.pull(&mut room).map_err(failed)? {
            0 => return Ok(intake.finish()?.fields),
            count => intake.feed(&room[..count])?,
        }
    }
}

fn addresses(field: &Field) -> Result<Vec<Listed>, Failure> {
    address_list::addresses(field.value()).map_err(|error| Failure::Header(format!("{}: {error}", field.name())))
}

fn is_resent(field: &Field) -> bool {
    field
        .name()
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("Resent-"))
}

const RECIPIENTS: [&str; 3] = ["To", "Cc", "Bcc"];
/// What does not leave this machine; RFC 5321 4.4 for the last one.
const SECRET: [&str; 3] = ["Bcc", "Resent-Bcc", "Return-Path"];
const ADDRESSES: [&str; 9] = [
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Resent-From",
    "Resent-Sender",
    "Resent-To",
    "Resent-Cc",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn draft(text: &str) -> Draft {
        let mut intake = Intake::new(u64::MAX);
        intake.feed(text.as_bytes()).unwrap();
        intake.finish().unwrap()
    }

    fn complete(text: &str, change: impl FnOnce(&mut Account)) -> String {
        let mut draft = draft(text);
        let mut account = Account::new("", Vec::new());
        change(&mut account);
        let with = Completion {
            account: &account,
            originator: "root@gate.test",
            full_name: Some("J\u{f6}rg"),
            domain: "home.test",
            now: Duration::from_secs(1_700_000_000),
        };
        draft.complete(&with).unwrap();
        let mut whole = String::new();
        draft.reading().read_to_string(&mut whole).unwrap();
        whole
    }

    const DATE: &str = "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n";
    const FROM: &str = "From: =?utf-8?Q?J=C3=B6rg?= <root@gate.test>\r\n";

    /// The header with what is unique in the identifier taken out.
    fn check(text: &str, change: impl FnOnce(&mut Account), expected: &str) {
        let mut whole = complete(text, change);
        if let Some(start) = whole.find("Message-ID: <") {
            let end = start + whole[start..].find("@gate.test>").unwrap_or(13);
            whole.replace_range(start + 13..end, "");
        }
        assert_eq!(whole, expected, "{text}");
    }

    #[test]
    fn what_is_missing_is_added_and_bcc_goes() {
        let id = "Message-ID: <@gate.test>\r\n";
        check("hello\n", |_| {}, &format!("{DATE}{FROM}{id}\r\nhello\r\n"));
        check(
            "Subject: x\nBcc: a@b.test,\n c@d.test\nReturn-Path: <e@f>\nTo: b\n\n",
            |_| {},
            &format!("{DATE}{FROM}{id}Subject: x\r\nTo: b@home.test\r\n\r\n"),
        );
        let whole = "From: root (Cron Daemon)\nDate: today\nMessage-ID: <1@2>\nTo: a,\n \"b c\", d@e.test\n\nx\n";
        check(
            whole,
            |_| {},
            "From: root@home.test (Cron Daemon)\r\nDate: today\r\nMessage-ID: <1@2>\r\n\
             To: a@home.test,\r\n \"b c\"@home.test, d@e.test\r\n\r\nx\r\n",
        );
    }

    #[test]
    fn as_the_account_wants_it() {
        let whole = "From: root\nTo: a@b.test\nCc: c@d.test\n\nx\n";
        check(
            whole,
            |account| {
                account.set_from = SetFrom::Always;
                account.undisclosed = true;
                account.set_message_id = false;
            },
            &format!("{DATE}{FROM}To: undisclosed-recipients:;\r\n\r\nx\r\n"),
        );
        check(
            "To: a@b.test\n\n",
            |account| {
                account.set_from = SetFrom::Never;
                account.set_date = false;
                account.set_message_id = false;
            },
            "To: a@b.test\r\n\r\n",
        );
    }

    #[test]
    fn a_resent_mail_keeps_what_it_was() {
        let text = "Resent-To: c@d.test\nResent-Bcc: e@f.test\nResent-From: x@y.test\nResent-Date: then\n\
                    Resent-To: old@d.test\nResent-From: x@y.test\nFrom: a@b.test\nTo: b@c.test\n\n";
        assert_eq!(draft(text).recipients().unwrap(), ["c@d.test", "e@f.test"]);
        let whole = complete(text, |_| {});
        assert!(whole.starts_with("Resent-Message-ID: <"), "{whole}");
        assert!(!whole.contains("e@f.test") && !whole.contains("\r\nDate") && whole.contains("\r\nFrom: a@b.test\r\n"));
    }

    #[test]
    fn recipients_of_the_header() {
        let text = "TO: Bob <b@c.test>, (x) d\ncc: Staff: e@f.test;\nBcc:\nBcc: g@h.test\nReply-To: no@c.test\n\nTo: body@c.test\n";
        assert_eq!(
            draft(text).recipients().unwrap(),
            ["b@c.test", "d", "e@f.test", "g@h.test"]
        );
        let failure = draft("To: a b\n\n").recipients().unwrap_err();
        assert_eq!(
            failure.to_string(),
            "To: neither a comma nor an address between two words at octet 3"
        );
        assert_eq!(failure.exit_code(), 65);
    }
}
