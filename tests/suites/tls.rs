//! What a device accepts and refuses of TLS servers: each case is one handshake with a server in memory.

#[path = "tls/accepted.rs"]
mod accepted;
#[path = "tls/refused.rs"]
mod refused;
#[path = "tls/transport.rs"]
mod transport;

use embedded_io::{Read, Write};
use gatepost_core::tls::{Config, Connection, Error, Shared, Storage};
use harness::tls_server::chain::{self, Kind, NOW, Party};
use harness::tls_server::{Hello, Message, Proof, Record, Script, Scripted, Seeded, Server, Wire};

/// The name that the client is looking for.
const NAME: &str = "mail.test";

/// How far a client came.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// No connection.
    Refused(Error),
    /// A connection, and what it brought up to its end.
    Opened(Result<Vec<u8>, Error>),
}

/// What the client wants.
struct Client<'a> {
    anchors: Vec<&'a [u8]>,
    name: &'a str,
    now: u64,
    /// Octets of its receive buffer.
    receive: usize,
}

impl<'a> Client<'a> {
    /// Looks for `NAME`, trusting one authority.
    fn new(root: &'a Party) -> Self {
        Self {
            anchors: vec![&root.der],
            name: NAME,
            now: NOW,
            receive: 6144,
        }
    }

    /// Sends `ping` and reads to the end.
    fn talk<S: Server>(&self, wire: &mut Wire<S>) -> Outcome {
        let (mut receive, mut transmit) = (vec![0; self.receive], [0; 1024]);
        let mut shared = Shared::default();
        let storage = Storage {
            receive: &mut receive,
            transmit: &mut transmit,
            shared: &mut shared,
        };
        let config = Config {
            anchors: &self.anchors,
            server_name: self.name,
            now: self.now,
        };
        match Connection::open(wire, &config, Seeded(1), storage) {
            Err(error) => Outcome::Refused(error),
            Ok(mut connection) => Outcome::Opened(exchange(&mut connection)),
        }
    }
}

fn exchange<S: Server>(connection: &mut Connection<'_, &mut Wire<S>>) -> Result<Vec<u8>, Error> {
    connection.write_all(b"ping")?;
    connection.flush()?;
    let mut data = Vec::new();
    let mut buffer = [0; 64];
    loop {
        match connection.read(&mut buffer)? {
            0 => return Ok(data),
            count => data.extend(&buffer[..count]),
        }
    }
}

/// A client that trusts `root` and meets a scripted server.
fn meet(root: &Party, script: Script) -> (Outcome, Scripted) {
    let mut wire = Wire::new(Scripted::new(script), usize::MAX);
    let outcome = Client::new(root).talk(&mut wire);
    (outcome, wire.server)
}

/// An authority and a server's certificate by it, both of P-256.
fn pair() -> (Party, Party) {
    let root = Party::root("Root", Kind::P256.key(0));
    let server = root.issue(chain::server(&[NAME]), Kind::P256.key(0));
    (root, server)
}

/// The script of a server that does everything right, one message a record.
fn honest(server: &Party) -> Script {
    script([
        Message::EncryptedExtensions,
        Message::Certificate(vec![server.der.clone()]),
        Message::CertificateVerify(Proof::new(&server.key)),
        Message::Finished,
    ])
}

/// The script of a server with this flight, one message a record, that then sends `pong` and close_notify.
fn script(flight: impl IntoIterator<Item = Message>) -> Script {
    Script {
        hello: Hello::Agree,
        flight: flight
            .into_iter()
            .map(|message| Record::Encrypted(vec![message]))
            .collect(),
        after: vec![pong(), close_notify()],
    }
}

fn pong() -> Record {
    Record::Inner(b"pong\x17".to_vec())
}

fn close_notify() -> Record {
    Record::Inner(vec![1, 0, 21])
}

/// The outcome of a good connection.
fn ponged() -> Outcome {
    Outcome::Opened(Ok(b"pong".to_vec()))
}
