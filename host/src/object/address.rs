//! An address on a link: `struct ifaddrmsg` and IFA attributes (linux/if_addr.h).

use super::attribute::{AttributeSet, Attributes, Encoder, Malformed, ip_of, text_of, u8_of, u32_of};
use super::{split_body, u32_at};
use std::net::IpAddr;

mod ifa {
    pub(super) const ADDRESS: u16 = 1;
    pub(super) const LOCAL: u16 = 2;
    pub(super) const LABEL: u16 = 3;
    pub(super) const BROADCAST: u16 = 4;
    pub(super) const ANYCAST: u16 = 5;
    pub(super) const CACHEINFO: u16 = 6;
    pub(super) const FLAGS: u16 = 8;
    pub(super) const RT_PRIORITY: u16 = 9;
    pub(super) const PROTO: u16 = 11;
}

/// Flags of an address (linux/if_addr.h).
pub mod flag {
    /// A second address of its subnet (IPv4), or a temporary one (IPv6).
    pub const SECONDARY: u32 = 1;
    /// Its preferred lifetime is over.
    pub const DEPRECATED: u32 = 1 << 5;
    /// It has no lifetime.
    pub const PERMANENT: u32 = 1 << 7;
    /// Join its multicast group.
    pub const MCAUTOJOIN: u32 = 1 << 10;
}

/// A lifetime without end.
pub const FOREVER: u32 = u32::MAX;

/// How long an address is good, seconds from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// For new connections.
    pub preferred: u32,
    /// At all; never less than preferred.
    pub valid: u32,
}

/// An address on a link. Its key is family, index, local address, prefix and peer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Address {
    /// AF_INET or AF_INET6.
    pub family: u8,
    /// Of the address' or the peer's network.
    pub prefix_length: u8,
    /// [`flag`]s.
    pub flags: u32,
    /// How far it is valid (RT_SCOPE_*).
    pub scope: u8,
    /// The link it is on.
    pub index: u32,
    /// The peer's address; equal to `local` where there is no peer.
    pub address: Option<IpAddr>,
    /// The address itself; IPv6 leaves it out where there is no peer.
    pub local: Option<IpAddr>,
    /// The subnet's broadcast address.
    pub broadcast: Option<IpAddr>,
    /// The anycast address.
    pub anycast: Option<IpAddr>,
    /// The name it is known by (IPv4).
    pub label: Option<String>,
    /// How long it is good.
    pub lifetime: Option<Lifetime>,
    /// The metric of the route to its network.
    pub metric: Option<u32>,
    /// Who put it there (IFAPROT_*).
    pub protocol: Option<u8>,
    /// Every other attribute.
    pub others: AttributeSet,
}

impl Address {
    /// Reads the body of RTM_NEWADDR or RTM_DELADDR.
    pub fn decode(body: &[u8]) -> Result<Address, Malformed> {
        let (header, attributes) = split_body::<8>(body)?;
        let mut address = Address {
            family: header[0],
            prefix_length: header[1],
            flags: u32::from(header[2]),
            scope: header[3],
            index: u32_at(header, 4),
            ..Address::default()
        };
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            let value = attribute.value;
            match attribute.kind {
                ifa::ADDRESS => address.address = ip_of(value),
                ifa::LOCAL => address.local = ip_of(value),
                ifa::LABEL => address.label = Some(text_of(value)),
                ifa::BROADCAST => address.broadcast = ip_of(value),
                ifa::ANYCAST => address.anycast = ip_of(value),
                ifa::CACHEINFO => address.lifetime = lifetime_of(value),
                // The header has room for eight of them; this attribute has all.
                ifa::FLAGS => address.flags = u32_of(value).unwrap_or(address.flags),
                ifa::RT_PRIORITY => address.metric = u32_of(value),
                ifa::PROTO => address.protocol = u8_of(value),
                kind => address.others.push(kind, value),
            }
        }
        Ok(address)
    }

    /// Writes the body of a request.
    pub fn encode(&self, encoder: &mut Encoder) {
        let few = u8::try_from(self.flags);
        encoder.raw(&[self.family, self.prefix_length, few.unwrap_or(0), self.scope]);
        encoder.raw(&self.index.to_ne_bytes());
        let addresses = [
            (ifa::LOCAL, self.local),
            (ifa::ADDRESS, self.address),
            (ifa::BROADCAST, self.broadcast),
            (ifa::ANYCAST, self.anycast),
        ];
        for (kind, value) in addresses {
            if let Some(value) = value {
                encoder.ip(kind, value);
            }
        }
        if let Some(label) = &self.label {
            encoder.text(ifa::LABEL, label);
        }
        if few.is_err() {
            encoder.u32(ifa::FLAGS, self.flags);
        }
        if let Some(metric) = self.metric {
            encoder.u32(ifa::RT_PRIORITY, metric);
        }
        if let Some(protocol) = self.protocol {
            encoder.u8(ifa::PROTO, protocol);
        }
        if let Some(lifetime) = self.lifetime {
            encoder.nested(ifa::CACHEINFO, |encoder| {
                for word in [lifetime.preferred, lifetime.valid, 0, 0] {
                    encoder.raw(&word.to_ne_bytes());
                }
            });
        }
        encoder.set(&self.others);
    }
}

fn lifetime_of(value: &[u8]) -> Option<Lifetime> {
    Some(Lifetime {
        preferred: u32_of(value)?,
        valid: u32_of(value.get(4..)?)?,
    })
}
