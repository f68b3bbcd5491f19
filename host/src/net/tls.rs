//! TLS by rustls: whom to trust, and the session over a TCP stream.

use super::{Error, Tcp};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};
use std::fmt;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which roots a peer's certificate must lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// The system's.
    System,
    /// Those of this PEM file.
    File(PathBuf),
}

impl Roots {
    /// Reads them; done anew for each connection, a replaced file needs no restart.
    pub fn load(&self) -> Result<Trust, Error> {
        match self {
            Self::System => Trust::system(),
            Self::File(path) => Trust::file(path),
        }
    }
}

/// Whose certificates are believed; rustls verifies path, validity, name and proof of possession against it.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// The roots that this system trusts (also `SSL_CERT_FILE` and `SSL_CERT_DIR`).
    pub fn system() -> Result<Self, Error> {
        let loaded = rustls_native_certs::load_native_certs();
        if loaded.certs.is_empty() {
            let cause = loaded
                .errors
                .first()
                .map_or_else(|| "this system has none".to_owned(), ToString::to_string);
            return Err(Error::Roots(cause));
        }
        // One odd certificate among a system's many must not take the others with it.
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(loaded.certs);
        Self::new(roots)
    }

    /// Only the certificates of this PEM file.
    pub fn file(path: &Path) -> Result<Self, Error> {
        let refuse = |cause: &dyn fmt::Display| Error::Roots(format!("{}: {cause}", path.display()));
        let octets = std::fs::read(path).map_err(|error| refuse(&error))?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&octets) {
            let certificate = certificate.map_err(|error| refuse(&error))?;
            roots
                .add(certificate)
                .map_err(|_| refuse(&"a CERTIFICATE block holds no X.509 certificate"))?;
        }
        if roots.is_empty() {
            return Err(refuse(&"no PEM certificate in it"));
        }
        Self::new(roots)
    }

    fn new(roots: RootCertStore) -> Result<Self, Error> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::Tls)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

/// A TLS session whose peer was verified; the stream below it is kept beside it.
pub struct Tls(ClientConnection);

impl Tls {
    /// Shakes hands over `tcp` within its deadline; the peer must prove to be `name`.
    pub fn open(tcp: &mut Tcp, trust: &Trust, name: &str) -> Result<Self, Error> {
        let server_name = ServerName::try_from(name.to_owned()).map_err(|_| Error::ServerName(name.to_owned()))?;
        let mut session = ClientConnection::new(Arc::clone(&trust.0), server_name).map_err(Error::Tls)?;
        while session.is_handshaking() {
            session.complete_io(tcp).map_err(Error::from_io)?;
        }
        Ok(Self(session))
    }

    /// The version of TLS that was agreed on, as `1.3`.
    pub fn version(&self) -> &'static str {
        match self.0.protocol_version() {
            Some(rustls::ProtocolVersion::TLSv1_3) => "1.3",
            _ => "1.2",
        }
    }

    pub(super) fn read(&mut self, tcp: &mut Tcp, buffer: &mut [u8]) -> Result<usize, Error> {
        rustls::Stream::new(&mut self.0, tcp)
            .read(buffer)
            .map_err(Error::from_io)
    }

    pub(super) fn write(&mut self, tcp: &mut Tcp, octets: &[u8]) -> Result<usize, Error> {
        rustls::Stream::new(&mut self.0, tcp)
            .write(octets)
            .map_err(Error::from_io)
    }

    pub(super) fn flush(&mut self, tcp: &mut Tcp) -> Result<(), Error> {
        rustls::Stream::new(&mut self.0, tcp).flush().map_err(Error::from_io)
    }

    /// Says goodbye, as far as the peer still listens.
    pub(super) fn close(&mut self, tcp: &mut Tcp) {
        self.0.send_close_notify();
        // The connection ends either way; who is gone needs no farewell.
        let _ = self.0.write_tls(tcp);
    }
}
