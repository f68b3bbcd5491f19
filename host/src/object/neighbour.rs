//! A neighbour: `struct ndmsg` and NDA attributes (linux/neighbour.h).

use super::attribute::{AttributeSet, Attributes, Encoder, Malformed, ip_of, u8_of, u32_of};
use super::{split_body, u16_at, u32_at};
use std::net::IpAddr;

/// NDA attribute types.
pub mod nda {
    #![allow(missing_docs)] // the names of linux/neighbour.h
    pub const DST: u16 = 1;
    pub const LLADDR: u16 = 2;
    pub const CACHEINFO: u16 = 3;
    pub const PROBES: u16 = 4;
    pub const IFINDEX: u16 = 8;
    pub const MASTER: u16 = 9;
    pub const PROTOCOL: u16 = 12;
    pub const FLAGS_EXT: u16 = 15;
}

/// States (NUD_*).
pub mod state {
    #![allow(missing_docs)]
    pub const NONE: u16 = 0;
    pub const INCOMPLETE: u16 = 0x01;
    pub const REACHABLE: u16 = 0x02;
    pub const STALE: u16 = 0x04;
    pub const DELAY: u16 = 0x08;
    pub const PROBE: u16 = 0x10;
    pub const FAILED: u16 = 0x20;
    pub const NOARP: u16 = 0x40;
    pub const PERMANENT: u16 = 0x80;
}

/// Flags (NTF_*).
pub mod flag {
    #![allow(missing_docs)]
    pub const USE: u8 = 1;
    pub const PROXY: u8 = 1 << 3;
    pub const EXT_LEARNED: u8 = 1 << 4;
    pub const OFFLOADED: u8 = 1 << 5;
    pub const ROUTER: u8 = 1 << 7;
    /// In the extended flags.
    pub const EXT_MANAGED: u32 = 1;
}

/// A neighbour. Its key is family, index, destination and whether it is a proxy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Neighbour {
    /// AF_INET or AF_INET6.
    pub family: u8,
    /// The link it is on.
    pub index: u32,
    /// [`state`]s.
    pub state: u16,
    /// [`flag`]s.
    pub flags: u8,
    /// The type of its address (RTN_*).
    pub address_type: u8,
    /// Its address.
    pub destination: Option<IpAddr>,
    /// Its link-layer address.
    pub link_layer: Option<Vec<u8>>,
    /// Who put it there (RTPROT_*).
    pub protocol: Option<u8>,
    /// Flags that the header has no room for.
    pub extended_flags: Option<u32>,
    /// Every other attribute.
    pub others: AttributeSet,
}

impl Neighbour {
    /// Reads the body of RTM_NEWNEIGH or RTM_DELNEIGH.
    pub fn decode(body: &[u8]) -> Result<Neighbour, Malformed> {
        let (header, attributes) = split_body::<12>(body)?;
        let mut neighbour = Neighbour {
            family: header[0],
            index: u32_at(header, 4),
            state: u16_at(header, 8),
            flags: header[10],
            address_type: header[11],
            ..Neighbour::default()
        };
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            let value = attribute.value;
            match attribute.kind {
                nda::DST => neighbour.destination = ip_of(value),
                nda::LLADDR => neighbour.link_layer = Some(value.to_vec()),
                nda::PROTOCOL => neighbour.protocol = u8_of(value),
                nda::FLAGS_EXT => neighbour.extended_flags = u32_of(value),
                kind => neighbour.others.push(kind, value),
            }
        }
        Ok(neighbour)
    }

    /// Writes the body of a request.
    pub fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(&[self.family, 0, 0, 0]);
        encoder.raw(&self.index.to_ne_bytes());
        encoder.raw(&self.state.to_ne_bytes());
        encoder.raw(&[self.flags, self.address_type]);
        if let Some(destination) = self.destination {
            encoder.ip(nda::DST, destination);
        }
        if let Some(address) = &self.link_layer {
            encoder.attribute(nda::LLADDR, address);
        }
        if let Some(protocol) = self.protocol {
            encoder.u8(nda::PROTOCOL, protocol);
        }
        if let Some(flags) = self.extended_flags {
            encoder.u32(nda::FLAGS_EXT, flags);
        }
        // NDA_CACHEINFO and NDA_PROBES are told only; the kernel would refuse them in a request.
        for attribute in self.others.iter().map_while(Result::ok) {
            if !matches!(attribute.kind, nda::CACHEINFO | nda::PROBES) {
                encoder.attribute(attribute.kind, attribute.value);
            }
        }
    }
}
