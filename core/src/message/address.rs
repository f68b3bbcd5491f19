//! Addresses as the SMTP envelope knows them, and mailboxes as the header shows them.

use super::Error;
use crate::ascii::decimal;
use core::fmt;

/// An address that fits into a path of RFC 5321 4.1.2: `local-part@domain`, ASCII, no control character.
///
/// What it holds can stand in a command line as it is; nothing in it can end the line or the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    text: &'a str,
    /// Where the `@` between local-part and domain stands; `at < text.len()`.
    at: usize,
}

impl<'a> Address<'a> {
    /// Reads `local-part@domain` of ASCII, without angle brackets or a display name.
    pub fn parse(text: &'a str) -> Result<Self, Error> {
        Self::read(text, is_atext)
    }

    /// Reads an address that may hold any UTF-8 but control characters (RFC 6531 3.3); lengths in octets.
    pub fn parse_utf8(text: &'a str) -> Result<Self, Error> {
        if text.chars().any(char::is_control) {
            return Err(Error::LocalPart);
        }
        Self::read(text, |octet| is_atext(octet) || !octet.is_ascii())
    }

    fn read(text: &'a str, is_atext: fn(u8) -> bool) -> Result<Self, Error> {
        // A quoted local-part may hold an `@`, a domain may not.
        let at = text.bytes().rposition(|octet| octet == b'@').ok_or(Error::NoAt)?;
        let (local_part, domain) = (
            text.get(..at).unwrap_or_default(),
            text.get(at + 1..).unwrap_or_default(),
        );
        if local_part.len() > 64 {
            return Err(Error::LocalPartLength);
        }
        if domain.len() > 255 {
            return Err(Error::DomainLength);
        }
        if text.len() > 254 {
            return Err(Error::PathLength);
        }
        if !is_atoms(local_part, is_atext) && !is_quoted_string(local_part, is_atext) {
            return Err(Error::LocalPart);
        }
        let is_let_dig = |octet: u8| octet.is_ascii_alphanumeric() || !octet.is_ascii() && is_atext(octet);
        if !is_labels(domain, is_let_dig) && !is_address_literal(domain) {
            return Err(Error::Domain);
        }
        Ok(Self { text, at })
    }

    /// The whole address.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// Whether it needs no SMTPUTF8 (RFC 6531).
    pub fn is_ascii(&self) -> bool {
        self.text.is_ascii()
    }

    /// What stands before the `@`, quotes included.
    pub fn local_part(&self) -> &'a str {
        self.text.get(..self.at).unwrap_or_default()
    }

    /// What stands after the `@`, brackets of an address literal included.
    pub fn domain(&self) -> &'a str {
        self.text.get(self.at + 1..).unwrap_or_default()
    }
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// An address with the name that is shown for it; the name may be any text without control characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mailbox<'a> {
    /// The display name, unquoted.
    pub name: Option<&'a str>,
    /// Where the mail goes to or comes from.
    pub address: Address<'a>,
}

impl<'a> From<Address<'a>> for Mailbox<'a> {
    fn from(address: Address<'a>) -> Self {
        Self { name: None, address }
    }
}

/// `atext` of RFC 5322 3.2.3.
pub(super) fn is_atext(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&octet)
}

/// `Dot-string = Atom *("." Atom)` of ASCII.
pub(super) fn is_dot_string(text: &str) -> bool {
    is_atoms(text, is_atext)
}

fn is_atoms(text: &str, is_atext: fn(u8) -> bool) -> bool {
    text.as_bytes()
        .split(|octet| *octet == b'.')
        .all(|atom| !atom.is_empty() && atom.iter().all(|octet| is_atext(*octet)))
}

/// `Quoted-string = DQUOTE *( qtextSMTP / "\" %d32-126 ) DQUOTE`; with UTF-8 where `is_atext` takes it.
fn is_quoted_string(text: &str, is_atext: fn(u8) -> bool) -> bool {
    let [b'"', content @ .., b'"'] = text.as_bytes() else {
        return false;
    };
    let mut octets = content.iter();
    while let Some(octet) = octets.next() {
        let allowed = match octet {
            b'"' => false,
            b'\\' => matches!(octets.next(), Some(b' '..=b'~')),
            _ => matches!(octet, b' '..=b'~') || is_atext(*octet),
        };
        if !allowed {
            return false;
        }
    }
    true
}

/// `Domain = sub-domain *("." sub-domain)`, `sub-domain = Let-dig [Ldh-str]`; labels of at most 63 octets (RFC 1035).
pub(crate) fn is_domain(text: &str) -> bool {
    is_labels(text, |octet| octet.is_ascii_alphanumeric())
}

fn is_labels(text: &str, is_let_dig: impl Fn(u8) -> bool) -> bool {
    text.as_bytes().split(|octet| *octet == b'.').all(|label| {
        let edge = |octet: Option<&u8>| octet.is_some_and(|octet| is_let_dig(*octet));
        label.len() <= 63
            && edge(label.first())
            && edge(label.last())
            && label.iter().all(|octet| is_let_dig(*octet) || *octet == b'-')
    })
}

/// `address-literal = "[" ( IPv4-address-literal / "IPv6:" IPv6-addr ) "]"` (RFC 5321 4.1.3).
///
/// By hand: the parsers of `core::net` are larger than a small session.
pub(crate) fn is_address_literal(text: &str) -> bool {
    let [b'[', literal @ .., b']'] = text.as_bytes() else {
        return false;
    };
    match literal.split_at_checked(5) {
        Some((tag, address)) if tag.eq_ignore_ascii_case(b"IPv6:") => is_ipv6(address),
        _ => is_ipv4(literal),
    }
}

/// Four numbers of at most 255, without leading zeros.
fn is_ipv4(text: &[u8]) -> bool {
    let mut numbers = 0;
    text.split(|octet| *octet == b'.').all(|number| {
        numbers += 1;
        let leading_zero = number.len() > 1 && number.first() == Some(&b'0');
        numbers <= 4 && number.len() <= 3 && !leading_zero && decimal(number).is_some_and(|number| number <= 255)
    }) && numbers == 4
}

/// Eight groups, or fewer with one `::` among them; the last two may be written as an IPv4 address.
fn is_ipv6(text: &[u8]) -> bool {
    let gap = text.windows(2).position(|pair| pair == b"::");
    match gap.and_then(|gap| Some((text.get(..gap)?, text.get(gap + 2..)?))) {
        Some((left, right)) => {
            matches!((groups(left, false), groups(right, true)), (Some(left), Some(right)) if left + right <= 7)
        }
        None => groups(text, true) == Some(8),
    }
}

/// How many groups of one to four hexadecimal digits `text` has; none if it is empty.
fn groups(text: &[u8], at_end: bool) -> Option<usize> {
    let mut count = 0;
    if text.is_empty() {
        return Some(0);
    }
    let mut groups = text.split(|octet| *octet == b':').peekable();
    while let Some(group) = groups.next() {
        if at_end && groups.peek().is_none() && is_ipv4(group) {
            return Some(count + 2);
        }
        if !matches!(group.len(), 1..=4) || !group.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        count += 1;
    }
    Some(count)
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn check(text: &str, expected: Result<(&str, &str), Error>) {
        let parts = Address::parse(text).map(|address| {
            assert_eq!(address.as_str(), text);
            (address.local_part(), address.domain())
        });
        assert_eq!(parts, expected, "{text}");
    }

    tests! {
        fn addresses_of_every_form() {
            check("alice@mail.test", Ok(("alice", "mail.test")));
            check("a.b+c=d@x", Ok(("a.b+c=d", "x")));
            check("\"a b\\\"@\"@mail.test", Ok(("\"a b\\\"@\"", "mail.test")));
            check("root@[192.168.77.1]", Ok(("root", "[192.168.77.1]")));
            check("root@[IPv6:fe80::1]", Ok(("root", "[IPv6:fe80::1]")));
        }

        fn nothing_can_leave_the_path() {
            check("alice", Err(Error::NoAt));
            check("", Err(Error::NoAt));
            check("@mail.test", Err(Error::LocalPart));
            for text in ["a\r\n@b", "a\n@b", "a\0@b", "a b@c", "a>@b", "\"a\r\n\"@b", "\"a\0\"@b", "\"a\\\r\"@b", "\"\\\"@b",
                ".a@b", "a.@b", "a..b@c", "\u{760d}\u{760a}@b", "\u{e9}@b", "\"a\"b\"@c", "\"@b"] {
                check(text, Err(Error::LocalPart));
            }
            for text in ["a@", "a@b>", "a@b\r\nRCPT TO:<c", "a@b c", "a@-b", "a@b-", "a@b..c", "a@b.", "a@[1.2.3]", "a@[IPv6:g]",
                "a@[1.2.3.4", "a@m\u{fc}ller.test", "a@b_c", "a@[]", "a@b\0"] {
                check(text, Err(Error::Domain));
            }
        }

        fn utf8_only_where_it_is_asked_for() {
            for text in ["j\u{f6}rg@m\u{fc}ller.test", "\u{7528}\u{6237}@\u{4f8b}\u{5b50}.test", "\"j\u{f6}rg x\"@b"] {
                assert!(Address::parse(text).is_err(), "{text}");
                let address = Address::parse_utf8(text);
                assert_eq!(address.map(|address| (address.as_str(), address.is_ascii())), Ok((text, false)));
            }
            assert_eq!(Address::parse_utf8("a@b").map(|address| address.is_ascii()), Ok(true));
            for text in ["\u{e9}\r\n@b", "\u{85}@b", "\u{e9} x@b", "\u{e9}>@b", "a@\u{e9} b", "a@-\u{e9}", "\u{e9}@"] {
                assert!(Address::parse_utf8(text).is_err(), "{text:?}");
            }
        }

        fn address_literals_as_the_standard_library_reads_them() {
            use core::net::{Ipv4Addr, Ipv6Addr};
            for text in ["1.2.3.4", "255.255.255.255", "0.0.0.0", "256.1.1.1", "01.2.3.4", "1.2.3", "1.2.3.4.5", "1..2.3", "", ".", "1.2.3.+4", "1.2.3.4 "] {
                let literal = heapless::format!(64; "[{text}]").unwrap_or_default();
                assert_eq!(is_address_literal(&literal), text.parse::<Ipv4Addr>().is_ok(), "{text}");
            }
            for text in ["::", "::1", "1::", "fe80::1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8",
                "1::2:3:4:5:6:7:8", "1::2::3", ":::", ":", "1:", ":1", "::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "1.2.3.4::", "::1.2.3.4:5",
                "12345::", "g::", "fe80::1%1", "::1.2.3", "::256.1.1.1"] {
                let literal = heapless::format!(64; "[IPv6:{text}]").unwrap_or_default();
                assert_eq!(is_address_literal(&literal), text.parse::<Ipv6Addr>().is_ok(), "{text}");
            }
        }

        fn limits_of_rfc_5321() {
            // 64 x 'a', then 63 x 'b', both exactly at their limits, cut to length.
            const LONG: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
            check(LONG, Err(Error::LocalPartLength));
            let label_too_long = LONG.get(1..).unwrap_or_default();
            check(label_too_long, Err(Error::Domain));
            let at_the_limit = label_too_long.get(..label_too_long.len() - 1).unwrap_or_default();
            assert!(Address::parse(at_the_limit).is_ok());

            let mut octets = [b'b'; 258];
            octets[1] = b'@';
            for index in (33..258).step_by(32) {
                octets[index] = b'.';
            }
            let text = |length: usize| core::str::from_utf8(&octets[..length]).unwrap_or_default();
            assert!(Address::parse(text(254)).is_ok());
            check(text(255), Err(Error::PathLength));
            check(text(258), Err(Error::DomainLength));
        }
    }
}
