//! What a story lends to the session: sources and mechanisms that do as they are told, and a transcript.

use super::story::{Mail, Story, unescape};
use gatepost_core::message::{self, Content, Source, Transfer};
use gatepost_core::smtp::sasl::{self, Challenge, External, Login, Mechanism, OAuthBearer, Plain, XOAuth2};
use gatepost_core::smtp::{Line, Transcript};

/// The mail data of a story.
pub(crate) struct Data<'a> {
    mail: &'a Mail,
    rest: &'a [u8],
}

impl<'a> Data<'a> {
    pub(crate) fn new(mail: &'a Mail) -> Self {
        Self { mail, rest: &mail.data }
    }
}

impl Source for Data<'_> {
    fn open(&mut self, allowed: Transfer, utf8: bool) -> Result<Content, message::Error> {
        let content = self.rest.open(allowed, utf8)?;
        Ok(Content {
            transfer: self.mail.transfer.unwrap_or(content.transfer),
            utf8: self.mail.utf8,
            octets: self.mail.octets.unwrap_or(content.octets),
            raw: None,
        })
    }

    fn pull(&mut self, out: &mut [u8]) -> Result<usize, message::Error> {
        let given = self.mail.data.len() - self.rest.len();
        let left = self.mail.breaks_after.map_or(usize::MAX, |octets| octets - given);
        if left == 0 {
            return Err(message::Error::Source);
        }
        let count = out.len().min(left);
        self.rest.pull(&mut out[..count])
    }
}

/// The mechanisms of a story; `failures` lends each a buffer.
pub(crate) fn mechanisms<'a>(story: &'a Story, failures: &'a mut [[u8; 128]]) -> Vec<Box<dyn Mechanism + 'a>> {
    let mechanisms = story.mechanisms.iter().zip(failures);
    let make = |(words, failure): (&'a Vec<String>, &'a mut [u8; 128])| {
        let words: Vec<&'a str> = words.iter().map(String::as_str).collect();
        let made: Result<Box<dyn Mechanism + 'a>, sasl::Error> = match words[..] {
            ["PLAIN", user, password] => Plain::new(user, password).map(|made| Box::new(made) as _),
            ["LOGIN", user, password] => Login::new(user, password).map(|made| Box::new(made) as _),
            ["XOAUTH2", user, token] => XOAuth2::new(user, token, failure).map(|made| Box::new(made) as _),
            ["OAUTHBEARER", user, token] => OAuthBearer::new(user, token, failure).map(|made| Box::new(made) as _),
            ["EXTERNAL", identity] => External::new(identity).map(|made| Box::new(made) as _),
            [kind @ ("scripted" | "revealing" | "unproven"), name, ref messages @ ..] => Ok(Box::new(Scripted {
                kind,
                name: NAMES.iter().find(|known| **known == name).expect("one of the names"),
                messages: messages.iter().map(|text| (*text).to_owned()).collect(),
                next: 0,
            })),
            _ => panic!("{}: no mechanism {words:?}", story.name),
        };
        made.unwrap_or_else(|error| panic!("{}: {words:?}: {error}", story.name))
    };
    mechanisms.map(make).collect()
}

/// How a scripted mechanism may be called.
const NAMES: [&str; 3] = ["X-ONE", "X-TWO", "X-THREE"];

/// A mechanism that says what its story says, and cancels then.
struct Scripted<'a> {
    kind: &'a str,
    name: &'static str,
    messages: Vec<String>,
    next: usize,
}

impl Scripted<'_> {
    fn message(&mut self, out: &mut [u8]) -> Result<usize, sasl::Error> {
        let message = self.messages.get(self.next).ok_or(sasl::Error::Unexpected)?;
        self.next += 1;
        let octets = unescape(message).expect("the story writes it so");
        out.get_mut(..octets.len())
            .ok_or(sasl::Error::Storage)?
            .copy_from_slice(&octets);
        Ok(octets.len())
    }
}

impl Mechanism for Scripted<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn reveals_password(&self) -> bool {
        self.kind == "revealing"
    }

    fn start(&mut self, out: &mut [u8]) -> Result<Option<usize>, sasl::Error> {
        self.next = 0;
        if self.messages.first().is_some_and(|message| message == "-") {
            self.next = 1;
            return Ok(None);
        }
        self.message(out).map(Some)
    }

    fn respond(&mut self, challenge: Challenge<'_>, out: &mut [u8]) -> Result<usize, sasl::Error> {
        challenge.decode(&mut [0; 128])?;
        self.message(out)
    }

    fn proven(&self) -> bool {
        self.kind != "unproven"
    }

    fn longest(&self) -> usize {
        self.messages.iter().map(String::len).max().unwrap_or(0)
    }
}

/// Every line of a session, as a story tells it.
#[derive(Default)]
pub(crate) struct Lines(pub(crate) Vec<String>);

impl Transcript for Lines {
    fn line(&mut self, line: Line<'_>) {
        let text = |octets| String::from_utf8_lossy(octets).into_owned();
        self.0.push(match line {
            Line::Client(octets) => format!("> {}", text(octets)),
            Line::Secret => "> (secret)".to_owned(),
            Line::Server(code, octets) => format!("< {code} {}", text(octets)).trim_end().to_owned(),
            Line::MailData(count) => format!("> ({count} octets)"),
        });
    }
}
