//! `gatepost ip`: words to a command to a change or a query, in the vocabulary of iproute2.
//!
//! One file per object: a table with a row for each keyword, and how the object is shown. What `ip` says, on either
//! output and as exit code, this says too.

mod address;
mod bridge;
mod command;
mod failure;
mod link;
mod link_show;
mod metrics;
mod names;
mod neighbour;
mod netns;
mod number;
mod options;
mod prefix;
mod print;
mod route;
mod route_show;
mod statistics;
mod tuntap;
mod words;

pub use command::{Command, parse, run};
pub use failure::Failure;
pub use names::Databases;
pub use options::Options;
pub use words::{Links, Words};

pub(crate) use failure::{extended, refused};
pub(crate) use names::LinkNames;
pub(crate) use number::{c_double, leading_unsigned, u32_from};
pub(crate) use print::Printer;
pub(crate) use statistics::general;
pub(crate) use words::{Keyword, exact, find, matches, short};
