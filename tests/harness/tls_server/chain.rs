//! Certificate chains, right and wrong.

use super::random::Seeded;
use p256::ecdsa::signature::hazmat::PrehashSigner;
use p384::pkcs8::{DecodePrivateKey, EncodePrivateKey};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    PublicKeyData, SignatureAlgorithm, SigningKey, date_time_ymd,
};
use rustls::pki_types::PrivatePkcs8KeyDer;
use sha2::{Digest, Sha256, Sha384};
use std::rc::Rc;

/// Unix seconds while the certificates made here are valid: 2025-01-01.
pub const NOW: u64 = 1_735_689_600;

/// A kind of key.
#[derive(Clone, Copy)]
pub enum Kind {
    /// ECDSA on P-256, with SHA-256.
    P256,
    /// ECDSA on P-384, with SHA-384.
    P384,
    /// Ed25519.
    Ed25519,
    /// RSA with a modulus of so many bits, PKCS1-v1_5 with SHA-256.
    Rsa(usize),
}

impl Kind {
    /// A new key; those of RSA are the same in each run for the same `seed`.
    pub fn key(self, seed: u64) -> KeyPair {
        match self {
            Self::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            Self::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            Self::Ed25519 => KeyPair::generate_for(&rcgen::PKCS_ED25519),
            Self::Rsa(bits) => {
                let key = rsa::RsaPrivateKey::new(&mut Seeded(seed), bits).expect("an RSA key");
                let der = key.to_pkcs8_der().expect("PKCS #8");
                let der = PrivatePkcs8KeyDer::from(der.as_bytes());
                KeyPair::from_pkcs8_der_and_sign_algo(&der, &rcgen::PKCS_RSA_SHA256)
            }
        }
        .expect("a key")
    }
}

/// Who has a certificate, and may sign others.
pub struct Party {
    /// What the certificate says.
    pub params: CertificateParams,
    /// Its private key.
    pub key: Rc<KeyPair>,
    /// The certificate.
    pub der: Vec<u8>,
}

impl Party {
    /// A certification authority with a certificate by itself.
    pub fn root(name: &str, key: KeyPair) -> Self {
        let params = authority(name);
        let der = params.self_signed(&key).expect("a certificate").der().to_vec();
        Self {
            params,
            key: Rc::new(key),
            der,
        }
    }

    /// Signs a certificate, whether it may or not.
    pub fn issue(&self, params: CertificateParams, key: KeyPair) -> Self {
        self.issue_by(&*self.key, params, key)
    }

    /// The same by another key or algorithm under this one's name.
    pub fn issue_by(&self, signer: impl SigningKey, params: CertificateParams, key: KeyPair) -> Self {
        let issuer = Issuer::from_params(&self.params, signer);
        let der = params.signed_by(&key, &issuer).expect("a certificate").der().to_vec();
        Self {
            params,
            key: Rc::new(key),
            der,
        }
    }
}

/// What a certification authority's certificate says.
pub fn authority(name: &str) -> CertificateParams {
    let mut params = named(name, &[]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

/// What a server's certificate says.
pub fn server(names: &[&str]) -> CertificateParams {
    let mut params = named("server", names);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.is_ca = IsCa::ExplicitNoCa;
    params
}

fn named(common_name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.use_authority_key_identifier_extension = true;
    params.not_before = date_time_ymd(2024, 1, 1);
    params.not_after = date_time_ymd(2026, 1, 1);
    params
}

/// A P-384 key that signs with SHA-256.
pub struct P384Sha256(p384::ecdsa::SigningKey, Vec<u8>);

/// A P-256 key that signs with SHA-384.
pub struct P256Sha384(p256::ecdsa::SigningKey, Vec<u8>);

impl P384Sha256 {
    /// The same key.
    pub fn new(key: &KeyPair) -> Self {
        let signing = p384::SecretKey::from_pkcs8_der(&key.serialize_der()).expect("a P-384 key");
        Self(signing.into(), key.der_bytes().to_vec())
    }
}

impl P256Sha384 {
    /// The same key.
    pub fn new(key: &KeyPair) -> Self {
        let signing = p256::SecretKey::from_pkcs8_der(&key.serialize_der()).expect("a P-256 key");
        Self(signing.into(), key.der_bytes().to_vec())
    }
}

impl PublicKeyData for P384Sha256 {
    fn der_bytes(&self) -> &[u8] {
        &self.1
    }

    /// Of an issuer, only the signature's identifier is taken from it: ecdsa-with-SHA256.
    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P256_SHA256
    }
}

impl PublicKeyData for P256Sha384 {
    fn der_bytes(&self) -> &[u8] {
        &self.1
    }

    /// As above: ecdsa-with-SHA384.
    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_ECDSA_P384_SHA384
    }
}

impl SigningKey for P384Sha256 {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: p384::ecdsa::Signature = self.0.sign_prehash(&Sha256::digest(message)).expect("a signature");
        Ok(signature.to_der().as_bytes().to_vec())
    }
}

impl SigningKey for P256Sha384 {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        let signature: p256::ecdsa::Signature = self.0.sign_prehash(&Sha384::digest(message)).expect("a signature");
        Ok(signature.to_der().as_bytes().to_vec())
    }
}
