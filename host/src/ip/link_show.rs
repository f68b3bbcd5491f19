//! How a link is shown.

use super::names::{Databases, LinkNames, Names};
use super::options::Options;
use super::prefix::link_layer_text;
use super::print::Printer;
use super::{bridge, statistics};
use crate::object::attribute::{AttributeSet, Attributes, u8_of};
use crate::object::link::{flag, ifla};
use crate::object::{Link, family};

/// RFC 2863 operational states.
pub(super) const OPERSTATES: [&str; 7] = [
    "UNKNOWN",
    "NOTPRESENT",
    "DOWN",
    "LOWERLAYERDOWN",
    "TESTING",
    "DORMANT",
    "UP",
];
/// How a link makes its IPv6 addresses.
pub(super) const ADDRESS_GENERATION: [&str; 4] = ["eui64", "none", "stable_secret", "random"];

/// Flags in the order they are shown.
const FLAGS: &[(u32, &str)] = &[
    (flag::LOOPBACK, "LOOPBACK"),
    (flag::BROADCAST, "BROADCAST"),
    (flag::POINTOPOINT, "POINTOPOINT"),
    (flag::MULTICAST, "MULTICAST"),
    (flag::NOARP, "NOARP"),
    (flag::ALLMULTI, "ALLMULTI"),
    (flag::PROMISC, "PROMISC"),
    (1 << 10, "MASTER"),
    (1 << 11, "SLAVE"),
    (1 << 2, "DEBUG"),
    (flag::DYNAMIC, "DYNAMIC"),
    (1 << 14, "AUTOMEDIA"),
    (1 << 13, "PORTSEL"),
    (flag::NOTRAILERS, "NOTRAILERS"),
    (flag::UP, "UP"),
    (flag::LOWER_UP, "LOWER_UP"),
    (1 << 17, "DORMANT"),
    (1 << 18, "ECHO"),
];

/// What else is needed to show links.
pub(super) struct Show<'a, 'c> {
    pub(super) options: &'a Options,
    pub(super) databases: &'a Databases,
    pub(super) links: &'a mut LinkNames<'c>,
    /// `ip link`, not `ip address`: more of the link.
    pub(super) links_only: bool,
    /// AF_UNSPEC and AF_PACKET show link-layer addresses.
    pub(super) family: u8,
}

impl Show<'_, '_> {
    /// Shows one link in brief: its name and state, and for `ip link` its address and flags.
    pub(super) fn brief(&mut self, link: &Link, out: &mut Printer) {
        let (name, below_down) = self.name(link, out);
        out.string(
            "ifname",
            link.name.as_deref().unwrap_or(""),
            format_args!("{name:<16} "),
        );
        if let Some(state) = link.operstate {
            match OPERSTATES.get(usize::from(state)) {
                Some(name) => out.string("operstate", name, format_args!("{name:<14} ")),
                None => out.number("operstate_index", state, format_args!("state {state:#x}")),
            }
        }
        if self.family == family::PACKET {
            if let Some(address) = &link.address {
                let text = link_layer_text(address, link.hardware);
                out.string("address", &text, format_args!("{text} "));
            }
            flags(link.flags, below_down, out);
            out.text(format_args!("\n"));
        }
    }

    /// Shows one link.
    pub(super) fn link(&mut self, link: &Link, out: &mut Printer) {
        out.number("ifindex", link.index, format_args!("{}: ", link.index));
        let (name, below_down) = self.name(link, out);
        out.string("ifname", link.name.as_deref().unwrap_or(""), format_args!("{name}: "));
        flags(link.flags, below_down, out);
        if let Some(mtu) = link.mtu {
            out.number("mtu", mtu, format_args!("mtu {mtu} "));
        }
        if let Some(qdisc) = &link.qdisc {
            out.string("qdisc", qdisc, format_args!("qdisc {qdisc} "));
        }
        if let Some(master) = link.master {
            let name = self.links.name(master);
            out.string("master", &name, format_args!("master {name} "));
        }
        if let Some(state) = link.operstate {
            match OPERSTATES.get(usize::from(state)) {
                Some(name) => out.string("operstate", name, format_args!("state {name} ")),
                None => out.number("operstate_index", state, format_args!("state {state:#x}")),
            }
        }
        if self.links_only
            && let Some(mode) = link.others.u8(ifla::LINKMODE)
        {
            match ["DEFAULT", "DORMANT"].get(usize::from(mode)) {
                Some(name) => out.string("linkmode", name, format_args!("mode {name} ")),
                None => out.number("linkmode_index", mode, format_args!("mode {mode} ")),
            }
        }
        if let Some(group) = link.group {
            let name = self.databases.name(Names::Group, group);
            out.string("group", &name, format_args!("group {name} "));
        }
        let queue = link.txqueuelen.or_else(|| self.links.queue_length(link.index));
        if let Some(length) = queue.filter(|length| *length != 0) {
            let length = length.cast_signed();
            out.number("txqlen", length, format_args!("qlen {length}"));
        }
        if let Some(event) = link.others.u32(ifla::EVENT).filter(|event| *event != 0) {
            out.number("event", event, format_args!("event {event} "));
        }
        if matches!(self.family, family::UNSPEC | family::PACKET) || self.options.details {
            self.link_layer(link, out);
        }
        self.elsewhere(link, out);
        if self.options.details {
            self.details(link, out);
        }
        if let Some(alias) = link.alias.as_ref().filter(|_| self.links_only || self.options.details) {
            out.new_line();
            out.string("ifalias", alias, format_args!("    alias {alias}"));
        }
        if self.links_only && self.options.statistics > 0 {
            out.new_line();
            statistics::show(link, self.options, out);
        }
        if let Some(names) = link.others.get(ifla::PROP_LIST) {
            out.open_array("altnames");
            for name in Attributes::new(names)
                .map_while(Result::ok)
                .filter(|name| name.kind == ifla::ALT_IFNAME)
            {
                out.new_line();
                let text = crate::object::attribute::text_of(name.value);
                out.element(&text, format_args!("    altname {text}"));
            }
            out.close_array();
        }
        out.text(format_args!("\n"));
    }

    /// The name with that of the link below, and whether that one is down. In JSON the one below has a key of its own.
    fn name(&mut self, link: &Link, out: &mut Printer) -> (String, bool) {
        let name = link.name.clone().unwrap_or_default();
        let below = match link.link {
            None => return (name, false),
            Some(0) => {
                out.null("link", format_args!(""));
                return (format!("{name}@NONE"), false);
            }
            Some(below) => below,
        };
        if link.others.get(ifla::LINK_NETNSID).is_some() {
            out.number("link_index", below, format_args!(""));
            return (format!("{name}@if{below}"), false);
        }
        let below_name = self.links.name(below);
        out.string("link", &below_name, format_args!(""));
        (format!("{name}@{below_name}"), self.links.flags(below) & flag::UP == 0)
    }

    fn link_layer(&self, link: &Link, out: &mut Printer) {
        let hardware = hardware_name(link.hardware);
        out.new_line();
        out.string("link_type", &hardware, format_args!("    link/{hardware} "));
        if let Some(address) = &link.address {
            let text = link_layer_text(address, link.hardware);
            out.string("address", &text, format_args!("{text}"));
        }
        if let Some(broadcast) = &link.broadcast {
            let text = link_layer_text(broadcast, link.hardware);
            let to_peer = link.flags & flag::POINTOPOINT != 0;
            if to_peer {
                out.truth("link_pointtopoint", true, format_args!(" peer "));
            } else {
                out.text(format_args!(" brd "));
            }
            out.string("broadcast", &text, format_args!("{text}"));
        }
        let permanent = link.others.get(ifla::PERM_ADDRESS);
        if let Some(permanent) = permanent.filter(|permanent| link.address.as_deref() != Some(*permanent)) {
            let text = link_layer_text(permanent, link.hardware);
            out.string("permaddr", &text, format_args!(" permaddr {text}"));
        }
    }

    /// The namespace that the link below is in, and what a protocol did to the link.
    fn elsewhere(&mut self, link: &Link, out: &mut Printer) {
        if let Some(id) = link.others.u32(ifla::LINK_NETNSID).map(u32::cast_signed) {
            if id < 0 {
                out.number("link_netnsid", id, format_args!(" link-netnsid unknown"));
            } else {
                match self.links.namespace(id) {
                    Some(name) => out.number("link_netnsid", id, format_args!(" link-netns {name}")),
                    None => out.number("link_netnsid", id, format_args!(" link-netnsid {id}")),
                }
            }
        }
        if link.others.u8(ifla::PROTO_DOWN).is_some_and(|down| down != 0) {
            out.truth("proto_down", true, format_args!(" protodown on "));
        }
    }

    fn details(&mut self, link: &Link, out: &mut Printer) {
        const BEFORE: &[(u16, &str, &str)] = &[
            (ifla::PROMISCUITY, "promiscuity", " promiscuity"),
            (ifla::ALLMULTI, "allmulti", " allmulti"),
            (ifla::MIN_MTU, "min_mtu", "minmtu"),
            (ifla::MAX_MTU, "max_mtu", "maxmtu"),
        ];
        const AFTER: &[(u16, &str, &str)] = &[
            (ifla::NUM_TX_QUEUES, "num_tx_queues", "numtxqueues"),
            (ifla::NUM_RX_QUEUES, "num_rx_queues", "numrxqueues"),
            (ifla::GSO_MAX_SIZE, "gso_max_size", "gso_max_size"),
            (ifla::GSO_MAX_SEGS, "gso_max_segs", "gso_max_segs"),
            (ifla::TSO_MAX_SIZE, "tso_max_size", "tso_max_size"),
            (ifla::TSO_MAX_SEGS, "tso_max_segs", "tso_max_segs"),
            (ifla::GRO_MAX_SIZE, "gro_max_size", "gro_max_size"),
        ];
        const TEXTS: &[(u16, &str)] = &[
            (ifla::PARENT_DEV_BUS_NAME, "parentbus"),
            (ifla::PARENT_DEV_NAME, "parentdev"),
        ];
        numbers(BEFORE, &link.others, out);
        if link.kind.is_some() || link.port_kind.is_some() {
            self.kind(link, out);
        }
        if self.links_only
            && let Some(mode) = address_generation(&link.others)
        {
            let name = ADDRESS_GENERATION.get(usize::from(mode)).map(|name| (*name).to_owned());
            let name = name.unwrap_or_else(|| format!("{mode:#04x}"));
            out.string("inet6_addr_gen_mode", &name, format_args!("addrgenmode {name} "));
        }
        numbers(AFTER, &link.others, out);
        for (kind, key) in TEXTS {
            if let Some(text) = link.others.text(*kind) {
                out.string(key, &text, format_args!("{key} {text} "));
            }
        }
    }

    fn kind(&mut self, link: &Link, out: &mut Printer) {
        out.open_object_at("linkinfo");
        if let Some(kind) = &link.kind {
            out.new_line();
            out.string("info_kind", kind, format_args!("    {kind} "));
            match kind.as_str() {
                "bridge" => {
                    out.open_object_at("info_data");
                    bridge::show(&link.data, self.links, out);
                    out.close_object();
                }
                "tun" => {
                    out.open_object_at("info_data");
                    super::tuntap::show_options(&link.data, out);
                    out.close_object();
                }
                _ => {}
            }
        }
        if let Some(kind) = &link.port_kind {
            out.new_line();
            out.string("info_slave_kind", kind, format_args!("    {kind}_slave "));
            if kind == "bridge" {
                out.open_object_at("info_slave_data");
                bridge::show_port(&link.port_data, self.links, out);
                out.close_object();
            }
        }
        out.close_object();
    }
}

fn numbers(rows: &[(u16, &str, &str)], set: &AttributeSet, out: &mut Printer) {
    for (kind, key, word) in rows {
        if let Some(value) = set.u32(*kind) {
            out.number(key, value, format_args!("{word} {value} "));
        }
    }
}

fn address_generation(set: &AttributeSet) -> Option<u8> {
    let inet6 = Attributes::new(set.get(ifla::AF_SPEC)?).get(u16::from(family::INET6))?;
    Attributes::new(inet6).get(ifla::INET6_ADDR_GEN_MODE).and_then(u8_of)
}

fn flags(flags: u32, below_down: bool, out: &mut Printer) {
    out.open_array("flags");
    out.text(format_args!("<"));
    let mut left = flags & !flag::RUNNING;
    if flags & flag::UP != 0 && flags & flag::RUNNING == 0 {
        out.element("NO-CARRIER", format_args!("NO-CARRIER,"));
    }
    for (flag, name) in FLAGS {
        if left & flag != 0 {
            left &= !flag;
            out.element(name, format_args!("{name}{}", if left == 0 { "" } else { "," }));
        }
    }
    if left != 0 {
        out.element(&format!("{left:x}"), format_args!("{left:x}"));
    }
    if below_down {
        out.element("M-DOWN", format_args!(",M-DOWN"));
    }
    out.close_array();
    out.text(format_args!("> "));
}

/// ARPHRD_* names of links that routers have.
fn hardware_name(hardware: u16) -> String {
    const NAMES: &[(u16, &str)] = &[
        (1, "ether"),
        (24, "ieee1394"),
        (32, "infiniband"),
        (256, "slip"),
        (280, "can"),
        (512, "ppp"),
        (513, "hdlc"),
        (519, "rawip"),
        (768, "ipip"),
        (769, "tunnel6"),
        (772, "loopback"),
        (776, "sit"),
        (778, "gre"),
        (779, "pimreg"),
        (801, "ieee802.11"),
        (802, "ieee802.11/prism"),
        (803, "ieee802.11/radiotap"),
        (804, "ieee802.15.4"),
        (805, "ieee802.15.4/monitor"),
        (823, "gre6"),
        (824, "netlink"),
        (825, "6lowpan"),
        (0xfffe, "none"),
        (0xffff, "void"),
    ];
    let known = NAMES.iter().find(|(number, _)| *number == hardware);
    known.map_or_else(|| format!("[{hardware}]"), |(_, name)| (*name).to_owned())
}
