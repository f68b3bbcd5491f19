//! Drivers: any [`Machine`](crate::machine::Machine) over any transport.

pub mod blocking;

#[cfg(feature = "async")]
pub mod asynch;

#[cfg(feature = "smoltcp")]
pub mod smoltcp;

use core::fmt;
use core::time::Duration;
use embedded_io::ErrorType;

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

/// Which way octets can move.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ready {
    /// A read returns at once: octets, the end, or an error.
    Read,
    /// A write takes at least one octet at once.
    Write,
}

/// A transport whose next operation can be given a limit, and that can wait for both directions.
pub trait Wait: ErrorType {
    /// The next read, write or wait fails once it has waited this long.
    fn set_timeout(&mut self, timeout: Duration);

    /// Waits until octets can move, and says which way; [`Ready::Read`] if both.
    ///
    /// A transport that cannot look for octets without waiting for them says [`Ready::Write`].
    fn wait(&mut self) -> Result<Ready, Self::Error>;
}

impl<T: Wait> Wait for &mut T {
    fn set_timeout(&mut self, timeout: Duration) {
        (**self).set_timeout(timeout);
    }

    fn wait(&mut self) -> Result<Ready, Self::Error> {
        (**self).wait()
    }
}
