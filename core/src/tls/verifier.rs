//! Decides whether the server is the one meant: path, names and dates by rustls-webpki, and the proof of possession.

use super::algorithm::{self, Algorithm};
use super::error::Error;
use core::time::Duration;
use embedded_tls::alert::AlertLevel;
use embedded_tls::blocking::{
    CertificateEntryRef, CertificateRef, CertificateVerifyRef, TlsCipherSuite, TlsError, TlsVerifier,
};
use heapless::Vec;
use pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime};
use sha2::{Digest, Sha256};
use webpki::{EndEntityCert, KeyUsage, RawPublicKeyEntity};

/// The largest number of trust anchors.
pub const MAX_ANCHORS: usize = 8;
/// The largest number of certificates a server may send. Real chains have up to five; the number of paths, and with it
/// the time a hostile server can cost, grows with the factorial.
pub const MAX_CERTIFICATES: usize = 8;
/// A SubjectPublicKeyInfo with an RSA modulus of 4096 bits and an exponent of 33.
const MAX_KEY: usize = 560;

/// Verifies a server's certificate and its proof of possession: embedded-tls' two callbacks, each exactly once and in
/// this order. A handshake may end without either; ask [`verified`](Self::verified) afterwards.
pub struct Verifier<'a> {
    anchors: &'a [&'a [u8]],
    name: ServerName<'a>,
    now: UnixTime,
    state: State,
    /// The server's SubjectPublicKeyInfo, once its certificate was verified.
    key: Vec<u8, MAX_KEY>,
    /// The handshake up to and with the certificate.
    transcript: Sha256,
}

/// What is due, or how it ended.
#[derive(Clone, Copy, PartialEq)]
enum State {
    Certificate,
    CertificateVerify,
    Verified,
    Refused(Error),
}

impl<'a> Verifier<'a> {
    /// Trusts the X.509 certificates `anchors` (DER) at the time `now` (Unix seconds) to identify the server `name`, a
    /// DNS name or an IP address.
    pub fn new(anchors: &'a [&'a [u8]], name: &'a str, now: u64) -> Result<Self, Error> {
        let name = ServerName::try_from(name).map_err(|_| Error::ServerName)?;
        if !(1..=MAX_ANCHORS).contains(&anchors.len()) {
            return Err(Error::TrustAnchors { count: anchors.len() });
        }
        for (index, der) in anchors.iter().enumerate() {
            webpki::anchor_from_trusted_cert(&CertificateDer::from(*der)).map_err(|_| Error::TrustAnchor { index })?;
        }
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        Ok(Self {
            anchors,
            name,
            now,
            state: State::Certificate,
            key: Vec::new(),
            transcript: Sha256::new(),
        })
    }

    /// The name to ask the server for (RFC 6066 3): none if the server is meant by its address.
    pub(super) fn server_name_indication(&self) -> Option<&str> {
        match &self.name {
            ServerName::DnsName(name) => Some(name.as_ref().trim_end_matches('.')),
            _ => None,
        }
    }

    /// Whether both the certificate and the proof of possession were seen and are right.
    pub fn verified(&self) -> Result<(), Error> {
        match self.state {
            State::Certificate => Err(Error::NoCertificate),
            State::CertificateVerify => Err(Error::NoProof),
            State::Verified => Ok(()),
            State::Refused(error) => Err(error),
        }
    }

    /// Why a callback refused, if one did.
    pub(super) fn refusal(&self) -> Option<Error> {
        match self.state {
            State::Refused(error) => Some(error),
            _ => None,
        }
    }

    /// Checks a server's certificates, its own first, and remembers its key for the proof of possession.
    // Not inlined into embedded-tls' callback: its frame, mostly the path that webpki returns, is only for this call.
    #[inline(never)]
    pub fn certificates<'c>(&mut self, chain: impl Iterator<Item = &'c [u8]>) -> Result<(), Error> {
        let mut certificates = Vec::<_, MAX_CERTIFICATES>::new();
        for der in chain {
            certificates
                .push(CertificateDer::from(der))
                .map_err(|_| Error::TooManyCertificates)?;
        }
        let (leaf, intermediates) = certificates.split_first().ok_or(Error::NoCertificate)?;
        let trusted: Vec<_, MAX_ANCHORS> = self.anchors.iter().map(|der| CertificateDer::from(*der)).collect();
        let mut anchors = Vec::<TrustAnchor<'_>, MAX_ANCHORS>::new();
        for anchor in &trusted {
            // As many as `new` counted.
            let _ = anchors.push(webpki::anchor_from_trusted_cert(anchor)?);
        }
        let certificate = EndEntityCert::try_from(leaf)?;
        certificate.verify_for_usage(
            algorithm::CERTIFICATE,
            &anchors,
            intermediates,
            self.now,
            KeyUsage::server_auth(),
            None,
            None,
        )?;
        certificate.verify_is_valid_for_subject_name(&self.name)?;
        copy_key(leaf, &mut self.key)
    }

    fn proof(&self, verify: &CertificateVerifyRef<'_>) -> Result<(), Error> {
        match self.state {
            State::Certificate => return Err(Error::NoCertificate),
            State::CertificateVerify => {}
            State::Verified => return Err(Error::Order),
            State::Refused(error) => return Err(error),
        }
        let algorithm = Algorithm::of_certificate_verify(verify.signature_scheme).ok_or(Error::ProofAlgorithm)?;
        let key = SubjectPublicKeyInfoDer::from(&*self.key);
        RawPublicKeyEntity::try_from(&key)?
            .verify_signature(&algorithm, &signed_content(&self.transcript), verify.signature)
            .map_err(|error| match error {
                webpki::Error::InvalidSignatureForPublicKey => Error::ProofSignature,
                _ => Error::ProofAlgorithm,
            })
    }

    /// Keeps the refusal and puts it into the one form in which embedded-tls also tells the server.
    fn refuse(&mut self, error: Error) -> TlsError {
        self.state = State::Refused(error);
        TlsError::AbortHandshake(AlertLevel::Fatal, error.alert())
    }
}

impl<Suite: TlsCipherSuite<Hash = Sha256>> TlsVerifier<Suite> for Verifier<'_> {
    /// The name was given to [`Verifier::new`].
    fn set_hostname_verification(&mut self, _: &str) -> Result<(), TlsError> {
        Ok(())
    }

    fn verify_certificate(&mut self, transcript: &Sha256, certificate: CertificateRef<'_>) -> Result<(), TlsError> {
        if self.state != State::Certificate {
            return Err(self.refuse(self.refusal().unwrap_or(Error::Order)));
        }
        let chain = certificate.entries.iter().map(|entry| match entry {
            CertificateEntryRef::X509(der) | CertificateEntryRef::RawPublicKey(der) => *der,
        });
        match self.certificates(chain) {
            Ok(()) => {
                self.transcript = transcript.clone();
                self.state = State::CertificateVerify;
                Ok(())
            }
            Err(error) => Err(self.refuse(error)),
        }
    }

    fn verify_signature(&mut self, verify: CertificateVerifyRef<'_>) -> Result<(), TlsError> {
        match self.proof(&verify) {
            Ok(()) => {
                self.state = State::Verified;
                Ok(())
            }
            Err(error) => Err(self.refuse(error)),
        }
    }
}

/// Copies the SubjectPublicKeyInfo of a certificate that was verified.
fn copy_key(certificate: &CertificateDer<'_>, key: &mut Vec<u8, MAX_KEY>) -> Result<(), Error> {
    const SEQUENCE: u8 = 0x30;
    // webpki gives the key away only as part of a trust anchor, and without the SEQUENCE around it.
    let contents = webpki::anchor_from_trusted_cert(certificate)?.subject_public_key_info;
    let [high, low] = u16::try_from(contents.len())
        .map_err(|_| Error::CertificateAlgorithm)?
        .to_be_bytes();
    let header: &[u8] = match contents.len() {
        0..0x80 => &[SEQUENCE, low],
        0x80..0x100 => &[SEQUENCE, 0x81, low],
        _ => &[SEQUENCE, 0x82, high, low],
    };
    key.clear();
    key.extend_from_slice(header)
        .and_then(|()| key.extend_from_slice(&contents))
        .map_err(|_| Error::CertificateAlgorithm)
}

/// What a server's CertificateVerify signs (RFC 8446 4.4.3).
fn signed_content(transcript: &Sha256) -> [u8; 130] {
    const CONTEXT: &[u8; 34] = b"TLS 1.3, server CertificateVerify\0";
    let mut content = [b' '; 130];
    let (_, rest) = content.split_at_mut(64);
    let (context, digest) = rest.split_at_mut(CONTEXT.len());
    context.copy_from_slice(CONTEXT);
    digest.copy_from_slice(&transcript.clone().finalize());
    content
}
