//! A network interface: `struct ifinfomsg` and IFLA attributes (linux/if_link.h).

use super::attribute::{AttributeSet, Attributes, Encoder, Malformed, text_of, u8_of, u32_of};
use super::{split_body, u16_at, u32_at};

/// Interface flags (linux/if.h).
pub mod flag {
    /// The administrator wants it up.
    pub const UP: u32 = 1;
    /// It can broadcast.
    pub const BROADCAST: u32 = 1 << 1;
    /// It loops back.
    pub const LOOPBACK: u32 = 1 << 3;
    /// It has one peer.
    pub const POINTOPOINT: u32 = 1 << 4;
    /// No trailers.
    pub const NOTRAILERS: u32 = 1 << 5;
    /// It is operational.
    pub const RUNNING: u32 = 1 << 6;
    /// It needs no address resolution.
    pub const NOARP: u32 = 1 << 7;
    /// It receives everything.
    pub const PROMISC: u32 = 1 << 8;
    /// It receives all multicast.
    pub const ALLMULTI: u32 = 1 << 9;
    /// It can multicast.
    pub const MULTICAST: u32 = 1 << 12;
    /// Its addresses are lost when it goes down.
    pub const DYNAMIC: u32 = 1 << 15;
    /// Its carrier is there.
    pub const LOWER_UP: u32 = 1 << 16;
}

/// IFLA attribute types that [`Link`] has no field for, but that are shown.
pub mod ifla {
    #![allow(missing_docs)] // the names of linux/if_link.h
    pub const ADDRESS: u16 = 1;
    pub const BROADCAST: u16 = 2;
    pub const IFNAME: u16 = 3;
    pub const MTU: u16 = 4;
    pub const LINK: u16 = 5;
    pub const QDISC: u16 = 6;
    pub const STATS: u16 = 7;
    pub const MASTER: u16 = 10;
    pub const TXQLEN: u16 = 13;
    pub const OPERSTATE: u16 = 16;
    pub const LINKMODE: u16 = 17;
    pub const LINKINFO: u16 = 18;
    pub const NET_NS_PID: u16 = 19;
    pub const IFALIAS: u16 = 20;
    pub const NUM_VF: u16 = 21;
    pub const STATS64: u16 = 23;
    pub const AF_SPEC: u16 = 26;
    pub const GROUP: u16 = 27;
    pub const NET_NS_FD: u16 = 28;
    pub const EXT_MASK: u16 = 29;
    pub const PROMISCUITY: u16 = 30;
    pub const NUM_TX_QUEUES: u16 = 31;
    pub const NUM_RX_QUEUES: u16 = 32;
    pub const CARRIER: u16 = 33;
    pub const CARRIER_CHANGES: u16 = 35;
    pub const LINK_NETNSID: u16 = 37;
    pub const PROTO_DOWN: u16 = 39;
    pub const GSO_MAX_SEGS: u16 = 40;
    pub const GSO_MAX_SIZE: u16 = 41;
    pub const EVENT: u16 = 44;
    pub const NEW_IFINDEX: u16 = 49;
    pub const MIN_MTU: u16 = 50;
    pub const MAX_MTU: u16 = 51;
    pub const PROP_LIST: u16 = 52;
    pub const ALT_IFNAME: u16 = 53;
    pub const PERM_ADDRESS: u16 = 54;
    pub const PARENT_DEV_NAME: u16 = 56;
    pub const PARENT_DEV_BUS_NAME: u16 = 57;
    pub const GRO_MAX_SIZE: u16 = 58;
    pub const TSO_MAX_SIZE: u16 = 59;
    pub const TSO_MAX_SEGS: u16 = 60;
    pub const ALLMULTI: u16 = 61;
    /// IFLA_INET6_ADDR_GEN_MODE within AF_INET6 within AF_SPEC.
    pub const INET6_ADDR_GEN_MODE: u16 = 8;
}

/// Types within IFLA_LINKINFO.
mod info {
    pub(super) const KIND: u16 = 1;
    pub(super) const DATA: u16 = 2;
    pub(super) const SLAVE_KIND: u16 = 4;
    pub(super) const SLAVE_DATA: u16 = 5;
}

/// VETH_INFO_PEER, the one attribute of a veth's own.
const VETH_INFO_PEER: u16 = 1;

/// A network interface. In a request only what is `Some` is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Link {
    /// The address family of the message; 0, or AF_BRIDGE for a bridge's view.
    pub family: u8,
    /// The interface index, its key; 0 where the name says which, or the kernel shall pick one.
    pub index: u32,
    /// The hardware type (linux/if_arp.h).
    pub hardware: u16,
    /// [`flag`]s.
    pub flags: u32,
    /// In a request: which flags are meant; 0 means all if any is set.
    pub change: u32,
    /// Its name; in a request for an existing index, its new name.
    pub name: Option<String>,
    /// Its link-layer address.
    pub address: Option<Vec<u8>>,
    /// Its link-layer broadcast address, or its peer's address.
    pub broadcast: Option<Vec<u8>>,
    /// Its maximum transfer unit, octets.
    pub mtu: Option<u32>,
    /// The length of its transmit queue, packets.
    pub txqueuelen: Option<u32>,
    /// The index of the link it is a port of; `Some(0)` in a request: of none.
    pub master: Option<u32>,
    /// The index of the link below it, or of its peer.
    pub link: Option<u32>,
    /// The group it belongs to.
    pub group: Option<u32>,
    /// The text an administrator gave it.
    pub alias: Option<String>,
    /// RFC 2863 operational state.
    pub operstate: Option<u8>,
    /// The kind of its root queueing discipline; told, never asked for.
    pub qdisc: Option<String>,
    /// The kind of a virtual link: bridge, veth, tun ...
    pub kind: Option<String>,
    /// The options of its kind.
    pub data: AttributeSet,
    /// A new veth's other end.
    pub peer: Option<Box<Link>>,
    /// The kind of link it is a port of.
    pub port_kind: Option<String>,
    /// Its options as a port.
    pub port_data: AttributeSet,
    /// Every other attribute.
    pub others: AttributeSet,
}

impl Link {
    /// Reads the body of RTM_NEWLINK or RTM_DELLINK.
    pub fn decode(body: &[u8]) -> Result<Link, Malformed> {
        let (header, attributes) = split_body::<16>(body)?;
        let mut link = Link {
            family: header[0],
            hardware: u16_at(header, 2),
            index: u32_at(header, 4),
            flags: u32_at(header, 8),
            change: u32_at(header, 12),
            ..Link::default()
        };
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            let value = attribute.value;
            match attribute.kind {
                ifla::IFNAME => link.name = Some(text_of(value)),
                ifla::ADDRESS => link.address = Some(value.to_vec()),
                ifla::BROADCAST => link.broadcast = Some(value.to_vec()),
                ifla::MTU => link.mtu = u32_of(value),
                ifla::TXQLEN => link.txqueuelen = u32_of(value),
                ifla::MASTER => link.master = u32_of(value),
                ifla::LINK => link.link = u32_of(value),
                ifla::GROUP => link.group = u32_of(value),
                ifla::IFALIAS => link.alias = Some(text_of(value)),
                ifla::OPERSTATE => link.operstate = u8_of(value),
                ifla::QDISC => link.qdisc = Some(text_of(value)),
                ifla::LINKINFO => link.decode_info(value)?,
                kind => link.others.push(kind, value),
            }
        }
        Ok(link)
    }

    fn decode_info(&mut self, octets: &[u8]) -> Result<(), Malformed> {
        for attribute in Attributes::new(octets) {
            let attribute = attribute?;
            match attribute.kind {
                info::KIND => self.kind = Some(text_of(attribute.value)),
                info::DATA => self.data = AttributeSet::of(attribute.value),
                info::SLAVE_KIND => self.port_kind = Some(text_of(attribute.value)),
                info::SLAVE_DATA => self.port_data = AttributeSet::of(attribute.value),
                // Statistics of the kind: nobody asks for them.
                _ => {}
            }
        }
        Ok(())
    }

    /// Writes the body of a request.
    pub fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(&[self.family, 0]);
        encoder.raw(&self.hardware.to_ne_bytes());
        for word in [self.index, self.flags, self.change] {
            encoder.raw(&word.to_ne_bytes());
        }
        if let Some(name) = &self.name {
            encoder.text(ifla::IFNAME, name);
        }
        if let Some(address) = &self.address {
            encoder.attribute(ifla::ADDRESS, address);
        }
        if let Some(broadcast) = &self.broadcast {
            encoder.attribute(ifla::BROADCAST, broadcast);
        }
        let numbers = [
            (ifla::MTU, self.mtu),
            (ifla::TXQLEN, self.txqueuelen),
            (ifla::MASTER, self.master),
            (ifla::LINK, self.link),
            (ifla::GROUP, self.group),
        ];
        for (kind, value) in numbers {
            if let Some(value) = value {
                encoder.u32(kind, value);
            }
        }
        if let Some(alias) = &self.alias {
            encoder.attribute(ifla::IFALIAS, alias.as_bytes());
        }
        if let Some(state) = self.operstate {
            encoder.u8(ifla::OPERSTATE, state);
        }
        encoder.set(&self.others);
        if self.kind.is_some() || self.port_kind.is_some() {
            encoder.nested(ifla::LINKINFO, |encoder| self.encode_info(encoder));
        }
    }

    fn encode_info(&self, encoder: &mut Encoder) {
        if let Some(kind) = &self.kind {
            encoder.attribute(info::KIND, kind.as_bytes());
        }
        if let Some(peer) = &self.peer {
            encoder.nested(info::DATA, |data| data.nested(VETH_INFO_PEER, |body| peer.encode(body)));
        } else if !self.data.is_empty() {
            encoder.nested(info::DATA, |data| data.set(&self.data));
        }
        if let Some(kind) = &self.port_kind {
            encoder.attribute(info::SLAVE_KIND, kind.as_bytes());
        }
        if !self.port_data.is_empty() {
            encoder.nested(info::SLAVE_DATA, |data| data.set(&self.port_data));
        }
    }

    /// This link's settings as a request that gives them back to a link that was changed since.
    pub fn restoring(&self) -> Link {
        Link {
            index: self.index,
            flags: self.flags,
            change: flag::UP | flag::NOARP | flag::PROMISC | flag::ALLMULTI | flag::MULTICAST | flag::DYNAMIC,
            name: self.name.clone(),
            address: self.address.clone(),
            mtu: self.mtu,
            txqueuelen: self.txqueuelen,
            // No master attribute in an answer means no master, in a request that none shall change.
            master: Some(self.master.unwrap_or(0)),
            group: self.group,
            alias: Some(self.alias.clone().unwrap_or_default()),
            ..Link::default()
        }
    }
}
