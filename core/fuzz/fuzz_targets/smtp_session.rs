//! A server that says anything, in any pieces, to a session of any configuration.
//!
//! No panic, bounded work, nothing said in the clear that should not be, and nothing accepted but by a 250 that was
//! read after the end of data had left.
#![no_main]

use gatepost_core::machine::{Machine, Step};
use gatepost_core::message::Address;
use gatepost_core::smtp::{Config, Credentials, Envelope, Event, Phase, Security, Session, Storage};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [choice, read_size, write_size, data_length, rest @ ..] = input else {
        return;
    };
    let (data, replies) = rest.split_at(rest.len().min(usize::from(*data_length)));
    let security = [
        Security::StartTls,
        Security::Implicit,
        Security::Plain,
        Security::PlainWithPassword,
    ];
    let security = security[usize::from(choice & 3)];
    let credentials = (security != Security::Plain && choice & 4 != 0).then_some(Credentials {
        user: "user",
        password: "hunter2",
    });
    let recipients = ["a@b", "c@d", "e@f"].map(|address| Address::parse(address).expect("it is one"));
    let envelope = Envelope {
        reverse_path: None,
        recipients: &recipients[..1 + usize::from(choice >> 4) % 3],
    };
    let config = Config {
        client: "gate.test",
        security,
        credentials,
    };
    let (mut receive, mut transmit) = ([0; 160], [0; 80]);
    let storage = Storage {
        receive: &mut receive,
        transmit: &mut transmit,
    };
    let mut session = Session::new(config, envelope, data, storage).expect("the configuration is sound");

    let (read_size, write_size) = (usize::from(*read_size).max(1), usize::from(*write_size).max(1));
    let mut replies = replies;
    let mut transcript = Vec::new();
    let mut encrypted = security == Security::Implicit;
    let mut steps = 0usize;
    loop {
        steps += 1;
        assert!(
            steps < 10_000 + 8 * input.len(),
            "work is bounded by the octets received"
        );
        match session.poll() {
            Ok(Step::Transmit(octets)) => {
                assert!(!octets.is_empty());
                let count = octets.len().min(write_size);
                transcript.extend_from_slice(&octets[..count]);
                session.transmitted(count);
                if !encrypted && security == Security::StartTls {
                    let allowed = [
                        &b"EHLO gate.test\r\n"[..],
                        b"HELO gate.test\r\n",
                        b"STARTTLS\r\n",
                        b"QUIT\r\n",
                    ];
                    let lines = transcript.split_inclusive(|octet| *octet == b'\n');
                    for line in lines {
                        assert!(
                            allowed.iter().any(|allowed| allowed.starts_with(line)),
                            "only these before TLS"
                        );
                    }
                }
            }
            Ok(Step::Duplex { .. }) => unreachable!("it sends or it receives"),
            Ok(Step::Receive(room)) => {
                assert!(!room.is_empty());
                let count = room.len().min(read_size).min(replies.len());
                let (head, tail) = replies.split_at(count);
                room[..count].copy_from_slice(head);
                replies = tail;
                session.received(count);
            }
            Ok(Step::Event(Event::StartTls)) => {
                assert_eq!(security, Security::StartTls);
                session.secured();
                encrypted = true;
                transcript.clear();
            }
            Ok(Step::Event(Event::Accepted)) => {
                assert!(transcript.ends_with(b".\r\n"), "the end of data has left");
                assert_eq!(session.reply().map(|reply| reply.code.value()), Some(250));
                assert_eq!(session.phase(), Phase::EndOfData);
            }
            Ok(Step::Event(Event::Recipient { index, .. })) => assert!(index < envelope.recipients.len()),
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
