//! When the next attempt is made, and when there is none any more.

use std::time::Duration;

/// The times of the attempts at one mail; RFC 5321 4.5.4.1 wants a retry at least every 30 minutes to an hour on the
/// long run, and four to five days of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Before the second attempt; twice as long before each further one.
    pub first: Duration,
    /// The longest wait between two attempts.
    pub longest: Duration,
    /// How old a mail is that fails for good at its next attempt that fails.
    pub lifetime: Duration,
    /// How old a mail is whose originator is told that it is late, if he asked for it (RFC 3461 4.1, DELAY).
    pub late: Duration,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(60),
            longest: Duration::from_secs(60 * 60),
            lifetime: Duration::from_secs(5 * 24 * 60 * 60),
            late: Duration::from_secs(4 * 60 * 60),
        }
    }
}

impl Schedule {
    /// How long to wait after `attempts` attempts: doubling, capped, and of that between half and all by `random`,
    /// so that mails that failed together are not tried together for ever.
    pub fn wait(&self, attempts: u32, random: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << attempts.saturating_sub(1).min(30));
        let half = doubled.min(self.longest) / 2;
        // The product of 31 days in milliseconds and 32 bits fits 64 bits; longer waits lose their jitter, not more.
        let milliseconds = u64::try_from(half.as_millis()).unwrap_or(u64::MAX);
        let jitter = milliseconds
            .checked_mul(random.into())
            .map_or(milliseconds, |product| product >> 32);
        half + Duration::from_millis(jitter)
    }

    /// Whether a mail that is to be tried at `next` is due.
    ///
    /// A moment further away than the longest wait was set before the clock went back: then it is due as well.
    pub fn is_due(&self, next: Duration, now: Duration) -> bool {
        next <= now || next > now.saturating_add(self.longest)
    }

    /// Whether a mail that waits since `since` is given up after `attempts` attempts that failed.
    ///
    /// Some must have been made: the machine may have been off, or its clock may have been set.
    pub fn is_over(&self, since: Duration, attempts: u32, now: Duration) -> bool {
        now.saturating_sub(since) > self.lifetime && attempts >= LEAST_ATTEMPTS
    }
}

/// A mail is never given up for its age before it was tried so often.
const LEAST_ATTEMPTS: u32 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn waits_double_up_to_the_longest_with_jitter_of_half() {
        let schedule = Schedule::default();
        for (attempts, minutes) in [
            (0, 1),
            (1, 1),
            (2, 2),
            (3, 4),
            (6, 32),
            (7, 60),
            (8, 60),
            (32, 60),
            (u32::MAX, 60),
        ] {
            let whole = MINUTE * minutes;
            assert_eq!(schedule.wait(attempts, 0), whole / 2);
            assert_eq!(schedule.wait(attempts, 1 << 31), whole / 4 * 3);
            let most = schedule.wait(attempts, u32::MAX);
            assert!(whole - most <= Duration::from_millis(1), "{attempts}: {most:?}");
        }
        let endless = Schedule {
            first: Duration::MAX,
            longest: Duration::MAX,
            ..schedule
        };
        assert!(endless.wait(9, 1) > MINUTE);
    }

    #[test]
    fn a_clock_that_goes_back_delays_nothing() {
        let schedule = Schedule::default();
        let now = MINUTE * 1_000_000;
        assert!(schedule.is_due(now, now));
        assert!(!schedule.is_due(now + MINUTE, now));
        assert!(!schedule.is_due(now + MINUTE * 60, now));
        assert!(
            schedule.is_due(now + MINUTE * 61, now),
            "a year in the future, from a clock that was wrong"
        );
    }

    #[test]
    fn a_mail_is_given_up_when_it_is_old_and_was_tried() {
        let schedule = Schedule::default();
        let day = MINUTE * 60 * 24;
        assert!(!schedule.is_over(day, 100, day * 6));
        assert!(schedule.is_over(day, 4, day * 6 + MINUTE));
        assert!(
            !schedule.is_over(Duration::ZERO, 3, day * 20_000),
            "it was put there before the clock was set"
        );
        assert!(!schedule.is_over(day * 6, 100, day), "the clock went back");
    }
}
