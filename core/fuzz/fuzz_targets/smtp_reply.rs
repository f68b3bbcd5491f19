//! Any lines as the replies to a session: any split of them leads to the same words, events and outcome.
//!
//! A line waits until the session has spoken, so what comes early is the other target's matter.
#![no_main]

use gatepost_core::machine::{Machine, Step};
use gatepost_core::message::Address;
use gatepost_core::smtp::{
    Config, Envelope, Error, Event, Full, Options, Protocol, Recipient, Security, Session, Storage,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [read_size, replies @ ..] = input else {
        return;
    };
    let whole = run(replies, usize::MAX);
    assert_eq!(run(replies, usize::from(*read_size).max(1)), whole);
    assert_eq!(run(replies, 1), whole);
});

/// What was sent, what was reported with the reply's text, and how it ended.
#[derive(Debug, PartialEq)]
struct Outcome {
    sent: Vec<u8>,
    events: Vec<(Event, String)>,
    error: Option<Error>,
    reply: String,
}

/// Drives a session by `replies`, a line a time, each in pieces of `size` octets.
fn run(replies: &[u8], size: usize) -> Outcome {
    let recipients = ["a@b", "c@d"].map(|address| Recipient::from(Address::parse(address).expect("it is one")));
    let envelope = Envelope {
        reverse_path: None,
        recipients: &recipients,
        options: Options::default(),
    };
    let config = Config {
        client: "gate.test",
        security: Security::Plain,
        protocol: Protocol::Smtp,
        mechanisms: &mut [],
    };
    let (mut receive, mut transmit) = ([0; 128], [0; 80]);
    let storage = Storage {
        receive: &mut receive,
        transmit: &mut transmit,
        accepted: &mut [],
    };
    let mut session = Session::<Full, _>::new(config, storage).expect("the configuration is sound");
    session.mail(&envelope, &b"mail data"[..]).expect("it is the first");
    let mut outcome = Outcome {
        sent: Vec::new(),
        events: Vec::new(),
        error: None,
        reply: String::new(),
    };
    let mut lines = replies.split_inclusive(|octet| *octet == b'\n');
    let mut line: &[u8] = &[];
    loop {
        match session.poll() {
            Ok(Step::Transmit(octets) | Step::Duplex { transmit: octets, .. }) => {
                outcome.sent.extend_from_slice(octets);
                let count = octets.len();
                session.transmitted(count);
            }
            Ok(Step::Receive(room)) => {
                if line.is_empty() {
                    line = lines.next().unwrap_or_default();
                }
                let count = room.len().min(size).min(line.len());
                let (head, tail) = line.split_at(count);
                room[..count].copy_from_slice(head);
                line = tail;
                session.received(count);
            }
            Ok(Step::Event(event)) => {
                let reply = session.reply().map(|reply| reply.to_string());
                outcome.events.push((event, reply.unwrap_or_default()));
                if event == Event::Closed {
                    break;
                }
            }
            Err(error) => {
                outcome.error = Some(error);
                break;
            }
        }
    }
    outcome.reply = session.reply().map(|reply| reply.to_string()).unwrap_or_default();
    assert!(outcome.reply.bytes().all(|octet| matches!(octet, b' '..=b'~')));
    outcome
}
