//! What a transport says when it is asked which way octets can move, in the clear and under TLS.

mod common;

use common::{Authority, Server, accept, directory, tls};
use embedded_io::{Read as _, Write as _};
use gatepost::net::{Endpoint, Error, Transport, Trust};
use gatepost_core::io::{Ready, Wait as _};
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConnection, StreamOwned};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(30);

/// A server's end of a stream, whatever is under it.
trait Stream: Read + Write {
    /// Ends it as it should be ended.
    fn end(&mut self);
}

impl Stream for TcpStream {
    fn end(&mut self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
}

impl Stream for StreamOwned<ServerConnection, TcpStream> {
    fn end(&mut self) {
        self.conn.send_close_notify();
        self.flush().unwrap();
        self.sock.shutdown(Shutdown::Write).unwrap();
    }
}

/// Tells the other side that it may go on, and waits to be told.
struct Turns(Sender<()>, Receiver<()>);

impl Turns {
    fn pair() -> (Self, Self) {
        let ((there, here), (back, forth)) = (channel(), channel());
        (Self(there, forth), Self(back, here))
    }

    fn yours(&self) {
        self.0.send(()).unwrap();
    }

    /// Also returns when the other side has ended.
    fn wait(&self) {
        let _ = self.1.recv();
    }
}

/// Asks until there is something to read: what was sent takes its time to arrive.
fn until_read(transport: &mut Transport) {
    while transport.wait().unwrap() == Ready::Write {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Runs a server's and a client's script against each other, in the clear and then under TLS.
fn both(name: &str, server: fn(&mut dyn Stream, Turns), client: fn(&mut Transport, Turns)) {
    let authority = Authority::new("test");
    let trust = Trust::file(&authority.file(&directory(name))).unwrap();
    for secured in [false, true] {
        let config = authority.server("mail.test", (2020, 2049));
        let (ours, theirs) = Turns::pair();
        let started = Server::start(move |listener| {
            let mut stream = accept(&listener);
            match secured {
                false => server(&mut stream, theirs),
                true => server(&mut tls(stream, &config).unwrap(), theirs),
            }
        });
        let mut transport = connect(&started);
        if secured {
            transport.secure(&trust, "mail.test", LIMIT).unwrap();
        }
        transport.set_timeout(LIMIT);
        client(&mut transport, ours);
        drop(transport);
        started.finish();
    }
}

fn connect<R: Send + 'static>(server: &Server<R>) -> Transport {
    let endpoint = Endpoint::parse(&server.address.to_string(), 0).unwrap();
    Transport::connect(&endpoint, LIMIT).unwrap()
}

#[test]
fn octets_to_read_come_before_room_to_write() {
    both(
        "octets_to_read",
        |stream, turns| {
            turns.wait();
            stream.write_all(b"552 full\r\n").unwrap();
            stream.flush().unwrap();
            turns.wait();
        },
        |transport, turns| {
            assert_eq!(transport.wait().unwrap(), Ready::Write);
            turns.yours();
            until_read(transport);
            assert_eq!(transport.wait().unwrap(), Ready::Read, "asking takes nothing away");
            transport.read_exact(&mut [0; 4]).unwrap();
            assert_eq!(transport.wait().unwrap(), Ready::Read, "the rest is still to be read");
            transport.read_exact(&mut [0; 6]).unwrap();
            assert_eq!(transport.wait().unwrap(), Ready::Write);
        },
    );
}

#[test]
fn the_end_is_something_to_read() {
    both(
        "the_end_is_something_to_read",
        |stream, turns| {
            stream.end();
            turns.wait();
        },
        |transport, _turns| {
            until_read(transport);
            assert_eq!(transport.read(&mut [0; 8]).unwrap(), 0);
        },
    );
}

#[test]
fn a_peer_that_reads_nothing_is_heard_all_the_same() {
    both(
        "a_peer_that_reads_nothing",
        |stream, turns| {
            // Long enough for the client to fill every buffer between them; only how much is sent depends on it.
            std::thread::sleep(Duration::from_millis(100));
            stream.write_all(b"552 full\r\n").unwrap();
            stream.flush().unwrap();
            turns.wait();
        },
        |transport, _turns| {
            let octets = vec![b'x'; 100_000];
            while transport.wait().unwrap() == Ready::Write {
                assert_ne!(transport.write(&octets).unwrap(), 0);
            }
            // What drives a machine does so between a write and a read.
            transport.flush().unwrap();
            let mut reply = [0; 10];
            transport.read_exact(&mut reply).unwrap();
            assert_eq!(&reply, b"552 full\r\n");
        },
    );
}

#[test]
fn an_echo_of_any_length_never_blocks_both_sides() {
    const LENGTH: usize = 20_000_000;
    both(
        "an_echo_of_any_length",
        |stream, turns| {
            let mut buffer = vec![0; 40_000];
            let mut left = LENGTH;
            while left > 0 {
                let count = stream.read(&mut buffer).unwrap();
                assert_ne!(count, 0);
                stream.write_all(&buffer[..count]).unwrap();
                stream.flush().unwrap();
                left -= count;
            }
            turns.wait();
        },
        |transport, _turns| {
            let octets: Vec<u8> = (0..LENGTH).map(|index| (index % 251) as u8).collect();
            let (mut sent, mut received) = (0, 0);
            let mut buffer = vec![0; 5_000];
            while received < LENGTH {
                let unsent = &octets[sent..];
                // A read alone also sends what is left of the last write.
                match unsent.is_empty() || transport.wait().unwrap() == Ready::Read {
                    false => sent += transport.write(unsent).unwrap(),
                    true => {
                        let count = transport.read(&mut buffer).unwrap();
                        assert_eq!(buffer[..count], octets[received..received + count]);
                        received += count;
                    }
                }
            }
        },
    );
}

#[test]
fn only_whole_records_with_content_are_something_to_read() {
    let authority = Authority::new("test");
    let trust = Trust::file(&authority.file(&directory("only_whole_records"))).unwrap();
    let config = authority.server("mail.test", (2020, 2049));
    let (ours, theirs) = Turns::pair();
    let server = Server::start(move |listener| {
        let StreamOwned { mut conn, mut sock } = tls(accept(&listener), &config).unwrap();
        // First the session tickets alone, then a key update and its like.
        conn.refresh_traffic_keys().unwrap();
        conn.writer().write_all(b"250 ok\r\n").unwrap();
        let mut wire = Vec::new();
        while conn.wants_write() {
            conn.write_tls(&mut wire).unwrap();
        }
        // All but the last octet of the reply, as many packets.
        let (last, octets) = wire.split_last().unwrap();
        // The key update and the reply, after tickets: more than the one record of a reply.
        assert!(octets.len() > 50);
        for octet in octets {
            sock.write_all(&[*octet]).unwrap();
        }
        theirs.wait();
        sock.write_all(&[*last]).unwrap();
        theirs.wait();
    });
    let mut transport = connect(&server);
    transport.secure(&trust, "mail.test", LIMIT).unwrap();
    transport.set_timeout(LIMIT);
    // Time enough for all of them to arrive.
    for _ in 0..200 {
        assert_eq!(transport.wait().unwrap(), Ready::Write);
        std::thread::sleep(Duration::from_millis(1));
    }
    ours.yours();
    until_read(&mut transport);
    let mut reply = [0; 8];
    transport.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"250 ok\r\n");
    drop((ours, transport));
    server.finish();
}

#[test]
fn a_broken_record_is_an_error_and_not_the_end() {
    let authority = Authority::new("test");
    let trust = Trust::file(&authority.file(&directory("a_broken_record"))).unwrap();
    let config = authority.server("mail.test", (2020, 2049));
    let server = Server::start(move |listener| {
        let mut stream = tls(accept(&listener), &config).unwrap();
        stream.sock.write_all(&[23, 3, 3, 0, 32]).unwrap();
        stream.sock.write_all(&[0; 32]).unwrap();
        stream.read(&mut [0; 8]).unwrap_err().to_string()
    });
    let mut transport = connect(&server);
    transport.secure(&trust, "mail.test", LIMIT).unwrap();
    transport.set_timeout(LIMIT);
    let refusal = loop {
        match transport.wait() {
            Ok(ready) => assert_eq!(ready, Ready::Write),
            Err(error) => break error,
        }
    };
    assert_eq!(refusal.to_string(), "TLS: cannot decrypt peer's message");
    assert!(transport.read(&mut [0; 8]).is_err(), "nothing is read after it");
    assert_eq!(
        server.finish(),
        "received fatal alert: BadRecordMac",
        "the server was told"
    );
}

#[test]
fn the_whole_conversation_has_an_end() {
    both(
        "the_whole_conversation",
        |stream, _turns| {
            // Every read of the client succeeds at once, for ever.
            while stream.write_all(&[b'x'; 1000]).is_ok() {}
        },
        |transport, _turns| {
            let overdue = Instant::now() + Duration::from_millis(200);
            transport.deadline(overdue);
            let refusal = loop {
                transport.set_timeout(LIMIT);
                if let Err(error) = transport.read(&mut [0; 100]) {
                    break error;
                }
            };
            assert!(matches!(refusal, Error::TimedOut), "{refusal}");
            assert!(Instant::now() >= overdue);
            transport.set_timeout(LIMIT);
            assert!(matches!(transport.write(b"more"), Err(Error::TimedOut)));
        },
    );
}

#[test]
fn the_exporter_binds_to_one_session_of_tls_1_3() {
    let authority = Authority::new("test");
    let trust = Trust::file(&authority.file(&directory("the_exporter"))).unwrap();
    let mut seen = Vec::new();
    for version in [&TLS13, &TLS13, &TLS12] {
        let config = authority.server_of(version, "mail.test", (2020, 2049));
        let server = Server::start(move |listener| {
            let stream = tls(accept(&listener), &config).unwrap();
            // RFC 9266 2.
            let label = b"EXPORTER-Channel-Binding";
            stream.conn.export_keying_material([0; 32], label, Some(b"")).unwrap()
        });
        let mut transport = connect(&server);
        assert_eq!(transport.exporter(), None, "nothing to bind to in the clear");
        transport.secure(&trust, "mail.test", LIMIT).unwrap();
        let exported = transport.exporter();
        drop(transport);
        let expected = server.finish();
        match exported {
            Some(exported) => assert_eq!(exported, expected),
            None => assert_eq!(version.version, TLS12.version),
        }
        seen.extend(exported);
    }
    assert_eq!(seen.len(), 2);
    assert_ne!(seen[0], seen[1]);
}
