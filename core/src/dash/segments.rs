//! Segments: which there are, when they begin and how long they last.

use super::timeline::time;
use super::track::Track;
use core::time::Duration;

/// A media segment of a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// 0 for the first one of the Period.
    pub index: u64,
    /// What `$Number$` stands for.
    pub number: u64,
    /// Its start in ticks, which `$Time$` stands for.
    pub time: u64,
    /// In ticks; never 0.
    pub ticks: u64,
    /// Ticks per second; never 0.
    pub timescale: u32,
}

impl Segment {
    /// How long it plays.
    pub fn duration(&self) -> Duration {
        time(self.ticks, self.timescale)
    }
}

/// The segments of a track from one on; see [`Track::segments`].
pub struct Segments<'t, const R: usize, const S: usize, const T: usize> {
    pub(super) track: &'t Track<R, S, T>,
    pub(super) next: u64,
}

impl<const R: usize, const S: usize, const T: usize> Iterator for Segments<'_, R, S, T> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        let segment = self.track.segment(0, self.next)?;
        self.next = self.next.checked_add(1)?;
        Some(segment)
    }
}
