//! Where a server is: a host and a port.

use std::fmt;

/// A host name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// A host name, or an IP address without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl Endpoint {
    /// Reads `host`, `host:port`, `[v6]`, `[v6]:port` or a bare IPv6 address; `None` if it is none of these.
    pub fn parse(text: &str, default_port: u16) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((host, "")) => (host, None),
            Some((host, rest)) => (host, Some(rest.strip_prefix(':')?)),
            // More than one colon without brackets: an IPv6 address and no port.
            None if text.bytes().filter(|octet| *octet == b':').count() > 1 => (text, None),
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0)?,
            None => default_port,
        };
        let readable =
            !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c.is_control() || "[]/@".contains(c));
        readable.then(|| Self {
            host: host.to_owned(),
            port,
        })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(
            Endpoint::parse(text, 587)
                .map(|endpoint| endpoint.to_string())
                .as_deref(),
            expected,
            "{text}"
        );
    }

    #[test]
    fn hosts_with_and_without_a_port() {
        check("mail.test", Some("mail.test:587"));
        check("mail.test:25", Some("mail.test:25"));
        check("192.0.2.1:2525", Some("192.0.2.1:2525"));
        check("[2001:db8::1]:25", Some("[2001:db8::1]:25"));
        check("[2001:db8::1]", Some("[2001:db8::1]:587"));
        check("2001:db8::1", Some("[2001:db8::1]:587"));
    }

    #[test]
    fn what_is_no_endpoint() {
        for text in [
            "",
            ":25",
            "mail.test:",
            "mail.test:0",
            "mail.test:65536",
            "mail.test:smtp",
            "[::1",
            "[::1]25",
            "[]:25",
            "mail test",
            "user@mail.test",
            "a/b",
            "mail.test\r\n",
        ] {
            check(text, None);
        }
    }
}
