//! The play-out: a model of the buffer that fills by segments and drains with time.

use core::time::Duration;

/// Where the play-out stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Playout {
    now: Duration,
    buffered: Duration,
    /// It begins, and goes on after a stall, with this much.
    startup: Duration,
    state: State,
    /// No more media is to come.
    finished: bool,
    stalled: Duration,
    stalls: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It has not begun.
    Starting,
    Playing,
    /// It ran dry.
    Stalled,
}

impl Playout {
    pub(super) fn new(startup: Duration) -> Self {
        Self {
            now: Duration::ZERO,
            buffered: Duration::ZERO,
            startup,
            state: State::Starting,
            finished: false,
            stalled: Duration::ZERO,
            stalls: 0,
        }
    }

    /// It is `now`; a time before the last one counts as that one.
    pub(super) fn advance(&mut self, now: Duration) {
        let elapsed = now.saturating_sub(self.now);
        self.now = self.now.max(now);
        match self.state {
            State::Starting => {}
            State::Playing => {
                let missing = elapsed.saturating_sub(self.buffered);
                self.buffered = self.buffered.saturating_sub(elapsed);
                // After the last segment it does not stall but ends.
                if !missing.is_zero() && !self.finished {
                    self.state = State::Stalled;
                    self.stalls = self.stalls.saturating_add(1);
                    self.stalled = self.stalled.saturating_add(missing);
                }
            }
            State::Stalled => self.stalled = self.stalled.saturating_add(elapsed),
        }
    }

    /// Media came that plays for `duration`.
    pub(super) fn feed(&mut self, duration: Duration) {
        self.buffered = self.buffered.saturating_add(duration);
        if self.buffered >= self.startup {
            self.start();
        }
    }

    /// It plays with what there is.
    pub(super) fn start(&mut self) {
        self.state = State::Playing;
    }

    /// No more media is to come.
    pub(super) fn finish(&mut self) {
        self.finished = true;
        self.start();
    }

    pub(super) fn buffered(&self) -> Duration {
        self.buffered
    }

    pub(super) fn stalled(&self) -> Duration {
        self.stalled
    }

    pub(super) fn stalls(&self) -> u32 {
        self.stalls
    }

    pub(super) fn is_started(&self) -> bool {
        self.state != State::Starting
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    tests! {
        fn fills_begins_drains_stalls_and_goes_on() {
            let mut playout = Playout::new(4 * SECOND);
            playout.advance(SECOND);
            playout.feed(2 * SECOND);
            playout.advance(3 * SECOND);
            assert!(!playout.is_started());
            assert_eq!((playout.buffered(), playout.stalled()), (2 * SECOND, Duration::ZERO));
            playout.feed(2 * SECOND);
            assert!(playout.is_started());
            playout.advance(6 * SECOND);
            assert_eq!(playout.buffered(), SECOND);
            playout.advance(9 * SECOND);
            assert_eq!((playout.buffered(), playout.stalled(), playout.stalls()), (Duration::ZERO, 2 * SECOND, 1));
            // Two seconds are not enough to go on.
            playout.feed(2 * SECOND);
            playout.advance(10 * SECOND);
            assert_eq!((playout.buffered(), playout.stalled()), (2 * SECOND, 3 * SECOND));
            playout.feed(2 * SECOND);
            playout.advance(11 * SECOND);
            assert_eq!((playout.buffered(), playout.stalled(), playout.stalls()), (3 * SECOND, 3 * SECOND, 1));
        }

        fn the_end_is_no_stall_and_time_does_not_run_backwards() {
            let mut playout = Playout::new(4 * SECOND);
            playout.feed(SECOND);
            playout.finish();
            playout.advance(SECOND / 2);
            playout.advance(Duration::ZERO);
            assert_eq!(playout.buffered(), SECOND / 2);
            playout.advance(9 * SECOND);
            assert_eq!((playout.buffered(), playout.stalled(), playout.stalls()), (Duration::ZERO, Duration::ZERO, 0));
        }
    }
}
