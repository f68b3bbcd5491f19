//! The SMTP client: replies in, commands and mail data out (RFC 5321).
//!
//! One [`Session`] is one connection and one mail transaction:
//!
//! ```text
//! greeting -> EHLO (or HELO) -> [STARTTLS -> TLS by the caller -> EHLO] -> [AUTH] -> MAIL -> RCPT ...
//!          -> DATA -> mail data, pulled from a `Source` -> end of data -> 250: Accepted -> QUIT -> Closed
//! ```
//!
//! A refusal on this way is remembered, QUIT is said, and then it is the error. What breaks the protocol, and a
//! source that fails, is an error at once: nothing more is sent, above all no final dot.
//!
//! [`Event::Accepted`] has one cause: a 250 that was read after the last octet of the end of data was handed to the
//! transport. A reply that comes together with the one before it is not an answer but a breach of protocol.

pub(crate) mod command;
mod error;
pub(crate) mod extension;
pub(crate) mod reply;
pub mod sasl;
pub(crate) mod session;
pub(crate) mod transparency;

pub use error::{Error, Phase};
pub use extension::Keyword;
pub use reply::{Reply, ReplyCode};
pub use session::Session;

use crate::message::Address;
use core::fmt;

/// Who the client is, and how far it trusts the network.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// The argument of EHLO: the client's domain name or address literal such as `[192.168.77.10]` (RFC 5321 4.1.4).
    pub client: &'a str,
    /// Where TLS begins.
    pub security: Security,
    /// With whose name and password the client submits (AUTH PLAIN), if at all.
    pub credentials: Option<Credentials<'a>>,
}

/// Where TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// By STARTTLS, which the server must offer; nothing but EHLO is said before (RFC 3207).
    StartTls,
    /// Before the first octet: the caller connected through TLS (RFC 8314).
    Implicit,
    /// Nowhere. A session with credentials is refused.
    Plain,
    /// Nowhere, and the password crosses the network in the clear; for a relay on the same machine, and for tests.
    PlainWithPassword,
}

/// The name and password of AUTH PLAIN (RFC 4616); neither may hold a NUL. `Debug` shows no password.
#[derive(Clone, Copy)]
pub struct Credentials<'a> {
    /// The authentication identity.
    pub user: &'a str,
    /// The password.
    pub password: &'a str,
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// From whom and to whom; what the header says is another matter.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// Where failures are reported to; `None` is the null path `<>` of a report itself.
    pub reverse_path: Option<Address<'a>>,
    /// Who receives the mail; each has its own outcome. Not empty.
    pub recipients: &'a [Address<'a>],
}

/// The buffers a session works in; [`Error::Storage`] says how large they must be.
pub struct Storage<'b> {
    /// For replies; what does not fit is cut from their text, never from their meaning. At least 128 octets.
    pub receive: &'b mut [u8],
    /// For commands and mail data; at least 64 octets and the longest command.
    pub transmit: &'b mut [u8],
}

/// What a session reports; [`Session::reply`] has the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server is ready for TLS: put it under the transport, then call [`Session::secured`].
    StartTls,
    /// The server answered for a recipient; a negative code refuses this one only.
    Recipient {
        /// Its place in [`Envelope::recipients`].
        index: usize,
        /// Positive if the mail will reach it.
        code: ReplyCode,
    },
    /// The server has taken the mail for every recipient that was not refused.
    Accepted,
    /// The session is over, after [`Event::Accepted`].
    Closed,
}
