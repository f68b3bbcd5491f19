//! The HTTP/1.1 client: one request and its response at a time over a kept-alive connection (RFC 9110, 9112).

pub(crate) mod body;
pub(crate) mod exchange;
pub(crate) mod head;
pub(crate) mod request;
pub(crate) mod url;

pub use exchange::{Event, Exchange};
pub use request::Request;
pub use url::{Scheme, Url, UrlBuffer, UrlError};

use core::fmt;

/// Why an exchange stopped. Every one of them leaves a connection that must not be used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The lent buffer cannot hold the request, which needs this many octets.
    Storage {
        /// The least length of a buffer for this request.
        needed: usize,
    },
    /// The peer closed before the head's end, after this many octets of it.
    HeadTruncated {
        /// Octets of the head that arrived.
        received: u64,
    },
    /// The head has not ended within [`HEAD_LIMIT`] octets.
    HeadTooLong,
    /// A status line or a field that decides about the body is longer than the lent buffer.
    LineTooLong,
    /// The first line is not an HTTP/1.x status line.
    StatusLine,
    /// A line of the head is not a field, or it hides one.
    Field,
    /// Content-Length is no number, or stands twice.
    ContentLength,
    /// A transfer coding other than chunked, or one beside Content-Length: where the body ends is in doubt.
    TransferEncoding,
    /// The server encoded the content although only `identity` was acceptable.
    ContentEncoding,
    /// The server switched to a protocol that nobody asked for.
    SwitchingProtocols,
    /// What stands after this many octets of the body is not a chunk.
    Chunk {
        /// Octets of the body that arrived before.
        received: u64,
    },
    /// The peer closed before the body's end.
    BodyTruncated {
        /// Octets of the body that arrived.
        received: u64,
        /// Octets that Content-Length announced.
        announced: Option<u64>,
    },
    /// The exchange is over; the next one needs a new [`Exchange`].
    Finished,
}

/// The most octets that a response's head may have, interim responses included.
pub const HEAD_LIMIT: u64 = 32 * 1024;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Storage { needed } => write!(f, "http: the buffer is too small, the request needs {needed} octets"),
            Self::HeadTruncated { received } => {
                write!(
                    f,
                    "http: the connection closed within the response's head, after {received} octets"
                )
            }
            Self::HeadTooLong => write!(f, "http: the response's head does not end within {HEAD_LIMIT} octets"),
            Self::LineTooLong => f.write_str("http: a line of the response's head is longer than the buffer"),
            Self::StatusLine => f.write_str("http: the response does not begin with an HTTP/1 status line"),
            Self::Field => f.write_str("http: malformed field in the response's head"),
            Self::ContentLength => f.write_str("http: Content-Length is malformed or repeated"),
            Self::TransferEncoding => f.write_str("http: the transfer coding is not chunked alone"),
            Self::ContentEncoding => f.write_str("http: the content is encoded although this was not acceptable"),
            Self::SwitchingProtocols => f.write_str("http: the server switched to another protocol"),
            Self::Chunk { received } => write!(f, "http: malformed chunk after {received} octets of the body"),
            Self::BodyTruncated {
                received,
                announced: Some(announced),
            } => {
                write!(
                    f,
                    "http: the connection closed after {received} of {announced} octets of the body"
                )
            }
            Self::BodyTruncated {
                received,
                announced: None,
            } => {
                write!(
                    f,
                    "http: the connection closed after {received} octets of a body that had not ended"
                )
            }
            Self::Finished => f.write_str("http: the exchange is over"),
        }
    }
}

impl core::error::Error for Error {}
