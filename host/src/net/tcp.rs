//! A TCP connection that never waits beyond its limits.

use super::{Endpoint, Error, eyeballs};
use gatepost_core::io::Ready;
use rustix::event::{self, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::sockopt;
use std::cell::Cell;
use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// A connected TCP stream whose reads and writes share one deadline, however many system calls they take.
///
/// Its socket never blocks: it waits in poll(2) alone.
#[derive(Debug)]
pub struct Tcp {
    stream: TcpStream,
    /// Of the current operation.
    deadline: Instant,
    /// Of the whole conversation.
    end: Option<Instant>,
    /// The last read found less than it had room for, and nothing was seen to come since.
    drained: Cell<bool>,
}

impl Tcp {
    /// Connects to the first address of `endpoint` that answers, IPv6 before IPv4; `limit` bounds it all, the name's
    /// resolution, too.
    pub fn connect(endpoint: &Endpoint, limit: Duration) -> Result<Self, Error> {
        let end = after(limit);
        let addresses = match endpoint.host.parse() {
            Ok(address) => vec![SocketAddr::new(address, endpoint.port)],
            Err(_) => eyeballs::resolve(&endpoint.host, endpoint.port, end)?,
        };
        Self::open(&addresses, end)
    }

    /// Connects to the first of these addresses that answers, within `limit`.
    pub fn connect_to(addresses: &[SocketAddr], limit: Duration) -> Result<Self, Error> {
        Self::open(addresses, after(limit))
    }

    fn open(addresses: &[SocketAddr], end: Instant) -> Result<Self, Error> {
        let stream = eyeballs::connect(addresses, end)?;
        Self::new(stream, end).map_err(Error::Io)
    }

    /// Of a socket that does not block.
    fn new(stream: TcpStream, deadline: Instant) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        // A protocol may wait minutes for a slow answer (RFC 5321 4.5.3.2), but not on a path that is dead.
        sockopt::set_socket_keepalive(&stream, true)?;
        sockopt::set_tcp_keepidle(&stream, PROBE)?;
        sockopt::set_tcp_keepintvl(&stream, PROBE)?;
        sockopt::set_tcp_user_timeout(&stream, DEAD_PATH_MS)?;
        Ok(Self {
            stream,
            deadline,
            end: None,
            drained: Cell::new(true),
        })
    }

    /// The address of this end.
    pub fn local(&self) -> io::Result<IpAddr> {
        Ok(self.stream.local_addr()?.ip().to_canonical())
    }

    /// After `end` nothing is read or written any more, whatever limit an operation is given.
    pub fn deadline(&mut self, end: Instant) {
        self.end = Some(end);
    }

    /// From now on the next operations may take `limit` together.
    pub fn set_timeout(&mut self, limit: Duration) {
        self.deadline = after(limit);
    }

    /// Waits until a read or a write moves octets at once.
    pub fn wait(&self) -> io::Result<Ready> {
        Ok(match self.ready(PollFlags::IN | PollFlags::OUT)? {
            PollFlags::OUT => Ready::Write,
            _ => Ready::Read,
        })
    }

    /// The socket, whose reads and writes answer [`io::ErrorKind::WouldBlock`] instead of waiting.
    pub(super) fn socket(&self) -> &TcpStream {
        &self.stream
    }

    /// Waits until one of `flags` (or the end, or an error) is there; says what is.
    pub(super) fn ready(&self, flags: PollFlags) -> io::Result<PollFlags> {
        loop {
            let remaining = Timespec::try_from(self.remaining()?).ok();
            let mut polled = [PollFd::new(&self.stream, flags)];
            match event::poll(&mut polled, remaining.as_ref()) {
                Err(Errno::INTR) | Ok(0) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => {
                    let found = polled[0].revents();
                    self.drained.set(self.drained.get() && !found.contains(PollFlags::IN));
                    return Ok(found);
                }
            }
        }
    }

    /// Reads what is there to be read again.
    pub(super) fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.complete(PollFlags::IN, |socket| socket.peek(buffer))
    }

    pub(super) fn remaining(&self) -> io::Result<Duration> {
        let deadline = self.end.map_or(self.deadline, |end| end.min(self.deadline));
        match deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            remaining => Ok(remaining),
        }
    }

    /// Tries `operation` until it does not ask to wait any more.
    fn complete(
        &self,
        flags: PollFlags,
        mut operation: impl FnMut(&TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        // Also where nothing has to be waited for: a peer that sends for ever must not be read for ever.
        self.remaining()?;
        loop {
            match operation(&self.stream) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.ready(flags)?;
                }
                outcome => return outcome,
            }
        }
    }
}

impl Read for Tcp {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.drained.get() {
            // What was read to its end is rarely followed at once: to wait first saves a call that finds nothing.
            self.ready(PollFlags::IN)?;
        }
        let count = self.complete(PollFlags::IN, |mut socket| socket.read(buffer))?;
        self.drained.set(count < buffer.len());
        Ok(count)
    }
}

impl Write for Tcp {
    /// Sends as much as there is room for at once; waits only if there is none.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.complete(PollFlags::OUT, |mut socket| socket.write(octets))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The time when `limit` will have passed.
fn after(limit: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(limit).unwrap_or(now + YEAR)
}

/// How long a silent path is left alone before it is probed, and between probes.
const PROBE: Duration = Duration::from_secs(10);
/// Unacknowledged data or probes end the connection after this, milliseconds.
const DEAD_PATH_MS: u32 = 30_000;
/// What stands for a limit that the clock cannot hold.
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
