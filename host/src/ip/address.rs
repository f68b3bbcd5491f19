//! `ip address`: what is said of an address, and how it is shown.

use super::failure::Failure;
use super::names::{Databases, LinkNames, Names};
use super::number::u32_from;
use super::options::Options;
use super::prefix::{Prefix, address, family_name, prefix};
use super::print::Printer;
use super::words::{Keyword, Words, exact, find, matches, short};
use crate::object::address::{FOREVER, Lifetime, flag};
use crate::object::{Address, Change, Link, Object, family, route};
use std::net::{IpAddr, Ipv4Addr};

/// A flag of an address: its word, its bit, whether it can be asked for, and whether only of IPv6 addresses.
struct Flag {
    word: &'static str,
    bit: u32,
    told_only: bool,
    ipv6_only: bool,
}

const fn told(word: &'static str, bit: u32, ipv6_only: bool) -> Flag {
    Flag {
        word,
        bit,
        told_only: true,
        ipv6_only,
    }
}

const fn asked(word: &'static str, bit: u32, ipv6_only: bool) -> Flag {
    Flag {
        word,
        bit,
        told_only: false,
        ipv6_only,
    }
}

const FLAGS: &[Flag] = &[
    told("secondary", flag::SECONDARY, false),
    told("temporary", flag::SECONDARY, false),
    asked("nodad", 1 << 1, true),
    asked("optimistic", 1 << 2, true),
    told("dadfailed", 1 << 3, true),
    asked("home", 1 << 4, true),
    told("deprecated", flag::DEPRECATED, true),
    told("tentative", 1 << 6, true),
    told("permanent", flag::PERMANENT, true),
    asked("mngtmpaddr", 1 << 8, true),
    asked("noprefixroute", 1 << 9, false),
    asked("autojoin", flag::MCAUTOJOIN, false),
    told("stable-privacy", 1 << 11, true),
];

fn flag_named(word: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.word == word)
}

/// What is asked for as the broadcast address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Broadcast {
    Ones,
    Zeros,
    Said,
}

/// An address as far as it is said.
#[derive(Default)]
struct Draft {
    address: Address,
    device: Option<String>,
    local: Option<(String, Prefix)>,
    peer: Option<Prefix>,
    broadcast: Option<Broadcast>,
    anycast: bool,
    scope: bool,
    preferred: Option<u32>,
    valid: Option<u32>,
}

/// The verbs that change an address.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Change,
    Replace,
    Delete,
}

/// What follows a verb that changes an address.
pub(super) fn modify(verb: Verb, words: &mut Words<'_>) -> Result<Change, Failure> {
    let mut draft = Draft::default();
    draft.address.family = words.family;
    while let Some(word) = words.next() {
        match find(KEYWORDS, &word) {
            Some(row) => (row.parse)(words, &mut draft, &word)?,
            None if flag_named(&word).is_some() => add_flag(words, &mut draft, &word),
            None => local(words, &mut draft, word)?,
        }
    }
    let address = Object::Address(Box::new(finish(verb, words, draft)?));
    Ok(match verb {
        Verb::Add => Change::Add(address),
        Verb::Change => Change::Set(address),
        Verb::Replace => Change::Replace(address),
        Verb::Delete => Change::Delete(address),
    })
}

fn local(words: &mut Words<'_>, draft: &mut Draft, word: String) -> Result<(), Failure> {
    let word = words.after("local", word)?;
    if matches(&word, "help") {
        return Err(Failure::words(USAGE));
    }
    if draft.local.is_some() {
        return Err(Failure::garbage("local", &word));
    }
    let local = prefix(&word, draft.address.family)?;
    adopt(&mut draft.address.family, local.family);
    draft.address.local = local.address;
    draft.local = Some((word, local));
    Ok(())
}

fn adopt(family: &mut u8, said: u8) {
    if *family == family::UNSPEC {
        *family = said;
    }
}

fn add_flag(words: &mut Words<'_>, draft: &mut Draft, word: &str) {
    let Some(flag) = flag_named(word) else { return };
    if flag.told_only {
        words
            .warnings
            .push_str(&format!("Warning: {word} option is not mutable from userspace\n"));
    } else if flag.ipv6_only && draft.address.family != family::INET6 {
        words
            .warnings
            .push_str(&format!("Warning: {word} option can be set only for IPv6 addresses\n"));
    } else {
        draft.address.flags |= flag.bit;
    }
}

/// What was not said follows from what was.
fn finish(verb: Verb, words: &mut Words<'_>, draft: Draft) -> Result<Address, Failure> {
    let mut address = draft.address;
    let Some(device) = draft.device else {
        return Err(Failure::inapplicable(
            "Not enough information: \"dev\" argument is required.",
        ));
    };
    let local = draft.local.as_ref().map(|(_, local)| *local);
    let mut peer = draft.peer;
    if let (None, Some((word, local))) = (draft.peer, &draft.local)
        && local.address.is_some()
    {
        if verb == Verb::Delete && local.family == family::INET && !local.length_said {
            let bits = super::prefix::bits(local.family);
            words.warnings.push_str(&format!(
                "Warning: Executing wildcard deletion to stay compatible with old scripts.\n         Explicitly specify \
                 the prefix length ({word}/{bits}) to avoid this warning.\n         This special behaviour is likely to \
                 disappear in further releases,\n         fix your scripts!\n"
            ));
        } else {
            peer = Some(*local);
            address.address = local.address;
        }
    }
    if address.prefix_length == 0 {
        address.prefix_length = local.map_or(0, |local| local.length);
    }
    if let Some(rule @ (Broadcast::Ones | Broadcast::Zeros)) = draft.broadcast
        && verb != Verb::Delete
    {
        if address.family != family::INET {
            return Err(Failure::inapplicable("Broadcast can be set only for IPv4 addresses"));
        }
        address.broadcast = peer.and_then(|peer| broadcast_of(peer, rule));
    }
    if !draft.scope && verb != Verb::Delete {
        let loopback = matches!(address.local, Some(IpAddr::V4(local)) if local.is_loopback());
        address.scope = if loopback {
            route::scope::HOST
        } else {
            route::scope::UNIVERSE
        };
    }
    address.index = words.device(&device)?;
    if draft.valid.is_some() || draft.preferred.is_some() {
        let lifetime = Lifetime {
            preferred: draft.preferred.unwrap_or(FOREVER),
            valid: draft.valid.unwrap_or(FOREVER),
        };
        if lifetime.valid == 0 {
            return Err(Failure::inapplicable("valid_lft is zero"));
        }
        if lifetime.valid < lifetime.preferred {
            return Err(Failure::inapplicable("preferred_lft is greater than valid_lft"));
        }
        address.lifetime = Some(lifetime);
    }
    if address.flags & flag::MCAUTOJOIN != 0 && !address.local.is_some_and(|local| local.is_multicast()) {
        return Err(Failure::inapplicable("autojoin needs multicast address"));
    }
    Ok(address)
}

/// All host bits one, or zero; a subnet of two addresses has none.
fn broadcast_of(network: Prefix, rule: Broadcast) -> Option<IpAddr> {
    let IpAddr::V4(address) = network.address? else {
        return None;
    };
    let host = u32::MAX
        .checked_shr(u32::from(network.length))
        .filter(|_| network.length <= 30)?;
    let bits = match rule {
        Broadcast::Ones => address.to_bits() | host,
        _ => address.to_bits() & !host,
    };
    Some(Ipv4Addr::from_bits(bits).into())
}

const KEYWORDS: &[Keyword<Draft>] = &[
    exact("peer", peer),
    exact("remote", peer),
    short("broadcast", broadcast),
    exact("brd", broadcast),
    exact("anycast", |words, draft, _| {
        let value = words.value()?;
        if draft.anycast {
            return Err(Failure::duplicate("anycast", &value));
        }
        let (said, anycast) = address(&value, draft.address.family)?;
        adopt(&mut draft.address.family, said);
        draft.address.anycast = anycast;
        draft.anycast = true;
        Ok(())
    }),
    exact("scope", |words, draft, _| {
        let value = words.value()?;
        let scope = words
            .databases
            .number(Names::Scope, &value)
            .and_then(|scope| u8::try_from(scope).ok());
        draft.address.scope = scope.ok_or_else(|| Failure::invalid("invalid scope value.", &value))?;
        draft.scope = true;
        Ok(())
    }),
    exact("dev", |words, draft, _| {
        draft.device = Some(words.value()?);
        Ok(())
    }),
    exact("label", |words, draft, _| {
        draft.address.label = Some(words.value()?);
        Ok(())
    }),
    short("metric", metric),
    short("priority", metric),
    short("preference", metric),
    short("valid_lft", |words, draft, word| {
        lifetime(words, &mut draft.valid, "valid_lft", word, "valid_lft value")
    }),
    short("preferred_lft", |words, draft, word| {
        lifetime(
            words,
            &mut draft.preferred,
            "preferred_lft",
            word,
            "preferred_lft value",
        )
    }),
];

fn peer(words: &mut Words<'_>, draft: &mut Draft, _: &str) -> Result<(), Failure> {
    let value = words.value()?;
    if draft.peer.is_some() {
        return Err(Failure::duplicate("peer", &value));
    }
    let peer = prefix(&value, draft.address.family)?;
    adopt(&mut draft.address.family, peer.family);
    draft.address.address = peer.address;
    draft.address.prefix_length = peer.length;
    draft.peer = Some(peer);
    Ok(())
}

fn broadcast(words: &mut Words<'_>, draft: &mut Draft, _: &str) -> Result<(), Failure> {
    let value = words.value()?;
    if draft.broadcast.is_some() {
        return Err(Failure::duplicate("broadcast", &value));
    }
    draft.broadcast = Some(match value.as_str() {
        "+" => Broadcast::Ones,
        "-" => Broadcast::Zeros,
        value => {
            let (said, broadcast) = address(value, draft.address.family)?;
            adopt(&mut draft.address.family, said);
            draft.address.broadcast = broadcast;
            Broadcast::Said
        }
    });
    Ok(())
}

fn metric(words: &mut Words<'_>, draft: &mut Draft, _: &str) -> Result<(), Failure> {
    let value = words.value()?;
    let metric = u32_from(&value).ok_or_else(|| Failure::invalid("\"metric\" value is invalid\n", &value))?;
    draft.address.metric = Some(metric);
    Ok(())
}

fn lifetime(
    words: &mut Words<'_>,
    place: &mut Option<u32>,
    keyword: &str,
    word: &str,
    message: &str,
) -> Result<(), Failure> {
    if place.is_some() {
        return Err(Failure::duplicate(keyword, word));
    }
    let value = words.value()?;
    let seconds = if value == "forever" {
        Some(FOREVER)
    } else {
        u32_from(&value)
    };
    *place = Some(seconds.ok_or_else(|| Failure::invalid(message, &value))?);
    Ok(())
}

/// Which links and addresses are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    pub(crate) family: u8,
    pub(crate) device: Option<String>,
    pub(crate) index: u32,
    pub(crate) up: bool,
    pub(crate) to: Option<Prefix>,
    pub(crate) scope: Option<u8>,
    pub(crate) flags: u32,
    pub(crate) flag_mask: u32,
    pub(crate) label: Option<String>,
    pub(crate) group: Option<u32>,
    /// `Some(0)`: of no master.
    pub(crate) master: Option<u32>,
    pub(crate) kind: Option<String>,
    pub(crate) port_kind: Option<String>,
}

/// What follows `show` or `flush`.
pub(super) fn select(words: &mut Words<'_>, links_only: bool) -> Result<Selector, Failure> {
    let family = if links_only { family::PACKET } else { words.family };
    let mut selector = Selector {
        family,
        ..Selector::default()
    };
    while let Some(word) = words.next() {
        if let Some(row) = find(SELECTORS, &word) {
            (row.parse)(words, &mut selector, &word)?;
        } else if !select_flag(&mut selector, &word) {
            let word = words.after("dev", word)?;
            if matches(&word, "help") {
                return Err(Failure::words(if links_only { super::link::USAGE } else { USAGE }));
            }
            if selector.device.is_some() {
                return Err(Failure::garbage("dev", &word));
            }
            selector.device = Some(word);
        }
    }
    if let Some(name) = &selector.device {
        let missing = || Failure::inapplicable(format!("Device \"{name}\" does not exist."));
        selector.index = words.links.index_of(name).ok_or_else(missing)?;
    }
    Ok(selector)
}

/// Whether a word was a flag, with or without a minus before it.
fn select_flag(selector: &mut Selector, word: &str) -> bool {
    let (inverted, word) = match word.strip_prefix('-') {
        Some(word) => (true, word),
        None => (false, word),
    };
    let (inverted, word) = match word {
        "dynamic" => (!inverted, "permanent"),
        "primary" => (!inverted, "secondary"),
        word => (inverted, word),
    };
    let Some(flag) = flag_named(word) else { return false };
    if inverted {
        selector.flags &= !flag.bit;
    } else {
        selector.flags |= flag.bit;
    }
    selector.flag_mask |= flag.bit;
    true
}

const SELECTORS: &[Keyword<Selector>] = &[
    exact("to", |words, selector, _| {
        let to = prefix(&words.value()?, selector.family)?;
        adopt(&mut selector.family, to.family);
        selector.to = Some(to);
        Ok(())
    }),
    exact("scope", |words, selector, _| {
        let value = words.value()?;
        selector.scope = match value.as_str() {
            "all" => None,
            value => {
                let scope = words
                    .databases
                    .number(Names::Scope, value)
                    .and_then(|scope| u8::try_from(scope).ok());
                Some(scope.ok_or_else(|| Failure::invalid("invalid \"scope\"\n", value))?)
            }
        };
        Ok(())
    }),
    exact("up", |_, selector, _| {
        selector.up = true;
        Ok(())
    }),
    exact("label", |words, selector, _| {
        selector.label = Some(words.value()?);
        Ok(())
    }),
    exact("group", |words, selector, _| {
        let value = words.value()?;
        let group = words.databases.number(Names::Group, &value);
        selector.group = Some(group.ok_or_else(|| Failure::invalid("Invalid \"group\" value\n", &value))?);
        Ok(())
    }),
    exact("master", |words, selector, _| {
        let value = words.value()?;
        let master = words.links.index_of(&value);
        selector.master = Some(master.ok_or_else(|| Failure::invalid("Device does not exist\n", &value))?);
        Ok(())
    }),
    exact("nomaster", |_, selector, _| {
        selector.master = Some(0);
        Ok(())
    }),
    exact("type", |words, selector, _| {
        let value = words.value()?;
        match value.strip_suffix("_slave") {
            Some(kind) => selector.port_kind = Some(kind.to_owned()),
            None => selector.kind = Some(value),
        }
        Ok(())
    }),
];

impl Selector {
    /// Whether an address is one of those meant.
    pub(super) fn selects(&self, address: &Address, links: &mut LinkNames<'_>) -> bool {
        let label = |pattern: &String| {
            let name = address.label.clone().unwrap_or_else(|| links.name(address.index));
            like(pattern, &name)
        };
        (self.index == 0 || self.index == address.index)
            && (self.family == family::UNSPEC || self.family == address.family)
            && self.scope.is_none_or(|scope| scope == address.scope)
            && (self.flags ^ address.flags) & self.flag_mask == 0
            && self.label.as_ref().is_none_or(label)
            && self.to.is_none_or(|to| {
                let local = address.local.or(address.address);
                to.family == family::UNSPEC || to.family == address.family && to.covers(local, to.length)
            })
    }

    /// Whether a link's addresses are to be shown: some of them is meant, or it has none and none are excluded.
    pub(super) fn selects_link(&self, link: &Link, addresses: &[Address], links: &mut LinkNames<'_>) -> bool {
        let mut own = addresses
            .iter()
            .filter(|address| address.index == link.index)
            .peekable();
        match own.peek() {
            None => matches!(self.family, family::UNSPEC | family::PACKET),
            Some(_) => own.any(|address| self.selects(address, links)),
        }
    }
}

/// Whether a name is like a pattern with `*` and `?`.
fn like(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // Where to go on if what follows the last `*` does not fit: that star takes one letter more.
    let (mut at, mut from, mut star) = (0, 0, None);
    while from < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, from));
                at += 1;
            }
            Some(letter) if *letter == '?' || *letter == name[from] => (at, from) = (at + 1, from + 1),
            _ => match star {
                Some((place, taken)) => {
                    star = Some((place, taken + 1));
                    (at, from) = (place + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|letter| *letter == '*')
}

/// Shows one address; in brief only it and its prefix.
pub(super) fn show(
    address: &Address,
    options: &Options,
    databases: &Databases,
    links: &mut LinkNames<'_>,
    out: &mut Printer,
) {
    if !options.brief {
        if options.oneline {
            let name = links.name(address.index);
            out.number("index", address.index, format_args!("{}: ", address.index));
            out.string("dev", &name, format_args!("{name}"));
        }
        let name = family_name(address.family);
        out.string("family", name, format_args!("    {name} "));
    }
    let local = address.local.or(address.address);
    if let Some(local) = local {
        out.string("local", &local.to_string(), format_args!("{local}"));
        if let Some(peer) = address.address.filter(|peer| *peer != local) {
            out.string("address", &peer.to_string(), format_args!(" peer {peer}"));
        }
        out.number(
            "prefixlen",
            address.prefix_length,
            format_args!("/{} ", address.prefix_length),
        );
        if let Some(metric) = address.metric {
            out.number("metric", metric, format_args!("metric {metric} "));
        }
    }
    if options.brief {
        return;
    }
    for (key, word, value) in [
        ("broadcast", "brd", address.broadcast),
        ("anycast", "any", address.anycast),
    ] {
        if let Some(value) = value {
            out.string(key, &value.to_string(), format_args!("{word} {value} "));
        }
    }
    let scope = databases.name(Names::Scope, u32::from(address.scope));
    out.string("scope", &scope, format_args!("scope {scope} "));
    show_flags(address, out);
    if let Some(label) = &address.label {
        out.string("label", label, format_args!("{label}"));
    }
    if let Some(lifetime) = address.lifetime {
        out.new_line();
        let forever = |seconds| seconds == FOREVER;
        out.text(format_args!("       valid_lft "));
        match lifetime.valid {
            valid if forever(valid) => out.number("valid_life_time", valid, format_args!("forever")),
            valid => out.number("valid_life_time", valid, format_args!("{valid}sec")),
        }
        out.text(format_args!(" preferred_lft "));
        match lifetime.preferred {
            preferred if forever(preferred) => {
                out.number("preferred_life_time", preferred, format_args!("forever"));
            }
            preferred if address.flags & flag::DEPRECATED != 0 => {
                let preferred = preferred.cast_signed();
                out.number("preferred_life_time", preferred, format_args!("{preferred}sec"));
            }
            preferred => out.number("preferred_life_time", preferred, format_args!("{preferred}sec")),
        }
    }
    out.text(format_args!("\n"));
}

fn show_flags(address: &Address, out: &mut Printer) {
    let mut left = address.flags;
    for flag in FLAGS {
        let word = flag.word;
        match flag.bit {
            flag::PERMANENT if left & flag::PERMANENT == 0 => out.truth("dynamic", true, format_args!("dynamic ")),
            flag::PERMANENT => {}
            flag::SECONDARY if left & flag::SECONDARY != 0 && address.family == family::INET6 => {
                out.truth("temporary", true, format_args!("temporary "));
            }
            bit if left & bit != 0 => out.truth(word, true, format_args!("{word} ")),
            _ => {}
        }
        left &= !flag.bit;
    }
    if left != 0 {
        out.string("ifa_flags", &format!("{left:02x}"), format_args!("flags {left:02x} "));
    }
}

/// How to use it.
pub(super) const USAGE: &str = "\
Usage: ip address {add|change|replace} IFADDR dev IFNAME [ LIFETIME ] [ CONFFLAG-LIST ]
       ip address del IFADDR dev IFNAME
       ip address flush [ dev IFNAME ] [ scope SCOPE-ID ] [ to PREFIX ] [ FLAG-LIST ] [ label LABEL ]
       ip address [ show [ dev IFNAME ] [ scope SCOPE-ID ] [ master DEVICE ] [ nomaster ]
                         [ type TYPE ] [ to PREFIX ] [ FLAG-LIST ] [ label LABEL ] [up] ]
IFADDR := PREFIX | ADDR peer PREFIX
          [ broadcast ADDR ] [ anycast ADDR ]
          [ label IFNAME ] [ scope SCOPE-ID ] [ metric METRIC ]
LIFETIME := [ valid_lft LFT ] [ preferred_lft LFT ]
LFT := forever | SECONDS
";

#[cfg(test)]
mod tests {
    use super::like;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, name, expected) in [
            ("eth*", "eth0:1", true),
            ("eth?", "eth0", true),
            ("eth?", "eth10", false),
            ("*:*", "eth0:1", true),
            ("*a*b", "xaxxab", true),
            ("*a*b", "xaxxa", false),
            ("", "", true),
            ("", "x", false),
            ("**", "", true),
        ] {
            assert_eq!(like(pattern, name), expected, "{pattern} {name}");
        }
    }
}
