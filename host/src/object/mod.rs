//! What the kernel holds: links, addresses, routes, neighbours, queueing disciplines.
//!
//! Each object has its type, the key that tells it from others of its kind, `decode` from a message's body and `encode`
//! to a request's body. An attribute that no field stands for is kept as it came, so newer kernels lose nothing.

pub mod address;
pub mod attribute;
#[cfg(test)]
mod captured;
pub mod link;
pub mod neighbour;
pub mod qdisc;
pub mod route;
pub mod tbf;
pub mod tuntap;

use attribute::{Encoder, Malformed};

pub use address::Address;
pub use link::Link;
pub use neighbour::Neighbour;
pub use qdisc::Qdisc;
pub use route::Route;

/// Address families, as the first octet of most message bodies says them.
pub mod family {
    /// Any.
    pub const UNSPEC: u8 = 0;
    /// IPv4.
    pub const INET: u8 = 2;
    /// Bridges and their ports.
    pub const BRIDGE: u8 = 7;
    /// IPv6.
    pub const INET6: u8 = 10;
    /// Link-layer addresses.
    pub const PACKET: u8 = 17;
    /// Labels.
    pub const MPLS: u8 = 28;

    /// The family of an address.
    pub fn of(address: std::net::IpAddr) -> u8 {
        if address.is_ipv4() { INET } else { INET6 }
    }
}

/// One thing that the kernel holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object {
    /// A network interface.
    Link(Box<Link>),
    /// An address on a link.
    Address(Box<Address>),
    /// A route.
    Route(Box<Route>),
    /// A neighbour.
    Neighbour(Box<Neighbour>),
    /// A queueing discipline.
    Qdisc(Box<Qdisc>),
}

/// The kinds of [`Object`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// RTM_*LINK
    Link,
    /// RTM_*ADDR
    Address,
    /// RTM_*ROUTE
    Route,
    /// RTM_*NEIGH
    Neighbour,
    /// RTM_*QDISC
    Qdisc,
}

impl Kind {
    /// The message type that creates or tells such an object; the next deletes, the one after that asks for it.
    pub const fn new_type(self) -> u16 {
        match self {
            Kind::Link => 16,
            Kind::Address => 20,
            Kind::Route => 24,
            Kind::Neighbour => 28,
            Kind::Qdisc => 36,
        }
    }

    /// The message type that deletes such an object.
    pub const fn delete_type(self) -> u16 {
        self.new_type() + 1
    }

    /// The message type that asks for such objects.
    pub const fn query_type(self) -> u16 {
        self.new_type() + 2
    }

    /// Which kind a message of this type is about, and whether it tells of a deletion.
    pub fn of(message_type: u16) -> Option<(Kind, bool)> {
        let all = [Kind::Link, Kind::Address, Kind::Route, Kind::Neighbour, Kind::Qdisc];
        let new = all.into_iter().find(|kind| kind.new_type() == message_type);
        let deleted = || all.into_iter().find(|kind| kind.delete_type() == message_type);
        new.map(|kind| (kind, false))
            .or_else(|| deleted().map(|kind| (kind, true)))
    }
}

impl Object {
    /// Which kind of object it is.
    pub fn kind(&self) -> Kind {
        match self {
            Object::Link(_) => Kind::Link,
            Object::Address(_) => Kind::Address,
            Object::Route(_) => Kind::Route,
            Object::Neighbour(_) => Kind::Neighbour,
            Object::Qdisc(_) => Kind::Qdisc,
        }
    }

    /// The object in a message's body (what follows the netlink header).
    pub fn decode(kind: Kind, body: &[u8]) -> Result<Object, Malformed> {
        Ok(match kind {
            Kind::Link => Object::Link(Box::new(Link::decode(body)?)),
            Kind::Address => Object::Address(Box::new(Address::decode(body)?)),
            Kind::Route => Object::Route(Box::new(Route::decode(body)?)),
            Kind::Neighbour => Object::Neighbour(Box::new(Neighbour::decode(body)?)),
            Kind::Qdisc => Object::Qdisc(Box::new(Qdisc::decode(body)?)),
        })
    }

    /// Writes a request's body.
    pub fn encode(&self, encoder: &mut Encoder) {
        match self {
            Object::Link(link) => link.encode(encoder),
            Object::Address(address) => address.encode(encoder),
            Object::Route(route) => route.encode(encoder),
            Object::Neighbour(neighbour) => neighbour.encode(encoder),
            Object::Qdisc(qdisc) => qdisc.encode(encoder),
        }
    }
}

/// What is to become different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Create it; refused if it exists.
    Add(Object),
    /// Create it after those with the same key (routes).
    Append(Object),
    /// Create it before those with the same key (routes).
    Prepend(Object),
    /// Create it, or put it in the place of the one with the same key.
    Replace(Object),
    /// Give the existing one these attributes; refused if there is none.
    Set(Object),
    /// Remove it.
    Delete(Object),
}

impl Change {
    /// What it is about.
    pub fn object(&self) -> &Object {
        match self {
            Change::Add(object)
            | Change::Append(object)
            | Change::Prepend(object)
            | Change::Replace(object)
            | Change::Set(object)
            | Change::Delete(object) => object,
        }
    }

    /// The change that undoes this one; `before` is what stood under the same key, if anything did.
    pub fn inverse(&self, before: Option<&Object>) -> Change {
        match (self, before) {
            (Change::Delete(object), None) => Change::Add(object.clone()),
            (Change::Delete(_), Some(before)) => Change::Add(before.clone()),
            (Change::Replace(_) | Change::Set(_), Some(Object::Link(before))) => {
                Change::Set(Object::Link(Box::new(before.restoring())))
            }
            (Change::Replace(_) | Change::Set(_), Some(before)) => Change::Replace(before.clone()),
            (change, _) => Change::Delete(change.object().clone()),
        }
    }
}

/// The first `N` octets of a body: its fixed header, and the attributes after it.
fn split_body<const N: usize>(body: &[u8]) -> Result<(&[u8; N], &[u8]), Malformed> {
    let (header, rest) = body.split_first_chunk().ok_or(Malformed {
        what: "the fixed header",
    })?;
    Ok((header, rest.get(attribute::aligned(N) - N..).unwrap_or(&[])))
}

/// Four octets of a header as a number.
fn u32_at<const N: usize>(header: &[u8; N], position: usize) -> u32 {
    header.get(position..).and_then(attribute::u32_of).unwrap_or(0)
}

/// Two octets of a header as a number.
fn u16_at<const N: usize>(header: &[u8; N], position: usize) -> u16 {
    header.get(position..).and_then(attribute::u16_of).unwrap_or(0)
}
