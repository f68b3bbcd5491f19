//! `ip route`: what is said of a route.

use super::failure::Failure;
use super::metrics::{self, Metrics};
use super::names::{Databases, Names};
use super::number::u32_from;
use super::prefix::{Prefix, address, family_named, prefix};
use super::words::{Keyword, Words, exact, find, matches, short};
use crate::object::route::{Nexthop, PROTOCOL_BOOT, flag, route_type, rta, scope, table};
use crate::object::{Change, Object, Route, family};
use std::net::IpAddr;

/// A route as far as it is said.
#[derive(Default)]
struct Draft {
    route: Route,
    metrics: Metrics,
    device: Option<String>,
    gateway: bool,
    destination: bool,
    several: bool,
    scope: bool,
    table: bool,
}

/// Which routes are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    /// 0 for all.
    pub(crate) table: u32,
    pub(crate) family: u8,
    pub(crate) cloned: bool,
    pub(crate) protocol: Option<u8>,
    pub(crate) scope: Option<u8>,
    pub(crate) route_type: Option<u8>,
    pub(crate) tos: Option<u8>,
    pub(crate) metric: Option<u32>,
    pub(crate) iif: Option<u32>,
    pub(crate) oif: Option<u32>,
    pub(crate) via: Option<Prefix>,
    pub(crate) prefsrc: Option<Prefix>,
    /// Destinations within this.
    pub(crate) root: Option<Prefix>,
    /// Destinations that this is within.
    pub(crate) within: Option<Prefix>,
    pub(super) device: Option<String>,
    pub(super) input: Option<String>,
}

/// The verbs that change a route.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Change,
    Replace,
    Prepend,
    Append,
    Delete,
}

/// What follows a verb that changes a route.
pub(super) fn modify(verb: Verb, words: &mut Words<'_>) -> Result<Change, Failure> {
    let mut draft = Draft::default();
    let route = &mut draft.route;
    route.family = words.family;
    route.table = table::MAIN;
    route.scope = scope::NOWHERE;
    if verb != Verb::Delete {
        route.protocol = PROTOCOL_BOOT;
        route.scope = scope::UNIVERSE;
        route.route_type = route_type::UNICAST;
    }
    while let Some(word) = words.next() {
        match find(KEYWORDS, &word) {
            Some(row) => (row.parse)(words, &mut draft, &word)?,
            None => destination(words, &mut draft, word)?,
        }
    }
    if !draft.destination {
        return Err(Failure::words(USAGE));
    }
    if let Some(name) = draft.device.take() {
        draft.route.oif = Some(words.device(&name)?);
    }
    let route = finish(verb, draft);
    let object = Object::Route(Box::new(route));
    Ok(match verb {
        Verb::Add => Change::Add(object),
        Verb::Change => Change::Set(object),
        Verb::Replace => Change::Replace(object),
        Verb::Prepend => Change::Prepend(object),
        Verb::Append => Change::Append(object),
        Verb::Delete => Change::Delete(object),
    })
}

/// What was not said follows from what was.
fn finish(verb: Verb, draft: Draft) -> Route {
    let mut route = draft.route;
    route.metrics = draft.metrics.finish();
    if route.family == family::UNSPEC {
        route.family = family::INET;
    }
    let kind = route.route_type;
    if !draft.table
        && matches!(
            kind,
            route_type::LOCAL | route_type::BROADCAST | route_type::NAT | route_type::ANYCAST
        )
    {
        route.table = table::LOCAL;
    }
    if !draft.scope {
        let by_nexthop = draft.gateway || draft.several || route.others.get(rta::NH_ID).is_some();
        route.scope = match kind {
            _ if matches!(route.family, family::INET6 | family::MPLS) => scope::UNIVERSE,
            route_type::LOCAL | route_type::NAT => scope::HOST,
            route_type::BROADCAST | route_type::MULTICAST | route_type::ANYCAST => scope::LINK,
            route_type::UNICAST | route_type::UNSPEC if verb == Verb::Delete => scope::NOWHERE,
            route_type::UNICAST | route_type::UNSPEC if !by_nexthop => scope::LINK,
            _ => route.scope,
        };
    }
    route
}

/// A word that is no keyword: a type of route, then the destination.
fn destination(words: &mut Words<'_>, draft: &mut Draft, word: String) -> Result<(), Failure> {
    let mut word = words.after("to", word)?;
    if !word.starts_with(|first: char| first.is_ascii_digit())
        && let Some(kind) = route_type_named(&word)
    {
        draft.route.route_type = kind;
        word = words.value()?;
    }
    if matches(&word, "help") {
        return Err(Failure::words(USAGE));
    }
    if draft.destination {
        return Err(Failure::garbage("to", &word));
    }
    let destination = prefix(&word, draft.route.family)?;
    adopt(&mut draft.route.family, destination.family);
    draft.route.destination_length = destination.length;
    draft.route.destination = destination.address;
    draft.destination = true;
    Ok(())
}

/// The first address says the family.
fn adopt(family: &mut u8, said: u8) {
    if *family == family::UNSPEC {
        *family = said;
    }
}

const KEYWORDS: &[Keyword<Draft>] = &[
    exact("src", |words, draft, _| {
        draft.route.prefsrc = host(words, &mut draft.route.family)?;
        Ok(())
    }),
    exact("via", |words, draft, word| {
        if draft.gateway {
            return Err(Failure::invalid("use nexthop syntax to specify multiple via\n", word));
        }
        draft.gateway = true;
        draft.route.gateway = gateway(words, &mut draft.route.family)?;
        Ok(())
    }),
    exact("from", |words, draft, _| {
        let source = prefix(&words.value()?, draft.route.family)?;
        adopt(&mut draft.route.family, source.family);
        draft.route.source = source.address;
        draft.route.source_length = source.length;
        Ok(())
    }),
    exact("tos", tos),
    short("dsfield", tos),
    exact("expires", |words, draft, _| {
        let value = number(words, "\"expires\" value is invalid\n")?;
        draft.route.others.push(rta::EXPIRES, &value.to_ne_bytes());
        Ok(())
    }),
    short("metric", metric),
    short("priority", metric),
    exact("preference", metric),
    exact("scope", |words, draft, _| {
        let value = words.value()?;
        draft.route.scope = octet(words.databases, Names::Scope, &value, "invalid \"scope\" value\n")?;
        draft.scope = true;
        Ok(())
    }),
    exact("mtu", |words, draft, _| {
        draft.metrics.number(words, metrics::MTU, "mtu")
    }),
    exact("hoplimit", |words, draft, _| draft.metrics.hoplimit(words)),
    exact("advmss", |words, draft, _| {
        draft.metrics.number(words, metrics::ADVMSS, "mss")
    }),
    short("reordering", |words, draft, _| {
        draft.metrics.number(words, metrics::REORDERING, "reordering")
    }),
    exact("rtt", |words, draft, _| {
        draft.metrics.time(words, metrics::RTT, "rtt", 8)
    }),
    exact("rto_min", |words, draft, _| draft.metrics.rto_min(words)),
    short("window", |words, draft, _| {
        draft.metrics.number(words, metrics::WINDOW, "window")
    }),
    short("cwnd", |words, draft, _| {
        draft.metrics.number(words, metrics::CWND, "cwnd")
    }),
    short("initcwnd", |words, draft, _| {
        draft.metrics.number(words, metrics::INITCWND, "initcwnd")
    }),
    short("initrwnd", |words, draft, _| {
        draft.metrics.number(words, metrics::INITRWND, "initrwnd")
    }),
    short("features", |words, draft, _| draft.metrics.features(words)),
    short("quickack", |words, draft, _| {
        draft.metrics.truth(words, metrics::QUICKACK, "quickack")
    }),
    short("congctl", |words, draft, _| draft.metrics.congestion_control(words)),
    short("rttvar", |words, draft, _| {
        draft.metrics.time(words, metrics::RTTVAR, "rttvar", 4)
    }),
    short("ssthresh", |words, draft, _| {
        draft.metrics.number(words, metrics::SSTHRESH, "ssthresh")
    }),
    short("realms", |words, draft, _| {
        let value = words.value()?;
        let realms =
            realms(words.databases, &value).ok_or_else(|| Failure::invalid("\"realm\" value is invalid\n", &value))?;
        draft.route.others.push(rta::FLOW, &realms.to_ne_bytes());
        Ok(())
    }),
    exact("onlink", |_, draft, _| {
        draft.route.flags |= flag::ONLINK;
        Ok(())
    }),
    exact("nexthop", |words, draft, word| {
        draft.several = true;
        words.put_back(word.to_owned());
        nexthops(words, &mut draft.route)
    }),
    exact("nhid", |words, draft, _| {
        let value = number(words, "\"id\" value is invalid\n")?;
        draft.route.others.push(rta::NH_ID, &value.to_ne_bytes());
        Ok(())
    }),
    short("protocol", |words, draft, _| {
        let value = words.value()?;
        draft.route.protocol = octet(
            words.databases,
            Names::Protocol,
            &value,
            "\"protocol\" value is invalid\n",
        )?;
        Ok(())
    }),
    short("table", |words, draft, _| {
        let value = words.value()?;
        let table = words.databases.number(Names::Table, &value);
        draft.route.table = table.ok_or_else(|| Failure::invalid("\"table\" value is invalid\n", &value))?;
        draft.table = true;
        Ok(())
    }),
    exact("dev", device),
    exact("oif", device),
    short("pref", |words, draft, _| {
        let value = words.value()?;
        draft.route.pref = Some(match value.as_str() {
            "low" => 3,
            "medium" => 0,
            "high" => 1,
            value => super::number::unsigned(value, 255)
                .and_then(|value| u8::try_from(value).ok())
                .ok_or_else(|| Failure::invalid("\"pref\" value is invalid\n", value))?,
        });
        Ok(())
    }),
    exact("ttl-propagate", |words, draft, _| {
        let value = words.value()?;
        let propagate = match value.as_str() {
            value if matches(value, "enabled") => 1,
            value if matches(value, "disabled") => 0,
            value => return Err(Failure::invalid("\"ttl-propagate\" value is invalid\n", value)),
        };
        draft.route.others.push(rta::TTL_PROPAGATE, &[propagate]);
        Ok(())
    }),
    short("fastopen_no_cookie", |words, draft, _| {
        draft
            .metrics
            .truth(words, metrics::FASTOPEN_NO_COOKIE, "fastopen_no_cookie")
    }),
];

fn tos(words: &mut Words<'_>, draft: &mut Draft, _: &str) -> Result<(), Failure> {
    let value = words.value()?;
    draft.route.tos = octet(words.databases, Names::Field, &value, "\"tos\" value is invalid\n")?;
    Ok(())
}

fn metric(words: &mut Words<'_>, draft: &mut Draft, _: &str) -> Result<(), Failure> {
    draft.route.priority = Some(number(words, "\"metric\" value is invalid\n")?);
    Ok(())
}

fn device(words: &mut Words<'_>, draft: &mut Draft, _: &str) -> Result<(), Failure> {
    draft.device = Some(words.value()?);
    Ok(())
}

/// `nexthop via .. dev .. weight .. onlink`, again and again up to the end.
fn nexthops(words: &mut Words<'_>, route: &mut Route) -> Result<(), Failure> {
    while let Some(word) = words.next() {
        if word != "nexthop" {
            let text = format!("Error: \"nexthop\" or end of line is expected instead of \"{word}\"");
            return Err(Failure::words(text));
        }
        let mut hop = Nexthop::default();
        let mut said = false;
        while let Some(word) = words.next() {
            match word.as_str() {
                "via" => hop.gateway = gateway(words, &mut route.family)?,
                "dev" => {
                    let name = words.value()?;
                    hop.index = words.device(&name).map_err(|failure| Failure {
                        text: format!("{}Error: cannot parse nexthop\n", failure.text),
                        code: 255,
                    })?;
                }
                "weight" => {
                    let value = words.value()?;
                    let weight = u32_from(&value).filter(|weight| (1..=256).contains(weight));
                    let hops = weight.and_then(|weight| u8::try_from(weight - 1).ok());
                    hop.hops = hops.ok_or_else(|| Failure::invalid("\"weight\" is invalid\n", &value))?;
                }
                "onlink" => hop.flags |= flag::ONLINK as u8,
                other => {
                    words.put_back(other.to_owned());
                    break;
                }
            }
            said = true;
        }
        if !said && words.is_at_end() {
            return Err(Failure::words("Error: unexpected end of line after \"nexthop\""));
        }
        route.multipath.push(hop);
    }
    Ok(())
}

/// A gateway, perhaps after the word for a family that is not the route's.
fn gateway(words: &mut Words<'_>, family: &mut u8) -> Result<Option<IpAddr>, Failure> {
    let mut value = words.value()?;
    let mut asked = *family;
    if let Some(named) = family_named(&value) {
        asked = named;
        value = words.value()?;
    }
    let (said, address) = address(&value, asked)?;
    adopt(family, said);
    Ok(address)
}

fn host(words: &mut Words<'_>, family: &mut u8) -> Result<Option<IpAddr>, Failure> {
    let (said, address) = address(&words.value()?, *family)?;
    adopt(family, said);
    Ok(address)
}

fn number(words: &mut Words<'_>, message: &str) -> Result<u32, Failure> {
    let value = words.value()?;
    u32_from(&value).ok_or_else(|| Failure::invalid(message, &value))
}

fn octet(databases: &Databases, which: Names, value: &str, message: &str) -> Result<u8, Failure> {
    let number = databases
        .number(which, value)
        .and_then(|number| u8::try_from(number).ok());
    number.ok_or_else(|| Failure::invalid(message, value))
}

/// `TO` or `FROM/TO`, by name or number; or both in one number.
fn realms(databases: &Databases, text: &str) -> Option<u32> {
    let realm = |text: &str| {
        if text.is_empty() {
            Some(0)
        } else {
            databases.number(Names::Realm, text)
        }
    };
    let named = match text.split_once('/') {
        Some((from, to)) => realm(from).zip(realm(to)).map(|(from, to)| from << 16 | to),
        None => databases.number(Names::Realm, text),
    };
    named.or_else(|| u32_from(text))
}

/// The type of route that a word names.
pub(super) fn route_type_named(word: &str) -> Option<u8> {
    const EXACT: &[(&str, u8)] = &[("local", 2), ("nat", 10), ("brd", 3), ("throw", 9)];
    const SHORT: &[(&str, u8)] = &[
        ("broadcast", 3),
        ("anycast", 4),
        ("multicast", 5),
        ("prohibit", 8),
        ("unreachable", 7),
        ("blackhole", 6),
        ("xresolve", 11),
        ("unicast", 1),
    ];
    let named = EXACT.iter().find(|(name, _)| *name == word);
    let named = named.or_else(|| SHORT.iter().find(|(name, _)| matches(word, name)));
    named
        .map(|(_, kind)| *kind)
        .or_else(|| super::number::unsigned(word, 255).and_then(|kind| u8::try_from(kind).ok()))
}

/// What follows `show` or `flush`.
pub(super) fn select(words: &mut Words<'_>) -> Result<Selector, Failure> {
    let mut selector = Selector {
        table: table::MAIN,
        family: words.family,
        ..Selector::default()
    };
    while let Some(word) = words.next() {
        match find(SELECTORS, &word) {
            Some(row) => (row.parse)(words, &mut selector, &word)?,
            None => select_destination(words, &mut selector, word)?,
        }
    }
    if selector.family == family::UNSPEC && selector.table != 0 {
        selector.family = family::INET;
    }
    if let Some(name) = selector.input.take() {
        selector.iif = Some(words.device(&name)?);
    }
    if let Some(name) = selector.device.take() {
        selector.oif = Some(words.device(&name)?);
    }
    Ok(selector)
}

fn select_destination(words: &mut Words<'_>, selector: &mut Selector, word: String) -> Result<(), Failure> {
    let mut word = word;
    if matches(&word, "to") {
        word = words.value()?;
    }
    let family = selector.family;
    let read = |text: &str| prefix(text, family);
    if matches(&word, "root") {
        selector.root = Some(read(&words.value()?)?);
    } else if matches(&word, "match") {
        selector.within = Some(read(&words.value()?)?);
    } else {
        if matches(&word, "exact") {
            word = words.value()?;
        }
        let exact = read(&word)?;
        (selector.root, selector.within) = (Some(exact), Some(exact));
    }
    Ok(())
}

const SELECTORS: &[Keyword<Selector>] = &[
    short("table", |words, selector, _| {
        let value = words.value()?;
        match (words.databases.number(Names::Table, &value), value.as_str()) {
            (Some(table), _) => selector.table = table,
            (None, "all") => selector.table = 0,
            (None, "cache") => selector.cloned = true,
            (None, "help") => return Err(Failure::words(USAGE)),
            (None, value) => return Err(Failure::invalid("table id value is invalid\n", value)),
        }
        Ok(())
    }),
    short("cached", cached),
    short("cloned", cached),
    exact("tos", select_tos),
    short("dsfield", select_tos),
    short("protocol", |words, selector, _| {
        let value = words.value()?;
        selector.protocol = match value.as_str() {
            "all" => None,
            value => Some(octet(
                words.databases,
                Names::Protocol,
                value,
                "invalid \"protocol\"\n",
            )?),
        };
        Ok(())
    }),
    short("scope", |words, selector, _| {
        let value = words.value()?;
        selector.scope = match value.as_str() {
            "all" => None,
            value => Some(octet(words.databases, Names::Scope, value, "invalid \"scope\"\n")?),
        };
        Ok(())
    }),
    short("type", |words, selector, _| {
        let value = words.value()?;
        let kind = route_type_named(&value).ok_or_else(|| Failure::invalid("node type value is invalid\n", &value))?;
        selector.route_type = Some(kind);
        Ok(())
    }),
    exact("dev", select_device),
    exact("oif", select_device),
    exact("iif", |words, selector, _| {
        selector.input = Some(words.value()?);
        Ok(())
    }),
    short("metric", select_metric),
    short("priority", select_metric),
    exact("preference", select_metric),
    exact("via", |words, selector, _| {
        let mut value = words.value()?;
        let mut family = selector.family;
        if let Some(named) = family_named(&value) {
            family = named;
            value = words.value()?;
        }
        selector.via = Some(prefix(&value, family)?);
        Ok(())
    }),
    exact("src", |words, selector, _| {
        selector.prefsrc = Some(prefix(&words.value()?, selector.family)?);
        Ok(())
    }),
];

fn cached(_: &mut Words<'_>, selector: &mut Selector, _: &str) -> Result<(), Failure> {
    selector.cloned = true;
    Ok(())
}

fn select_tos(words: &mut Words<'_>, selector: &mut Selector, _: &str) -> Result<(), Failure> {
    let value = words.value()?;
    selector.tos = Some(octet(words.databases, Names::Field, &value, "TOS value is invalid\n")?);
    Ok(())
}

fn select_metric(words: &mut Words<'_>, selector: &mut Selector, _: &str) -> Result<(), Failure> {
    selector.metric = Some(number(words, "\"metric\" value is invalid\n")?);
    Ok(())
}

fn select_device(words: &mut Words<'_>, selector: &mut Selector, _: &str) -> Result<(), Failure> {
    selector.device = Some(words.value()?);
    Ok(())
}

/// What follows `get`: a destination, and what else decides the way there.
pub(super) fn get(words: &mut Words<'_>) -> Result<Route, Failure> {
    let mut draft = Draft::default();
    draft.route.family = words.family;
    while let Some(word) = words.next() {
        match find(GET, &word) {
            Some(row) => (row.parse)(words, &mut draft, &word)?,
            None => get_destination(words, &mut draft, word)?,
        }
    }
    if !draft.destination {
        return Err(Failure::inapplicable("need at least a destination address"));
    }
    if let Some(name) = draft.device.take() {
        draft.route.oif = Some(words.device(&name)?);
    }
    if draft.route.family == family::UNSPEC {
        draft.route.family = family::INET;
    }
    // Only IPv4 can say which table the route stands in.
    if draft.route.family == family::INET {
        draft.route.flags |= LOOKUP_TABLE;
    }
    Ok(draft.route)
}

/// RTM_F_LOOKUP_TABLE and RTM_F_FIB_MATCH.
const LOOKUP_TABLE: u32 = 0x1000;
const FIB_MATCH: u32 = 0x2000;

fn get_destination(words: &mut Words<'_>, draft: &mut Draft, word: String) -> Result<(), Failure> {
    let word = words.after("to", word)?;
    if matches(&word, "help") {
        return Err(Failure::words(USAGE));
    }
    let destination = prefix(&word, draft.route.family)?;
    adopt(&mut draft.route.family, destination.family);
    draft.route.destination = destination.address;
    let whole = super::prefix::bits(draft.route.family);
    if destination.length != whole {
        let length = destination.length;
        words.warnings.push_str(&format!(
            "Warning: /{length} as prefix is invalid, only /{whole} (or none) is supported.\n"
        ));
    }
    draft.route.destination_length = whole;
    draft.destination = true;
    Ok(())
}

const GET: &[Keyword<Draft>] = &[
    exact("tos", |words, draft, _| {
        let value = words.value()?;
        draft.route.tos = octet(words.databases, Names::Field, &value, "TOS value is invalid\n")?;
        Ok(())
    }),
    short("from", |words, draft, _| {
        let source = prefix(&words.value()?, draft.route.family)?;
        adopt(&mut draft.route.family, source.family);
        draft.route.source = source.address;
        draft.route.source_length = source.length;
        Ok(())
    }),
    short("iif", |words, draft, _| {
        let name = words.value()?;
        draft.route.iif = Some(words.device(&name)?);
        Ok(())
    }),
    short("mark", |words, draft, _| {
        let mark = number(words, "invalid mark value")?;
        draft.route.others.push(rta::MARK, &mark.to_ne_bytes());
        Ok(())
    }),
    short("oif", device),
    exact("dev", device),
    short("uid", |words, draft, _| {
        let uid = number(words, "invalid UID\n")?;
        draft.route.others.push(rta::UID, &uid.to_ne_bytes());
        Ok(())
    }),
    short("fibmatch", |_, draft, _| {
        draft.route.flags |= FIB_MATCH;
        Ok(())
    }),
];

/// How to use it.
pub(super) const USAGE: &str = "\
Usage: ip route { list | flush } SELECTOR
       ip route get ADDRESS [ from ADDRESS iif STRING ] [ oif STRING ] [ tos TOS ]
       ip route { add | del | change | append | prepend | replace } ROUTE
SELECTOR := [ root PREFIX ] [ match PREFIX ] [ exact PREFIX ]
            [ table TABLE_ID ] [ proto RTPROTO ] [ type TYPE ] [ scope SCOPE ]
ROUTE := [ TYPE ] PREFIX [ tos TOS ] [ table TABLE_ID ] [ proto RTPROTO ]
         [ scope SCOPE ] [ metric METRIC ] [ src ADDRESS ]
         { NH | nhid ID } OPTIONS [ nexthop NH ]...
NH := [ via [ FAMILY ] ADDRESS ] [ dev STRING ] [ weight NUMBER ] [ onlink ]
";
