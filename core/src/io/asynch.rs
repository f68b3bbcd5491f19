//! Drives a machine over an `embedded-io-async` transport.

use super::{DriveError, Ready};
use crate::machine::{Machine, Step};
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;
use embedded_io_async::{Read, Write};

/// Moves octets until `machine` has something to report; flushes before each read that follows writes.
///
/// The caller bounds the wait: race this future against a timer of [`Machine::timeout`].
/// Dropping the future loses nothing that the machine was told; the transport's own cancellation rules apply. For
/// [`Step::Duplex`] its reads and writes must be free of effects when they are dropped unready.
pub async fn next_event<M: Machine, T: Read + Write>(
    machine: &mut M,
    transport: &mut T,
) -> Result<M::Event, DriveError<M::Error, T::Error>> {
    let mut unflushed = false;
    loop {
        let (moved, count) = match machine.poll().map_err(DriveError::Protocol)? {
            Step::Transmit(octets) => (Ready::Write, transport.write(octets).await),
            Step::Receive(buffer) => {
                if unflushed {
                    transport.flush().await.map_err(DriveError::Transport)?;
                    unflushed = false;
                }
                (Ready::Read, transport.read(buffer).await)
            }
            Step::Duplex { transmit, receive } => either(transport, transmit, receive).await,
            Step::Event(event) => {
                if unflushed {
                    transport.flush().await.map_err(DriveError::Transport)?;
                }
                return Ok(event);
            }
        };
        match (moved, count.map_err(DriveError::Transport)?) {
            (Ready::Write, 0) => return Err(DriveError::WriteZero),
            (Ready::Write, count) => {
                unflushed = true;
                machine.transmitted(count);
            }
            (Ready::Read, count) => machine.received(count),
        }
    }
}

/// Reads, or writes if there is nothing to read; both wait in turn on the one transport, so each is begun anew.
async fn either<T: Read + Write>(
    transport: &mut T,
    transmit: &[u8],
    receive: &mut [u8],
) -> (Ready, Result<usize, T::Error>) {
    poll_fn(|context| {
        if let Poll::Ready(count) = pin!(transport.read(receive)).poll(context) {
            return Poll::Ready((Ready::Read, count));
        }
        pin!(transport.write(transmit))
            .poll(context)
            .map(|count| (Ready::Write, count))
    })
    .await
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use crate::io::blocking::tests::Talker;
    use core::convert::Infallible;
    use core::task::{Context, Waker};

    /// Takes `room` octets, then no more for now; something to read comes once it is `polled` so often.
    struct Line {
        room: usize,
        taken: usize,
        polled: usize,
    }

    impl embedded_io::ErrorType for Line {
        type Error = Infallible;
    }

    impl Read for Line {
        async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
            poll_fn(|_| match self.polled.checked_sub(1) {
                Some(polled) => {
                    self.polled = polled;
                    Poll::Pending
                }
                None => {
                    buffer.fill(b'!');
                    Poll::Ready(Ok(buffer.len()))
                }
            })
            .await
        }
    }

    impl Write for Line {
        async fn write(&mut self, octets: &[u8]) -> Result<usize, Infallible> {
            poll_fn(|_| match octets.len().min(self.room - self.taken) {
                0 => Poll::Pending,
                count => {
                    self.taken += count;
                    Poll::Ready(Ok(count))
                }
            })
            .await
        }

        async fn flush(&mut self) -> Result<(), Infallible> {
            Ok(())
        }
    }

    tests! {
        fn a_reply_is_read_while_a_write_waits() {
            for (room, polled, sent) in [(0, 0, 0), (100, 2, 8), (6, 5, 6)] {
                let mut line = Line { room, taken: 0, polled };
                let mut talker = Talker::default();
                let mut driven = pin!(next_event(&mut talker, &mut line));
                let mut context = Context::from_waker(Waker::noop());
                let event = (0..10).find_map(|_| match driven.as_mut().poll(&mut context) {
                    Poll::Ready(event) => Some(event),
                    Poll::Pending => None,
                });
                assert_eq!(event, Some(Ok(sent)));
            }
        }
    }
}
