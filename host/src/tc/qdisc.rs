//! `tc qdisc`: what is said of a queueing discipline.

use super::{Command, tbf};
use crate::ip::{Failure, Keyword, Words, exact, find, leading_unsigned, matches, short};
use crate::object::qdisc::{Options, handle};
use crate::object::{Change, Object, Qdisc};

/// A queueing discipline as far as it is said.
#[derive(Default)]
struct Draft {
    qdisc: Qdisc,
    device: Option<String>,
    ended: bool,
}

/// The verbs that change a queueing discipline.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Add,
    Change,
    Replace,
    Delete,
}

/// Which queueing disciplines are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    pub(super) index: u32,
    parent: u32,
    handle: u32,
    pub(super) invisible: bool,
    device: Option<String>,
}

impl Selector {
    /// Whether a queueing discipline is one of those meant.
    pub(super) fn selects(&self, qdisc: &Qdisc) -> bool {
        (self.index == 0 || self.index == qdisc.index)
            && (self.handle == 0 || self.handle == qdisc.handle)
            && (self.parent == 0 || self.parent == qdisc.parent)
    }
}

/// What follows `qdisc`.
pub(super) fn parse(words: &mut Words<'_>) -> Result<Command, Failure> {
    let verb = words.next().unwrap_or_else(|| "show".to_owned());
    let change = match verb.as_str() {
        verb if matches(verb, "add") => Verb::Add,
        verb if matches(verb, "change") => Verb::Change,
        verb if matches(verb, "replace") => Verb::Replace,
        verb if matches(verb, "delete") => Verb::Delete,
        verb if matches(verb, "list") || matches(verb, "show") || matches(verb, "lst") => {
            return select(words).map(Command::Qdiscs);
        }
        verb if matches(verb, "help") => {
            return Err(Failure {
                text: USAGE.to_owned(),
                code: 0,
            });
        }
        verb => {
            let text = format!("Command \"{verb}\" is unknown, try \"tc qdisc help\".\n");
            return Err(Failure { text, code: 255 });
        }
    };
    modify(change, words).map(Command::Change)
}

fn modify(verb: Verb, words: &mut Words<'_>) -> Result<Change, Failure> {
    let mut draft = Draft::default();
    while let Some(word) = words.next() {
        match find(KEYWORDS, &word) {
            Some(row) => (row.parse)(words, &mut draft, &word)?,
            None => {
                draft.qdisc.kind = Some(word);
                draft.ended = true;
            }
        }
        if draft.ended {
            break;
        }
    }
    options(words, &mut draft.qdisc)?;
    if let Some(name) = &draft.device {
        draft.qdisc.index = words.device(name)?;
    }
    let object = Object::Qdisc(Box::new(draft.qdisc));
    Ok(match verb {
        Verb::Add => Change::Add(object),
        Verb::Change => Change::Set(object),
        Verb::Replace => Change::Replace(object),
        Verb::Delete => Change::Delete(object),
    })
}

/// What follows the kind.
fn options(words: &mut Words<'_>, qdisc: &mut Qdisc) -> Result<(), Failure> {
    match qdisc.kind.as_deref() {
        Some("tbf") => qdisc.options = Some(Options::Tbf(tbf::parse(words)?)),
        Some("ingress" | "clsact") => {
            if let Some(word) = words.next() {
                let kind = qdisc.kind.as_deref().unwrap_or_default();
                let text = format!("What is \"{word}\"?\nUsage: ... {kind}\n");
                return Err(Failure { text, code: 1 });
            }
        }
        Some(kind) => {
            if let Some(word) = words.next() {
                let text = format!("Unknown qdisc \"{kind}\", hence option \"{word}\" is unparsable\n");
                return Err(Failure { text, code: 1 });
            }
        }
        None => {}
    }
    Ok(())
}

const KEYWORDS: &[Keyword<Draft>] = &[
    exact("dev", |words, draft, _| {
        let value = words.value()?;
        if draft.device.is_some() {
            return Err(Failure::duplicate("dev", &value));
        }
        draft.device = Some(value);
        Ok(())
    }),
    exact("handle", |words, draft, word| {
        if draft.qdisc.handle != 0 {
            return Err(Failure::duplicate("handle", word));
        }
        let value = words.value()?;
        draft.qdisc.handle = major(&value).ok_or_else(|| Failure::invalid("invalid qdisc ID", &value))?;
        Ok(())
    }),
    exact("root", |_, draft, _| {
        place(draft, "Error: \"root\" is duplicate parent ID\n", handle::ROOT)
    }),
    exact("clsact", |_, draft, _| {
        place(draft, "Error: \"clsact\" is a duplicate parent ID\n", handle::INGRESS)?;
        ingress(draft, "clsact")
    }),
    exact("ingress", |_, draft, _| {
        place(draft, "Error: \"ingress\" is a duplicate parent ID\n", handle::INGRESS)?;
        ingress(draft, "ingress")
    }),
    exact("parent", |words, draft, _| {
        let value = words.value()?;
        if draft.qdisc.parent != 0 {
            return Err(Failure::duplicate("parent", &value));
        }
        draft.qdisc.parent = class(&value).ok_or_else(|| Failure::invalid("invalid parent ID", &value))?;
        Ok(())
    }),
    short("help", |_, _, _| {
        Err(Failure {
            text: USAGE.to_owned(),
            code: 255,
        })
    }),
];

fn place(draft: &mut Draft, taken: &str, parent: u32) -> Result<(), Failure> {
    if draft.qdisc.parent != 0 {
        return Err(Failure {
            text: taken.to_owned(),
            code: 255,
        });
    }
    draft.qdisc.parent = parent;
    Ok(())
}

fn ingress(draft: &mut Draft, kind: &str) -> Result<(), Failure> {
    draft.qdisc.kind = Some(kind.to_owned());
    draft.qdisc.handle = handle::INGRESS & 0xffff_0000;
    draft.ended = true;
    Ok(())
}

/// `MAJOR:` in hexadecimal; its place is the upper half.
fn major(text: &str) -> Option<u32> {
    if text == "none" {
        return Some(handle::UNSPEC);
    }
    let (major, rest) = leading_unsigned(text, 16)?;
    let major = u16::try_from(major).ok()?;
    rest.chars()
        .next()
        .is_none_or(|next| next == ':')
        .then_some(u32::from(major) << 16)
}

/// `MAJOR:MINOR` in hexadecimal, or a word.
fn class(text: &str) -> Option<u32> {
    match text {
        "root" => return Some(handle::ROOT),
        "none" => return Some(handle::UNSPEC),
        _ => {}
    }
    let Some((major, minor)) = text.split_once(':') else {
        let (number, rest) = leading_unsigned(text, 16)?;
        return u32::try_from(number).ok().filter(|_| rest.is_empty());
    };
    let half = |text: &str| {
        if text.is_empty() {
            return Some(0);
        }
        let (number, rest) = leading_unsigned(text, 16)?;
        u16::try_from(number).ok().filter(|_| rest.is_empty()).map(u32::from)
    };
    Some(half(major)? << 16 | half(minor)?)
}

fn select(words: &mut Words<'_>) -> Result<Selector, Failure> {
    let mut selector = Selector::default();
    while let Some(word) = words.next() {
        match find(SELECTORS, &word) {
            Some(row) => (row.parse)(words, &mut selector, &word)?,
            None => {
                let text = format!("What is \"{word}\"? Try \"tc qdisc help\".\n");
                return Err(Failure { text, code: 255 });
            }
        }
    }
    if let Some(name) = selector.device.take() {
        selector.index = words.device(&name)?;
    }
    Ok(selector)
}

const SELECTORS: &[Keyword<Selector>] = &[
    exact("dev", |words, selector, _| {
        selector.device = Some(words.value()?);
        Ok(())
    }),
    exact("root", |_, selector, word| {
        unplaced(selector, word)?;
        selector.parent = handle::ROOT;
        Ok(())
    }),
    exact("ingress", select_ingress),
    exact("clsact", select_ingress),
    short("parent", |words, selector, word| {
        unplaced(selector, word)?;
        let value = words.value()?;
        selector.parent = class(&value).ok_or_else(|| Failure::invalid("invalid parent ID", &value))?;
        Ok(())
    }),
    short("handle", |words, selector, word| {
        unplaced(selector, word)?;
        let value = words.value()?;
        selector.handle = major(&value).ok_or_else(|| Failure::invalid("invalid handle ID", &value))?;
        Ok(())
    }),
    short("help", |_, _, _| {
        Err(Failure {
            text: USAGE.to_owned(),
            code: 255,
        })
    }),
    exact("invisible", |_, selector, _| {
        selector.invisible = true;
        Ok(())
    }),
];

fn select_ingress(_: &mut Words<'_>, selector: &mut Selector, word: &str) -> Result<(), Failure> {
    unplaced(selector, word)?;
    selector.parent = handle::INGRESS;
    Ok(())
}

fn unplaced(selector: &Selector, word: &str) -> Result<(), Failure> {
    if selector.parent != 0 {
        return Err(Failure::invalid("parent is already specified", word));
    }
    if selector.handle != 0 {
        return Err(Failure::invalid("handle is already specified", word));
    }
    Ok(())
}

const USAGE: &str = "\
Usage: tc qdisc [ add | del | replace | change | show ] dev STRING
       [ handle QHANDLE ] [ root | ingress | clsact | parent CLASSID ]
       [ [ QDISC_KIND ] [ help | OPTIONS ] ]

       tc qdisc { show | list } [ dev STRING ] [ QDISC_ID ] [ invisible ]
Where:
QDISC_KIND := { tbf | ingress | clsact | fq_codel | pfifo | bfifo | noqueue }
QDISC_ID := { root | ingress | handle QHANDLE | parent CLASSID }
";
