//! `ip neighbour`: what is said of a neighbour, and how it is shown.

use super::failure::Failure;
use super::names::{Databases, LinkNames, Names};
use super::options::Options;
use super::prefix::{Prefix, address, link_layer, link_layer_text, prefix};
use super::print::Printer;
use super::route_show::USER_HZ;
use super::words::{Keyword, Words, exact, find, matches, short};
use crate::object::attribute::u32_of;
use crate::object::neighbour::{flag, nda, state};
use crate::object::{Change, Neighbour, Object, family};

/// A neighbour as far as it is said.
#[derive(Default)]
struct Draft {
    neighbour: Neighbour,
    link_layer: Option<String>,
    device: Option<String>,
    device_said: bool,
    destination_said: bool,
}

/// The verbs that change a neighbour.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Add,
    Change,
    Replace,
    Delete,
}

/// What follows a verb that changes a neighbour.
pub(super) fn modify(verb: Verb, words: &mut Words<'_>) -> Result<Change, Failure> {
    let mut draft = Draft::default();
    draft.neighbour.state = state::PERMANENT;
    while let Some(word) = words.next() {
        match find(KEYWORDS, &word) {
            Some(row) => (row.parse)(words, &mut draft, &word)?,
            None => {
                let mut word = words.after("to", word)?;
                if matches(&word, "help") {
                    word = words.value()?;
                }
                if draft.destination_said {
                    return Err(Failure::garbage("to", &word));
                }
                destination(words, &mut draft, &word)?;
            }
        }
    }
    if !draft.device_said || !draft.destination_said || draft.neighbour.family == family::UNSPEC {
        return Err(Failure::words("Device and destination are required arguments."));
    }
    if let Some(text) = draft.link_layer.filter(|text| text != "null") {
        draft.neighbour.link_layer = Some(link_layer(&text, 20)?);
    }
    if let Some(name) = draft.device {
        draft.neighbour.index = words.device(&name)?;
    }
    let object = Object::Neighbour(Box::new(draft.neighbour));
    Ok(match verb {
        Verb::Add => Change::Add(object),
        Verb::Change => Change::Set(object),
        Verb::Replace => Change::Replace(object),
        Verb::Delete => Change::Delete(object),
    })
}

fn destination(words: &Words<'_>, draft: &mut Draft, word: &str) -> Result<(), Failure> {
    let (said, address) = address(word, words.family)?;
    draft.neighbour.family = said;
    draft.neighbour.destination = address;
    draft.destination_said = true;
    Ok(())
}

const KEYWORDS: &[Keyword<Draft>] = &[
    short("lladdr", |words, draft, _| {
        let value = words.value()?;
        if draft.link_layer.is_some() {
            return Err(Failure::duplicate("lladdr", &value));
        }
        draft.link_layer = Some(value);
        Ok(())
    }),
    exact("nud", |words, draft, _| {
        let value = words.value()?;
        draft.neighbour.state = state_named(&value).ok_or_else(|| Failure::invalid("nud state is bad", &value))?;
        Ok(())
    }),
    short("proxy", |words, draft, _| {
        let value = words.value()?;
        if matches(&value, "help") {
            return Err(Failure::words(USAGE));
        }
        if draft.destination_said {
            return Err(Failure::duplicate("address", &value));
        }
        destination(words, draft, &value)?;
        draft.device_said = true;
        draft.neighbour.flags |= flag::PROXY;
        Ok(())
    }),
    exact("router", |_, draft, _| {
        draft.neighbour.flags |= flag::ROUTER;
        Ok(())
    }),
    exact("use", |_, draft, _| {
        draft.neighbour.flags |= flag::USE;
        Ok(())
    }),
    exact("managed", |_, draft, _| {
        draft.neighbour.extended_flags = Some(flag::EXT_MANAGED);
        draft.neighbour.state = state::NONE;
        Ok(())
    }),
    short("extern_learn", |_, draft, _| {
        draft.neighbour.flags |= flag::EXT_LEARNED;
        Ok(())
    }),
    exact("dev", |words, draft, _| {
        draft.device = Some(words.value()?);
        draft.device_said = true;
        Ok(())
    }),
    short("protocol", |words, draft, _| {
        let value = words.value()?;
        let protocol = words
            .databases
            .number(Names::Protocol, &value)
            .and_then(|number| u8::try_from(number).ok());
        let protocol = protocol.ok_or_else(|| Failure::invalid("\"protocol\" value is invalid\n", &value))?;
        draft.neighbour.protocol = Some(protocol);
        Ok(())
    }),
];

/// States in the order they are shown.
const STATES: &[(u16, &str)] = &[
    (state::INCOMPLETE, "INCOMPLETE"),
    (state::REACHABLE, "REACHABLE"),
    (state::STALE, "STALE"),
    (state::DELAY, "DELAY"),
    (state::PROBE, "PROBE"),
    (state::FAILED, "FAILED"),
    (state::NOARP, "NOARP"),
    (state::PERMANENT, "PERMANENT"),
];

fn state_named(word: &str) -> Option<u16> {
    const SHORT: &[(&str, u16)] = &[
        ("permanent", state::PERMANENT),
        ("reachable", state::REACHABLE),
        ("failed", state::FAILED),
    ];
    const EXACT: &[(&str, u16)] = &[
        ("noarp", state::NOARP),
        ("none", state::NONE),
        ("stale", state::STALE),
        ("incomplete", state::INCOMPLETE),
        ("delay", state::DELAY),
        ("probe", state::PROBE),
    ];
    let short = SHORT.iter().find(|(name, _)| matches(word, name));
    let named = short.or_else(|| EXACT.iter().find(|(name, _)| *name == word));
    named.map(|(_, state)| *state).or_else(|| {
        let number = super::number::unsigned(word, 0xff).and_then(|number| u16::try_from(number).ok());
        // One state at a time.
        number.filter(|number| number.count_ones() <= 1)
    })
}

/// A state to be selected that has no bit: none.
const NO_STATE: u32 = 0x100;

/// Which neighbours are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    pub(crate) family: u8,
    pub(crate) index: u32,
    pub(crate) master: u32,
    pub(crate) proxy: bool,
    pub(crate) states: u32,
    states_said: bool,
    flushes: bool,
    to: Option<Prefix>,
    protocol: u8,
    unused: bool,
    device: Option<String>,
}

/// What follows `show` or `flush`.
pub(super) fn select(words: &mut Words<'_>, flushes: bool) -> Result<Selector, Failure> {
    let kept = if flushes {
        state::PERMANENT | state::NOARP
    } else {
        state::NOARP
    };
    let all = if flushes { u32::MAX } else { 0xff };
    let mut selector = Selector {
        family: words.family,
        states: all & !u32::from(kept),
        flushes,
        ..Selector::default()
    };
    while let Some(word) = words.next() {
        if let Some(row) = find(SELECTORS, &word) {
            (row.parse)(words, &mut selector, &word)?;
            continue;
        }
        let word = words.after("to", word)?;
        if matches(&word, "help") {
            return Err(Failure::words(USAGE));
        }
        let to = prefix(&word, selector.family)?;
        if selector.family == family::UNSPEC {
            selector.family = to.family;
        }
        selector.to = Some(to);
    }
    if let Some(name) = selector.device.take() {
        selector.index = words.device(&name)?;
    }
    Ok(selector)
}

const SELECTORS: &[Keyword<Selector>] = &[
    exact("dev", |words, selector, _| {
        let value = words.value()?;
        if selector.device.is_some() {
            return Err(Failure::duplicate("dev", &value));
        }
        selector.device = Some(value);
        Ok(())
    }),
    exact("master", |words, selector, _| {
        let value = words.value()?;
        let master = words.links.index_of(&value);
        selector.master = master.ok_or_else(|| Failure::invalid("Device does not exist\n", &value))?;
        Ok(())
    }),
    exact("unused", |_, selector, _| {
        selector.unused = true;
        Ok(())
    }),
    exact("nud", |words, selector, _| {
        let value = words.value()?;
        if !std::mem::replace(&mut selector.states_said, true) {
            selector.states = 0;
        }
        selector.states |= match (value.as_str(), state_named(&value)) {
            (_, Some(state::NONE)) => NO_STATE,
            (_, Some(state)) => u32::from(state),
            ("all", None) if selector.flushes => !u32::from(state::NOARP),
            ("all", None) => u32::MAX,
            (value, None) => return Err(Failure::invalid("nud state is bad", value)),
        };
        Ok(())
    }),
    exact("proxy", |_, selector, _| {
        selector.proxy = true;
        Ok(())
    }),
    short("protocol", |words, selector, _| {
        let value = words.value()?;
        let protocol = words
            .databases
            .number(Names::Protocol, &value)
            .and_then(|number| u8::try_from(number).ok());
        selector.protocol = match (value.as_str(), protocol) {
            (_, Some(protocol)) => protocol,
            ("all", None) => 0,
            (value, None) => return Err(Failure::invalid("invalid \"protocol\"\n", value)),
        };
        Ok(())
    }),
];

impl Selector {
    /// Whether a neighbour is one of those meant.
    pub(super) fn selects(&self, neighbour: &Neighbour) -> bool {
        let wanted_state = self.states & u32::from(neighbour.state) != 0
            || neighbour.flags & (flag::PROXY | flag::EXT_LEARNED) != 0
            || neighbour.state == 0 && self.states & NO_STATE != 0;
        let references = neighbour
            .others
            .get(nda::CACHEINFO)
            .and_then(|cache| cache.get(12..))
            .and_then(u32_of);
        (self.family == family::UNSPEC || self.family == neighbour.family)
            && (self.index == 0 || self.index == neighbour.index)
            && wanted_state
            && self.to.is_none_or(|to| {
                to.family == family::UNSPEC
                    || to.family == neighbour.family && to.covers(neighbour.destination, to.length)
            })
            && (self.protocol == 0 || Some(self.protocol) == neighbour.protocol)
            && !(self.unused && references.is_some_and(|references| references != 0))
    }

    /// What is left after a round of flushing: failed ones stay until they expire.
    pub(super) fn without_failed(mut self) -> Selector {
        self.states &= !u32::from(state::FAILED);
        self
    }
}

/// Shows one neighbour.
pub(super) fn show(
    neighbour: &Neighbour,
    selector: &Selector,
    options: &Options,
    databases: &Databases,
    links: &mut LinkNames<'_>,
    out: &mut Printer,
) {
    out.open_object();
    if options.brief {
        brief(neighbour, selector, links, out);
        out.close_object();
        return;
    }
    if let Some(destination) = neighbour.destination {
        out.string("dst", &destination.to_string(), format_args!("{destination} "));
    }
    if selector.index == 0 && neighbour.index != 0 {
        let name = links.name(neighbour.index);
        out.string("dev", &name, format_args!("dev {name} "));
    }
    if let Some(address) = &neighbour.link_layer {
        let text = link_layer_text(address, links.hardware(neighbour.index));
        out.string("lladdr", &text, format_args!("lladdr {text} "));
    }
    let managed = neighbour
        .extended_flags
        .is_some_and(|flags| flags & flag::EXT_MANAGED != 0);
    let flags = [
        ("router", neighbour.flags & flag::ROUTER != 0),
        ("proxy", neighbour.flags & flag::PROXY != 0),
        ("managed", managed),
        ("extern_learn", neighbour.flags & flag::EXT_LEARNED != 0),
        ("offload", neighbour.flags & flag::OFFLOADED != 0),
    ];
    for (name, _) in flags.into_iter().filter(|(_, set)| *set) {
        out.null(name, format_args!("{name} "));
    }
    if options.statistics > 0 {
        statistics(neighbour, out);
    }
    if neighbour.state != 0 {
        out.open_array("state");
        for (_, name) in STATES.iter().filter(|(state, _)| neighbour.state & state != 0) {
            out.element(name, format_args!("{name} "));
        }
        out.close_array();
    }
    if let Some(protocol) = neighbour.protocol.filter(|protocol| *protocol != 0) {
        let name = databases.name(Names::Protocol, u32::from(protocol));
        out.string("protocol", &name, format_args!("proto {name} "));
    }
    out.text(format_args!("\n"));
    out.close_object();
}

fn brief(neighbour: &Neighbour, selector: &Selector, links: &mut LinkNames<'_>, out: &mut Printer) {
    if let Some(destination) = neighbour.destination {
        let text = destination.to_string();
        out.string("dst", &text, format_args!("{text:<39} "));
    }
    if selector.index == 0 && neighbour.index != 0 {
        let name = links.name(neighbour.index);
        out.string("dev", &name, format_args!("{name:<16} "));
    }
    if let Some(address) = &neighbour.link_layer {
        let text = link_layer_text(address, links.hardware(neighbour.index));
        out.string("lladdr", &text, format_args!("{text}"));
    }
    out.text(format_args!("\n"));
}

/// `struct nda_cacheinfo`: confirmed, used, updated, refcnt.
fn statistics(neighbour: &Neighbour, out: &mut Printer) {
    if let Some(cache) = neighbour.others.get(nda::CACHEINFO) {
        let word = |index: usize| cache.get(4 * index..).and_then(u32_of).unwrap_or(0);
        if word(3) != 0 {
            out.number("refcnt", word(3), format_args!(" ref {}", word(3)));
        }
        let seconds = |index| word(index) / USER_HZ;
        out.number("used", seconds(1), format_args!(" used {}", seconds(1)));
        out.number("confirmed", seconds(0), format_args!("/{}", seconds(0)));
        out.number("updated", seconds(2), format_args!("/{}", seconds(2)));
    }
    if let Some(probes) = neighbour.others.u32(nda::PROBES) {
        out.number("probes", probes, format_args!("probes {probes} "));
    }
}

/// How to use it.
pub(super) const USAGE: &str = "\
Usage: ip neigh { add | del | change | replace }
                { ADDR [ lladdr LLADDR ] [ nud STATE ] proxy ADDR }
                [ dev DEV ] [ router ] [ use ] [ managed ] [ extern_learn ]
                [ protocol PROTO ]

       ip neigh { show | flush } [ proxy ] [ to PREFIX ] [ dev DEV ] [ nud STATE ]

STATE := { delay | failed | incomplete | noarp | none |
           permanent | probe | reachable | stale }
";
