//! The counters of a link, and numbers as C prints them.

use super::options::Options;
use super::print::Printer;
use crate::object::Link;
use crate::object::attribute::{u32_of, u64_of};
use crate::object::link::ifla;

/// `struct rtnl_link_stats64` in its order.
#[derive(Default)]
struct Counters {
    values: [u64; 25],
}

mod counter {
    pub(super) const RX_PACKETS: usize = 0;
    pub(super) const TX_PACKETS: usize = 1;
    pub(super) const RX_BYTES: usize = 2;
    pub(super) const TX_BYTES: usize = 3;
    pub(super) const RX_ERRORS: usize = 4;
    pub(super) const TX_ERRORS: usize = 5;
    pub(super) const RX_DROPPED: usize = 6;
    pub(super) const TX_DROPPED: usize = 7;
    pub(super) const MULTICAST: usize = 8;
    pub(super) const COLLISIONS: usize = 9;
    pub(super) const RX_LENGTH: usize = 10;
    pub(super) const RX_OVER: usize = 11;
    pub(super) const RX_CRC: usize = 12;
    pub(super) const RX_FRAME: usize = 13;
    pub(super) const RX_FIFO: usize = 14;
    pub(super) const RX_MISSED: usize = 15;
    pub(super) const TX_ABORTED: usize = 16;
    pub(super) const TX_CARRIER: usize = 17;
    pub(super) const TX_FIFO: usize = 18;
    pub(super) const TX_HEARTBEAT: usize = 19;
    pub(super) const TX_WINDOW: usize = 20;
    pub(super) const RX_COMPRESSED: usize = 21;
    pub(super) const TX_COMPRESSED: usize = 22;
    pub(super) const RX_NOHANDLER: usize = 23;
    pub(super) const RX_OTHERHOST: usize = 24;
}
use counter as at;

impl std::ops::Index<usize> for Counters {
    type Output = u64;

    fn index(&self, counter: usize) -> &u64 {
        &self.values[counter]
    }
}

impl Counters {
    /// The link's counters and the name of the structure they came in.
    fn of(link: &Link) -> Option<(Counters, &'static str)> {
        let mut counters = Counters::default();
        if let Some(octets) = link.others.get(ifla::STATS64) {
            let read = octets.chunks_exact(8).filter_map(u64_of);
            counters
                .values
                .iter_mut()
                .zip(read)
                .for_each(|(place, value)| *place = value);
            return Some((counters, "stats64"));
        }
        let octets = link.others.get(ifla::STATS)?;
        let read = octets.chunks_exact(4).filter_map(u32_of);
        counters
            .values
            .iter_mut()
            .zip(read)
            .for_each(|(place, value)| *place = u64::from(value));
        Some((counters, "stats"))
    }
}

/// JSON: key and counter; those marked are left out where they are 0.
const RX: &[(&str, usize)] = &[
    ("bytes", at::RX_BYTES),
    ("packets", at::RX_PACKETS),
    ("errors", at::RX_ERRORS),
    ("dropped", at::RX_DROPPED),
    ("over_errors", at::RX_OVER),
    ("multicast", at::MULTICAST),
];
const RX_ERRORS: &[(&str, usize)] = &[
    ("length_errors", at::RX_LENGTH),
    ("crc_errors", at::RX_CRC),
    ("frame_errors", at::RX_FRAME),
    ("fifo_errors", at::RX_FIFO),
    ("missed_errors", at::RX_MISSED),
];
const TX: &[(&str, usize)] = &[
    ("bytes", at::TX_BYTES),
    ("packets", at::TX_PACKETS),
    ("errors", at::TX_ERRORS),
    ("dropped", at::TX_DROPPED),
    ("carrier_errors", at::TX_CARRIER),
    ("collisions", at::COLLISIONS),
];
const TX_ERRORS: &[(&str, usize)] = &[
    ("aborted_errors", at::TX_ABORTED),
    ("fifo_errors", at::TX_FIFO),
    ("window_errors", at::TX_WINDOW),
    ("heartbeat_errors", at::TX_HEARTBEAT),
];

/// Shows the counters of a link.
pub(super) fn show(link: &Link, options: &Options, out: &mut Printer) {
    let Some((counters, key)) = Counters::of(link) else {
        return;
    };
    let carrier_changes = link.others.u32(ifla::CARRIER_CHANGES);
    if out.is_json() {
        show_json(&counters, key, carrier_changes, options, out);
    } else {
        show_text(&counters, carrier_changes, options, out);
    }
}

fn show_json(counters: &Counters, key: &str, carrier_changes: Option<u32>, options: &Options, out: &mut Printer) {
    fn some(rows: &[(&str, usize)], all: bool, counters: &Counters, out: &mut Printer) {
        for (key, counter) in rows.iter().filter(|(_, counter)| all || counters[*counter] != 0) {
            out.number(key, counters[*counter], format_args!(""));
        }
    }
    let errors = options.statistics > 1;
    out.open_object_at(key);
    out.open_object_at("rx");
    some(RX, true, counters, out);
    some(&[("compressed", at::RX_COMPRESSED)], false, counters, out);
    if errors {
        some(RX_ERRORS, true, counters, out);
        some(
            &[("nohandler", at::RX_NOHANDLER), ("otherhost", at::RX_OTHERHOST)],
            false,
            counters,
            out,
        );
    }
    out.close_object();
    out.open_object_at("tx");
    some(TX, true, counters, out);
    some(&[("compressed", at::TX_COMPRESSED)], false, counters, out);
    if errors {
        some(TX_ERRORS, true, counters, out);
        if let Some(changes) = carrier_changes {
            out.number("carrier_changes", changes, format_args!(""));
        }
    }
    out.close_object();
    out.close_object();
}

/// A column: its heading and its counter; some are there only if not 0.
type Column = (&'static str, u64);

fn show_text(counters: &Counters, carrier_changes: Option<u32>, options: &Options, out: &mut Printer) {
    let c = |counter: usize| counters[counter];
    let errors = options.statistics > 1;
    let received: [Column; 7] = [
        ("bytes", c(at::RX_BYTES)),
        ("packets", c(at::RX_PACKETS)),
        ("errors", c(at::RX_ERRORS)),
        ("dropped", c(at::RX_DROPPED)),
        ("missed", c(at::RX_MISSED)),
        ("mcast", c(at::MULTICAST)),
        ("compressed", c(at::RX_COMPRESSED)),
    ];
    let receive_errors: [Column; 7] = [
        ("length", c(at::RX_LENGTH)),
        ("crc", c(at::RX_CRC)),
        ("frame", c(at::RX_FRAME)),
        ("fifo", c(at::RX_FIFO)),
        ("overrun", c(at::RX_OVER)),
        (" nohandler", c(at::RX_NOHANDLER)),
        (" otherhost", c(at::RX_OTHERHOST)),
    ];
    let sent: [Column; 7] = [
        ("bytes", c(at::TX_BYTES)),
        ("packets", c(at::TX_PACKETS)),
        ("errors", c(at::TX_ERRORS)),
        ("dropped", c(at::TX_DROPPED)),
        ("carrier", c(at::TX_CARRIER)),
        ("collsns", c(at::COLLISIONS)),
        ("compressed", c(at::TX_COMPRESSED)),
    ];
    let send_errors: [Column; 5] = [
        ("aborted", c(at::TX_ABORTED)),
        ("fifo", c(at::TX_FIFO)),
        ("window", c(at::TX_WINDOW)),
        ("heartbt", c(at::TX_HEARTBEAT)),
        (
            if carrier_changes.is_some() { "transns" } else { "" },
            u64::from(carrier_changes.unwrap_or(0)),
        ),
    ];
    // The widest heading of each column, then the widest number in it.
    let mut widths = [10, 7, 6, 7, 7, 7, 10, 9];
    if !options.human {
        let rows: [(&[Column], usize, bool); 4] = [
            (&received, 0, true),
            (&receive_errors, 1, errors),
            (&sent, 0, true),
            (&send_errors, 1, errors),
        ];
        for (columns, first, _) in rows.into_iter().filter(|(_, _, shown)| *shown) {
            for ((_, value), width) in columns.iter().zip(&mut widths[first..]) {
                *width = (*width).max(value.to_string().len());
            }
        }
    }
    heading("RX", &received, &widths, out);
    values(&received, &widths, options, out);
    if errors {
        out.new_line();
        let shown = |counter: usize, width: usize| if c(counter) == 0 { 0 } else { width + 1 };
        let [w0, w1, w2, w3, w4, w5, w6, w7] = widths;
        let (nohandler, otherhost) = (shown(at::RX_NOHANDLER, w6), shown(at::RX_OTHERHOST, w7));
        out.text(format_args!(
            "    RX errors:{:>w0$} {:>w1$} {:>w2$} {:>w3$} {:>w4$} {:>w5$}{:>nohandler$}{:>otherhost$}",
            "",
            "length",
            "crc",
            "frame",
            "fifo",
            "overrun",
            if nohandler == 0 { "" } else { " nohandler" },
            if otherhost == 0 { "" } else { " otherhost" },
            w0 = w0 - 10,
        ));
        out.new_line();
        out.text(format_args!("{:w$}", "", w = w0 + 5));
        for (index, ((_, value), width)) in receive_errors.iter().zip(&widths[1..]).enumerate() {
            if index < 5 || *value != 0 {
                number(*value, *width, options, out);
            }
        }
    }
    out.new_line();
    heading("TX", &sent, &widths, out);
    values(&sent, &widths, options, out);
    if errors {
        out.new_line();
        let [w0, w1, w2, w3, w4, w5, ..] = widths;
        let transitions = send_errors[4].0;
        out.text(format_args!(
            "    TX errors:{:>w0$} {:>w1$} {:>w2$} {:>w3$} {:>w4$} {transitions:>w5$}",
            "",
            "aborted",
            "fifo",
            "window",
            "heartbt",
            w0 = w0 - 10,
        ));
        out.new_line();
        out.text(format_args!("{:w$}", "", w = w0 + 5));
        for ((_, value), width) in send_errors
            .iter()
            .zip(&widths[1..])
            .filter(|((name, _), _)| !name.is_empty())
        {
            number(*value, *width, options, out);
        }
    }
}

fn heading(direction: &str, columns: &[Column; 7], widths: &[usize; 8], out: &mut Printer) {
    let [w0, w1, w2, w3, w4, w5, w6, _] = *widths;
    let last = if columns[6].1 == 0 { "" } else { columns[6].0 };
    out.text(format_args!(
        "    {direction}: {:>w0$} {:>w1$} {:>w2$} {:>w3$} {:>w4$} {:>w5$} {last:>w6$}",
        columns[0].0,
        columns[1].0,
        columns[2].0,
        columns[3].0,
        columns[4].0,
        columns[5].0,
        w0 = w0 - 4,
    ));
    out.new_line();
    out.text(format_args!("    "));
}

fn values(columns: &[Column; 7], widths: &[usize; 8], options: &Options, out: &mut Printer) {
    for (index, ((_, value), width)) in columns.iter().zip(widths).enumerate() {
        if index < 6 || *value != 0 {
            number(*value, *width, options, out);
        }
    }
}

/// A counter in its column, in units where asked for.
fn number(value: u64, width: usize, options: &Options, out: &mut Printer) {
    let base: u64 = if options.iec { 1024 } else { 1000 };
    if !options.human || value < base {
        out.text(format_args!("{value:width$} "));
        return;
    }
    let mut power = base;
    let mut unit = 0;
    const UNITS: [char; 6] = ['k', 'M', 'G', 'T', 'P', 'E'];
    while value / base >= power && unit + 1 < UNITS.len() {
        power *= base;
        unit += 1;
    }
    // Three digits in all.
    let precision = match value / power {
        0..10 => 2,
        10..100 => 1,
        _ => 0,
    };
    let scaled = value as f64 / power as f64;
    let binary = if options.iec { "i" } else { "" };
    let text = format!("{scaled:.precision$}{}{binary}", UNITS[unit]);
    out.text(format_args!("{text:>width$} "));
}

/// `%#llx`: 0 has no prefix.
pub(super) fn hexadecimal(value: u64) -> String {
    if value == 0 {
        "0".to_owned()
    } else {
        format!("{value:#x}")
    }
}

/// `%.{digits}g`: that many digits, without zeros at the end, with an exponent where the number is far from 1.
pub(crate) fn general(value: f64, digits: usize) -> String {
    if value == 0.0 || !value.is_finite() {
        return format!("{value}");
    }
    let scientific = format!("{value:.*e}", digits.saturating_sub(1));
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trimmed = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    if exponent < -4 || i64::from(exponent) >= i64::try_from(digits).unwrap_or(i64::MAX) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", trimmed(mantissa), exponent.unsigned_abs());
    }
    let decimals = usize::try_from(i64::try_from(digits).unwrap_or(0) - 1 - i64::from(exponent)).unwrap_or(0);
    trimmed(&format!("{value:.decimals$}"))
}

#[cfg(test)]
mod tests {
    use super::general;

    #[test]
    fn numbers_as_printf_prints_them() {
        for (value, digits, text) in [
            (0.0, 6, "0"),
            (1.5, 6, "1.5"),
            (1000.0, 3, "1e+03"),
            (999.0, 3, "999"),
            (999.6, 3, "1e+03"),
            (50.0, 3, "50"),
            (0.0001234, 3, "0.000123"),
            (0.00001234, 3, "1.23e-05"),
            (123_456_789.0, 6, "1.23457e+08"),
        ] {
            assert_eq!(general(value, digits), text);
        }
    }
}
