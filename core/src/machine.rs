//! The one contract of every protocol endpoint.
//!
//! A machine never sees a socket. It says what it needs, a driver does it:
//!
//! ```text
//! loop { match machine.poll()? {
//!     Step::Transmit(octets) => { let count = socket.write(octets)?; machine.transmitted(count) }
//!     Step::Receive(buffer)  => { let count = socket.read(buffer)?;  machine.received(count) }
//!     Step::Duplex { transmit, receive } => either of the two, whichever the socket can do first
//!     Step::Event(event)     => return event,
//! } }
//! ```
//!
//! `poll` repeats its answer until it was acted on, so a driver may drop a step it cannot carry out yet and ask again.
//! An event is reported once. The drivers are [`crate::io::blocking`] and, with the feature `async`, `io::asynch`.

use core::time::Duration;

/// What a [`Machine`] needs next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a, E> {
    /// Send these octets, or some of them from the front; tell [`Machine::transmitted`] how many. Never empty.
    Transmit(&'a [u8]),
    /// Read into this buffer; tell [`Machine::received`] how many octets came, 0 when the peer closed. Never empty.
    Receive(&'a mut [u8]),
    /// Send these octets as [`Step::Transmit`], unless octets have come: then read them as [`Step::Receive`]. One of the
    /// two, and its count; a driver that waits for room to write waits for octets to read, too. Neither is empty.
    Duplex {
        /// What to send.
        transmit: &'a [u8],
        /// Where to read to.
        receive: &'a mut [u8],
    },
    /// Something the caller should know; details are read through the machine's getters before the next `poll`.
    Event(E),
}

/// A protocol endpoint: octets in, octets and events out, no I/O, no clock.
pub trait Machine {
    /// What it reports; small, details through getters.
    type Event: Copy;
    /// Why it stopped. After an error every further `poll` returns the same error.
    type Error: Copy;

    /// What is next. Repeats its answer until it was acted on.
    fn poll(&mut self) -> Result<Step<'_, Self::Event>, Self::Error>;

    /// `count` octets of the last [`Step::Transmit`] or [`Step::Duplex`] were handed to the transport; a count beyond it counts as all.
    fn transmitted(&mut self, count: usize);

    /// `count` octets were read into the buffer of the last [`Step::Receive`] or [`Step::Duplex`]; 0 means that the peer closed.
    fn received(&mut self, count: usize);

    /// How long the standard lets the current step wait for the peer.
    fn timeout(&self) -> Duration;
}

/// A machine may be driven through a reference, so that the caller keeps its getters.
impl<M: Machine> Machine for &mut M {
    type Event = M::Event;
    type Error = M::Error;

    fn poll(&mut self) -> Result<Step<'_, Self::Event>, Self::Error> {
        (**self).poll()
    }

    fn transmitted(&mut self, count: usize) {
        (**self).transmitted(count);
    }

    fn received(&mut self, count: usize) {
        (**self).received(count);
    }

    fn timeout(&self) -> Duration {
        (**self).timeout()
    }
}
