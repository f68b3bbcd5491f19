//! `gatepost dash play`: performs what the player of `gatepost-core` decides, and reports what happened.
//!
//! ```text
//! URL -fetch-> manifest octets -> dash::Reader -> Track -> Player -decides-> fetch -> Report
//! ```

pub mod command;
mod failure;
mod fetch;
mod play;
mod report;

pub use failure::{Cause, Failure};
pub use fetch::{Fetched, Fetcher};
pub use play::play;
pub use report::{Report, Segment, Summary};
