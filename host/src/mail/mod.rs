//! `gatepost mail`: composes a mail from the command line and submits it; [`submit`] does the same for other applets.
//!
//! ```text
//! Options (words) -> Server + Letter --submit--> core's Session over a net::Transport -> Report per recipient
//! ```

pub mod address_list;
mod authentication;
pub mod command;
pub mod config;
mod courier;
mod failure;
mod letter;
mod options;
mod queue;
mod server;
mod submit;

pub use authentication::{Credentials, Mechanism};
pub use courier::Submission;
pub use failure::{Failure, Refused, Stage};
pub use letter::{Attachment, Letter};
pub use options::Options;
pub use queue::Place;
pub use server::Server;
pub use submit::{Report, deliver, submit};
