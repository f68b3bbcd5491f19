//! Transports: TCP and TLS streams that speak `embedded-io`, with a limit on every wait and errors that name the cause.
//!
//! ```text
//! Endpoint ---------------> Transport::connect          (happy eyeballs)
//! Proxy, Endpoint --------> Transport::connect_through  (SOCKS 5, HTTP CONNECT)
//! Roots -> Trust(Identity) -> transport.secure(&trust, name, limit) -> transport.exporter()
//! ```
//!
//! Each error is one line that a person can act on. [`mx`] finds where mail goes that no submission server takes.

mod association;
mod endpoint;
mod error;
mod eyeballs;
pub mod mx;
mod proxy;
mod tcp;
mod tls;
mod transport;
mod trust;
mod verifier;

pub use association::{Association, Matching, Selector, Usage};
pub use endpoint::Endpoint;
pub use error::Error;
pub use proxy::Proxy;
pub use tcp::Tcp;
pub use tls::Tls;
pub use transport::Transport;
pub use trust::{Identity, Roots, Trust};
