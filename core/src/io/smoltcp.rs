//! A smoltcp TCP socket as a blocking `embedded-io` transport.
//!
//! [`Stack`] is the device's network: interface, sockets, Ethernet device, clock. [`Socket`] is one connection over it;
//! while it waits it keeps the whole stack going, so timers, acknowledgements and address leases are served.

use super::{Ready, Wait};
use ::smoltcp::iface::{Interface, SocketHandle, SocketSet};
use ::smoltcp::phy::Device;
use ::smoltcp::socket::tcp::{self, State};
use ::smoltcp::time::Instant;
use ::smoltcp::wire::IpEndpoint;
use core::fmt;
use core::time::Duration;
use embedded_io::{ErrorKind, ErrorType, Read, Write};

/// Time since any fixed moment, and how to wait a little.
pub trait Clock {
    /// The present.
    fn now(&self) -> Duration;

    /// Waits for a frame or for about a millisecond, whichever is first; may return at once.
    fn idle(&self);
}

impl<C: Clock> Clock for &C {
    fn now(&self) -> Duration {
        (**self).now()
    }

    fn idle(&self) {
        (**self).idle();
    }
}

/// A network interface with its sockets.
pub struct Stack<'a, D: Device, C: Clock> {
    /// The addresses and routes.
    pub interface: Interface,
    /// The sockets served by [`Stack::poll`].
    pub sockets: SocketSet<'a>,
    /// What the frames go through.
    pub device: D,
    /// Its time.
    pub clock: C,
}

impl<D: Device, C: Clock> Stack<'_, D, C> {
    /// Receives and sends what there is.
    pub fn poll(&mut self) {
        let now = instant(self.clock.now());
        self.interface.poll(now, &mut self.device, &mut self.sockets);
    }

    /// Serves the stack until `done` gives a value; `None` after `limit`.
    pub fn wait<R>(&mut self, limit: Duration, mut done: impl FnMut(&mut Self) -> Option<R>) -> Option<R> {
        let start = self.clock.now();
        loop {
            self.poll();
            if let Some(result) = done(self) {
                return Some(result);
            }
            if self.clock.now().saturating_sub(start) >= limit {
                return None;
            }
            self.clock.idle();
        }
    }
}

/// What went wrong with a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// The peer, or the way to it, did not answer in time.
    TimedOut,
    /// The peer refused the connection.
    Refused,
    /// The connection was broken off, by the peer or because it no longer answers.
    Reset,
    /// The socket is in use, or the address or port cannot be connected to.
    Unaddressable,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut => "tcp: no answer in time",
            Self::Refused => "tcp: connection refused",
            Self::Reset => "tcp: connection reset",
            Self::Unaddressable => "tcp: the socket is in use or the address cannot be connected to",
        })
    }
}

impl core::error::Error for Error {}

impl embedded_io::Error for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::TimedOut => ErrorKind::TimedOut,
            Self::Refused => ErrorKind::ConnectionRefused,
            Self::Reset => ErrorKind::ConnectionReset,
            Self::Unaddressable => ErrorKind::AddrNotAvailable,
        }
    }
}

/// A TCP connection. Reads return 0 once the peer has closed.
///
/// Dropped without [`Socket::close`] it is broken off, so that the peer does not take what it got for the whole.
pub struct Socket<'s, 'a, D: Device, C: Clock> {
    stack: &'s mut Stack<'a, D, C>,
    handle: SocketHandle,
    timeout: Duration,
}

impl<'s, 'a, D: Device, C: Clock> Socket<'s, 'a, D, C> {
    /// Connects the TCP socket `handle` of `stack` to `remote` from `local_port`, within `limit`.
    pub fn connect(
        stack: &'s mut Stack<'a, D, C>,
        handle: SocketHandle,
        remote: IpEndpoint,
        local_port: u16,
        limit: Duration,
    ) -> Result<Self, Error> {
        let mut connection = Self {
            stack,
            handle,
            timeout: limit,
        };
        connection.reconnect(remote, local_port, limit)?;
        Ok(connection)
    }

    /// Connects once more; a connection that is still open is broken off.
    ///
    /// `local_port` must be another one than before, or the peer may take the new connection for the old one.
    pub fn reconnect(&mut self, remote: IpEndpoint, local_port: u16, limit: Duration) -> Result<(), Error> {
        self.break_off();
        self.timeout = limit;
        let context = self.stack.interface.context();
        let socket = self.stack.sockets.get_mut::<tcp::Socket<'_>>(self.handle);
        socket
            .connect(context, remote, local_port)
            .map_err(|_| Error::Unaddressable)?;
        // Drivers hand over whole commands: holding a short segment back only adds a round trip.
        socket.set_nagle_enabled(false);
        // A delayed acknowledgement with a small window makes the peer wait after each burst.
        socket.set_ack_delay(None);
        self.until(|socket| match socket.state() {
            State::SynSent | State::SynReceived => None,
            State::Closed => Some(Err(Error::Refused)),
            _ => Some(Ok(())),
        })
    }

    /// Sends what is left and the end of the stream, and waits until the peer has acknowledged both.
    ///
    /// What the peer has not sent yet is no longer wanted; its own end is waited for a second.
    pub fn close(&mut self) -> Result<(), Error> {
        self.socket().close();
        self.until(|socket| match socket.state() {
            State::FinWait1 | State::Closing | State::LastAck => None,
            State::Closed if socket.send_queue() > 0 => Some(Err(Error::Reset)),
            _ => Some(Ok(())),
        })?;
        self.timeout = LINGER;
        // Without it the connection is broken off afterwards, which takes nothing away that was acknowledged.
        let _ = self.until(|socket| (socket.state() != State::FinWait2).then_some(Ok(())));
        Ok(())
    }

    /// The stack, for what else it has to do meanwhile.
    pub fn stack(&mut self) -> &mut Stack<'a, D, C> {
        self.stack
    }

    fn socket(&mut self) -> &mut tcp::Socket<'a> {
        self.stack.sockets.get_mut::<tcp::Socket<'a>>(self.handle)
    }

    fn break_off(&mut self) {
        // A socket that only waits for stray segments can be used again at once.
        let open = self.socket().is_open();
        if open {
            self.socket().abort();
            self.stack.poll();
        }
    }

    fn until<R>(&mut self, mut done: impl FnMut(&mut tcp::Socket<'a>) -> Option<Result<R, Error>>) -> Result<R, Error> {
        let handle = self.handle;
        self.stack
            .wait(self.timeout, |stack| {
                done(stack.sockets.get_mut::<tcp::Socket<'a>>(handle))
            })
            .unwrap_or(Err(Error::TimedOut))
    }
}

impl<D: Device, C: Clock> Drop for Socket<'_, '_, D, C> {
    fn drop(&mut self) {
        self.break_off();
    }
}

impl<D: Device, C: Clock> Wait for Socket<'_, '_, D, C> {
    fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    fn wait(&mut self) -> Result<Ready, Error> {
        self.until(|socket| {
            if socket.can_recv() || !socket.may_recv() {
                Some(Ok(Ready::Read))
            } else if socket.can_send() || !socket.may_send() {
                Some(Ok(Ready::Write))
            } else {
                None
            }
        })
    }
}

impl<D: Device, C: Clock> ErrorType for Socket<'_, '_, D, C> {
    type Error = Error;
}

impl<D: Device, C: Clock> Read for Socket<'_, '_, D, C> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        if buffer.is_empty() {
            return Ok(0);
        }
        self.until(|socket| match socket.recv_slice(buffer) {
            Ok(0) => None,
            Ok(count) => Some(Ok(count)),
            Err(tcp::RecvError::Finished) => Some(Ok(0)),
            Err(tcp::RecvError::InvalidState) => Some(Err(Error::Reset)),
        })
    }
}

impl<D: Device, C: Clock> Write for Socket<'_, '_, D, C> {
    fn write(&mut self, octets: &[u8]) -> Result<usize, Error> {
        if octets.is_empty() {
            return Ok(0);
        }
        self.until(|socket| match socket.send_slice(octets) {
            Ok(0) => None,
            Ok(count) => Some(Ok(count)),
            Err(tcp::SendError::InvalidState) => Some(Err(Error::Reset)),
        })
    }

    fn flush(&mut self) -> Result<(), Error> {
        // What the peer's window does not take yet leaves while the next read waits.
        self.stack.poll();
        Ok(())
    }
}

fn instant(now: Duration) -> Instant {
    Instant::from_micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX))
}

/// How long the peer's end of a connection is waited for once ours is acknowledged.
const LINGER: Duration = Duration::from_secs(1);
