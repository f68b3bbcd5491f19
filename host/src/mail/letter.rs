//! A letter that outlives its delivery: owned, so that it can wait and be sent again with the same identifier.

use super::Failure;
use gatepost_core::message::{
    self, Address, Body, Composer, Content, DateTime, Mailbox, Message, MessageId, Part, Source, Text, Transfer,
};
use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Who, to whom, about what, when; addresses are checked on construction.
#[derive(Clone, Debug)]
pub struct Letter {
    from: String,
    to: Vec<String>,
    /// Those of `to` who do not have it yet.
    recipients: Vec<String>,
    subject: String,
    text: String,
    attachment: Option<Attachment>,
    date: DateTime,
    identifier: String,
}

/// A file that travels with the text, read while it is sent.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Where it is.
    pub path: PathBuf,
    /// `type/subtype`.
    pub media_type: String,
}

impl Letter {
    /// Completes a letter now: gives it its Date and its Message-ID, and checks what it can.
    pub fn new(
        from: String,
        to: Vec<String>,
        subject: String,
        text: String,
        attachment: Option<Attachment>,
    ) -> Result<Self, Failure> {
        for text in to.iter().chain([&from]) {
            address(text)?;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let letter = Self {
            from,
            recipients: to.clone(),
            to,
            subject,
            text,
            attachment,
            date: DateTime::from_unix(seconds, 0).map_err(|error| refuse("the clock", error))?,
            identifier: unique(now),
        };
        // Whatever the composer would refuse is refused now, before anybody is connected to.
        letter.with_composer(&mut &b""[..], |_| ())?;
        Ok(letter)
    }

    /// The reverse-path: where the letter comes from.
    pub fn from(&self) -> Address<'_> {
        Address::parse(&self.from).expect(CHECKED)
    }

    /// Who is to receive it, in the order they were given.
    pub fn recipients(&self) -> Vec<Address<'_>> {
        parsed(&self.recipients)
    }

    /// Only these do not have it yet; the header still names all.
    pub fn keep(&mut self, recipients: &[&str]) {
        self.recipients
            .retain(|recipient| recipients.contains(&recipient.as_str()));
    }

    /// What it is about.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Opens the attachment and gives the letter as mail data to `act`; names the file if it fails meanwhile.
    pub fn compose<R>(&self, act: impl FnOnce(Composer<'_>) -> Result<R, Failure>) -> Result<R, Failure> {
        let Some(attachment) = &self.attachment else {
            return self.with_composer(&mut &b""[..], act)?;
        };
        let mut source = FileSource::open(&attachment.path)?;
        let outcome = self.with_composer(&mut source, act)?;
        match source.failure {
            Some(failure) => Err(failure),
            None => outcome,
        }
    }

    fn with_composer<R>(&self, content: &mut dyn Source, act: impl FnOnce(Composer<'_>) -> R) -> Result<R, Failure> {
        let from = self.from();
        let to: Vec<Mailbox<'_>> = parsed(&self.to).into_iter().map(Mailbox::from).collect();
        let name = self.attachment.as_ref().map(|attachment| file_name(&attachment.path));
        let mut attachment = self
            .attachment
            .as_ref()
            .zip(name.as_deref())
            .map(|(attachment, name)| Part::new(name, &attachment.media_type, content));
        let texts = [Text::plain(&self.text)];
        let originator = [Mailbox::from(from)];
        let message_id = MessageId::new(&self.identifier, from.domain()).map_err(|error| refuse(&self.from, error))?;
        let body = Body::with_attachments(&texts, attachment.as_mut_slice());
        let composer = Composer::new(Message {
            to: &to,
            subject: &self.subject,
            ..Message::new(&originator, self.date, message_id, body)
        })
        .map_err(|error| refuse("the letter", error))?;
        Ok(act(composer))
    }
}

/// The left half of a message identifier.
///
/// Random keys of the standard library's hasher make it unique without a random source of our own.
pub(super) fn unique(now: Duration) -> String {
    format!("{:x}.{:x}", now.as_nanos(), RandomState::new().hash_one(now))
}

/// Checks an address; the failure shows it.
fn address(text: &str) -> Result<Address<'_>, Failure> {
    Address::parse(text).map_err(|error| refuse(&format!("{text:?}"), error))
}

fn parsed(addresses: &[String]) -> Vec<Address<'_>> {
    addresses
        .iter()
        .map(|text| Address::parse(text).expect(CHECKED))
        .collect()
}

fn refuse(part: &str, error: message::Error) -> Failure {
    Failure::Letter {
        part: part.to_owned(),
        error,
    }
}

fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Pulls a file; remembers why it failed, which the composer's error has no room for.
struct FileSource<'a> {
    path: &'a Path,
    file: File,
    failure: Option<Failure>,
}

impl<'a> FileSource<'a> {
    fn open(path: &'a Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        Ok(Self {
            path,
            file,
            failure: None,
        })
    }
}

impl Source for FileSource<'_> {
    /// A regular file says its length; what has none, or grows, is sent all the same.
    fn open(&mut self, _: Transfer, _: bool) -> Result<Content, message::Error> {
        let regular = self.file.metadata().ok().filter(std::fs::Metadata::is_file);
        Ok(Content {
            transfer: Transfer::Binary,
            utf8: false,
            octets: None,
            raw: regular.map(|metadata| metadata.len()),
        })
    }

    fn pull(&mut self, out: &mut [u8]) -> Result<usize, message::Error> {
        loop {
            match self.file.read(out) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.failure = Some(unreadable(self.path, &error));
                    return Err(message::Error::Source);
                }
                Ok(count) => return Ok(count),
            }
        }
    }
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    Failure::Input(format!("{}: {error}", path.display()))
}

/// Why an address of a letter can be parsed.
const CHECKED: &str = "Letter::new has parsed it";
