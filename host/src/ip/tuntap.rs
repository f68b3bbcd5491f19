//! `ip tuntap`: links whose other end is a process.

use super::failure::Failure;
use super::print::Printer;
use super::words::{Keyword, Words, exact, find, matches, short};
use crate::netlink::errno;
use crate::object::attribute::AttributeSet;
use crate::object::tuntap::{self, flag};
use std::fs;

/// What is to be made or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub(super) adds: bool,
    name: Option<String>,
    flags: u16,
    user: Option<u32>,
    group: Option<u32>,
}

/// What follows `add` or `del`.
pub(super) fn modify(adds: bool, words: &mut Words<'_>) -> Result<Request, Failure> {
    let mut request = Request {
        adds,
        name: None,
        flags: flag::NO_PI,
        user: None,
        group: None,
    };
    while let Some(word) = words.next() {
        if let Some(row) = find(KEYWORDS, &word) {
            (row.parse)(words, &mut request, &word)?;
            continue;
        }
        let word = if matches(&word, "name") { words.value()? } else { word };
        if matches(&word, "help") {
            return Err(Failure::words(USAGE));
        }
        if request.name.is_some() {
            return Err(Failure::garbage("name", &word));
        }
        request.name = Some(interface_name(word, "name")?);
    }
    if request.flags & (flag::TUN | flag::TAP) == 0 {
        return Err(Failure::inapplicable("You failed to specify a tunnel mode"));
    }
    Ok(request)
}

fn interface_name(word: String, keyword: &str) -> Result<String, Failure> {
    let bad = word.is_empty() || word.len() >= 16 || word.contains(|c: char| c == '/' || c.is_ascii_whitespace());
    if bad {
        Err(Failure::invalid(&format!("\"{keyword}\" not a valid ifname"), &word))
    } else {
        Ok(word)
    }
}

const KEYWORDS: &[Keyword<Request>] = &[
    short("mode", |words, request, _| {
        let value = words.value()?;
        let (mode, other) = match value.as_str() {
            value if matches(value, "tun") => (flag::TUN, flag::TAP),
            value if matches(value, "tap") => (flag::TAP, flag::TUN),
            value => return Err(Failure::words(format!("Unknown tunnel mode \"{value}\""))),
        };
        if request.flags & other != 0 {
            return Err(Failure::words("You managed to ask for more than one tunnel mode."));
        }
        request.flags |= mode;
        Ok(())
    }),
    short("user", |words, request, _| {
        request.user = Some(number_of("/etc/passwd", "user", &words.value()?)?);
        Ok(())
    }),
    short("group", |words, request, _| {
        request.group = Some(number_of("/etc/group", "group", &words.value()?)?);
        Ok(())
    }),
    short("pi", |_, request, _| {
        request.flags &= !flag::NO_PI;
        Ok(())
    }),
    short("one_queue", |_, request, _| {
        request.flags |= flag::ONE_QUEUE;
        Ok(())
    }),
    short("vnet_hdr", |_, request, _| {
        request.flags |= flag::VNET_HDR;
        Ok(())
    }),
    short("multi_queue", |_, request, _| {
        request.flags |= flag::MULTI_QUEUE;
        Ok(())
    }),
    exact("dev", |words, request, _| {
        request.name = Some(interface_name(words.value()?, "dev")?);
        Ok(())
    }),
];

/// The number of a user or group: said, or the third field of its line.
fn number_of(file: &str, what: &str, word: &str) -> Result<u32, Failure> {
    if let Ok(number) = word.parse() {
        return Ok(number);
    }
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.split(':').next() == Some(word));
    let number = line
        .and_then(|line| line.split(':').nth(2))
        .and_then(|number| number.parse().ok());
    number.ok_or_else(|| Failure::words(format!("invalid {what} \"{word}\"")))
}

/// The name of a user or group with this number.
fn name_of(file: &str, number: u32) -> Option<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let number = number.to_string();
    let line = text.lines().find(|line| line.split(':').nth(2) == Some(&number))?;
    line.split(':').next().map(str::to_owned)
}

/// Makes or removes it.
pub(super) fn execute(request: &Request) -> Result<(), Failure> {
    let name = request.name.as_deref().unwrap_or("");
    let done = match request.adds {
        true => tuntap::add(name, request.flags, request.user, request.group),
        false => tuntap::delete(name, request.flags),
    };
    done.map_err(|error| Failure::inapplicable(format!("{}: {}", error.step, errno::text_of(&error.cause))))
}

/// Shows a tun or tap link, as far as /sys tells of it.
pub(super) fn show(name: &str, out: &mut Printer) {
    const PERSIST: i64 = 0x0800;
    const NOFILTER: i64 = 0x1000_0000;
    let property = |property: &str| {
        let text = fs::read_to_string(format!("/sys/class/net/{name}/{property}")).ok()?;
        let text = text.trim();
        let hexadecimal = text.strip_prefix("0x").map(|digits| i64::from_str_radix(digits, 16));
        hexadecimal.unwrap_or_else(|| text.parse()).ok()
    };
    let (Some(flags), Some(owner), Some(group)) = (property("tun_flags"), property("owner"), property("group")) else {
        return;
    };
    let has = |bit: i64| flags & bit != 0;
    let rows = [
        (i64::from(flag::TUN), true, "tun"),
        (i64::from(flag::TAP), true, "tap"),
        (i64::from(flag::NO_PI), false, "pi"),
        (i64::from(flag::ONE_QUEUE), true, "one_queue"),
        (i64::from(flag::MULTI_QUEUE), true, "multi_queue"),
        (i64::from(flag::VNET_HDR), true, "vnet_hdr"),
        (PERSIST, true, "persist"),
        (NOFILTER, false, "filter"),
    ];
    out.open_object();
    out.string("ifname", name, format_args!("{name}:"));
    out.open_array("flags");
    for (_, _, word) in rows.into_iter().filter(|(bit, set, _)| has(*bit) == *set) {
        out.element(word, format_args!(" {word}"));
    }
    let left = rows.iter().fold(flags, |left, (bit, _, _)| left & !bit);
    if left != 0 {
        out.element(&format!("{left:#x}"), format_args!(" {left:#x}"));
    }
    out.close_array();
    for (key, number) in [("user", owner), ("group", group)] {
        if number != -1 {
            out.number(key, number, format_args!(" {key} {number}"));
        }
    }
    out.close_object();
    out.text(format_args!("\n"));
}

/// IFLA_TUN_*.
mod ifla_tun {
    pub(super) const OWNER: u16 = 1;
    pub(super) const GROUP: u16 = 2;
    pub(super) const TYPE: u16 = 3;
    pub(super) const PI: u16 = 4;
    pub(super) const VNET_HDR: u16 = 5;
    pub(super) const PERSIST: u16 = 6;
    pub(super) const MULTI_QUEUE: u16 = 7;
    pub(super) const NUM_QUEUES: u16 = 8;
    pub(super) const NUM_DISABLED_QUEUES: u16 = 9;
}

/// Shows the options of a tun or tap link, as netlink tells them.
pub(super) fn show_options(set: &AttributeSet, out: &mut Printer) {
    use ifla_tun as tun;
    let switch = |kind: u16, key: &str, out: &mut Printer| {
        if let Some(value) = set.u8(kind) {
            out.truth(
                key,
                value != 0,
                format_args!("{key} {} ", if value == 0 { "off" } else { "on" }),
            );
        }
    };
    match set.u8(tun::TYPE) {
        Some(1) => out.string("type", "tun", format_args!("type tun ")),
        Some(2) => out.string("type", "tap", format_args!("type tap ")),
        Some(other) => {
            let name = format!("UNKNOWN:{other}");
            out.string("type", &name, format_args!("type {name} "));
        }
        None => {}
    }
    switch(tun::PI, "pi", out);
    switch(tun::VNET_HDR, "vnet_hdr", out);
    if set.u8(tun::MULTI_QUEUE).is_some_and(|value| value != 0) {
        out.truth("multi_queue", true, format_args!("multi_queue "));
        for (kind, key) in [
            (tun::NUM_QUEUES, "numqueues"),
            (tun::NUM_DISABLED_QUEUES, "numdisabled"),
        ] {
            if let Some(value) = set.u32(kind) {
                out.number(key, value, format_args!("{key} {value} "));
            }
        }
    } else {
        out.truth("multi_queue", false, format_args!(""));
    }
    switch(tun::PERSIST, "persist", out);
    for (kind, key, file) in [(tun::OWNER, "user", "/etc/passwd"), (tun::GROUP, "group", "/etc/group")] {
        let Some(number) = set.u32(kind) else { continue };
        match name_of(file, number) {
            Some(name) => out.string(key, &name, format_args!("{key} {name} ")),
            None => out.number(key, number, format_args!("{key} {number} ")),
        }
    }
}

/// How to use it.
pub(super) const USAGE: &str = "\
Usage: ip tuntap { add | del | show | list | lst | help } [ dev PHYS_DEV ]
       [ mode { tun | tap } ] [ user USER ] [ group GROUP ]
       [ one_queue ] [ pi ] [ vnet_hdr ] [ multi_queue ] [ name NAME ]

Where: USER  := { STRING | NUMBER }
       GROUP := { STRING | NUMBER }
";
