//! Who carries mails away: the network, seen from the spool.

use super::Content;
use gatepost_core::smtp;

/// Takes one mail after the other to where it goes.
pub trait Courier {
    /// Tries to deliver `content` to the recipients of `envelope`.
    fn deliver(&mut self, envelope: &smtp::Envelope<'_>, content: &mut Content) -> Attempt;
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// A verdict for each recipient, in the envelope's order; one that is missing counts as transient.
    Verdicts(Vec<Verdict>),
    /// Nobody was reached who could judge the mail, and nothing of it was handed over; why, in one line.
    ///
    /// That says nothing about this mail: the others that are due will fare no better now.
    Unreachable(String),
}

/// What was said about one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What it means.
    pub outcome: Outcome,
    /// In what words: code and text.
    pub reply: String,
}

/// What a verdict means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The mail is the server's from now on.
    Accepted,
    /// Another time, perhaps.
    Transient,
    /// Never.
    Permanent,
}
