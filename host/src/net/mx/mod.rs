//! Direct delivery: which hosts take the mail of a domain (RFC 5321 5.1), and what TLS must prove there.
//!
//! ```text
//! Resolver -> exchangers(domain) -> [hosts in order]      sts::discover(domain) -> Policy
//!                                        \___ hop(host) ___/  TLSA
//!                                                |
//!                         addresses, Protection -> Trust -> Transport::connect_to, secure
//! ```
//!
//! DANE (RFC 7672) needs answers that were verified by DNSSEC. We do not verify ourselves: a validating resolver on this
//! machine does (or one that `trust-ad` declares as safely reached), and its AD bit is believed; without one there is no
//! DANE. Internationalized domains are given as A-labels.

mod dane;
mod resolver;
pub mod sts;

pub use resolver::Resolver;

use super::{Association, Roots, Trust};
use domain::base::ParsedName;
use domain::base::iana::Rtype;
use domain::rdata::Mx;
use resolver::Found;
use ring::rand::{SecureRandom, SystemRandom};
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// Where the mail for a domain goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchangers {
    /// The domain, as it was asked for.
    pub domain: String,
    /// Host names, or the address of an address literal, in the order in which they are tried; at least one.
    pub hosts: Vec<String>,
    /// Whether DNSSEC says that it is these.
    pub secure: bool,
}

/// One host that takes the mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// Its name: what TLS tells it that it wants to talk to.
    pub host: String,
    /// For [`Transport::connect_to`](super::Transport::connect_to); never empty.
    pub addresses: Vec<SocketAddr>,
    /// What TLS must prove.
    pub protection: Protection,
}

/// What TLS must prove before a mail is given away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Nothing: STARTTLS if it is offered, with any certificate.
    Opportunistic,
    /// TLS is a must, any certificate will do: there are TLSA records, none of which can be used (RFC 7672 2.2).
    Encrypted,
    /// TLS is a must, and DANE says with which certificate; one under a trust anchor may be for any of `names`.
    Dane {
        /// What the TLSA records say.
        associations: Vec<Association>,
        /// RFC 7672 3.2.2: the host's name, what it is an alias for, and the domain.
        names: Vec<String>,
    },
    /// TLS is a must, and the certificate must lead to a root and be for the host: MTA-STS.
    Verified,
}

impl Protection {
    /// Whether a server without STARTTLS gets no mail.
    pub fn is_required(&self) -> bool {
        *self != Self::Opportunistic
    }

    /// Whose certificates are believed; `roots` are for MTA-STS.
    pub fn trust(&self, roots: &Roots) -> Result<Trust, super::Error> {
        match self {
            Self::Opportunistic | Self::Encrypted => Trust::anyone(),
            Self::Dane { associations, names } => {
                let names: Vec<_> = names.iter().map(String::as_str).collect();
                Trust::associations(associations.clone(), &names)
            }
            Self::Verified => roots.load(),
        }
    }
}

/// Why no host is known that takes the mail.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// This is no domain name in ASCII.
    Name(String),
    /// There is no such domain.
    NoDomain(String),
    /// It takes no mail, and says so (RFC 7505).
    NullMx(String),
    /// Its exchangers are no hosts, or are we ourselves and none that is preferred to us.
    NoExchanger(String),
    /// The host has no address.
    NoAddress(String),
    /// The policy that the domain has published (MTA-STS) does not name this host.
    Policy {
        /// The domain.
        domain: String,
        /// The host.
        host: String,
    },
    /// No server gave an answer that can be used; the cause of the last.
    Unanswered {
        /// What was asked for.
        name: String,
        /// Why it is not known.
        cause: String,
    },
}

impl Error {
    /// Whether another time would tell the same.
    ///
    /// A host without an address or outside the policy is not final: the next one may do, and both are mended by others.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Name(_) | Self::NoDomain(_) | Self::NullMx(_) | Self::NoExchanger(_) => true,
            Self::NoAddress(_) | Self::Policy { .. } | Self::Unanswered { .. } => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?} is no domain name in ASCII"),
            Self::NoDomain(name) => write!(f, "{name}: no such domain"),
            Self::NullMx(name) => write!(f, "{name}: the domain takes no mail"),
            Self::NoExchanger(name) => write!(f, "{name}: no host takes its mail, but perhaps this one"),
            Self::NoAddress(name) => write!(f, "{name}: the host has no address"),
            Self::Policy { domain, host } => write!(f, "{host}: the policy of {domain} does not name this host"),
            Self::Unanswered { name, cause } => write!(f, "{name}: no answer from DNS: {cause}"),
        }
    }
}

impl std::error::Error for Error {}

/// Finds the hosts that take the mail for `domain`, those of equal preference in random order.
///
/// `own` are this host's names: from where it stands in the list, only hosts that are preferred to it count
/// (RFC 5321 5.1). An address literal leads to its address. At most [`HOSTS`] are found.
pub fn exchangers(resolver: &Resolver, domain: &str, own: &[&str], end: Instant) -> Result<Exchangers, Error> {
    let found = |hosts, secure| {
        Ok(Exchangers {
            domain: domain.to_owned(),
            hosts,
            secure,
        })
    };
    if let Some(literal) = domain.strip_prefix('[') {
        let address = literal.strip_suffix(']').and_then(address_literal);
        let address = address.ok_or_else(|| Error::Name(domain.to_owned()))?;
        return found(vec![address.to_string()], false);
    }
    if !is_host(domain) {
        return Err(Error::Name(domain.to_owned()));
    }
    let reply = resolver.query(domain, Rtype::MX, end)?;
    let Found {
        records,
        secure,
        exists,
        ..
    } = reply.records(|mx: Mx<ParsedName<&[u8]>>| Some((mx.preference(), mx.exchange().to_string())))?;
    if !exists {
        return Err(Error::NoDomain(domain.to_owned()));
    }
    if records.is_empty() {
        // RFC 5321 5.1: the implicit MX. Whether it has an address is seen when it is asked for.
        return found(vec![domain.to_owned()], secure);
    }
    // RFC 7505 3: a single record, of the root.
    if let [(_, root)] = records.as_slice()
        && matches!(root.as_str(), "" | ".")
    {
        return Err(Error::NullMx(domain.to_owned()));
    }
    let is_own = |host: &str| own.iter().any(|own| own.eq_ignore_ascii_case(host));
    let ours = records
        .iter()
        .filter(|(_, host)| is_own(host))
        .map(|(preference, _)| *preference);
    let limit = ours.min().map_or(u32::MAX, u32::from);
    let random = SystemRandom::new();
    let mut ordered: Vec<_> = records
        .into_iter()
        .filter(|(preference, host)| u32::from(*preference) < limit && is_host(host))
        .map(|(preference, host)| {
            let mut lot = [0; 8];
            // Without randomness the order of the answer stays.
            let _ = random.fill(&mut lot);
            (preference, lot, host)
        })
        .collect();
    ordered.sort_by_key(|(preference, lot, _)| (*preference, *lot));
    let mut hosts: Vec<String> = Vec::new();
    for (_, _, host) in ordered {
        if hosts.len() < HOSTS && !hosts.iter().any(|known| known.eq_ignore_ascii_case(&host)) {
            hosts.push(host);
        }
    }
    match hosts.is_empty() {
        true => Err(Error::NoExchanger(domain.to_owned())),
        false => found(hosts, secure),
    }
}

/// Finds the addresses of one of the [`Exchangers::hosts`], and what TLS must prove there.
///
/// DANE wins over MTA-STS (RFC 8461 2), whose policy must name the host all the same.
pub fn hop(
    resolver: &Resolver,
    exchangers: &Exchangers,
    host: &str,
    port: u16,
    policy: Option<&sts::Policy>,
    end: Instant,
) -> Result<Hop, Error> {
    let enforced = policy.filter(|policy| policy.mode == sts::Mode::Enforce);
    if enforced.is_some_and(|policy| !policy.names(host)) {
        return Err(Error::Policy {
            domain: exchangers.domain.clone(),
            host: host.to_owned(),
        });
    }
    let unproven = match enforced {
        Some(_) => Protection::Verified,
        None => Protection::Opportunistic,
    };
    let hop = |addresses: Vec<IpAddr>, protection| Hop {
        host: host.to_owned(),
        addresses: addresses
            .into_iter()
            .map(|address| SocketAddr::new(address, port))
            .collect(),
        protection,
    };
    if let Ok(address) = host.parse() {
        return Ok(hop(vec![address], unproven));
    }
    let found = resolver.addresses(host, end)?;
    if found.records.is_empty() {
        return Err(Error::NoAddress(host.to_owned()));
    }
    // RFC 7672 2.2.1, 2.2.2: only where both the exchanger and its addresses are secure. Others are not even asked:
    // servers that are out of order there would hold up mail that nobody wanted protected.
    let dane = match exchangers.secure && found.secure {
        true => dane::lookup(resolver, exchangers, host, &found.canonical, port, end)?,
        false => None,
    };
    Ok(hop(found.records, dane.unwrap_or(unproven)))
}

/// RFC 5321 4.1.3.
fn address_literal(text: &str) -> Option<IpAddr> {
    match text.get(..5) {
        Some(tag) if tag.eq_ignore_ascii_case("IPv6:") => text[5..].parse().ok().map(IpAddr::V6),
        _ => text.parse().ok().map(IpAddr::V4),
    }
}

/// Letters, digits, hyphens and what is met in practice: an underscore.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
    };
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
}

/// How many hosts of a domain are tried.
pub const HOSTS: usize = 16;
