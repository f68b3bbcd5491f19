//! `gatepost dash play`: performs what the player of `gatepost-core` decides, and reports what happened.
//!
//! ```text
//! URL -fetch-> manifest octets -> dash::Reader -> Track -> Player -decides-> fetch -> Report
//! ```

mod failure;
mod fetch;

pub use failure::{Cause, Failure};
pub use fetch::{Fetched, Fetcher};
