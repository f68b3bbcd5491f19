//! Why a session failed, and where.

use super::{ReplyCode, extension::Keyword};
use crate::message;
use core::fmt;

/// Why a mail was not accepted, or why a session could not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// `Config::client` is neither a domain name nor an address literal.
    Client,
    /// The user is empty, or the user or the password holds a NUL.
    Credentials,
    /// Credentials without TLS, and the configuration does not allow it by `Security::PlainWithPassword`.
    PasswordInClear,
    /// The envelope has no recipient.
    NoRecipient,
    /// A buffer is shorter than this session needs it, in octets.
    Storage {
        /// What `Storage::receive` needs.
        receive: usize,
        /// What `Storage::transmit` needs.
        transmit: usize,
    },
    /// The session was driven on after `Event::StartTls` without a call of `Session::secured`.
    NotSecured,
    /// The server refused: 4yz for now, 5yz for good.
    Refused {
        /// What it refused.
        phase: Phase,
        /// Its reply; after RCPT, that of a recipient.
        code: ReplyCode,
    },
    /// A reply whose code has no meaning here.
    Unexpected {
        /// What it answers.
        phase: Phase,
        /// Its code.
        code: ReplyCode,
    },
    /// Octets that are no reply line.
    Malformed {
        /// What was to be answered.
        phase: Phase,
    },
    /// The lines of one reply bear different codes.
    MixedCodes {
        /// What was to be answered.
        phase: Phase,
    },
    /// A reply that exceeds every reasonable number of lines or octets.
    Endless {
        /// What was to be answered.
        phase: Phase,
    },
    /// The server went on after its reply, before the next command was sent.
    Early {
        /// What the reply answered.
        phase: Phase,
    },
    /// Octets in the clear after the reply to STARTTLS: somebody injects replies.
    Injected,
    /// The server does not offer what the configuration requires.
    NotOffered(Keyword),
    /// The server closed the connection.
    ConnectionClosed {
        /// What it left unanswered.
        phase: Phase,
    },
    /// The source of the mail data failed; the server got no end of data.
    Source(message::Error),
}

impl Error {
    /// Whether the same mail is worth another try: all but a 5yz, and what the caller itself got wrong.
    ///
    /// A broken or disturbed server is no verdict on the mail.
    pub fn is_transient(self) -> bool {
        match self {
            Self::Refused { code, .. } => code.is_transient_negative(),
            Self::Unexpected { .. }
            | Self::Malformed { .. }
            | Self::MixedCodes { .. }
            | Self::Endless { .. }
            | Self::Early { .. }
            | Self::Injected
            | Self::NotOffered(_)
            | Self::ConnectionClosed { .. } => true,
            Self::Client
            | Self::Credentials
            | Self::PasswordInClear
            | Self::NoRecipient
            | Self::Storage { .. }
            | Self::NotSecured
            | Self::Source(_) => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("smtp: the client's name is neither a domain name nor an address literal"),
            Self::Credentials => f.write_str("smtp: the user is empty, or user or password holds a NUL"),
            Self::PasswordInClear => f.write_str("smtp: a password needs TLS; the configuration has none"),
            Self::NoRecipient => f.write_str("smtp: the envelope has no recipient"),
            Self::Storage { receive, transmit } => write!(
                f,
                "smtp: the buffers are too small; {receive} octets to receive and {transmit} to transmit are needed"
            ),
            Self::NotSecured => f.write_str("smtp: STARTTLS was answered, but no TLS was put under the session"),
            Self::Refused { phase, code } if code.is_transient_negative() => {
                write!(f, "smtp: {phase}: refused for now with {code}")
            }
            Self::Refused { phase, code } => write!(f, "smtp: {phase}: refused with {code}"),
            Self::Unexpected { phase, code } => write!(f, "smtp: {phase}: unexpected reply {code}"),
            Self::Malformed { phase } => write!(f, "smtp: {phase}: the answer is no SMTP reply"),
            Self::MixedCodes { phase } => write!(f, "smtp: {phase}: a reply whose lines bear different codes"),
            Self::Endless { phase } => write!(f, "smtp: {phase}: a reply that never ends"),
            Self::Early { phase } => write!(f, "smtp: {phase}: the server answers what was not asked yet"),
            Self::Injected => f.write_str("smtp: STARTTLS: octets in the clear after the reply, an attack"),
            Self::NotOffered(keyword) => write!(f, "smtp: EHLO: the server does not offer {keyword}"),
            Self::ConnectionClosed { phase } => write!(f, "smtp: {phase}: the server closed the connection"),
            Self::Source(error) => write!(f, "smtp: mail data: {error}"),
        }
    }
}

impl core::error::Error for Error {}

/// What is being said or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// The server's first words.
    Greeting,
    /// EHLO, before and after TLS.
    Ehlo,
    /// HELO, where EHLO was refused.
    Helo,
    /// STARTTLS.
    StartTls,
    /// AUTH.
    Auth,
    /// MAIL.
    Mail,
    /// RCPT.
    Recipient,
    /// DATA.
    Data,
    /// The mail data itself.
    MailData,
    /// The final dot.
    EndOfData,
    /// QUIT.
    Quit,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Greeting => "greeting",
            Self::Ehlo => "EHLO",
            Self::Helo => "HELO",
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Mail => "MAIL",
            Self::Recipient => "RCPT",
            Self::Data => "DATA",
            Self::MailData => "mail data",
            Self::EndOfData => "end of data",
            Self::Quit => "QUIT",
        })
    }
}
