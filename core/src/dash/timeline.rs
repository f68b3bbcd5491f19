//! The SegmentTimeline as runs of equal segments, never expanded (ISO/IEC 23009-1, 5.3.9.6).

use super::error::TrackError;
use super::reader::S;
use core::time::Duration;
use heapless::Vec;

/// `count` segments of `duration` ticks each, the first at `time`.
///
/// `duration > 0`, and `time + count * duration` is within 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub time: u64,
    pub duration: u64,
    pub count: u64,
}

impl Run {
    pub(super) fn end(&self) -> u64 {
        // `Builder` made sure that it fits.
        self.time.saturating_add(self.duration.saturating_mul(self.count))
    }
}

/// Which runs of the track a timeline has; `start <= end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Runs {
    pub start: usize,
    pub end: usize,
}

/// Puts the S elements of one timeline, one after the other, at the end of a track's runs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Builder {
    /// The first run of this timeline.
    start: usize,
    /// The Period's end in ticks.
    period_end: Option<u64>,
    /// Where the next segment begins if `S@t` does not say.
    time: u64,
    /// The segment duration of a run that reaches to the next one, or to the end of the Period.
    open: Option<u64>,
    /// Where the last segment so far began.
    last: Option<u64>,
}

impl Builder {
    pub(super) fn new(start: usize, period_end: Option<u64>) -> Self {
        Self {
            start,
            period_end,
            time: 0,
            open: None,
            last: None,
        }
    }

    /// Takes the next S.
    pub(super) fn feed<const N: usize>(&mut self, s: &S, runs: &mut Vec<Run, N>) -> Result<(), TrackError> {
        if s.d == 0 {
            return Err(TrackError::SegmentDuration);
        }
        if let Some(duration) = self.open.take() {
            // Where the open run ends is only known by the start of this one.
            let end = s.t.ok_or(TrackError::DurationUnknown)?;
            self.fill(duration, end, runs)?;
        }
        if let Some(time) = s.t {
            if self.last.is_some_and(|last| time <= last) {
                return Err(TrackError::Order);
            }
            self.time = time;
        }
        self.last = Some(self.time);
        match u64::try_from(s.r) {
            Ok(repeat) => {
                let count = repeat.checked_add(1).ok_or(TrackError::Overflow)?;
                self.push(
                    Run {
                        time: self.time,
                        duration: s.d,
                        count,
                    },
                    runs,
                )
            }
            Err(_) => {
                self.open = Some(s.d);
                Ok(())
            }
        }
    }

    /// The timeline ends.
    pub(super) fn finish<const N: usize>(mut self, runs: &mut Vec<Run, N>) -> Result<Runs, TrackError> {
        if let Some(duration) = self.open.take() {
            self.fill(duration, self.period_end.ok_or(TrackError::DurationUnknown)?, runs)?;
        }
        Ok(Runs {
            start: self.start,
            end: runs.len(),
        })
    }

    /// Segments of `duration` up to `end`.
    fn fill<const N: usize>(&mut self, duration: u64, end: u64, runs: &mut Vec<Run, N>) -> Result<(), TrackError> {
        let count = end.saturating_sub(self.time).div_ceil(duration);
        self.push(
            Run {
                time: self.time,
                duration,
                count,
            },
            runs,
        )
    }

    fn push<const N: usize>(&mut self, mut run: Run, runs: &mut Vec<Run, N>) -> Result<(), TrackError> {
        let end = run
            .duration
            .checked_mul(run.count)
            .and_then(|length| run.time.checked_add(length));
        self.time = end.ok_or(TrackError::Overflow)?;
        if run.count > 0 {
            self.last = Some(self.time.saturating_sub(run.duration));
        }
        // What begins at the Period's end or behind it is not presented, so no @r, however large, leads beyond it.
        if let Some(period_end) = self.period_end {
            run.count = run
                .count
                .min(period_end.saturating_sub(run.time).div_ceil(run.duration));
        }
        if run.count == 0 {
            return Ok(());
        }
        match runs.get_mut(self.start..).and_then(<[Run]>::last_mut) {
            Some(last) if last.duration == run.duration && last.end() == run.time => {
                last.count = last.count.checked_add(run.count).ok_or(TrackError::Overflow)?;
                Ok(())
            }
            _ => runs.push(run).map_err(|_| TrackError::Runs),
        }
    }
}

/// `duration` in ticks, rounded up; `None` beyond 64 bits.
pub(super) fn ticks(duration: Duration, timescale: u32) -> Option<u64> {
    let ticks = duration.as_nanos().checked_mul(timescale.into())?.div_ceil(NANOSECONDS);
    u64::try_from(ticks).ok()
}

/// `ticks` as a duration, cut off below a nanosecond; 0 for a timescale of 0.
pub(super) fn time(ticks: u64, timescale: u32) -> Duration {
    let seconds = ticks.checked_div(timescale.into()).unwrap_or(0);
    let rest = u128::from(ticks.checked_rem(timescale.into()).unwrap_or(0)) * NANOSECONDS;
    // The rest is below one second.
    Duration::new(seconds, rest.checked_div(timescale.into()).unwrap_or(0) as u32)
}

const NANOSECONDS: u128 = 1_000_000_000;

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn runs(elements: &[(Option<u64>, u64, i64)], period_end: Option<u64>) -> Result<Vec<Run, 4>, TrackError> {
        let mut runs = Vec::new();
        let mut builder = Builder::new(0, period_end);
        for (t, d, r) in elements {
            builder.feed(&S { t: *t, d: *d, r: *r }, &mut runs)?;
        }
        builder.finish(&mut runs)?;
        Ok(runs)
    }

    fn run(time: u64, duration: u64, count: u64) -> Run {
        Run { time, duration, count }
    }

    tests! {
        fn runs_follow_each_other() {
            let expected = [run(0, 2, 3), run(6, 1, 1), run(10, 5, 1)];
            assert_eq!(runs(&[(None, 2, 2), (None, 1, 0), (Some(10), 5, 0)], None).as_deref(), Ok(&expected[..]));
        }

        fn equal_neighbours_are_one_run() {
            let expected = [run(5, 2, 4)];
            assert_eq!(runs(&[(Some(5), 2, 0), (None, 2, 1), (Some(11), 2, 0)], None).as_deref(), Ok(&expected[..]));
        }

        fn an_open_run_ends_at_the_next_or_with_the_period() {
            assert_eq!(runs(&[(Some(0), 4, -1)], Some(10)).as_deref(), Ok(&[run(0, 4, 3)][..]));
            let expected = [run(0, 4, 2), run(7, 1, 5)];
            assert_eq!(runs(&[(None, 4, -1), (Some(7), 1, -1)], Some(12)).as_deref(), Ok(&expected[..]));
            assert_eq!(runs(&[(None, 4, -1)], None), Err(TrackError::DurationUnknown));
            assert_eq!(runs(&[(None, 4, -1), (None, 1, 0)], Some(10)), Err(TrackError::DurationUnknown));
            assert_eq!(runs(&[(Some(20), 4, -1)], Some(10)).as_deref(), Ok(&[][..]));
        }

        fn a_huge_repeat_is_bounded_by_the_period() {
            assert_eq!(runs(&[(None, 1, 2_000_000_000)], Some(10)).as_deref(), Ok(&[run(0, 1, 10)][..]));
            assert_eq!(runs(&[(None, 1, i64::MAX)], None).as_deref(), Ok(&[run(0, 1, 1 << 63)][..]));
            assert_eq!(runs(&[(None, 2, i64::MAX)], Some(10)), Err(TrackError::Overflow));
            assert_eq!(runs(&[(Some(u64::MAX), 1, 0)], None), Err(TrackError::Overflow));
        }

        fn runs_that_are_refused() {
            assert_eq!(runs(&[(None, 0, 0)], None), Err(TrackError::SegmentDuration));
            assert_eq!(runs(&[(Some(5), 1, 0), (Some(5), 1, 0)], None), Err(TrackError::Order));
            assert_eq!(runs(&[(None, 10, 5), (Some(50), 1, 0)], None), Err(TrackError::Order));
            assert_eq!(runs(&[(None, 10, 5), (Some(51), 1, 0)], None).as_deref(), Ok(&[run(0, 10, 6), run(51, 1, 1)][..]));
            let many = [(None, 1, 0), (None, 2, 0), (None, 1, 0), (None, 2, 0), (None, 1, 0)];
            assert_eq!(runs(&many, None), Err(TrackError::Runs));
        }

        fn ticks_and_times() {
            assert_eq!(ticks(Duration::from_millis(1500), 90_000), Some(135_000));
            assert_eq!(ticks(Duration::from_nanos(1), 1), Some(1));
            assert_eq!(ticks(Duration::MAX, u32::MAX), None);
            assert_eq!(time(135_000, 90_000), Duration::from_millis(1500));
            assert_eq!(time(u64::MAX, u32::MAX), Duration::new(4_294_967_297, 0));
            assert_eq!(time(1, 0), Duration::ZERO);
        }
    }
}
