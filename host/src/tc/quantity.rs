//! Rates, sizes and times as `tc` reads and writes them.

use crate::ip::{c_double, general};

/// Bits per second in units of bits; octets per second in units of octets.
const RATES: &[(&str, f64)] = &[
    ("bit", 1.0),
    ("kibit", 1024.0),
    ("kbit", 1e3),
    ("mibit", 1024.0 * 1024.0),
    ("mbit", 1e6),
    ("gibit", 1024.0 * 1024.0 * 1024.0),
    ("gbit", 1e9),
    ("tibit", 1024.0 * 1024.0 * 1024.0 * 1024.0),
    ("tbit", 1e12),
    ("bps", 8.0),
    ("kibps", 8.0 * 1024.0),
    ("kbps", 8e3),
    ("mibps", 8.0 * 1024.0 * 1024.0),
    ("mbps", 8e6),
    ("gibps", 8.0 * 1024.0 * 1024.0 * 1024.0),
    ("gbps", 8e9),
    ("tibps", 8.0 * 1024.0 * 1024.0 * 1024.0 * 1024.0),
    ("tbps", 8e12),
];

/// Octets.
const SIZES: &[(&str, f64)] = &[
    ("", 1.0),
    ("b", 1.0),
    ("k", 1024.0),
    ("kb", 1024.0),
    ("m", 1024.0 * 1024.0),
    ("mb", 1024.0 * 1024.0),
    ("g", 1024.0 * 1024.0 * 1024.0),
    ("gb", 1024.0 * 1024.0 * 1024.0),
    ("kbit", 1024.0 / 8.0),
    ("mbit", 1024.0 * 1024.0 / 8.0),
    ("gbit", 1024.0 * 1024.0 * 1024.0 / 8.0),
];

/// Microseconds.
const TIMES: &[(&str, f64)] = &[
    ("", 1.0),
    ("s", 1e6),
    ("sec", 1e6),
    ("secs", 1e6),
    ("ms", 1e3),
    ("msec", 1e3),
    ("msecs", 1e3),
    ("us", 1.0),
    ("usec", 1.0),
    ("usecs", 1.0),
];

fn scaled(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let (value, unit) = c_double(text)?;
    let (_, scale) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    Some(value * scale)
}

/// A rate in octets per second; a number without a unit is bits per second.
pub(super) fn rate(text: &str) -> Option<u64> {
    let bits = match c_double(text)? {
        (value, "") => value,
        _ => scaled(text, RATES)?,
    };
    Some((bits / 8.0) as u64)
}

/// A size in octets.
pub(super) fn size(text: &str) -> Option<u32> {
    let octets = scaled(text, SIZES)?;
    let whole = octets as u32;
    (f64::from(whole) == octets.floor()).then_some(whole)
}

/// A size, and after a slash the size of a cell, a power of two.
pub(super) fn size_and_cell(text: &str) -> Option<(u32, Option<u8>)> {
    let Some((octets, cell)) = text.split_once('/') else {
        return size(text).map(|size| (size, None));
    };
    let cell = crate::ip::u32_from(cell).filter(|cell| cell.is_power_of_two())?;
    let log = u8::try_from(cell.trailing_zeros()).ok();
    size(octets).map(|size| (size, log))
}

/// A time in microseconds.
pub(super) fn time(text: &str) -> Option<u32> {
    scaled(text, TIMES).map(|microseconds| microseconds as u32)
}

/// A rate in bits per second, with the largest unit that keeps it whole, or makes it at most four digits.
pub(super) fn rate_text(octets_per_second: u64, iec: bool) -> String {
    const UNITS: [&str; 5] = ["", "K", "M", "G", "T"];
    let kilo: u64 = if iec { 1024 } else { 1000 };
    let mut rate = octets_per_second.wrapping_mul(8);
    let mut unit = 0;
    while unit + 1 < UNITS.len() && rate >= kilo && (rate.is_multiple_of(kilo) || rate >= 1000 * kilo) {
        rate /= kilo;
        unit += 1;
    }
    let binary = if iec && unit > 0 { "i" } else { "" };
    format!("{rate}{}{binary}bit", UNITS[unit])
}

/// A size with the largest unit that it is nearly a whole number of.
pub(super) fn size_text(octets: u32) -> String {
    let size = f64::from(octets);
    let near = |unit: f64| size >= unit && (size - (size / unit).round_ties_even() * unit).abs() < 1024.0;
    if near(1024.0 * 1024.0) {
        let mega = (size / (1024.0 * 1024.0)).round_ties_even();
        format!("{}Mb", general(mega, 6))
    } else if size >= 1024.0 && (size - (size / 1024.0).round_ties_even() * 1024.0).abs() < 16.0 {
        let kilo = (size / 1024.0).round_ties_even();
        format!("{}Kb", general(kilo, 6))
    } else {
        format!("{octets}b")
    }
}

/// A time in the unit that makes it less than a thousand, three digits of it.
pub(super) fn time_text(microseconds: u32) -> String {
    let time = f64::from(microseconds);
    if time >= 1e6 {
        format!("{}s", general(time / 1e6, 3))
    } else if time >= 1e3 {
        format!("{}ms", general(time / 1e3, 3))
    } else {
        format!("{microseconds}us")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_as_tc_reads_them() {
        assert_eq!(rate("1mbit"), Some(125_000));
        assert_eq!(rate("1Mibit"), Some(131_072));
        assert_eq!(rate("100KBps"), Some(100_000));
        assert_eq!(rate("8000"), Some(1000));
        assert_eq!(rate("1mbyte"), None);
        assert_eq!(size("16kb"), Some(16_384));
        assert_eq!(size("1.5k"), Some(1536));
        assert_eq!(size("5g"), None);
        assert_eq!(size_and_cell("16kb/8"), Some((16_384, Some(3))));
        assert_eq!(size_and_cell("16kb/7"), None);
        assert_eq!(time("50ms"), Some(50_000));
        assert_eq!(time("1.5s"), Some(1_500_000));
        assert_eq!(time("1h"), None);
    }

    #[test]
    fn quantities_as_tc_writes_them() {
        assert_eq!(rate_text(125_000, false), "1Mbit");
        assert_eq!(rate_text(187_500, false), "1500Kbit");
        assert_eq!(rate_text(131_072, true), "1Mibit");
        assert_eq!(rate_text(12, false), "96bit");
        assert_eq!(size_text(16_384), "16Kb");
        assert_eq!(size_text(1600), "1600b");
        assert_eq!(size_text(1 << 20), "1Mb");
        assert_eq!(time_text(50_000), "50ms");
        assert_eq!(time_text(1_234_567), "1.23s");
        assert_eq!(time_text(999), "999us");
    }
}
