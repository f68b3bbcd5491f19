//! Why a mechanism gives up.

use core::fmt;

/// Why credentials cannot be used, or what is wrong with the server's side of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The user, or the identity to act as, is empty or holds what the mechanism cannot carry.
    User,
    /// The password or token is empty or holds what the mechanism cannot carry.
    Password,
    /// The host's name is empty or holds what the mechanism cannot carry.
    Host,
    /// The buffer for the message is too short: see `Mechanism::longest`.
    Storage,
    /// The challenge is longer than the buffers hold.
    ChallengeLength,
    /// The challenge is not base64.
    Base64,
    /// The challenge has not the form that the mechanism prescribes.
    Malformed,
    /// The server's nonce does not continue ours.
    Nonce,
    /// The server asks for fewer iterations than 4,096, which protects no password (RFC 7677 4).
    TooFewIterations,
    /// The server asks for more iterations than the caller allows.
    TooManyIterations,
    /// The server requires an extension of SCRAM; there is none (RFC 5802 5.1).
    Extension,
    /// The server's signature is wrong: it does not know the password, or not this exchange.
    Signature,
    /// The server sees another TLS connection, or its list of mechanisms reached us without -PLUS: an attack; or it
    /// does not know `tls-exporter`.
    ChannelBinding,
    /// The server refuses the proof.
    Refused,
    /// A challenge where the mechanism has nothing left to say.
    Unexpected,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "sasl: the user is empty or holds a character that the mechanism cannot carry",
            Self::Password => "sasl: the password is empty or holds a character that the mechanism cannot carry",
            Self::Host => "sasl: the host's name is empty or holds a character that the mechanism cannot carry",
            Self::Storage => "sasl: the buffer is too short for the mechanism's message",
            Self::ChallengeLength => "sasl: the server's challenge is longer than the buffer",
            Self::Base64 => "sasl: the server's challenge is not base64",
            Self::Malformed => "sasl: the server's challenge has not the mechanism's form",
            Self::Nonce => "sasl: the server's nonce does not continue the client's",
            Self::TooFewIterations => "sasl: the server asks for fewer than 4096 iterations",
            Self::TooManyIterations => "sasl: the server asks for more iterations than allowed",
            Self::Extension => "sasl: the server requires an extension that does not exist",
            Self::Signature => "sasl: the server's signature is wrong; it does not know the password",
            Self::ChannelBinding => {
                "sasl: the server refuses the channel binding: an attack, or it knows no tls-exporter"
            }
            Self::Refused => "sasl: the server refuses the proof of the password",
            Self::Unexpected => "sasl: the server asks on after the mechanism's last answer",
        })
    }
}

impl core::error::Error for Error {}
