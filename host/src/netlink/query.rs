//! What the kernel is asked for.

use crate::object::attribute::Encoder;
use crate::object::{Kind, Link, Object, Route, family, link, neighbour, qdisc, route};

/// RTEXT_FILTER_VF and RTEXT_FILTER_SKIP_STATS.
const WITH_VIRTUAL_FUNCTIONS: u32 = 1;
const WITHOUT_STATISTICS: u32 = 8;

/// A question. The kernel's strict checking refuses what it would otherwise overlook, so that a filter filters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Query {
    /// All links; those of one master or kind.
    Links {
        /// AF_UNSPEC, AF_PACKET or AF_BRIDGE.
        family: u8,
        /// Ports of this link alone.
        master: Option<u32>,
        /// Links of this kind alone.
        kind: Option<String>,
    },
    /// One link, by its index or, where that is 0, its name.
    Link {
        /// AF_UNSPEC or another.
        family: u8,
        /// Which.
        index: u32,
        /// Which.
        name: Option<String>,
        /// With its counters.
        statistics: bool,
    },
    /// All addresses, or those of one link.
    Addresses {
        /// AF_UNSPEC for all.
        family: u8,
        /// 0 for all.
        index: u32,
    },
    /// Routes that match.
    Routes {
        /// AF_UNSPEC for all.
        family: u8,
        /// 0 for all.
        table: u32,
        /// 0 for all.
        protocol: u8,
        /// The link they leave by; 0 for all.
        oif: u32,
        /// Those of the routing cache.
        cloned: bool,
    },
    /// The route that packets for a destination take.
    RouteTo(Box<Route>),
    /// Neighbours that match.
    Neighbours {
        /// AF_UNSPEC for all.
        family: u8,
        /// 0 for all.
        index: u32,
        /// Ports of this link; 0 for all.
        master: u32,
        /// Proxies.
        proxy: bool,
    },
    /// Queueing disciplines, of one link or all.
    Qdiscs {
        /// 0 for all.
        index: u32,
        /// Those the kernel made by itself, too.
        invisible: bool,
    },
}

impl Query {
    /// Every link.
    pub fn links() -> Query {
        Query::Links {
            family: 0,
            master: None,
            kind: None,
        }
    }

    /// Which objects answer it.
    pub fn kind(&self) -> Kind {
        match self {
            Query::Links { .. } | Query::Link { .. } => Kind::Link,
            Query::Addresses { .. } => Kind::Address,
            Query::Routes { .. } | Query::RouteTo(_) => Kind::Route,
            Query::Neighbours { .. } => Kind::Neighbour,
            Query::Qdiscs { .. } => Kind::Qdisc,
        }
    }

    /// Whether the answer is a dump: any number of objects and an end.
    pub fn is_dump(&self) -> bool {
        !matches!(self, Query::Link { .. } | Query::RouteTo(_))
    }

    /// The query for all that this one picks from, in every family; `None` if it picks nothing out.
    pub(super) fn unfiltered(&self) -> Option<Query> {
        let Query::Routes { cloned, .. } = self else {
            return None;
        };
        let all = Query::Routes {
            family: family::UNSPEC,
            table: 0,
            protocol: 0,
            oif: 0,
            cloned: *cloned,
        };
        (*self != all).then_some(all)
    }

    /// Whether an object is one of those asked for.
    pub(super) fn selects(&self, object: &Object) -> bool {
        match (self, object) {
            (
                Query::Routes {
                    family,
                    table,
                    protocol,
                    oif,
                    ..
                },
                Object::Route(route),
            ) => {
                (*family == 0 || *family == route.family)
                    && (*table == 0 || *table == route.table)
                    && (*protocol == 0 || *protocol == route.protocol)
                    && (*oif == 0 || Some(*oif) == route.oif || route.multipath.iter().any(|hop| hop.index == *oif))
            }
            _ => true,
        }
    }

    /// Writes the body of the request.
    pub fn encode(&self, encoder: &mut Encoder) {
        match self {
            // A family's own view of links takes no filters.
            Query::Links { family, .. } if !matches!(*family, family::UNSPEC | family::PACKET) => {
                Link {
                    family: *family,
                    ..Link::default()
                }
                .encode(encoder);
            }
            Query::Links { family, master, kind } => {
                let mask = with_mask(WITH_VIRTUAL_FUNCTIONS);
                Link {
                    family: *family,
                    master: *master,
                    kind: kind.clone(),
                    ..mask
                }
                .encode(encoder);
            }
            Query::Link {
                family,
                index,
                name,
                statistics,
            } => {
                let skip = if *statistics { 0 } else { WITHOUT_STATISTICS };
                let mask = with_mask(WITH_VIRTUAL_FUNCTIONS | skip);
                let mut link = Link {
                    family: *family,
                    index: *index,
                    ..mask
                };
                match name {
                    // IFNAMSIZ: a longer one can only be an alternative name.
                    Some(name) if name.len() >= 16 => {
                        let mut octets = name.clone().into_bytes();
                        octets.push(0);
                        link.others.push(link::ifla::ALT_IFNAME, &octets);
                    }
                    name => link.name = name.clone(),
                }
                link.encode(encoder);
            }
            Query::Addresses { family, index } => {
                encoder.raw(&[*family, 0, 0, 0]);
                encoder.raw(&index.to_ne_bytes());
            }
            Query::Routes {
                family,
                table,
                protocol,
                oif,
                cloned,
            } => {
                let flags = if *cloned { route::flag::CLONED } else { 0 };
                encoder.raw(&[*family, 0, 0, 0, 0, *protocol, 0, 0]);
                encoder.raw(&flags.to_ne_bytes());
                for (kind, value) in [(route::rta::TABLE, *table), (route::rta::OIF, *oif)] {
                    if value != 0 {
                        encoder.u32(kind, value);
                    }
                }
            }
            Query::RouteTo(route) => route.encode(encoder),
            Query::Neighbours {
                family,
                index,
                master,
                proxy,
            } => {
                let flags = if *proxy { neighbour::flag::PROXY } else { 0 };
                encoder.raw(&[*family, 0, 0, 0, 0, 0, 0, 0, 0, 0, flags, 0]);
                for (kind, value) in [(neighbour::nda::IFINDEX, *index), (neighbour::nda::MASTER, *master)] {
                    if value != 0 {
                        encoder.u32(kind, value);
                    }
                }
            }
            Query::Qdiscs { index, invisible } => {
                encoder.raw(&[0; 4]);
                encoder.raw(&index.to_ne_bytes());
                encoder.raw(&[0; 12]);
                if *invisible {
                    encoder.attribute(qdisc::tca::DUMP_INVISIBLE, &[]);
                }
            }
        }
    }
}

/// A request with IFLA_EXT_MASK: what the kernel shall tell or leave out.
fn with_mask(mask: u32) -> Link {
    let mut link = Link::default();
    link.others.push(link::ifla::EXT_MASK, &mask.to_ne_bytes());
    link
}
