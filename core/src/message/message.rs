//! What a mail consists of, as its author says it.

use super::address::{is_address_literal, is_dot_string};
use super::{Content, DateTime, Error, Mailbox, Source, Transfer};

/// A mail: who, when, about what, and what travels. Begin with [`Message::new`] and set what there is more of.
pub struct Message<'a> {
    /// The originators. Several of them need a [`Message::sender`].
    pub from: &'a [Mailbox<'a>],
    /// Who sends it for them.
    pub sender: Option<Mailbox<'a>>,
    /// Who wants the answers, if not the originators.
    pub reply_to: &'a [Mailbox<'a>],
    /// Whom the header names; the envelope decides who receives the mail, and who does so without being named.
    pub to: &'a [Mailbox<'a>],
    /// Who gets a copy.
    pub cc: &'a [Mailbox<'a>],
    /// Any text without control characters.
    pub subject: &'a str,
    /// When it was completed.
    pub date: DateTime,
    /// Its identifier; a message that is sent again keeps it.
    pub message_id: MessageId<'a>,
    /// What it answers.
    pub in_reply_to: &'a [MessageId<'a>],
    /// The conversation it belongs to, the oldest first.
    pub references: &'a [MessageId<'a>],
    /// Header fields beyond these.
    pub fields: &'a [Field<'a>],
    /// What travels.
    pub body: Body<'a>,
}

impl<'a> Message<'a> {
    /// A mail without anything that it can do without.
    pub fn new(from: &'a [Mailbox<'a>], date: DateTime, message_id: MessageId<'a>, body: Body<'a>) -> Self {
        Self {
            from,
            sender: None,
            reply_to: &[],
            to: &[],
            cc: &[],
            subject: "",
            date,
            message_id,
            in_reply_to: &[],
            references: &[],
            fields: &[],
            body,
        }
    }
}

/// What travels in a mail.
pub enum Body<'a> {
    /// Texts and files.
    Parts {
        /// The same in several forms, the plainest first; one or none needs no choice by the reader.
        texts: &'a [Text<'a>],
        /// What the HTML among the texts shows within itself (RFC 2387), each with a content identifier.
        inline: &'a mut [Part<'a>],
        /// What is beside the texts.
        attachments: &'a mut [Part<'a>],
    },
    /// A body that is ready, such as S/MIME or PGP made it, and must not be touched: its `Content-` fields, an empty
    /// line, and what follows; CRLF lines.
    Ready(&'a mut dyn Source),
}

impl<'a> Body<'a> {
    /// Texts alone.
    pub fn texts(texts: &'a [Text<'a>]) -> Self {
        Self::Parts {
            texts,
            inline: &mut [],
            attachments: &mut [],
        }
    }

    /// Texts with files beside them.
    pub fn with_attachments(texts: &'a [Text<'a>], attachments: &'a mut [Part<'a>]) -> Self {
        Self::Parts {
            texts,
            inline: &mut [],
            attachments,
        }
    }
}

/// A text; LF, CR and CRLF all end a line of it.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// What follows `text/`, with parameters but without a charset: `plain`, `html`, `calendar; method=REQUEST`.
    pub subtype: &'a str,
    /// The text.
    pub text: &'a str,
}

impl<'a> Text<'a> {
    /// `text/plain`.
    pub fn plain(text: &'a str) -> Self {
        Self { subtype: "plain", text }
    }

    /// `text/html`.
    pub fn html(text: &'a str) -> Self {
        Self { subtype: "html", text }
    }
}

/// A file: its octets are pulled while the mail is sent.
pub struct Part<'a> {
    /// `type/subtype`, perhaps with parameters, such as `image/png`. `message/...` goes as it is: CRLF lines.
    pub media_type: &'a str,
    /// The file's name without control characters, at most 255 octets; empty: none.
    pub name: &'a str,
    /// By which the HTML refers to it: `cid:left@right`.
    pub content_id: Option<MessageId<'a>>,
    /// Its content; for octets in memory `&mut &octets[..]`.
    pub source: &'a mut dyn Source,
    /// What the source said it has.
    pub(super) content: Content,
}

impl<'a> Part<'a> {
    /// A file with a name; for no name it is empty.
    pub fn new(name: &'a str, media_type: &'a str, source: &'a mut dyn Source) -> Self {
        Self {
            media_type,
            name,
            content_id: None,
            source,
            content: Content {
                transfer: Transfer::Binary,
                utf8: false,
                octets: None,
                raw: None,
            },
        }
    }

    /// What is shown within the HTML where it says `cid:` and this identifier.
    pub fn inline(self, content_id: MessageId<'a>) -> Self {
        Self {
            content_id: Some(content_id),
            ..self
        }
    }
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
        let fits = left.len() <= 255 && right.len() <= 255;
        if fits && is_dot_string(left) && (is_dot_string(right) || is_address_literal(right)) {
            Ok(Self { left, right })
        } else {
            Err(Error::MessageId)
        }
    }

    /// Reads `left@right`, as it stands between the angle brackets.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        let at = text.bytes().position(|octet| octet == b'@').ok_or(Error::MessageId)?;
        let (left, right) = text.split_at_checked(at).ok_or(Error::MessageId)?;
        Self::new(left, right.get(1..).unwrap_or_default())
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

/// A header field that the composer has no word for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    name: &'a str,
    value: &'a str,
}

impl<'a> Field<'a> {
    /// `name`: printable ASCII without a colon, at most 60 octets, and none of the composer's own fields nor of MIME;
    /// `value`: unstructured text without control characters, encoded where it must be.
    pub fn new(name: &'a str, value: &'a str) -> Result<Self, Error> {
        let is_name =
            (1..=60).contains(&name.len()) && name.bytes().all(|octet| matches!(octet, b'!'..=b'~') && octet != b':');
        let is = |taken: &str| name.eq_ignore_ascii_case(taken);
        let mime = name
            .get(..8)
            .is_some_and(|start| start.eq_ignore_ascii_case("Content-"));
        if !is_name || mime || TAKEN.iter().any(|taken| is(taken)) {
            return Err(Error::HeaderName);
        }
        if has_control(value) {
            return Err(Error::HeaderValue);
        }
        Ok(Self { name, value })
    }

    /// The field name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// The field body, unencoded.
    pub fn value(&self) -> &'a str {
        self.value
    }
}

pub(super) fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

/// `type "/" subtype` and perhaps parameters: tokens (RFC 2045 5.1) of at most 127 octets (RFC 6838 4.2), then printable
/// ASCII behind a `;`, all of at most 255.
pub(super) fn is_media_type(text: &str) -> bool {
    let slash = text.bytes().position(|octet| octet == b'/').unwrap_or(0);
    let (kind, rest) = text.as_bytes().split_at(slash);
    is_token(kind) && rest.get(1..).is_some_and(is_subtype) && text.len() <= 255
}

/// What follows the slash of [`is_media_type`].
pub(super) fn is_subtype(text: &[u8]) -> bool {
    let end = text.iter().position(|octet| *octet == b';').unwrap_or(text.len());
    let (subtype, parameters) = text.split_at(end);
    is_token(subtype) && text.len() <= 200 && parameters.iter().all(|octet| matches!(octet, b' '..=b'~'))
}

fn is_token(text: &[u8]) -> bool {
    (1..=127).contains(&text.len())
        && text
            .iter()
            .all(|octet| octet.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(octet))
}

/// What the composer writes itself, and what must not be in a mail on its way out.
const TAKEN: [&str; 13] = [
    "Date",
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Bcc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Subject",
    "MIME-Version",
    "Return-Path",
];

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    tests! {
        fn a_field_cannot_become_another() {
            assert!(Field::new("X-Gate", "up; d\u{f6}wn").is_ok() && Field::new("List-Unsubscribe", "<https://a.test>").is_ok());
            for name in ["", "X Gate", "X:", "X\r\nBcc", "\u{e4}", "date", "BCC", "content-type", "Content-Foo", "mime-version", "X\0"] {
                assert_eq!(Field::new(name, "x"), Err(Error::HeaderName), "{name}");
            }
            for value in ["a\r\nBcc: b@c", "\n", "\0", "a\u{85}b"] {
                assert_eq!(Field::new("X-Gate", value), Err(Error::HeaderValue));
            }
        }

        fn message_identifiers() {
            assert_eq!(MessageId::parse("1.gate@mail.test"), MessageId::new("1.gate", "mail.test"));
            assert!(MessageId::new("1", "[192.0.2.1]").is_ok());
            for (left, right) in [("", "a"), ("a", ""), ("a b", "c"), ("a", "b\r\nc"), ("a>", "b"), ("a@b", "c")] {
                assert_eq!(MessageId::new(left, right), Err(Error::MessageId));
            }
            for text in ["", "a", "@", "a@", "a@b@c", "<a@b>"] {
                assert_eq!(MessageId::parse(text), Err(Error::MessageId));
            }
        }

        fn media_types() {
            for text in ["text/plain", "image/svg+xml", "text/calendar; method=REQUEST", "application/x; a=\"b c\""] {
                assert!(is_media_type(text), "{text}");
            }
            for text in ["", "text", "text/", "/plain", "te\r\nxt/plain", "t\u{e4}xt/plain", "text/plain; a=\r\nb", "text/plain; \u{e4}", "a/b/c"] {
                assert!(!is_media_type(text), "{text}");
            }
        }
    }
}
