//! An honest server: rustls with ring.

use super::Server;
use super::chain::Party;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};
use std::io::{Read, Write};
use std::sync::Arc;

/// Answers the first application data with `pong` and close_notify.
pub struct Honest {
    /// What the client sent.
    pub data: Vec<u8>,
    connection: ServerConnection,
}

impl Honest {
    /// Presents `server`'s certificate and then `chain`.
    pub fn new(server: &Party, chain: &[&[u8]], version: &'static SupportedProtocolVersion) -> Self {
        let certificates = std::iter::once(server.der.as_slice()).chain(chain.iter().copied());
        let certificates = certificates.map(|der| CertificateDer::from(der.to_vec())).collect();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(server.key.serialize_der()));
        let key = ring::sign::any_supported_type(&key).expect("ring knows the key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .expect("ring has suites for the version")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(certificates, key))));
        Self {
            data: Vec::new(),
            connection: ServerConnection::new(Arc::new(config)).expect("the configuration is complete"),
        }
    }
}

impl Server for Honest {
    fn receive(&mut self, mut octets: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        while !octets.is_empty() {
            self.connection.read_tls(&mut octets).expect("memory can be read");
            // An error leaves an alert to be sent.
            let state = self.connection.process_new_packets();
            let unread = state.map_or(0, |state| state.plaintext_bytes_to_read());
            if unread > 0 {
                let mut data = vec![0; unread];
                self.connection
                    .reader()
                    .read_exact(&mut data)
                    .expect("so much was announced");
                self.data.extend(data);
                self.connection
                    .writer()
                    .write_all(b"pong")
                    .expect("memory can be written");
                self.connection.send_close_notify();
            }
        }
        while self.connection.wants_write() {
            self.connection.write_tls(&mut answer).expect("memory can be written");
        }
        answer
    }
}
