//! The player: decides which segment to fetch when, by a track and a selector; performs nothing.
//!
//! ```text
//! loop { match player.poll(now) {
//!     Step::Fetch { segment, representation } => { fetch player.url(..); player.feed(&download, now) }
//!     Step::Wait(time) => sleep(time),
//!     Step::Done => break,
//! } }
//! ```

pub(crate) mod playout;

use crate::abr::{Choice, Download, Selector, Situation};
use crate::dash::{Segment, Track, TrackError};
use crate::http::Url;
use core::time::Duration;
use playout::Playout;

/// How much media is buffered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Play-out begins, and goes on after a stall, with this much; not more than `target` counts.
    pub startup: Duration,
    /// No more than this is fetched ahead. A link that may fall to a sixth of its rate between two segments of 2 s
    /// needs some 20 s not to stall.
    pub target: Duration,
}

impl Default for Buffer {
    /// Begins with 4 s, holds 20 s.
    fn default() -> Self {
        Self {
            startup: Duration::from_secs(4),
            target: Duration::from_secs(20),
        }
    }
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Fetch this segment of this Representation; repeated until [`Player::feed`] tells that it came.
    Fetch {
        /// The segment.
        segment: Segment,
        /// An index into the track's bandwidths.
        representation: usize,
    },
    /// Ask again after this time.
    Wait(Duration),
    /// Every segment was fetched; the play-out goes on for [`Player::buffered`].
    Done,
}

/// Plays a track: asks for its segments in order and models the buffer. Time is an argument that never runs backwards.
pub struct Player<A: Selector, const R: usize, const S: usize, const T: usize = 2048> {
    track: Track<R, S, T>,
    selector: A,
    buffer: Buffer,
    playout: Playout,
    /// Index of the segment after the last one that came.
    next: u64,
    current: Option<usize>,
    pending: Option<(Segment, usize)>,
    switches: u32,
}

impl<A: Selector, const R: usize, const S: usize, const T: usize> Player<A, R, S, T> {
    /// Begins to play `track` from its first segment; an error is why it cannot be played.
    pub fn new(track: Track<R, S, T>, selector: A, buffer: Buffer) -> Result<Self, TrackError> {
        track.finish()?;
        Ok(Self {
            track,
            selector,
            buffer,
            playout: Playout::new(buffer.startup.min(buffer.target)),
            next: 0,
            current: None,
            pending: None,
            switches: 0,
        })
    }

    /// What to do at the time `now`.
    pub fn poll(&mut self, now: Duration) -> Step {
        self.playout.advance(now);
        if let Some((segment, representation)) = self.pending {
            return Step::Fetch {
                segment,
                representation,
            };
        }
        let Some(segment) = self.track.segment(0, self.next) else {
            return Step::Done;
        };
        let ladder = self.track.bandwidths();
        let situation = Situation {
            ladder,
            buffered: self.playout.buffered(),
            target: self.buffer.target,
            segment: segment.duration(),
            current: self.current,
        };
        match self.selector.poll(&situation) {
            Choice::Wait(time) => {
                // Nothing more is to come until some of it is played.
                self.playout.start();
                Step::Wait(time)
            }
            Choice::Fetch { representation } => {
                let representation = representation.min(ladder.len().saturating_sub(1));
                let segment = self.track.segment(representation, self.next).unwrap_or(segment);
                self.pending = Some((segment, representation));
                Step::Fetch {
                    segment,
                    representation,
                }
            }
        }
    }

    /// The segment of the last [`Step::Fetch`] came; a download that was not asked for is passed over.
    pub fn feed(&mut self, download: &Download, now: Duration) {
        let Some((segment, representation)) = self.pending.take() else {
            return;
        };
        self.playout.advance(now);
        self.playout.feed(segment.duration());
        self.selector.feed(download);
        if self
            .current
            .replace(representation)
            .is_some_and(|current| current != representation)
        {
            self.switches = self.switches.saturating_add(1);
        }
        self.next = segment.index.saturating_add(1);
        if self.track.segment(0, self.next).is_none() {
            self.playout.finish();
        }
    }

    /// Where a segment of a Representation is fetched, written to `out`.
    pub fn url<'o>(&self, segment: &Segment, representation: usize, out: &'o mut [u8]) -> Result<Url<'o>, TrackError> {
        self.track.url(segment, representation, out)
    }

    /// What is played.
    pub fn track(&self) -> &Track<R, S, T> {
        &self.track
    }

    /// What chooses.
    pub fn selector(&self) -> &A {
        &self.selector
    }

    /// Media that was fetched and is not yet played at the time `now`.
    pub fn buffered(&mut self, now: Duration) -> Duration {
        self.playout.advance(now);
        self.playout.buffered()
    }

    /// How long the play-out stood still since it began, as of the last call with a time.
    pub fn stalled(&self) -> Duration {
        self.playout.stalled()
    }

    /// How often the play-out ran dry.
    pub fn stalls(&self) -> u32 {
        self.playout.stalls()
    }

    /// Whether the play-out has begun.
    pub fn is_started(&self) -> bool {
        self.playout.is_started()
    }

    /// How often a segment was of another Representation than the one before it.
    pub fn switches(&self) -> u32 {
        self.switches
    }
}
