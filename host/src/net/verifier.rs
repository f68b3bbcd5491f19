//! Verifiers of peers whose certificate is known beforehand, or of whom no proof but possession is asked.

use super::association::{self, Association, Matching, Selector, Usage};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme};
use std::fmt;
use std::sync::Arc;

/// Believes what its associations say; that the peer has the key of its certificate is verified always.
#[derive(Debug)]
pub(super) struct Verifier {
    /// `None`: any certificate will do.
    pub(super) associations: Option<Vec<Association>>,
    /// Beside the name of the connection, those that a certificate under a trust anchor may be for.
    pub(super) names: Vec<ServerName<'static>>,
    pub(super) provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// A path from the certificates that are associated as trust anchors.
    fn verify_path(
        &self,
        associations: &[Association],
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let mut roots = RootCertStore::empty();
        for association in associations.iter().filter(|found| found.usage == Usage::TrustAnchor) {
            let sent = intermediates.iter().filter(|sent| association.matches(sent));
            roots.add_parsable_certificates(sent.cloned().map(CertificateDer::into_owned));
            // An anchor that is given as a whole need not be sent (RFC 7671 5.2.2).
            if (association.selector, association.matching) == (Selector::Certificate, Matching::Full) {
                roots.add_parsable_certificates([CertificateDer::from(association.data.clone())]);
            }
        }
        if roots.is_empty() {
            return Err(mismatch(end_entity));
        }
        let path = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider))
            .build()
            .map_err(|error| Error::General(error.to_string()))?;
        let mut outcome = path.verify_server_cert(end_entity, intermediates, name, &[], now);
        for name in &self.names {
            outcome = outcome.or_else(|_| path.verify_server_cert(end_entity, intermediates, name, &[], now));
        }
        outcome
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(associations) = &self.associations else {
            return Ok(ServerCertVerified::assertion());
        };
        let mut own = associations.iter().filter(|found| found.usage == Usage::EndEntity);
        if own.any(|association| association.matches(end_entity)) {
            return Ok(ServerCertVerified::assertion());
        }
        self.verify_path(associations, end_entity, intermediates, name, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The peer showed another certificate than it was to show; says which.
#[derive(Debug)]
struct Mismatch(String);

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it is not the expected one: the server has {}", self.0)
    }
}

impl std::error::Error for Mismatch {}

fn mismatch(seen: &CertificateDer<'_>) -> Error {
    let cause = Mismatch(association::describe(seen));
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(cause))))
}
