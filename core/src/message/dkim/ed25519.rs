//! The signature that is made here.

use super::super::Error;
use super::{Algorithm, Signer};
use core::fmt;
use ed25519_dalek::{Signer as _, SigningKey};

/// An Ed25519 key. `Debug` shows nothing of it; it is overwritten when dropped.
pub struct Ed25519 {
    key: SigningKey,
}

impl Ed25519 {
    /// From the private key of RFC 8032 5.1.5, 32 random octets.
    pub fn new(private: &[u8; 32]) -> Self {
        Self {
            key: SigningKey::from_bytes(private),
        }
    }

    /// The public key, which stands in base64 behind `v=DKIM1; k=ed25519; p=` in the DNS (RFC 8463 4).
    pub fn public(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }
}

impl Signer for Ed25519 {
    fn algorithm(&self) -> Algorithm {
        Algorithm::Ed25519Sha256
    }

    fn sign(&mut self, hash: &[u8; 32], out: &mut [u8]) -> Result<usize, Error> {
        let signature = self.key.sign(hash).to_bytes();
        let room = out.get_mut(..signature.len()).ok_or(Error::Buffer)?;
        room.copy_from_slice(&signature);
        Ok(signature.len())
    }
}

impl fmt::Debug for Ed25519 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ed25519").finish_non_exhaustive()
    }
}
