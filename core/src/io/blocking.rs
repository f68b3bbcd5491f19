//! Drives a machine over a blocking `embedded-io` transport.

use super::{DriveError, Ready, Wait};
use crate::machine::{Machine, Step};
use embedded_io::{Read, Write};

/// Moves octets until `machine` has something to report.
///
/// Sets the machine's timeout on the transport before each operation, and flushes before each read that follows writes.
pub fn next_event<M: Machine, T: Read + Write + Wait>(
    machine: &mut M,
    transport: &mut T,
) -> Result<M::Event, DriveError<M::Error, T::Error>> {
    let mut unflushed = false;
    loop {
        transport.set_timeout(machine.timeout());
        let (octets, buffer) = match machine.poll().map_err(DriveError::Protocol)? {
            Step::Transmit(octets) => (octets, None),
            Step::Receive(buffer) => (&[][..], Some(buffer)),
            Step::Duplex { transmit, receive } => match transport.wait().map_err(DriveError::Transport)? {
                Ready::Read => (&[][..], Some(receive)),
                Ready::Write => (transmit, None),
            },
            Step::Event(event) => {
                if unflushed {
                    transport.flush().map_err(DriveError::Transport)?;
                }
                return Ok(event);
            }
        };
        match buffer {
            None => match transport.write(octets).map_err(DriveError::Transport)? {
                0 => return Err(DriveError::WriteZero),
                count => {
                    unflushed = true;
                    machine.transmitted(count);
                }
            },
            Some(buffer) => {
                if unflushed {
                    transport.flush().map_err(DriveError::Transport)?;
                    unflushed = false;
                }
                let count = transport.read(buffer).map_err(DriveError::Transport)?;
                machine.received(count);
            }
        }
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use core::time::Duration;
    use embedded_io::ErrorKind;

    /// Sends `greeting`, reads three octets, reports them, and then fails.
    struct Greeter {
        sent: usize,
        answer: [u8; 3],
        received: usize,
        reported: bool,
    }

    impl Machine for Greeter {
        type Event = [u8; 3];
        type Error = &'static str;

        fn poll(&mut self) -> Result<Step<'_, [u8; 3]>, &'static str> {
            const GREETING: &[u8] = b"greeting";
            if self.sent < GREETING.len() {
                Ok(Step::Transmit(&GREETING[self.sent..]))
            } else if self.received < self.answer.len() {
                Ok(Step::Receive(&mut self.answer[self.received..]))
            } else if !self.reported {
                self.reported = true;
                Ok(Step::Event(self.answer))
            } else {
                Err("nothing more to do")
            }
        }

        fn transmitted(&mut self, count: usize) {
            self.sent += count;
        }

        fn received(&mut self, count: usize) {
            self.received += count;
        }

        fn timeout(&self) -> Duration {
            Duration::from_secs(self.sent as u64)
        }
    }

    /// Moves at most `chunk` octets a call and remembers what happened.
    struct Wire {
        chunk: usize,
        written: [u8; 8],
        count: usize,
        flushed: usize,
        timeout: Duration,
        /// After so many octets written there is something to read.
        interrupted: usize,
    }

    impl embedded_io::ErrorType for Wire {
        type Error = ErrorKind;
    }

    impl Read for Wire {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
            assert_eq!(
                self.flushed, self.count,
                "a read must not wait for octets that were not sent"
            );
            let count = buffer.len().min(self.chunk);
            buffer[..count].fill(b'!');
            Ok(count)
        }
    }

    impl Write for Wire {
        fn write(&mut self, octets: &[u8]) -> Result<usize, ErrorKind> {
            let count = octets.len().min(self.chunk);
            self.written[self.count..self.count + count].copy_from_slice(&octets[..count]);
            self.count += count;
            Ok(count)
        }

        fn flush(&mut self) -> Result<(), ErrorKind> {
            self.flushed = self.count;
            Ok(())
        }
    }

    impl Wait for Wire {
        fn set_timeout(&mut self, timeout: Duration) {
            self.timeout = timeout;
        }

        fn wait(&mut self) -> Result<Ready, ErrorKind> {
            Ok(if self.count < self.interrupted {
                Ready::Write
            } else {
                Ready::Read
            })
        }
    }

    fn drive(chunk: usize) -> Result<[u8; 3], DriveError<&'static str, ErrorKind>> {
        let mut greeter = Greeter {
            sent: 0,
            answer: [0; 3],
            received: 0,
            reported: false,
        };
        let mut wire = Wire {
            chunk,
            written: [0; 8],
            count: 0,
            flushed: 0,
            timeout: Duration::ZERO,
            interrupted: 0,
        };
        let event = next_event(&mut greeter, &mut wire)?;
        assert_eq!(&wire.written, b"greeting");
        assert_eq!(wire.timeout, Duration::from_secs(8), "the last step's own timeout");
        assert_eq!(
            next_event(&mut greeter, &mut wire),
            Err(DriveError::Protocol("nothing more to do"))
        );
        Ok(event)
    }

    /// Sends without end, in both directions, until an octet comes; reports how much it had sent.
    #[derive(Default)]
    pub(crate) struct Talker {
        sent: usize,
        answer: [u8; 1],
        received: usize,
    }

    impl Machine for Talker {
        type Event = usize;
        type Error = &'static str;

        fn poll(&mut self) -> Result<Step<'_, usize>, &'static str> {
            match self.received {
                0 => Ok(Step::Duplex {
                    transmit: b"more",
                    receive: &mut self.answer,
                }),
                _ => Ok(Step::Event(self.sent)),
            }
        }

        fn transmitted(&mut self, count: usize) {
            self.sent += count;
        }

        fn received(&mut self, count: usize) {
            self.received += count;
        }

        fn timeout(&self) -> Duration {
            Duration::ZERO
        }
    }

    tests! {
        fn an_octet_that_comes_while_writing_is_read_first() {
            for (chunk, interrupted, sent) in [(4, 0, 0), (4, 4, 4), (3, 4, 6), (1, 5, 5)] {
                let mut wire = Wire { chunk, written: [0; 8], count: 0, flushed: 0, timeout: Duration::MAX, interrupted };
                assert_eq!(next_event(&mut Talker::default(), &mut wire), Ok(sent));
            }
        }

        fn any_split_gives_the_same_event() {
            for chunk in 1..=9 {
                assert_eq!(drive(chunk), Ok(*b"!!!"));
            }
        }

        fn a_transport_that_takes_nothing_is_an_error() {
            assert_eq!(drive(0), Err(DriveError::WriteZero));
        }
    }
}
