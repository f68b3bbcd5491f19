//! What passes between embedded-tls and the transport: record headers are judged before it sees them.

use super::error::Error;
use super::suite::{APPLICATION_DATA, HANDSHAKE, OPEN_VERSION, RECORD_VERSION};
use crate::io::{Ready, Wait};
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
    /// Nothing is sent any more.
    silent: Cell<bool>,
    /// Where a record would begin, no octet of which has come, a read gives up instead of waiting.
    asked: Cell<bool>,
    /// It has.
    gave_up: Cell<bool>,
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

    /// From now on nothing is sent: the connection failed, and embedded-tls gives its transport back only with a
    /// close_notify.
    pub(super) fn silence(&self) {
        self.silent.set(true);
    }

    /// The next read only asks whether a record has come; none is waited for that has not begun.
    pub(super) fn ask(&self) {
        self.asked.set(true);
        self.gave_up.set(false);
    }

    /// Ends asking; whether no record had come, and the error of the read is none.
    pub(super) fn gave_up(&self) -> bool {
        self.asked.set(false);
        self.gave_up.get()
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
    /// Octets of the longest record that fits the receive buffer and the standard.
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
            capacity: capacity.min(MAX_LENGTH),
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
        if length > self.capacity {
            return Err(Error::RecordTooLong {
                length,
                limit: self.capacity,
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

impl<T: Wait> Records<'_, T> {
    fn apply_timeout(&mut self) {
        if let Some(timeout) = self.shared.timeout.get() {
            self.transport.set_timeout(timeout);
        }
    }
}

impl<T> ErrorType for Records<'_, T> {
    type Error = ErrorKind;
}

impl<T: Read + Wait> Read for Records<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.apply_timeout();
        if self.rest == 0 && self.passed == self.header.len() {
            (self.come, self.passed) = (0, 0);
        }
        while let Some(missing @ [_, ..]) = self.header.get_mut(self.come..) {
            // Until the whole header is here embedded-tls has seen nothing of it, and can be asked again.
            if self.shared.asked.get() && self.transport.wait().map_err(|error| error.kind())? == Ready::Write {
                self.shared.gave_up.set(true);
                return Err(ErrorKind::TimedOut);
            }
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

impl<T: Write + Wait> Write for Records<'_, T> {
    fn write(&mut self, octets: &[u8]) -> Result<usize, ErrorKind> {
        if self.shared.silent.get() {
            return Err(ErrorKind::NotConnected);
        }
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

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    /// Moves at most `chunk` octets a call.
    struct Line<'o> {
        chunk: usize,
        incoming: &'o [u8],
        outgoing: heapless::Vec<u8, 16>,
        timeout: Option<Duration>,
    }

    impl ErrorType for Line<'_> {
        type Error = ErrorKind;
    }

    impl Read for Line<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
            let count = buffer.len().min(self.chunk).min(self.incoming.len());
            let (now, later) = self.incoming.split_at(count);
            buffer[..count].copy_from_slice(now);
            self.incoming = later;
            Ok(count)
        }
    }

    impl Write for Line<'_> {
        fn write(&mut self, octets: &[u8]) -> Result<usize, ErrorKind> {
            let count = octets.len().min(self.chunk);
            self.outgoing.extend_from_slice(&octets[..count]).unwrap();
            Ok(count)
        }

        fn flush(&mut self) -> Result<(), ErrorKind> {
            Ok(())
        }
    }

    impl Wait for Line<'_> {
        fn set_timeout(&mut self, timeout: Duration) {
            self.timeout = Some(timeout);
        }

        fn wait(&mut self) -> Result<Ready, ErrorKind> {
            Ok(match self.incoming {
                [] => Ready::Write,
                _ => Ready::Read,
            })
        }
    }

    fn line(chunk: usize, incoming: &[u8]) -> Line<'_> {
        Line {
            chunk,
            incoming,
            outgoing: heapless::Vec::new(),
            timeout: None,
        }
    }

    /// What comes through of `incoming`, up to its end or the first refusal.
    fn pass(shared: &Shared, chunk: usize, size: usize, incoming: &[u8]) -> (heapless::Vec<u8, 64>, Option<Error>) {
        let mut records = Records::new(line(chunk, incoming), shared, 16);
        let mut passed = heapless::Vec::new();
        let mut buffer = [0; 64];
        while let Ok(count @ 1..) = records.read(&mut buffer[..size]) {
            passed.extend_from_slice(&buffer[..count]).unwrap();
        }
        (passed, shared.refusal())
    }

    fn concat(parts: &[&[u8]]) -> heapless::Vec<u8, 64> {
        parts.iter().flat_map(|octets| octets.iter().copied()).collect()
    }

    const HELLO: &[u8] = &[22, 3, 3, 0, 2, 1, 2];
    const CHANGE: &[u8] = &[20, 3, 3, 0, 1, 1];
    const DATA: &[u8] = &[23, 3, 1, 0, 3, 1, 2, 3];

    tests! {
        fn any_split_passes_the_same() {
            let incoming = concat(&[HELLO, CHANGE, DATA, CHANGE]);
            for chunk in 1..=incoming.len() {
                for size in 1..=incoming.len() {
                    let shared = Shared::default();
                    let (passed, refusal) = pass(&shared, chunk, size, &incoming);
                    let normalized: &[u8] = &[23, 3, 3, 0, 3, 1, 2, 3];
                    assert_eq!(passed, concat(&[HELLO, CHANGE, normalized, CHANGE]));
                    assert_eq!(refusal, None);
                }
            }
        }

        fn an_open_connection_marks_its_records_and_takes_nothing_in_the_clear() {
            for (clear, kind) in [(HELLO, 22), (CHANGE, 20), (&[21, 3, 3, 0, 2, 1, 0], 21)] {
                let shared = Shared::default();
                shared.open();
                let (passed, refusal) = pass(&shared, 64, 64, &concat(&[DATA, clear]));
                assert_eq!(passed, &[23, 3, 0xff, 0, 3, 1, 2, 3]);
                assert_eq!(refusal, Some(Error::Plaintext(kind)));
            }
        }

        fn asking_for_a_record_takes_nothing_away() {
            let marked: &[u8] = &[23, 3, 0xff, 0, 3, 1, 2, 3];
            for come in 0..=DATA.len() {
                let shared = Shared::default();
                shared.open();
                let mut records = Records::new(line(1, &DATA[..come]), &shared, 16);
                let mut passed: heapless::Vec<u8, 64> = heapless::Vec::new();
                let mut buffer = [0; 64];
                // Before the whole header is there, as often as one likes.
                for _ in 0..3 {
                    shared.ask();
                    let asked = records.read(&mut buffer);
                    assert_eq!(shared.gave_up(), come < 5);
                    assert_eq!(asked.is_ok(), come >= 5);
                    if let Ok(count) = asked {
                        passed.extend_from_slice(&buffer[..count]).unwrap();
                        break;
                    }
                }
                let taken = come - records.transport.incoming.len();
                records.transport.incoming = &DATA[taken..];
                while let Ok(count @ 1..) = records.read(&mut buffer) {
                    passed.extend_from_slice(&buffer[..count]).unwrap();
                }
                assert_eq!(passed, marked);
            }
        }

        fn only_a_server_hello_or_an_alert_comes_first() {
            for first in [CHANGE, DATA] {
                let (passed, refusal) = pass(&Shared::default(), 64, 64, first);
                assert!(passed.is_empty());
                assert_eq!(refusal, Some(Error::Plaintext(first[0])));
            }
        }

        fn a_record_must_fit() {
            let (_, refusal) = pass(&Shared::default(), 64, 64, &[22, 3, 3, 0, 17]);
            assert_eq!(refusal, Some(Error::RecordTooLong { length: 17, limit: 16 }));
        }

        fn alerts_get_their_type_at_any_split() {
            let shared = Shared::default();
            for chunk in 1..=7 {
                let mut records = Records::new(line(chunk, &[]), &shared, 16);
                // The second octet that looks like a type does not stand where one would.
                records.write_all(&[20, 3, 1, 0, 2, 20, 20]).unwrap();
                assert_eq!(records.transport.outgoing, &[21, 3, 1, 0, 2, 20, 20]);
            }
        }

        fn silence_keeps_the_transport_untouched() {
            let shared = Shared::default();
            shared.silence();
            let mut records = Records::new(line(64, &[]), &shared, 16);
            assert_eq!(records.write(b"octets"), Err(ErrorKind::NotConnected));
            assert!(records.into_transport().outgoing.is_empty());
        }

        fn the_timeout_reaches_the_transport() {
            let shared = Shared::default();
            let mut records = Records::new(line(64, HELLO), &shared, 16);
            records.read(&mut [0; 5]).unwrap();
            assert_eq!(records.transport.timeout, None);
            shared.set_timeout(Duration::from_secs(5));
            records.read(&mut [0; 2]).unwrap();
            assert_eq!(records.transport.timeout, Some(Duration::from_secs(5)));
        }
    }
}
