//! The token bucket filter: `struct tc_tbf_qopt` and TCA_TBF attributes (linux/pkt_sched.h).
//!
//! The kernel counts time in ticks of 64 ns and wants, beside the rates, a table of how long packets of each size take;
//! it does not look into that table any more, but refuses a request of an old kind without it.

use super::attribute::{Attributes, Encoder, u32_of, u64_of};

mod tca_tbf {
    pub(super) const PARMS: u16 = 1;
    pub(super) const RTAB: u16 = 2;
    pub(super) const PTAB: u16 = 3;
    pub(super) const RATE64: u16 = 4;
    pub(super) const PRATE64: u16 = 5;
    pub(super) const BURST: u16 = 6;
    pub(super) const PBURST: u16 = 7;
}

/// Ticks in a microsecond (PSCHED_SHIFT is 6 since Linux 2.6.31).
const TICKS_PER_MICROSECOND: f64 = 1000.0 / 64.0;
const MICROSECONDS_PER_SECOND: f64 = 1_000_000.0;
/// The size of `struct tc_ratespec`: cell_log, linklayer, overhead, cell_align, mpu, rate.
const RATESPEC: usize = 12;

/// Link layers whose packets take more room than their length.
pub mod linklayer {
    #![allow(missing_docs)]
    pub const UNAWARE: u8 = 0;
    pub const ETHERNET: u8 = 1;
    pub const ATM: u8 = 2;
    /// The lower four bits say which.
    pub const MASK: u8 = 0x0f;
}

/// A rate and how packets count against it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate {
    /// Octets per second.
    pub rate: u64,
    /// Sizes in one cell of the table share a time; a cell is 1 << cell_log octets.
    pub cell_log: u8,
    /// A [`linklayer`].
    pub linklayer: u8,
    /// Octets added to every packet.
    pub overhead: u16,
    /// No packet counts less, octets.
    pub mpu: u16,
}

impl Rate {
    /// The cell size that lets 256 cells hold packets of `mtu` octets (2047 if 0).
    pub fn cell_log_for(mtu: u32) -> u8 {
        let mtu = if mtu == 0 { 2047 } else { mtu };
        (0..32u8).find(|log| mtu >> log <= 255).unwrap_or(24)
    }

    fn decode(octets: &[u8]) -> Option<Rate> {
        let spec: &[u8; RATESPEC] = octets.first_chunk()?;
        Some(Rate {
            rate: u64::from(u32_of(&spec[8..])?),
            cell_log: spec[0],
            linklayer: spec[1],
            overhead: u16::from_ne_bytes([spec[2], spec[3]]),
            mpu: u16::from_ne_bytes([spec[6], spec[7]]),
        })
    }

    fn encode(&self, encoder: &mut Encoder) {
        let unused = *self == Rate::default();
        let cell_align: i16 = if unused { 0 } else { -1 };
        encoder.raw(&[self.cell_log, self.linklayer]);
        encoder.raw(&self.overhead.to_ne_bytes());
        encoder.raw(&cell_align.to_ne_bytes());
        encoder.raw(&self.mpu.to_ne_bytes());
        encoder.raw(&self.saturated().to_ne_bytes());
    }

    /// The rate as far as 32 bits hold it; RATE64 says the rest.
    fn saturated(&self) -> u32 {
        u32::try_from(self.rate).unwrap_or(u32::MAX)
    }

    /// What a packet of `size` octets counts as.
    fn size_on_link(&self, size: u32) -> u32 {
        let size = size.max(u32::from(self.mpu));
        if self.linklayer & linklayer::MASK == linklayer::ATM {
            // 48 octets of payload travel in a cell of 53.
            return size.div_ceil(48).saturating_mul(53);
        }
        size
    }

    /// How long packets of each cell take, ticks.
    fn encode_table(&self, encoder: &mut Encoder) {
        for cell in 0..256u32 {
            let size = (cell + 1).checked_shl(u32::from(self.cell_log)).unwrap_or(u32::MAX);
            let ticks = ticks_for(u64::from(self.saturated()), self.size_on_link(size));
            encoder.raw(&ticks.to_ne_bytes());
        }
    }
}

/// A token bucket filter's options.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tbf {
    /// The long-term rate.
    pub rate: Rate,
    /// The rate within a burst; 0 where bursts go at the link's.
    pub peak: Rate,
    /// Octets that may wait.
    pub limit: u32,
    /// The bucket's size at `rate`, ticks.
    pub buffer: u32,
    /// The second bucket's size at `peak`, ticks.
    pub mtu: u32,
    /// The bucket's size, octets: exact where ticks are not. Asked for, never told.
    pub burst: Option<u32>,
    /// The second bucket's size, octets. Asked for, never told.
    pub peak_burst: Option<u32>,
}

impl Tbf {
    /// Reads the value of TCA_OPTIONS; `None` without whole parameters.
    pub fn decode(octets: &[u8]) -> Option<Tbf> {
        let attributes = Attributes::new(octets);
        let parameters = attributes.get(tca_tbf::PARMS)?;
        let word = |position: usize| parameters.get(position..).and_then(u32_of);
        let mut tbf = Tbf {
            rate: Rate::decode(parameters)?,
            peak: Rate::decode(parameters.get(RATESPEC..)?)?,
            limit: word(2 * RATESPEC)?,
            buffer: word(2 * RATESPEC + 4)?,
            mtu: word(2 * RATESPEC + 8)?,
            burst: None,
            peak_burst: None,
        };
        if let Some(rate) = attributes.get(tca_tbf::RATE64).and_then(u64_of) {
            tbf.rate.rate = rate;
        }
        if let Some(rate) = attributes.get(tca_tbf::PRATE64).and_then(u64_of) {
            tbf.peak.rate = rate;
        }
        Some(tbf)
    }

    /// Writes the value of TCA_OPTIONS.
    pub fn encode(&self, encoder: &mut Encoder) {
        encoder.nested(tca_tbf::PARMS, |parameters| {
            self.rate.encode(parameters);
            self.peak.encode(parameters);
            for word in [self.limit, self.buffer, self.mtu] {
                parameters.raw(&word.to_ne_bytes());
            }
        });
        if let Some(burst) = self.burst {
            encoder.u32(tca_tbf::BURST, burst);
        }
        if u32::try_from(self.rate.rate).is_err() {
            encoder.u64(tca_tbf::RATE64, self.rate.rate);
        }
        encoder.nested(tca_tbf::RTAB, |table| self.rate.encode_table(table));
        if self.peak.rate == 0 {
            return;
        }
        if u32::try_from(self.peak.rate).is_err() {
            encoder.u64(tca_tbf::PRATE64, self.peak.rate);
        }
        if let Some(burst) = self.peak_burst {
            encoder.u32(tca_tbf::PBURST, burst);
        }
        encoder.nested(tca_tbf::PTAB, |table| self.peak.encode_table(table));
    }
}

/// How many ticks `size` octets take at `rate` octets per second. A rate of 0 takes for ever.
pub fn ticks_for(rate: u64, size: u32) -> u32 {
    // First whole microseconds, then ticks, each rounded down: so the kernel's administrators have always reckoned.
    let microseconds = whole(MICROSECONDS_PER_SECOND * (f64::from(size) / rate as f64));
    whole(f64::from(microseconds) * TICKS_PER_MICROSECOND)
}

/// How many octets go in `ticks` at `rate` octets per second.
pub fn size_for(rate: u64, ticks: u32) -> u32 {
    whole(rate as f64 * f64::from(microseconds_in(ticks)) / MICROSECONDS_PER_SECOND)
}

/// The whole part of a number, of which 32 bits are kept: so `tc` has it where a number is beyond them.
pub fn whole(number: f64) -> u32 {
    number as u64 as u32
}

/// Whole microseconds in `ticks`.
pub fn microseconds_in(ticks: u32) -> u32 {
    (f64::from(ticks) / TICKS_PER_MICROSECOND) as u32
}
