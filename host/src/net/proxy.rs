//! Proxies: what is said to them before a connection is ours (SOCKS 5: RFC 1928, RFC 1929; CONNECT: RFC 9110 9.3.6).

use super::association::base64;
use super::{Endpoint, Error, Tcp};
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::IpAddr;

/// A proxy that opens connections on our behalf, and resolves host names for us.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Where it is.
    pub endpoint: Endpoint,
    kind: Kind,
    credentials: Option<Credentials>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Socks5,
    Http,
}

#[derive(Clone, PartialEq, Eq)]
struct Credentials {
    user: String,
    password: String,
}

impl Proxy {
    /// Reads `socks5://[user:password@]host[:port]` (also `socks5h`) or `http://…`; user and password may be
    /// percent-encoded. Ports 1080 and 80 are the defaults. The error says what is wrong with it, without the password.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or("it does not begin with socks5:// or http://")?;
        let (kind, port) = match scheme {
            "socks5" | "socks5h" => (Kind::Socks5, 1080),
            "http" => (Kind::Http, 80),
            _ => return Err("only socks5:// and http:// are known"),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (credentials, host) = match rest.rsplit_once('@') {
            Some((credentials, host)) => (Some(Credentials::parse(credentials, kind)?), host),
            None => (None, rest),
        };
        let endpoint = Endpoint::parse(host, port).ok_or("it names neither a host nor a host and a port")?;
        Ok(Self {
            endpoint,
            kind,
            credentials,
        })
    }

    /// Has the proxy at the other end of `tcp` connect to `target`; what follows comes from there.
    pub(super) fn open(&self, tcp: &mut Tcp, target: &Endpoint) -> Result<(), Error> {
        let unsayable = |c: char| c.is_whitespace() || c.is_control();
        if target.host.is_empty() || target.host.contains(unsayable) {
            return Err(self.failed(&format_args!("{:?} is no host to ask it for", target.host)));
        }
        let opened = match self.kind {
            Kind::Socks5 => socks5(tcp, target, self.credentials.as_ref()),
            Kind::Http => connect(tcp, target, self.credentials.as_ref()),
        };
        opened.map_err(|refusal| self.failed(&refusal))
    }

    pub(super) fn failed(&self, cause: &dyn fmt::Display) -> Error {
        Error::Proxy(format!("{}: {cause}", self.endpoint))
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxy")
            .field("endpoint", &self.endpoint)
            .field("kind", &self.kind)
            .field("user", &self.credentials.as_ref().map(|credentials| &credentials.user))
            .finish_non_exhaustive()
    }
}

impl Credentials {
    fn parse(text: &str, kind: Kind) -> Result<Self, &'static str> {
        let (user, password) = text.split_once(':').ok_or("a user needs a password beside it")?;
        let user = percent_decode(user).ok_or("its user is not percent-encoded UTF-8")?;
        let password = percent_decode(password).ok_or("its password is not percent-encoded UTF-8")?;
        let fits = |text: &str| (1..=255).contains(&text.len());
        match kind {
            Kind::Socks5 if !(fits(&user) && fits(&password)) => {
                Err("SOCKS has room for 1 to 255 octets of user and of password")
            }
            // RFC 7617 2.
            Kind::Http if user.contains(':') => Err("a user of HTTP has no colon"),
            _ if (user.clone() + &password).contains(char::is_control) => {
                Err("user and password have no control characters")
            }
            _ => Ok(Self { user, password }),
        }
    }
}

/// Why a proxy did not open the connection.
#[derive(Debug)]
enum Refusal {
    Io(io::Error),
    /// Its reply is none of its protocol.
    Nonsense(&'static str),
    /// It said why not.
    Said(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) if error.kind() == ErrorKind::UnexpectedEof => f.write_str("it closed the connection"),
            Self::Io(error) => write!(f, "{error}"),
            Self::Nonsense(what) => write!(f, "not understood: {what}"),
            Self::Said(words) => f.write_str(words),
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<&str> for Refusal {
    fn from(words: &str) -> Self {
        Self::Said(words.to_owned())
    }
}

/// Exactly so many octets: what comes after the proxy's own is not touched.
fn take<const N: usize>(tcp: &mut Tcp) -> Result<[u8; N], Refusal> {
    let mut octets = [0; N];
    tcp.read_exact(&mut octets)?;
    Ok(octets)
}

fn socks5(tcp: &mut Tcp, target: &Endpoint, credentials: Option<&Credentials>) -> Result<(), Refusal> {
    let methods: &[u8] = match credentials {
        Some(_) => &[VERSION, 2, FREE, PASSWORD],
        None => &[VERSION, 1, FREE],
    };
    tcp.write_all(methods)?;
    match (take(tcp)?, credentials) {
        ([VERSION, FREE], _) => {}
        ([VERSION, PASSWORD], Some(credentials)) => authenticate(tcp, credentials)?,
        ([VERSION, 0xff], Some(_)) => return Err("it takes no password and does not let everyone in".into()),
        ([VERSION, 0xff], None) => return Err("it wants a user and a password".into()),
        ([VERSION, _], _) => return Err(Refusal::Nonsense("it chose a method that was not offered")),
        _ => return Err(Refusal::Nonsense("it speaks no SOCKS 5")),
    }
    let mut request = vec![VERSION, CONNECT, 0];
    match target.host.parse() {
        Ok(IpAddr::V4(address)) => {
            request.push(IPV4);
            request.extend(address.octets());
        }
        Ok(IpAddr::V6(address)) => {
            request.push(IPV6);
            request.extend(address.octets());
        }
        Err(_) => {
            let length = u8::try_from(target.host.len()).map_err(|_| "SOCKS has no room for so long a host name")?;
            request.extend([NAME, length]);
            request.extend(target.host.as_bytes());
        }
    }
    request.extend(target.port.to_be_bytes());
    tcp.write_all(&request)?;
    match take(tcp)? {
        [VERSION, 0] => {}
        [VERSION, code] => return Err(Refusal::Said(format!("it refused: {}", socks5_code(code)))),
        _ => return Err(Refusal::Nonsense("it speaks no SOCKS 5")),
    }
    // The address that it connects from, which says nothing to us.
    match take(tcp)? {
        [0, IPV4] => take::<6>(tcp).map(|_| ()),
        [0, IPV6] => take::<18>(tcp).map(|_| ()),
        [0, NAME] => {
            let [length] = take(tcp)?;
            let mut rest = vec![0; usize::from(length) + 2];
            Ok(tcp.read_exact(&mut rest)?)
        }
        _ => Err(Refusal::Nonsense("its reply has an address of no known kind")),
    }
}

/// RFC 1929.
fn authenticate(tcp: &mut Tcp, credentials: &Credentials) -> Result<(), Refusal> {
    let mut request = vec![1];
    for text in [&credentials.user, &credentials.password] {
        // At most 255 octets, as it was checked when it was read.
        request.push(text.len() as u8);
        request.extend(text.as_bytes());
    }
    tcp.write_all(&request)?;
    match take(tcp)? {
        [1, 0] => Ok(()),
        [1, _] => Err("it refused the password".into()),
        _ => Err(Refusal::Nonsense("its answer to the password")),
    }
}

/// RFC 1928 6.
fn socks5_code(code: u8) -> String {
    let words = match code {
        1 => "general failure",
        2 => "not allowed by its rules",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => return format!("code {code}"),
    };
    words.to_owned()
}

fn connect(tcp: &mut Tcp, target: &Endpoint, credentials: Option<&Credentials>) -> Result<(), Refusal> {
    let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
    if let Some(Credentials { user, password }) = credentials {
        let plain = format!("{user}:{password}");
        request += &format!("Proxy-Authorization: Basic {}\r\n", base64(plain.as_bytes()));
    }
    request += "\r\n";
    tcp.write_all(request.as_bytes())?;
    let mut room = HEAD;
    loop {
        let head = head(tcp, &mut room)?;
        let line = head.split(|octet| *octet == b'\r').next().unwrap_or_default();
        let status = match line {
            [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', b' ', rest @ ..] => rest,
            _ => return Err(Refusal::Nonsense("it speaks no HTTP/1")),
        };
        match status {
            // An interim response: the one that counts is still to come.
            [b'1', b'0'..=b'9', b'0'..=b'9'] | [b'1', b'0'..=b'9', b'0'..=b'9', b' ', ..] => {}
            [b'2', b'0'..=b'9', b'0'..=b'9'] | [b'2', b'0'..=b'9', b'0'..=b'9', b' ', ..] => return Ok(()),
            [b'3'..=b'5', b'0'..=b'9', b'0'..=b'9'] | [b'3'..=b'5', b'0'..=b'9', b'0'..=b'9', b' ', ..] => {
                let words: String = String::from_utf8_lossy(status).chars().take(WORDS).collect();
                let words = words.replace(|c: char| c.is_control(), "?");
                let advice = match (&status[..3], credentials) {
                    (b"407", None) => " (it wants a user and a password)",
                    (b"407", Some(_)) => " (it refused the password)",
                    _ => "",
                };
                return Err(Refusal::Said(format!("it refused: {words}{advice}")));
            }
            _ => return Err(Refusal::Nonsense("its status line")),
        }
    }
}

/// The head of a reply with its empty line; not an octet of what follows is taken, that is the target's.
fn head(tcp: &mut Tcp, room: &mut usize) -> Result<Vec<u8>, Refusal> {
    let mut head = Vec::new();
    let mut seen = [0; 512];
    while !head.ends_with(END) {
        if *room == 0 {
            return Err(Refusal::Nonsense("its reply is too long"));
        }
        let limit = seen.len().min(*room);
        let count = tcp.peek(&mut seen[..limit])?;
        if count == 0 {
            return Err(Refusal::Io(ErrorKind::UnexpectedEof.into()));
        }
        let known = head.len();
        head.extend_from_slice(&seen[..count]);
        // The end may have begun before.
        let begin = known.saturating_sub(END.len() - 1);
        let end = head[begin..].windows(END.len()).position(|window| window == END);
        head.truncate(end.map_or(head.len(), |end| begin + end + END.len()));
        tcp.read_exact(&mut seen[..head.len() - known])?;
        *room -= head.len() - known;
    }
    Ok(head)
}

fn percent_decode(text: &str) -> Option<String> {
    let mut octets = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(octet) = octets.next() {
        decoded.push(match octet {
            b'%' => {
                let mut digit = || char::from(octets.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            octet => octet,
        });
    }
    String::from_utf8(decoded).ok()
}

const VERSION: u8 = 5;
/// Methods of RFC 1928 3: none is required, or a user and a password.
const FREE: u8 = 0;
const PASSWORD: u8 = 2;
const CONNECT: u8 = 1;
/// Kinds of address of RFC 1928 5.
const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;
/// The heads of all replies to a CONNECT may have so many octets together.
const HEAD: usize = 8192;
const END: &[u8] = b"\r\n\r\n";
/// How much of a refusal's words is shown, characters.
const WORDS: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_read_and_their_passwords_not_shown() {
        let proxy = Proxy::parse("socks5://us%3aer:pass%40w%2Ford@[2001:db8::1]:9050").unwrap();
        assert_eq!(proxy.endpoint.to_string(), "[2001:db8::1]:9050");
        assert!(
            proxy.credentials
                == Some(Credentials {
                    user: "us:er".into(),
                    password: "pass@w/ord".into()
                })
        );
        let shown = format!("{proxy:?}");
        assert!(shown.contains("us:er") && !shown.contains("ord"), "{shown}");
        for (text, endpoint, kind) in [
            ("socks5h://proxy.test", "proxy.test:1080", Kind::Socks5),
            ("http://proxy.test/", "proxy.test:80", Kind::Http),
            ("http://a:@127.0.0.1:3128", "127.0.0.1:3128", Kind::Http),
        ] {
            let proxy = Proxy::parse(text).unwrap();
            assert_eq!((proxy.endpoint.to_string().as_str(), proxy.kind), (endpoint, kind));
        }
    }

    #[test]
    fn what_is_no_proxy() {
        for text in [
            "",
            "proxy.test",
            "https://proxy.test",
            "socks4://proxy.test",
            "socks5://",
            "socks5://user@proxy.test",
            "socks5://user:@proxy.test",
            "socks5://:secret@proxy.test",
            "socks5://us%3:secret@proxy.test",
            "socks5://us%ff:secret@proxy.test",
            "socks5://proxy.test:0",
            "socks5://proxy.test/path",
            "http://us%3aer:secret@proxy.test",
            "http://user:sec%0d%0aret@proxy.test",
        ] {
            let error = Proxy::parse(text).unwrap_err();
            assert!(!error.contains("secret"), "{text}: {error}");
        }
        assert!(Proxy::parse(&format!("socks5://u:{}@proxy.test", "p".repeat(256))).is_err());
    }
}
