//! Why a session failed, and where.

use super::{ReplyCode, extension::Keyword, sasl};
use crate::message;
use core::fmt;

/// Why a mail was not accepted, or why a session could not begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// `Config::client` is neither a domain name nor an address literal.
    Client,
    /// More than 16 mechanisms.
    Mechanisms,
    /// A mechanism that reveals the password, without TLS, and the configuration does not allow it by
    /// `Security::PlainWithPassword`.
    PasswordInClear,
    /// The profile does not link LMTP.
    Protocol,
    /// The envelope has no recipient, or more than 65,535.
    Recipients,
    /// A buffer is shorter than this session needs it, in octets.
    Storage {
        /// What `Storage::receive` needs.
        receive: u16,
        /// What `Storage::transmit` needs.
        transmit: u16,
        /// What `Storage::accepted` needs.
        accepted: u16,
    },
    /// A mail was given while the session was not ready for one.
    NotReady,
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
    /// The server does not offer what the configuration or the mail requires.
    NotOffered(Keyword),
    /// The server proved nothing, though its mechanism must prove that it knows the password.
    Unproven,
    /// No mechanism is left; why the last one gave up.
    Authentication(sasl::Error),
    /// The mail is larger than the server takes (RFC 1870).
    TooLarge,
    /// The source gave more or fewer octets than it had said.
    Length,
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
            | Self::Unproven
            | Self::Authentication(_)
            | Self::ConnectionClosed { .. } => true,
            Self::Client
            | Self::Mechanisms
            | Self::PasswordInClear
            | Self::Protocol
            | Self::Recipients
            | Self::Storage { .. }
            | Self::NotReady
            | Self::NotSecured
            | Self::TooLarge
            | Self::Length
            | Self::Source(_) => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("smtp: the client's name is neither a domain name nor an address literal"),
            Self::Mechanisms => f.write_str("smtp: more than 16 mechanisms"),
            Self::Protocol => f.write_str("smtp: the profile has no LMTP"),
            Self::NotReady => f.write_str("smtp: a mail was given before the session was ready for it"),
            Self::PasswordInClear => f.write_str("smtp: a password needs TLS; the configuration has none"),
            Self::Recipients => f.write_str("smtp: the envelope has no recipient, or more than 65535"),
            Self::Storage {
                receive,
                transmit,
                accepted,
            } => write!(
                f,
                "smtp: the buffers are too small; {receive} octets to receive, {transmit} to transmit and {accepted} for \
                 the recipients are needed"
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
            Self::NotOffered(Keyword::Auth) => {
                f.write_str("smtp: EHLO: the server offers no AUTH by a configured mechanism")
            }
            Self::NotOffered(keyword) => write!(f, "smtp: EHLO: the server does not offer {keyword}"),
            Self::Unproven => f.write_str("smtp: AUTH: the server did not prove that it knows the password"),
            Self::Authentication(error) => write!(f, "smtp: AUTH: {error}"),
            Self::TooLarge => f.write_str("smtp: MAIL: the mail is larger than the server takes"),
            Self::Length => f.write_str("smtp: mail data: the source gave not as many octets as it had said"),
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
    /// Between mails.
    Idle,
    /// RSET, after a mail that was not taken.
    Reset,
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
    /// The final dot, or the end of BDAT.
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
            Self::Idle => "idle",
            Self::Reset => "RSET",
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
