//! The SMTP client: replies in, commands and mail data out (RFC 5321).
//!
//! One [`Session`] is one connection, which carries one mail transaction or several:
//!
//! ```text
//! greeting -> EHLO (or HELO) -> [STARTTLS -> TLS by the caller -> EHLO] -> [AUTH] -> Ready
//! Ready -> MAIL -> RCPT ... -> DATA or BDAT, pulled from a `Source` -> Accepted or Failed -> Ready ... -> QUIT -> Closed
//! ```
//!
//! Where the server knows PIPELINING, all that needs no answer first leaves at once: with CHUNKING, MAIL, RCPT, BDAT,
//! the mail data and QUIT. A session is ready for the next mail as soon as the mail data of the last were pulled.
//!
//! A mail that is refused is [`Event::Failed`], and the connection is good for another one. What breaks the protocol,
//! and a source that fails, is an error at once: nothing more is sent, above all no final dot.
//!
//! [`Event::Accepted`] has one cause: a 250 that was read after the last octet of the end of data was handed to the
//! transport. A positive reply that comes before its command is complete is no answer but a breach of protocol; a
//! negative one amid the mail data ends the session with it.

pub(crate) mod command;
mod error;
pub(crate) mod extension;
pub(crate) mod parameter;
pub(crate) mod reply;
pub mod sasl;
pub(crate) mod session;
pub(crate) mod transparency;

pub use error::{Error, Phase};
pub use extension::{Basic, Extensions, Full, Keyword, Profile};
pub use parameter::{Date, DeliverBy, EnvelopeId, Hold, Notify, Options, Priority, Recipient, Return};
pub use reply::{Reply, ReplyCode};
pub use session::Session;

use crate::message::Address;
use sasl::Mechanism;

/// Who the client is, and how far it trusts the network.
pub struct Config<'a> {
    /// The argument of EHLO: the client's domain name or address literal such as `[192.168.77.10]` (RFC 5321 4.1.4).
    pub client: &'a str,
    /// Where TLS begins.
    pub security: Security,
    /// What the server speaks.
    pub protocol: Protocol,
    /// How the client authenticates, at most 16, the preferred first; none: not at all.
    ///
    /// The first that the server lists is used; the next one where that is cancelled or too weak for the server.
    pub mechanisms: &'a mut [&'a mut dyn Mechanism],
}

/// Where TLS begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Security {
    /// By STARTTLS, which the server must offer; nothing but EHLO is said before (RFC 3207).
    StartTls,
    /// By STARTTLS if the server offers it, else nowhere: against listeners, not against who can change octets.
    StartTlsIfOffered,
    /// Before the first octet: the caller connected through TLS (RFC 8314).
    Implicit,
    /// Nowhere. No mechanism that reveals a password is used.
    Plain,
    /// Nowhere, and passwords cross the network in the clear; for a relay on the same machine, and for tests.
    PlainWithPassword,
}

/// What the server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 5321.
    Smtp,
    /// RFC 2033: LHLO, and after the mail data a reply for each recipient. Needs [`Profile::LMTP`].
    Lmtp,
}

/// From whom and to whom; what the header says is another matter.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// Where failures are reported to; `None` is the null path `<>` of a report itself.
    pub reverse_path: Option<Address<'a>>,
    /// Who receives the mail; each has its own outcome. 1 to 65,535.
    pub recipients: &'a [Recipient<'a>],
    /// What else is asked of the server.
    pub options: Options<'a>,
}

/// The buffers a session works in; [`Error::Storage`] says how large they must be.
pub struct Storage<'b> {
    /// For replies; what does not fit is cut from their text, never from their meaning. At least 64 octets; 128 take
    /// the longest usual line of an EHLO reply, and what is cut from one is not offered.
    pub receive: &'b mut [u8],
    /// For commands and mail data; at least 64 octets and the longest command.
    pub transmit: &'b mut [u8],
    /// For LMTP one bit a recipient; else empty.
    pub accepted: &'b mut [u8],
}

/// What a session reports; [`Session::reply`] has the text.
///
/// Of two mails on the way, what is reported belongs to the older one until it is Accepted or Failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The server is ready for TLS: put it under the transport, then call [`Session::secured`].
    StartTls,
    /// [`Session::mail`] can take the next mail. Driven on without one, the session says QUIT.
    ///
    /// The verdict on the mail before may still be awaited: see [`Session::wait`].
    Ready,
    /// The server answered for a recipient; a negative code refuses this one only.
    Recipient {
        /// Its place in [`Envelope::recipients`].
        index: usize,
        /// Positive if the mail will reach it.
        code: ReplyCode,
    },
    /// The recipients from this place on are more than the server takes at once (RFC 9422): send them another copy.
    Deferred {
        /// The place in [`Envelope::recipients`].
        from: usize,
    },
    /// LMTP: what became of the mail for a recipient that was not refused.
    Delivered {
        /// Its place in [`Envelope::recipients`].
        index: usize,
        /// Positive if it was delivered.
        code: ReplyCode,
    },
    /// The server has taken the mail for every recipient that was not refused; by LMTP, for one at least.
    Accepted,
    /// This mail was taken for nobody; the connection lives on.
    Failed(Error),
    /// The session is over.
    Closed,
}

/// One line of the conversation, as it may be shown: without the CRLF, and without any secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// A command; of AUTH only the mechanism.
    Client(&'a [u8]),
    /// A response of AUTH, which is not shown.
    Secret,
    /// A line of a reply, as it came and cut to the buffer; of AUTH only the code.
    Server(ReplyCode, &'a [u8]),
    /// So many octets of mail data were written, transparency and the final dot included.
    MailData(u64),
}

/// Is told what is said on the connection.
pub trait Transcript {
    /// The next line.
    fn line(&mut self, line: Line<'_>);
}
