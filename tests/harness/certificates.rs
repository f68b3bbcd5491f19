//! Certification authorities and server certificates, made anew for each run.

use crate::Result;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use std::fs;
use std::path::Path;

/// A certification authority with a P-256 key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: Vec<u8>,
    pem: String,
}

/// A server's certificate and its key.
#[derive(Clone)]
pub struct ServerCertificate {
    /// The certificate as DER.
    pub certificate: Vec<u8>,
    /// Its key as PKCS #8 DER.
    pub key: Vec<u8>,
    certificate_pem: String,
    key_pem: String,
}

impl Authority {
    /// A new authority, valid from 2020 to 2049.
    pub fn new(common_name: &str) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, common_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        validity(&mut params);
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        Ok(Self {
            der: certificate.der().to_vec(),
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// The authority's own certificate as DER: a trust anchor.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The same as PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server certificate for `names`, each a DNS name or an IP address.
    pub fn server(&self, names: &[&str]) -> Result<ServerCertificate> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        self.sign(CertificateParams::new(names)?, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client's certificate, whose subject is `common_name`.
    pub fn client(&self, common_name: &str) -> Result<ServerCertificate> {
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        self.sign(params, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, mut params: CertificateParams, purpose: ExtendedKeyUsagePurpose) -> Result<ServerCertificate> {
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
        params.use_authority_key_identifier_extension = true;
        validity(&mut params);
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        Ok(ServerCertificate {
            certificate: certificate.der().to_vec(),
            key: key.serialize_der(),
            certificate_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }

    /// Writes `ca.pem` and `ca.der` into `directory`.
    pub fn write(&self, directory: &Path) -> Result<()> {
        fs::write(directory.join("ca.pem"), &self.pem)?;
        fs::write(directory.join("ca.der"), &self.der)?;
        Ok(())
    }
}

impl ServerCertificate {
    /// Writes `server.pem` and `server.key`, as Postfix reads them, into `directory`.
    pub fn write(&self, directory: &Path) -> Result<()> {
        fs::write(directory.join("server.pem"), &self.certificate_pem)?;
        fs::write(directory.join("server.key"), &self.key_pem)?;
        Ok(())
    }
}

fn validity(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2049, 12, 31);
}
