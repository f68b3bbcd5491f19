//! The gateway half of Gatepost, as a library; the `gatepost` binary is its command line.
//!
//! What the kernel holds is in [`object`], how it is asked for in [`netlink`], how a person says it in [`ip`] and [`tc`].

#![warn(missing_docs)]

pub mod alert;
pub mod dash;
pub mod ip;
mod json;
pub mod mail;
pub mod net;
pub mod netlink;
pub mod object;
pub mod spool;
pub mod tc;
