//! The signature algorithms of certificates and of the proof of possession.

use super::rsa;
use embedded_tls::SignatureScheme;
use p256::ecdsa::signature::hazmat::PrehashVerifier;
use pki_types::{AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id};
use sha2::digest::Output;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// A signature algorithm that [`Verifier`](super::Verifier) accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    EcdsaP256Sha256,
    /// ECDSA on P-256 with SHA-384; in certificates only.
    EcdsaP256Sha384,
    /// ECDSA on P-384 with SHA-256; in certificates only.
    EcdsaP384Sha256,
    /// ECDSA on P-384 with SHA-384.
    EcdsaP384Sha384,
    /// Ed25519 (RFC 8032).
    Ed25519,
    /// RSASSA-PKCS1-v1_5 with SHA-256; in certificates only.
    RsaPkcs1Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-384; in certificates only.
    RsaPkcs1Sha384,
    /// RSASSA-PKCS1-v1_5 with SHA-512; in certificates only.
    RsaPkcs1Sha512,
    /// RSASSA-PSS with SHA-256 and an rsaEncryption key.
    RsaPssSha256,
    /// RSASSA-PSS with SHA-384 and an rsaEncryption key.
    RsaPssSha384,
    /// RSASSA-PSS with SHA-512 and an rsaEncryption key.
    RsaPssSha512,
}

/// What certificates may be signed with.
pub(super) const CERTIFICATE: &[&dyn SignatureVerificationAlgorithm] = &[
    &Algorithm::EcdsaP256Sha256,
    &Algorithm::EcdsaP384Sha384,
    &Algorithm::RsaPkcs1Sha256,
    &Algorithm::RsaPkcs1Sha384,
    &Algorithm::RsaPkcs1Sha512,
    &Algorithm::EcdsaP256Sha384,
    &Algorithm::EcdsaP384Sha256,
    &Algorithm::Ed25519,
    &Algorithm::RsaPssSha256,
    &Algorithm::RsaPssSha384,
    &Algorithm::RsaPssSha512,
];

impl Algorithm {
    /// What `scheme` means in a CertificateVerify message; `None` where RFC 8446 4.2.3 forbids it there (PKCS1-v1_5,
    /// SHA-1) or we do not offer it.
    pub fn of_certificate_verify(scheme: SignatureScheme) -> Option<Self> {
        match scheme {
            SignatureScheme::EcdsaSecp256r1Sha256 => Some(Self::EcdsaP256Sha256),
            SignatureScheme::EcdsaSecp384r1Sha384 => Some(Self::EcdsaP384Sha384),
            SignatureScheme::Ed25519 => Some(Self::Ed25519),
            SignatureScheme::RsaPssRsaeSha256 => Some(Self::RsaPssSha256),
            SignatureScheme::RsaPssRsaeSha384 => Some(Self::RsaPssSha384),
            SignatureScheme::RsaPssRsaeSha512 => Some(Self::RsaPssSha512),
            _ => None,
        }
    }
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(&self, key: &[u8], message: &[u8], signature: &[u8]) -> Result<(), InvalidSignature> {
        match self {
            Self::EcdsaP256Sha256 => ecdsa_p256(key, &digest::<Sha256>(message), signature),
            Self::EcdsaP256Sha384 => ecdsa_p256(key, &digest::<Sha384>(message), signature),
            Self::EcdsaP384Sha256 => ecdsa_p384(key, &digest::<Sha256>(message), signature),
            Self::EcdsaP384Sha384 => ecdsa_p384(key, &digest::<Sha384>(message), signature),
            Self::Ed25519 => ed25519(key, message, signature),
            Self::RsaPkcs1Sha256 => rsa::verify_pkcs1::<Sha256>(key, message, signature),
            Self::RsaPkcs1Sha384 => rsa::verify_pkcs1::<Sha384>(key, message, signature),
            Self::RsaPkcs1Sha512 => rsa::verify_pkcs1::<Sha512>(key, message, signature),
            Self::RsaPssSha256 => rsa::verify_pss::<Sha256>(key, message, signature),
            Self::RsaPssSha384 => rsa::verify_pss::<Sha384>(key, message, signature),
            Self::RsaPssSha512 => rsa::verify_pss::<Sha512>(key, message, signature),
        }
        .ok_or(InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        match self {
            Self::EcdsaP256Sha256 | Self::EcdsaP256Sha384 => alg_id::ECDSA_P256,
            Self::EcdsaP384Sha256 | Self::EcdsaP384Sha384 => alg_id::ECDSA_P384,
            Self::Ed25519 => alg_id::ED25519,
            _ => alg_id::RSA_ENCRYPTION,
        }
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        match self {
            Self::EcdsaP256Sha256 | Self::EcdsaP384Sha256 => alg_id::ECDSA_SHA256,
            Self::EcdsaP256Sha384 | Self::EcdsaP384Sha384 => alg_id::ECDSA_SHA384,
            Self::Ed25519 => alg_id::ED25519,
            Self::RsaPkcs1Sha256 => alg_id::RSA_PKCS1_SHA256,
            Self::RsaPkcs1Sha384 => alg_id::RSA_PKCS1_SHA384,
            Self::RsaPkcs1Sha512 => alg_id::RSA_PKCS1_SHA512,
            Self::RsaPssSha256 => alg_id::RSA_PSS_SHA256,
            Self::RsaPssSha384 => alg_id::RSA_PSS_SHA384,
            Self::RsaPssSha512 => alg_id::RSA_PSS_SHA512,
        }
    }
}

// The functions of each algorithm are not inlined into one, whose frame would be the sum of theirs.

#[inline(never)]
fn digest<D: Digest>(message: &[u8]) -> Output<D> {
    D::digest(message)
}

/// The one point format that RFC 8446 4.2.8.2 leaves; the curve libraries would take compressed points too.
const UNCOMPRESSED: u8 = 4;

#[inline(never)]
fn ecdsa_p256(key: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
    let key = key.starts_with(&[UNCOMPRESSED]).then_some(key)?;
    let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    let signature = p256::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(digest, &signature).ok()
}

#[inline(never)]
fn ecdsa_p384(key: &[u8], digest: &[u8], signature: &[u8]) -> Option<()> {
    let key = key.starts_with(&[UNCOMPRESSED]).then_some(key)?;
    let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(key).ok()?;
    let signature = p384::ecdsa::Signature::from_der(signature).ok()?;
    key.verify_prehash(digest, &signature).ok()
}

#[inline(never)]
fn ed25519(key: &[u8], message: &[u8], signature: &[u8]) -> Option<()> {
    let key = ed25519_dalek::VerifyingKey::from_bytes(key.try_into().ok()?).ok()?;
    // Strict: a key of small order would verify signatures that nobody made.
    key.verify_strict(message, &signature.try_into().ok()?).ok()
}
