//! What is told while a stream plays: the lines of the device's console, or the same as JSON.

use crate::json::Object;
use std::fmt;
use std::time::Duration;

/// One thing to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report<'a> {
    /// The manifest was read.
    Stream {
        /// Each Representation's `@bandwidth`, ascending, bit/s.
        bandwidths: &'a [u32],
    },
    /// A segment has arrived.
    Segment(Segment),
    /// All of them have.
    Done(Summary),
}

/// A segment that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Its place in the stream, from 1.
    pub number: u64,
    /// Its Representation's place among the bandwidths.
    pub representation: usize,
    /// That Representation's `@bandwidth`, bit/s.
    pub bandwidth: u32,
    /// Its size.
    pub octets: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Media time in the buffer afterwards.
    pub buffered: Duration,
    /// How long playback has stood still so far.
    pub stalled: Duration,
}

impl Segment {
    /// Its throughput, kbit/s; the highest there is if it took no time.
    pub fn measured_kbps(&self) -> u64 {
        let bits = u128::from(self.octets) * 8;
        // Bits per microsecond times 1000 are kbit/s.
        let kbps = (bits * 1000).checked_div(self.elapsed.as_micros()).unwrap_or(u128::MAX);
        u64::try_from(kbps).unwrap_or(u64::MAX)
    }
}

/// The whole stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// How many media segments came.
    pub segments: u64,
    /// How often the Representation changed between two of them.
    pub switches: u32,
    /// How long playback stood still after it had begun.
    pub stalled: Duration,
    /// The size of all of them, initialization segments included.
    pub octets: u64,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream { bandwidths } => {
                f.write_str("stream: representations")?;
                bandwidths.iter().try_for_each(|bandwidth| write!(f, " {bandwidth}"))
            }
            Self::Segment(segment) => write!(
                f,
                "segment: number {} representation {} bandwidth {} octets {} elapsed_ms {} measured_kbps {} \
                 buffered_ms {} stalled_ms {}",
                segment.number,
                segment.representation,
                segment.bandwidth,
                segment.octets,
                segment.elapsed.as_millis(),
                segment.measured_kbps(),
                segment.buffered.as_millis(),
                segment.stalled.as_millis()
            ),
            Self::Done(summary) => write!(
                f,
                "stream: done segments {} switches {} stalled_ms {} octets {}",
                summary.segments,
                summary.switches,
                summary.stalled.as_millis(),
                summary.octets
            ),
        }
    }
}

impl Report<'_> {
    /// The same as one JSON object.
    pub fn json(&self) -> String {
        match self {
            Self::Stream { bandwidths } => {
                let list: Vec<String> = bandwidths.iter().map(u32::to_string).collect();
                Object::new()
                    .text("kind", "stream")
                    .plain("bandwidths", format_args!("[{}]", list.join(",")))
                    .finish()
            }
            Self::Segment(segment) => Object::new()
                .text("kind", "segment")
                .plain("number", segment.number)
                .plain("representation", segment.representation)
                .plain("bandwidth", segment.bandwidth)
                .plain("octets", segment.octets)
                .plain("elapsed_ms", segment.elapsed.as_millis())
                .plain("measured_kbps", segment.measured_kbps())
                .plain("buffered_ms", segment.buffered.as_millis())
                .plain("stalled_ms", segment.stalled.as_millis())
                .finish(),
            Self::Done(summary) => Object::new()
                .text("kind", "done")
                .plain("segments", summary.segments)
                .plain("switches", summary.switches)
                .plain("stalled_ms", summary.stalled.as_millis())
                .plain("octets", summary.octets)
                .finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn throughput_of_any_segment() {
        let kbps = |octets, micros| {
            Segment {
                number: 1,
                representation: 0,
                bandwidth: 1,
                octets,
                elapsed: Duration::from_micros(micros),
                buffered: Duration::ZERO,
                stalled: Duration::ZERO,
            }
            .measured_kbps()
        };
        assert_eq!(kbps(62_500, 500_000), 1000);
        assert_eq!(kbps(1, 1_000_000), 0);
        assert_eq!(kbps(1, 0), u64::MAX);
        assert_eq!(kbps(u64::MAX, 1), u64::MAX);
    }
}
