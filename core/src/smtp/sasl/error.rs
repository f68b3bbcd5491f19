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
    /// The buffer for the message is too short: see `Mechanism::longest`.
    Storage,
    /// The challenge is longer than the buffers hold.
    ChallengeLength,
    /// The challenge is not base64.
    Base64,
    /// A challenge where the mechanism has nothing left to say.
    Unexpected,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "sasl: the user is empty or holds a character that the mechanism cannot carry",
            Self::Password => "sasl: the password is empty or holds a character that the mechanism cannot carry",
            Self::Storage => "sasl: the buffer is too short for the mechanism's message",
            Self::ChallengeLength => "sasl: the server's challenge is longer than the buffer",
            Self::Base64 => "sasl: the server's challenge is not base64",
            Self::Unexpected => "sasl: the server asks on after the mechanism's last answer",
        })
    }
}

impl core::error::Error for Error {}
