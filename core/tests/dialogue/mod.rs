//! The language of `dialogues/`, and the two sides that speak it.

mod doubles;
mod peer;
mod story;
mod teller;

pub(crate) use story::{Story, Turn, read_all};
pub(crate) use teller::tell;
