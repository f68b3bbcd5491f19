//! How a route is shown, and which are meant.

use super::metrics;
use super::names::{Databases, LinkNames, Names};
use super::options::Options;
use super::prefix::{Prefix, bits, family_name};
use super::print::Printer;
use super::route::Selector;
use crate::object::attribute::u32_of;
use crate::object::route::{Nexthop, PROTOCOL_BOOT, flag, route_type, rta, scope, table};
use crate::object::{Route, family};
use std::net::IpAddr;

/// USER_HZ: the clock that netlink tells times by.
pub(super) const USER_HZ: u32 = 100;

impl Selector {
    /// Whether a route is one of those meant.
    pub(super) fn selects(&self, route: &Route, several_tables: &mut bool) -> bool {
        if self.family != family::UNSPEC && route.family != self.family
            || self.cloned == (route.flags & flag::CLONED == 0)
        {
            return false;
        }
        *several_tables |= route.family == family::INET6 && route.table != table::MAIN;
        let right_table = match self.table {
            0 => true,
            // A kernel without policy routing keeps all of IPv6 in one table.
            table::LOCAL if route.family == family::INET6 && !*several_tables => route.route_type == route_type::LOCAL,
            table::MAIN if route.family == family::INET6 && !*several_tables => route.route_type != route_type::LOCAL,
            table => table == route.table,
        };
        let matches = [
            right_table,
            self.protocol.is_none_or(|protocol| protocol == route.protocol),
            self.scope.is_none_or(|scope| scope == route.scope),
            self.route_type.is_none_or(|kind| kind == route.route_type),
            self.tos.is_none_or(|tos| tos == route.tos),
            self.metric.is_none_or(|metric| metric == route.priority.unwrap_or(0)),
            self.iif.is_none_or(|iif| iif == route.iif.unwrap_or(0)),
            self.oif.is_none_or(|oif| oif == route.oif.unwrap_or(0)),
        ];
        matches.into_iter().all(|matches| matches) && self.selects_addresses(route)
    }

    fn selects_addresses(&self, route: &Route) -> bool {
        let right_family = |prefix: &Prefix| prefix.family == family::UNSPEC || prefix.family == route.family;
        let root = self.root.is_none_or(|root| {
            let counts = root.family != family::UNSPEC || root.length_said;
            right_family(&root)
                && (!counts || root.length <= route.destination_length && root.covers(route.destination, root.length))
        });
        let within = self.within.is_none_or(|within| {
            let counts = within.family != family::UNSPEC || within.length_said;
            let length = route.destination_length;
            right_family(&within) && (!counts || within.length >= length && within.covers(route.destination, length))
        });
        let via = self.via.is_none_or(|via| {
            let of = route.gateway.map_or(route.family, family::of);
            via.family == family::UNSPEC || via.family == of && via.covers(route.gateway, via.length)
        });
        let prefsrc = self
            .prefsrc
            .is_none_or(|source| right_family(&source) && source.covers(route.prefsrc, source.length));
        root && within && via && prefsrc
    }
}

/// What else is needed to show routes.
pub(super) struct Show<'a, 'c> {
    pub(super) options: &'a Options,
    pub(super) databases: &'a Databases,
    pub(super) links: &'a mut LinkNames<'c>,
    pub(super) selector: &'a Selector,
}

impl Show<'_, '_> {
    /// Shows one route.
    pub(super) fn route(&mut self, route: &Route, out: &mut Printer) {
        let (details, selector) = (self.options.details, self.selector);
        out.open_object();
        if route.route_type != route_type::UNICAST || details {
            let kind = route_type_name(route.route_type);
            out.string("type", &kind, format_args!("{kind} "));
        }
        let destination = destination_text(route.destination, route.destination_length, route.family);
        out.string("dst", &destination, format_args!("{destination} "));
        if route.source.is_some() {
            let source = destination_text(route.source, route.source_length, route.family);
            out.string("from", &source, format_args!("from {source} "));
        } else if route.source_length > 0 {
            let source = format!("0/{}", route.source_length);
            out.string("src", &source, format_args!("from {source} "));
        }
        if let Some(id) = route.others.u32(rta::NH_ID) {
            out.number("nhid", id, format_args!("nhid {id} "));
        }
        if route.tos != 0 && selector.tos.is_none() {
            let tos = self.databases.name(Names::Field, u32::from(route.tos));
            out.string("tos", &tos, format_args!("tos {tos} "));
        }
        let host = |prefix: Option<Prefix>| prefix.is_some_and(|prefix| prefix.length == bits(route.family));
        match route.gateway {
            Some(gateway) if family::of(gateway) != route.family || !host(selector.via) => {
                self::gateway(gateway, route.family, out);
            }
            _ => {}
        }
        if let Some(index) = route.oif
            && selector.oif.is_none()
        {
            let name = self.links.name(index);
            out.string("dev", &name, format_args!("dev {name} "));
        }
        self.place(route, out);
        if let Some(source) = route.prefsrc
            && !host(selector.prefsrc)
        {
            out.string("prefsrc", &source.to_string(), format_args!("src {source} "));
        }
        if let Some(metric) = route.priority
            && selector.metric.is_none()
        {
            out.number("metric", metric, format_args!("metric {metric} "));
        }
        flags(route.flags, out);
        self.rest(route, out);
        out.text(format_args!("\n"));
        out.close_object();
    }

    /// Table, protocol and scope.
    fn place(&self, route: &Route, out: &mut Printer) {
        let details = self.options.details;
        if route.table != table::UNSPEC && (route.table != table::MAIN || details) && self.selector.table == 0 {
            let table = self.databases.name(Names::Table, route.table);
            out.string("table", &table, format_args!("table {table} "));
        }
        if route.flags & flag::CLONED != 0 {
            return;
        }
        if (route.protocol != PROTOCOL_BOOT || details) && self.selector.protocol.is_none() {
            let protocol = self.databases.name(Names::Protocol, u32::from(route.protocol));
            out.string("protocol", &protocol, format_args!("proto {protocol} "));
        }
        if (route.scope != scope::UNIVERSE || details) && self.selector.scope.is_none() {
            let scope = self.databases.name(Names::Scope, u32::from(route.scope));
            out.string("scope", &scope, format_args!("scope {scope} "));
        }
    }

    fn rest(&mut self, route: &Route, out: &mut Printer) {
        if let Some(mark) = route.others.u32(rta::MARK).filter(|mark| *mark != 0) {
            if mark >= 16 {
                out.number("mark", mark, format_args!("mark {mark:#x} "));
            } else {
                out.number("mark", mark, format_args!("mark {mark} "));
            }
        }
        if let Some(realms) = route.others.u32(rta::FLOW) {
            self.realms(realms, out);
        }
        if let Some(uid) = route.others.u32(rta::UID) {
            out.number("uid", uid, format_args!("uid {uid} "));
        }
        if route.family == family::INET && route.flags & flag::CLONED != 0 {
            cache_flags(route.flags, out);
        }
        if let Some(cache) = route.others.get(rta::CACHEINFO) {
            self.cache(cache, out);
        }
        if !route.metrics.is_empty() {
            metrics::show(&route.metrics, out);
        }
        if let Some(index) = route.iif
            && self.selector.iif.is_none()
        {
            let name = self.links.name(index);
            out.string("iif", &name, format_args!("iif {name} "));
        }
        match route.pref {
            Some(0) => out.string("pref", "medium", format_args!("pref medium")),
            Some(1) => out.string("pref", "high", format_args!("pref high")),
            Some(3) => out.string("pref", "low", format_args!("pref low")),
            Some(pref) => out.number("pref", pref, format_args!("{pref}")),
            None => {}
        }
        if let Some(propagate) = route.others.u8(rta::TTL_PROPAGATE) {
            let word = if propagate == 0 { "disabled" } else { "enabled" };
            out.truth("ttl-propogate", propagate != 0, format_args!("ttl-propogate {word}"));
        }
        if !route.multipath.is_empty() {
            out.open_array("nexthops");
            for hop in &route.multipath {
                self.nexthop(route, hop, out);
            }
            out.close_array();
        }
    }

    fn nexthop(&mut self, route: &Route, hop: &Nexthop, out: &mut Printer) {
        out.open_object();
        out.new_line();
        out.text(format_args!("\tnexthop "));
        if let Some(gateway) = hop.gateway {
            self::gateway(gateway, route.family, out);
        }
        if let Some(realms) = hop.others.u32(rta::FLOW) {
            self.realms(realms, out);
        }
        let name = self.links.name(hop.index);
        out.string("dev", &name, format_args!("dev {name} "));
        let weight = u16::from(hop.hops) + 1;
        out.number("weight", weight, format_args!("weight {weight} "));
        flags(u32::from(hop.flags), out);
        out.close_object();
    }

    fn realms(&self, realms: u32, out: &mut Printer) {
        let (from, to) = (realms >> 16, realms & 0xffff);
        let name = |realm| self.databases.name(Names::Realm, realm);
        out.open_object_at("flow");
        out.text(format_args!("realm{} ", if from == 0 { "" } else { "s" }));
        if from != 0 {
            out.string("from", &name(from), format_args!("{}/", name(from)));
        }
        out.string("to", &name(to), format_args!("{} ", name(to)));
        out.close_object();
    }

    /// `struct rta_cacheinfo`: clntref, lastuse, expires, error, used, id, ts, tsage.
    fn cache(&self, cache: &[u8], out: &mut Printer) {
        let word = |index: usize| cache.get(4 * index..).and_then(u32_of).unwrap_or(0);
        let expires = word(2).cast_signed() / USER_HZ.cast_signed();
        if word(2) != 0 {
            out.number("expires", expires, format_args!("expires {expires}sec "));
        }
        if word(3) != 0 {
            out.number("error", word(3), format_args!("error {} ", word(3)));
        }
        if self.options.statistics > 0 {
            if word(0) != 0 {
                out.number("users", word(0), format_args!("users {} ", word(0)));
            }
            if word(4) != 0 {
                out.number("used", word(4), format_args!("used {} ", word(4)));
            }
            if word(1) != 0 {
                let age = word(1) / USER_HZ;
                out.number("age", age, format_args!("age {age}sec "));
            }
        }
        if word(5) != 0 {
            out.string(
                "ipid",
                &format!("{:#x}", word(5)),
                format_args!("ipid 0x{:04x} ", word(5)),
            );
        }
        if word(6) != 0 || word(7) != 0 {
            out.string("ts", &format!("{:#x}", word(6)), format_args!("ts {:#x}", word(6)));
            out.number("tsage", word(7), format_args!("tsage {}sec ", word(7)));
        }
    }
}

fn destination_text(address: Option<IpAddr>, length: u8, of: u8) -> String {
    match address {
        Some(address) if length == bits(of) => address.to_string(),
        Some(address) => format!("{address}/{length}"),
        None if length > 0 => format!("0/{length} "),
        None => "default".to_owned(),
    }
}

fn gateway(gateway: IpAddr, of: u8, out: &mut Printer) {
    let own = family::of(gateway);
    if own == of {
        out.string("gateway", &gateway.to_string(), format_args!("via {gateway} "));
        return;
    }
    let name = family_name(own);
    out.open_object_at("via");
    out.string("family", name, format_args!("via {name} "));
    out.string("host", &gateway.to_string(), format_args!("{gateway} "));
    out.close_object();
}

/// RTNH_F_* and RTM_F_* in the order they are shown.
const FLAGS: &[(u32, &str)] = &[
    (1, "dead"),
    (4, "onlink"),
    (2, "pervasive"),
    (8, "offload"),
    (64, "trap"),
    (0x100, "notify"),
    (16, "linkdown"),
    (32, "unresolved"),
    (0x4000, "rt_offload"),
    (0x8000, "rt_trap"),
    (0x2000_0000, "rt_offload_failed"),
];

fn flags(flags: u32, out: &mut Printer) {
    out.open_array("flags");
    for (_, name) in FLAGS.iter().filter(|(flag, _)| flags & flag != 0) {
        out.element(name, format_args!("{name} "));
    }
    out.close_array();
}

/// RTCF_* in the order they are shown.
const CACHE_FLAGS: &[(u32, &str)] = &[
    (0x8000_0000, "local"),
    (0x4000_0000, "reject"),
    (0x2000_0000, "mc"),
    (0x1000_0000, "brd"),
    (0x0800_0000, "dst-nat"),
    (0x0080_0000, "src-nat"),
    (0x0040_0000, "masq"),
    (0x0002_0000, "dst-direct"),
    (0x0400_0000, "src-direct"),
    (0x0004_0000, "redirected"),
    (0x0100_0000, "redirect"),
    (0x0020_0000, "fastroute"),
    (0x0001_0000, "notify"),
    (0x0008_0000, "proxy"),
];

fn cache_flags(flags: u32, out: &mut Printer) {
    let mut left = flags & !0xffff;
    out.open_array("cache");
    out.new_line();
    out.text(format_args!("    cache "));
    if left != 0 {
        out.text(format_args!("<"));
    }
    for (flag, name) in CACHE_FLAGS {
        if left & flag != 0 {
            left &= !flag;
            out.element(name, format_args!("{name}{}", if left == 0 { "> " } else { "," }));
        }
    }
    if left != 0 {
        out.string("flags", &format!("{left:x}"), format_args!("{left:x}>"));
    }
    out.close_array();
}

fn route_type_name(kind: u8) -> String {
    const NAMES: [&str; 12] = [
        "none",
        "unicast",
        "local",
        "broadcast",
        "anycast",
        "multicast",
        "blackhole",
        "unreachable",
        "prohibit",
        "throw",
        "nat",
        "xresolve",
    ];
    NAMES
        .get(usize::from(kind))
        .map_or_else(|| kind.to_string(), |name| (*name).to_owned())
}
