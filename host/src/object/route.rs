//! A route: `struct rtmsg` and RTA attributes (linux/rtnetlink.h).

use super::attribute::{AttributeSet, Attributes, Encoder, Malformed, aligned, ip_of, u8_of, u32_of};
use super::{family, split_body, u32_at};
use std::net::IpAddr;

/// RTA attribute types.
pub mod rta {
    #![allow(missing_docs)] // the names of linux/rtnetlink.h
    pub const DST: u16 = 1;
    pub const SRC: u16 = 2;
    pub const IIF: u16 = 3;
    pub const OIF: u16 = 4;
    pub const GATEWAY: u16 = 5;
    pub const PRIORITY: u16 = 6;
    pub const PREFSRC: u16 = 7;
    pub const METRICS: u16 = 8;
    pub const MULTIPATH: u16 = 9;
    pub const FLOW: u16 = 11;
    pub const CACHEINFO: u16 = 12;
    pub const TABLE: u16 = 15;
    pub const MARK: u16 = 16;
    pub const VIA: u16 = 18;
    pub const PREF: u16 = 20;
    pub const EXPIRES: u16 = 23;
    pub const UID: u16 = 25;
    pub const TTL_PROPAGATE: u16 = 26;
    pub const NH_ID: u16 = 30;
}

/// Tables with names of their own.
pub mod table {
    #![allow(missing_docs)]
    pub const UNSPEC: u32 = 0;
    pub const DEFAULT: u32 = 253;
    pub const MAIN: u32 = 254;
    pub const LOCAL: u32 = 255;
}

/// Scopes (RT_SCOPE_*): how far a destination is.
pub mod scope {
    #![allow(missing_docs)]
    pub const UNIVERSE: u8 = 0;
    pub const LINK: u8 = 253;
    pub const HOST: u8 = 254;
    pub const NOWHERE: u8 = 255;
}

/// Route types (RTN_*).
pub mod route_type {
    #![allow(missing_docs)]
    pub const UNSPEC: u8 = 0;
    pub const UNICAST: u8 = 1;
    pub const LOCAL: u8 = 2;
    pub const BROADCAST: u8 = 3;
    pub const ANYCAST: u8 = 4;
    pub const MULTICAST: u8 = 5;
    pub const NAT: u8 = 10;
}

/// Flags of routes and next hops.
pub mod flag {
    /// The gateway is on the link though no route says so.
    pub const ONLINK: u32 = 4;
    /// A copy in the routing cache.
    pub const CLONED: u32 = 0x200;
}

/// Who put a route there when nobody says: the administrator, by hand.
pub const PROTOCOL_BOOT: u8 = 3;

/// One of several next hops.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nexthop {
    /// RTNH_F_* flags.
    pub flags: u8,
    /// Its weight less one.
    pub hops: u8,
    /// The link; 0 where the gateway says which.
    pub index: u32,
    /// The gateway, of the route's family or another.
    pub gateway: Option<IpAddr>,
    /// Every other attribute.
    pub others: AttributeSet,
}

/// A route. Its key is family, table, destination, tos and metric; for IPv6 also its next hops.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Route {
    /// AF_INET or AF_INET6.
    pub family: u8,
    /// How many bits of `destination` count.
    pub destination_length: u8,
    /// How many bits of `source` count.
    pub source_length: u8,
    /// The type of service it is for.
    pub tos: u8,
    /// The table it stands in.
    pub table: u32,
    /// Who put it there (RTPROT_*).
    pub protocol: u8,
    /// How far the destination is.
    pub scope: u8,
    /// What happens to packets for it.
    pub route_type: u8,
    /// RTM_F_* and RTNH_F_* flags.
    pub flags: u32,
    /// The destination; none for the default route.
    pub destination: Option<IpAddr>,
    /// The source it is for.
    pub source: Option<IpAddr>,
    /// The next router, of the route's family or another.
    pub gateway: Option<IpAddr>,
    /// The link packets leave by.
    pub oif: Option<u32>,
    /// The link packets come by.
    pub iif: Option<u32>,
    /// The source address that packets of our own get.
    pub prefsrc: Option<IpAddr>,
    /// Lower is better; `ip` calls it metric.
    pub priority: Option<u32>,
    /// RTAX_* attributes.
    pub metrics: AttributeSet,
    /// Its next hops, where there are several.
    pub multipath: Vec<Nexthop>,
    /// Router preference (RFC 4191).
    pub pref: Option<u8>,
    /// Every other attribute.
    pub others: AttributeSet,
}

impl Route {
    /// Reads the body of RTM_NEWROUTE or RTM_DELROUTE.
    pub fn decode(body: &[u8]) -> Result<Route, Malformed> {
        let (header, attributes) = split_body::<12>(body)?;
        let mut route = Route {
            family: header[0],
            destination_length: header[1],
            source_length: header[2],
            tos: header[3],
            table: u32::from(header[4]),
            protocol: header[5],
            scope: header[6],
            route_type: header[7],
            flags: u32_at(header, 8),
            ..Route::default()
        };
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            let value = attribute.value;
            match attribute.kind {
                rta::DST => route.destination = ip_of(value),
                rta::SRC => route.source = ip_of(value),
                rta::GATEWAY => route.gateway = ip_of(value),
                rta::VIA => route.gateway = value.get(2..).and_then(ip_of),
                rta::OIF => route.oif = u32_of(value),
                rta::IIF => route.iif = u32_of(value),
                rta::PREFSRC => route.prefsrc = ip_of(value),
                rta::PRIORITY => route.priority = u32_of(value),
                // The header has room for 256 tables; this attribute for all.
                rta::TABLE => route.table = u32_of(value).unwrap_or(route.table),
                rta::METRICS => route.metrics = AttributeSet::of(value),
                rta::MULTIPATH => route.multipath = multipath_of(value)?,
                rta::PREF => route.pref = u8_of(value),
                kind => route.others.push(kind, value),
            }
        }
        Ok(route)
    }

    /// Writes the body of a request.
    pub fn encode(&self, encoder: &mut Encoder) {
        let near = u8::try_from(self.table);
        encoder.raw(&[self.family, self.destination_length, self.source_length, self.tos]);
        encoder.raw(&[near.unwrap_or(0), self.protocol, self.scope, self.route_type]);
        encoder.raw(&self.flags.to_ne_bytes());
        let addresses = [
            (rta::DST, self.destination),
            (rta::SRC, self.source),
            (rta::PREFSRC, self.prefsrc),
        ];
        for (kind, value) in addresses {
            if let Some(value) = value {
                encoder.ip(kind, value);
            }
        }
        if let Some(gateway) = self.gateway {
            encode_gateway(encoder, self.family, gateway);
        }
        if near.is_err() {
            encoder.u32(rta::TABLE, self.table);
        }
        for (kind, value) in [
            (rta::PRIORITY, self.priority),
            (rta::OIF, self.oif),
            (rta::IIF, self.iif),
        ] {
            if let Some(value) = value {
                encoder.u32(kind, value);
            }
        }
        if let Some(pref) = self.pref {
            encoder.u8(rta::PREF, pref);
        }
        encoder.set(&self.others);
        if !self.metrics.is_empty() {
            encoder.nested(rta::METRICS, |metrics| metrics.set(&self.metrics));
        }
        if !self.multipath.is_empty() {
            encoder.nested(rta::MULTIPATH, |multipath| {
                for hop in &self.multipath {
                    hop.encode(multipath, self.family);
                }
            });
        }
    }
}

impl Nexthop {
    fn encode(&self, encoder: &mut Encoder, family: u8) {
        let start = encoder.octets().len();
        // `struct rtnexthop`: length u16, flags u8, hops u8, index u32; the length is put in afterwards.
        encoder.raw(&[0; 4]);
        encoder.raw(&self.index.to_ne_bytes());
        if let Some(gateway) = self.gateway {
            encode_gateway(encoder, family, gateway);
        }
        encoder.set(&self.others);
        // A next hop is some hundred octets at most; a longer one overflows the attribute around it, which is noticed.
        let length = u16::try_from(encoder.octets().len() - start)
            .unwrap_or(u16::MAX)
            .to_ne_bytes();
        encoder.patch_u32(start, u32::from_ne_bytes([length[0], length[1], self.flags, self.hops]));
        encoder.pad();
    }
}

/// RTA_GATEWAY, or RTA_VIA where the gateway is of another family than the route (RFC 5549).
fn encode_gateway(encoder: &mut Encoder, route_family: u8, gateway: IpAddr) {
    if family::of(gateway) == route_family {
        encoder.ip(rta::GATEWAY, gateway);
        return;
    }
    encoder.nested(rta::VIA, |via| {
        via.raw(&u16::from(family::of(gateway)).to_ne_bytes());
        match gateway {
            IpAddr::V4(address) => via.raw(&address.octets()),
            IpAddr::V6(address) => via.raw(&address.octets()),
        }
    });
}

fn multipath_of(mut octets: &[u8]) -> Result<Vec<Nexthop>, Malformed> {
    const CUT: Malformed = Malformed { what: "a next hop" };
    let mut hops = Vec::new();
    while let Some(header) = octets.first_chunk::<8>() {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let attributes = octets.get(8..length).ok_or(CUT)?;
        let mut hop = Nexthop {
            flags: header[2],
            hops: header[3],
            index: u32_at(header, 4),
            ..Nexthop::default()
        };
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            match attribute.kind {
                rta::GATEWAY => hop.gateway = ip_of(attribute.value),
                rta::VIA => hop.gateway = attribute.value.get(2..).and_then(ip_of),
                kind => hop.others.push(kind, attribute.value),
            }
        }
        hops.push(hop);
        octets = octets.get(aligned(length)..).unwrap_or(&[]);
    }
    Ok(hops)
}
