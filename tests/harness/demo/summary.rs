//! The record of a demo in words.

use super::{Alert, Machine, Record, Servers};
use crate::console::Event;
use std::fmt::Write;

/// The five parts, the mails, and a line a segment.
pub(super) fn text(record: &Record) -> String {
    let mut text = String::new();
    let mut add = |line: &str| {
        text.push_str(line);
        text.push('\n');
    };
    add(&gateway(record));
    add(&device(record));
    add(&mail(record));
    add(&stream(record));
    add(&alert(record));
    text
}

/// A line for each segment.
pub(super) fn segments(record: &Record) -> String {
    let mut text = String::from("  time  segment  representation  kbit/s  measured kbit/s  buffer s\n");
    for (time, segment) in record.segments() {
        // A String takes everything.
        let _ = writeln!(
            text,
            "{:6.1}  {:7}  {:14}  {:6}  {:15}  {:8.1}",
            time.as_secs_f64(),
            segment.number,
            segment.representation,
            segment.bandwidth / 1000,
            segment.measured_kbps,
            segment.buffered_ms as f64 / 1000.0
        );
    }
    text
}

fn gateway(record: &Record) -> String {
    let count = record.commands.len();
    match &record.machine {
        Machine::Qemu => format!(
            "1. Gateway: {count} `gatepost` commands made two uplinks, the bridge, its tap, addresses, routes and the rate limit."
        ),
        Machine::Memory(why) => format!(
            "1. Gateway: simulated on an in-memory Ethernet, because {why}; {count} `gatepost` commands made the network of part 5."
        ),
    }
}

fn device(record: &Record) -> String {
    let address = record.events.iter().find_map(|(time, event)| match event {
        Event::Address { address, by } => Some(format!("{address} by {by} after {:.1} s", time.as_secs_f64())),
        _ => None,
    });
    let machine = match record.machine {
        Machine::Qemu => "the firmware on a Cortex-M3 (mps2-an385 in QEMU)",
        Machine::Memory(_) => "the firmware application as a thread of this process",
    };
    format!(
        "2. Device: {machine}, address {}; it ended with code {}.",
        address.unwrap_or_else(|| "none".into()),
        record.status
    )
}

fn mail(record: &Record) -> String {
    let Some(mail) = record.mails.first() else {
        return "3. Mail: none arrived.".into();
    };
    let server = match record.servers {
        Servers::Embedded => "the laboratory's mail server",
        Servers::Real => "Postfix",
    };
    format!(
        "3. Mail: {server} took {} octets from {} for {} over {}, user {}.",
        mail.data.len(),
        mail.reverse_path,
        mail.recipients.join(", "),
        mail.tls.as_deref().unwrap_or("no TLS"),
        mail.user.as_deref().unwrap_or("nobody"),
    )
}

fn stream(record: &Record) -> String {
    let segments = record.segments();
    let octets: u64 = segments.iter().map(|(_, segment)| segment.octets).sum();
    let (switches, stalled_ms) = record
        .events
        .iter()
        .find_map(|(_, event)| match event {
            Event::Played {
                switches, stalled_ms, ..
            } => Some((*switches, *stalled_ms)),
            _ => None,
        })
        .unwrap_or_default();
    let bandwidths = segments.iter().map(|(_, segment)| segment.bandwidth / 1000);
    let (lowest, highest) = (bandwidths.clone().min().unwrap_or(0), bandwidths.max().unwrap_or(0));
    let rates: Vec<String> = record.rates.iter().map(|(_, bps)| (bps / 1000).to_string()).collect();
    format!(
        "4. Stream: {} segments, {octets} octets; the link went {} kbit/s, the bitrate between {lowest} and {highest} kbit/s in {switches} switches; stalled {stalled_ms} ms.",
        segments.len(),
        rates.join(" > "),
    )
}

fn alert(record: &Record) -> String {
    match &record.alert {
        Alert::Mailed { subject, after } => format!(
            "5. Alert: the uplink went down; `gatepost watch` mailed \"{subject}\" through the backup uplink {:.1} s later.",
            after.as_secs_f64()
        ),
        Alert::Impossible(why) => format!("5. Alert: left out, because no network namespace could be made: {why}."),
    }
}
