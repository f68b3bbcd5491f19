//! A mail server that offers what a script says: LIMITS, MT-PRIORITY, DELIVERBY, FUTURERELEASE, REQUIRETLS and channel
//! binding, which no server at hand offers, and any other set of extensions. It refuses what it did not offer.
//!
//! It also stands behind the real relays and tells what they were given.

mod connection;
mod parameter;

use super::mail::{Policy, Received, tls};
use super::{Acceptor, Port, Server};
use crate::Result;
use crate::certificates::ServerCertificate;
use connection::Connection;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

/// What the server is like.
#[derive(Clone)]
pub struct Script {
    /// LMTP (RFC 2033): LHLO, and an outcome for each recipient behind the mail data.
    pub lmtp: bool,
    /// What it does about TLS.
    pub tls: Tls,
    /// The lines of the EHLO reply, but STARTTLS, AUTH and REQUIRETLS; their limits are kept.
    pub keywords: Vec<String>,
    /// Whether REQUIRETLS is offered under TLS (RFC 8689).
    pub require_tls: bool,
    /// The mechanisms offered under TLS; with one, MAIL needs AUTH.
    pub mechanisms: Vec<String>,
    /// It takes itself for the end of another TLS connection, as a server does that is reached through a third party.
    pub foreign: bool,
    /// After how many mails it closes the connection without a word.
    pub leaves_after: Option<usize>,
    /// Its name, and who may send. Local-parts `reject` and `tempfail` are answered 550 and 450 at RCPT; `full` is
    /// answered 452 behind the mail data where the protocol has room for that.
    pub policy: Policy,
}

/// What a [`Script`] does about TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Nothing.
    Absent,
    /// It offers STARTTLS; in the clear it offers no mechanism.
    StartTls,
    /// From the first octet on.
    Implicit,
}

impl Default for Script {
    fn default() -> Self {
        let keywords = "PIPELINING;SIZE 20480000;8BITMIME;BINARYMIME;CHUNKING;SMTPUTF8;DSN;ENHANCEDSTATUSCODES";
        Self {
            lmtp: false,
            tls: Tls::Absent,
            keywords: keywords.split(';').map(str::to_owned).collect(),
            require_tls: false,
            mechanisms: Vec::new(),
            foreign: false,
            leaves_after: None,
            policy: Policy::default(),
        }
    }
}

impl Script {
    /// The words behind a keyword of the EHLO reply; `None` if it is not there.
    fn offered(&self, keyword: &str) -> Option<&str> {
        let mut lines = self.keywords.iter();
        lines.find_map(|line| {
            let (name, words) = line.split_once(' ').unwrap_or((line, ""));
            (name == keyword).then_some(words)
        })
    }

    /// A limit of LIMITS (RFC 9422 4).
    fn limit(&self, name: &str) -> Option<usize> {
        let words = self.offered("LIMITS")?;
        let mut values = words.split(' ').filter_map(|word| word.split_once('='));
        values.find(|(key, _)| *key == name)?.1.parse().ok()
    }
}

/// What the server saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The mails it took.
    pub received: Vec<Received>,
    /// The commands of all connections, in the order in which they came.
    pub commands: Vec<String>,
    /// How many connections there were.
    pub connections: usize,
}

/// The running server.
pub struct Scripted {
    address: SocketAddrV4,
    mechanisms: String,
    seen: Arc<Mutex<Seen>>,
    _acceptor: Acceptor,
}

impl Scripted {
    /// Serves `script` on a loopback port.
    pub fn start(script: Script, certificate: &ServerCertificate) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let SocketAddr::V4(address) = listener.local_addr()? else {
            return Err("the loopback address is IPv4".into());
        };
        let tls = tls(certificate)?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let store = Arc::clone(&seen);
        let mechanisms = script.mechanisms.join(" ");
        let script = Arc::new(script);
        let acceptor = Acceptor::start(listener, move |stream| {
            // A client that goes away in the middle is the client's business.
            let _ = Connection::serve(stream, &script, &tls, &store);
        })?;
        Ok(Self {
            address,
            mechanisms,
            seen,
            _acceptor: acceptor,
        })
    }

    /// All it saw so far.
    pub fn seen(&self) -> Seen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddrV4 {
        self.address
    }
}

impl Server for Scripted {
    /// The script alone says what may be done at its one port.
    fn address(&self, _: Port) -> Option<SocketAddrV4> {
        Some(self.address)
    }

    fn mechanisms(&self) -> &str {
        &self.mechanisms
    }

    fn received(&self) -> Result<Vec<Received>> {
        Ok(self.seen().received)
    }

    fn log(&self) -> String {
        self.seen().commands.join("\n")
    }
}
