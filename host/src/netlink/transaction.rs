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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::query::Query;
    use crate::object::{Kind, Link, Object, Qdisc};

    fn message(kind: u16, flags: u16, sequence: Sequence, body: &[u8]) -> Vec<u8> {
        let mut encoder = Encoder::default();
        message::encode(&mut encoder, kind, flags, sequence.0, |encoder| encoder.raw(body)).unwrap();
        encoder.octets().to_vec()
    }

    fn link(index: u32) -> Object {
        Object::Link(Box::new(Link {
            index,
            name: Some(format!("if{index}")),
            ..Link::default()
        }))
    }

    fn link_body(index: u32) -> Vec<u8> {
        let mut body = Encoder::default();
        link(index).encode(&mut body);
        body.octets().to_vec()
    }

    /// Every reply to these datagrams; messages by the index of their link.
    fn replies(transaction: &mut Transaction, datagrams: &[Vec<u8>]) -> Vec<String> {
        let mut said = Vec::new();
        for datagram in datagrams {
            let mut replies = transaction.feed(datagram);
            while let Some(reply) = replies.poll() {
                said.push(match reply.unwrap() {
                    Reply::Message(_, message) => match Object::decode(Kind::Link, message.body) {
                        Ok(Object::Link(link)) => format!("link {}", link.index),
                        other => format!("{other:?}"),
                    },
                    other => format!("{other:?}"),
                });
            }
        }
        said
    }

    #[test]
    fn a_dump_is_the_same_however_its_messages_are_packed_into_datagrams() {
        let parts: Vec<Vec<u8>> = (1..=4)
            .map(|index| message(16, 2, Sequence(1), &link_body(index)))
            .chain([message(kind::DONE, 2, Sequence(1), &0i32.to_ne_bytes())])
            .collect();
        for packing in 0u32..1 << (parts.len() - 1) {
            let mut datagrams: Vec<Vec<u8>> = vec![Vec::new()];
            for (index, part) in parts.iter().enumerate() {
                if index > 0 && packing & 1 << (index - 1) != 0 {
                    datagrams.push(Vec::new());
                }
                datagrams.last_mut().unwrap().extend_from_slice(part);
            }
            let mut transaction = Transaction::default();
            transaction.ask(&Query::links()).unwrap();
            let said = replies(&mut transaction, &datagrams);
            assert_eq!(
                said,
                ["link 1", "link 2", "link 3", "link 4", "Done(Sequence(1))"],
                "packing {packing:b}"
            );
            assert!(transaction.is_complete());
        }
    }

    #[test]
    fn a_dump_with_one_interrupted_message_is_interrupted() {
        for place in 0..3 {
            let flags = |here| if here == place { flag::DUMP_INTR } else { 0 };
            let datagrams = [
                message(16, flags(0), Sequence(1), &link_body(1)),
                message(16, flags(1), Sequence(1), &link_body(2)),
                message(kind::DONE, flags(2), Sequence(1), &0i32.to_ne_bytes()),
            ];
            let mut transaction = Transaction::default();
            transaction.ask(&Query::links()).unwrap();
            let said = replies(&mut transaction, &datagrams);
            assert_eq!(said.last().unwrap(), "Interrupted(Sequence(1))");
            // Asked again it gets a number of its own, and the old answer does not count for it.
            let again = transaction.ask(&Query::links()).unwrap();
            assert_eq!(again, Sequence(2));
            assert_eq!(replies(&mut transaction, &datagrams), Vec::<String>::new());
            assert!(!transaction.is_complete());
        }
    }

    #[test]
    fn changes_sent_together_are_answered_one_by_one() {
        let mut transaction = Transaction::default();
        let sequences: Vec<Sequence> = (1..=3)
            .map(|index| transaction.begin(&Change::Delete(link(index))).unwrap())
            .collect();
        let mut refusal = (-19i32).to_ne_bytes().to_vec();
        refusal.extend_from_slice(&[16, 0, 0, 0, 17, 0, 5, 0, 2, 0, 0, 0, 0, 0, 0, 0]);
        let mut accepted = [0; 20];
        accepted[4] = 16;
        let datagrams = [
            message(kind::ERROR, flag::CAPPED, sequences[1], &refusal),
            message(kind::ERROR, flag::CAPPED, sequences[0], &accepted),
            message(kind::ERROR, flag::CAPPED, sequences[2], &accepted),
        ];
        let said = replies(&mut transaction, &datagrams);
        assert_eq!(
            said[0],
            "Refused(Sequence(2), Refusal { errno: 19, message: None, offset: None })"
        );
        assert_eq!(said[1..], ["Acked(Sequence(1), None)", "Acked(Sequence(3), None)"]);
    }

    /// `tc qdisc add dev lo root tbf rate 1mbit burst 1b limit 1` in an empty namespace, Linux 6.18: the kernel's answer
    /// with NETLINK_EXT_ACK, which repeats the request before it says why, here cut down to the request's header.
    #[test]
    fn an_extended_acknowledgement_says_why_and_where() {
        let mut body = (-22i32).to_ne_bytes().to_vec();
        let request = message(36, 0x605, Sequence(1), &[0; 20]);
        body.extend_from_slice(&request);
        let mut attributes = Encoder::default();
        attributes.text(1, "Attribute failed policy validation");
        attributes.u32(2, 36);
        body.extend_from_slice(attributes.octets());
        let mut transaction = Transaction::default();
        transaction
            .begin(&Change::Add(Object::Qdisc(Box::<Qdisc>::default())))
            .unwrap();
        let mut datagram = message(kind::ERROR, flag::ACK_TLVS, Sequence(1), &body);
        let mut replies = transaction.feed(&datagram);
        let refusal = Refusal {
            errno: 22,
            message: Some("Attribute failed policy validation".to_owned()),
            offset: Some(36),
        };
        assert_eq!(
            refusal.to_string(),
            "refused: Invalid argument: Attribute failed policy validation (octet 36 of the request)"
        );
        assert_eq!(replies.poll(), Some(Ok(Reply::Refused(Sequence(1), refusal))));
        // The repeated request claims to be longer than the answer.
        datagram[20] = 0xff;
        let mut transaction = Transaction::default();
        transaction.begin(&Change::Add(link(1))).unwrap();
        assert_eq!(
            transaction.feed(&datagram).poll(),
            Some(Err(Malformed {
                what: "an acknowledgement"
            }))
        );
    }

    #[test]
    fn a_success_may_warn() {
        let mut body = 0i32.to_ne_bytes().to_vec();
        // The header of the request, whose length counts a body that is not repeated.
        body.extend_from_slice(&[80, 0, 0, 0, 36, 0, 5, 6, 1, 0, 0, 0, 0, 0, 0, 0]);
        let mut attributes = Encoder::default();
        attributes.text(1, "quantum of class is big");
        body.extend_from_slice(attributes.octets());
        for flags in [flag::ACK_TLVS | flag::CAPPED, flag::ACK_TLVS] {
            let mut transaction = Transaction::default();
            transaction.begin(&Change::Add(link(1))).unwrap();
            let datagram = message(kind::ERROR, flags, Sequence(1), &body);
            let warning = Some("quantum of class is big".to_owned());
            assert_eq!(
                transaction.feed(&datagram).poll(),
                Some(Ok(Reply::Acked(Sequence(1), warning)))
            );
        }
    }
}
