//! `ip link`: what is said of a link.

use super::bridge;
use super::failure::Failure;
use super::names::Names;
use super::number::i32_from;
use super::prefix::link_layer;
use super::words::{Keyword, Words, exact, find, matches, short};
use crate::netlink::namespace;
use crate::object::attribute::Encoder;
use crate::object::link::{flag, ifla};
use crate::object::{Change, Link, Object, family};
use std::os::fd::{AsRawFd, OwnedFd};

/// A link as far as it is said.
#[derive(Default)]
struct Draft {
    link: Link,
    name: Option<String>,
    device: Option<String>,
    below: Option<String>,
    index: Option<u32>,
    kind: Option<String>,
    queue: bool,
    mtu: bool,
    group: bool,
    moves: bool,
    creates: bool,
    /// Kept open until the request is made.
    namespace: Option<OwnedFd>,
}

/// The verbs that change a link.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Set,
    Replace,
    Delete,
}

/// A change to a link, and the namespace that it names.
pub struct Request {
    pub(super) change: Change,
    /// The request holds its number, so it must be open until the kernel has read it.
    _namespace: Option<OwnedFd>,
}

/// What follows a verb that changes a link.
pub(super) fn modify(verb: Verb, words: &mut Words<'_>) -> Result<Request, Failure> {
    let creates = matches!(verb, Verb::Add | Verb::Replace);
    let mut draft = Draft {
        creates,
        ..Draft::default()
    };
    draft.link.family = words.family;
    read(words, &mut draft)?;
    finish(words, &mut draft)?;
    match draft.kind.take() {
        Some(kind) => of_kind(words, &mut draft.link, kind)?,
        None if creates => {
            return Err(Failure::inapplicable(
                "Not enough information: \"type\" argument is required",
            ));
        }
        None => {}
    }
    let object = Object::Link(Box::new(draft.link));
    let change = match verb {
        Verb::Add => Change::Add(object),
        Verb::Set => Change::Set(object),
        Verb::Replace => Change::Replace(object),
        Verb::Delete => Change::Delete(object),
    };
    Ok(Request {
        change,
        _namespace: draft.namespace,
    })
}

/// Words up to `type KIND`.
fn read(words: &mut Words<'_>, draft: &mut Draft) -> Result<(), Failure> {
    while let Some(word) = words.next() {
        match find(KEYWORDS, &word) {
            Some(row) => (row.parse)(words, draft, &word)?,
            None => device(words, draft, word)?,
        }
        if draft.kind.is_some() {
            break;
        }
    }
    Ok(())
}

fn device(words: &mut Words<'_>, draft: &mut Draft, word: String) -> Result<(), Failure> {
    if matches(&word, "help") {
        return Err(Failure::words(USAGE));
    }
    let word = words.after("dev", word)?;
    if draft.device.is_some() && draft.device != draft.name {
        return Err(Failure::garbage("dev", &word));
    }
    if !is_name(&word) {
        return Err(Failure::invalid("\"dev\" not a valid ifname", &word));
    }
    draft.device = Some(word);
    Ok(())
}

/// Whether the kernel takes it as a name, but for its length.
fn is_name(word: &str) -> bool {
    !word.is_empty() && !word.contains(|letter: char| letter == '/' || letter.is_ascii_whitespace())
}

/// What was not said follows from what was.
fn finish(words: &mut Words<'_>, draft: &mut Draft) -> Result<(), Failure> {
    if draft.name.is_none() {
        draft.name.clone_from(&draft.device);
    } else if draft.device.is_none() {
        draft.device.clone_from(&draft.name);
    }
    if let (Some(device), Some(address), false) = (&draft.device, &draft.link.address, draft.creates) {
        let length = address.len();
        if let Some(expected) = words
            .links
            .address_length(device)
            .filter(|expected| *expected != length)
        {
            let text = format!("Invalid address length {length} - must be {expected} bytes");
            return Err(Failure::inapplicable(text));
        }
    }
    if draft.index.is_some() && !draft.creates && !draft.moves {
        let text = "index can be used only when creating devices or when moving device to another netns.";
        return Err(Failure::words(text));
    }
    let Some(device) = draft.device.take() else {
        if draft.group && draft.creates {
            return Err(Failure::words("group cannot be used when creating devices."));
        }
        if draft.group || draft.creates {
            // A change to all links of a group, or a link that the kernel names.
            draft.link.index = draft.index.unwrap_or(0);
            return Ok(());
        }
        return Err(Failure::words("Not enough information: \"dev\" argument is required."));
    };
    if draft.creates {
        if draft.name.as_ref() != Some(&device) {
            return Err(Failure::words(
                "both \"name\" and \"dev\" cannot be used when creating devices.",
            ));
        }
        if let Some(below) = draft.below.take() {
            draft.link.link = Some(words.device(&below)?);
        }
        draft.link.index = draft.index.unwrap_or(0);
        draft.link.name = draft.name.take();
    } else {
        draft.link.index = words.device(&device)?;
        // No renaming to the same name.
        draft.link.name = draft.name.take().filter(|name| *name != device);
        if let Some(index) = draft.index {
            draft.link.others.push(ifla::NEW_IFINDEX, &index.to_ne_bytes());
        }
    }
    Ok(())
}

/// What follows `type KIND`.
fn of_kind(words: &mut Words<'_>, link: &mut Link, kind: String) -> Result<(), Failure> {
    match (kind.as_str(), words.next()) {
        (_, None) => {}
        ("veth", Some(word)) if word == "peer" => {
            let mut draft = Draft {
                creates: true,
                ..Draft::default()
            };
            read(words, &mut draft)?;
            if draft.kind.is_some() {
                return Err(Failure::duplicate("type", &words.next().unwrap_or_default()));
            }
            finish(words, &mut draft)?;
            link.peer = Some(Box::new(draft.link));
        }
        ("veth", Some(_)) => {
            let text = "Usage: ip link <options> type veth [peer <options>]\nTo get <options> type 'ip link add help'";
            return Err(Failure::inapplicable(text));
        }
        ("bridge", Some(word)) => {
            words.put_back(word);
            link.data = bridge::options(words)?;
        }
        ("bridge_slave", Some(word)) => {
            words.put_back(word);
            link.port_data = bridge::port_options(words)?;
        }
        (_, Some(word)) if matches(&word, "help") => return Err(Failure::words(USAGE)),
        (_, Some(word)) => {
            let text = format!("Garbage instead of arguments \"{word} ...\". Try \"ip link help\".");
            return Err(Failure::inapplicable(text));
        }
    }
    // The kernel reads a port's options as those of its master's kind, whatever kind is named.
    link.kind = Some(kind);
    Ok(())
}

const KEYWORDS: &[Keyword<Draft>] = &[
    exact("up", |_, draft, _| {
        draft.link.change |= flag::UP;
        draft.link.flags |= flag::UP;
        Ok(())
    }),
    exact("down", |_, draft, _| {
        draft.link.change |= flag::UP;
        draft.link.flags &= !flag::UP;
        Ok(())
    }),
    exact("name", |words, draft, _| {
        let value = words.value()?;
        if draft.name.is_some() {
            return Err(Failure::duplicate("name", &value));
        }
        // IFNAMSIZ counts the NUL.
        if !is_name(&value) || value.len() >= 16 {
            return Err(Failure::invalid("\"name\" not a valid ifname", &value));
        }
        if draft.device.is_none() {
            draft.device = Some(value.clone());
        }
        draft.name = Some(value);
        Ok(())
    }),
    exact("index", |words, draft, _| {
        let value = words.value()?;
        if draft.index.is_some() {
            return Err(Failure::duplicate("index", &value));
        }
        let index = super::number::leading_unsigned(&value, 10).and_then(|(index, _)| i32::try_from(index).ok());
        let index = index.filter(|index| *index > 0).map(i32::cast_unsigned);
        draft.index = Some(index.ok_or_else(|| Failure::invalid("Invalid \"index\" value", &value))?);
        Ok(())
    }),
    short("link", |words, draft, _| {
        draft.below = Some(words.value()?);
        Ok(())
    }),
    short("address", |words, draft, _| {
        draft.link.address = Some(link_layer(&words.value()?, 32)?);
        Ok(())
    }),
    short("broadcast", broadcast),
    exact("brd", broadcast),
    short("txqueuelen", queue_length),
    exact("qlen", queue_length),
    short("txqlen", queue_length),
    exact("mtu", |words, draft, _| {
        let value = words.value()?;
        if draft.mtu {
            return Err(Failure::duplicate("mtu", &value));
        }
        draft.link.mtu = Some(integer(&value, "Invalid \"mtu\" value\n")?);
        draft.mtu = true;
        Ok(())
    }),
    exact("netns", |words, draft, _| {
        let value = words.value()?;
        if draft.moves {
            return Err(Failure::duplicate("netns", &value));
        }
        match namespace::open(&value) {
            Ok(file) => {
                draft.link.others.push(ifla::NET_NS_FD, &file.as_raw_fd().to_ne_bytes());
                draft.namespace = Some(file);
            }
            Err(_) => {
                let process = integer(&value, "Invalid \"netns\" value\n")?;
                draft.link.others.push(ifla::NET_NS_PID, &process.to_ne_bytes());
            }
        }
        draft.moves = true;
        Ok(())
    }),
    exact("multicast", |words, draft, word| {
        switch(words, draft, word, flag::MULTICAST, true)
    }),
    exact("allmulticast", |words, draft, word| {
        switch(words, draft, word, flag::ALLMULTI, true)
    }),
    exact("promisc", |words, draft, word| {
        switch(words, draft, word, flag::PROMISC, true)
    }),
    exact("trailers", |words, draft, word| {
        switch(words, draft, word, flag::NOTRAILERS, false)
    }),
    exact("arp", |words, draft, word| {
        switch(words, draft, word, flag::NOARP, false)
    }),
    exact("carrier", |words, draft, _| {
        let on = on_off(words, "carrier")?;
        draft.link.others.push(ifla::CARRIER, &[u8::from(on)]);
        Ok(())
    }),
    short("master", |words, draft, _| {
        let value = words.value()?;
        let master = words.links.index_of(&value);
        draft.link.master = Some(master.ok_or_else(|| Failure::invalid("Device does not exist\n", &value))?);
        Ok(())
    }),
    short("nomaster", |_, draft, _| {
        draft.link.master = Some(0);
        Ok(())
    }),
    short("dynamic", |words, draft, _| {
        switch(words, draft, "dynamic", flag::DYNAMIC, true)
    }),
    short("type", |words, draft, _| {
        draft.kind = Some(words.value()?);
        Ok(())
    }),
    short("alias", |words, draft, _| {
        let value = words.value()?;
        // IFALIASZ
        if value.len() >= 256 {
            return Err(Failure::invalid("alias too long\n", &value));
        }
        draft.link.alias = Some(value);
        Ok(())
    }),
    exact("group", |words, draft, _| {
        let value = words.value()?;
        if draft.group {
            return Err(Failure::duplicate("group", &value));
        }
        let group = words.databases.number(Names::Group, &value);
        draft.link.group = Some(group.ok_or_else(|| Failure::invalid("Invalid \"group\" value\n", &value))?);
        draft.group = true;
        Ok(())
    }),
    exact("mode", |words, draft, _| {
        let value = words.value()?;
        let modes = ["default", "dormant"];
        let mode = place_of(&modes, &value).ok_or_else(|| Failure::invalid("Invalid link mode\n", &value))?;
        draft.link.others.push(ifla::LINKMODE, &[mode]);
        Ok(())
    }),
    exact("state", |words, draft, _| {
        let value = words.value()?;
        let state = place_of(&super::link_show::OPERSTATES, &value);
        draft.link.operstate = Some(state.ok_or_else(|| Failure::invalid("Invalid operstate\n", &value))?);
        Ok(())
    }),
    short("numtxqueues", |words, draft, _| {
        let value = integer(&words.value()?, "Invalid \"numtxqueues\" value\n")?;
        draft.link.others.push(ifla::NUM_TX_QUEUES, &value.to_ne_bytes());
        Ok(())
    }),
    short("numrxqueues", |words, draft, _| {
        let value = integer(&words.value()?, "Invalid \"numrxqueues\" value\n")?;
        draft.link.others.push(ifla::NUM_RX_QUEUES, &value.to_ne_bytes());
        Ok(())
    }),
    short("addrgenmode", |words, draft, _| {
        let value = words.value()?;
        let modes = super::link_show::ADDRESS_GENERATION;
        let mode = place_of(&modes, &value);
        let mode = mode.ok_or_else(|| Failure::invalid("Invalid address generation mode\n", &value))?;
        let mut families = Encoder::default();
        families.nested(u16::from(family::INET6), |inet6| {
            inet6.u8(ifla::INET6_ADDR_GEN_MODE, mode)
        });
        draft.link.others.push(ifla::AF_SPEC, families.octets());
        Ok(())
    }),
    exact("protodown", |words, draft, _| {
        let on = on_off(words, "protodown")?;
        draft.link.others.push(ifla::PROTO_DOWN, &[u8::from(on)]);
        Ok(())
    }),
    exact("gso_max_size", |words, draft, _| {
        size(
            words,
            draft,
            ifla::GSO_MAX_SIZE,
            u32::MAX,
            "Invalid \"gso_max_size\" value\n",
        )
    }),
    exact("gso_max_segs", |words, draft, _| {
        size(
            words,
            draft,
            ifla::GSO_MAX_SEGS,
            65535,
            "Invalid \"gso_max_segs\" value\n",
        )
    }),
    exact("gro_max_size", |words, draft, _| {
        size(
            words,
            draft,
            ifla::GRO_MAX_SIZE,
            u32::MAX,
            "Invalid \"gro_max_size\" value\n",
        )
    }),
];

fn size(words: &mut Words<'_>, draft: &mut Draft, kind: u16, limit: u32, message: &str) -> Result<(), Failure> {
    let value = words.value()?;
    let size = super::number::u32_from(&value).filter(|size| *size <= limit);
    let size = size.ok_or_else(|| Failure::invalid(message, &value))?;
    draft.link.others.push(kind, &size.to_ne_bytes());
    Ok(())
}

fn broadcast(words: &mut Words<'_>, draft: &mut Draft, _: &str) -> Result<(), Failure> {
    draft.link.broadcast = Some(link_layer(&words.value()?, 32)?);
    Ok(())
}

fn queue_length(words: &mut Words<'_>, draft: &mut Draft, _: &str) -> Result<(), Failure> {
    let value = words.value()?;
    if draft.queue {
        return Err(Failure::duplicate("txqueuelen", &value));
    }
    draft.link.txqueuelen = Some(integer(&value, "Invalid \"txqueuelen\" value\n")?);
    draft.queue = true;
    Ok(())
}

/// An `int`, as the kernel's unsigned numbers hold it.
fn integer(value: &str, message: &str) -> Result<u32, Failure> {
    i32_from(value)
        .map(i32::cast_unsigned)
        .ok_or_else(|| Failure::invalid(message, value))
}

fn switch(words: &mut Words<'_>, draft: &mut Draft, word: &str, bit: u32, on_sets: bool) -> Result<(), Failure> {
    draft.link.change |= bit;
    let on = match words.value()?.as_str() {
        "on" => true,
        "off" => false,
        value => {
            let text = format!("Error: argument of \"{word}\" must be \"on\" or \"off\", not \"{value}\"");
            return Err(Failure::inapplicable(text));
        }
    };
    if on == on_sets {
        draft.link.flags |= bit;
    } else {
        draft.link.flags &= !bit;
    }
    Ok(())
}

/// `on` or `off`, or an abbreviation of them; `off` is tried first.
pub(super) fn on_off(words: &mut Words<'_>, name: &str) -> Result<bool, Failure> {
    match words.value()?.as_str() {
        value if matches(value, "off") => Ok(false),
        value if matches(value, "on") => Ok(true),
        value => {
            let text = format!("Error: argument of \"{name}\" must be one of \"off\", \"on\", not \"{value}\"");
            Err(Failure::inapplicable(text))
        }
    }
}

fn place_of(names: &[&str], value: &str) -> Option<u8> {
    let place = names.iter().position(|name| name.eq_ignore_ascii_case(value))?;
    u8::try_from(place).ok()
}

/// How to use it.
pub(super) const USAGE: &str = "\
Usage: ip link add [link DEV] [ name ] NAME
                   [ txqueuelen PACKETS ] [ address LLADDR ] [ broadcast LLADDR ] [ mtu MTU ] [index IDX ]
                   [ numtxqueues QUEUE_COUNT ] [ numrxqueues QUEUE_COUNT ]
                   type TYPE [ ARGS ]
       ip link delete { DEVICE | dev DEVICE | group DEVGROUP } type TYPE [ ARGS ]
       ip link set { DEVICE | dev DEVICE | group DEVGROUP }
                   [ { up | down } ] [ type TYPE ARGS ]
                   [ arp { on | off } ] [ dynamic { on | off } ] [ multicast { on | off } ]
                   [ allmulticast { on | off } ] [ promisc { on | off } ] [ trailers { on | off } ]
                   [ carrier { on | off } ] [ txqueuelen PACKETS ] [ name NEWNAME ]
                   [ address LLADDR ] [ broadcast LLADDR ] [ mtu MTU ] [ netns { PID | NAME } ]
                   [ alias NAME ] [ group GROUP ] [ master DEVICE ] [ nomaster ]
                   [ addrgenmode { eui64 | none | stable_secret | random } ]
                   [ protodown { on | off } ] [ gso_max_size BYTES ] [ gso_max_segs PACKETS ] [ gro_max_size BYTES ]
       ip link show [ DEVICE | group GROUP ] [up] [master DEV] [type TYPE] [nomaster]
";
