//! Scripted servers on the loopback address: each test says what its server reads and answers, octet for octet.
#![allow(dead_code, unreachable_pub)] // each test binary uses its own part

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned, SupportedProtocolVersion};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// A server that runs its script over the connections it is given, and hands back what the script returns.
pub struct Server<R> {
    pub address: SocketAddr,
    script: JoinHandle<R>,
}

impl<R: Send + 'static> Server<R> {
    /// `script` takes as many connections from the listener as it wants.
    pub fn start(script: impl FnOnce(TcpListener) -> R + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let script = std::thread::spawn(move || script(listener));
        Self { address, script }
    }

    /// What the script returned; fails the test if the script failed.
    pub fn finish(self) -> R {
        self.script.join().expect("the server's script ran to its end")
    }
}

/// The next connection; its reads give up after a minute, so that a broken test ends.
pub fn accept(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// One side of a dialogue, line by line.
pub struct Lines<S: Read + Write>(BufReader<S>);

impl<S: Read + Write> Lines<S> {
    pub fn new(stream: S) -> Self {
        Self(BufReader::new(stream))
    }

    /// Sends these octets as they are; a client that has gone away is no failure of the server.
    pub fn say(&mut self, octets: &str) {
        let stream = self.0.get_mut();
        let _ = stream.write_all(octets.as_bytes()).and_then(|()| stream.flush());
    }

    /// The next line without its end; empty when the client has closed.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        let _ = self.0.read_line(&mut line);
        line.trim_end().to_owned()
    }

    /// Reads one line, which must begin so, and returns it.
    pub fn expect(&mut self, start: &str) -> String {
        let line = self.line();
        assert!(line.starts_with(start), "expected {start:?}, the client said {line:?}");
        line
    }

    /// All lines up to a line that is this one.
    pub fn until(&mut self, last: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            if line == last {
                return lines;
            }
            assert!(lines.len() < 100_000, "no {last:?} came");
            lines.push(line);
        }
    }

    /// The stream, with nothing read ahead.
    pub fn into_inner(self) -> S {
        assert!(
            self.0.buffer().is_empty(),
            "the client said more than it was asked: {:?}",
            self.0.buffer()
        );
        self.0.into_inner()
    }
}

/// A certification authority of the test's own.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Writes its certificate as PEM and says where.
    pub fn file(&self, directory: &Path) -> PathBuf {
        let path = directory.join("ca.pem");
        std::fs::write(&path, &self.pem).unwrap();
        path
    }

    /// A certificate for `name`, valid in these years, and its key.
    pub fn issue(&self, name: &str, years: (i32, i32)) -> (CertificateDer<'static>, KeyPair) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        (certificate.der().clone(), key)
    }

    /// Its own certificate.
    pub fn certificate(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap()
    }

    /// A server's side of TLS with a certificate for `name`, valid in these years.
    pub fn server(&self, name: &str, years: (i32, i32)) -> Arc<ServerConfig> {
        self.server_of(&rustls::version::TLS13, name, years)
    }

    /// One that speaks only this version.
    pub fn server_of(
        &self,
        version: &'static SupportedProtocolVersion,
        name: &str,
        years: (i32, i32),
    ) -> Arc<ServerConfig> {
        let (certificate, key) = self.issue(name, years);
        let config = ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        Arc::new(config)
    }
}

/// TLS from the server's side; `None` if the client refused.
pub fn tls(mut stream: TcpStream, config: &Arc<ServerConfig>) -> Option<StreamOwned<ServerConnection, TcpStream>> {
    let mut session = ServerConnection::new(Arc::clone(config)).unwrap();
    while session.is_handshaking() {
        session.complete_io(&mut stream).ok()?;
    }
    // A TLS 1.3 server ends its handshake before the client has judged the certificate's path: its word comes next.
    Some(StreamOwned::new(session, stream))
}

/// An empty directory for this test, by its name.
pub fn directory(test: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Runs the binary with this text on its standard input.
pub fn gatepost(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_gatepost"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that ends before it has read everything is for the caller to judge.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// Asserts exit code and the whole of standard error.
pub fn check_failure(output: &Output, code: i32, error: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(stderr.trim_end(), error);
    assert_eq!(output.status.code(), Some(code));
}
