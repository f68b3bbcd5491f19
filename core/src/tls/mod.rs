//! TLS 1.3 by embedded-tls with a certificate verifier of our own.
