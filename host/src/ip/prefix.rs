//! Addresses and prefixes as `ip` reads them: `10.8` is 10.8.0.0, `default`, `any` and `all` are words.

use super::failure::Failure;
use super::number::leading_unsigned;
use crate::object::family;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What was said where a prefix is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Prefix {
    /// AF_UNSPEC only for a word without a family in sight.
    pub(crate) family: u8,
    /// None for the words that mean every address.
    pub(crate) address: Option<IpAddr>,
    /// How many bits of the address count.
    pub(crate) length: u8,
    /// Whether a length was said; `default` says 0.
    pub(crate) length_said: bool,
}

/// How many bits an address of this family has.
pub(crate) fn bits(family: u8) -> u8 {
    match family {
        family::INET => 32,
        family::INET6 => 128,
        _ => 0,
    }
}

impl Prefix {
    /// Whether `address`, as far as this prefix reaches, is this prefix. An absent address counts as zeros.
    pub(crate) fn covers(&self, address: Option<IpAddr>, length: u8) -> bool {
        let octets = |address: Option<IpAddr>| match address {
            Some(IpAddr::V4(address)) => u128::from(address.to_bits()) << 96,
            Some(IpAddr::V6(address)) => address.to_bits(),
            None => 0,
        };
        let difference = octets(address) ^ octets(self.address);
        u32::from(length) <= difference.leading_zeros()
    }
}

/// A prefix.
pub(crate) fn prefix(text: &str, family: u8) -> Result<Prefix, Failure> {
    if family == family::PACKET {
        let text = format!("Error: \"{text}\" may be inet prefix, but it is not allowed in this context.");
        return Err(Failure::inapplicable(text));
    }
    let wrong = || {
        let family = verbose(family);
        Failure::inapplicable(format!("Error: {family} prefix is expected rather than \"{text}\"."))
    };
    read_prefix(text, family).ok_or_else(wrong)
}

/// An address; the words that mean every address have none.
pub(crate) fn address(text: &str, family: u8) -> Result<(u8, Option<IpAddr>), Failure> {
    let wrong = || {
        let family = verbose(family);
        Failure::inapplicable(format!("Error: {family} address is expected rather than \"{text}\"."))
    };
    let read = read_address(text, family).ok_or_else(wrong)?;
    Ok((read.family, read.address))
}

fn read_prefix(text: &str, family: u8) -> Option<Prefix> {
    let (host, length) = match text.split_once('/') {
        Some((host, length)) => (host, Some(length)),
        None => (text, None),
    };
    let mut prefix = read_address(host, family)?;
    let word = matches!(host, "default" | "any" | "all");
    let all = bits(prefix.family);
    prefix.length = match length {
        Some(_) if word => return None,
        Some(length) => {
            prefix.length_said = true;
            netmask(length).filter(|length| *length <= all)?
        }
        None if word => 0,
        None => all,
    };
    Some(prefix)
}

fn read_address(text: &str, family: u8) -> Option<Prefix> {
    if text == "default" {
        // With a family known, `default` is its address of zeros.
        let address = match family {
            family::INET => Some(Ipv4Addr::UNSPECIFIED.into()),
            family::INET6 => Some(Ipv6Addr::UNSPECIFIED.into()),
            _ => None,
        };
        return Some(Prefix {
            family,
            address,
            length: 0,
            length_said: true,
        });
    }
    if matches!(text, "all" | "any") {
        return Some(Prefix {
            family,
            ..Prefix::default()
        });
    }
    let address: IpAddr = if text.contains(':') {
        text.parse::<Ipv6Addr>().ok()?.into()
    } else {
        ipv4(text)?.into()
    };
    let found = family::of(address);
    (family == family::UNSPEC || family == found).then_some(Prefix {
        family: found,
        address: Some(address),
        length: 0,
        length_said: false,
    })
}

/// Up to four numbers between dots, each in any base C knows; those missing at the end are 0.
pub(crate) fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut rest = text;
    for (index, octet) in octets.iter_mut().enumerate() {
        let (value, after) = leading_unsigned(rest, 0)?;
        *octet = u8::try_from(value).ok()?;
        match after.strip_prefix('.') {
            Some(next) if index < 3 => rest = next,
            None if after.is_empty() => return Some(octets.into()),
            _ => return None,
        }
    }
    None
}

/// A prefix length, also written as a mask.
fn netmask(text: &str) -> Option<u8> {
    if let Some(length) = super::number::u32_from(text) {
        return u8::try_from(length).ok();
    }
    let mask = ipv4(text)?.to_bits();
    (mask.leading_ones() + mask.trailing_zeros() >= 32)
        .then(|| u8::try_from(mask.leading_ones()).ok())
        .flatten()
}

/// The family that a word names; `None` for another word.
pub(crate) fn family_named(text: &str) -> Option<u8> {
    Some(match text {
        "inet" => family::INET,
        "inet6" => family::INET6,
        "link" => family::PACKET,
        "mpls" => family::MPLS,
        "bridge" => family::BRIDGE,
        _ => return None,
    })
}

/// The word for a family.
pub(crate) fn family_name(family: u8) -> &'static str {
    match family {
        family::INET => "inet",
        family::INET6 => "inet6",
        family::PACKET => "link",
        family::MPLS => "mpls",
        family::BRIDGE => "bridge",
        _ => "???",
    }
}

fn verbose(family: u8) -> &'static str {
    if family == family::UNSPEC {
        "any valid"
    } else {
        family_name(family)
    }
}

/// A link-layer address: octets in hexadecimal between colons, or the four of an IPv4 address.
pub(crate) fn link_layer(text: &str, limit: usize) -> Result<Vec<u8>, Failure> {
    let wrong = |part: &str| Failure::inapplicable(format!("\"{part}\" is invalid lladdr."));
    if text.contains('.') {
        return ipv4(text)
            .map(|address| address.octets().to_vec())
            .ok_or_else(|| wrong(text));
    }
    let octet = |part: &str| {
        // What follows the digits does not count: `scanf` stops there.
        let value = leading_unsigned(part, 16).map(|(value, _)| value);
        value
            .and_then(|value| u8::try_from(value).ok())
            .ok_or_else(|| wrong(part))
    };
    text.split(':').take(limit).map(octet).collect()
}

/// A link-layer address as text; tunnels have addresses of the network layer.
pub(crate) fn link_layer_text(octets: &[u8], hardware: u16) -> String {
    /// ARPHRD_TUNNEL, ARPHRD_SIT, ARPHRD_IPGRE; ARPHRD_TUNNEL6, ARPHRD_IP6GRE.
    const IPV4_TUNNELS: [u16; 3] = [768, 776, 778];
    const IPV6_TUNNELS: [u16; 2] = [769, 823];
    let ip = crate::object::attribute::ip_of(octets);
    match ip {
        Some(IpAddr::V4(address)) if IPV4_TUNNELS.contains(&hardware) => address.to_string(),
        Some(IpAddr::V6(address)) if IPV6_TUNNELS.contains(&hardware) => address.to_string(),
        _ => octets
            .iter()
            .map(|octet| format!("{octet:02x}"))
            .collect::<Vec<_>>()
            .join(":"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_as_ip_reads_them() {
        let read = |text| read_prefix(text, family::UNSPEC).map(|prefix| (prefix.address, prefix.length));
        let v4 = |octets: [u8; 4], length| Some((Some(IpAddr::from(octets)), length));
        assert_eq!(read("10.8/16"), v4([10, 8, 0, 0], 16));
        assert_eq!(read("10.0.0.1"), v4([10, 0, 0, 1], 32));
        assert_eq!(read("0x0a.010.1.1"), v4([10, 8, 1, 1], 32));
        assert_eq!(read("10.0.0.0/255.255.0.0"), v4([10, 0, 0, 0], 16));
        assert_eq!(read("default"), Some((None, 0)));
        assert_eq!(read("2001:db8::/32").map(|(_, length)| length), Some(32));
        for text in [
            "",
            "10.0.0.1/33",
            "10.0.0.256",
            "1.2.3.4.5",
            "10.",
            "default/0",
            "::/129",
            "x",
            "1.2.3.4/255.0.255.0",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(read_prefix("::1", family::INET), None);
    }

    #[test]
    fn a_prefix_covers_what_begins_like_it() {
        let ten = read_prefix("10.0.0.0/8", family::UNSPEC).unwrap();
        assert!(ten.covers(Some(IpAddr::from([10, 1, 2, 3])), 8));
        assert!(!ten.covers(Some(IpAddr::from([11, 1, 2, 3])), 8));
        assert!(ten.covers(Some(IpAddr::from([11, 1, 2, 3])), 7));
        assert!(!ten.covers(None, 8));
    }
}
