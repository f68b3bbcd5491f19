//! Whom to trust, and who we are.

use super::verifier::Verifier;
use super::{Association, Error};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Which roots a peer's certificate must lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Roots {
    /// The system's.
    System,
    /// Those of this PEM file.
    File(PathBuf),
    /// None: it must be the certificate of this pin ([`Association::parse_pin`]).
    Pin(Association),
}

impl Roots {
    /// Reads them; done anew for each connection, a replaced file needs no restart.
    pub fn load(&self) -> Result<Trust, Error> {
        match self {
            Self::System => Trust::system(),
            Self::File(path) => Trust::file(path),
            Self::Pin(pin) => Trust::associations(vec![pin.clone()], &[]),
        }
    }
}

/// The certificate that we show if a server asks for one, as SASL EXTERNAL needs it, and its key; both PEM files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Ours first, then those of its issuers.
    pub certificate: PathBuf,
    /// PKCS #8, PKCS #1 or SEC 1, not encrypted.
    pub key: PathBuf,
}

/// Whose certificates are believed; TLS 1.2 or 1.3, and proof of possession always.
#[derive(Clone)]
pub struct Trust(Arc<ClientConfig>);

impl Trust {
    /// The roots that this system trusts (also `SSL_CERT_FILE` and `SSL_CERT_DIR`): path, validity and name are verified.
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
        Self::new(provider(), roots)
    }

    /// Only the certificates of this PEM file: path, validity and name are verified.
    pub fn file(path: &Path) -> Result<Self, Error> {
        let refuse = |cause: &dyn Display| Error::Roots(format!("{}: {cause}", path.display()));
        let mut roots = RootCertStore::empty();
        for certificate in certificates(path, &refuse)? {
            roots
                .add(certificate)
                .map_err(|_| refuse(&"a CERTIFICATE block holds no X.509 certificate"))?;
        }
        Self::new(provider(), roots)
    }

    /// Only what one of these says, a pin or DANE: a peer's own certificate by itself, whatever its name and dates; under a
    /// trust anchor also path, validity and the connection's name or one of `names`.
    pub fn associations(associations: Vec<Association>, names: &[&str]) -> Result<Self, Error> {
        let name =
            |name: &&str| ServerName::try_from((*name).to_owned()).map_err(|_| Error::ServerName((*name).to_owned()));
        let names = names.iter().map(name).collect::<Result<_, _>>()?;
        Self::known(Some(associations), names)
    }

    /// Any certificate: for opportunistic TLS (RFC 7435), which keeps out who only listens, and nobody else.
    pub fn anyone() -> Result<Self, Error> {
        Self::known(None, Vec::new())
    }

    /// Shows the certificate of `identity` to servers that ask for one.
    pub fn identify(self, identity: &Identity) -> Result<Self, Error> {
        let of_certificate =
            |cause: &dyn Display| Error::Identity(format!("{}: {cause}", identity.certificate.display()));
        let of_key = |cause: &dyn Display| Error::Identity(format!("{}: {cause}", identity.key.display()));
        let chain = certificates(&identity.certificate, &of_certificate)?;
        let octets = std::fs::read(&identity.key).map_err(|error| of_key(&error))?;
        let key = PrivateKeyDer::from_pem_slice(&octets).map_err(|_| match contains(&octets, b"ENCRYPTED") {
            true => of_key(&"the key is encrypted, and nobody is there to ask for its password"),
            false => of_key(&"no PEM private key in it"),
        })?;
        let certified = CertifiedKey::from_der(chain, key, &provider()).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => of_key(&"it is not the key of the certificate"),
            error => of_key(&error),
        })?;
        let mut config = self.0;
        Arc::make_mut(&mut config).client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        Ok(Self(config))
    }

    fn known(associations: Option<Vec<Association>>, names: Vec<ServerName<'static>>) -> Result<Self, Error> {
        let provider = provider();
        let Self(mut config) = Self::new(Arc::clone(&provider), RootCertStore::empty())?;
        let verifier = Verifier {
            associations,
            names,
            provider,
        };
        let verifier = Arc::new(verifier);
        Arc::make_mut(&mut config)
            .dangerous()
            .set_certificate_verifier(verifier);
        Ok(Self(config))
    }

    fn new(provider: Arc<CryptoProvider>, roots: RootCertStore) -> Result<Self, Error> {
        let config = ClientConfig::builder_with_provider(provider)
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

/// Those of a PEM file, at least one.
fn certificates(path: &Path, refuse: &dyn Fn(&dyn Display) -> Error) -> Result<Vec<CertificateDer<'static>>, Error> {
    let octets = std::fs::read(path).map_err(|error| refuse(&error))?;
    let certificates = CertificateDer::pem_slice_iter(&octets)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| refuse(&error))?;
    match certificates.is_empty() {
        true => Err(refuse(&"no PEM certificate in it")),
        false => Ok(certificates),
    }
}

fn contains(octets: &[u8], words: &[u8]) -> bool {
    octets.windows(words.len()).any(|window| window == words)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
