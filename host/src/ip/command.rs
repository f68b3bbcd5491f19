//! Words to a command, and a command to what the kernel is asked and what is shown.

use super::failure::{Failure, extended, refused};
use super::names::{Databases, LinkNames};
use super::options::{Asked, Options, USAGE, options};
use super::print::Printer;
use super::words::{Words, matches};
use super::{address, link, link_show, neighbour, netns, route, route_show, statistics, tuntap};
use crate::netlink::{Connection, Error, Query, errno, namespace};
use crate::object::{Address, Change, Link, Neighbour, Object, Route, family, route as routes};
use std::io::Write;

/// What the words ask for.
pub enum Command {
    /// Change something.
    Change(Change),
    /// Change a link.
    Link(link::Request),
    /// Show links, `true`, or addresses.
    Show(address::Selector, bool),
    /// Remove addresses.
    FlushAddresses(address::Selector),
    /// Show routes.
    Routes(route::Selector),
    /// Remove routes.
    FlushRoutes(route::Selector),
    /// Show the way to a destination.
    RouteTo(Box<Route>),
    /// Show neighbours.
    Neighbours(neighbour::Selector),
    /// Remove neighbours.
    FlushNeighbours(neighbour::Selector),
    /// Make or remove a tun or tap link.
    Tuntap(tuntap::Request),
    /// Show tun and tap links.
    Tuntaps,
    /// Something with namespaces.
    Namespace(netns::Request),
}

/// What an object's words are read by.
type Parse = for<'a> fn(&mut Words<'a>) -> Result<Command, Failure>;

/// Objects; the order decides between abbreviations.
const OBJECTS: &[(&str, Parse)] = &[
    ("address", parse_address),
    ("route", parse_route),
    ("neighbor", parse_neighbour),
    ("neighbour", parse_neighbour),
    ("link", parse_link),
    ("tuntap", parse_tuntap),
    ("tap", parse_tuntap),
    ("netns", |words| netns::parse(words).map(Command::Namespace)),
    ("help", |_| Err(Failure::words(USAGE))),
];

/// The command that words after the options ask for.
pub fn parse(words: &mut Words<'_>) -> Result<Command, Failure> {
    let Some(object) = words.next() else {
        return Err(Failure::words(USAGE));
    };
    match OBJECTS.iter().find(|(name, _)| matches(&object, name)) {
        Some((_, parse)) => parse(words),
        None => Err(Failure::inapplicable(format!(
            "Object \"{object}\" is unknown, try \"ip help\"."
        ))),
    }
}

fn is_show(verb: &str) -> bool {
    matches(verb, "show") || matches(verb, "list") || matches(verb, "lst")
}

fn unknown(verb: &str, object: &str) -> Failure {
    Failure::words(format!("Command \"{verb}\" is unknown, try \"ip {object} help\"."))
}

fn parse_address(words: &mut Words<'_>) -> Result<Command, Failure> {
    use address::Verb;
    let verb = words.next().unwrap_or_else(|| "show".to_owned());
    let change = match verb.as_str() {
        verb if matches(verb, "add") => Verb::Add,
        verb if matches(verb, "change") || verb == "chg" => Verb::Change,
        verb if matches(verb, "replace") => Verb::Replace,
        verb if matches(verb, "delete") => Verb::Delete,
        verb if is_show(verb) => return Ok(Command::Show(address::select(words, false)?, false)),
        verb if matches(verb, "flush") => return flush_addresses(words),
        verb if matches(verb, "help") => return Err(Failure::words(address::USAGE)),
        verb => return Err(unknown(verb, "address")),
    };
    address::modify(change, words).map(Command::Change)
}

fn flush_addresses(words: &mut Words<'_>) -> Result<Command, Failure> {
    let first = words
        .next()
        .ok_or_else(|| Failure::inapplicable("Flush requires arguments."))?;
    words.put_back(first);
    if words.family == family::PACKET {
        return Err(Failure::inapplicable("Cannot flush link addresses."));
    }
    address::select(words, false).map(Command::FlushAddresses)
}

fn parse_route(words: &mut Words<'_>) -> Result<Command, Failure> {
    use route::Verb;
    let verb = words.next().unwrap_or_else(|| "show".to_owned());
    let change = match verb.as_str() {
        verb if is_show(verb) => return route::select(words).map(Command::Routes),
        verb if matches(verb, "add") => Verb::Add,
        verb if matches(verb, "change") || verb == "chg" => Verb::Change,
        verb if matches(verb, "replace") => Verb::Replace,
        verb if matches(verb, "prepend") => Verb::Prepend,
        verb if matches(verb, "append") => Verb::Append,
        verb if matches(verb, "delete") => Verb::Delete,
        verb if matches(verb, "get") => return route::get(words).map(|route| Command::RouteTo(Box::new(route))),
        verb if matches(verb, "flush") => {
            let missing = || Failure::inapplicable("\"ip route flush\" requires arguments.");
            let first = words.next().ok_or_else(missing)?;
            words.put_back(first);
            return route::select(words).map(Command::FlushRoutes);
        }
        verb if matches(verb, "help") => return Err(Failure::words(route::USAGE)),
        verb => return Err(unknown(verb, "route")),
    };
    route::modify(change, words).map(Command::Change)
}

fn parse_neighbour(words: &mut Words<'_>) -> Result<Command, Failure> {
    use neighbour::Verb;
    let verb = words.next().unwrap_or_else(|| "show".to_owned());
    let change = match verb.as_str() {
        verb if matches(verb, "add") => Verb::Add,
        verb if matches(verb, "change") || verb == "chg" => Verb::Change,
        verb if matches(verb, "replace") => Verb::Replace,
        verb if matches(verb, "delete") => Verb::Delete,
        verb if is_show(verb) => return neighbour::select(words, false).map(Command::Neighbours),
        verb if matches(verb, "flush") => {
            let first = words
                .next()
                .ok_or_else(|| Failure::inapplicable("Flush requires arguments."))?;
            words.put_back(first);
            return neighbour::select(words, true).map(Command::FlushNeighbours);
        }
        verb if matches(verb, "help") => return Err(Failure::words(neighbour::USAGE)),
        verb => return Err(unknown(verb, "neigh")),
    };
    neighbour::modify(change, words).map(Command::Change)
}

fn parse_link(words: &mut Words<'_>) -> Result<Command, Failure> {
    use link::Verb;
    let verb = words.next().unwrap_or_else(|| "show".to_owned());
    let change = match verb.as_str() {
        verb if matches(verb, "add") => Verb::Add,
        verb if matches(verb, "set") || matches(verb, "change") => Verb::Set,
        verb if matches(verb, "replace") => Verb::Replace,
        verb if matches(verb, "delete") => Verb::Delete,
        verb if is_show(verb) => return Ok(Command::Show(address::select(words, true)?, true)),
        verb if matches(verb, "help") => return Err(Failure::words(link::USAGE)),
        verb => return Err(unknown(verb, "link")),
    };
    link::modify(change, words).map(Command::Link)
}

fn parse_tuntap(words: &mut Words<'_>) -> Result<Command, Failure> {
    let verb = words.next().unwrap_or_else(|| "show".to_owned());
    match verb.as_str() {
        verb if matches(verb, "add") => tuntap::modify(true, words).map(Command::Tuntap),
        verb if matches(verb, "delete") => tuntap::modify(false, words).map(Command::Tuntap),
        verb if is_show(verb) => Ok(Command::Tuntaps),
        verb if matches(verb, "help") => Err(Failure::words(tuntap::USAGE)),
        verb => Err(unknown(verb, "tuntap")),
    }
}

/// Runs `ip` with these words; returns the exit code.
pub fn run(words: impl IntoIterator<Item = String>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let mut said = String::new();
    let outcome = attempt(words, &mut said, err);
    let written = out.write_all(said.as_bytes()).and_then(|()| out.flush());
    let failure = match (outcome, written) {
        (Err(failure), _) => failure,
        (Ok(()), Err(error)) => Failure::inapplicable(format!("Cannot write: {error}")),
        (Ok(()), Ok(())) => return 0,
    };
    // There is nowhere to say that the error output is gone.
    let _ = err.write_all(failure.text.as_bytes());
    failure.code
}

fn attempt(words: impl IntoIterator<Item = String>, out: &mut String, err: &mut dyn Write) -> Result<(), Failure> {
    let mut words = words.into_iter().collect();
    let (options, asked) = options(&mut words)?;
    match asked {
        Asked::Command => {}
        Asked::Version => {
            out.push_str(concat!("ip utility, gatepost ", env!("CARGO_PKG_VERSION"), "\n"));
            return Ok(());
        }
        Asked::Help => return Err(Failure::words(USAGE)),
    }
    if let Some(name) = &options.namespace {
        namespace::enter(name).map_err(|error| Failure::words(error.to_string()))?;
    }
    let mut connection = Connection::open().map_err(|error| Failure::inapplicable(error.to_string()))?;
    let databases = Databases::default();
    let mut links = LinkNames::new(&mut connection);
    let mut words = Words::new(words, &mut links, &databases, options.family);
    let command = parse(&mut words);
    // Warnings do not wait for the outcome; nowhere to say that the error output is gone.
    let _ = err.write_all(words.warnings.as_bytes());
    let command = command?;
    let mut run = Run {
        options: &options,
        databases: &databases,
        links,
        out: options.printer(),
        warnings: String::new(),
    };
    let outcome = run.execute(&command);
    let _ = err.write_all(run.warnings.as_bytes());
    let shows = !matches!(command, Command::Change(_) | Command::Link(_) | Command::Tuntap(_));
    let flushes = matches!(
        command,
        Command::FlushAddresses(_) | Command::FlushRoutes(_) | Command::FlushNeighbours(_)
    );
    if outcome.is_ok() && shows && !flushes {
        out.push_str(&run.out.finish());
    }
    outcome
}

struct Run<'a, 'c> {
    options: &'a Options,
    databases: &'a Databases,
    links: LinkNames<'c>,
    out: Printer,
    warnings: String,
}

impl Run<'_, '_> {
    fn execute(&mut self, command: &Command) -> Result<(), Failure> {
        match command {
            Command::Change(change) => self.change(change),
            Command::Link(request) => self.change(&request.change),
            Command::Show(selector, links_only) => self.show(selector, *links_only),
            Command::FlushAddresses(selector) => self.flush_addresses(selector),
            Command::Routes(selector) => self.routes(selector),
            Command::FlushRoutes(selector) => self.flush_routes(selector),
            Command::RouteTo(route) => self.route_to(route),
            Command::Neighbours(selector) => self.neighbours(selector),
            Command::FlushNeighbours(selector) => self.flush_neighbours(selector),
            Command::Tuntap(request) => tuntap::execute(request),
            Command::Tuntaps => self.tuntaps(),
            Command::Namespace(request) => netns::execute(request, &mut self.out),
        }
    }

    fn change(&mut self, change: &Change) -> Result<(), Failure> {
        let warning = self.links.connection.execute(change).map_err(|error| refused(&error))?;
        if let Some(warning) = warning {
            self.warnings.push_str(&extended("Warning", &warning));
        }
        Ok(())
    }

    fn dump(&mut self, query: &Query, terminated: &str, code: u8) -> Result<Vec<Object>, Failure> {
        self.links
            .connection
            .dump(query)
            .map_err(|error| dump_failed(&error, terminated, code))
    }

    fn all_links(&mut self, selector: &address::Selector) -> Result<Vec<Link>, Failure> {
        let objects = if selector.index != 0 {
            let query = Query::Link {
                family: selector.family,
                index: selector.index,
                name: None,
                statistics: self.options.statistics > 0,
            };
            let found = self.links.connection.find(&query);
            vec![found.map_err(|error| Failure {
                text: refused(&error).text,
                code: 1,
            })?]
        } else {
            let query = Query::Links {
                family: if selector.family == family::PACKET {
                    family::PACKET
                } else {
                    self.options.family
                },
                master: selector.master.filter(|master| *master != 0),
                kind: selector.kind.clone(),
            };
            self.dump(&query, "Dump terminated", 1)?
        };
        let links = objects.into_iter().filter_map(|object| match object {
            Object::Link(link) => Some(*link),
            _ => None,
        });
        let links: Vec<Link> = links.collect();
        links.iter().for_each(|link| self.links.learn(link));
        Ok(links)
    }

    fn addresses(&mut self, selector: &address::Selector, terminated: &str) -> Result<Vec<Address>, Failure> {
        let query = Query::Addresses {
            family: selector.family,
            index: selector.index,
        };
        let objects = self.dump(&query, terminated, 1)?;
        Ok(objects
            .into_iter()
            .filter_map(|object| match object {
                Object::Address(address) => Some(*address),
                _ => None,
            })
            .collect())
    }

    fn show(&mut self, selector: &address::Selector, links_only: bool) -> Result<(), Failure> {
        let mut links = self.all_links(selector)?;
        let with_addresses = selector.family != family::PACKET;
        let addresses = if with_addresses {
            self.addresses(selector, "Dump terminated")?
        } else {
            Vec::new()
        };
        if with_addresses {
            links.retain(|link| selector.selects_link(link, &addresses, &mut self.links));
        }
        self.out.begin();
        for link in &links {
            self.out.open_object();
            self.show_link(selector, link, &addresses, links_only);
            self.out.close_object();
        }
        Ok(())
    }

    fn show_link(&mut self, selector: &address::Selector, link: &Link, addresses: &[Address], links_only: bool) {
        let with_addresses = selector.family != family::PACKET;
        let brief = self.options.brief;
        let shown = brief || !with_addresses || !self.options.oneline;
        if shown {
            let right_master = match selector.master {
                Some(0) | None => true,
                Some(master) => link.master == Some(master),
            };
            let right = (!selector.up || link.flags & crate::object::link::flag::UP != 0)
                && selector
                    .group
                    .is_none_or(|group| link.group.is_none_or(|own| own == group))
                && right_master
                && selector
                    .kind
                    .as_ref()
                    .is_none_or(|kind| link.kind.as_ref() == Some(kind))
                && selector
                    .port_kind
                    .as_ref()
                    .is_none_or(|kind| link.port_kind.as_ref() == Some(kind));
            if !right {
                return;
            }
            let mut show = link_show::Show {
                options: self.options,
                databases: self.databases,
                links: &mut self.links,
                links_only,
                family: selector.family,
            };
            match (brief, selector.label.is_some()) {
                (_, true) => {}
                (true, _) => show.brief(link, &mut self.out),
                (false, _) => show.link(link, &mut self.out),
            }
        }
        if with_addresses {
            self.show_addresses(selector, link, addresses);
            if shown && !brief && selector.label.is_none() && self.options.statistics > 0 {
                statistics::show(link, self.options, &mut self.out);
                self.out.new_line();
            }
        }
    }

    fn show_addresses(&mut self, selector: &address::Selector, link: &Link, addresses: &[Address]) {
        let up = link.flags & crate::object::link::flag::UP != 0;
        self.out.open_array("addr_info");
        for address in addresses.iter().filter(|address| address.index == link.index) {
            let of_family = selector.family == family::UNSPEC || selector.family == address.family;
            if !of_family || selector.up && !up {
                continue;
            }
            self.out.open_object();
            if selector.selects(address, &mut self.links) {
                address::show(address, self.options, self.databases, &mut self.links, &mut self.out);
            }
            self.out.close_object();
        }
        self.out.close_array();
        if self.options.brief {
            self.out.text(format_args!("\n"));
        }
    }

    fn flush_addresses(&mut self, selector: &address::Selector) -> Result<(), Failure> {
        use crate::object::address::flag::SECONDARY;
        for _ in 0..FLUSH_ROUNDS {
            let mut addresses = self.addresses(selector, "Flush terminated")?;
            addresses.retain(|address| selector.selects(address, &mut self.links));
            if addresses.is_empty() {
                return Ok(());
            }
            let changes = addresses
                .into_iter()
                .map(|address| Change::Delete(Object::Address(Box::new(address))));
            // A deletion may take others of its subnet with it.
            self.flush(changes.collect(), errno::EADDRNOTAVAIL, 1)?;
            // Where only first addresses are meant, those that become first by this are not.
            if selector.flag_mask & SECONDARY != 0 && selector.flags & SECONDARY == 0 {
                return Ok(());
            }
        }
        let text = format!("*** Flush remains incomplete after {FLUSH_ROUNDS} rounds. ***");
        Err(Failure::inapplicable(text))
    }

    fn flush(&mut self, changes: Vec<Change>, harmless: i32, code: u8) -> Result<(), Failure> {
        let refusals = self
            .links
            .connection
            .execute_all(&changes)
            .map_err(|error| refused(&error))?;
        match refusals.into_iter().find(|(_, refusal)| refusal.errno != harmless) {
            Some((_, refusal)) => {
                let text = format!("Failed to send flush request: {}\n", errno::text(refusal.errno));
                Err(Failure { text, code })
            }
            None => Ok(()),
        }
    }

    fn selected_routes(&mut self, selector: &route::Selector, terminated: &str) -> Result<Vec<Route>, Failure> {
        let query = Query::Routes {
            family: selector.family,
            table: selector.table,
            protocol: selector.protocol.unwrap_or(0),
            oif: selector.oif.unwrap_or(0),
            cloned: selector.cloned,
        };
        let objects = match self.links.connection.dump(&query) {
            // The main table is there even where nothing was ever put in it.
            Err(Error::Refused(refusal)) if refusal.errno == errno::ENOENT && selector.table == routes::table::MAIN => {
                Vec::new()
            }
            Err(error) => return Err(dump_failed(&error, terminated, 2)),
            Ok(objects) => objects,
        };
        let mut several_tables = false;
        Ok(objects
            .into_iter()
            .filter_map(|object| match object {
                Object::Route(route) if selector.selects(&route, &mut several_tables) => Some(*route),
                _ => None,
            })
            .collect())
    }

    fn routes(&mut self, selector: &route::Selector) -> Result<(), Failure> {
        let routes = self.selected_routes(selector, "Dump terminated")?;
        self.out.begin();
        routes.iter().for_each(|route| self.show_route(route, selector));
        Ok(())
    }

    fn show_route(&mut self, route: &Route, selector: &route::Selector) {
        let mut show = route_show::Show {
            options: self.options,
            databases: self.databases,
            links: &mut self.links,
            selector,
        };
        show.route(route, &mut self.out);
    }

    fn flush_routes(&mut self, selector: &route::Selector) -> Result<(), Failure> {
        for _ in 0..FLUSH_ROUNDS {
            let mut routes = self.selected_routes(selector, "Flush terminated")?;
            // The kernel's own, which it puts back at once.
            routes.retain(|route| {
                !(route.family == family::INET6
                    && route.destination_length == 0
                    && route.route_type == UNREACHABLE
                    && route.priority == Some(u32::MAX))
            });
            if routes.is_empty() {
                return Ok(());
            }
            let changes = routes
                .into_iter()
                .map(|route| Change::Delete(Object::Route(Box::new(route))));
            self.flush(changes.collect(), NO_SUCH_ROUTE, 2)?;
        }
        Err(Failure::inapplicable(format!(
            "*** Flush remains incomplete after {FLUSH_ROUNDS} rounds. ***"
        )))
    }

    fn route_to(&mut self, route: &Route) -> Result<(), Failure> {
        let found = self.links.connection.find(&Query::RouteTo(Box::new(route.clone())));
        if let Object::Route(found) = found.map_err(|error| refused(&error))? {
            let selector = route::Selector {
                cloned: true,
                ..route::Selector::default()
            };
            self.out.begin();
            self.show_route(&found, &selector);
        }
        Ok(())
    }

    fn selected_neighbours(
        &mut self,
        selector: &neighbour::Selector,
        terminated: &str,
    ) -> Result<Vec<Neighbour>, Failure> {
        let query = Query::Neighbours {
            family: selector.family,
            index: selector.index,
            master: selector.master,
            proxy: selector.proxy,
        };
        let objects = self.dump(&query, terminated, 1)?;
        Ok(objects
            .into_iter()
            .filter_map(|object| match object {
                Object::Neighbour(neighbour) if selector.selects(&neighbour) => Some(*neighbour),
                _ => None,
            })
            .collect())
    }

    fn neighbours(&mut self, selector: &neighbour::Selector) -> Result<(), Failure> {
        let neighbours = self.selected_neighbours(selector, "Dump terminated")?;
        self.out.begin();
        for neighbour in &neighbours {
            neighbour::show(
                neighbour,
                selector,
                self.options,
                self.databases,
                &mut self.links,
                &mut self.out,
            );
        }
        Ok(())
    }

    fn flush_neighbours(&mut self, selector: &neighbour::Selector) -> Result<(), Failure> {
        let mut selector = selector.clone();
        for _ in 0..FLUSH_ROUNDS {
            let neighbours = self.selected_neighbours(&selector, "Flush terminated")?;
            if neighbours.is_empty() {
                return Ok(());
            }
            let changes = neighbours
                .into_iter()
                .map(|found| Change::Delete(Object::Neighbour(Box::new(found))));
            self.flush(changes.collect(), errno::ENOENT, 1)?;
            selector = selector.without_failed();
        }
        Err(Failure::inapplicable(format!(
            "*** Flush not complete bailing out after {FLUSH_ROUNDS} rounds"
        )))
    }

    fn tuntaps(&mut self) -> Result<(), Failure> {
        let selector = address::Selector {
            kind: Some("tun".to_owned()),
            ..address::Selector::default()
        };
        let links = self.all_links(&selector)?;
        self.out.begin();
        for link in links.iter().filter(|link| link.kind.as_deref() == Some("tun")) {
            tuntap::show(link.name.as_deref().unwrap_or(""), &mut self.out);
        }
        Ok(())
    }
}

/// What goes wrong with a dump has words of its own.
fn dump_failed(error: &Error, terminated: &str, code: u8) -> Failure {
    let said = match error {
        Error::Refused(refusal) if refusal.message.is_none() && refusal.errno == errno::EMSGSIZE => {
            "Error: Buffer too small for object.\n".to_owned()
        }
        error => refused(error).text,
    };
    Failure {
        text: format!("{said}{terminated}\n"),
        code,
    }
}

const FLUSH_ROUNDS: u32 = 10;
/// RTN_UNREACHABLE and ESRCH.
const UNREACHABLE: u8 = 7;
const NO_SUCH_ROUTE: i32 = 3;
