//! Drivers: any [`Machine`](crate::machine::Machine) over any transport.

pub mod blocking;

#[cfg(feature = "async")]
pub mod asynch;

#[cfg(feature = "smoltcp")]
pub mod smoltcp;

use core::fmt;
use core::time::Duration;

/// Why a driver stopped: the protocol's own error, or the transport's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriveError<P, T> {
    /// The machine refused to go on.
    Protocol(P),
    /// Reading or writing failed.
    Transport(T),
    /// The transport accepted no octet of a write.
    WriteZero,
}

impl<P: fmt::Display, T: fmt::Debug> fmt::Display for DriveError<P, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::Transport(error) => write!(f, "transport: {error:?}"),
            Self::WriteZero => f.write_str("transport: it takes no more octets"),
        }
    }
}

impl<P: fmt::Debug + fmt::Display, T: fmt::Debug> core::error::Error for DriveError<P, T> {}

/// A transport whose next read or write can be given a limit.
pub trait Timeout {
    /// The next read or write fails once it has waited this long.
    fn set_timeout(&mut self, timeout: Duration);
}

impl<T: Timeout> Timeout for &mut T {
    fn set_timeout(&mut self, timeout: Duration) {
        (**self).set_timeout(timeout);
    }
}
