//! Transports: TCP and TLS streams that speak `embedded-io`.
