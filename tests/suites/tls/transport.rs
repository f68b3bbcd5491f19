//! Records: what may be in the clear, what comes after the handshake, and how a connection ends.

use super::{Client, NAME, Outcome, close_notify, honest, meet, pair, pong, ponged, script};
use embedded_io::{ErrorKind, Read, Write};
use gatepost_core::io::{Ready, Wait};
use gatepost_core::tls::{Config, Connection, Error, Shared, Storage};
use harness::tls_server::chain::{self, Kind, NOW, Party};
use harness::tls_server::{Hello, Honest, Message, Proof, Record, Recorded, Script, Scripted, Seeded, Server, Wire};
use rustls::version::{TLS12, TLS13};
use std::time::Duration;

const HANDSHAKE: u8 = 22;
const ALERT: u8 = 21;

/// A client that refuses the server without telling it why.
#[track_caller]
fn refuse(script: Script, root: &Party, error: Error) {
    let (outcome, scripted) = meet(root, script);
    assert_eq!(outcome, Outcome::Refused(error));
    assert!(scripted.data.is_empty());
}

/// A connection over which these records come, before `pong` and close_notify.
#[track_caller]
fn after(records: Vec<Record>) -> Outcome {
    let (root, server) = pair();
    let mut script = honest(&server);
    script.after.splice(..0, records);
    meet(&root, script).0
}

// Before the end of the handshake.

#[test]
fn a_flight_in_the_clear() {
    let (root, server) = pair();
    let mut script = honest(&server);
    for record in &mut script.flight {
        if let Record::Encrypted(messages) = record {
            *record = Record::Plaintext(messages.clone());
        }
    }
    refuse(script, &root, Error::Plaintext(HANDSHAKE));
}

#[test]
fn one_message_in_the_clear() {
    let (root, server) = pair();
    for index in 0..4 {
        let mut script = honest(&server);
        if let Record::Encrypted(messages) = &script.flight[index] {
            script.flight[index] = Record::Plaintext(messages.clone());
        }
        refuse(script, &root, Error::Plaintext(HANDSHAKE));
    }
}

#[test]
fn an_alert_instead_of_a_server_hello() {
    let (root, server) = pair();
    let script = Script {
        hello: Hello::Alert(40),
        ..honest(&server)
    };
    refuse(script, &root, Error::Alert(Some(40)));
}

/// After the ServerHello anyone on the way could send it.
#[test]
fn an_alert_in_the_clear_after_the_server_hello() {
    let (root, server) = pair();
    let mut script = honest(&server);
    script.flight.insert(1, Record::Clear(ALERT, vec![2, 40]));
    refuse(script, &root, Error::Plaintext(ALERT));
}

#[test]
fn application_data_before_finished() {
    let (root, server) = pair();
    let mut script = honest(&server);
    script.flight.insert(3, pong());
    refuse(script, &root, Error::Message);
}

#[test]
fn a_retry_request() {
    let (root, server) = pair();
    let script = Script {
        hello: Hello::Retry,
        ..honest(&server)
    };
    let (outcome, _) = meet(&root, script);
    assert!(
        matches!(outcome, Outcome::Refused(Error::Message | Error::Negotiation)),
        "{outcome:?}"
    );
}

#[test]
fn a_group_that_was_not_offered() {
    let (root, server) = pair();
    let script = Script {
        hello: Hello::OtherGroup,
        ..honest(&server)
    };
    refuse(script, &root, Error::Negotiation);
}

#[test]
fn tls_1_2() {
    let (root, server) = pair();
    let mut wire = Wire::new(Honest::new(&server, &[], &TLS12), usize::MAX);
    let outcome = Client::new(&root).talk(&mut wire);
    assert_eq!(outcome, Outcome::Refused(Error::Alert(Some(70))));
}

#[test]
fn a_record_that_is_not_authentic() {
    let (root, server) = pair();
    let mut script = honest(&server);
    script
        .flight
        .insert(2, Record::Raw([&[23, 3, 3, 0, 40][..], &[0; 40]].concat()));
    refuse(script, &root, Error::Decrypt);
}

/// Authentic, and without so much as a content type.
#[test]
fn a_record_without_content() {
    let (root, server) = pair();
    for inner in [vec![], vec![0], vec![0; 100]] {
        let mut script = honest(&server);
        script.flight.insert(1, Record::Inner(inner));
        let (outcome, _) = meet(&root, script);
        assert!(
            matches!(outcome, Outcome::Refused(Error::Decrypt | Error::Message)),
            "{outcome:?}"
        );
    }
}

/// A limit of embedded-tls: it ends in an error, at least.
#[test]
fn a_message_over_two_records() {
    let (root, server) = pair();
    for count in [1, 4, 100] {
        let mut script = honest(&server);
        script.flight[1] = Record::Split(Message::Certificate(vec![server.der.clone()]), count);
        let (outcome, _) = meet(&root, script);
        assert!(
            matches!(outcome, Outcome::Refused(Error::Message | Error::Certificate)),
            "{outcome:?}"
        );
    }
}

#[test]
fn change_cipher_spec_without_end() {
    let (root, server) = pair();
    let mut script = honest(&server);
    script.flight.splice(..0, vec![Record::Clear(20, vec![1]); 100]);
    refuse(script, &root, Error::NoProgress);
}

#[test]
fn certificates_longer_than_the_buffer() {
    let (root, server) = pair();
    let script = script([
        Message::EncryptedExtensions,
        Message::Certificate(vec![server.der.clone(); 8]),
    ]);
    let mut wire = Wire::new(Scripted::new(script), usize::MAX);
    let client = Client {
        receive: 2048,
        ..Client::new(&root)
    };
    let outcome = client.talk(&mut wire);
    assert!(
        matches!(outcome, Outcome::Refused(Error::RecordTooLong { limit: 2048, .. })),
        "{outcome:?}"
    );
}

#[test]
fn a_record_longer_than_the_standard_allows() {
    let (root, server) = pair();
    let mut script = honest(&server);
    script.flight.insert(0, Record::Raw(vec![23, 3, 3, 0x41, 1]));
    let mut wire = Wire::new(Scripted::new(script), usize::MAX);
    let client = Client {
        receive: 65_535,
        ..Client::new(&root)
    };
    let error = Error::RecordTooLong {
        length: 16_641,
        limit: 16_640,
    };
    assert_eq!(client.talk(&mut wire), Outcome::Refused(error));
}

// After the handshake.

#[test]
fn a_request_for_a_certificate() {
    let outcome = after(vec![Record::Encrypted(vec![Message::CertificateRequest])]);
    assert_eq!(outcome, Outcome::Opened(Err(Error::Message)));
}

#[test]
fn any_handshake_message_but_a_ticket() {
    for kind in (0..=255).filter(|kind| *kind != 4) {
        let outcome = after(vec![Record::Inner(vec![kind, 0, 0, 1, 0, HANDSHAKE])]);
        assert_eq!(outcome, Outcome::Opened(Err(Error::Message)), "{kind}");
    }
}

#[test]
fn part_of_a_handshake_message() {
    for inner in [
        &[HANDSHAKE][..],
        &[4, HANDSHAKE],
        &[4, 0, 0, 2, 0, HANDSHAKE],
        &[4, 0, 0, 0, 13, HANDSHAKE],
    ] {
        let outcome = after(vec![Record::Inner(inner.to_vec())]);
        assert_eq!(outcome, Outcome::Opened(Err(Error::Message)), "{inner:?}");
    }
}

/// The second message stands where the ticket's own lengths end, inside the ticket by its header.
#[test]
fn a_request_hidden_in_a_ticket() {
    let ticket = [0; 4 + 4 + 1 + 2 + 2];
    let request = [13, 0, 0, 3, 0, 0, 0];
    let body = [&ticket[..], &request].concat();
    let inner = [&[4, 0, 0, body.len() as u8][..], &body, &[HANDSHAKE]].concat();
    assert_eq!(after(vec![Record::Inner(inner)]), ponged());
}

#[test]
fn tickets() {
    let ticket = [&[4, 0, 0, 14][..], &[0; 8], &[0, 0, 1, 9, 0, 0]].concat();
    let one = [&ticket[..], &[HANDSHAKE]].concat();
    let two_padded = [&ticket[..], &ticket, &[HANDSHAKE, 0, 0]].concat();
    assert_eq!(after(vec![Record::Inner(one), Record::Inner(two_padded)]), ponged());
}

#[test]
fn empty_records_without_end() {
    let (ticket, empty) = (vec![4, 0, 0, 0, HANDSHAKE], vec![23]);
    for inner in [ticket, empty] {
        assert_eq!(
            after(vec![Record::Inner(inner); 100]),
            Outcome::Opened(Err(Error::NoProgress))
        );
    }
}

#[test]
fn an_authentic_record_without_content() {
    assert_eq!(after(vec![Record::Inner(vec![])]), Outcome::Opened(Err(Error::Decrypt)));
    assert_eq!(
        after(vec![Record::Inner(vec![0; 5])]),
        Outcome::Opened(Err(Error::Message))
    );
}

#[test]
fn an_alert() {
    assert_eq!(
        after(vec![Record::Inner(vec![2, 80, ALERT])]),
        Outcome::Opened(Err(Error::Alert(None)))
    );
}

/// Anyone on the way could cut the connection off unnoticed.
#[test]
fn close_notify_in_the_clear() {
    let outcome = after(vec![Record::Clear(ALERT, vec![1, 0])]);
    assert_eq!(outcome, Outcome::Opened(Err(Error::Plaintext(ALERT))));
}

#[test]
fn anything_else_in_the_clear() {
    for kind in (0..=255).filter(|kind| *kind != 23) {
        let outcome = after(vec![Record::Clear(kind, vec![1])]);
        assert_eq!(outcome, Outcome::Opened(Err(Error::Plaintext(kind))));
    }
}

#[test]
fn an_end_without_close_notify() {
    let (root, server) = pair();
    let mut script = honest(&server);
    script.after.pop();
    assert_eq!(meet(&root, script).0, Outcome::Opened(Err(Error::Truncated)));
}

#[test]
fn a_record_replayed() {
    let (root, server) = pair();
    let mut script = honest(&server);
    let mut wire = Wire::new(Scripted::new(script.clone()), usize::MAX);
    assert_eq!(Client::new(&root).talk(&mut wire), ponged());
    // The last record but one holds `pong`: a header, four octets, their type and a tag of sixteen.
    let end = wire.received.len() - (5 + 2 + 1 + 16);
    let record = wire.received[end - (5 + 4 + 1 + 16)..end].to_vec();
    script.after.insert(1, Record::Raw(record));
    assert_eq!(meet(&root, script).0, Outcome::Opened(Err(Error::Decrypt)));
}

// Splits.

#[test]
fn any_split_gives_the_same() {
    let root = Party::root("Root", Kind::P256.key(0));
    let intermediate = root.issue(chain::authority("Intermediate"), Kind::P256.key(0));
    let server = intermediate.issue(chain::server(&[NAME]), Kind::P256.key(0));
    for chunk in [1, 2, 3, 4, 5, 6, 7, 100, 1000] {
        let mut wire = Wire::new(Honest::new(&server, &[&intermediate.der], &TLS13), chunk);
        assert_eq!(Client::new(&root).talk(&mut wire), ponged(), "{chunk}");
    }
}

/// A recorded handshake up to `pong` and close_notify, and the client that had it.
fn record() -> (Party, Vec<u8>) {
    let (root, server) = pair();
    let script = script([
        Message::EncryptedExtensions,
        Message::Certificate(vec![server.der.clone()]),
        Message::CertificateVerify(Proof::new(&server.key)),
        Message::Finished,
    ]);
    let mut wire = Wire::new(Scripted::new(script), usize::MAX);
    assert_eq!(Client::new(&root).talk(&mut wire), ponged());
    (root, wire.received)
}

#[test]
fn a_connection_cut_off_anywhere() {
    let (root, received) = record();
    let replay = |octets: &[u8]| Client::new(&root).talk(&mut Wire::new(Recorded(octets.to_vec()), usize::MAX));
    assert_eq!(replay(&received), ponged());
    for end in 0..received.len() {
        match replay(&received[..end]) {
            Outcome::Refused(Error::Truncated) | Outcome::Opened(Err(Error::Truncated)) => {}
            outcome => panic!("cut off at {end}: {outcome:?}"),
        }
    }
}

/// No octet can be changed unnoticed but the version in record headers, which RFC 8446 5.1 leaves without meaning, and
/// what stands in the ServerHello without meaning for a client that asked for one suite and resumes nothing.
#[test]
fn a_connection_changed_anywhere() {
    let (root, received) = record();
    let mut headers = Vec::new();
    let mut start = 0;
    while start < received.len() {
        headers.push(start);
        start += 5 + usize::from(u16::from_be_bytes([received[start + 3], received[start + 4]]));
    }
    for (index, bit) in (0..received.len()).map(|index| (index, 1 << (index % 8))) {
        let mut changed = received.clone();
        changed[index] ^= bit;
        let outcome = Client::new(&root).talk(&mut Wire::new(Recorded(changed), usize::MAX));
        let version = headers.iter().any(|header| (header + 1..header + 3).contains(&index));
        if version {
            assert_eq!(outcome, ponged(), "{index}");
        } else {
            assert!(
                matches!(outcome, Outcome::Refused(_) | Outcome::Opened(Err(_))),
                "{index}: {outcome:?}"
            );
        }
    }
}

// Which way octets can move.

/// A connection to this server, given to `judge`.
fn opened<S: Server>(root: &Party, wire: &mut Wire<S>, judge: impl FnOnce(&mut Connection<'_, &mut Wire<S>>)) {
    let (mut receive, mut transmit, mut shared) = ([0; 2048], [0; 1024], Shared::default());
    let storage = Storage {
        receive: &mut receive,
        transmit: &mut transmit,
        shared: &mut shared,
    };
    let config = Config {
        anchors: &[&root.der],
        server_name: NAME,
        now: NOW,
    };
    judge(&mut Connection::open(wire, &config, Seeded(1), storage).unwrap());
}

#[test]
fn only_application_data_and_the_end_are_something_to_read() {
    let (root, server) = pair();
    for chunk in [1, 2, 3, 7, usize::MAX] {
        let mut wire = Wire::new(Honest::new(&server, &[], &TLS13), chunk);
        opened(&root, &mut wire, |connection| {
            // The server's tickets came with the end of the handshake.
            assert_eq!(connection.wait(), Ok(Ready::Write));
            connection.write_all(b"ping").unwrap();
            connection.flush().unwrap();
            let mut buffer = [0; 3];
            for expected in [&b"pon"[..], b"g", b"", b""] {
                assert_eq!(connection.wait(), Ok(Ready::Read));
                assert_eq!(connection.wait(), Ok(Ready::Read), "asking takes nothing away");
                let count = connection.read(&mut buffer).unwrap();
                assert_eq!(&buffer[..count], expected);
            }
        });
    }
}

#[test]
fn what_is_wrong_with_a_record_is_told_when_asked() {
    let (root, server) = pair();
    for (record, error) in [
        (Record::Raw([&[23, 3, 3, 0, 40][..], &[0; 40]].concat()), Error::Decrypt),
        (Record::Clear(22, vec![1]), Error::Plaintext(22)),
        (Record::Inner(vec![2, 80, ALERT]), Error::Alert(None)),
    ] {
        let mut script = honest(&server);
        script.after.insert(0, record);
        opened(&root, &mut Wire::new(Scripted::new(script), usize::MAX), |connection| {
            connection.write_all(b"ping").unwrap();
            connection.flush().unwrap();
            assert_eq!(connection.wait(), Err(error));
            assert_eq!(connection.wait(), Err(error));
            assert_eq!(connection.read(&mut [0; 8]), Err(error));
        });
    }
}

// The transport.

#[test]
fn the_transport_gets_the_timeout() {
    let (root, server) = pair();
    let mut wire = Wire::new(Scripted::new(honest(&server)), usize::MAX);
    let (mut receive, mut transmit, mut shared) = ([0; 2048], [0; 1024], Shared::default());
    let storage = Storage {
        receive: &mut receive,
        transmit: &mut transmit,
        shared: &mut shared,
    };
    let config = Config {
        anchors: &[&root.der],
        server_name: NAME,
        now: NOW,
    };
    let mut connection = Connection::open(&mut wire, &config, Seeded(1), storage).unwrap();
    let mut buffer = [0; 4];
    connection.set_timeout(Duration::from_secs(300));
    connection.read_exact(&mut buffer).unwrap();
    connection.set_timeout(Duration::from_secs(7));
    let (_, closed) = connection.close();
    closed.unwrap();
    assert_eq!(wire.timeouts.first(), Some(&None));
    assert_eq!(wire.timeouts.last(), Some(&Some(Duration::from_secs(7))));
    assert!(wire.timeouts.contains(&Some(Duration::from_secs(300))));
    assert_eq!(wire.server.alert, Some(0));
}

#[test]
fn the_first_error_stays() {
    let (root, server) = pair();
    let mut script = honest(&server);
    script.after = vec![Record::Clear(ALERT, vec![1, 0]), pong(), close_notify()];
    let mut wire = Wire::new(Scripted::new(script), usize::MAX);
    let (mut receive, mut transmit, mut shared) = ([0; 2048], [0; 1024], Shared::default());
    let storage = Storage {
        receive: &mut receive,
        transmit: &mut transmit,
        shared: &mut shared,
    };
    let config = Config {
        anchors: &[&root.der],
        server_name: NAME,
        now: NOW,
    };
    let mut connection = Connection::open(&mut wire, &config, Seeded(1), storage).unwrap();
    for _ in 0..3 {
        assert_eq!(connection.read(&mut [0; 4]), Err(Error::Plaintext(ALERT)));
    }
    assert_eq!(connection.close().1, Err(Error::Plaintext(ALERT)));
}

#[test]
fn a_configuration_that_cannot_be_right() {
    let (root, server) = pair();
    let talk = |client: Client<'_>| client.talk(&mut Wire::new(Scripted::new(honest(&server)), usize::MAX));
    for name in ["", "mail test", "-", "mail.test:25", &"a".repeat(64)] {
        let outcome = talk(Client {
            name,
            ..Client::new(&root)
        });
        assert_eq!(outcome, Outcome::Refused(Error::ServerName));
    }
    let trust = |anchors: Vec<&[u8]>| {
        talk(Client {
            anchors,
            ..Client::new(&root)
        })
    };
    for count in [0, 9] {
        let outcome = trust(vec![&root.der; count]);
        assert_eq!(outcome, Outcome::Refused(Error::TrustAnchors { count }));
    }
    let outcome = trust(vec![&root.der, b"-----BEGIN CERTIFICATE-----"]);
    assert_eq!(outcome, Outcome::Refused(Error::TrustAnchor { index: 1 }));
    let outcome = talk(Client {
        receive: 1000,
        ..Client::new(&root)
    });
    assert_eq!(outcome, Outcome::Refused(Error::Storage { least: 1024 }));
}

/// The longest name makes the longest ClientHello.
#[test]
fn the_shortest_transmit_buffer_is_long_enough() {
    let label = "a".repeat(63);
    let name = [&label[..], &label, &label, &label[2..]].join(".");
    let root = Party::root("Root", Kind::P256.key(0));
    let server = root.issue(chain::server(&[&name]), Kind::P256.key(0));
    let mut wire = Wire::new(Scripted::new(honest(&server)), usize::MAX);
    let (mut receive, mut transmit, mut shared) = ([0; 2048], [0; 640], Shared::default());
    let storage = Storage {
        receive: &mut receive,
        transmit: &mut transmit,
        shared: &mut shared,
    };
    let config = Config {
        anchors: &[&root.der],
        server_name: &name,
        now: NOW,
    };
    assert!(Connection::open(&mut wire, &config, Seeded(1), storage).is_ok());
    assert_eq!(
        embedded_io::Error::kind(&Error::Truncated),
        ErrorKind::ConnectionAborted
    );
}
