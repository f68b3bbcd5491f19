//! Drives a machine over an `embedded-io-async` transport.

use super::DriveError;
use crate::machine::{Machine, Step};
use embedded_io_async::{Read, Write};

/// Moves octets until `machine` has something to report; flushes before each read.
///
/// The caller bounds the wait: race this future against a timer of [`Machine::timeout`].
/// Dropping the future loses nothing that the machine was told; the transport's own cancellation rules apply.
pub async fn next_event<M: Machine, T: Read + Write>(
    machine: &mut M,
    transport: &mut T,
) -> Result<M::Event, DriveError<M::Error, T::Error>> {
    let mut unflushed = false;
    loop {
        match machine.poll().map_err(DriveError::Protocol)? {
            Step::Transmit(octets) => match transport.write(octets).await.map_err(DriveError::Transport)? {
                0 => return Err(DriveError::WriteZero),
                count => {
                    unflushed = true;
                    machine.transmitted(count);
                }
            },
            Step::Receive(buffer) => {
                if unflushed {
                    transport.flush().await.map_err(DriveError::Transport)?;
                    unflushed = false;
                }
                let count = transport.read(buffer).await.map_err(DriveError::Transport)?;
                machine.received(count);
            }
            Step::Event(event) => {
                if unflushed {
                    transport.flush().await.map_err(DriveError::Transport)?;
                }
                return Ok(event);
            }
        }
    }
}
