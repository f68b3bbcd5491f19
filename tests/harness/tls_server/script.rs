//! A TLS 1.3 server that sends what its script says and remembers what it was told.

use super::Server;
use super::message::{self, Message, vector16};
use super::secrets::{self, Protection, Secret};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::SystemRandom;

const ALERT: u8 = 21;
const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;

/// What the server does, from its ServerHello on.
#[derive(Clone)]
pub struct Script {
    /// Its first message.
    pub hello: Hello,
    /// The records after it.
    pub flight: Vec<Record>,
    /// The records after the client's Finished.
    pub after: Vec<Record>,
}

/// The first message of a server.
#[derive(Clone, Copy)]
pub enum Hello {
    /// Agrees to TLS 1.3, ChaCha20-Poly1305 and P-256.
    Agree,
    /// Asks for another ClientHello (RFC 8446 4.1.4).
    Retry,
    /// Answers with an X25519 share, which was not offered.
    OtherGroup,
    /// Is none: an alert (RFC 8446 6) comes instead.
    Alert(u8),
}

/// One record of the server.
#[derive(Clone)]
pub enum Record {
    /// Handshake messages, encrypted as they must be.
    Encrypted(Vec<Message>),
    /// Handshake messages in the clear.
    Plaintext(Vec<Message>),
    /// An encrypted handshake message in two records: the first holds this many octets.
    Split(Message, usize),
    /// An encrypted handshake message, changed before it enters the transcript: at this octet, by these bits.
    Changed(Message, usize, u8),
    /// An encrypted TLSInnerPlaintext: content, type, padding.
    Inner(Vec<u8>),
    /// A record in the clear: its type and fragment.
    Clear(u8, Vec<u8>),
    /// These octets.
    Raw(Vec<u8>),
}

/// The server of a [`Script`].
pub struct Scripted {
    /// The alert that the client broke off with.
    pub alert: Option<u8>,
    /// Whether the client sent its Finished message.
    pub finished: bool,
    /// The client's application data.
    pub data: Vec<u8>,
    script: Script,
    unread: Vec<u8>,
    transcript: Vec<u8>,
    keys: Option<Keys>,
}

struct Keys {
    handshake: Secret,
    server_secret: Secret,
    server: Protection,
    client: Protection,
}

impl Scripted {
    /// Waits for a ClientHello.
    pub fn new(script: Script) -> Self {
        Self {
            alert: None,
            finished: false,
            data: Vec::new(),
            script,
            unread: Vec::new(),
            transcript: Vec::new(),
            keys: None,
        }
    }

    fn record(&mut self, header: [u8; 5], fragment: &[u8]) -> Vec<u8> {
        match (header[0], &mut self.keys) {
            (HANDSHAKE, None) => self.client_hello(fragment),
            (ALERT, _) => {
                self.alert = fragment.last().copied();
                Vec::new()
            }
            (APPLICATION_DATA, Some(keys)) => {
                let (kind, content) = keys
                    .client
                    .open(header, fragment)
                    .expect("the client's records are authentic");
                match kind {
                    HANDSHAKE => self.client_finished(&content),
                    ALERT => self.alert = content.last().copied(),
                    _ => self.data.extend(content),
                }
                if kind == HANDSHAKE {
                    self.send(self.script.after.clone())
                } else {
                    Vec::new()
                }
            }
            (kind, _) => panic!("the client sent a record of type {kind}"),
        }
    }

    fn client_hello(&mut self, hello: &[u8]) -> Vec<u8> {
        self.transcript.extend(hello);
        let random = SystemRandom::new();
        let private = EphemeralPrivateKey::generate(&ECDH_P256, &random).expect("a key pair");
        let public = private.compute_public_key().expect("a public key");
        let server_hello = match self.script.hello {
            Hello::Agree => server_hello([7; 32], &key_share(0x0017, public.as_ref())),
            Hello::OtherGroup => server_hello([7; 32], &key_share(0x001d, &[9; 32])),
            Hello::Retry => server_hello(secrets::hash(b"HelloRetryRequest"), &0x0018_u16.to_be_bytes()),
            Hello::Alert(description) => return clear(ALERT, &[2, description]),
        };
        self.transcript.extend(&server_hello);
        let mut octets = clear(HANDSHAKE, &server_hello);
        if matches!(self.script.hello, Hello::Agree) {
            let share = UnparsedPublicKey::new(&ECDH_P256, client_share(hello));
            let handshake = agree_ephemeral(private, &share, secrets::handshake_secret).expect("a client's key share");
            let server_secret = secrets::derive_secret(&handshake, "s hs traffic", &self.transcript);
            let client_secret = secrets::derive_secret(&handshake, "c hs traffic", &self.transcript);
            self.keys = Some(Keys {
                handshake,
                server_secret,
                server: Protection::new(&server_secret),
                client: Protection::new(&client_secret),
            });
            octets.extend(self.send(self.script.flight.clone()));
        }
        octets
    }

    /// Goes over to the keys of application data. The client's certificate, if there is one, is not looked at.
    fn client_finished(&mut self, content: &[u8]) {
        const FINISHED: u8 = 20;
        self.finished = content.first() == Some(&FINISHED);
        if let (true, Some(keys)) = (self.finished, &mut self.keys) {
            let master = secrets::master_secret(&keys.handshake);
            let secret = |label| secrets::derive_secret(&master, label, &self.transcript);
            keys.server = Protection::new(&secret("s ap traffic"));
            keys.client = Protection::new(&secret("c ap traffic"));
        }
    }

    fn send(&mut self, records: Vec<Record>) -> Vec<u8> {
        records.iter().flat_map(|record| self.send_record(record)).collect()
    }

    fn send_record(&mut self, record: &Record) -> Vec<u8> {
        match record {
            Record::Encrypted(messages) => {
                let content = self.encode(messages);
                self.seal(&content)
            }
            Record::Plaintext(messages) => clear(HANDSHAKE, &self.encode(messages)),
            Record::Split(message, count) => {
                let content = self.encode(std::slice::from_ref(message));
                let (first, second) = content.split_at(*count);
                [self.seal(first), self.seal(second)].concat()
            }
            Record::Changed(message, index, bits) => {
                let mut content = self.encode(std::slice::from_ref(message));
                let start = self.transcript.len() - content.len();
                content[*index] ^= bits;
                self.transcript[start + index] ^= bits;
                self.seal(&content)
            }
            Record::Inner(inner) => self.keys().server.seal(inner.clone()),
            Record::Clear(kind, fragment) => clear(*kind, fragment),
            Record::Raw(octets) => octets.clone(),
        }
    }

    /// Handshake messages, which enter the transcript.
    fn encode(&mut self, messages: &[Message]) -> Vec<u8> {
        let mut content = Vec::new();
        for message in messages {
            let secret = self.keys().server_secret;
            let message = message.encode(&self.transcript, &secret);
            self.transcript.extend(&message);
            content.extend(message);
        }
        content
    }

    fn seal(&mut self, content: &[u8]) -> Vec<u8> {
        self.keys().server.seal([content, &[HANDSHAKE]].concat())
    }

    fn keys(&mut self) -> &mut Keys {
        self.keys.as_mut().expect("records follow a ServerHello")
    }
}

impl Server for Scripted {
    fn receive(&mut self, octets: &[u8]) -> Vec<u8> {
        self.unread.extend(octets);
        let mut answer = Vec::new();
        while let Some((header, rest)) = self.unread.split_first_chunk::<5>() {
            let (header, length) = (*header, usize::from(u16::from_be_bytes([header[3], header[4]])));
            if rest.len() < length {
                break;
            }
            let fragment = rest[..length].to_vec();
            self.unread.drain(..5 + length);
            answer.extend(self.record(header, &fragment));
        }
        answer
    }
}

/// A record in the clear.
fn clear(kind: u8, fragment: &[u8]) -> Vec<u8> {
    [&[kind, 3, 3], &vector16(fragment)[..]].concat()
}

/// A ServerHello with supported_versions and the extension key_share.
fn server_hello(random: Secret, key_share: &[u8]) -> Vec<u8> {
    let extensions = [&[0, 43, 0, 2, 3, 4, 0, 51], &vector16(key_share)[..]].concat();
    // Version, random, session id, suite, compression.
    let body = [&[3, 3], &random[..], &[0, 0x13, 0x03, 0], &vector16(&extensions)].concat();
    message::message(2, &body)
}

fn key_share(group: u16, key: &[u8]) -> Vec<u8> {
    [&group.to_be_bytes()[..], &vector16(key)].concat()
}

/// The one key share of a ClientHello: extension 51, of group secp256r1.
fn client_share(hello: &[u8]) -> &[u8] {
    const EXTENSION: [u8; 10] = [0, 51, 0, 71, 0, 69, 0, 0x17, 0, 65];
    let start = hello
        .windows(EXTENSION.len())
        .position(|window| window == EXTENSION)
        .expect("the client offers P-256 and nothing else");
    &hello[start + EXTENSION.len()..][..65]
}
