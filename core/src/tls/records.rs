//! What passes between embedded-tls and the transport: record headers are judged before it sees them.

use super::error::Error;
use super::suite::{APPLICATION_DATA, HANDSHAKE, OPEN_VERSION, RECORD_VERSION};
use crate::io::Timeout;
use core::cell::Cell;
use core::time::Duration;
use embedded_io::{Error as _, ErrorKind, ErrorType, Read, Write};

const CHANGE_CIPHER_SPEC: u8 = 20;
const ALERT: u8 = 21;
/// Octets of TLSCiphertext.fragment (RFC 8446 5.2).
const MAX_LENGTH: usize = (1 << 14) + 256;
/// How many records may come in a handshake, or in one read, before there is application data.
const MAX_RECORDS: u8 = 64;

/// What a [`Connection`](super::Connection) and its record layer share, lent like its buffers, since embedded-tls keeps
/// the transport to itself.
#[derive(Default)]
pub struct Shared {
    phase: Cell<Phase>,
    timeout: Cell<Option<Duration>>,
    records: Cell<u8>,
    refusal: Cell<Option<Error>>,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Phase {
    /// Nothing came yet: a ServerHello in the clear must, or an alert.
    #[default]
    ServerHello,
    /// Everything is encrypted but change_cipher_spec, which RFC 8446 D.4 lets servers send for old middleboxes.
    Handshake,
    /// Everything is encrypted.
    Open,
}

impl Shared {
    /// The handshake is over and the server verified.
    pub(super) fn open(&self) {
        self.phase.set(Phase::Open);
    }

    /// Application data may now be waited for with [`MAX_RECORDS`] other records.
    pub(super) fn begin_read(&self) {
        self.records.set(0);
    }

    pub(super) fn set_timeout(&self, timeout: Duration) {
        self.timeout.set(Some(timeout));
    }

    /// Why [`Records`] refused a record, if it did.
    pub(super) fn refusal(&self) -> Option<Error> {
        self.refusal.get()
    }
}

/// A transport of TLS records that lets only those types through that may come.
///
/// embedded-tls reads handshake messages and alerts wherever they come, encrypted or not.
pub(super) struct Records<'a, T> {
    transport: T,
    shared: &'a Shared,
    /// Octets of the longest record that fits the receive buffer.
    capacity: usize,
    header: [u8; 5],
    /// Octets of the header that came.
    come: usize,
    /// Octets of the header that were passed on; none before all of them came.
    passed: usize,
    /// Octets of the record that are still to come.
    rest: usize,
    /// The next octet that is written begins a record.
    fresh: bool,
}

impl<'a, T> Records<'a, T> {
    pub(super) fn new(transport: T, shared: &'a Shared, capacity: usize) -> Self {
        Self {
            transport,
            shared,
            capacity,
            header: [0; 5],
            come: 0,
            passed: 0,
            rest: 0,
            fresh: true,
        }
    }

    pub(super) fn into_transport(self) -> T {
        self.transport
    }

    /// Judges the header, and marks it for the cipher.
    fn judge(&mut self) -> Result<(), Error> {
        let [kind, _, _, high, low] = self.header;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (allowed, version) = match self.shared.phase.get() {
            Phase::ServerHello => (matches!(kind, HANDSHAKE | ALERT), RECORD_VERSION),
            Phase::Handshake => (
                kind == APPLICATION_DATA || kind == CHANGE_CIPHER_SPEC && length == 1,
                RECORD_VERSION,
            ),
            Phase::Open => (kind == APPLICATION_DATA, OPEN_VERSION),
        };
        if !allowed {
            return Err(Error::Plaintext(kind));
        }
        if length > self.capacity.min(MAX_LENGTH) {
            return Err(Error::RecordTooLong {
                length,
                buffer: self.capacity,
            });
        }
        let records = self.shared.records.get();
        if records >= MAX_RECORDS {
            return Err(Error::NoProgress);
        }
        self.shared.records.set(records.saturating_add(1));
        if self.shared.phase.get() == Phase::ServerHello {
            self.shared.phase.set(Phase::Handshake);
        }
        // RFC 8446 5.1: the version is ignored, and is 3.3 wherever it is authenticated.
        let [major, minor] = version;
        self.header = [kind, major, minor, high, low];
        self.rest = length;
        Ok(())
    }
}

impl<T: Timeout> Records<'_, T> {
    fn apply_timeout(&mut self) {
        if let Some(timeout) = self.shared.timeout.get() {
            self.transport.set_timeout(timeout);
        }
    }
}

impl<T> ErrorType for Records<'_, T> {
    type Error = ErrorKind;
}

impl<T: Read + Timeout> Read for Records<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.apply_timeout();
        if self.rest == 0 && self.passed == self.header.len() {
            (self.come, self.passed) = (0, 0);
        }
        while let Some(missing @ [_, ..]) = self.header.get_mut(self.come..) {
            match self.transport.read(missing).map_err(|error| error.kind())? {
                0 => return Ok(0),
                count => self.come = self.come.saturating_add(count),
            }
            if self.come >= self.header.len() {
                self.judge().map_err(|error| {
                    self.shared.refusal.set(Some(error));
                    ErrorKind::InvalidData
                })?;
            }
        }
        if let Some(header @ [_, ..]) = self.header.get(self.passed..) {
            let count = header.len().min(buffer.len());
            buffer.iter_mut().zip(header).for_each(|(to, from)| *to = *from);
            self.passed = self.passed.saturating_add(count);
            return Ok(count);
        }
        let length = self.rest.min(buffer.len());
        let count = self
            .transport
            .read(buffer.get_mut(..length).unwrap_or_default())
            .map_err(|error| error.kind())?;
        self.rest = self.rest.saturating_sub(count);
        Ok(count)
    }
}

impl<T: Write + Timeout> Write for Records<'_, T> {
    fn write(&mut self, octets: &[u8]) -> Result<usize, ErrorKind> {
        self.apply_timeout();
        // embedded-tls flushes after each record of the handshake. It gives its alerts there the type of
        // change_cipher_spec, which it never sends.
        let octets = match octets {
            [CHANGE_CIPHER_SPEC, ..] if self.fresh => &[ALERT],
            _ => octets,
        };
        let count = self.transport.write(octets).map_err(|error| error.kind())?;
        self.fresh &= count == 0;
        Ok(count)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.fresh = true;
        self.transport.flush().map_err(|error| error.kind())
    }
}
