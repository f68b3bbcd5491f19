//! A socket under a [`Transaction`]: requests are sent, answers waited for, interrupted dumps asked for again.

use super::error::Error;
use super::query::Query;
use super::transaction::{Reply, Sequence, Transaction};
use crate::object::attribute::{Attributes, Malformed, u32_of};
use crate::object::{Change, Object};
use neli::consts::socket::{Msg, NlFamily};
use neli::socket::NlSocket;
use neli::utils::Groups;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The kernel makes no datagram of a dump longer than this.
pub(super) const RECEIVE_BUFFER: usize = 32 * 1024;
/// How often a dump that changes interrupt is asked for before that is an error.
const ATTEMPTS: usize = 16;

/// How a dump ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// In one datagram with its last objects.
    WithObjects,
    /// In a datagram of its own.
    Alone,
    /// The objects are not as of one moment.
    Interrupted,
}

/// An open rtnetlink socket.
pub struct Connection {
    socket: NlSocket,
    transaction: Transaction,
    buffer: Vec<u8>,
    primed: bool,
}

impl Connection {
    /// Opens a socket in this thread's network namespace, with extended acknowledgements and strict checking.
    pub fn open() -> Result<Connection, Error> {
        let socket = NlSocket::connect(NlFamily::Route, None, Groups::empty())?;
        socket.enable_ext_ack(true)?;
        socket.enable_strict_checking(true)?;
        let transaction = Transaction::default();
        Ok(Connection {
            socket,
            transaction,
            buffer: vec![0; RECEIVE_BUFFER],
            primed: false,
        })
    }

    /// Makes a change; returns the kernel's warning, if it has one.
    pub fn execute(&mut self, change: &Change) -> Result<Option<String>, Error> {
        let sequence = self.transaction.begin(change)?;
        let mut outcome = None;
        self.exchange(|_, reply| {
            match reply {
                Reply::Acked(answered, warning) if answered == sequence => outcome = Some(Ok(warning)),
                Reply::Refused(answered, refusal) if answered == sequence => outcome = Some(Err(refusal)),
                _ => {}
            }
            Ok(())
        })?;
        match outcome {
            Some(Ok(warning)) => Ok(warning),
            Some(Err(refusal)) => Err(Error::Refused(refusal)),
            None => Err(Error::Malformed(Malformed { what: "the answer" })),
        }
    }

    /// Makes every change, also those after a refused one; returns the refusals with the changes' places.
    pub fn execute_all(&mut self, changes: &[Change]) -> Result<Vec<(usize, super::Refusal)>, Error> {
        /// As many changes as the kernel answers without its socket buffer running over.
        const WINDOW: usize = 64;
        let mut refusals = Vec::new();
        for (window, changes) in changes.chunks(WINDOW).enumerate() {
            let begun = changes.iter().map(|change| self.transaction.begin(change));
            let sequences: Vec<Sequence> = match begun.collect::<Result<_, _>>() {
                Ok(sequences) => sequences,
                Err(too_long) => {
                    self.transaction.abandon();
                    return Err(too_long.into());
                }
            };
            self.exchange(|_, reply| {
                if let Reply::Refused(sequence, refusal) = reply
                    && let Some(place) = sequences.iter().position(|known| *known == sequence)
                {
                    refusals.push((window * WINDOW + place, refusal));
                }
                Ok(())
            })?;
        }
        Ok(refusals)
    }

    /// Everything that answers the query: all of it as of one moment, or an error.
    pub fn dump(&mut self, query: &Query) -> Result<Vec<Object>, Error> {
        if matches!(query, Query::Routes { .. }) {
            self.prime()?;
        }
        for _ in 0..ATTEMPTS {
            let mut objects = Vec::new();
            let all = query.unfiltered();
            match (self.dump_once(query, &mut objects)?, all) {
                (End::Interrupted, _) => {}
                // An object too long for a datagram ends the dump of its table or family without a word; asked for all
                // of them, the kernel says so. A dump that was cut always ends alone.
                (End::Alone, Some(all)) => {
                    objects.clear();
                    if self.dump_once(&all, &mut objects)? != End::Interrupted {
                        objects.retain(|object| query.selects(object));
                        return Ok(objects);
                    }
                }
                _ => return Ok(objects),
            }
        }
        Err(Error::Interrupted)
    }

    /// The one object that answers the query.
    pub fn find(&mut self, query: &Query) -> Result<Object, Error> {
        let mut objects = Vec::new();
        self.dump_once(query, &mut objects)?;
        objects.pop().ok_or(Error::Malformed(Malformed { what: "the answer" }))
    }

    /// The number that this network namespace gives to another one; `None` if it gives it none.
    pub fn namespace_id(&mut self, namespace: BorrowedFd<'_>) -> Result<Option<i32>, Error> {
        /// NETNSA_NSID, and the fixed header before it.
        const ID: u16 = 1;
        const HEADER: usize = 4;
        self.transaction.ask_namespace(namespace.as_raw_fd())?;
        let mut id = None;
        self.exchange(|_, reply| {
            if let Reply::Message(_, message) = reply {
                let attributes = message.body.get(HEADER..).unwrap_or(&[]);
                id = Attributes::new(attributes)
                    .get(ID)
                    .and_then(u32_of)
                    .map(u32::cast_signed);
            }
            Ok(())
        })?;
        Ok(id.filter(|id| *id >= 0))
    }

    fn dump_once(&mut self, query: &Query, objects: &mut Vec<Object>) -> Result<End, Error> {
        let asked = self.transaction.ask(query)?;
        let kind = query.kind();
        let mut end = End::WithObjects;
        let mut refused = None;
        self.exchange(|place, reply| {
            match reply {
                // A dump can be filtered by kinds of objects that share a type; only its own are objects of this kind.
                Reply::Message(sequence, message) if sequence == asked && message.kind == kind.new_type() => {
                    objects.push(Object::decode(kind, message.body)?);
                }
                Reply::Interrupted(_) => end = End::Interrupted,
                Reply::Done(_) if place == 0 => end = End::Alone,
                Reply::Refused(_, refusal) => refused = Some(refusal),
                _ => {}
            }
            Ok(())
        })?;
        match refused {
            Some(refusal) => Err(Error::Refused(refusal)),
            None => Ok(end),
        }
    }

    /// The kernel sizes the first datagram of a dump by the largest buffer that was ever received into, and ends a dump
    /// whose first object does not fit. So something is received into ours before.
    fn prime(&mut self) -> Result<(), Error> {
        if !self.primed {
            let query = Query::Link {
                family: 0,
                index: 1,
                name: None,
                statistics: false,
            };
            match self.find(&query) {
                Ok(_) | Err(Error::Refused(_)) => self.primed = true,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends what is to be sent and hands every reply over, with its place in its datagram, until all requests are
    /// answered.
    fn exchange(&mut self, on_reply: impl FnMut(usize, Reply<'_>) -> Result<(), Error>) -> Result<(), Error> {
        let outcome = self.exchange_or_break(on_reply);
        if outcome.is_err() {
            // Late answers must not be taken for those of the next request.
            self.transaction.abandon();
        }
        outcome
    }

    fn exchange_or_break(
        &mut self,
        mut on_reply: impl FnMut(usize, Reply<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        send(&self.socket, self.transaction.transmit())?;
        self.transaction.transmitted();
        while !self.transaction.is_complete() {
            let length = receive(&self.socket, &mut self.buffer)?;
            let mut replies = self.transaction.feed(&self.buffer[..length]);
            let mut place = 0;
            while let Some(reply) = replies.poll() {
                on_reply(place, reply?)?;
                place += 1;
            }
        }
        Ok(())
    }
}

fn send(socket: &NlSocket, datagram: &[u8]) -> Result<(), Error> {
    loop {
        match socket.send(datagram, Msg::empty()) {
            // A datagram goes whole or not at all.
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Waits for a datagram and returns its length, at most the buffer's.
pub(super) fn receive(socket: &NlSocket, buffer: &mut [u8]) -> Result<usize, Error> {
    loop {
        // With TRUNC the kernel tells the datagram's own length, also where the buffer cut it.
        match socket.recv(&mut *buffer, Msg::TRUNC) {
            Ok((length, _)) if length <= buffer.len() => return Ok(length),
            Ok(_) => return Err(Error::Truncated),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
}
