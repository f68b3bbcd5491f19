//! The composer: a message in, its octets out, in memory of a fixed size.

use super::address::{is_address_literal, is_dot_string};
use super::header::{LINE, Line, Words, fold, push};
use super::parameter::file_name;
use super::transfer::{Encoding, Text, base64_line};
use super::{DateTime, Error, Mailbox, Source};
use core::fmt::Write;

/// A mail: who, when, about what, a text and possibly one attachment.
pub struct Message<'a> {
    /// The originator.
    pub from: Mailbox<'a>,
    /// Whom the header names; the envelope decides who receives it. Not empty.
    pub to: &'a [Mailbox<'a>],
    /// Any text without control characters.
    pub subject: &'a str,
    /// When it was completed.
    pub date: DateTime,
    /// Its identifier; a message that is sent again keeps it.
    pub message_id: MessageId<'a>,
    /// The body; LF, CR and CRLF all end a line of it.
    pub text: &'a str,
    /// What travels with the text.
    pub attachment: Option<Attachment<'a>>,
}

/// A file that travels with the text, base64 in a `multipart/mixed`.
pub struct Attachment<'a> {
    /// The file's name, of 1 to 255 octets without control characters.
    pub name: &'a str,
    /// `type/subtype`, such as `image/png`.
    pub media_type: &'a str,
    /// Its content, pulled while the mail is sent; for octets in memory `&mut &octets[..]`.
    pub source: &'a mut dyn Source,
}

/// The message identifier `left@right` (RFC 5322 3.6.4), unique in the world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageId<'a> {
    left: &'a str,
    right: &'a str,
}

impl<'a> MessageId<'a> {
    /// `left`: a dot-atom that never repeats at `right`, a domain or an address literal; each of at most 255 octets.
    pub fn new(left: &'a str, right: &'a str) -> Result<Self, Error> {
        if left.len() > 255 || right.len() > 255 {
            return Err(Error::MessageId);
        }
        if is_dot_string(left) && (is_dot_string(right) || is_address_literal(right)) {
            Ok(Self { left, right })
        } else {
            Err(Error::MessageId)
        }
    }

    /// What stands before the `@`.
    pub fn left(&self) -> &'a str {
        self.left
    }

    /// What stands after the `@`.
    pub fn right(&self) -> &'a str {
        self.right
    }
}

/// Streams a [`Message`]: 7-bit, CRLF lines of at most 998 octets, the same octets whatever the sizes of the pulls.
pub struct Composer<'a> {
    message: Message<'a>,
    words: Words<'a>,
    text: Text<'a>,
    stage: Stage,
    /// Which mailbox of `To`.
    recipient: usize,
    /// How far the current header line reaches.
    column: usize,
    /// What leaves next: first the rest of `line` from `sent`, then `borrowed`.
    line: Line,
    sent: usize,
    borrowed: &'a [u8],
}

/// What is written next, in the order of the message.
#[derive(Clone, Copy)]
enum Stage {
    Date,
    FromName,
    FromAddress,
    To,
    ToName,
    ToAddress,
    ToEnd,
    MessageIdRight,
    Subject,
    SubjectWords,
    Multipart,
    TextHeader,
    Text,
    AttachmentHeader,
    Disposition,
    FileName { segment: u8, start: usize },
    Attachment,
    Done,
    Failed(Error),
}

impl<'a> Composer<'a> {
    /// Checks every part of `message`; what it refuses could not be written.
    pub fn new(message: Message<'a>) -> Result<Self, Error> {
        if message.to.is_empty() {
            return Err(Error::NoRecipient);
        }
        if message
            .to
            .iter()
            .chain([&message.from])
            .any(|mailbox| mailbox.name.is_some_and(has_control))
        {
            return Err(Error::DisplayName);
        }
        if has_control(message.subject) {
            return Err(Error::Subject);
        }
        if let Some(attachment) = &message.attachment {
            if !is_media_type(attachment.media_type) {
                return Err(Error::MediaType);
            }
            if attachment.name.is_empty() || attachment.name.len() > 255 || has_control(attachment.name) {
                return Err(Error::FileName);
            }
        }
        Ok(Self {
            words: Words::phrase(message.from.name.unwrap_or_default()),
            text: Text::new(message.text, message.attachment.is_some()),
            message,
            stage: Stage::Date,
            recipient: 0,
            column: 0,
            line: Line::new(),
            sent: 0,
            borrowed: &[],
        })
    }

    /// Fills `line` and `borrowed`, both empty, with the next piece, and moves on.
    fn advance(&mut self) -> Result<(), Error> {
        let line = &mut self.line;
        self.stage = match self.stage {
            Stage::Date => {
                let fits = write!(line, "Date: {}\r\nFrom:", self.message.date).is_ok();
                debug_assert!(fits, "a date-time has at most 31 octets");
                self.column = 5;
                Stage::FromName
            }
            Stage::FromName if self.words.next(&mut self.column, line) => Stage::FromName,
            Stage::FromName => {
                self.borrowed = angle_address(&self.message.from, &mut self.column, line);
                Stage::FromAddress
            }
            Stage::FromAddress => {
                push(line, b">\r\nTo:");
                self.column = 3;
                Stage::To
            }
            Stage::To => {
                let name = self.message.to.get(self.recipient).and_then(|mailbox| mailbox.name);
                self.words = Words::phrase(name.unwrap_or_default());
                Stage::ToName
            }
            Stage::ToName if self.words.next(&mut self.column, line) => Stage::ToName,
            Stage::ToName => Stage::ToAddress,
            Stage::ToAddress => {
                if let Some(mailbox) = self.message.to.get(self.recipient) {
                    self.borrowed = angle_address(mailbox, &mut self.column, line);
                }
                self.recipient += 1;
                Stage::ToEnd
            }
            Stage::ToEnd if self.recipient < self.message.to.len() => {
                // Each mailbox begins its own line, so its folding depends on nothing before it.
                push(line, b">,");
                fold(&mut self.column, line);
                Stage::To
            }
            Stage::ToEnd => {
                push(line, b">\r\nMessage-ID: <");
                self.borrowed = self.message.message_id.left.as_bytes();
                Stage::MessageIdRight
            }
            Stage::MessageIdRight => {
                push(line, b"@");
                self.borrowed = self.message.message_id.right.as_bytes();
                Stage::Subject
            }
            Stage::Subject => {
                push(line, b">\r\nSubject:");
                self.column = 8;
                self.words = Words::unstructured(self.message.subject);
                Stage::SubjectWords
            }
            Stage::SubjectWords if self.words.next(&mut self.column, line) => Stage::SubjectWords,
            Stage::SubjectWords => {
                self.borrowed = b"\r\nMIME-Version: 1.0\r\n";
                match self.message.attachment {
                    Some(_) => Stage::Multipart,
                    None => Stage::TextHeader,
                }
            }
            Stage::Multipart => {
                self.borrowed = MULTIPART;
                Stage::TextHeader
            }
            Stage::TextHeader => {
                self.borrowed = match self.text.encoding() {
                    Encoding::SevenBit => TEXT_SEVEN_BIT,
                    Encoding::QuotedPrintable => TEXT_QUOTED_PRINTABLE,
                };
                Stage::Text
            }
            Stage::Text => match self.text.next(line) {
                Some(content) => {
                    self.borrowed = content;
                    Stage::Text
                }
                None => Stage::AttachmentHeader,
            },
            Stage::AttachmentHeader => match &self.message.attachment {
                Some(attachment) => {
                    // The CRLF before a boundary belongs to the boundary (RFC 2046 5.1.1), so the text keeps its own.
                    push(line, b"\r\n");
                    push(line, BOUNDARY);
                    push(line, b"Content-Type: ");
                    self.borrowed = attachment.media_type.as_bytes();
                    Stage::Disposition
                }
                None => Stage::Done,
            },
            Stage::Disposition => {
                self.borrowed = DISPOSITION;
                Stage::FileName { segment: 0, start: 0 }
            }
            Stage::FileName { segment, start } => {
                let name = self
                    .message
                    .attachment
                    .as_ref()
                    .map_or("", |attachment| attachment.name);
                match file_name(name, segment, start, line) {
                    Some(start) => Stage::FileName {
                        segment: segment.saturating_add(1),
                        start,
                    },
                    None => {
                        self.borrowed = b"\r\n\r\n";
                        Stage::Attachment
                    }
                }
            }
            Stage::Attachment => match &mut self.message.attachment {
                Some(attachment) => {
                    if base64_line(attachment.source, line)? {
                        Stage::Attachment
                    } else {
                        self.borrowed = LAST_BOUNDARY;
                        Stage::Done
                    }
                }
                None => Stage::Done,
            },
            Stage::Done => Stage::Done,
            Stage::Failed(error) => return Err(error),
        };
        Ok(())
    }
}

impl Source for Composer<'_> {
    fn pull(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let mut count = 0;
        while let Some(room) = out.get_mut(count..).filter(|room| !room.is_empty()) {
            let mut line = self.line.get(self.sent..).unwrap_or_default();
            let copied = line.pull(room)?;
            self.sent += copied;
            count += copied;
            if copied > 0 {
                continue;
            }
            let copied = self.borrowed.pull(room)?;
            count += copied;
            if copied > 0 {
                continue;
            }
            if let Stage::Done = self.stage {
                break;
            }
            self.line.clear();
            self.sent = 0;
            if let Err(error) = self.advance() {
                self.stage = Stage::Failed(error);
                return Err(error);
            }
        }
        Ok(count)
    }
}

/// Writes ` <` with a fold before it if the address would pass the line's end, and returns the address.
fn angle_address<'a>(mailbox: &Mailbox<'a>, column: &mut usize, line: &mut Line) -> &'a [u8] {
    let address = mailbox.address.as_str().as_bytes();
    // The space, the angle brackets and a comma.
    let length = address.len() + 4;
    if *column + length > LINE && mailbox.name.is_some_and(|name| !name.is_empty()) {
        fold(column, line);
    }
    push(line, b" <");
    *column += length;
    address
}

/// `type "/" subtype`, both tokens (RFC 2045 5.1) of at most 127 octets (RFC 6838 4.2).
fn is_media_type(text: &str) -> bool {
    let is_token = |text: &str| {
        (1..=127).contains(&text.len())
            && text
                .bytes()
                .all(|octet| octet.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&octet))
    };
    text.split_once('/')
        .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype))
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

const MULTIPART: &[u8] = b"Content-Type: multipart/mixed; boundary=\"=_gatepost\"\r\n\r\n--=_gatepost\r\n";
const BOUNDARY: &[u8] = b"--=_gatepost\r\n";
const LAST_BOUNDARY: &[u8] = b"--=_gatepost--\r\n";
const TEXT_SEVEN_BIT: &[u8] = b"Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n";
const TEXT_QUOTED_PRINTABLE: &[u8] =
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
const DISPOSITION: &[u8] = b"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment";

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use crate::message::Address;

    type Octets = heapless::Vec<u8, 1536>;

    /// Composes in pulls of `size` octets.
    fn compose(message: Message<'_>, size: usize) -> Result<Octets, Error> {
        let mut composer = Composer::new(message)?;
        let mut whole = Octets::new();
        let mut buffer = [0; 2048];
        loop {
            match composer.pull(&mut buffer[..size])? {
                0 => return Ok(whole),
                count => assert!(whole.extend_from_slice(&buffer[..count]).is_ok()),
            }
        }
    }

    fn mailbox<'a>(name: Option<&'a str>, address: &'a str) -> Result<Mailbox<'a>, Error> {
        Ok(Mailbox {
            name,
            address: Address::parse(address)?,
        })
    }

    /// Gives `test` a message with one recipient, the text given and the attachment given.
    fn with_message<T>(
        text: &str,
        attachment: Option<(&str, &str, &mut dyn Source)>,
        test: impl FnOnce(Message<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        test(Message {
            from: mailbox(Some("Gatepost, at home"), "gate@[192.168.77.1]")?,
            to: &[
                mailbox(None, "alice@mail.test")?,
                mailbox(Some("B\u{f6}b"), "bob@mail.test")?,
            ],
            subject: "uplink down",
            date: DateTime::from_unix(0, 0)?,
            message_id: MessageId::new("1.gate", "mail.test")?,
            text,
            attachment: attachment.map(|(name, media_type, source)| Attachment {
                name,
                media_type,
                source,
            }),
        })
    }

    const HEADER: &str = "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\n\
        From: \"Gatepost, at home\" <gate@[192.168.77.1]>\r\n\
        To: <alice@mail.test>,\r\n =?utf-8?Q?B=C3=B6b?= <bob@mail.test>\r\n\
        Message-ID: <1.gate@mail.test>\r\n\
        Subject: uplink down\r\n\
        MIME-Version: 1.0\r\n";

    fn check(octets: &[u8], expected: &[&str]) {
        let mut rest = octets;
        for part in expected {
            let (head, tail) = rest.split_at(part.len().min(rest.len()));
            assert_eq!(core::str::from_utf8(head), Ok(*part));
            rest = tail;
        }
        assert_eq!(rest, b"");
    }

    tests! {
        fn a_text_alone() {
            let octets = with_message("eth0 is down\nsince noon", None, |message| compose(message, 2048));
            check(&octets.unwrap_or_default(), &[
                HEADER,
                "Content-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n",
                "eth0 is down\r\nsince noon\r\n",
            ]);
        }

        fn a_text_with_an_attachment() {
            let mut content: &[u8] = b"foobar";
            let attachment = ("log.txt", "text/plain", &mut content as &mut dyn Source);
            let octets = with_message("--=_gatepost--", Some(attachment), |message| compose(message, 2048));
            check(&octets.unwrap_or_default(), &[
                HEADER,
                "Content-Type: multipart/mixed; boundary=\"=_gatepost\"\r\n\r\n--=_gatepost\r\n",
                "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
                "--=3D_gatepost--\r\n",
                "\r\n--=_gatepost\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n",
                "Content-Disposition: attachment;\r\n filename=\"log.txt\"\r\n\r\n",
                "Zm9vYmFy\r\n--=_gatepost--\r\n",
            ]);
        }

        fn any_pull_size_gives_the_same_octets() {
            let content = [0xa5u8; 200];
            let compose_by = |size: usize| {
                let mut content = &content[..];
                let attachment = ("\u{fc}.bin", "application/octet-stream", &mut content as &mut dyn Source);
                with_message("J\u{fc}rgen\r\n\n.\r", Some(attachment), |message| compose(message, size))
            };
            let whole = compose_by(2048).unwrap_or_default();
            assert!(whole.len() > 800 && whole.ends_with(b"--=_gatepost--\r\n"));
            for size in 1..=whole.len() {
                assert_eq!(compose_by(size).as_deref(), Ok(&whole[..]));
            }
        }

        fn a_source_that_fails_ends_the_message() {
            struct Broken;
            impl Source for Broken {
                fn pull(&mut self, _: &mut [u8]) -> Result<usize, Error> {
                    Err(Error::Source)
                }
            }
            let attachment = ("log.txt", "text/plain", &mut Broken as &mut dyn Source);
            let outcome = with_message("text", Some(attachment), |message| {
                let mut composer = Composer::new(message)?;
                let first = composer.pull(&mut [0; 2048]);
                Ok((first, composer.pull(&mut [0; 2048])))
            });
            assert_eq!(outcome, Ok((Err(Error::Source), Err(Error::Source))));
        }

        fn what_cannot_be_written_is_refused() {
            let refused = |change: fn(&mut Message<'_>)| {
                let mut content: &[u8] = b"";
                let attachment = ("name", "text/plain", &mut content as &mut dyn Source);
                with_message("", Some(attachment), |mut message| {
                    change(&mut message);
                    Composer::new(message).map(|_| ())
                })
            };
            assert_eq!(refused(|_| ()), Ok(()));
            assert_eq!(refused(|message| message.to = &[]), Err(Error::NoRecipient));
            assert_eq!(refused(|message| message.subject = "a\r\nBcc: b@c"), Err(Error::Subject));
            assert_eq!(refused(|message| message.from.name = Some("a\nb")), Err(Error::DisplayName));
            assert_eq!(refused(|message| attachment_of(message).name = "a\r\nb"), Err(Error::FileName));
            assert_eq!(refused(|message| attachment_of(message).name = ""), Err(Error::FileName));
            for media_type in ["", "text", "text/", "/plain", "text/plain; x", "te\r\nxt/plain", "t\u{e4}xt/plain"] {
                with_media_type(media_type);
            }
            for (left, right) in [("", "a"), ("a", ""), ("a b", "c"), ("a", "b\r\nc"), ("a>", "b"), ("a@b", "c")] {
                assert_eq!(MessageId::new(left, right), Err(Error::MessageId));
            }
        }
    }

    fn with_media_type(media_type: &str) {
        let mut content: &[u8] = b"";
        let attachment = ("name", media_type, &mut content as &mut dyn Source);
        let outcome = with_message("", Some(attachment), |message| Composer::new(message).map(|_| ()));
        assert_eq!(outcome, Err(Error::MediaType));
    }

    fn attachment_of<'m, 'a>(message: &'m mut Message<'a>) -> &'m mut Attachment<'a> {
        message.attachment.as_mut().expect("the test gave one")
    }
}
