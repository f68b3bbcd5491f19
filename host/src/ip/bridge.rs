//! The options of bridges and their ports: one row per attribute, for saying it and for showing it.

use super::failure::Failure;
use super::link::on_off;
use super::names::LinkNames;
use super::number::unsigned;
use super::prefix::{link_layer, link_layer_text};
use super::print::Printer;
use super::words::{Words, matches};
use crate::object::attribute::{AttributeSet, u32_of, u64_of};

/// What an attribute holds and how it is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    U8,
    U16,
    U32,
    U64,
    /// Sixteen bits in hexadecimal.
    Mask,
    /// One octet, `on` or `off`.
    Switch,
    /// A link-layer address.
    Address,
    /// Eight octets: priority and link-layer address.
    BridgeId,
    /// Hundredths of a second.
    Timer,
    /// The state of a port.
    State,
    /// The index of a link.
    Device,
    /// The protocol of VLAN tags.
    TagProtocol,
    /// Switches that share an attribute.
    Switches,
    /// No value: an order to the kernel.
    Order,
}

/// One attribute: its type, how it is said (empty: it cannot be), its JSON key and its word in text (empty: not shown).
struct Row {
    kind: u16,
    said: &'static str,
    key: &'static str,
    word: &'static str,
    form: Form,
}

const fn row(kind: u16, said: &'static str, key: &'static str, word: &'static str, form: Form) -> Row {
    Row {
        kind,
        said,
        key,
        word,
        form,
    }
}

/// One that has one name everywhere.
const fn same(kind: u16, name: &'static str, form: Form) -> Row {
    row(kind, name, name, name, form)
}

/// One that the kernel tells only.
const fn told(kind: u16, key: &'static str, word: &'static str, form: Form) -> Row {
    row(kind, "", key, word, form)
}

/// IFLA_BR_*, in the order they are shown.
const BRIDGE: &[Row] = &[
    same(1, "forward_delay", Form::U32),
    same(2, "hello_time", Form::U32),
    same(3, "max_age", Form::U32),
    same(4, "ageing_time", Form::U32),
    same(5, "stp_state", Form::U32),
    same(6, "priority", Form::U16),
    same(7, "vlan_filtering", Form::U8),
    same(8, "vlan_protocol", Form::TagProtocol),
    told(11, "bridge_id", "bridge_id", Form::BridgeId),
    // iproute2 shows the bridge's own here.
    told(11, "root_id", "designated_root", Form::BridgeId),
    told(12, "root_port", "root_port", Form::U16),
    told(13, "root_path_cost", "root_path_cost", Form::U32),
    told(14, "topology_change", "topology_change", Form::U8),
    told(15, "topology_change_detected", "topology_change_detected", Form::U8),
    told(16, "hello_timer", "hello_timer", Form::Timer),
    told(17, "tcn_timer", "tcn_timer", Form::Timer),
    told(18, "topology_change_timer", "topology_change_timer", Form::Timer),
    told(19, "gc_timer", "gc_timer", Form::Timer),
    same(39, "vlan_default_pvid", Form::U16),
    same(41, "vlan_stats_enabled", Form::U8),
    same(45, "vlan_stats_per_port", Form::U8),
    same(9, "group_fwd_mask", Form::Mask),
    row(20, "group_address", "group_addr", "group_address", Form::Address),
    row(21, "fdb_flush", "", "", Form::Order),
    same(23, "mcast_snooping", Form::U8),
    told(46, "", "", Form::Switches),
    same(22, "mcast_router", Form::U8),
    same(24, "mcast_query_use_ifaddr", Form::U8),
    same(25, "mcast_querier", Form::U8),
    same(26, "mcast_hash_elasticity", Form::U32),
    same(27, "mcast_hash_max", Form::U32),
    row(
        28,
        "mcast_last_member_count",
        "mcast_last_member_cnt",
        "mcast_last_member_count",
        Form::U32,
    ),
    row(
        29,
        "mcast_startup_query_count",
        "mcast_startup_query_cnt",
        "mcast_startup_query_count",
        Form::U32,
    ),
    row(
        30,
        "mcast_last_member_interval",
        "mcast_last_member_intvl",
        "mcast_last_member_interval",
        Form::U64,
    ),
    row(
        31,
        "mcast_membership_interval",
        "mcast_membership_intvl",
        "mcast_membership_interval",
        Form::U64,
    ),
    row(
        32,
        "mcast_querier_interval",
        "mcast_querier_intvl",
        "mcast_querier_interval",
        Form::U64,
    ),
    row(
        33,
        "mcast_query_interval",
        "mcast_query_intvl",
        "mcast_query_interval",
        Form::U64,
    ),
    row(
        34,
        "mcast_query_response_interval",
        "mcast_query_response_intvl",
        "mcast_query_response_interval",
        Form::U64,
    ),
    row(
        35,
        "mcast_startup_query_interval",
        "mcast_startup_query_intvl",
        "mcast_startup_query_interval",
        Form::U64,
    ),
    same(42, "mcast_stats_enabled", Form::U8),
    same(43, "mcast_igmp_version", Form::U8),
    same(44, "mcast_mld_version", Form::U8),
    same(36, "nf_call_iptables", Form::U8),
    same(37, "nf_call_ip6tables", Form::U8),
    same(38, "nf_call_arptables", Form::U8),
];

/// The switches of IFLA_BR_MULTI_BOOLOPT: bit and name.
const SWITCHES: [(u32, &str); 2] = [(1, "no_linklocal_learn"), (2, "mcast_vlan_snooping")];
const MULTI_BOOLOPT: u16 = 46;

/// IFLA_BRPORT_*, in the order they are shown.
const PORT: &[Row] = &[
    row(24, "fdb_flush", "", "", Form::Order),
    same(1, "state", Form::State),
    same(2, "priority", Form::U16),
    same(3, "cost", Form::U32),
    same(4, "hairpin", Form::Switch),
    same(5, "guard", Form::Switch),
    same(6, "root_block", Form::Switch),
    same(7, "fastleave", Form::Switch),
    same(8, "learning", Form::Switch),
    same(9, "flood", Form::Switch),
    told(17, "id", "port_id", Form::Mask),
    told(18, "no", "port_no", Form::Mask),
    told(15, "designated_port", "designated_port", Form::U16),
    told(16, "designated_cost", "designated_cost", Form::U16),
    told(14, "bridge_id", "designated_bridge", Form::BridgeId),
    told(13, "root_id", "designated_root", Form::BridgeId),
    told(23, "hold_timer", "hold_timer", Form::Timer),
    told(21, "message_age_timer", "message_age_timer", Form::Timer),
    told(22, "forward_delay_timer", "forward_delay_timer", Form::Timer),
    told(19, "topology_change_ack", "topology_change_ack", Form::U8),
    told(20, "config_pending", "config_pending", Form::U8),
    same(10, "proxy_arp", Form::Switch),
    same(12, "proxy_arp_wifi", Form::Switch),
    row(25, "mcast_router", "multicast_router", "mcast_router", Form::U8),
    // JSON has it already, as fastleave.
    row(7, "mcast_fast_leave", "", "mcast_fast_leave", Form::Switch),
    same(27, "mcast_flood", Form::Switch),
    same(30, "bcast_flood", Form::Switch),
    same(28, "mcast_to_unicast", Form::Switch),
    same(32, "neigh_suppress", Form::Switch),
    same(31, "group_fwd_mask", Form::Mask),
    told(31, "group_fwd_mask_str", "group_fwd_mask_str", Form::Mask),
    same(29, "vlan_tunnel", Form::Switch),
    same(33, "isolated", Form::Switch),
    same(39, "locked", Form::Switch),
    same(34, "backup_port", Form::Device),
];

const STATES: [&str; 5] = ["disabled", "listening", "learning", "forwarding", "blocking"];

/// What follows `type bridge`.
pub(super) fn options(words: &mut Words<'_>) -> Result<AttributeSet, Failure> {
    let mut set = AttributeSet::default();
    let (mut values, mut mask) = (0u32, 0u32);
    while let Some(word) = words.next() {
        if let Some((bit, name)) = SWITCHES.iter().find(|(_, name)| matches(&word, name)) {
            let value = words.value()?;
            let on = unsigned(&value, 255).ok_or_else(|| Failure::invalid(&format!("invalid {name}"), &value))?;
            mask |= bit;
            values = if on == 0 { values & !bit } else { values | bit };
            continue;
        }
        read(words, BRIDGE, &word, &mut set, "bridge")?;
    }
    if mask != 0 {
        set.push(MULTI_BOOLOPT, &[values.to_ne_bytes(), mask.to_ne_bytes()].concat());
    }
    Ok(set)
}

/// What follows `type bridge_slave`.
pub(super) fn port_options(words: &mut Words<'_>) -> Result<AttributeSet, Failure> {
    let mut set = AttributeSet::default();
    while let Some(word) = words.next() {
        read(words, PORT, &word, &mut set, "bridge_slave")?;
    }
    Ok(set)
}

fn read(
    words: &mut Words<'_>,
    table: &'static [Row],
    word: &str,
    set: &mut AttributeSet,
    kind: &str,
) -> Result<(), Failure> {
    let Some(row) = table.iter().find(|row| matches(word, row.said)) else {
        return Err(Failure::inapplicable(format!(
            "{kind}: unknown command \"{word}\"?\nUsage: ... {kind} OPTIONS"
        )));
    };
    let said = row.said;
    let mut number = |limit: u64| {
        let value = words.value()?;
        unsigned(&value, limit).ok_or_else(|| Failure::invalid(&format!("invalid {said}"), &value))
    };
    match row.form {
        Form::U8 | Form::State => set.push(row.kind, &[number(255)? as u8]),
        Form::U16 | Form::Mask => set.push(row.kind, &(number(0xffff)? as u16).to_ne_bytes()),
        Form::U32 => set.push(row.kind, &(number(u64::from(u32::MAX))? as u32).to_ne_bytes()),
        Form::U64 => set.push(row.kind, &number(u64::MAX)?.to_ne_bytes()),
        Form::Switch => set.push(row.kind, &[u8::from(on_off(words, said)?)]),
        Form::Address => set.push(row.kind, &link_layer(&words.value()?, 32)?),
        Form::Order => set.push(row.kind, &[]),
        Form::Device => {
            let value = words.value()?;
            let index = words.links.index_of(&value);
            let index = index.ok_or_else(|| Failure::invalid("Device does not exist\n", &value))?;
            set.push(row.kind, &index.to_ne_bytes());
        }
        Form::TagProtocol => {
            let value = words.value()?;
            let protocol: u16 = match value.to_ascii_lowercase().as_str() {
                "802.1q" => 0x8100,
                "802.1ad" => 0x88a8,
                _ => return Err(Failure::invalid("invalid vlan_protocol", &value)),
            };
            set.push(row.kind, &protocol.to_be_bytes());
        }
        Form::BridgeId | Form::Timer | Form::Switches => {}
    }
    Ok(())
}

/// Shows the options of a bridge.
pub(super) fn show(set: &AttributeSet, links: &mut LinkNames<'_>, out: &mut Printer) {
    BRIDGE.iter().for_each(|row| show_row(row, set, links, out));
}

/// Shows the options of a bridge's port.
pub(super) fn show_port(set: &AttributeSet, links: &mut LinkNames<'_>, out: &mut Printer) {
    PORT.iter().for_each(|row| show_row(row, set, links, out));
}

fn show_row(row: &Row, set: &AttributeSet, links: &mut LinkNames<'_>, out: &mut Printer) {
    let (key, word) = (row.key, row.word);
    let Some(value) = set.get(row.kind) else { return };
    let mut number = |number: u64| out.number(key, number, format_args!("{word} {number} "));
    match row.form {
        Form::U8 => number(u64::from(set.u8(row.kind).unwrap_or(0))),
        Form::U16 => number(u64::from(set.u16(row.kind).unwrap_or(0))),
        Form::U32 => number(u64::from(set.u32(row.kind).unwrap_or(0))),
        Form::U64 => number(u64_of(value).unwrap_or(0)),
        Form::Mask if key == "group_fwd_mask_str" => {
            let names = forward_mask(set.u16(row.kind).unwrap_or(0));
            out.string(key, &names, format_args!("{word} {names} "));
        }
        Form::Mask => {
            let text = super::statistics::hexadecimal(u64::from(set.u16(row.kind).unwrap_or(0)));
            out.string(key, &text, format_args!("{word} {text} "));
        }
        Form::Switch => {
            let on = set.u8(row.kind).is_some_and(|value| value != 0);
            let state = if on { "on" } else { "off" };
            if key.is_empty() {
                out.text(format_args!("{word} {state} "));
            } else {
                out.truth(key, on, format_args!("{word} {state} "));
            }
        }
        Form::Address => {
            let address = link_layer_text(value, 1);
            out.string(key, &address, format_args!("{word} {address} "));
        }
        Form::BridgeId => {
            let id = bridge_id(value);
            out.string(key, &id, format_args!("{word} {id} "));
        }
        Form::Timer => {
            // The kernel's clock_t: hundredths.
            let (seconds, hundredths) = (u64_of(value).unwrap_or(0) / 100, u64_of(value).unwrap_or(0) % 100);
            let time = format!("{seconds}.{hundredths:02}");
            out.number(key, &time, format_args!("{word} {seconds:4}.{hundredths:02} "));
        }
        Form::State => {
            let state = set.u8(row.kind).unwrap_or(0);
            match STATES.get(usize::from(state)) {
                Some(name) => out.string("state", name, format_args!("state {name} ")),
                None => out.number("state_index", state, format_args!("state ({state}) ")),
            }
        }
        Form::Device => {
            let name = links.name(set.u32(row.kind).unwrap_or(0));
            out.string(key, &name, format_args!("{word} {name} "));
        }
        Form::TagProtocol => {
            let name = match value {
                [0x81, 0x00, ..] => "802.1Q".to_owned(),
                [0x88, 0xa8, ..] => "802.1ad".to_owned(),
                [high, low, ..] => format!("[{}]", u16::from_be_bytes([*high, *low])),
                _ => return,
            };
            out.string(key, &name, format_args!("{word} {name} "));
        }
        Form::Switches => {
            let values = u32_of(value).unwrap_or(0);
            let mask = value.get(4..).and_then(u32_of).unwrap_or(0);
            for (bit, name) in SWITCHES.iter().filter(|(bit, _)| mask & bit != 0) {
                let on = u8::from(values & bit != 0);
                out.number(name, on, format_args!("{name} {on} "));
            }
        }
        Form::Order => {}
    }
}

/// Priority and address; the address without leading zeros.
fn bridge_id(value: &[u8]) -> String {
    let address: Vec<String> = value.iter().skip(2).take(6).map(|octet| format!("{octet:x}")).collect();
    let priority: String = value.iter().take(2).map(|octet| format!("{octet:02x}")).collect();
    format!("{priority}.{}", address.join(":"))
}

fn forward_mask(mask: u16) -> String {
    let name = |bit: u32| match bit {
        0 => "stp".to_owned(),
        2 => "lacp".to_owned(),
        14 => "lldp".to_owned(),
        bit => format!("{:#x}", 1u32 << bit),
    };
    let names: Vec<String> = (0..16).filter(|bit| mask & 1 << bit != 0).map(name).collect();
    if names.is_empty() {
        "0x0".to_owned()
    } else {
        names.join(",")
    }
}
