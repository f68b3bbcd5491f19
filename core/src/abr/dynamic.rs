//! The default selector: the throughput rule while the buffer is low, the buffer rule while it is high.
//!
//! Like DYNAMIC (K. Spiteri, R. Sitaraman, D. Sparacio, "From Theory to Practice", MMSys 2018), with two limits of its
//! own: a switch up goes no further than the throughput carries, and nothing is picked that could outlast the buffer.

use super::{Choice, Download, Selector, Situation, Throughput, buffer, milliseconds};

/// Chooses by throughput and buffer, whichever is the better guide.
#[derive(Clone, Copy, Debug, Default)]
pub struct Dynamic {
    throughput: Throughput,
    /// The buffer rule leads.
    by_buffer: bool,
}

impl Dynamic {
    /// The rate that the link is expected to carry, in bit/s; `None` before the first download.
    pub fn estimate(&self) -> Option<u64> {
        self.throughput.estimate()
    }

    /// Whether fetching the segment may take more than half of what is buffered.
    ///
    /// Half, so that a link that halves its rate meanwhile does not stall the play-out.
    fn outlasts(&self, situation: &Situation<'_>, representation: usize) -> bool {
        let limit = u64::from(milliseconds(situation.buffered / 2));
        self.throughput
            .fetch_milliseconds(situation, representation)
            .is_none_or(|time| time > limit)
    }
}

impl Selector for Dynamic {
    fn feed(&mut self, download: &Download) {
        self.throughput.feed(download);
    }

    fn poll(&mut self, situation: &Situation<'_>) -> Choice {
        if let Some(wait) = situation.wait() {
            return Choice::Wait(wait);
        }
        let carried = self.throughput.sustainable(situation);
        let bola = buffer::choose(situation);
        self.by_buffer = if self.by_buffer {
            situation.buffered >= situation.target / 4
        } else {
            situation.buffered >= situation.target / 2 && bola >= carried
        };
        let mut representation = if self.by_buffer { bola } else { carried };
        // As BOLA-O does: without this the buffer rule swings between two Representations around the link's rate.
        if let Some(current) = situation.current {
            representation = representation.min(current.max(carried));
        }
        while representation > 0 && self.outlasts(situation, representation) {
            representation -= 1;
        }
        Choice::Fetch { representation }
    }
}

/// The bound on a selector's state, so that a microcontroller can keep one per stream.
const _: () = assert!(size_of::<Dynamic>() <= 512);

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use core::time::Duration;

    const LADDER: [u32; 4] = [250_000, 600_000, 1_200_000, 2_400_000];

    fn situation(buffered: u64, current: Option<usize>) -> Situation<'static> {
        Situation {
            ladder: &LADDER,
            buffered: Duration::from_secs(buffered),
            target: Duration::from_secs(20),
            segment: Duration::from_secs(2),
            current,
        }
    }

    fn measured(kbps: u64) -> Dynamic {
        let mut dynamic = Dynamic::default();
        dynamic.feed(&Download {
            octets: kbps * 125,
            elapsed: Duration::from_secs(1),
            latency: Duration::ZERO,
        });
        dynamic
    }

    fn choice(dynamic: &mut Dynamic, situation: Situation<'_>) -> usize {
        match dynamic.poll(&situation) {
            Choice::Fetch { representation } => representation,
            Choice::Wait(_) => usize::MAX,
        }
    }

    tests! {
        fn begins_with_the_lowest() {
            assert_eq!(choice(&mut Dynamic::default(), situation(0, None)), 0);
        }

        fn a_low_buffer_follows_the_throughput() {
            assert_eq!(choice(&mut measured(3000), situation(8, Some(0))), 3);
            assert_eq!(choice(&mut measured(1000), situation(8, Some(3))), 1);
            assert_eq!(choice(&mut measured(100), situation(8, Some(3))), 0);
        }

        fn nothing_is_picked_that_outlasts_the_buffer() {
            // 2400 kbit/s for 2 s at 2700 kbit/s take 1.8 s, more than half of 3 s; 1200 kbit/s take 0.9 s.
            assert_eq!(choice(&mut measured(3000), situation(3, Some(3))), 2);
            assert_eq!(choice(&mut measured(3000), situation(0, Some(3))), 0);
        }

        fn a_high_buffer_bridges_a_dip_but_climbs_no_further_than_the_link() {
            let mut dynamic = measured(1500);
            assert_eq!(choice(&mut dynamic, situation(18, Some(2))), 2);
            assert_eq!(choice(&mut dynamic, situation(18, Some(0))), 2);
            // The buffer rule still holds 2400 kbit/s where the throughput alone would not.
            assert_eq!(choice(&mut dynamic, situation(18, Some(3))), 3);
        }

        fn a_full_buffer_waits() {
            let wait = measured(3000).poll(&situation(19, Some(3)));
            assert_eq!(wait, Choice::Wait(Duration::from_secs(1)));
        }
    }
}
