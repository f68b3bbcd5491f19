//! Bitrate choice: facts in, decision out. Uses nothing else.
//!
//! Everything is counted in integers, so that a choice is the same on every processor.

pub(crate) mod buffer;
pub(crate) mod dynamic;
pub(crate) mod throughput;

pub use buffer::Bola;
pub use dynamic::Dynamic;
pub use throughput::Throughput;

use core::time::Duration;

/// A rule that chooses which Representation comes next.
pub trait Selector {
    /// A segment was fetched.
    fn feed(&mut self, download: &Download);

    /// What to do now; asked again after a wait.
    fn poll(&mut self, situation: &Situation<'_>) -> Choice;
}

/// A download that is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Download {
    /// Octets of content.
    pub octets: u64,
    /// From the request to the last octet.
    pub elapsed: Duration,
    /// Of this, up to the response's head; zero if it was not measured.
    pub latency: Duration,
}

/// What a choice depends on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// Bandwidths of the Representations in bit/s, ascending.
    pub ladder: &'a [u32],
    /// Media that is fetched and not yet played.
    pub buffered: Duration,
    /// The most media that shall be buffered.
    pub target: Duration,
    /// How long the next segment plays.
    pub segment: Duration,
    /// The Representation of the last segment.
    pub current: Option<usize>,
}

/// What a selector decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Fetch the next segment of this Representation, an index into the ladder.
    Fetch {
        /// The index.
        representation: usize,
    },
    /// The buffer is full: ask again after this time, which is never 0.
    Wait(Duration),
}

impl Situation<'_> {
    /// How long to wait until another segment fits the buffer; a segment longer than half of it waits for one alone.
    fn wait(&self) -> Option<Duration> {
        let limit = self.target.saturating_sub(self.segment).max(self.segment);
        self.buffered.checked_sub(limit).filter(|wait| !wait.is_zero())
    }
}

/// Milliseconds, at most about twelve days.
fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX).min(1 << 30)
}
