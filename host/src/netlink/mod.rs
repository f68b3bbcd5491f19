//! rtnetlink: requests, answers, errors and events.
//!
//! [`message`] reads a datagram in place, [`transaction`] knows which answer belongs to which request and holds no
//! socket, [`connection`] puts a socket (neli) under it, [`events`] listens. What is said is in [`crate::object`].

pub mod connection;
pub mod errno;
pub mod error;
pub mod events;
pub mod message;
pub mod namespace;
pub mod query;
pub mod transaction;

pub use connection::Connection;
pub use error::{Error, Refusal};
pub use events::{Event, Events};
pub use query::Query;
pub use transaction::{Reply, Sequence, Transaction};
