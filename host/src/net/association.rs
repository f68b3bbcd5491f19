//! What a peer's certificate must be, said beforehand: a pin, or a TLSA record (RFC 6698 2.1).

use gatepost_core::ascii;
use ring::digest::{SHA256, SHA512, digest};
use rustls::pki_types::CertificateDer;
use rustls::server::ParsedCertificate;

/// One certificate or key that a peer's must be, or must lead to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Association {
    /// Whose it is.
    pub usage: Usage,
    /// What of the certificate is compared.
    pub selector: Selector,
    /// How it is compared.
    pub matching: Matching,
    /// What it must be.
    pub data: Vec<u8>,
}

/// Whose certificate is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// An issuer's, which the peer sends along: DANE-TA(2). The path from it, its dates and the name are verified.
    TrustAnchor,
    /// The peer's own: DANE-EE(3). Whatever name, dates and issuer it has (RFC 7671 5.1).
    EndEntity,
}

/// What of a certificate is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// All of it: Cert(0).
    Certificate,
    /// Its SubjectPublicKeyInfo, which outlives a renewal: SPKI(1).
    PublicKey,
}

/// How it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    /// Octet for octet: Full(0).
    Full,
    /// By its digest: SHA2-256(1).
    Sha256,
    /// By its digest: SHA2-512(2).
    Sha512,
}

impl Association {
    /// Reads a pin: the SHA-256 of the peer's certificate as 64 hexadecimal digits, in pairs with colons or without, or that
    /// of its public key as `sha256//` and base64. `None` if it is neither.
    pub fn parse_pin(text: &str) -> Option<Self> {
        let mut digest = [0; 32];
        let selector = match text.strip_prefix("sha256//") {
            Some(encoded) => {
                // Decoding wants room for the last triple, too.
                let mut room = [0; 33];
                digest.copy_from_slice(
                    Some(ascii::base64_decode(encoded.as_bytes(), &mut room)?).filter(|d| d.len() == 32)?,
                );
                Selector::PublicKey
            }
            None => {
                let digits = text.replace(':', "");
                let paired = text.len() == 95 && text.split(':').all(|pair| pair.len() == 2);
                if !(digits.len() == 64 && digits.is_ascii() && (paired || text.len() == 64)) {
                    return None;
                }
                for (index, octet) in digest.iter_mut().enumerate() {
                    let digit = |at: usize| char::from(digits.as_bytes()[at]).to_digit(16);
                    *octet = (digit(2 * index)? * 16 + digit(2 * index + 1)?) as u8;
                }
                Selector::Certificate
            }
        };
        Some(Self {
            usage: Usage::EndEntity,
            selector,
            matching: Matching::Sha256,
            data: digest.to_vec(),
        })
    }

    /// Whether it means this certificate.
    pub fn matches(&self, certificate: &CertificateDer<'_>) -> bool {
        let selected = match self.selector {
            Selector::Certificate => certificate.to_vec(),
            Selector::PublicKey => match public_key(certificate) {
                Some(key) => key,
                None => return false,
            },
        };
        match self.matching {
            Matching::Full => selected == self.data,
            Matching::Sha256 => digest(&SHA256, &selected).as_ref() == self.data,
            Matching::Sha512 => digest(&SHA512, &selected).as_ref() == self.data,
        }
    }
}

/// What a pin of this certificate would be: for the certificate, and for its key.
pub(super) fn describe(certificate: &CertificateDer<'_>) -> String {
    let pairs: Vec<_> = digest(&SHA256, certificate)
        .as_ref()
        .iter()
        .map(|octet| format!("{octet:02X}"))
        .collect();
    let key = public_key(certificate).map_or_else(
        || "no public key that can be read".to_owned(),
        |key| format!("public key sha256//{}", base64(digest(&SHA256, &key).as_ref())),
    );
    format!("certificate {}, {key}", pairs.join(":"))
}

fn public_key(certificate: &CertificateDer<'_>) -> Option<Vec<u8>> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    Some(parsed.subject_public_key_info().to_vec())
}

pub(super) fn base64(octets: &[u8]) -> String {
    let mut room = vec![0; ascii::base64_len(octets.len()).unwrap_or(0)];
    let encoded = ascii::base64_encode(octets, &mut room).unwrap_or_default();
    String::from_utf8_lossy(encoded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_in_every_spelling() {
        let plain = "00112233445566778899aabbccddeeffFFEEDDCCBBAA99887766554433221100";
        let pairs: Vec<_> = plain
            .as_bytes()
            .chunks(2)
            .map(|pair| str::from_utf8(pair).unwrap())
            .collect();
        let certificate = Association::parse_pin(plain).unwrap();
        assert_eq!(certificate.selector, Selector::Certificate);
        assert_eq!(
            (certificate.data[1], certificate.data[15], certificate.data[31]),
            (0x11, 0xff, 0)
        );
        assert_eq!(Association::parse_pin(&pairs.join(":")), Some(certificate.clone()));
        let key = Association::parse_pin(&format!("sha256//{}", base64(&certificate.data))).unwrap();
        assert_eq!((key.selector, &key.data), (Selector::PublicKey, &certificate.data));
        for text in [
            "",
            &plain[1..],
            &plain.replace('0', "g"),
            &format!("{plain}00"),
            &format!(":{plain}"),
            &format!("{}:", pairs.join(":")),
            &format!("{}:{}", &plain[..3], &plain[3..]),
            &"é".repeat(32),
            "sha256//",
            "sha256//AAAA",
            &format!("sha256//{}", base64(&[0; 33])),
            &format!("sha1//{}", base64(&certificate.data)),
        ] {
            assert_eq!(Association::parse_pin(text), None, "{text}");
        }
    }
}
