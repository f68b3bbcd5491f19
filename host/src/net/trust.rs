//! Whom to trust.

use super::Error;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
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

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}
