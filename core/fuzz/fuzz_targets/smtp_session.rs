//! A server that says anything, in any pieces and at any time, to a session of any configuration.
//!
//! No panic, bounded work, nothing said in the clear that should not be, and nothing accepted but by a 250 that was
//! read after the end of data had left.
#![no_main]

use gatepost_core::machine::{Machine, Step};
use gatepost_core::message::Address;
use gatepost_core::smtp::sasl::{CramMd5, Login, Mechanism, Plain, ScramSha256};
use gatepost_core::smtp::{Config, Envelope, Event, Full, Options, Protocol, Recipient, Security, Session, Storage};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [choice, more, read_size, write_size, data_length, rest @ ..] = input else {
        return;
    };
    let (data, replies) = rest.split_at(rest.len().min(usize::from(*data_length)));
    let security = [
        Security::StartTls,
        Security::StartTlsIfOffered,
        Security::Implicit,
        Security::PlainWithPassword,
    ];
    let security = security[usize::from(choice & 3)];
    let mut nonce = |octets: &mut [u8]| octets.fill(7);
    let mut plain = Plain::new("user", "hunter2").expect("a user and a password");
    let mut login = Login::new("user", "hunter2").expect("a user and a password");
    let mut cram = CramMd5::new("user", "hunter2").expect("a user and a password");
    let mut scram = ScramSha256::new("user", "hunter2", &mut nonce)
        .expect("a user and a password")
        .at_most(4096);
    let mut mechanisms: [&mut dyn Mechanism; 4] = [&mut scram, &mut cram, &mut plain, &mut login];
    let recipients = ["a@b", "c@d", "e@f"].map(|address| Recipient::from(Address::parse(address).expect("it is one")));
    let envelope = |count: usize| Envelope {
        reverse_path: None,
        recipients: &recipients[..1 + count % 3],
        options: Options {
            all_or_nothing: more & 1 != 0,
            ..Options::default()
        },
    };
    let envelopes = [envelope(usize::from(choice >> 4)), envelope(usize::from(choice >> 6))];
    let config = Config {
        client: "gate.test",
        security,
        protocol: if more & 2 != 0 { Protocol::Lmtp } else { Protocol::Smtp },
        mechanisms: &mut mechanisms[if choice & 4 != 0 { 0 } else { 4 }..],
    };
    let (mut receive, mut transmit, mut accepted) = ([0; 300], [0; 400], [0; 1]);
    let storage = Storage {
        receive: &mut receive,
        transmit: &mut transmit,
        accepted: &mut accepted,
    };
    let mut session = Session::<Full, _>::new(config, storage).expect("the configuration is sound");
    session.mail(&envelopes[0], data).expect("it is the first");
    let mut next = envelopes[1..].iter().take(usize::from(more >> 2 & 1));

    let (read_size, write_size) = (usize::from(*read_size).max(1), usize::from(*write_size).max(1));
    let mut replies = replies;
    let mut transcript = Vec::new();
    let mut encrypted = security == Security::Implicit;
    let mut steps = 0usize;
    let (mut mails, mut verdicts) = (1, 0);
    loop {
        steps += 1;
        assert!(
            steps < 10_000 + 8 * input.len(),
            "work is bounded by the octets received"
        );
        // Where the session can read or write, every other input reads whenever there is something to read.
        let prefers_reading = more & 8 != 0 && !replies.is_empty();
        match session.poll() {
            Ok(Step::Transmit(octets)) => panic!("it says {octets:?} and is deaf"),
            Ok(Step::Duplex { transmit, .. }) if !prefers_reading => {
                assert!(!transmit.is_empty());
                let count = transmit.len().min(write_size);
                transcript.extend_from_slice(&transmit[..count]);
                session.transmitted(count);
                if !encrypted && security == Security::StartTls {
                    let lines = transcript.split_inclusive(|octet| *octet == b'\n');
                    for line in lines {
                        assert!(
                            ALLOWED.iter().any(|allowed| allowed.starts_with(line)),
                            "only these before TLS"
                        );
                    }
                }
            }
            Ok(Step::Receive(room) | Step::Duplex { receive: room, .. }) => {
                assert!(!room.is_empty());
                let count = room.len().min(read_size).min(replies.len());
                let (head, tail) = replies.split_at(count);
                room[..count].copy_from_slice(head);
                replies = tail;
                session.received(count);
            }
            Ok(Step::Event(Event::StartTls)) => {
                assert!(matches!(security, Security::StartTls | Security::StartTlsIfOffered));
                session.secured(Some(&[7; 32]));
                encrypted = true;
                transcript.clear();
            }
            Ok(Step::Event(Event::Ready)) => {
                if let Some(envelope) = next.next() {
                    session.mail(envelope, data).expect("it is ready");
                    mails += 1;
                }
            }
            Ok(Step::Event(Event::Accepted)) => {
                verdicts += 1;
                assert!(
                    session
                        .reply()
                        .is_some_and(|reply| reply.code.value() == 250 || more & 2 != 0)
                );
                let ends = transcript.windows(5).filter(|octets| octets == b"\r\n.\r\n").count();
                let bdat = transcript.windows(5).filter(|octets| octets == b"BDAT ").count();
                assert!(verdicts <= mails && ends + bdat >= 1, "the end of data has left");
            }
            Ok(Step::Event(Event::Failed(_))) => {
                verdicts += 1;
                assert!(verdicts <= mails);
            }
            Ok(Step::Event(Event::Recipient { index, .. } | Event::Delivered { index, .. })) => assert!(index < 3),
            Ok(Step::Event(Event::Deferred { from })) => assert!(matches!(from, 1..3)),
            Ok(Step::Event(Event::Closed)) => break,
            Err(error) => {
                assert_eq!(session.poll(), Err(error), "an error stays");
                assert!(error.to_string().starts_with("smtp: "));
                break;
            }
        }
    }
    for (index, octet) in transcript.iter().enumerate() {
        match octet {
            b'\r' => assert!(
                index + 1 == transcript.len() || transcript[index + 1] == b'\n',
                "a bare CR"
            ),
            b'\n' => assert!(index > 0 && transcript[index - 1] == b'\r', "a bare LF"),
            _ => {}
        }
    }
});

const ALLOWED: [&[u8]; 5] = [
    b"EHLO gate.test\r\n",
    b"LHLO gate.test\r\n",
    b"HELO gate.test\r\n",
    b"STARTTLS\r\n",
    b"QUIT\r\n",
];
