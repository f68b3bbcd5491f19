//! The throughput rule: what the link carried, it will carry again.

use super::{Choice, Download, Selector, Situation, milliseconds};

/// Estimates the link's rate by two moving averages, and picks what nine tenths of the lower one fetch in time.
///
/// The fast average sees a drop within a download or two; the slow one keeps a short peak from being believed. The
/// latency of a request is counted apart, or short segments would seem to come over a slow link.
#[derive(Clone, Copy, Debug, Default)]
pub struct Throughput {
    averages: Option<Averages>,
}

#[derive(Clone, Copy, Debug)]
struct Averages {
    /// In bit/s.
    fast: u64,
    slow: u64,
    /// In milliseconds.
    latency: u64,
}

/// How many milliseconds of download an average remembers.
const FAST_MILLISECONDS: u64 = 2_000;
const SLOW_MILLISECONDS: u64 = 4_000;

/// No sample counts for more, in bit/s; keeps every product within 64 bits.
const RATE_LIMIT: u64 = 1 << 40;

impl Throughput {
    /// The rate that the link is expected to carry, in bit/s; `None` before the first download.
    pub fn estimate(&self) -> Option<u64> {
        self.averages.map(|averages| averages.fast.min(averages.slow))
    }

    /// How many milliseconds it takes to fetch the next segment of a Representation, cautiously; `None` if unknown.
    pub(super) fn fetch_milliseconds(&self, situation: &Situation<'_>, representation: usize) -> Option<u64> {
        let averages = self.averages?;
        // The tenth that is left pays for what the averages do not see.
        let usable = (averages.fast.min(averages.slow) / 10 * 9).max(1);
        let bandwidth = *situation.ladder.get(representation)?;
        let size = u64::from(bandwidth) * u64::from(milliseconds(situation.segment));
        Some(averages.latency + size.div_ceil(usable))
    }

    /// The highest Representation whose segments take no longer to fetch than to play, or the lowest one.
    pub(super) fn sustainable(&self, situation: &Situation<'_>) -> usize {
        let limit = u64::from(milliseconds(situation.segment));
        let in_time = |index: &usize| {
            self.fetch_milliseconds(situation, *index)
                .is_some_and(|time| time <= limit)
        };
        (0..situation.ladder.len()).take_while(in_time).last().unwrap_or(0)
    }
}

impl Selector for Throughput {
    fn feed(&mut self, download: &Download) {
        // What carried nothing tells nothing.
        if download.octets == 0 {
            return;
        }
        // The octets that came with the head were on their way before it: never more than four times the plain rate.
        let transfer = download
            .elapsed
            .saturating_sub(download.latency)
            .max(download.elapsed / 4);
        let microseconds = transfer.as_micros().max(1);
        let rate = u128::from(download.octets) * 8_000_000 / microseconds;
        let rate = u64::try_from(rate).unwrap_or(RATE_LIMIT).min(RATE_LIMIT);
        // A long download weighs more: it saw more of the link.
        let weight = u64::from(milliseconds(transfer)).clamp(1, 1 << 20);
        let latency = u64::from(milliseconds(download.latency.min(download.elapsed)));
        self.averages = Some(match self.averages {
            None => Averages {
                fast: rate,
                slow: rate,
                latency,
            },
            Some(Averages {
                fast,
                slow,
                latency: before,
            }) => Averages {
                fast: (fast * FAST_MILLISECONDS + rate * weight) / (FAST_MILLISECONDS + weight),
                slow: (slow * SLOW_MILLISECONDS + rate * weight) / (SLOW_MILLISECONDS + weight),
                latency: (3 * before + latency) / 4,
            },
        });
    }

    fn poll(&mut self, situation: &Situation<'_>) -> Choice {
        match situation.wait() {
            Some(wait) => Choice::Wait(wait),
            None => Choice::Fetch {
                representation: self.sustainable(situation),
            },
        }
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use core::time::Duration;

    fn feed(throughput: &mut Throughput, octets: u64, milliseconds: u64) -> u64 {
        throughput.feed(&Download {
            octets,
            elapsed: Duration::from_millis(milliseconds),
            latency: Duration::ZERO,
        });
        throughput.estimate().unwrap()
    }

    tests! {
        fn estimates_follow_the_link() {
            let mut throughput = Throughput::default();
            assert_eq!(throughput.estimate(), None);
            assert_eq!(feed(&mut throughput, 125_000, 1000), 1_000_000);
            // Down: the fast average leads, (2 * 1000 + 2 * 500) / 4 kbit/s.
            assert_eq!(feed(&mut throughput, 125_000, 2000), 750_000);
            // Up: the slow one holds back, (4 * 833 + 1 * 4000) / 5.
            let up = feed(&mut throughput, 500_000, 1000);
            assert_eq!(up, (833_333 * 4000 + 4_000_000 * 1000) / 5000);
        }

        fn extremes_do_not_overflow() {
            let mut throughput = Throughput::default();
            throughput.feed(&Download { octets: 0, elapsed: Duration::ZERO, latency: Duration::ZERO });
            assert_eq!(throughput.estimate(), None);
            assert_eq!(feed(&mut throughput, u64::MAX, 0), RATE_LIMIT);
            throughput.feed(&Download { octets: u64::MAX, elapsed: Duration::MAX, latency: Duration::ZERO });
            throughput.feed(&Download { octets: 1, elapsed: Duration::MAX, latency: Duration::ZERO });
            throughput.feed(&Download { octets: u64::MAX, elapsed: Duration::from_secs(1), latency: Duration::MAX });
            assert!(throughput.estimate().unwrap() <= RATE_LIMIT);
        }

        fn latency_is_not_the_link() {
            let mut throughput = Throughput::default();
            let download = |elapsed, latency| Download {
                octets: 75_000,
                elapsed: Duration::from_millis(elapsed),
                latency: Duration::from_millis(latency),
            };
            throughput.feed(&download(450, 250));
            assert_eq!(throughput.estimate(), Some(3_000_000));
            let ladder = [600_000, 1_200_000, 2_400_000];
            let second = Duration::from_secs(1);
            let mut situation = Situation { ladder: &ladder, buffered: second, target: 10 * second, segment: second, current: None };
            // 250 ms and 2400 kbit at 2700 kbit/s are more than a second; four times as much takes less than four.
            assert_eq!(throughput.fetch_milliseconds(&situation, 2), Some(1139));
            assert_eq!(throughput.sustainable(&situation), 1);
            situation.segment = 4 * second;
            assert_eq!(throughput.sustainable(&situation), 2);
            // All of it came with the head: four times the plain rate and no more.
            let mut throughput = Throughput::default();
            throughput.feed(&download(400, 400));
            assert_eq!(throughput.estimate(), Some(6_000_000));
        }

        fn picks_what_the_link_carries() {
            let mut throughput = Throughput::default();
            let second = Duration::from_secs(1);
            let ladder = [250_000, 600_000, 1_200_000, 2_400_000];
            let situation = Situation { ladder: &ladder, buffered: second, target: 10 * second, segment: second, current: None };
            assert_eq!(throughput.poll(&situation), Choice::Fetch { representation: 0 });
            for (kbps, representation) in [(100, 0), (666, 0), (667, 1), (1334, 2), (2666, 2), (2667, 3), (99_999, 3)] {
                let mut throughput = Throughput::default();
                feed(&mut throughput, kbps * 125, 1000);
                assert_eq!(throughput.poll(&situation), Choice::Fetch { representation }, "{kbps}");
            }
            assert_eq!(throughput.poll(&Situation { ladder: &[], ..situation }), Choice::Fetch { representation: 0 });
        }

        fn a_full_buffer_waits() {
            let mut throughput = Throughput::default();
            let second = Duration::from_secs(1);
            let at = |buffered, segment| Situation { ladder: &[1], buffered, target: 10 * second, segment, current: None };
            assert_eq!(throughput.poll(&at(9 * second, second)), Choice::Fetch { representation: 0 });
            assert_eq!(throughput.poll(&at(10 * second, second)), Choice::Wait(second));
            // A segment longer than the buffer is still fetched once another one is left.
            assert_eq!(throughput.poll(&at(20 * second, 20 * second)), Choice::Fetch { representation: 0 });
            assert_eq!(throughput.poll(&at(21 * second, 20 * second)), Choice::Wait(second));
        }
    }
}
