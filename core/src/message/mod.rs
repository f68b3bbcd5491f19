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
mod error;
pub(crate) mod header;
pub(crate) mod parameter;
pub(crate) mod transfer;

pub use address::{Address, Mailbox};
pub use composer::{Attachment, Composer, Message, MessageId};
pub use date::DateTime;
pub use error::Error;

/// Where mail data, or the content of an attachment, comes from.
pub trait Source {
    /// Writes the next octets to the front of `out`, which is not empty, and says how many; 0 means: complete.
    ///
    /// An error is final; a session whose source failed leaves without the end of the mail data.
    fn pull(&mut self, out: &mut [u8]) -> Result<usize, Error>;
}

impl<S: Source + ?Sized> Source for &mut S {
    fn pull(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        (**self).pull(out)
    }
}

/// Octets in memory; what was pulled is taken off the front.
impl Source for &[u8] {
    fn pull(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let count = self.len().min(out.len());
        let (head, tail) = self.split_at(count);
        out[..count].copy_from_slice(head);
        *self = tail;
        Ok(count)
    }
}
