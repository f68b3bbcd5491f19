//! How a queueing discipline is shown.

use super::qdisc::Selector;
use super::quantity::{rate_text, size_text, time_text};
use super::tbf;
use crate::ip::{LinkNames, Options, Printer};
use crate::object::Qdisc;
use crate::object::attribute::{AttributeSet, Attributes, u8_of, u32_of, u64_of};
use crate::object::qdisc::{Options as QdiscOptions, handle, tca};

/// Shows one queueing discipline.
pub(super) fn show(
    qdisc: &Qdisc,
    selector: &Selector,
    options: &Options,
    links: &mut LinkNames<'_>,
    out: &mut Printer,
) {
    let kind = qdisc.kind.as_deref().unwrap_or("");
    out.open_object();
    out.string("kind", kind, format_args!("qdisc {kind}"));
    let major = format!("{:x}:", qdisc.handle >> 16);
    out.string("handle", &major, format_args!(" {major}"));
    if options.raw {
        out.text(format_args!("[{:08x}]", qdisc.handle));
    }
    out.text(format_args!(" "));
    if selector.index == 0 {
        let name = links.name(qdisc.index);
        out.string("dev", &name, format_args!("dev {name} "));
    }
    match qdisc.parent {
        handle::ROOT => out.truth("root", true, format_args!("root ")),
        handle::UNSPEC => {}
        parent => {
            let parent = class_text(parent);
            out.string("parent", &parent, format_args!("parent {parent} "));
        }
    }
    if qdisc.info != 1 {
        out.number("refcnt", qdisc.info, format_args!("refcnt {} ", qdisc.info));
    }
    if qdisc.others.u8(tca::HW_OFFLOAD).is_some_and(|offloaded| offloaded != 0) {
        out.truth("offloaded", true, format_args!("offloaded "));
    }
    for (kind, key) in [
        (tca::INGRESS_BLOCK, "ingress_block"),
        (tca::EGRESS_BLOCK, "egress_block"),
    ] {
        if let Some(block) = qdisc.others.u32(kind).filter(|block| *block != 0) {
            out.number(key, block, format_args!("{key} {block} "));
        }
    }
    out.open_object_at("options");
    show_options(qdisc, options, out);
    out.close_object();
    out.new_line();
    if options.statistics > 0 {
        statistics(qdisc, options, out);
    }
    out.close_object();
}

fn class_text(class: u32) -> String {
    match (class >> 16, class & 0xffff) {
        (0, minor) => format!(":{minor:x}"),
        (major, 0) => format!("{major:x}:"),
        (major, minor) => format!("{major:x}:{minor:x}"),
    }
}

fn show_options(qdisc: &Qdisc, options: &Options, out: &mut Printer) {
    let octets = match &qdisc.options {
        Some(QdiscOptions::Tbf(filter)) => return tbf::show(filter, options, out),
        Some(QdiscOptions::Other(octets)) => octets,
        None => return,
    };
    match qdisc.kind.as_deref() {
        Some("ingress" | "clsact") => out.text(format_args!("---------------- ")),
        Some("fq_codel") => fq_codel(octets, out),
        Some("pfifo_fast" | "prio") => prio(octets, out),
        Some(kind @ ("pfifo" | "bfifo" | "pfifo_head_drop")) => {
            let limit = u32_of(octets).unwrap_or(0);
            if kind == "bfifo" {
                out.number("limit", limit, format_args!("limit {}", size_text(limit)));
            } else {
                out.number("limit", limit, format_args!("limit {limit}p"));
            }
        }
        _ => {}
    }
}

/// `struct tc_prio_qopt`: bands i32, priomap of sixteen octets; then attributes.
fn prio(octets: &[u8], out: &mut Printer) {
    const MULTIQUEUE: u16 = 1;
    let Some((bands, rest)) = u32_of(octets).zip(octets.get(4..20)) else {
        return;
    };
    out.number("bands", bands, format_args!("bands {bands} "));
    out.text(format_args!("priomap"));
    out.open_array("priomap");
    for band in rest {
        out.number_element(band, format_args!(" {band}"));
    }
    out.close_array();
    let multiqueue = octets
        .get(20..)
        .and_then(|rest| Attributes::new(rest).get(MULTIQUEUE))
        .and_then(u8_of);
    if let Some(on) = multiqueue {
        out.text(format_args!(" multiqueue: {} ", if on == 0 { "off" } else { "on" }));
    }
    out.truth("multiqueue", multiqueue.is_some_and(|on| on != 0), format_args!(""));
}

fn fq_codel(octets: &[u8], out: &mut Printer) {
    let set = AttributeSet::of(octets);
    let number = |kind: u16, key: &str, unit: &str, out: &mut Printer| {
        if let Some(value) = set.u32(kind) {
            out.number(key, value, format_args!("{key} {value}{unit} "));
        }
    };
    let time = |kind: u16, key: &str, out: &mut Printer| {
        if let Some(value) = set.u32(kind) {
            out.number(key, value, format_args!("{key} {} ", time_text(value)));
        }
    };
    number(2, "limit", "p", out);
    number(5, "flows", "", out);
    number(6, "quantum", "", out);
    time(1, "target", out);
    time(7, "ce_threshold", out);
    time(3, "interval", out);
    if let Some(limit) = set.u32(9) {
        out.number(
            "memory_limit",
            limit,
            format_args!("memory_limit {} ", size_text(limit)),
        );
    }
    if set.u32(4).is_some_and(|ecn| ecn != 0) {
        out.truth("ecn", true, format_args!("ecn "));
    }
    number(8, "drop_batch", "", out);
}

/// Types within TCA_STATS2.
mod tca_stats {
    pub(super) const BASIC: u16 = 1;
    pub(super) const RATE_EST: u16 = 2;
    pub(super) const QUEUE: u16 = 3;
    pub(super) const APP: u16 = 4;
    pub(super) const RATE_EST64: u16 = 5;
    pub(super) const PKT64: u16 = 8;
}

fn statistics(qdisc: &Qdisc, options: &Options, out: &mut Printer) {
    let Some(octets) = qdisc.others.get(tca::STATS2) else {
        return;
    };
    let set = AttributeSet::of(octets);
    if let Some(basic) = set.get(tca_stats::BASIC) {
        let bytes = u64_of(basic).unwrap_or(0);
        let packets = u64::from(basic.get(8..).and_then(u32_of).unwrap_or(0));
        let packets = set
            .u64(tca_stats::PKT64)
            .filter(|packets| *packets != 0)
            .unwrap_or(packets);
        out.number("bytes", bytes, format_args!(" Sent {bytes} bytes"));
        out.number("packets", packets, format_args!(" {packets} pkt"));
    }
    // `struct gnet_stats_queue`: qlen, backlog, drops, requeues, overlimits.
    let queue = set.get(tca_stats::QUEUE);
    let word = |index: usize| {
        queue
            .and_then(|queue| queue.get(4 * index..))
            .and_then(u32_of)
            .unwrap_or(0)
    };
    let (length, backlog, drops, requeues, overlimits) = (word(0), word(1), word(2), word(3), word(4));
    if queue.is_some() {
        out.number("drops", drops, format_args!(" (dropped {drops}"));
        out.number("overlimits", overlimits, format_args!(", overlimits {overlimits}"));
        out.number("requeues", requeues, format_args!(" requeues {requeues}) "));
    }
    let estimate = match (set.get(tca_stats::RATE_EST64), set.get(tca_stats::RATE_EST)) {
        (Some(rate), _) => u64_of(rate).zip(rate.get(8..).and_then(u64_of)),
        (None, Some(rate)) => u32_of(rate)
            .zip(rate.get(4..).and_then(u32_of))
            .map(|(a, b)| (a.into(), b.into())),
        (None, None) => None,
    };
    if let Some((rate, packets)) = estimate {
        out.number("rate", rate, format_args!("\n rate {}", rate_text(rate, options.iec)));
        out.number("pps", packets, format_args!(" {packets}pps"));
    }
    if queue.is_some() {
        if set.get(tca_stats::RATE_EST).is_none() {
            out.new_line();
        }
        out.number("backlog", backlog, format_args!(" backlog {}", size_text(backlog)));
        out.number("qlen", length, format_args!(" {length}p"));
        out.text(format_args!(" requeues {requeues}"));
    }
    out.new_line();
    let own = set.get(tca_stats::APP).or_else(|| qdisc.others.get(tca::XSTATS));
    if let (Some("fq_codel"), Some(own)) = (qdisc.kind.as_deref(), own) {
        fq_codel_statistics(own, out);
        out.new_line();
    }
}

/// `struct tc_fq_codel_xstats` of a queueing discipline: type 0, then numbers.
fn fq_codel_statistics(octets: &[u8], out: &mut Printer) {
    let word = |index: usize| octets.get(4 * index..).and_then(u32_of).unwrap_or(0);
    if word(0) != 0 {
        return;
    }
    const NUMBERS: &[(usize, &str, &str)] = &[
        (1, "maxpacket", "  maxpacket"),
        (2, "drop_overlimit", " drop_overlimit"),
        (4, "new_flow_count", " new_flow_count"),
        (3, "ecn_mark", " ecn_mark"),
    ];
    for (index, key, text) in NUMBERS {
        let value = word(*index);
        out.number(key, value, format_args!("{text} {value}"));
    }
    for (index, key) in [(7, "ce_mark"), (8, "memory_used"), (9, "drop_overmemory")] {
        let value = word(index);
        if value != 0 {
            out.number(key, value, format_args!(" {key} {value}"));
        }
    }
    out.new_line();
    for (index, key, text) in [
        (5, "new_flows_len", "  new_flows_len"),
        (6, "old_flows_len", " old_flows_len"),
    ] {
        let value = word(index);
        out.number(key, value, format_args!("{text} {value}"));
    }
}
