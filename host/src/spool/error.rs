//! Why the spool did not do what it was asked to.

use super::EntryId;
use std::fmt;
use std::io;
use std::path::PathBuf;

/// Why the spool refuses, or fails.
#[derive(Debug)]
pub enum Error {
    /// The directory is not one that others keep their hands off; what to do about it.
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// The kernel refused.
    System {
        /// What was being done.
        doing: &'static str,
        /// Why not.
        error: io::Error,
    },
    /// The mail could not be read from where it comes.
    Input(io::Error),
    /// Mails wait that take all the room they may.
    Full {
        /// How much that is, with its unit.
        limit: String,
    },
    /// One mail is larger than this many octets.
    TooLarge(u64),
    /// More than this many recipients, or none.
    Recipients(usize),
    /// The envelope asks for something that a spool does not keep.
    NotKept(&'static str),
    /// There is no such entry.
    Unknown(EntryId),
    /// The entry is being delivered at this moment, or changed.
    Busy(EntryId),
    /// The entry is somebody else's.
    Foreign(EntryId),
    /// The delivery needs the rights of the spool's own user, not those that everybody has who may hand over mails.
    Borrowed,
}

impl Error {
    /// What was being done when the kernel refused.
    pub(super) fn system<E: Into<io::Error>>(doing: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::System {
            doing,
            error: error.into(),
        }
    }

    /// The exit code, a number of `sysexits.h`.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Unsafe { .. } => 78,                                       // EX_CONFIG
            Self::System { .. } | Self::Full { .. } | Self::Busy(_) => 75,   // EX_TEMPFAIL
            Self::Input(_) => 66,                                            // EX_NOINPUT
            Self::TooLarge(_) => 69,                                         // EX_UNAVAILABLE
            Self::Recipients(_) | Self::NotKept(_) | Self::Unknown(_) => 64, // EX_USAGE
            Self::Foreign(_) | Self::Borrowed => 77,                         // EX_NOPERM
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsafe { path, why } => write!(f, "spool {}: {why}", path.display()),
            Self::System { doing, error } => write!(f, "spool: {doing}: {error}"),
            Self::Input(error) => write!(f, "spool: reading the mail: {error}"),
            Self::Full { limit } => write!(
                f,
                "spool: full: the mails that wait take all of {limit}; nothing was taken"
            ),
            Self::TooLarge(limit) => write!(f, "spool: the mail is larger than {limit} octets; nothing was taken"),
            Self::Recipients(limit) => write!(f, "spool: a mail has 1 to {limit} recipients"),
            Self::NotKept(what) => write!(f, "spool: {what} is only for mails that are submitted at once"),
            Self::Unknown(id) => write!(f, "spool: no entry {id}"),
            Self::Busy(id) => write!(f, "spool: entry {id} is being delivered at this moment"),
            Self::Foreign(id) => write!(f, "spool: entry {id} was handed over by somebody else"),
            Self::Borrowed => f.write_str("spool: only the spool's own user delivers, not whoever may hand over mails"),
        }
    }
}

impl std::error::Error for Error {}
