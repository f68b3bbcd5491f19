//! Handshake messages of a TLS 1.3 server, right and wrong.

use super::secrets::{self, Secret};
use rcgen::{KeyPair, SigningKey};
use std::rc::Rc;

/// A handshake message of the server's flight.
#[derive(Clone)]
pub enum Message {
    /// Without extensions.
    EncryptedExtensions,
    /// Asks for a certificate of the client.
    CertificateRequest,
    /// Certificates in DER, the server's own first.
    Certificate(Vec<Vec<u8>>),
    /// Proof of possession of a private key.
    CertificateVerify(Proof),
    /// The end of the flight; always right.
    Finished,
}

/// What stands in a CertificateVerify message.
#[derive(Clone)]
pub struct Proof {
    /// Signs it.
    pub key: Rc<KeyPair>,
    /// SignatureScheme (RFC 8446 4.2.3), whatever the key may be.
    pub scheme: u16,
    /// The context string.
    pub context: &'static str,
    /// Signs another handshake than this one.
    pub of_another_handshake: bool,
}

impl Proof {
    /// An honest proof by a P-256 key.
    pub fn new(key: &Rc<KeyPair>) -> Self {
        Self {
            key: Rc::clone(key),
            scheme: 0x0403,
            context: "TLS 1.3, server CertificateVerify",
            of_another_handshake: false,
        }
    }

    fn sign(&self, transcript: &[u8]) -> Vec<u8> {
        let mut content = vec![b' '; 64];
        content.extend(self.context.as_bytes());
        content.push(0);
        let transcript = if self.of_another_handshake { &[] } else { transcript };
        content.extend(secrets::hash(transcript));
        self.key.sign(&content).expect("the key signs")
    }
}

impl Message {
    /// The message with its header; `transcript` is the handshake before it, `secret` the server's handshake traffic
    /// secret.
    pub(super) fn encode(&self, transcript: &[u8], secret: &Secret) -> Vec<u8> {
        match self {
            Self::EncryptedExtensions => message(8, &[0, 0]),
            // An empty context, and signature_algorithms with ecdsa_secp256r1_sha256.
            Self::CertificateRequest => message(13, &[0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3]),
            Self::Certificate(chain) => {
                let entries: Vec<u8> = chain
                    .iter()
                    .flat_map(|der| [&vector24(der)[..], &[0, 0]].concat())
                    .collect();
                message(11, &[&[0], &vector24(&entries)[..]].concat())
            }
            Self::CertificateVerify(proof) => {
                let signature = proof.sign(transcript);
                message(15, &[&proof.scheme.to_be_bytes()[..], &vector16(&signature)].concat())
            }
            Self::Finished => {
                let key = secrets::expand_label(secret, "finished", b"", 32);
                message(20, &secrets::hmac(&key, &secrets::hash(transcript)))
            }
        }
    }
}

/// A handshake message of type `kind`.
pub(super) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind], &vector24(body)[..]].concat()
}

pub(super) fn vector16(octets: &[u8]) -> Vec<u8> {
    let length = u16::try_from(octets.len()).expect("a short vector");
    [&length.to_be_bytes()[..], octets].concat()
}

fn vector24(octets: &[u8]) -> Vec<u8> {
    let length = u32::try_from(octets.len()).expect("a short vector");
    [&length.to_be_bytes()[1..], octets].concat()
}
