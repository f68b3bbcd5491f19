//! A TCP connection that never waits beyond its limit.

use super::{Endpoint, Error};
use gatepost_core::io::{Ready, Wait};
use rustix::event::{self, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::sockopt;
use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// A connected TCP stream whose reads and writes share one deadline, however many system calls they take.
#[derive(Debug)]
pub struct Tcp {
    stream: TcpStream,
    deadline: Instant,
}

impl Tcp {
    /// Connects to the first address of `endpoint` that answers; each address may take `limit`.
    pub fn connect(endpoint: &Endpoint, limit: Duration) -> Result<Self, Error> {
        let addresses = (endpoint.host.as_str(), endpoint.port)
            .to_socket_addrs()
            .map_err(Error::Resolve)?;
        let mut refusal = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in addresses {
            match TcpStream::connect_timeout(&address, limit) {
                Ok(stream) => return Self::new(stream, limit).map_err(Error::Io),
                Err(error) => refusal = error,
            }
        }
        Err(Error::Connect(refusal))
    }

    fn new(stream: TcpStream, limit: Duration) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        // A protocol may wait minutes for a slow answer (RFC 5321 4.5.3.2), but not on a path that is dead.
        sockopt::set_socket_keepalive(&stream, true)?;
        sockopt::set_tcp_keepidle(&stream, PROBE)?;
        sockopt::set_tcp_keepintvl(&stream, PROBE)?;
        sockopt::set_tcp_user_timeout(&stream, DEAD_PATH_MS)?;
        Ok(Self {
            stream,
            deadline: Instant::now() + limit,
        })
    }

    /// The address of this end.
    pub fn local(&self) -> io::Result<IpAddr> {
        Ok(self.stream.local_addr()?.ip().to_canonical())
    }

    fn remaining(&self) -> io::Result<Option<Duration>> {
        match self.deadline.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
            remaining => Ok(Some(remaining)),
        }
    }
}

impl Read for Tcp {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.stream.set_read_timeout(self.remaining()?)?;
            match self.stream.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }
}

impl Write for Tcp {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        loop {
            self.stream.set_write_timeout(self.remaining()?)?;
            match self.stream.write(octets) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl embedded_io::ErrorType for Tcp {
    type Error = io::Error;
}

impl Wait for Tcp {
    fn set_timeout(&mut self, timeout: Duration) {
        let now = Instant::now();
        self.deadline = now.checked_add(timeout).unwrap_or(now + YEAR);
    }

    fn wait(&mut self) -> io::Result<Ready> {
        loop {
            let remaining = self.remaining()?;
            let mut polled = [PollFd::new(&self.stream, PollFlags::IN | PollFlags::OUT)];
            let limit = remaining.and_then(|remaining| Timespec::try_from(remaining).ok());
            match event::poll(&mut polled, limit.as_ref()) {
                Err(Errno::INTR) | Ok(0) => {}
                Err(error) => return Err(error.into()),
                Ok(_) if polled[0].revents() == PollFlags::OUT => return Ok(Ready::Write),
                Ok(_) => return Ok(Ready::Read),
            }
        }
    }
}

/// How long a silent path is left alone before it is probed, and between probes.
const PROBE: Duration = Duration::from_secs(10);
/// Unacknowledged data or probes end the connection after this, milliseconds.
const DEAD_PATH_MS: u32 = 30_000;
/// What stands for a limit that the clock cannot hold.
const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
