//! The metrics of a route: RTAX attributes, most of them numbers that a `lock` keeps TCP from changing.

use super::failure::Failure;
use super::number::{c_double, leading_unsigned, u32_from};
use super::print::Printer;
use super::words::Words;
use crate::object::attribute::AttributeSet;

pub(super) const LOCK: u16 = 1;
pub(super) const MTU: u16 = 2;
pub(super) const WINDOW: u16 = 3;
pub(super) const RTT: u16 = 4;
pub(super) const RTTVAR: u16 = 5;
pub(super) const SSTHRESH: u16 = 6;
pub(super) const CWND: u16 = 7;
pub(super) const ADVMSS: u16 = 8;
pub(super) const REORDERING: u16 = 9;
pub(super) const HOPLIMIT: u16 = 10;
pub(super) const INITCWND: u16 = 11;
pub(super) const FEATURES: u16 = 12;
pub(super) const RTO_MIN: u16 = 13;
pub(super) const INITRWND: u16 = 14;
pub(super) const QUICKACK: u16 = 15;
pub(super) const CC_ALGO: u16 = 16;
pub(super) const FASTOPEN_NO_COOKIE: u16 = 17;

const NAMES: [&str; 18] = [
    "",
    "",
    "mtu",
    "window",
    "rtt",
    "rttvar",
    "ssthresh",
    "cwnd",
    "advmss",
    "reordering",
    "hoplimit",
    "initcwnd",
    "features",
    "rto_min",
    "initrwnd",
    "quickack",
    "congctl",
    "fastopen_no_cookie",
];
const ECN: u32 = 1;

/// Metrics as far as they are said.
#[derive(Default)]
pub(super) struct Metrics {
    said: AttributeSet,
    locked: u32,
}

impl Metrics {
    pub(super) fn finish(mut self) -> AttributeSet {
        if !self.said.is_empty() && self.locked != 0 {
            self.said.push(LOCK, &self.locked.to_ne_bytes());
        }
        self.said
    }

    fn push(&mut self, metric: u16, value: u32) {
        self.said.push(metric, &value.to_ne_bytes());
    }

    /// The value, after a `lock` if there is one.
    fn lockable(&mut self, words: &mut Words<'_>, metric: u16) -> Result<String, Failure> {
        let value = words.value()?;
        if value == "lock" {
            self.locked |= 1 << metric;
            return words.value();
        }
        Ok(value)
    }

    pub(super) fn number(&mut self, words: &mut Words<'_>, metric: u16, name: &str) -> Result<(), Failure> {
        let value = self.lockable(words, metric)?;
        let number = u32_from(&value).ok_or_else(|| invalid(name, &value))?;
        self.push(metric, number);
        Ok(())
    }

    pub(super) fn hoplimit(&mut self, words: &mut Words<'_>) -> Result<(), Failure> {
        let value = self.lockable(words, HOPLIMIT)?;
        let number = u32_from(&value)
            .filter(|hops| *hops <= 255)
            .ok_or_else(|| invalid("hoplimit", &value))?;
        self.push(HOPLIMIT, number);
        Ok(())
    }

    /// Milliseconds; a number without a unit is as the kernel keeps it, in parts of a millisecond.
    pub(super) fn time(&mut self, words: &mut Words<'_>, metric: u16, name: &str, parts: u32) -> Result<(), Failure> {
        let value = self.lockable(words, metric)?;
        let (time, raw) = milliseconds(&value).ok_or_else(|| invalid(name, &value))?;
        self.push(metric, if raw { time } else { time.wrapping_mul(parts) });
        Ok(())
    }

    pub(super) fn rto_min(&mut self, words: &mut Words<'_>) -> Result<(), Failure> {
        let value = words.value()?;
        self.locked |= 1 << RTO_MIN;
        let (time, _) = milliseconds(&value).ok_or_else(|| invalid("rto_min", &value))?;
        self.push(RTO_MIN, time);
        Ok(())
    }

    pub(super) fn truth(&mut self, words: &mut Words<'_>, metric: u16, name: &str) -> Result<(), Failure> {
        let value = words.value()?;
        let number = u32_from(&value).ok_or_else(|| invalid(name, &value))?;
        if number > 1 {
            return Err(Failure::invalid(
                &format!("\"{name}\" value should be 0 or 1\n"),
                &value,
            ));
        }
        self.push(metric, number);
        Ok(())
    }

    pub(super) fn features(&mut self, words: &mut Words<'_>) -> Result<(), Failure> {
        let value = words.value()?;
        if value != "ecn" {
            return Err(Failure::invalid("\"features\" value not valid\n", &value));
        }
        self.push(FEATURES, ECN);
        Ok(())
    }

    pub(super) fn congestion_control(&mut self, words: &mut Words<'_>) -> Result<(), Failure> {
        let value = self.lockable(words, CC_ALGO)?;
        self.said.push(CC_ALGO, value.as_bytes());
        Ok(())
    }
}

fn invalid(name: &str, value: &str) -> Failure {
    Failure::invalid(&format!("\"{name}\" value is invalid\n"), value)
}

/// A time in milliseconds, rounded up, and whether it had no unit.
fn milliseconds(text: &str) -> Option<(u32, bool)> {
    let (time, unit) = if text.contains('.') {
        c_double(text).filter(|(time, _)| *time >= 0.0)?
    } else {
        leading_unsigned(text, 0).map(|(time, unit)| (time as f64, unit))?
    };
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "ms" | "msec" | "msecs" => 1.0,
        "s" | "sec" | "secs" => 1000.0,
        _ => return None,
    };
    Some(((time * factor).ceil() as u32, unit.is_empty()))
}

/// Shows the metrics of a route.
pub(super) fn show(metrics: &AttributeSet, out: &mut Printer) {
    out.open_array("metrics");
    out.open_object();
    let locked = metrics.u32(LOCK).unwrap_or(0);
    for metric in 2..=FASTOPEN_NO_COOKIE {
        let lock = locked & 1 << metric != 0;
        let value = metrics.u32(metric).unwrap_or(0);
        if metrics.get(metric).is_none() && !lock || metric == HOPLIMIT && value == u32::MAX {
            continue;
        }
        let name = NAMES[usize::from(metric)];
        out.text(format_args!("{name} "));
        if lock {
            out.text(format_args!("lock "));
        }
        match metric {
            FEATURES => show_features(value, out),
            RTT | RTTVAR | RTO_MIN => {
                let parts = match metric {
                    RTT => 8,
                    RTTVAR => 4,
                    _ => 1,
                };
                let time = value / parts;
                if time >= 1000 {
                    out.number(
                        name,
                        time,
                        format_args!("{}s ", super::statistics::general(f64::from(time) / 1e3, 6)),
                    );
                } else {
                    out.number(name, time, format_args!("{time}ms "));
                }
            }
            CC_ALGO => {
                let algorithm = metrics.text(CC_ALGO).unwrap_or_default();
                out.string("congestion", &algorithm, format_args!("{algorithm} "));
            }
            _ => out.number(name, value, format_args!("{value} ")),
        }
    }
    out.close_object();
    out.close_array();
}

fn show_features(features: u32, out: &mut Printer) {
    if features & ECN != 0 {
        out.null("ecn", format_args!("ecn "));
    }
    if features & !ECN != 0 {
        out.string("features", &format!("{features:#x}"), format_args!("{features:#x} "));
    }
}
