//! `gatepost watch`: tells what changes in the network, and mails what an operator must know.
//!
//! ```text
//! netlink events -> Network (what is known) -> Change (a line) -> Outbox (digest, retry) -> mail::submit
//! ```
//!
//! Three threads, one owner of all state: the kernel's events and the deliveries' outcomes arrive as messages.

mod change;
pub mod command;
mod network;
mod outbox;
mod run;

pub use change::{Change, Kind};
pub use network::{Network, Stock};
pub use outbox::{Digest, Outbox, Step};
