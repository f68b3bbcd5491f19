//! TLS_CHACHA20_POLY1305_SHA256 for embedded-tls, with a guard over what a record may contain.

use chacha20poly1305::aead::generic_array::GenericArray;
use chacha20poly1305::aead::generic_array::typenum::{U0, U12, U16, U32, U54};
use chacha20poly1305::aead::{AeadCore, AeadInPlace, Error, KeyInit, KeySizeUser};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce, Tag};
use embedded_tls::TlsCipherSuite;

/// TLS_CHACHA20_POLY1305_SHA256 (RFC 8446 B.4): the suite for processors without AES instructions.
pub enum ChaCha20Poly1305Sha256 {}

impl TlsCipherSuite for ChaCha20Poly1305Sha256 {
    const CODE_POINT: u16 = 0x1303;
    type Cipher = Guarded;
    type KeyLen = U32;
    type IvLen = U12;
    type Hash = sha2::Sha256;
    type LabelBufferSize = U54;
}

/// The `legacy_record_version` of every record (RFC 8446 5.1).
pub(super) const RECORD_VERSION: [u8; 2] = [3, 3];
/// What [`Records`](super::records::Records) writes in its place once the handshake is over: embedded-tls hands the
/// record header to the cipher as additional data, and nothing else of ours reaches it.
pub(super) const OPEN_VERSION: [u8; 2] = [3, 0xff];

/// ChaCha20-Poly1305 that keeps from embedded-tls the decrypted records on which it panics: an authentic record
/// without content, and handshake messages after the handshake.
///
/// Any server could stop the device with the first, since the handshake's keys need no certificate.
pub struct Guarded(ChaCha20Poly1305);

impl KeySizeUser for Guarded {
    type KeySize = U32;
}

impl KeyInit for Guarded {
    fn new(key: &Key) -> Self {
        Self(ChaCha20Poly1305::new(key))
    }
}

impl AeadCore for Guarded {
    type NonceSize = U12;
    type TagSize = U16;
    type CiphertextOverhead = U0;
}

impl AeadInPlace for Guarded {
    fn encrypt_in_place_detached(&self, nonce: &Nonce, header: &[u8], content: &mut [u8]) -> Result<Tag, Error> {
        self.0.encrypt_in_place_detached(nonce, header, content)
    }

    fn decrypt_in_place_detached(
        &self,
        nonce: &GenericArray<u8, U12>,
        header: &[u8],
        content: &mut [u8],
        tag: &Tag,
    ) -> Result<(), Error> {
        let [kind, major, minor, high, low] = *header.first_chunk().ok_or(Error)?;
        let [three, also_three] = RECORD_VERSION;
        let header = [kind, three, also_three, high, low];
        self.0.decrypt_in_place_detached(nonce, &header, content, tag)?;
        if content.is_empty() {
            return Err(Error);
        }
        if [major, minor] == OPEN_VERSION && content_type(content) == Some(HANDSHAKE) {
            let tickets = are_tickets(content);
            content.fill(0);
            // Tickets are of no use without resumption: an empty record of application data instead. Anything else,
            // such as a CertificateRequest or a KeyUpdate, becomes a record of padding alone, which is an error.
            if let (true, Some(first)) = (tickets, content.first_mut()) {
                *first = APPLICATION_DATA;
            }
        }
        Ok(())
    }
}

pub(super) const HANDSHAKE: u8 = 22;
pub(super) const APPLICATION_DATA: u8 = 23;

/// The type at the end of a TLSInnerPlaintext (RFC 8446 5.2), before its padding.
fn content_type(content: &[u8]) -> Option<u8> {
    content.iter().rfind(|octet| **octet != 0).copied()
}

/// Whether the TLSInnerPlaintext of handshake messages consists of whole NewSessionTicket messages.
fn are_tickets(content: &[u8]) -> bool {
    const NEW_SESSION_TICKET: u8 = 4;
    let end = content.iter().rposition(|octet| *octet != 0).unwrap_or(0);
    let mut messages = content.get(..end).unwrap_or_default();
    // RFC 8446 5.1: a record of handshake messages is not empty.
    let mut any = false;
    while let [NEW_SESSION_TICKET, high, middle, low, rest @ ..] = messages {
        let length = u32::from_be_bytes([0, *high, *middle, *low]);
        let Some((_, rest)) = usize::try_from(length)
            .ok()
            .and_then(|length| rest.split_at_checked(length))
        else {
            return false;
        };
        any = true;
        messages = rest;
    }
    any && messages.is_empty()
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    /// What becomes of an authentic record with this content, before or after the end of the handshake.
    fn open(inner: &[u8], version: [u8; 2]) -> Result<heapless::Vec<u8, 64>, Error> {
        let (key, nonce) = (Key::default(), Nonce::default());
        let cipher = Guarded::new(&key);
        let mut content: heapless::Vec<u8, 64> = inner.iter().copied().collect();
        let sealed = [APPLICATION_DATA, 3, 3, 0, 80];
        let tag = cipher.encrypt_in_place_detached(&nonce, &sealed, &mut content)?;
        let header = [APPLICATION_DATA, version[0], version[1], 0, 80];
        cipher.decrypt_in_place_detached(&nonce, &header, &mut content, &tag)?;
        Ok(content)
    }

    tests! {
        fn everything_with_content_passes_in_the_handshake() {
            for inner in [&b"\x0d\0\0\0\x16"[..], b"data\x17", b"\x01\0\x15", b"\x14\0\0\0\x16\0\0", b"\0"] {
                assert_eq!(open(inner, RECORD_VERSION).as_deref(), Ok(inner));
            }
        }

        fn a_record_without_content_never_passes() {
            for version in [RECORD_VERSION, OPEN_VERSION] {
                assert_eq!(open(b"", version), Err(Error));
            }
        }

        fn data_and_alerts_pass_after_the_handshake() {
            for inner in [&b"data\x17"[..], b"\x17", b"data\x17\0\0\0", b"\x01\0\x15"] {
                assert_eq!(open(inner, OPEN_VERSION).as_deref(), Ok(inner));
            }
        }

        fn tickets_become_empty_data() {
            for inner in [&b"\x04\0\0\x01A\x16"[..], b"\x04\0\0\0\x04\0\0\x02AA\x16", b"\x04\0\0\0\x16\0\0"] {
                let content = open(inner, OPEN_VERSION).unwrap();
                assert_eq!(content.len(), inner.len());
                assert_eq!(content.first(), Some(&APPLICATION_DATA));
                assert!(content.iter().skip(1).all(|octet| *octet == 0));
            }
        }

        fn other_handshake_messages_become_padding() {
            for inner in [
                &b"\x16"[..], b"\x0d\0\0\0\x16", b"\x18\0\0\x01\x01\x16", b"\x04\0\0\0\x0d\0\0\0\x16",
                b"\x04\0\0\x02A\x16", b"\x04\0\0\0\x04\0\0\x16", b"\x04\xff\xff\xff\x16",
            ] {
                assert!(open(inner, OPEN_VERSION).unwrap().iter().all(|octet| *octet == 0));
            }
        }

        fn a_short_header_is_an_error() {
            let cipher = Guarded::new(&Key::default());
            let tag = Tag::default();
            assert!(cipher.decrypt_in_place_detached(&Nonce::default(), &[23, 3, 3, 0], &mut [1], &tag).is_err());
        }
    }
}
