//! Why a stream was not played to its end, in one line that names the URL.

use crate::net;
use gatepost_core::{dash, http};
use std::fmt;

/// Why something at a URL, or the output, failed.
#[derive(Debug)]
pub struct Failure {
    /// The URL, or the file.
    pub place: String,
    /// What is wrong with it.
    pub cause: Cause,
}

/// What is wrong.
#[derive(Debug)]
pub enum Cause {
    /// The command line makes no sense.
    Usage(String),
    /// It is no URL that can be requested.
    Url(http::UrlError),
    /// No connection.
    Connect(net::Error),
    /// No TLS, or a certificate that was refused.
    Handshake(net::Error),
    /// The connection was lost.
    Transport(net::Error),
    /// The response breaks the protocol, or was cut.
    Http(http::Error),
    /// The server answered, but not with the content.
    Status(u16),
    /// The manifest is malformed, cut, or of a kind that cannot be played.
    Manifest(dash::Error),
    /// The manifest was read, but cannot be followed.
    Track(dash::TrackError),
    /// The output could not be written.
    Output(std::io::Error),
}

impl Cause {
    /// At this URL or file.
    pub(super) fn at(self, place: impl Into<String>) -> Failure {
        Failure {
            place: place.into(),
            cause: self,
        }
    }
}

impl Failure {
    /// The exit code, a number of `sysexits.h`.
    pub fn exit_code(&self) -> u8 {
        match &self.cause {
            Cause::Usage(_) | Cause::Url(_) => 64,                                  // EX_USAGE
            Cause::Manifest(_) | Cause::Track(_) => 65,                             // EX_DATAERR
            Cause::Handshake(net::Error::Roots(_)) => 66,                           // EX_NOINPUT
            Cause::Status(_) => 69,                                                 // EX_UNAVAILABLE
            Cause::Output(_) => 74,                                                 // EX_IOERR
            Cause::Connect(_) | Cause::Transport(_) => 75,                          // EX_TEMPFAIL
            Cause::Http(_) => 76,                                                   // EX_PROTOCOL
            Cause::Handshake(net::Error::Tls(_) | net::Error::ServerName(_)) => 77, // EX_NOPERM
            Cause::Handshake(_) => 75,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        match &self.cause {
            Cause::Usage(text) => f.write_str(text),
            Cause::Url(error) => error.fmt(f),
            Cause::Connect(error) => write!(f, "connect: {error}"),
            Cause::Handshake(error) => write!(f, "handshake: {error}"),
            Cause::Transport(error) => write!(f, "http: {error}"),
            Cause::Http(error) => error.fmt(f),
            Cause::Status(status @ 300..400) => write!(f, "http: status {status}: redirections are not followed"),
            Cause::Status(status) => write!(f, "http: status {status}"),
            Cause::Manifest(error) => error.fmt(f),
            Cause::Track(error) => error.fmt(f),
            Cause::Output(error) => write!(f, "output: {error}"),
        }
    }
}

impl std::error::Error for Failure {}
