//! Why the device gave up: one line that names the cause and the place.

use core::fmt;
use core::net::SocketAddrV4;
use gatepost_core::dash::{self, TrackError};
use gatepost_core::http::{self, UrlError};
use gatepost_core::io::smoltcp as tcp;
use gatepost_core::{message, smtp, tls};
use heapless::String;

/// Why the device gave up. No variant holds a secret.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The word at this place, from 1, has no known key, has it for the second time, or is not `key=value`.
    Word {
        /// Which word.
        place: usize,
    },
    /// The value of this key cannot be used.
    Argument {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        why: &'static str,
    },
    /// The value of this key holds an address that is none.
    Address {
        /// The key.
        key: &'static str,
        /// The rule that it breaks.
        error: message::Error,
    },
    /// The board lacks something.
    Board(&'static str),
    /// The network gave no address.
    Network(&'static str),
    /// The mail was not submitted, or not to every recipient.
    Mail {
        /// The submission server.
        server: SocketAddrV4,
        /// What happened there.
        cause: MailError,
    },
    /// The stream was not played.
    Stream {
        /// What was being fetched.
        part: Part,
        /// What happened to it.
        cause: StreamError,
    },
    /// The console takes no more text.
    Console,
}

/// Why a mail was not submitted.
#[derive(Debug)]
pub enum MailError {
    /// It could not be composed.
    Message(message::Error),
    /// No connection.
    Connect(tcp::Error),
    /// No verified TLS.
    Handshake(tls::Error),
    /// The connection failed.
    Tcp(smtp::Phase, tcp::Error),
    /// The secured connection failed.
    Tls(smtp::Phase, tls::Error),
    /// The session failed; what the server said last, if that is the reason.
    Smtp(smtp::Error, String<REPLY>),
    /// Accepted, but not for every recipient; the console has the replies.
    Recipients {
        /// How many were refused.
        refused: usize,
        /// How many there were.
        of: usize,
    },
}

/// A part of a stream.
#[derive(Debug)]
pub enum Part {
    /// The MPD.
    Mpd,
    /// A media segment, or what initializes its Representation.
    Segment {
        /// What `$Number$` stands for.
        number: u64,
        /// Its Representation; 0 is the lowest.
        representation: usize,
    },
}

/// Why a part of a stream was not fetched.
#[derive(Debug)]
pub enum StreamError {
    /// Its URL is none.
    Url(UrlError),
    /// Its server speaks TLS.
    Https,
    /// Its server has a name instead of an IPv4 address.
    Host,
    /// No connection.
    Connect(tcp::Error),
    /// The connection failed.
    Tcp(tcp::Error),
    /// The exchange failed.
    Http(http::Error),
    /// The server answered with another status than 200.
    Status(u16),
    /// The MPD is wrong.
    Mpd(dash::Error),
    /// The MPD does not tell how to play it.
    Track(TrackError),
}

impl StreamError {
    /// Whether the same request over a new connection may fare better.
    pub(super) fn is_broken_off(&self) -> bool {
        matches!(
            self,
            Self::Tcp(_) | Self::Http(http::Error::HeadTruncated { .. } | http::Error::BodyTruncated { .. })
        )
    }
}

/// How much of a reply an error quotes, in octets.
pub(super) const REPLY: usize = 80;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word { place } => write!(f, "argument {place}: not key=value, unknown, or said before"),
            Self::Argument { key, why } => write!(f, "argument {key}: {why}"),
            Self::Address { key, error } => write!(f, "argument {key}: {error}"),
            Self::Board(what) => write!(f, "board: {what}"),
            Self::Network(what) => write!(f, "net: {what}"),
            Self::Mail { server, cause } => write!(f, "mail: {server}: {cause}"),
            Self::Stream { part, cause } => write!(f, "stream: {part}: {cause}"),
            Self::Console => f.write_str("console: it takes no more text"),
        }
    }
}

impl fmt::Display for MailError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(error) => error.fmt(f),
            Self::Connect(error) => write!(f, "connect: {error}"),
            Self::Handshake(error) => write!(f, "handshake: {error}"),
            Self::Tcp(phase, error) => write!(f, "smtp: {phase}: {error}"),
            Self::Tls(phase, error) => write!(f, "smtp: {phase}: {error}"),
            Self::Smtp(error, reply) if reply.is_empty() => error.fmt(f),
            Self::Smtp(error, reply) => write!(f, "{error}: {reply}"),
            Self::Recipients { refused, of } => write!(f, "{refused} of {of} recipients refused"),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mpd => f.write_str("MPD"),
            Self::Segment { number, representation } => {
                write!(f, "segment {number} of representation {representation}")
            }
        }
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::Https => f.write_str("https is not spoken here, only http"),
            Self::Host => f.write_str("the host is not an IPv4 address; names are not resolved here"),
            Self::Connect(error) => write!(f, "connect: {error}"),
            Self::Tcp(error) => error.fmt(f),
            Self::Http(error) => error.fmt(f),
            Self::Status(status) => write!(f, "http: status {status}"),
            Self::Mpd(error) => error.fmt(f),
            Self::Track(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for Error {}

impl From<fmt::Error> for Error {
    fn from(_: fmt::Error) -> Self {
        Self::Console
    }
}
