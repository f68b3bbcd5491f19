//! What changes in the kernel, as it changes.
//!
//! Events wait in the socket's receive buffer. If the reader is slow the buffer runs over and events are lost; that is
//! told as [`Event::Overrun`], and the caller then takes stock anew ([`super::Connection::dump`]).

use super::connection::{RECEIVE_BUFFER, receive};
use super::errno;
use super::error::Error;
use super::message::Messages;
use crate::object::{Kind, Object};
use neli::consts::socket::NlFamily;
use neli::socket::NlSocket;
use neli::utils::Groups;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::time::Duration;

/// Multicast groups (RTNLGRP_*).
pub mod group {
    #![allow(missing_docs)] // the names of linux/rtnetlink.h
    pub const LINK: u32 = 1;
    pub const NEIGHBOUR: u32 = 3;
    pub const QDISC: u32 = 4;
    pub const IPV4_ADDRESS: u32 = 5;
    pub const IPV4_ROUTE: u32 = 7;
    pub const IPV6_ADDRESS: u32 = 9;
    pub const IPV6_ROUTE: u32 = 11;
}

/// The receive buffer that is asked for, octets; the kernel doubles it. A route event takes about 830.
const BUFFER: usize = 64 * 1024 * 1024;

/// Something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// This is new, or different from before.
    New(Object),
    /// This is gone.
    Deleted(Object),
    /// Events were lost: what is known may be out of date.
    Overrun,
}

/// A subscription to groups of events.
pub struct Events {
    socket: NlSocket,
    buffer: Vec<u8>,
    waiting: VecDeque<Event>,
}

impl Events {
    /// Subscribes to these [`group`]s in this thread's network namespace. Events from now on are told; to know all,
    /// take stock after this, not before.
    pub fn open(groups: &[u32]) -> Result<Events, Error> {
        // Groups by number: neli's masks end at 31.
        let socket = NlSocket::connect(NlFamily::Route, None, Groups::new_groups(groups))?;
        if rustix::net::sockopt::set_socket_recv_buffer_size_force(borrow(&socket), BUFFER).is_err() {
            // Without CAP_NET_ADMIN as much as net.core.rmem_max allows; an overrun is told anyway.
            socket.set_recv_buffer_size(BUFFER)?;
        }
        Ok(Events {
            socket,
            buffer: vec![0; RECEIVE_BUFFER],
            waiting: VecDeque::new(),
        })
    }

    /// The next event; `None` if none came in time. Without a timeout it waits for ever.
    pub fn next(&mut self, timeout: Option<Duration>) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(Some(event));
            }
            if !self.wait(timeout)? {
                return Ok(None);
            }
            match receive(&self.socket, &mut self.buffer) {
                Ok(length) => decode(&self.buffer[..length], &mut self.waiting)?,
                Err(Error::Io(error)) if error.raw_os_error() == Some(errno::ENOBUFS) => {
                    return Ok(Some(Event::Overrun));
                }
                // A datagram that did not fit is an event that was lost.
                Err(Error::Truncated) => return Ok(Some(Event::Overrun)),
                Err(error) => return Err(error),
            }
        }
    }

    fn wait(&self, timeout: Option<Duration>) -> Result<bool, Error> {
        let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
        loop {
            let mut descriptors = [PollFd::from_borrowed_fd(borrow(&self.socket), PollFlags::IN)];
            match poll(&mut descriptors, timeout.as_ref()) {
                Ok(ready) => return Ok(ready > 0),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(Error::Io(error.into())),
            }
        }
    }
}

impl AsFd for Events {
    fn as_fd(&self) -> BorrowedFd<'_> {
        borrow(&self.socket)
    }
}

/// neli's socket knows only the raw descriptor.
fn borrow(socket: &NlSocket) -> BorrowedFd<'_> {
    // SAFETY: the socket owns the descriptor and closes it when dropped, so it is open as long as the borrow lives.
    unsafe { BorrowedFd::borrow_raw(socket.as_raw_fd()) }
}

fn decode(datagram: &[u8], events: &mut VecDeque<Event>) -> Result<(), Error> {
    for message in Messages::new(datagram) {
        let message = message?;
        if let Some((kind, deleted)) = Kind::of(message.kind) {
            let object = Object::decode(kind, message.body)?;
            events.push_back(if deleted {
                Event::Deleted(object)
            } else {
                Event::New(object)
            });
        }
    }
    Ok(())
}
