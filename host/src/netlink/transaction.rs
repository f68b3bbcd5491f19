//! Which answer belongs to which request: sequence numbers, acknowledgements, dumps. Holds no socket.
//!
//! ```text
//! begin(change) ┐                    ┌ feed(datagram) -> Message, Acked, Refused, Done, Interrupted
//! ask(query)    ┴> transmit() > ~~~~ ┘
//! ```
//!
//! Requests gather in one buffer until they are sent. The kernel executes every message of a datagram, also those after
//! one that it refuses, so each request gets its answer of its own.

use super::error::{self, Refusal};
use super::message::{self, Message, Messages, TooLong, flag, kind};
use super::query::Query;
use crate::object::attribute::{Encoder, Malformed};
use crate::object::{Change, Object};
use std::os::fd::RawFd;

/// The number of a request; its answers carry it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sequence(pub u32);

/// Part of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<'a> {
    /// An object that was asked for; decode it with [`Object::decode`].
    Message(Sequence, Message<'a>),
    /// The change was made; perhaps with a warning.
    Acked(Sequence, Option<String>),
    /// The request was refused; nothing of it was done.
    Refused(Sequence, Refusal),
    /// All objects that were asked for have been told.
    Done(Sequence),
    /// Objects changed while they were told: what came is not what there is. Ask again.
    Interrupted(Sequence),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaiting {
    Acknowledgement,
    OneObject,
    Dump { interrupted: bool },
}

/// Requests on their way and their answers.
#[derive(Debug, Default)]
pub struct Transaction {
    last: u32,
    requests: Encoder,
    pending: Vec<(Sequence, Awaiting)>,
}

impl Transaction {
    /// No requests; the first gets the number after `last`, so that a socket used again can tell late answers.
    pub fn new(last: u32) -> Transaction {
        Transaction {
            last,
            ..Transaction::default()
        }
    }

    /// Adds the request for a change.
    pub fn begin(&mut self, change: &Change) -> Result<Sequence, TooLong> {
        let kind = change.object().kind();
        let message_type = match change {
            Change::Delete(_) => kind.delete_type(),
            _ => kind.new_type(),
        };
        let how = match change {
            Change::Add(_) => flag::CREATE | flag::EXCL,
            Change::Append(_) => flag::CREATE | flag::APPEND,
            Change::Prepend(_) => flag::CREATE,
            Change::Replace(_) => flag::CREATE | flag::REPLACE,
            // A link or qdisc is changed by naming it; for the others the kernel wants to hear that one must be there.
            Change::Set(Object::Link(_) | Object::Qdisc(_)) | Change::Delete(_) => 0,
            Change::Set(_) => flag::REPLACE,
        };
        let flags = flag::REQUEST | flag::ACK | how;
        self.add(message_type, flags, Awaiting::Acknowledgement, |body| {
            change.object().encode(body)
        })
    }

    /// Adds a query.
    pub fn ask(&mut self, query: &Query) -> Result<Sequence, TooLong> {
        let (flags, awaiting) = match query.is_dump() {
            true => (flag::REQUEST | flag::DUMP, Awaiting::Dump { interrupted: false }),
            false => (flag::REQUEST, Awaiting::OneObject),
        };
        self.add(query.kind().query_type(), flags, awaiting, |body| query.encode(body))
    }

    /// Adds the question which number this network namespace gives to the one that is open under this descriptor.
    pub(super) fn ask_namespace(&mut self, descriptor: RawFd) -> Result<Sequence, TooLong> {
        /// RTM_GETNSID and NETNSA_FD.
        const GET: u16 = 90;
        const FD: u16 = 3;
        self.add(GET, flag::REQUEST, Awaiting::OneObject, |body| {
            body.raw(&[0; 4]);
            body.attribute(FD, &descriptor.to_ne_bytes());
        })
    }

    fn add(
        &mut self,
        message_type: u16,
        flags: u16,
        awaiting: Awaiting,
        content: impl FnOnce(&mut Encoder),
    ) -> Result<Sequence, TooLong> {
        // 0 is the number of events.
        let sequence = Sequence(self.last.checked_add(1).unwrap_or(1));
        message::encode(&mut self.requests, message_type, flags, sequence.0, content)?;
        self.last = sequence.0;
        self.pending.push((sequence, awaiting));
        Ok(sequence)
    }

    /// The requests not sent yet, to go in one datagram.
    pub fn transmit(&self) -> &[u8] {
        self.requests.octets()
    }

    /// They were sent.
    pub fn transmitted(&mut self) {
        self.requests.clear();
    }

    /// Whether every request has its whole answer.
    pub fn is_complete(&self) -> bool {
        self.pending.is_empty()
    }

    /// Forgets the requests that have no answer yet; one that comes later is passed over.
    pub fn abandon(&mut self) {
        self.requests.clear();
        self.pending.clear();
    }

    /// What a datagram says. Messages that answer nothing that was asked are passed over.
    pub fn feed<'t, 'd>(&'t mut self, datagram: &'d [u8]) -> Replies<'t, 'd> {
        Replies {
            transaction: self,
            messages: Messages::new(datagram),
        }
    }

    fn interpret<'d>(&mut self, message: Message<'d>) -> Result<Option<Reply<'d>>, Malformed> {
        let sequence = Sequence(message.sequence);
        let Some(place) = self.pending.iter().position(|(pending, _)| *pending == sequence) else {
            return Ok(None);
        };
        if message.flags & flag::DUMP_INTR != 0
            && let Awaiting::Dump { interrupted } = &mut self.pending[place].1
        {
            *interrupted = true;
        }
        let awaiting = self.pending[place].1;
        match message.kind {
            kind::ERROR | kind::DONE => {
                let verdict = error::verdict(&message)?;
                self.pending.remove(place);
                Ok(Some(match (verdict, awaiting) {
                    (Err(refusal), _) => Reply::Refused(sequence, refusal),
                    (Ok(_), Awaiting::Dump { interrupted: true }) => Reply::Interrupted(sequence),
                    (Ok(_), Awaiting::Dump { interrupted: false }) => Reply::Done(sequence),
                    (Ok(warning), _) => Reply::Acked(sequence, warning),
                }))
            }
            kind if kind >= kind::FIRST_OF_FAMILY => {
                if awaiting == Awaiting::OneObject {
                    self.pending.remove(place);
                }
                Ok(Some(Reply::Message(sequence, message)))
            }
            _ => Ok(None),
        }
    }
}

/// The replies in one datagram. Dropping it early drops the rest of the datagram.
#[derive(Debug)]
pub struct Replies<'t, 'd> {
    transaction: &'t mut Transaction,
    messages: Messages<'d>,
}

impl<'d> Replies<'_, 'd> {
    /// The next reply; `None` at the datagram's end.
    pub fn poll(&mut self) -> Option<Result<Reply<'d>, Malformed>> {
        loop {
            let reply = self
                .messages
                .next()?
                .and_then(|message| self.transaction.interpret(message));
            if let Some(reply) = reply.transpose() {
                return Some(reply);
            }
        }
    }
}
