//! `gatepost mail`: composes a mail from the command line and submits it; [`submit`] does the same for other applets.
//!
//! ```text
//! Options (words) -> Server + Letter --submit--> core's Session over a net::Transport -> Report per recipient
//! ```

pub mod address_list;
mod authentication;
pub mod command;
mod complete;
pub mod config;
mod courier;
mod draft;
mod failure;
mod intake;
mod letter;
mod options;
mod order;
mod queue;
pub mod sendmail;
mod server;
mod submit;

pub use authentication::{Credentials, Mechanism};
pub use complete::Completion;
pub use courier::Submission;
pub use draft::{Draft, Field, Reading};
pub use failure::{Failure, Refused, Stage};
pub use intake::{Intake, LoneDot};
pub use letter::{Attachment, Letter};
pub use options::Options;
pub use order::{Order, Since, To};
pub use queue::Place;
pub use server::Server;
pub use submit::{Report, deliver, submit};
