//! The buffer rule: BOLA, which needs no estimate of the link.
//!
//! K. Spiteri, R. Urgaonkar, R. K. Sitaraman, "BOLA: Near-Optimal Bitrate Adaptation for Online Videos" (INFOCOM 2016):
//! of the Representations `m` with segments of size `S_m` and utility `v_m = ln(S_m / S_0)`, fetch the one that maximizes
//!
//! ```text
//! (V * (v_m + gamma_p) - Q) / S_m          Q: the buffer level
//! ```
//!
//! The two parameters are set, as dash.js does (`BolaRule`), by two buffer levels: at `low` the lowest Representation has
//! nothing more to gain, at `target` the highest one. So `V * gamma_p = low`, `V * v_top = target - low`, and the base of
//! the logarithm cancels out.

use super::{Choice, Download, Selector, Situation, milliseconds};

/// Picks by the buffer level alone; `low` is a quarter of the target.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bola;

/// The Representation that BOLA picks.
pub(super) fn choose(situation: &Situation<'_>) -> usize {
    let (Some(lowest), Some(top)) = (situation.ladder.first(), situation.ladder.last()) else {
        return 0;
    };
    let utility = |bandwidth: u32| i64::from(log2(bandwidth).saturating_sub(log2(*lowest)));
    let range = utility(*top);
    if range == 0 {
        return situation.ladder.len() - 1;
    }
    let target = i64::from(milliseconds(situation.target));
    let low = target / 4;
    let level = i64::from(milliseconds(situation.buffered));
    let mut best = (0, i64::MIN, 1);
    for (index, bandwidth) in situation.ladder.iter().enumerate() {
        let gain = low + (target - low) * utility(*bandwidth) / range - level;
        let size = i64::from(*bandwidth).max(1);
        // gain / size > best gain / best size; below 2^31 times 2^32.
        if index == 0 || gain * best.2 > best.1 * size {
            best = (index, gain, size);
        }
    }
    best.0
}

/// The logarithm to base 2, in units of 2^-16; 0 for 0.
fn log2(value: u32) -> u32 {
    let Some(whole) = value.checked_ilog2() else {
        return 0;
    };
    // The rest, between 1 and 2, in units of 2^-31: squaring it moves its logarithm's next bit before the point.
    let mut rest = u64::from(value) << (31 - whole);
    let mut bits = whole;
    for _ in 0..16 {
        rest = (rest * rest) >> 31;
        let carry = rest >> 32;
        bits = bits << 1 | carry as u32;
        rest >>= carry;
    }
    bits
}

impl Selector for Bola {
    fn feed(&mut self, _: &Download) {}

    fn poll(&mut self, situation: &Situation<'_>) -> Choice {
        match situation.wait() {
            Some(wait) => Choice::Wait(wait),
            None => Choice::Fetch {
                representation: choose(situation),
            },
        }
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use core::time::Duration;

    fn chosen(ladder: &[u32], buffered: u64) -> usize {
        choose(&Situation {
            ladder,
            buffered: Duration::from_millis(buffered),
            target: Duration::from_secs(20),
            segment: Duration::from_secs(2),
            current: None,
        })
    }

    tests! {
        fn logarithms() {
            assert_eq!(log2(0), 0);
            assert_eq!(log2(1), 0);
            assert_eq!(log2(1 << 31), 31 << 16);
            // log2(3) = 1.58496250, log2(u32::MAX) is just below 32.
            assert_eq!(log2(3), 103_872);
            assert_eq!(log2(u32::MAX), (32 << 16) - 1);
        }

        fn more_buffer_means_a_higher_representation() {
            let ladder = [250_000, 600_000, 1_200_000, 2_400_000];
            let mut last = 0;
            for buffered in (0..=20_000).step_by(10) {
                let choice = chosen(&ladder, buffered);
                assert!(choice >= last, "at {buffered} ms");
                last = choice;
            }
            assert_eq!(chosen(&ladder, 0), 0);
            assert_eq!(chosen(&ladder, 19_999), 3);
        }

        fn the_formula_by_hand() {
            // Rates 1 : 2: (5000 - Q) / 1 and (20000 - Q) / 2 meet at Q = -10000, so the higher one wins at every level.
            assert_eq!(chosen(&[1000, 2000], 0), 1);
            // Rates 1 : 8: (5000 - Q) / 1 and (20000 - Q) / 8 meet at Q = 2857.14.
            assert_eq!((chosen(&[1000, 8000], 2857), chosen(&[1000, 8000], 2858)), (0, 1));
        }

        fn ladders_without_a_choice() {
            assert_eq!(chosen(&[], 5000), 0);
            assert_eq!(chosen(&[700], 5000), 0);
            assert_eq!(chosen(&[700, 700], 5000), 1);
            assert_eq!(chosen(&[0, u32::MAX], u64::MAX), 1);
        }
    }
}
