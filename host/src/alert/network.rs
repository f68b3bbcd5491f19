//! What is known of the network, and which event changes it. No socket: objects and events in, changes out.

use super::{Change, Kind};
use crate::netlink::Event;
use crate::object::{Address, Link, Neighbour, Object, Route, family, link, neighbour, route};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

/// Links, addresses and default routes as last told.
///
/// Other routes and neighbours are told as they change, but not kept: there may be a million of them.
#[derive(Default)]
pub struct Network {
    links: BTreeMap<u32, Port>,
    addresses: BTreeSet<(u32, String)>,
    /// The best default route of each address family: what an operator would be told of it.
    defaults: BTreeMap<u8, String>,
    stale: bool,
}

/// Everything there is at one moment.
#[derive(Debug, Default)]
pub struct Stock {
    /// All links.
    pub links: Vec<Object>,
    /// All addresses.
    pub addresses: Vec<Object>,
    /// All routes of the main table.
    pub routes: Vec<Object>,
}

/// What is told of a link when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Port {
    name: String,
    state: State,
    mtu: Option<u32>,
    master: Option<u32>,
    loopback: bool,
}

/// Whether a link carries anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Frames pass.
    Up,
    /// It is meant to be up, but nothing answers at the other end.
    NoCarrier,
    /// The administrator wants it down.
    Down,
}

impl Network {
    /// Learns what there is, without telling it.
    pub fn learn(&mut self, stock: &Stock) {
        self.take_stock(stock);
    }

    /// Compares with everything there is now: what changed unseen.
    pub fn take_stock(&mut self, stock: &Stock) -> Vec<Change> {
        let (mut links, mut addresses) = (self.links.clone(), self.addresses.clone());
        for object in stock.links.iter().chain(&stock.addresses) {
            match object {
                Object::Link(link) => drop(links.remove(&link.index)),
                Object::Address(address) => drop(addresses.remove(&(address.index, text_of(address)))),
                _ => {}
            }
        }
        let mut changes = Vec::new();
        for (index, address) in addresses {
            changes.extend(self.address_gone(index, address));
        }
        for index in links.into_keys() {
            changes.extend(self.link_gone(index));
        }
        for object in stock.links.iter().chain(&stock.addresses) {
            changes.extend(self.feed(&Event::New(object.clone())));
        }
        changes.extend(self.default_routes(&stock.routes));
        self.stale = false;
        changes
    }

    /// Takes an event, and says what it changed.
    pub fn feed(&mut self, event: &Event) -> Vec<Change> {
        match event {
            // A bridge tells its ports' state as links of its own family; their leaving it is no link's end.
            Event::New(Object::Link(link)) if link.family == family::UNSPEC => self.link(link),
            Event::Deleted(Object::Link(link)) if link.family == family::UNSPEC => self.link_gone(link.index),
            Event::New(Object::Address(address)) => self.address(address),
            Event::Deleted(Object::Address(address)) => self.address_gone(address.index, text_of(address)),
            Event::New(Object::Route(route)) => self.route(route, "added"),
            Event::Deleted(Object::Route(route)) => self.route(route, "removed"),
            Event::New(Object::Neighbour(neighbour)) => vec![self.neighbour(neighbour, None)],
            Event::Deleted(Object::Neighbour(neighbour)) => vec![self.neighbour(neighbour, Some("removed"))],
            Event::New(_) | Event::Deleted(_) => Vec::new(),
            Event::Overrun => {
                self.stale = true;
                Vec::new()
            }
        }
    }

    /// Whether the default routes may have changed in a way that no event told; asking makes it false.
    ///
    /// The kernel removes a link's IPv4 routes with it in silence, and tells a replacement without what it replaced.
    pub fn take_stale(&mut self) -> bool {
        std::mem::take(&mut self.stale)
    }

    /// Compares the default routes with all routes there are now.
    pub fn default_routes(&mut self, routes: &[Object]) -> Vec<Change> {
        let mut changes = Vec::new();
        for (number, name) in [(family::INET, "IPv4"), (family::INET6, "IPv6")] {
            let best = routes
                .iter()
                .filter_map(|object| match object {
                    Object::Route(route) if route.family == number && is_default(route) => Some(route),
                    _ => None,
                })
                .min_by_key(|route| route.priority.unwrap_or(0))
                .map(|route| self.way(route));
            let before = self.defaults.get(&number);
            let what = match (before, &best) {
                (before, now) if before == now.as_ref() => continue,
                (Some(before), None) => format!("gone, was {before}"),
                (Some(before), Some(now)) => format!("changed to {now}, was {before}"),
                (None, Some(now)) => format!("new, {now}"),
                (None, None) => continue,
            };
            match best {
                Some(best) => self.defaults.insert(number, best),
                None => self.defaults.remove(&number),
            };
            changes.push(Change {
                kind: Kind::DefaultRoute,
                subject: name.to_owned(),
                what,
                alert: true,
            });
        }
        changes
    }

    /// How many links and addresses are known, and the default routes.
    pub fn summary(&self) -> String {
        let mut text = format!("{} links, {} addresses", self.links.len(), self.addresses.len());
        for default in self.defaults.values() {
            // Writing to a String cannot fail.
            let _ = write!(text, ", default route {default}");
        }
        text
    }

    fn link(&mut self, link: &Link) -> Vec<Change> {
        let now = Port::of(link);
        let before = self.links.insert(link.index, now.clone());
        let tell = |what: String, alert| Change {
            kind: Kind::Link,
            subject: now.name.clone(),
            what,
            alert: alert && !now.loopback,
        };
        let Some(before) = before else {
            return vec![tell(format!("new, {}", now.state), false)];
        };
        let mut changes = Vec::new();
        if before.name != now.name {
            changes.push(tell(format!("renamed, was {}", before.name), false));
        }
        if before.state != now.state {
            self.stale = true;
            // From down to no carrier, or back, nothing that worked is lost and nothing that failed works.
            changes.push(tell(
                now.state.to_string(),
                before.state == State::Up || now.state == State::Up,
            ));
        }
        if let (true, Some(mtu)) = (before.mtu != now.mtu, now.mtu) {
            changes.push(tell(format!("mtu {mtu}"), false));
        }
        if before.master != now.master {
            changes.push(match now.master {
                Some(master) => tell(format!("master {}", self.name(master)), false),
                None => tell("no master".to_owned(), false),
            });
        }
        changes
    }

    fn link_gone(&mut self, index: u32) -> Vec<Change> {
        let Some(port) = self.links.remove(&index) else {
            return Vec::new();
        };
        self.stale = true;
        // Nobody tells each address of a link that is gone.
        self.addresses.retain(|(link, _)| *link != index);
        vec![Change {
            kind: Kind::Link,
            subject: port.name,
            what: "removed".to_owned(),
            alert: port.state == State::Up && !port.loopback,
        }]
    }

    fn address(&mut self, address: &Address) -> Vec<Change> {
        let text = text_of(address);
        // Told again with each renewal of its lifetime.
        if !self.addresses.insert((address.index, text.clone())) {
            return Vec::new();
        }
        vec![self.address_change(address.index, &text, "added")]
    }

    fn address_gone(&mut self, index: u32, text: String) -> Vec<Change> {
        let change = self.address_change(index, &text, "removed");
        let known = self.addresses.remove(&(index, text));
        self.stale |= known;
        if known { vec![change] } else { Vec::new() }
    }

    fn address_change(&self, index: u32, text: &str, what: &str) -> Change {
        Change {
            kind: Kind::Address,
            subject: format!("{text} on {}", self.name(index)),
            what: what.to_owned(),
            alert: false,
        }
    }

    fn route(&mut self, route: &Route, what: &str) -> Vec<Change> {
        // The local table repeats the addresses, and clones are the kernel's own notes.
        if route.table == route::table::LOCAL || route.flags & route::flag::CLONED != 0 {
            return Vec::new();
        }
        if is_default(route) {
            self.stale = true;
            return Vec::new();
        }
        let destination = route.destination.map_or("default".to_owned(), |address| {
            format!("{address}/{}", route.destination_length)
        });
        let table = match route.table {
            route::table::MAIN => String::new(),
            table => format!(" table {table}"),
        };
        vec![Change {
            kind: Kind::Route,
            subject: join(&destination, &self.way(route)) + &table,
            what: what.to_owned(),
            alert: false,
        }]
    }

    /// Where a route leads: `via 192.0.2.1 dev wan0 metric 100`.
    fn way(&self, route: &Route) -> String {
        let mut text = String::new();
        let hops = route.multipath.iter().map(|hop| (hop.gateway, Some(hop.index)));
        for (gateway, oif) in std::iter::once((route.gateway, route.oif)).chain(hops) {
            if let Some(gateway) = gateway {
                text = join(&text, &format!("via {gateway}"));
            }
            if let Some(oif) = oif {
                text = join(&text, &format!("dev {}", self.name(oif)));
            }
        }
        if let Some(metric) = route.priority.filter(|metric| *metric != 0) {
            text = join(&text, &format!("metric {metric}"));
        }
        if text.is_empty() { "to nowhere".to_owned() } else { text }
    }

    fn neighbour(&self, neighbour: &Neighbour, what: Option<&str>) -> Change {
        let address = neighbour
            .destination
            .map_or("?".to_owned(), |address| address.to_string());
        let state = match neighbour.state {
            neighbour::state::INCOMPLETE => "incomplete",
            neighbour::state::REACHABLE => "reachable",
            neighbour::state::STALE => "stale",
            neighbour::state::DELAY => "delay",
            neighbour::state::PROBE => "probe",
            neighbour::state::FAILED => "failed",
            neighbour::state::NOARP => "noarp",
            neighbour::state::PERMANENT => "permanent",
            _ => "no state",
        };
        Change {
            kind: Kind::Neighbour,
            subject: format!("{address} on {}", self.name(neighbour.index)),
            what: what.unwrap_or(state).to_owned(),
            alert: false,
        }
    }

    fn name(&self, index: u32) -> String {
        let known = self.links.get(&index).map(|port| port.name.clone());
        known.unwrap_or_else(|| format!("link {index}"))
    }
}

impl Port {
    fn of(link: &Link) -> Self {
        let state = if link.flags & link::flag::UP == 0 {
            State::Down
        } else if link.flags & link::flag::RUNNING == 0 {
            State::NoCarrier
        } else {
            State::Up
        };
        Self {
            // The kernel lets a name hold control characters; a subject and a terminal do not.
            name: match &link.name {
                Some(name) => name.replace(char::is_control, "?"),
                None => format!("link {}", link.index),
            },
            state,
            mtu: link.mtu,
            master: link.master.filter(|master| *master != 0),
            loopback: link.flags & link::flag::LOOPBACK != 0,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Up => "up",
            Self::NoCarrier => "down: no carrier",
            Self::Down => "down",
        })
    }
}

/// To everywhere, for everybody.
fn is_default(route: &Route) -> bool {
    route.table == route::table::MAIN
        && route.destination_length == 0
        && route.source_length == 0
        && route.tos == 0
        && route.route_type == route::route_type::UNICAST
}

fn text_of(address: &Address) -> String {
    // On a link with one peer `local` is ours and `address` is the peer's.
    match address.local.or(address.address) {
        Some(own) => format!("{own}/{}", address.prefix_length),
        None => format!("?/{}", address.prefix_length),
    }
}

fn join(left: &str, right: &str) -> String {
    if left.is_empty() {
        right.to_owned()
    } else {
        format!("{left} {right}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUNNING: u32 = link::flag::UP | link::flag::RUNNING;

    fn wan(flags: u32) -> Object {
        Object::Link(Box::new(Link {
            index: 2,
            flags,
            name: Some("wan0".to_owned()),
            ..Link::default()
        }))
    }

    fn address() -> Object {
        Object::Address(Box::new(Address {
            family: family::INET,
            prefix_length: 24,
            index: 2,
            local: "192.0.2.2".parse().ok(),
            ..Address::default()
        }))
    }

    fn default_route(gateway: &str, metric: u32) -> Object {
        Object::Route(Box::new(Route {
            family: family::INET,
            table: route::table::MAIN,
            route_type: route::route_type::UNICAST,
            gateway: gateway.parse().ok(),
            oif: Some(2),
            priority: Some(metric),
            ..Route::default()
        }))
    }

    fn network() -> Network {
        let mut network = Network::default();
        network.learn(&Stock {
            links: vec![wan(RUNNING)],
            addresses: vec![address()],
            routes: vec![default_route("192.0.2.1", 10), default_route("192.0.2.9", 20)],
        });
        network
    }

    /// Each change as it is told; alerts end in `!`.
    fn told(changes: Vec<Change>) -> Vec<String> {
        let mark = |change: &Change| if change.alert { "!" } else { "" };
        changes
            .iter()
            .map(|change| format!("{change}{}", mark(change)))
            .collect()
    }

    #[test]
    fn a_link_is_told_once_for_each_state() {
        let mut network = network();
        let mut feed = |flags| told(network.feed(&Event::New(wan(flags))));
        assert_eq!(feed(RUNNING), [""; 0]);
        assert_eq!(feed(link::flag::UP), ["link wan0: down: no carrier!"]);
        assert_eq!(feed(link::flag::UP), [""; 0]);
        assert_eq!(feed(0), ["link wan0: down"]);
        assert_eq!(feed(RUNNING), ["link wan0: up!"]);
        assert_eq!(
            told(network.feed(&Event::Deleted(wan(RUNNING)))),
            ["link wan0: removed!"]
        );
        assert_eq!(told(network.feed(&Event::New(wan(0)))), ["link wan0: new, down"]);
    }

    #[test]
    fn a_port_leaving_its_bridge_is_no_link_removed() {
        let mut network = network();
        let port = |master| {
            let Object::Link(mut link) = wan(RUNNING) else {
                unreachable!()
            };
            link.master = master;
            link.family = if master.is_none() {
                family::BRIDGE
            } else {
                family::UNSPEC
            };
            Object::Link(link)
        };
        assert_eq!(
            told(network.feed(&Event::New(port(Some(7))))),
            ["link wan0: master link 7"]
        );
        assert_eq!(told(network.feed(&Event::Deleted(port(None)))), [""; 0]);
        assert_eq!(told(network.feed(&Event::New(wan(RUNNING)))), ["link wan0: no master"]);
    }

    #[test]
    fn addresses_are_told_when_they_come_and_go() {
        let mut network = network();
        assert_eq!(
            told(network.feed(&Event::New(address()))),
            [""; 0],
            "a renewed lifetime is no change"
        );
        assert_eq!(
            told(network.feed(&Event::Deleted(address()))),
            ["address 192.0.2.2/24 on wan0: removed"]
        );
        assert_eq!(told(network.feed(&Event::Deleted(address()))), [""; 0]);
        assert_eq!(
            told(network.feed(&Event::New(address()))),
            ["address 192.0.2.2/24 on wan0: added"]
        );
    }

    #[test]
    fn only_the_best_default_route_is_an_alert() {
        let mut network = network();
        let (first, second) = (default_route("192.0.2.1", 10), default_route("192.0.2.9", 20));
        assert_eq!(told(network.feed(&Event::Deleted(second.clone()))), [""; 0]);
        assert!(network.take_stale(), "what is left must be asked for");
        assert!(!network.take_stale());
        assert_eq!(told(network.default_routes(std::slice::from_ref(&first))), [""; 0]);
        assert_eq!(
            told(network.default_routes(&[second])),
            ["default route IPv4: changed to via 192.0.2.9 dev wan0 metric 20, \
              was via 192.0.2.1 dev wan0 metric 10!"]
        );
        assert_eq!(
            told(network.default_routes(&[])),
            ["default route IPv4: gone, was via 192.0.2.9 dev wan0 metric 20!"]
        );
        assert_eq!(
            told(network.default_routes(&[first])),
            ["default route IPv4: new, via 192.0.2.1 dev wan0 metric 10!"]
        );
    }

    #[test]
    fn a_link_that_goes_down_takes_its_routes_in_silence() {
        let mut network = network();
        network.feed(&Event::New(wan(0)));
        assert!(network.take_stale());
    }

    #[test]
    fn other_routes_are_told_and_the_kernels_own_are_not() {
        let mut network = network();
        let mut route = Route {
            family: family::INET,
            table: route::table::MAIN,
            destination: "198.51.100.0".parse().ok(),
            destination_length: 24,
            oif: Some(3),
            ..Route::default()
        };
        let event = |route: &Route| Event::New(Object::Route(Box::new(route.clone())));
        assert_eq!(
            told(network.feed(&event(&route))),
            ["route 198.51.100.0/24 dev link 3: added"]
        );
        route.table = 100;
        assert_eq!(
            told(network.feed(&event(&route))),
            ["route 198.51.100.0/24 dev link 3 table 100: added"]
        );
        route.table = route::table::LOCAL;
        assert_eq!(told(network.feed(&event(&route))), [""; 0]);
    }

    #[test]
    fn stock_after_lost_events_tells_what_was_missed() {
        let mut network = network();
        assert_eq!(told(network.feed(&Event::Overrun)), [""; 0]);
        let changes = network.take_stock(&Stock {
            links: vec![wan(0)],
            ..Stock::default()
        });
        assert_eq!(
            told(changes),
            [
                "address 192.0.2.2/24 on wan0: removed",
                "link wan0: down!",
                "default route IPv4: gone, was via 192.0.2.1 dev wan0 metric 10!"
            ]
        );
        assert!(!network.take_stale());
        assert_eq!(told(network.take_stock(&Stock::default())), ["link wan0: removed"]);
    }

    #[test]
    fn a_name_cannot_hold_control_characters() {
        let Object::Link(mut link) = wan(RUNNING) else {
            unreachable!()
        };
        link.name = Some("a\u{1b}[2Jb".to_owned());
        link.index = 5;
        let changes = network().feed(&Event::New(Object::Link(link)));
        assert_eq!(told(changes), ["link a?[2Jb: new, up"]);
    }
}
