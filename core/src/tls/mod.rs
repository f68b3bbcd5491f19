//! TLS 1.3 (RFC 8446) by embedded-tls, with a verifier of our own.
//!
//! A [`Connection`] counts as open only after [`Verifier`] saw both the server's certificate and the proof that the
//! server holds its key: embedded-tls ends a handshake well without either. Paths, names and dates are judged by
//! rustls-webpki, signatures by RustCrypto's curves, ed25519-dalek and an RSA verification on crypto-bigint, all of it
//! without a heap.
//!
//! On a Cortex-M3 at `opt-level = "s"`, opening a connection takes 16 KB of stack with P-256 or RSA certificates, and 20
//! with P-384 or Ed25519; 1.4 of them are the [`Connection`]. The buffers come on top.
//!
//! What embedded-tls cannot do: handshake messages split over records, HelloRetryRequest, KeyUpdate, groups other than
//! P-256. Each ends in an error.

mod algorithm;
mod connection;
mod error;
pub(crate) mod records;
pub(crate) mod rsa;
pub(crate) mod suite;
mod verifier;

pub use algorithm::Algorithm;
pub use connection::{Config, Connection, MAX_RECORD, MIN_RECEIVE, MIN_TRANSMIT, Storage};
pub use error::Error;
pub use rand_core;
pub use records::Shared;
pub use suite::ChaCha20Poly1305Sha256;
pub use verifier::{MAX_ANCHORS, MAX_CERTIFICATES, Verifier};
