//! The composer: a message in, its octets out, in memory of a fixed size.
//!
//! ```text
//! header fields -> MIME-Version -> [mixed [alternative text ... [related html inline ...]] attachment ...]
//! ```
//!
//! A container is written only where it holds more than one part. All of the message but the octets of its files is
//! composed twice: once to count it, once to send it.

use super::header::{LINE, Line, Words, fold, push};
use super::message::{Body, Message, MessageId, Part, Text, has_control, is_media_type, is_subtype};
use super::parameter::file_name;
use super::transfer::{Encoding, Lines, base64_lines_len, pull_base64};
use super::{Content, Error, Mailbox, Source, Transfer};

/// Streams a [`Message`]: CRLF lines of at most 998 octets, the same octets whatever the sizes of the pulls.
pub struct Composer<'a> {
    message: Message<'a>,
    /// What the way carries, as far as it was said.
    allowed: Transfer,
    cursor: Cursor<'a>,
    failed: Option<Error>,
}

/// How far a message is composed.
struct Cursor<'a> {
    stage: Stage,
    /// Which address or identifier of a field, field of the caller's, text or file.
    index: u16,
    words: Words<'a>,
    lines: Lines<'a>,
    /// How far the current header line reaches.
    column: usize,
    /// What leaves next: first the rest of `line` from `sent`, then `borrowed`.
    line: Line,
    sent: usize,
    borrowed: &'a [u8],
}

/// What is written next, in the order of the message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Date,
    /// A field of addresses begins; a name with its address, what follows them.
    Addresses(Addresses),
    Name(Addresses),
    AddressEnd(Addresses),
    MessageId,
    /// A field of identifiers begins; the halves of one.
    Identifiers(Identifiers),
    Left(Identifiers),
    Right(Identifiers),
    Subject,
    Field,
    FieldWords,
    Mime,
    /// The `Content-Type` of a container, and its boundary; what separates its parts, and its end.
    Open(Container),
    Boundary(Container),
    Separate(Container, Then),
    Close(Container),
    Text,
    TextType,
    TextEncoding,
    TextLines,
    Part(Kind),
    PartType(Kind),
    Disposition(Kind),
    FileName {
        kind: Kind,
        segment: u8,
        start: u8,
    },
    ContentId(Kind),
    ContentIdRight(Kind),
    Blank(Kind),
    Content(Kind),
    Ready,
    Done,
}

/// What follows a separator.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    Open(Container),
    Text,
    Part(Kind),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Addresses {
    From,
    Sender,
    ReplyTo,
    To,
    Cc,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Identifiers {
    MessageId,
    InReplyTo,
    References,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Mixed,
    Alternative,
    Related,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Inline,
    Attachment,
}

impl<'a> Composer<'a> {
    /// Checks every part of `message`; what it refuses could not be written.
    pub fn new(message: Message<'a>) -> Result<Self, Error> {
        if message.from.is_empty() || message.from.len() > 1 && message.sender.is_none() {
            return Err(Error::NoOriginator);
        }
        if mailboxes(&message).any(|mailbox| mailbox.name.is_some_and(has_control)) {
            return Err(Error::DisplayName);
        }
        if has_control(message.subject) {
            return Err(Error::Subject);
        }
        if let Body::Parts {
            texts,
            inline,
            attachments,
        } = &message.body
        {
            if texts.iter().any(|text| !is_subtype(text.subtype.as_bytes())) {
                return Err(Error::MediaType);
            }
            // What is shown within a text needs one, and something to be named by.
            if !inline.is_empty() && texts.is_empty() || inline.iter().any(|part| part.content_id.is_none()) {
                return Err(Error::Inline);
            }
            for part in inline.iter().chain(attachments.iter()) {
                if !is_media_type(part.media_type) {
                    return Err(Error::MediaType);
                }
                if part.name.len() > 255 || has_control(part.name) {
                    return Err(Error::FileName);
                }
            }
            if [texts.len(), inline.len(), attachments.len()]
                .iter()
                .any(|count| *count > usize::from(u16::MAX))
            {
                return Err(Error::TooMany);
            }
        }
        let lists = [
            message.from.len(),
            message.reply_to.len(),
            message.to.len(),
            message.cc.len(),
        ];
        let others = [
            message.in_reply_to.len(),
            message.references.len(),
            message.fields.len(),
        ];
        if lists.iter().chain(&others).any(|count| *count > usize::from(u16::MAX)) {
            return Err(Error::TooMany);
        }
        Ok(Self {
            message,
            allowed: Transfer::SevenBit,
            cursor: Cursor::new(),
            failed: None,
        })
    }

    /// Opens the files, and says what the way must carry for them, and how many octets the whole has.
    fn survey(&mut self, utf8: bool) -> Result<Content, Error> {
        let mut content = Content {
            transfer: Transfer::SevenBit,
            utf8: mailboxes(&self.message).any(|mailbox| !mailbox.address.is_ascii()),
            octets: Some(0),
            raw: Some(0),
        };
        let allowed = self.allowed;
        match &mut self.message.body {
            Body::Parts {
                texts,
                inline,
                attachments,
            } => {
                let multipart = texts.len() + attachments.len() > 1 || !inline.is_empty();
                for text in *texts {
                    let encoding = Encoding::of_text(text.text, allowed, multipart);
                    content.transfer = content.transfer.max(encoding.transfer());
                }
                for part in inline.iter_mut().chain(attachments.iter_mut()) {
                    part.content = part.source.open(allowed, utf8)?;
                    let encoding = encoding_of(part, allowed);
                    content.transfer = content.transfer.max(encoding.transfer());
                    content.utf8 |= is_message(part) && part.content.utf8;
                }
            }
            Body::Ready(source) => {
                let ready = source.open(allowed, utf8)?;
                content.transfer = ready.transfer;
                content.utf8 |= ready.utf8;
                content.raw = ready.raw;
                // Its line ends count as they leave, unless nothing rewrites them.
                content.octets = match ready.transfer {
                    Transfer::Binary => ready.raw,
                    _ => ready.octets,
                };
            }
        }
        let mut cursor = Cursor::new();
        while cursor.stage != Stage::Done {
            cursor.line.clear();
            cursor.borrowed = &[];
            let files = match cursor.stage {
                // Of a file only the length counts now.
                Stage::Content(kind) => {
                    let length = part(&self.message, kind, cursor.index).and_then(|part| {
                        let octets = part.content.raw?;
                        match encoding_of(part, allowed) {
                            Encoding::Base64 => base64_lines_len(octets),
                            _ => Some(octets),
                        }
                    });
                    cursor.after_part(&self.message, kind);
                    length
                }
                Stage::Ready => {
                    cursor.stage = Stage::Done;
                    Some(0)
                }
                _ => {
                    cursor.advance(&self.message, allowed);
                    Some((cursor.line.len() + cursor.borrowed.len()) as u64)
                }
            };
            let add = |all: Option<u64>| all?.checked_add(files?);
            (content.octets, content.raw) = (add(content.octets), add(content.raw));
        }
        Ok(content)
    }

    /// Writes the next octets of a file to `out`, or to the cursor's empty line if `out` is short; moves on at its end.
    fn pull_content(&mut self, kind: Kind, out: &mut [u8]) -> Result<usize, Error> {
        let index = usize::from(self.cursor.index);
        let part = match &mut self.message.body {
            Body::Parts { inline, .. } if kind == Kind::Inline => inline.get_mut(index),
            Body::Parts { attachments, .. } => attachments.get_mut(index),
            Body::Ready(_) => None,
        };
        let count = match part {
            Some(part) if encoding_of(part, self.allowed) == Encoding::Base64 => {
                pull_base64(part.source, out, &mut self.cursor.line)?
            }
            Some(part) => part.source.pull(out)?,
            None => 0,
        };
        if count == 0 && self.cursor.line.is_empty() {
            self.cursor.after_part(&self.message, kind);
        }
        Ok(count)
    }

    fn pull_ready(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let count = match &mut self.message.body {
            Body::Ready(source) => source.pull(out)?,
            Body::Parts { .. } => 0,
        };
        if count == 0 {
            self.cursor.stage = Stage::Done;
        }
        Ok(count)
    }
}

impl Source for Composer<'_> {
    /// Chooses the encodings; to be called before the first pull, or a 7bit way is taken for granted.
    fn open(&mut self, allowed: Transfer, utf8: bool) -> Result<Content, Error> {
        self.allowed = allowed;
        self.survey(utf8)
    }

    fn pull(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut count = 0;
        while let Some(room) = out.get_mut(count..).filter(|room| !room.is_empty()) {
            let cursor = &mut self.cursor;
            let copied = cursor.line.get(cursor.sent..).unwrap_or_default().pull(room)?;
            cursor.sent += copied;
            if copied > 0 {
                count += copied;
                continue;
            }
            let copied = cursor.borrowed.pull(room)?;
            if copied > 0 {
                count += copied;
                continue;
            }
            cursor.line.clear();
            cursor.sent = 0;
            let pulled = match cursor.stage {
                Stage::Done => break,
                Stage::Content(kind) => self.pull_content(kind, room),
                Stage::Ready => self.pull_ready(room),
                _ => {
                    cursor.advance(&self.message, self.allowed);
                    Ok(0)
                }
            };
            match pulled {
                Ok(pulled) => count += pulled,
                Err(error) => {
                    self.failed = Some(error);
                    return Err(error);
                }
            }
        }
        Ok(count)
    }
}

impl<'a> Cursor<'a> {
    fn new() -> Self {
        Self {
            stage: Stage::Date,
            index: 0,
            words: Words::unstructured(""),
            lines: Lines::new("", Encoding::SevenBit),
            column: 0,
            line: Line::new(),
            sent: 0,
            borrowed: &[],
        }
    }

    /// Fills `line` and `borrowed`, both empty, with the next piece, and moves on.
    fn advance(&mut self, message: &Message<'a>, allowed: Transfer) {
        let line = &mut self.line;
        self.stage = match self.stage {
            Stage::Date => {
                push(line, b"Date: ");
                message.date.write(line);
                push(line, b"\r\n");
                Stage::Addresses(Addresses::From)
            }
            Stage::Addresses(field) => self.addresses(message, field),
            Stage::Name(field) if self.words.next(&mut self.column, line) => Stage::Name(field),
            Stage::Name(field) => {
                if let Some(mailbox) = addresses(message, field).get(usize::from(self.index)) {
                    self.borrowed = angle_address(mailbox, &mut self.column, line);
                }
                self.index += 1;
                Stage::AddressEnd(field)
            }
            Stage::AddressEnd(field) => match addresses(message, field).get(usize::from(self.index)) {
                Some(mailbox) => {
                    // Each mailbox begins its own line, so its folding depends on nothing before it.
                    push(line, b">,");
                    fold(&mut self.column, line);
                    self.words = Words::phrase(mailbox.name.unwrap_or_default());
                    Stage::Name(field)
                }
                None => {
                    push(line, b">\r\n");
                    after_addresses(field)
                }
            },
            Stage::MessageId => {
                push(line, b"Message-ID:");
                self.index = 0;
                Stage::Left(Identifiers::MessageId)
            }
            Stage::Identifiers(field) => {
                self.index = 0;
                match identifiers(message, field) {
                    [] => after_identifiers(field),
                    _ => {
                        let name: &[u8] = if field == Identifiers::InReplyTo {
                            b"In-Reply-To:"
                        } else {
                            b"References:"
                        };
                        push(line, name);
                        Stage::Left(field)
                    }
                }
            }
            Stage::Left(field) => match identifiers(message, field).get(usize::from(self.index)) {
                Some(id) => {
                    push(line, if self.index > 0 { b">\r\n <" } else { b" <" });
                    self.borrowed = id.left().as_bytes();
                    Stage::Right(field)
                }
                None => {
                    push(line, b">\r\n");
                    after_identifiers(field)
                }
            },
            Stage::Right(field) => {
                let id = identifiers(message, field).get(usize::from(self.index));
                push(line, b"@");
                self.borrowed = id.map_or("", |id| id.right()).as_bytes();
                self.index += 1;
                Stage::Left(field)
            }
            Stage::Subject => {
                self.index = 0;
                if message.subject.is_empty() {
                    Stage::Field
                } else {
                    push(line, b"Subject:");
                    self.column = "Subject:".len();
                    self.words = Words::unstructured(message.subject);
                    Stage::FieldWords
                }
            }
            Stage::FieldWords if self.words.next(&mut self.column, line) => Stage::FieldWords,
            Stage::FieldWords => {
                push(line, b"\r\n");
                Stage::Field
            }
            Stage::Field => match message.fields.get(usize::from(self.index)) {
                Some(field) => {
                    push(line, field.name().as_bytes());
                    push(line, b":");
                    self.column = field.name().len() + 1;
                    self.words = Words::unstructured(field.value());
                    self.index += 1;
                    Stage::FieldWords
                }
                None => Stage::Mime,
            },
            Stage::Mime => {
                push(line, b"MIME-Version: 1.0\r\n");
                self.index = 0;
                let shape = Shape::of(message);
                match &message.body {
                    Body::Ready(_) => Stage::Ready,
                    _ if shape.attachments > 0 => Stage::Open(Container::Mixed),
                    _ => shape.first_text(),
                }
            }
            Stage::Open(container) => {
                self.borrowed = match container {
                    Container::Mixed => b"Content-Type: multipart/mixed; boundary=\"",
                    Container::Alternative => b"Content-Type: multipart/alternative; boundary=\"",
                    Container::Related => b"Content-Type: multipart/related; boundary=\"",
                };
                Stage::Boundary(container)
            }
            Stage::Boundary(container) => {
                push_boundary(message, container, line);
                push(line, b"\"\r\n");
                let shape = Shape::of(message);
                self.index = 0;
                let then = match container {
                    Container::Mixed if shape.texts == 0 => Then::Part(Kind::Attachment),
                    Container::Mixed => match shape.first_text() {
                        Stage::Open(container) => Then::Open(container),
                        _ => Then::Text,
                    },
                    Container::Alternative => shape.text(0),
                    Container::Related => {
                        self.index = shape.html;
                        Then::Text
                    }
                };
                Stage::Separate(container, then)
            }
            Stage::Separate(container, then) => {
                push(line, b"\r\n--");
                push_boundary(message, container, line);
                push(line, b"\r\n");
                match then {
                    Then::Open(container) => Stage::Open(container),
                    Then::Text => Stage::Text,
                    Then::Part(kind) => Stage::Part(kind),
                }
            }
            Stage::Close(container) => {
                push(line, b"\r\n--");
                push_boundary(message, container, line);
                push(line, b"--\r\n");
                let shape = Shape::of(message);
                match container {
                    Container::Mixed => Stage::Done,
                    Container::Alternative => self.attachment(shape, 0),
                    Container::Related => self.next_text(shape, shape.html + 1),
                }
            }
            Stage::Text => {
                self.borrowed = b"Content-Type: text/";
                Stage::TextType
            }
            Stage::TextType => {
                self.borrowed = text(message, self.index).subtype.as_bytes();
                Stage::TextEncoding
            }
            Stage::TextEncoding => {
                let text = text(message, self.index);
                let encoding = Encoding::of_text(text.text, allowed, Shape::of(message).is_multipart());
                push(
                    line,
                    if text.text.is_ascii() {
                        b"; charset=us-ascii"
                    } else {
                        b"; charset=utf-8"
                    },
                );
                push_encoding(encoding, line);
                push(line, b"\r\n");
                self.lines = Lines::new(text.text, encoding);
                Stage::TextLines
            }
            Stage::TextLines => match self.lines.next(line) {
                Some(content) => {
                    self.borrowed = content;
                    Stage::TextLines
                }
                None => self.after_text(Shape::of(message)),
            },
            Stage::Part(kind) => {
                self.borrowed = b"Content-Type: ";
                Stage::PartType(kind)
            }
            Stage::PartType(kind) => {
                self.borrowed = part(message, kind, self.index)
                    .map_or("", |part| part.media_type)
                    .as_bytes();
                Stage::Disposition(kind)
            }
            Stage::Disposition(kind) => {
                let part = part(message, kind, self.index);
                push_encoding(part.map_or(Encoding::Base64, |part| encoding_of(part, allowed)), line);
                let disposition: &[u8] = match kind {
                    Kind::Inline => b"Content-Disposition: inline",
                    Kind::Attachment => b"Content-Disposition: attachment",
                };
                push(line, disposition);
                match part {
                    Some(part) if !part.name.is_empty() => Stage::FileName {
                        kind,
                        segment: 0,
                        start: 0,
                    },
                    _ => Stage::ContentId(kind),
                }
            }
            Stage::FileName { kind, segment, start } => {
                let name = part(message, kind, self.index).map_or("", |part| part.name);
                match file_name(name, segment, usize::from(start), line).map(u8::try_from) {
                    Some(Ok(start)) => Stage::FileName {
                        kind,
                        segment: segment.saturating_add(1),
                        start,
                    },
                    _ => Stage::ContentId(kind),
                }
            }
            Stage::ContentId(kind) => {
                push(line, b"\r\n");
                match part(message, kind, self.index).and_then(|part| part.content_id) {
                    Some(id) => {
                        push(line, b"Content-ID: <");
                        self.borrowed = id.left().as_bytes();
                        Stage::ContentIdRight(kind)
                    }
                    None => Stage::Blank(kind),
                }
            }
            Stage::ContentIdRight(kind) => {
                let id = part(message, kind, self.index).and_then(|part| part.content_id);
                push(line, b"@");
                self.borrowed = id.map_or("", |id| id.right()).as_bytes();
                Stage::Blank(kind)
            }
            Stage::Blank(kind) => {
                let has_id = part(message, kind, self.index).is_some_and(|part| part.content_id.is_some());
                push(line, if has_id { b">\r\n\r\n" } else { b"\r\n" });
                Stage::Content(kind)
            }
            // These are not the cursor's matter.
            stage @ (Stage::Content(_) | Stage::Ready | Stage::Done) => stage,
        };
    }

    /// The next field of addresses that has some.
    fn addresses(&mut self, message: &Message<'a>, field: Addresses) -> Stage {
        self.index = 0;
        let Some(mailbox) = addresses(message, field).first() else {
            return after_addresses(field);
        };
        let name: &[u8] = match field {
            Addresses::From => b"From:",
            Addresses::Sender => b"Sender:",
            Addresses::ReplyTo => b"Reply-To:",
            Addresses::To => b"To:",
            Addresses::Cc => b"Cc:",
        };
        push(&mut self.line, name);
        self.column = name.len();
        self.words = Words::phrase(mailbox.name.unwrap_or_default());
        Stage::Name(field)
    }

    fn after_text(&mut self, shape: Shape) -> Stage {
        if shape.inline > 0 && self.index == shape.html {
            self.index = 0;
            Stage::Separate(Container::Related, Then::Part(Kind::Inline))
        } else {
            self.next_text(shape, self.index.saturating_add(1))
        }
    }

    fn next_text(&mut self, shape: Shape, index: u16) -> Stage {
        self.index = index;
        if index < shape.texts {
            Stage::Separate(Container::Alternative, shape.text(index))
        } else if shape.texts > 1 {
            Stage::Close(Container::Alternative)
        } else {
            self.attachment(shape, 0)
        }
    }

    fn attachment(&mut self, shape: Shape, index: u16) -> Stage {
        self.index = index;
        if index < shape.attachments {
            Stage::Separate(Container::Mixed, Then::Part(Kind::Attachment))
        } else if shape.attachments > 0 {
            Stage::Close(Container::Mixed)
        } else {
            Stage::Done
        }
    }

    /// The content of a file is complete.
    fn after_part(&mut self, message: &Message<'a>, kind: Kind) {
        let shape = Shape::of(message);
        let next = self.index.saturating_add(1);
        self.stage = match kind {
            Kind::Attachment => self.attachment(shape, next),
            Kind::Inline if next < shape.inline => {
                self.index = next;
                Stage::Separate(Container::Related, Then::Part(Kind::Inline))
            }
            Kind::Inline => Stage::Close(Container::Related),
        };
    }
}

/// How many parts a message has, and which text shows the inline ones.
#[derive(Clone, Copy)]
struct Shape {
    texts: u16,
    inline: u16,
    attachments: u16,
    html: u16,
}

impl Shape {
    fn of(message: &Message<'_>) -> Self {
        let Body::Parts {
            texts,
            inline,
            attachments,
        } = &message.body
        else {
            return Self {
                texts: 0,
                inline: 0,
                attachments: 0,
                html: 0,
            };
        };
        let html = texts.iter().position(|text| text.subtype.starts_with("html"));
        Self {
            texts: texts.len() as u16,
            inline: inline.len() as u16,
            attachments: attachments.len() as u16,
            html: html.unwrap_or(texts.len().saturating_sub(1)) as u16,
        }
    }

    fn is_multipart(self) -> bool {
        self.texts > 1 || self.inline > 0 || self.attachments > 0
    }

    /// What holds the texts, or the only one.
    fn first_text(self) -> Stage {
        if self.texts > 1 {
            Stage::Open(Container::Alternative)
        } else if self.inline > 0 {
            Stage::Open(Container::Related)
        } else {
            Stage::Text
        }
    }

    /// A text among several, or what holds it and its inline parts.
    fn text(self, index: u16) -> Then {
        if self.inline > 0 && index == self.html {
            Then::Open(Container::Related)
        } else {
            Then::Text
        }
    }
}

/// Everybody who stands in the header section.
fn mailboxes<'m, 'a>(message: &'m Message<'a>) -> impl Iterator<Item = &'m Mailbox<'a>> {
    [message.from, message.reply_to, message.to, message.cc]
        .into_iter()
        .flatten()
        .chain(&message.sender)
}

fn addresses<'m, 'a>(message: &'m Message<'a>, field: Addresses) -> &'m [Mailbox<'a>] {
    match field {
        Addresses::From => message.from,
        Addresses::Sender => message.sender.as_slice(),
        Addresses::ReplyTo => message.reply_to,
        Addresses::To => message.to,
        Addresses::Cc => message.cc,
    }
}

fn after_addresses(field: Addresses) -> Stage {
    match field {
        Addresses::From => Stage::Addresses(Addresses::Sender),
        Addresses::Sender => Stage::Addresses(Addresses::ReplyTo),
        Addresses::ReplyTo => Stage::Addresses(Addresses::To),
        Addresses::To => Stage::Addresses(Addresses::Cc),
        Addresses::Cc => Stage::MessageId,
    }
}

fn identifiers<'m, 'a>(message: &'m Message<'a>, field: Identifiers) -> &'m [MessageId<'a>] {
    match field {
        Identifiers::MessageId => core::slice::from_ref(&message.message_id),
        Identifiers::InReplyTo => message.in_reply_to,
        Identifiers::References => message.references,
    }
}

fn after_identifiers(field: Identifiers) -> Stage {
    match field {
        Identifiers::MessageId => Stage::Identifiers(Identifiers::InReplyTo),
        Identifiers::InReplyTo => Stage::Identifiers(Identifiers::References),
        Identifiers::References => Stage::Subject,
    }
}

/// The text at `index`; a mail without any has an empty one.
fn text<'a>(message: &Message<'a>, index: u16) -> Text<'a> {
    let text = match &message.body {
        Body::Parts { texts, .. } => texts.get(usize::from(index)),
        Body::Ready(_) => None,
    };
    text.copied().unwrap_or(Text {
        subtype: "plain",
        text: "",
    })
}

fn part<'m, 'a>(message: &'m Message<'a>, kind: Kind, index: u16) -> Option<&'m Part<'a>> {
    match &message.body {
        Body::Parts { inline, .. } if kind == Kind::Inline => inline.get(usize::from(index)),
        Body::Parts { attachments, .. } => attachments.get(usize::from(index)),
        Body::Ready(_) => None,
    }
}

/// How a file travels: as it is where the way carries any octets and their number is known, or where it must (RFC 2046
/// 5.2.1: a message within a message is not encoded).
fn encoding_of(part: &Part<'_>, allowed: Transfer) -> Encoding {
    match part.content.transfer {
        Transfer::SevenBit if is_message(part) => Encoding::SevenBit,
        Transfer::EightBit if is_message(part) => Encoding::EightBit,
        _ if allowed == Transfer::Binary && part.content.raw.is_some() => Encoding::Binary,
        Transfer::Binary if is_message(part) => Encoding::EightBit,
        _ => Encoding::Base64,
    }
}

fn is_message(part: &Part<'_>) -> bool {
    part.media_type
        .get(..8)
        .is_some_and(|start| start.eq_ignore_ascii_case("message/"))
}

fn push_encoding(encoding: Encoding, line: &mut Line) {
    push(line, b"\r\nContent-Transfer-Encoding: ");
    push(line, encoding.name().as_bytes());
    push(line, b"\r\n");
}

/// Of each container its own, of each message another: what travels unencoded cannot know it.
fn push_boundary(message: &Message<'_>, container: Container, line: &mut Line) {
    let mark: &[u8] = match container {
        Container::Mixed => b"=_m_",
        Container::Alternative => b"=_a_",
        Container::Related => b"=_r_",
    };
    push(line, mark);
    for octet in message.message_id.left().bytes().rev().take(BOUNDARY) {
        // RFC 2046 5.1.1: bchars are fewer than atext.
        push(line, &[if octet.is_ascii_alphanumeric() { octet } else { b'.' }]);
    }
    push(line, b"_");
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

/// How many octets of the message identifier are in a boundary.
const BOUNDARY: usize = 30;

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use crate::message::{Address, DateTime, Field};
    use crate::unit_tests_macro::STRIDE;

    type Octets = heapless::Vec<u8, 4096>;

    /// Composes for a way that carries `allowed`, in pulls of `size` octets; exactly as many as were said.
    fn compose(message: Message<'_>, allowed: Transfer, size: usize) -> Result<(Octets, Content), Error> {
        let mut composer = Composer::new(message)?;
        let content = composer.open(allowed, true)?;
        let mut whole = Octets::new();
        let mut buffer = [0; 4096];
        loop {
            match composer.pull(&mut buffer[..size])? {
                0 => break,
                count => assert!(whole.extend_from_slice(&buffer[..count]).is_ok()),
            }
        }
        assert_eq!(content.octets, Some(whole.len() as u64));
        Ok((whole, content))
    }

    fn mailbox<'a>(name: Option<&'a str>, address: &'a str) -> Mailbox<'a> {
        Mailbox {
            name,
            address: Address::parse_utf8(address).expect("it is an address"),
        }
    }

    fn message<'a>(from: &'a [Mailbox<'a>], body: Body<'a>) -> Message<'a> {
        let date = DateTime::from_unix(0, 0).expect("it is in range");
        Message::new(
            from,
            date,
            MessageId::new("1.gate", "mail.test").expect("it is one"),
            body,
        )
    }

    fn check(octets: &[u8], expected: &[&str]) {
        let mut rest = octets;
        for part in expected {
            let (head, tail) = rest.split_at(part.len().min(rest.len()));
            assert_eq!(core::str::from_utf8(head), Ok(*part));
            rest = tail;
        }
        assert_eq!(rest, b"");
    }

    const HEADER: &str =
        "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\nFrom: <gate@[192.168.77.1]>\r\nMessage-ID: <1.gate@mail.test>\r\n";

    tests! {
        fn the_least_mail() {
            let from = [mailbox(None, "gate@[192.168.77.1]")];
            let texts = [Text::plain("eth0 is down\nsince noon")];
            let (octets, content) = compose(message(&from, Body::texts(&texts)), Transfer::SevenBit, 4096).expect("it can be written");
            assert_eq!((content.transfer, content.utf8), (Transfer::SevenBit, false));
            check(&octets, &[
                HEADER,
                "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n",
                "eth0 is down\r\nsince noon\r\n",
            ]);
        }

        fn every_field_of_the_header() {
            let from = [mailbox(Some("Gatepost, at home"), "gate@mail.test"), mailbox(None, "b@mail.test")];
            let to = [mailbox(None, "alice@mail.test"), mailbox(Some("B\u{f6}b"), "bob@mail.test")];
            let others = [mailbox(Some("Carol"), "carol@mail.test")];
            let ids = [MessageId::new("7", "a").expect("one"), MessageId::new("8", "[192.0.2.1]").expect("one")];
            let fields = [Field::new("X-Gate", "eth0 d\u{f6}wn").expect("one"), Field::new("Auto-Submitted", "auto-generated").expect("one")];
            let (octets, _) = compose(Message {
                sender: Some(others[0]),
                reply_to: &others,
                to: &to,
                cc: &others,
                subject: "uplink down",
                in_reply_to: &ids[..1],
                references: &ids,
                fields: &fields,
                ..message(&from, Body::texts(&[]))
            }, Transfer::SevenBit, 4096).expect("it can be written");
            check(&octets, &[
                "Date: Thu, 1 Jan 1970 00:00:00 +0000\r\nFrom: \"Gatepost, at home\" <gate@mail.test>,\r\n <b@mail.test>\r\n",
                "Sender: Carol <carol@mail.test>\r\nReply-To: Carol <carol@mail.test>\r\n",
                "To: <alice@mail.test>,\r\n =?utf-8?Q?B=C3=B6b?= <bob@mail.test>\r\nCc: Carol <carol@mail.test>\r\n",
                "Message-ID: <1.gate@mail.test>\r\nIn-Reply-To: <7@a>\r\nReferences: <7@a>\r\n <8@[192.0.2.1]>\r\n",
                "Subject: uplink down\r\nX-Gate: =?utf-8?Q?eth0_d=C3=B6wn?=\r\nAuto-Submitted: auto-generated\r\n",
                "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n",
            ]);
        }

        fn every_container() {
            let from = [mailbox(None, "gate@[192.168.77.1]")];
            let texts = [Text::plain("--=_m_"), Text::html("<img src=cid:1@g>"), Text { subtype: "calendar; method=REQUEST", text: "BEGIN" }];
            let (mut image, mut log): (&[u8], &[u8]) = (b"\x89PNG", b"foobar");
            let mut inline = [Part::new("", "image/png", &mut image).inline(MessageId::new("1", "g").expect("one"))];
            let mut attachments = [Part::new("log.txt", "text/plain", &mut log)];
            let body = Body::Parts { texts: &texts, inline: &mut inline, attachments: &mut attachments };
            let (octets, _) = compose(message(&from, body), Transfer::SevenBit, 4096).expect("it can be written");
            check(&octets, &[
                HEADER,
                "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_m_etag.1_\"\r\n",
                "\r\n--=_m_etag.1_\r\nContent-Type: multipart/alternative; boundary=\"=_a_etag.1_\"\r\n",
                "\r\n--=_a_etag.1_\r\nContent-Type: text/plain; charset=us-ascii\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
                "--=3D_m_\r\n",
                "\r\n--=_a_etag.1_\r\nContent-Type: multipart/related; boundary=\"=_r_etag.1_\"\r\n",
                "\r\n--=_r_etag.1_\r\nContent-Type: text/html; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n",
                "<img src=cid:1@g>\r\n",
                "\r\n--=_r_etag.1_\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: inline\r\n",
                "Content-ID: <1@g>\r\n\r\niVBORw==\r\n",
                "\r\n--=_r_etag.1_--\r\n",
                "\r\n--=_a_etag.1_\r\nContent-Type: text/calendar; method=REQUEST; charset=us-ascii\r\nContent-Transfer-Encoding: 7bit\r\n\r\n",
                "BEGIN\r\n",
                "\r\n--=_a_etag.1_--\r\n",
                "\r\n--=_m_etag.1_\r\nContent-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n",
                "Content-Disposition: attachment;\r\n filename=\"log.txt\"\r\n\r\nZm9vYmFy\r\n",
                "\r\n--=_m_etag.1_--\r\n",
            ]);
        }

        fn any_pull_size_gives_the_same_octets() {
            let from = [mailbox(Some("J\u{fc}rgen"), "j\u{fc}rgen@mail.test")];
            let content = [0xa5u8; 300];
            for allowed in [Transfer::SevenBit, Transfer::EightBit, Transfer::Binary] {
                let compose_by = |size: usize| {
                    let mut content = &content[..];
                    let mut ready: &[u8] = b"Subject: inner\r\n\r\ntext\r\n";
                    let texts = [Text::plain("J\u{fc}rgen\r\n\n.\r"), Text::html("\u{7f51}")];
                    let mut attachments = [Part::new("\u{fc}.bin", "application/octet-stream", &mut content), Part::new("", "message/rfc822", &mut ready)];
                    compose(message(&from, Body::with_attachments(&texts, &mut attachments)), allowed, size)
                };
                let whole = compose_by(4096).expect("it can be written");
                assert!(whole.0.ends_with(b"\r\n--=_m_etag.1_--\r\n"));
                assert_eq!((whole.1.transfer, whole.1.utf8), (allowed, true));
                for size in (1..=whole.0.len()).step_by(STRIDE * STRIDE) {
                    assert_eq!(compose_by(size).as_ref(), Ok(&whole));
                }
            }
        }

        fn a_body_that_is_ready_is_not_touched() {
            let from = [mailbox(None, "gate@[192.168.77.1]")];
            const READY: &str = "Content-Type: application/pkcs7-mime; name=smime.p7m\r\nContent-Transfer-Encoding: base64\r\n\r\nMIIB\r\n";
            let mut ready = READY.as_bytes();
            let (octets, _) = compose(message(&from, Body::Ready(&mut ready)), Transfer::SevenBit, 7).expect("it can be written");
            check(&octets, &[HEADER, "MIME-Version: 1.0\r\n", READY]);
        }

        fn a_body_that_is_ready_counts_its_line_ends_as_they_leave() {
            let from = [mailbox(None, "gate@mail.test")];
            let said = |mut ready: &[u8]| {
                Composer::new(message(&from, Body::Ready(&mut ready))).and_then(|mut composer| composer.open(Transfer::SevenBit, false))
            };
            let crlf = said(b"Content-Type: a/b\r\n\r\nup\r\n").expect("memory can be opened");
            let lf = said(b"Content-Type: a/b\n\nup").expect("memory can be opened");
            assert_eq!((lf.octets, crlf.octets), (crlf.octets, crlf.raw));
            assert_eq!(lf.raw.map(|raw| raw + 4), crlf.raw);
        }

        fn a_source_of_unknown_length_makes_the_whole_unknown() {
            struct Endless(usize);
            impl Source for Endless {
                fn pull(&mut self, out: &mut [u8]) -> Result<usize, Error> {
                    self.0 = self.0.checked_sub(1).ok_or(Error::Source)?;
                    out.fill(0);
                    Ok(out.len())
                }
            }
            let from = [mailbox(None, "gate@mail.test")];
            let mut source = Endless(3);
            let mut attachments = [Part::new("", "a/b", &mut source)];
            let mut composer = Composer::new(message(&from, Body::with_attachments(&[], &mut attachments))).expect("it can be written");
            let content = Content { transfer: Transfer::SevenBit, utf8: false, octets: None, raw: None };
            assert_eq!(composer.open(Transfer::Binary, false), Ok(content));
            let mut buffer = [0; 100];
            while composer.pull(&mut buffer).is_ok() {}
            assert_eq!(composer.pull(&mut buffer), Err(Error::Source), "an error stays");
        }

        fn what_cannot_be_written_is_refused() {
            let from = [mailbox(None, "gate@mail.test"), mailbox(None, "b@mail.test")];
            let bad = [mailbox(Some("a\nb"), "b@mail.test")];
            let refused = |message: Message<'_>| Composer::new(message).map(|_| ()).err();
            let plain = || message(&from[..1], Body::texts(&[]));
            assert_eq!(refused(plain()), None);
            assert_eq!(refused(Message { from: &[], ..plain() }), Some(Error::NoOriginator));
            assert_eq!(refused(Message { from: &from, ..plain() }), Some(Error::NoOriginator));
            assert_eq!(refused(Message { from: &from, sender: Some(from[0]), ..plain() }), None);
            assert_eq!(refused(Message { subject: "a\r\nBcc: b@c", ..plain() }), Some(Error::Subject));
            for list in [Message { cc: &bad, ..plain() }, Message { reply_to: &bad, ..plain() }, Message { sender: Some(bad[0]), ..plain() }] {
                assert_eq!(refused(list), Some(Error::DisplayName));
            }
            let file = |name: &str, media_type: &str| {
                let mut content: &[u8] = b"";
                let mut attachments = [Part::new(name, media_type, &mut content)];
                refused(message(&from[..1], Body::with_attachments(&[], &mut attachments)))
            };
            assert_eq!((file("name", "text/plain"), file("a\r\nb", "text/plain"), file("a", "te\r\nxt/plain")),
                (None, Some(Error::FileName), Some(Error::MediaType)));
            assert_eq!(refused(message(&from[..1], Body::texts(&[Text { subtype: "a\r\nb", text: "" }]))), Some(Error::MediaType));
            let mut content: &[u8] = b"";
            let mut inline = [Part::new("", "image/png", &mut content)];
            let body = Body::Parts { texts: &[Text::html("")], inline: &mut inline, attachments: &mut [] };
            assert_eq!(refused(message(&from[..1], body)), Some(Error::Inline));
        }
    }
}
