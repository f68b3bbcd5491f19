//! The laboratory's own submission server: `mailin` behind a socket, STARTTLS by rustls, mails kept in memory.

use super::Acceptor;
use crate::certificates::ServerCertificate;
use crate::process::until;
use crate::{Context, Result};
use mailin::{Action, AuthMechanism, Handler, Response, Session, SessionBuilder};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ProtocolVersion, ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A mail as a server took it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// The version of TLS it came over, as `TLSv1.3`; absent in the clear.
    pub tls: Option<String>,
    /// Who authenticated.
    pub user: Option<String>,
    /// The envelope's reverse-path.
    pub reverse_path: String,
    /// The parameters of MAIL, where the server tells.
    pub parameters: Vec<String>,
    /// The envelope's accepted recipients.
    pub recipients: Vec<String>,
    /// The parameters of each recipient's RCPT, where the server tells.
    pub recipient_parameters: Vec<Vec<String>>,
    /// The mail data: header, empty line, body, transparency removed.
    pub data: Vec<u8>,
}

impl Received {
    /// Takes off the Received field that a relay put on top; who authenticated, and over which TLS, is what it says.
    pub fn untraced(mut self) -> Self {
        let mut length = 0;
        for line in self.data.split_inclusive(|octet| *octet == b'\n') {
            let begins = line.starts_with(b"Received:");
            let goes_on = line.starts_with(b" ") || line.starts_with(b"\t");
            if begins != (length == 0) || !(begins || goes_on) {
                break;
            }
            length += line.len();
        }
        let trace: Vec<u8> = self.data.drain(..length).collect();
        let trace = String::from_utf8_lossy(&trace);
        let word = |after: &str| {
            let rest = trace.split_once(after)?.1;
            Some(rest.split([' ', ')', '\r']).next()?.to_owned())
        };
        // Exim writes TLS1.3.
        self.tls = word("using ").map(|name| name.replace("TLS1", "TLSv1"));
        self.user = word("Authenticated sender: ");
        self
    }
}

/// What the server asks of its clients.
#[derive(Clone)]
pub struct Policy {
    /// The name in its greeting.
    pub name: String,
    /// The one user, with the right to submit.
    pub user: String,
    /// That user's password.
    pub password: String,
    /// A recipient who is answered 550.
    pub refused: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            name: "mail.test".into(),
            user: "device".into(),
            password: "correct-horse".into(),
            refused: "reject@mail.test".into(),
        }
    }
}

/// The running server.
pub struct MailServer {
    address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    _acceptor: Acceptor,
}

impl MailServer {
    /// Serves submission with STARTTLS and AUTH PLAIN on `listener`.
    pub fn start(listener: TcpListener, certificate: &ServerCertificate, policy: Policy) -> Result<Self> {
        let tls = tls(certificate)?;
        let address = listener.local_addr()?;
        let received = Arc::new(Mutex::new(Vec::new()));
        let store = Arc::clone(&received);
        let acceptor = Acceptor::start(listener, move |stream| {
            // A client that goes away in the middle is the client's business.
            let _ = serve(stream, &tls, &policy, &store);
        })?;
        Ok(Self {
            address,
            received,
            _acceptor: acceptor,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The mails taken so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `count` mails have come.
    pub fn wait(&self, count: usize, limit: Duration) -> Result<Vec<Received>> {
        until(&format!("mail {count}"), limit, || self.received().len() >= count)?;
        Ok(self.received())
    }
}

/// The server's side of TLS 1.3 and 1.2 with `certificate`.
pub fn tls(certificate: &ServerCertificate) -> Result<Arc<ServerConfig>> {
    let key = PrivateKeyDer::try_from(certificate.key.clone())?;
    let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.certificate.clone().into()], key)
        .context("the mail server's certificate")?;
    Ok(Arc::new(config))
}

/// What mailin asks while a session runs; the mail in progress.
struct Mailbox<'a> {
    policy: &'a Policy,
    store: &'a Mutex<Vec<Received>>,
    mail: Received,
}

impl Handler for &mut Mailbox<'_> {
    fn mail(&mut self, _: IpAddr, _: &str, from: &str) -> Response {
        if self.mail.user.is_none() {
            return Response::custom(530, "5.7.0 authentication required".into());
        }
        self.mail.reverse_path = from.to_owned();
        self.mail.recipients.clear();
        self.mail.data.clear();
        Response::custom(250, "2.1.0 originator accepted".into())
    }

    fn rcpt(&mut self, to: &str) -> Response {
        if to == self.policy.refused {
            return Response::custom(550, "5.1.1 no such user".into());
        }
        self.mail.recipients.push(to.to_owned());
        Response::custom(250, "2.1.5 recipient accepted".into())
    }

    fn data(&mut self, line: &[u8]) -> io::Result<()> {
        self.mail.data.extend_from_slice(line);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.push(self.mail.clone());
        Response::custom(250, format!("2.0.0 mail {} taken", store.len()))
    }

    fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> Response {
        if user != self.policy.user || password != self.policy.password {
            return mailin::response::INVALID_CREDENTIALS;
        }
        self.mail.user = Some(user.to_owned());
        mailin::response::AUTH_OK
    }
}

fn serve(stream: TcpStream, tls: &Arc<ServerConfig>, policy: &Policy, store: &Mutex<Vec<Received>>) -> io::Result<()> {
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.set_nodelay(true)?;
    let peer = stream.peer_addr()?.ip();
    let mut mailbox = Mailbox {
        policy,
        store,
        mail: Received::default(),
    };
    let mut plain = BufReader::new(stream);
    {
        let mut session = session(policy, peer, &mut mailbox);
        session.greeting().write_to(plain.get_mut())?;
        if !converse(&mut session, &mut plain)? {
            return Ok(());
        }
    }
    // RFC 3207 4.2: what came in the clear is forgotten. `plain`'s buffer goes with it, and with that any command
    // that was smuggled in behind STARTTLS.
    let connection = ServerConnection::new(Arc::clone(tls)).map_err(io::Error::other)?;
    let mut secured = StreamOwned::new(connection, plain.into_inner());
    secured.conn.complete_io(&mut secured.sock)?;
    mailbox.mail = Received {
        tls: secured.conn.protocol_version().map(name),
        ..Received::default()
    };
    let mut session = session(policy, peer, &mut mailbox);
    session.tls_active();
    converse(&mut session, &mut BufReader::new(secured)).map(|_| ())
}

fn session<'a, 'p>(policy: &Policy, peer: IpAddr, mailbox: &'a mut Mailbox<'p>) -> Session<&'a mut Mailbox<'p>> {
    let mut builder = SessionBuilder::new(policy.name.clone());
    builder.enable_start_tls().enable_auth(AuthMechanism::Plain);
    builder.build(peer, mailbox)
}

/// Answers lines until the session ends; true if the client asked for TLS.
fn converse<H: Handler, S: Read + Write>(session: &mut Session<H>, stream: &mut BufReader<S>) -> io::Result<bool> {
    let mut line = Vec::new();
    while stream.read_until(b'\n', &mut line)? > 0 {
        let response = session.process(&line);
        // One write a reply, so that it leaves as one segment.
        let reply = response.buffer()?;
        stream.get_mut().write_all(&reply)?;
        stream.get_mut().flush()?;
        match response.action {
            Action::Close => break,
            Action::UpgradeTls => return Ok(true),
            Action::Reply | Action::NoReply => {}
        }
        line.clear();
    }
    Ok(false)
}

/// The version as Postfix writes it.
pub(super) fn name(version: ProtocolVersion) -> String {
    match version {
        ProtocolVersion::TLSv1_3 => "TLSv1.3".into(),
        ProtocolVersion::TLSv1_2 => "TLSv1.2".into(),
        other => format!("{other:?}"),
    }
}

/// How long a silent client is waited for.
const LIMIT: Duration = Duration::from_secs(60);
