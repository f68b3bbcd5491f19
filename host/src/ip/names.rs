//! Names for numbers: links by asking the kernel, protocols, scopes and tables from the files of iproute2.

use super::words::Links;
use crate::netlink::{Connection, Query, namespace};
use crate::object::{Link, Object};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs;
use std::os::fd::AsFd;
use std::path::Path;

const DIRECTORY: &str = "/etc/iproute2";

/// The files that give numbers names, read when first needed.
#[derive(Debug, Default)]
pub struct Databases {
    protocols: Database,
    scopes: Database,
    tables: Database,
    groups: Database,
    fields: Database,
    realms: Database,
}

/// One of them: number and name, a later line over an earlier one.
#[derive(Debug, Default)]
struct Database {
    entries: OnceCell<Vec<(u32, String)>>,
}

/// Which file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    Protocol,
    Scope,
    Table,
    Group,
    /// Differentiated services; numbers without a name are shown and read in hexadecimal.
    Field,
    Realm,
}

impl Databases {
    /// The name of a number; the number itself where it has none.
    pub(crate) fn name(&self, which: Names, number: u32) -> String {
        let found = self.entries(which).iter().rfind(|(known, _)| *known == number);
        match (found, which) {
            (Some((_, name)), _) => name.clone(),
            (None, Names::Field) => format!("{number:#04x}"),
            (None, _) => number.to_string(),
        }
    }

    /// The number that a name, or a number, stands for.
    pub(crate) fn number(&self, which: Names, text: &str) -> Option<u32> {
        let found = self.entries(which).iter().find(|(_, name)| name == text);
        if let Some((number, _)) = found {
            return Some(*number);
        }
        let (limit, base) = match which {
            Names::Table => (u64::from(u32::MAX), 0),
            Names::Group => (u64::from(i32::MAX.unsigned_abs()), 0),
            Names::Field => (255, 16),
            Names::Protocol | Names::Scope | Names::Realm => (255, 0),
        };
        let (number, rest) = super::number::leading_unsigned(text, base)?;
        u32::try_from(number)
            .ok()
            .filter(|_| rest.is_empty() && number <= limit)
    }

    fn entries(&self, which: Names) -> &[(u32, String)] {
        let (database, file, builtin): (_, _, &[(u32, &str)]) = match which {
            Names::Protocol => (&self.protocols, "rt_protos", PROTOCOLS),
            Names::Scope => (&self.scopes, "rt_scopes", SCOPES),
            Names::Table => (&self.tables, "rt_tables", TABLES),
            Names::Group => (&self.groups, "group", &[(0, "default")]),
            Names::Field => (&self.fields, "rt_dsfield", &[(0, "0")]),
            Names::Realm => (&self.realms, "rt_realms", &[(0, "unknown")]),
        };
        database.entries.get_or_init(|| {
            let mut entries: Vec<_> = builtin
                .iter()
                .map(|(number, name)| (*number, (*name).to_owned()))
                .collect();
            let directory = Path::new(DIRECTORY);
            read(&directory.join(file), &mut entries);
            let more = fs::read_dir(directory.join(format!("{file}.d"))).into_iter().flatten();
            for path in more.map_while(Result::ok).map(|entry| entry.path()) {
                if path.extension().is_some_and(|extension| extension == "conf") {
                    read(&path, &mut entries);
                }
            }
            entries
        })
    }
}

/// Lines of a number, decimal or hexadecimal, and a name; what a `#` begins is a comment.
fn read(path: &Path, entries: &mut Vec<(u32, String)>) {
    // A file that is not there has no names.
    let text = fs::read_to_string(path).unwrap_or_default();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let mut words = line.split_whitespace();
        let (Some(number), Some(name)) = (words.next(), words.next()) else {
            continue;
        };
        let number = match number.strip_prefix("0x") {
            Some(digits) => u32::from_str_radix(digits, 16),
            None => number.parse(),
        };
        if let Ok(number) = number {
            entries.push((number, name.to_owned()));
        }
    }
}

const PROTOCOLS: &[(u32, &str)] = &[
    (0, "unspec"),
    (1, "redirect"),
    (2, "kernel"),
    (3, "boot"),
    (4, "static"),
    (8, "gated"),
    (9, "ra"),
    (10, "mrt"),
    (11, "zebra"),
    (12, "bird"),
    (13, "dnrouted"),
    (14, "xorp"),
    (15, "ntk"),
    (16, "dhcp"),
    (18, "keepalived"),
    (42, "babel"),
    (186, "bgp"),
    (187, "isis"),
    (188, "ospf"),
    (189, "rip"),
    (192, "eigrp"),
];

const SCOPES: &[(u32, &str)] = &[
    (0, "global"),
    (255, "nowhere"),
    (254, "host"),
    (253, "link"),
    (200, "site"),
];

const TABLES: &[(u32, &str)] = &[(253, "default"), (254, "main"), (255, "local")];

/// What is known of a link without asking again.
#[derive(Debug, Clone)]
struct Known {
    name: String,
    flags: u32,
    hardware: u16,
    address_length: usize,
    queue_length: Option<u32>,
}

/// The kernel's links by name and index; each is asked for once.
pub(crate) struct LinkNames<'c> {
    pub(crate) connection: &'c mut Connection,
    known: HashMap<u32, Known>,
}

impl<'c> LinkNames<'c> {
    pub(crate) fn new(connection: &'c mut Connection) -> LinkNames<'c> {
        LinkNames {
            connection,
            known: HashMap::new(),
        }
    }

    /// Learns from a link that was told anyway.
    pub(crate) fn learn(&mut self, link: &Link) {
        let known = Known {
            name: link.name.clone().unwrap_or_default(),
            flags: link.flags,
            hardware: link.hardware,
            address_length: link.address.as_ref().map_or(0, Vec::len),
            queue_length: link.txqueuelen,
        };
        self.known.insert(link.index, known);
    }

    /// The name of a link; `if7` where there is none.
    pub(crate) fn name(&mut self, index: u32) -> String {
        match index {
            0 => "*".to_owned(),
            index => self
                .of(index)
                .map_or_else(|| format!("if{index}"), |known| known.name.clone()),
        }
    }

    /// The flags of a link; none set where it is not there.
    pub(crate) fn flags(&mut self, index: u32) -> u32 {
        self.of(index).map_or(0, |known| known.flags)
    }

    /// The hardware type of a link.
    pub(crate) fn hardware(&mut self, index: u32) -> u16 {
        self.of(index).map_or(u16::MAX, |known| known.hardware)
    }

    /// The length of a link's transmit queue. A family's own view of links leaves it out: the link itself is asked.
    pub(crate) fn queue_length(&mut self, index: u32) -> Option<u32> {
        if self.of(index)?.queue_length.is_none() {
            self.ask(index, None);
        }
        self.of(index)?.queue_length
    }

    /// The name of the namespace that has this number here.
    pub(crate) fn namespace(&mut self, id: i32) -> Option<String> {
        let mut names = namespace::names().ok()?.into_iter();
        names.find(|name| {
            let file = namespace::open(name).ok();
            let found = file.map(|file| self.connection.namespace_id(file.as_fd()));
            matches!(found, Some(Ok(Some(found))) if found == id)
        })
    }

    fn of(&mut self, index: u32) -> Option<&Known> {
        if !self.known.contains_key(&index) {
            self.ask(index, None);
        }
        self.known.get(&index)
    }

    fn ask(&mut self, index: u32, name: Option<String>) -> Option<u32> {
        let query = Query::Link {
            family: 0,
            index,
            name,
            statistics: false,
        };
        match self.connection.find(&query) {
            Ok(Object::Link(link)) => {
                self.learn(&link);
                Some(link.index)
            }
            _ => None,
        }
    }
}

impl Links for LinkNames<'_> {
    fn index_of(&mut self, name: &str) -> Option<u32> {
        if name.is_empty() {
            return None;
        }
        self.ask(0, Some(name.to_owned())).or_else(|| {
            let (index, _) = super::number::leading_unsigned(name.strip_prefix("if")?, 10)?;
            u32::try_from(index).ok().filter(|index| *index != 0)
        })
    }

    fn address_length(&mut self, name: &str) -> Option<usize> {
        let index = self.index_of(name)?;
        self.of(index).map(|known| known.address_length)
    }
}
