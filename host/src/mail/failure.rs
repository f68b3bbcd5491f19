//! Why a mail was not submitted, in one line, and the exit code that says what to do about it.

use crate::{net, spool};
use gatepost_core::{message, smtp};
use std::{fmt, io};

/// Why a mail was not submitted, or not to every recipient.
#[derive(Debug)]
pub enum Failure {
    /// The command line makes no sense.
    Usage(String),
    /// A configuration is missing, or makes no sense.
    Config(String),
    /// A file, an environment variable or the standard input could not be read.
    Input(String),
    /// A header field that somebody else has written makes no sense.
    Header(String),
    /// A mail has more than so many octets, or its header section.
    Large(u64),
    /// There is no room for it until it is sent.
    Space(io::Error),
    /// The spool did not take it.
    Spool(spool::Error),
    /// An address, the subject or another part of the letter cannot be written.
    Letter {
        /// Which part, as it was given.
        part: String,
        /// What is wrong with it.
        error: message::Error,
    },
    /// The network below the session.
    Transport {
        /// The server.
        server: String,
        /// What was being done.
        stage: Stage,
        /// What went wrong.
        error: net::Error,
    },
    /// The session; with what the server said last, if that is the reason.
    Session {
        /// The server.
        server: String,
        /// What went wrong, and in which phase.
        error: smtp::Error,
        /// The server's words: code and text.
        reply: Option<String>,
    },
    /// The mail was accepted, but not for these recipients.
    Recipients {
        /// Each of them.
        refused: Vec<Refused>,
        /// How many recipients there were.
        of: usize,
    },
}

/// A recipient who does not get the mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The recipient's address.
    pub address: String,
    /// The server's words: code and text.
    pub reply: String,
    /// Whether the server may accept it another time.
    pub transient: bool,
}

/// What was being done when the transport failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Resolving the name and connecting.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// Commands, replies and mail data, in this phase.
    Session(smtp::Phase),
}

impl Failure {
    /// The exit code, a number of `sysexits.h`; the same for the same kind of failure in every applet.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => USAGE,
            Self::Config(_) => CONFIG,
            Self::Input(_) => NO_INPUT,
            Self::Letter { .. } | Self::Header(_) => DATA,
            Self::Large(_) => UNAVAILABLE,
            Self::Space(_) => TEMPORARY,
            Self::Spool(error) => error.exit_code(),
            Self::Transport { error, .. } => match error {
                net::Error::Tls(_) | net::Error::ServerName(_) => NO_PERMISSION,
                net::Error::Roots(_) | net::Error::Identity(_) => NO_INPUT,
                _ => TEMPORARY,
            },
            Self::Recipients { refused, .. } => match refused.iter().any(|refused| refused.transient) {
                true => TEMPORARY,
                false => UNAVAILABLE,
            },
            Self::Session { error, .. } => match error {
                smtp::Error::Refused {
                    phase: smtp::Phase::Auth,
                    code,
                } if !code.is_transient_negative() => NO_PERMISSION,
                smtp::Error::Refused { code, .. } if code.is_transient_negative() => TEMPORARY,
                smtp::Error::Refused { .. } => UNAVAILABLE,
                smtp::Error::ConnectionClosed { .. } => TEMPORARY,
                smtp::Error::PasswordInClear
                | smtp::Error::NotOffered(_)
                | smtp::Error::Injected
                | smtp::Error::Unproven
                | smtp::Error::Authentication(_) => NO_PERMISSION,
                smtp::Error::TooLarge => UNAVAILABLE,
                smtp::Error::Source(_) => NO_INPUT,
                smtp::Error::Client | smtp::Error::Recipients => USAGE,
                _ => PROTOCOL,
            },
        }
    }
}

impl Failure {
    /// Whether the same letter would fail again, however often it is tried.
    ///
    /// Not so for a refused certificate or password: a clock can be set, a file replaced.
    pub fn is_final(&self) -> bool {
        matches!(self.exit_code(), USAGE | DATA | UNAVAILABLE)
    }

    /// Whether some recipients have the mail all the same, so that it must not be sent to all again.
    pub fn is_partial(&self) -> bool {
        matches!(self, Self::Recipients { refused, of } if refused.len() < *of)
    }

    /// The recipients who may be accepted another time, if the others are settled.
    pub fn remaining(&self) -> Option<Vec<&str>> {
        match self {
            Self::Recipients { refused, .. } => {
                let transient = refused.iter().filter(|refused| refused.transient);
                Some(transient.map(|refused| refused.address.as_str()).collect())
            }
            _ => None,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage(text) | Self::Config(text) | Self::Input(text) => f.write_str(text),
            Self::Header(text) => f.write_str(text),
            Self::Large(limit) => write!(f, "the mail, or its header section, is larger than {limit} octets"),
            Self::Space(error) => write!(f, "no room for the mail: {error}"),
            Self::Spool(error) => write!(f, "{error}"),
            Self::Letter { part, error } => write!(f, "{part}: {error}"),
            Self::Transport { server, stage, error } => match stage {
                Stage::Connect => write!(f, "{server}: connect: {error}"),
                Stage::Handshake => write!(f, "{server}: handshake: {error}"),
                Stage::Session(phase) => write!(f, "{server}: smtp: {phase}: {error}"),
            },
            Self::Session { server, error, reply } => {
                write!(f, "{server}: {error}")?;
                match reply {
                    Some(reply) => write!(f, ": {reply}"),
                    None => Ok(()),
                }
            }
            Self::Recipients { refused, of, .. } => {
                write!(f, "{} of {of} recipients refused", refused.len())?;
                for Refused { address, reply, .. } in refused {
                    write!(f, "; {address}: {reply}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for Failure {}

/// EX_USAGE
const USAGE: u8 = 64;
/// EX_DATAERR
const DATA: u8 = 65;
/// EX_NOINPUT
const NO_INPUT: u8 = 66;
/// EX_UNAVAILABLE
const UNAVAILABLE: u8 = 69;
/// EX_TEMPFAIL
const TEMPORARY: u8 = 75;
/// EX_PROTOCOL
const PROTOCOL: u8 = 76;
/// EX_NOPERM
const NO_PERMISSION: u8 = 77;
/// EX_CONFIG
const CONFIG: u8 = 78;
