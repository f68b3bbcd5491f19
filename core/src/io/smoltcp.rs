//! A smoltcp TCP socket as an `embedded-io` transport.
