//! What a mail is made of: addresses, header fields, dates, transfer encodings, and the composer that streams it.
//!
//! ```text
//! Message --Composer--> octets, CRLF lines of at most 998 octets, 7bit      (RFC 5322, RFC 2045-2047, RFC 2231)
//! ```
//!
//! Nothing here is ever held as a whole: a [`Composer`] keeps one line, whatever the size of text and attachment.

pub(crate) mod address;
pub(crate) mod composer;
pub(crate) mod date;
#[cfg(feature = "dkim")]
pub mod dkim;
mod error;
pub(crate) mod header;
#[expect(clippy::module_inception, reason = "it holds the message itself")]
pub(crate) mod message;
pub(crate) mod parameter;
pub(crate) mod transfer;

pub use address::{Address, Mailbox};
pub use composer::Composer;
pub use date::DateTime;
pub use error::Error;
pub use message::{Body, Field, Message, MessageId, Part, Text};

/// What octets a way carries, or what a content needs; ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transfer {
    /// ASCII lines of at most 998 octets (RFC 5321 2.4).
    SevenBit,
    /// Lines of at most 998 octets of any value but NUL (RFC 6152).
    EightBit,
    /// Any octets (RFC 3030).
    Binary,
}

/// What a [`Source`] is about to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// What the way must carry.
    pub transfer: Transfer,
    /// The header section holds UTF-8 (RFC 6532), so the way must know SMTPUTF8.
    pub utf8: bool,
    /// How many octets, if that is known: exactly, with CRLF for every line end, also behind the last line, and before
    /// dots are doubled. With [`Transfer::Binary`] it is known.
    pub octets: Option<u64>,
    /// How many octets will be pulled, as they are, if that is known: what a file within a mail needs.
    pub raw: Option<u64>,
}

/// Where mail data, or the content of an attachment, comes from.
pub trait Source {
    /// Called once before the first pull: what the way carries, and whether it knows SMTPUTF8; says what will come.
    ///
    /// A source that cannot be written for that way says what it needs, and is not pulled.
    fn open(&mut self, allowed: Transfer, utf8: bool) -> Result<Content, Error> {
        let _ = (allowed, utf8);
        Ok(Content {
            transfer: Transfer::SevenBit,
            utf8: false,
            octets: None,
            raw: None,
        })
    }

    /// Writes the next octets to the front of `out`, which is not empty, and says how many; 0 means: complete.
    ///
    /// An error is final; a session whose source failed leaves without the end of the mail data.
    fn pull(&mut self, out: &mut [u8]) -> Result<usize, Error>;
}

impl<S: Source + ?Sized> Source for &mut S {
    fn open(&mut self, allowed: Transfer, utf8: bool) -> Result<Content, Error> {
        (**self).open(allowed, utf8)
    }

    fn pull(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        (**self).pull(out)
    }
}

/// Octets in memory; what was pulled is taken off the front.
impl Source for &[u8] {
    /// Octets beyond ASCII need [`Transfer::EightBit`]; a header section among them is taken for ASCII.
    fn open(&mut self, _: Transfer, _: bool) -> Result<Content, Error> {
        // A line end is a CR, an LF, or both as CRLF; each becomes two octets.
        let ends = self.iter().filter(|octet| matches!(octet, b'\r' | b'\n')).count();
        let pairs = self.windows(2).filter(|pair| *pair == b"\r\n").count();
        // Neither of a pair stands alone.
        let alone = ends.saturating_sub(pairs).saturating_sub(pairs);
        let open = !matches!(self.last(), None | Some(b'\r' | b'\n'));
        let ascii = self.is_ascii();
        let added = alone as u64 + if open { 2 } else { 0 };
        Ok(Content {
            transfer: if ascii { Transfer::SevenBit } else { Transfer::EightBit },
            utf8: false,
            octets: Some(self.len() as u64 + added),
            raw: Some(self.len() as u64),
        })
    }

    fn pull(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let count = self.len().min(out.len());
        let (head, tail) = self.split_at(count);
        out[..count].copy_from_slice(head);
        *self = tail;
        Ok(count)
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    tests! {
        fn octets_in_memory_say_how_many_they_will_be() {
            let check = |mut data: &[u8], transfer, octets| {
                let content = data.open(Transfer::Binary, true);
                let raw = Some(data.len() as u64);
                assert_eq!(content, Ok(Content { transfer, utf8: false, octets: Some(octets), raw }));
            };
            check(b"", Transfer::SevenBit, 0);
            check(b"a", Transfer::SevenBit, 3);
            check(b"a\r\nb\r\n", Transfer::SevenBit, 6);
            check(b"a\nb\r", Transfer::SevenBit, 6);
            check(b"\n\r\r\n\n", Transfer::SevenBit, 8);
            check(b"\xe4\r\n", Transfer::EightBit, 3);
        }
    }
}
