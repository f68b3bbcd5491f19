//! The key schedule and the record protection of TLS 1.3 (RFC 8446 5.2, 7.1) for TLS_CHACHA20_POLY1305_SHA256.

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::{digest, hmac};

pub(super) type Secret = [u8; 32];

pub(super) fn hash(octets: &[u8]) -> Secret {
    let digest = digest::digest(&digest::SHA256, octets);
    digest.as_ref().try_into().expect("SHA-256 has 32 octets")
}

pub(super) fn hmac(key: &[u8], octets: &[u8]) -> Secret {
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), octets);
    tag.as_ref().try_into().expect("HMAC-SHA-256 has 32 octets")
}

/// HKDF-Expand-Label, up to the one block that is ever needed here.
pub(super) fn expand_label(secret: &Secret, label: &str, context: &[u8], length: u8) -> Vec<u8> {
    let label = format!("tls13 {label}");
    let mut info = vec![0, length, label.len() as u8];
    info.extend(label.as_bytes());
    info.push(context.len() as u8);
    info.extend(context);
    info.push(1);
    hmac(secret, &info)[..usize::from(length)].to_vec()
}

pub(super) fn derive_secret(secret: &Secret, label: &str, transcript: &[u8]) -> Secret {
    let derived = expand_label(secret, label, &hash(transcript), 32);
    derived.try_into().expect("32 octets were asked for")
}

/// The Handshake Secret, of a handshake without a pre-shared key.
pub(super) fn handshake_secret(shared: &[u8]) -> Secret {
    let early = hmac(&[0; 32], &[0; 32]);
    hmac(&derive_secret(&early, "derived", b""), shared)
}

/// The Master Secret.
pub(super) fn master_secret(handshake: &Secret) -> Secret {
    hmac(&derive_secret(handshake, "derived", b""), &[0; 32])
}

/// The protection of one direction's records.
pub(super) struct Protection {
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

impl Protection {
    pub(super) fn new(traffic_secret: &Secret) -> Self {
        let key = expand_label(traffic_secret, "key", b"", 32);
        let key = UnboundKey::new(&CHACHA20_POLY1305, &key).expect("the key has 32 octets");
        let iv = expand_label(traffic_secret, "iv", b"", 12);
        Self {
            key: LessSafeKey::new(key),
            iv: iv.try_into().expect("12 octets were asked for"),
            sequence: 0,
        }
    }

    fn nonce(&mut self) -> Nonce {
        let mut nonce = self.iv;
        for (octet, counter) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *octet ^= counter;
        }
        self.sequence += 1;
        Nonce::assume_unique_for_key(nonce)
    }

    /// The record of a TLSInnerPlaintext.
    pub(super) fn seal(&mut self, mut inner: Vec<u8>) -> Vec<u8> {
        let [high, low] = u16::try_from(inner.len() + 16).expect("a record").to_be_bytes();
        let header = [23, 3, 3, high, low];
        let nonce = self.nonce();
        self.key
            .seal_in_place_append_tag(nonce, Aad::from(header), &mut inner)
            .expect("a record is not too long to seal");
        [&header[..], &inner].concat()
    }

    /// The content type and content of a record; `None` if it is not authentic.
    pub(super) fn open(&mut self, header: [u8; 5], fragment: &[u8]) -> Option<(u8, Vec<u8>)> {
        let mut fragment = fragment.to_vec();
        let nonce = self.nonce();
        let inner = self.key.open_in_place(nonce, Aad::from(header), &mut fragment).ok()?;
        let end = inner.iter().rposition(|octet| *octet != 0)?;
        Some((inner[end], inner[..end].to_vec()))
    }
}
