//! TLS 1.3 servers in memory: one that does what its script says, and an honest one (rustls).
//!
//! A [`Wire`] is both the server and the client's transport to it, so a handshake needs neither socket nor thread, and
//! every octet can be delivered alone.

pub mod chain;
mod honest;
mod message;
mod random;
mod script;
mod secrets;

pub use honest::Honest;
pub use message::{Message, Proof};
pub use random::Seeded;
pub use script::{Hello, Record, Script, Scripted};

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use gatepost_core::io::{Ready, Wait};
use std::collections::VecDeque;
use std::time::Duration;

/// What is at the other end of a [`Wire`].
pub trait Server {
    /// Takes what the client sent, and returns what the client is to receive.
    fn receive(&mut self, octets: &[u8]) -> Vec<u8>;
}

/// Answers whatever comes first with these octets.
pub struct Recorded(pub Vec<u8>);

impl Server for Recorded {
    fn receive(&mut self, _: &[u8]) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// A transport to a server in memory. The end of the server's octets is the end of the connection.
pub struct Wire<S> {
    /// The server.
    pub server: S,
    /// Every octet that the client received.
    pub received: Vec<u8>,
    /// The timeout of each read and write.
    pub timeouts: Vec<Option<Duration>>,
    chunk: usize,
    timeout: Option<Duration>,
    waiting: VecDeque<u8>,
}

impl<S: Server> Wire<S> {
    /// Moves at most `chunk` octets at a time, in either direction.
    pub fn new(server: S, chunk: usize) -> Self {
        Self {
            server,
            received: Vec::new(),
            timeouts: Vec::new(),
            chunk,
            timeout: None,
            waiting: VecDeque::new(),
        }
    }
}

impl<S> ErrorType for Wire<S> {
    type Error = ErrorKind;
}

impl<S: Server> Read for Wire<S> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.timeouts.push(self.timeout);
        let count = buffer.len().min(self.chunk).min(self.waiting.len());
        for (to, from) in buffer.iter_mut().zip(self.waiting.drain(..count)) {
            *to = from;
            self.received.push(from);
        }
        Ok(count)
    }
}

impl<S: Server> Write for Wire<S> {
    fn write(&mut self, octets: &[u8]) -> Result<usize, ErrorKind> {
        self.timeouts.push(self.timeout);
        let count = octets.len().min(self.chunk);
        self.waiting.extend(self.server.receive(&octets[..count]));
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl<S> Wait for Wire<S> {
    fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = Some(timeout);
    }

    fn wait(&mut self) -> Result<Ready, ErrorKind> {
        Ok(match self.waiting.is_empty() {
            true => Ready::Write,
            false => Ready::Read,
        })
    }
}
