//! Transports: TCP and TLS streams that speak `embedded-io`, with a limit on every wait and errors that name the cause.

mod endpoint;
mod error;
mod eyeballs;
mod proxy;
mod tcp;
mod tls;
mod transport;
mod trust;

pub use endpoint::Endpoint;
pub use error::Error;
pub use proxy::Proxy;
pub use tcp::Tcp;
pub use tls::Tls;
pub use transport::Transport;
pub use trust::{Roots, Trust};
