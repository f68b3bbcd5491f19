//! `tbf`: what is said of a token bucket filter, and how it is shown.

use super::quantity::{rate, rate_text, size, size_and_cell, size_text, time, time_text};
use crate::ip::{Failure, Keyword, Options, Printer, Words, exact, find, matches, short};
use crate::object::tbf::{Rate, Tbf, linklayer, microseconds_in, size_for, ticks_for, whole};

const MICROSECONDS_PER_SECOND: f64 = 1_000_000.0;

/// A filter as far as it is said; 0 is what was not said, and what counts as not said.
#[derive(Default)]
struct Draft {
    rate: u64,
    peak: u64,
    limit: u32,
    latency: u32,
    burst: u32,
    burst_cell: Option<u8>,
    mtu: u32,
    mtu_cell: Option<u8>,
    mpu: u32,
    overhead: u16,
    linklayer: Option<u8>,
}

/// What follows `tbf`.
pub(super) fn parse(words: &mut Words<'_>) -> Result<Tbf, Failure> {
    let mut draft = Draft::default();
    while let Some(word) = words.next() {
        match find(KEYWORDS, &word) {
            Some(row) => (row.parse)(words, &mut draft, &word)?,
            None if word == "help" => return Err(said(USAGE.to_owned())),
            None => return Err(said(format!("tbf: unknown parameter \"{word}\"\n{USAGE}"))),
        }
    }
    let missing = [
        (draft.rate == 0, "tbf: the \"rate\" parameter is mandatory.\n"),
        (draft.burst == 0, "tbf: the \"burst\" parameter is mandatory.\n"),
        (
            draft.peak != 0 && draft.mtu == 0,
            "tbf: when \"peakrate\" is specified, \"mtu\" must also be specified.\n",
        ),
        (
            draft.limit == 0 && draft.latency == 0,
            "tbf: either \"limit\" or \"latency\" is required.\n",
        ),
    ];
    // All that is missing at once.
    let text: String = missing
        .into_iter()
        .filter(|(missing, _)| *missing)
        .map(|(_, text)| text)
        .collect();
    if !text.is_empty() {
        return Err(said(text + USAGE));
    }
    Ok(finish(&draft))
}

fn finish(draft: &Draft) -> Tbf {
    let layer = draft.linklayer.unwrap_or(linklayer::ETHERNET);
    // The kernel's field has 16 bits.
    let mpu = draft.mpu as u16;
    let of = |rate: u64, cell: Option<u8>| Rate {
        rate,
        cell_log: cell.unwrap_or_else(|| Rate::cell_log_for(draft.mtu)),
        linklayer: layer,
        overhead: draft.overhead,
        mpu,
    };
    let peak = if draft.peak == 0 {
        Rate::default()
    } else {
        of(draft.peak, draft.mtu_cell)
    };
    Tbf {
        rate: of(draft.rate, draft.burst_cell),
        peak,
        limit: if draft.limit == 0 {
            limit_for(draft)
        } else {
            draft.limit
        },
        buffer: ticks_for(saturated(draft.rate), draft.burst),
        mtu: if draft.peak == 0 {
            0
        } else {
            ticks_for(saturated(draft.peak), draft.mtu)
        },
        burst: Some(draft.burst),
        peak_burst: (draft.peak != 0).then_some(draft.mtu),
    }
}

/// Rates beyond 32 bits count as all ones where time is reckoned, as the kernel's old field has them.
fn saturated(rate: u64) -> u64 {
    rate.min(u64::from(u32::MAX))
}

/// How much may wait so that nothing waits longer than the latency.
fn limit_for(draft: &Draft) -> u32 {
    let waiting =
        |rate: u64, bucket: u32| rate as f64 * f64::from(draft.latency) / MICROSECONDS_PER_SECOND + f64::from(bucket);
    let mut limit = waiting(draft.rate, draft.burst);
    if draft.peak != 0 {
        limit = limit.min(waiting(draft.peak, draft.mtu));
    }
    whole(limit)
}

const KEYWORDS: &[Keyword<Draft>] = &[
    short("limit", |words, draft, _| {
        let value = words.value()?;
        once(draft.limit == 0, "limit")?;
        if draft.latency != 0 {
            return Err(said(
                "tbf: specifying both \"latency\" and \"limit\" is not allowed\n".to_owned(),
            ));
        }
        draft.limit = size(&value).ok_or_else(|| illegal("limit", &value))?;
        Ok(())
    }),
    short("latency", |words, draft, _| {
        let value = words.value()?;
        once(draft.latency == 0, "latency")?;
        if draft.limit != 0 {
            return Err(said(
                "tbf: specifying both \"limit\" and \"/latency\" is not allowed\n".to_owned(),
            ));
        }
        draft.latency = time(&value).ok_or_else(|| illegal("latency", &value))?;
        Ok(())
    }),
    short("burst", burst),
    exact("buffer", burst),
    exact("maxburst", burst),
    exact("mtu", mtu),
    exact("minburst", mtu),
    exact("mpu", |words, draft, _| {
        let value = words.value()?;
        once(draft.mpu == 0, "mpu")?;
        draft.mpu = size(&value).ok_or_else(|| illegal("mpu", &value))?;
        Ok(())
    }),
    exact("rate", |words, draft, _| {
        let value = words.value()?;
        once(draft.rate == 0, "rate")?;
        draft.rate = rate(&value).ok_or_else(|| illegal("rate", &value))?;
        Ok(())
    }),
    short("peakrate", |words, draft, _| {
        let value = words.value()?;
        once(draft.peak == 0, "peakrate")?;
        draft.peak = rate(&value).ok_or_else(|| illegal("peakrate", &value))?;
        Ok(())
    }),
    short("overhead", |words, draft, _| {
        let value = words.value()?;
        once(draft.overhead == 0, "overhead")?;
        draft.overhead = value.parse().map_err(|_| illegal("overhead", &value))?;
        Ok(())
    }),
    short("linklayer", |words, draft, _| {
        let value = words.value()?;
        draft.linklayer = Some(match value.as_str() {
            value if matches(value, "ethernet") => linklayer::ETHERNET,
            value if matches(value, "atm") || matches(value, "adsl") => linklayer::ATM,
            value => return Err(illegal("linklayer", value)),
        });
        Ok(())
    }),
];

fn burst(words: &mut Words<'_>, draft: &mut Draft, word: &str) -> Result<(), Failure> {
    let value = words.value()?;
    once(draft.burst == 0, "buffer/burst/maxburst")?;
    (draft.burst, draft.burst_cell) = size_and_cell(&value).ok_or_else(|| illegal(word, &value))?;
    Ok(())
}

fn mtu(words: &mut Words<'_>, draft: &mut Draft, word: &str) -> Result<(), Failure> {
    let value = words.value()?;
    once(draft.mtu == 0, "mtu/minburst")?;
    (draft.mtu, draft.mtu_cell) = size_and_cell(&value).ok_or_else(|| illegal(word, &value))?;
    Ok(())
}

fn once(first: bool, keyword: &str) -> Result<(), Failure> {
    if first {
        Ok(())
    } else {
        Err(said(format!("tbf: duplicate \"{keyword}\" specification\n")))
    }
}

fn illegal(keyword: &str, value: &str) -> Failure {
    said(format!("tbf: illegal value for \"{keyword}\": \"{value}\"\n"))
}

fn said(text: String) -> Failure {
    Failure { text, code: 1 }
}

/// Shows a token bucket filter's options.
pub(super) fn show(tbf: &Tbf, options: &Options, out: &mut Printer) {
    let rate = tbf.rate.rate;
    out.number("rate", rate, format_args!("rate {} ", rate_text(rate, options.iec)));
    let burst = size_for(rate, tbf.buffer);
    if options.details {
        let cell = 1u32.checked_shl(u32::from(tbf.rate.cell_log)).unwrap_or(0);
        let text = format!("{}/{cell}", size_text(burst));
        out.string("burst", &text, format_args!("burst {text} "));
        out.number(
            "mpu",
            tbf.rate.mpu,
            format_args!("mpu {} ", size_text(u32::from(tbf.rate.mpu))),
        );
    } else {
        out.number("burst", burst, format_args!("burst {} ", size_text(burst)));
    }
    if options.raw {
        out.string(
            "burst_raw",
            &format!("{:x}", tbf.buffer),
            format_args!("[{:08x}] ", tbf.buffer),
        );
    }
    if tbf.peak.rate != 0 {
        show_peak(tbf, options, out);
    }
    let waiting = |rate: u64, bucket: u32| {
        MICROSECONDS_PER_SECOND * (f64::from(tbf.limit) / rate as f64) - f64::from(microseconds_in(bucket))
    };
    let mut latency = waiting(rate, tbf.buffer);
    if tbf.peak.rate != 0 {
        latency = latency.max(waiting(tbf.peak.rate, tbf.mtu));
    }
    if latency >= 0.0 {
        let text = time_text(whole(latency));
        out.number("lat", latency as u64, format_args!("lat {text} "));
    }
    if options.raw || latency < 0.0 {
        out.number("limit", tbf.limit, format_args!("limit {} ", size_text(tbf.limit)));
    }
    if tbf.rate.overhead != 0 {
        out.number(
            "overhead",
            tbf.rate.overhead,
            format_args!("overhead {} ", tbf.rate.overhead),
        );
    }
    let layer = tbf.rate.linklayer & linklayer::MASK;
    if layer > linklayer::ETHERNET || options.details {
        let name = match layer {
            linklayer::UNAWARE => "unspec",
            linklayer::ETHERNET => "ethernet",
            linklayer::ATM => "atm",
            _ => "unknown",
        };
        out.string("linklayer", name, format_args!("linklayer {name} "));
    }
}

fn show_peak(tbf: &Tbf, options: &Options, out: &mut Printer) {
    // iproute2 leaves it out of its JSON.
    out.text(format_args!("peakrate {} ", rate_text(tbf.peak.rate, options.iec)));
    if tbf.mtu == 0 && tbf.peak.mpu == 0 {
        return;
    }
    let mtu = size_for(tbf.peak.rate, tbf.mtu);
    if options.details {
        let cell = 1u32.checked_shl(u32::from(tbf.peak.cell_log)).unwrap_or(0);
        let text = format!("{}/{cell}", size_text(mtu));
        out.string("mtu", &text, format_args!("mtu {text} "));
        out.number(
            "mpu",
            tbf.peak.mpu,
            format_args!("mpu {} ", size_text(u32::from(tbf.peak.mpu))),
        );
    } else {
        out.number("minburst", mtu, format_args!("minburst {} ", size_text(mtu)));
    }
    if options.raw {
        out.string("mtu_raw", &format!("{:x}", tbf.mtu), format_args!("[{:08x}] ", tbf.mtu));
    }
}

const USAGE: &str = "\
Usage: ... tbf limit BYTES burst BYTES[/BYTES] rate KBPS [ mtu BYTES[/BYTES] ]
	[ peakrate KBPS ] [ latency TIME ] [ overhead BYTES ] [ linklayer TYPE ]
";
