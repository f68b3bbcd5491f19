//! URLs of the schemes http and https: parsing, and reference resolution in one buffer (RFC 3986).

use core::fmt;

/// The two schemes that are spoken; every other one is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// In the clear, port 80 unless another one is named.
    Http,
    /// Over TLS, port 443 unless another one is named.
    Https,
}

/// An absolute URL without user information, all of whose octets may stand in a request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Url<'a> {
    /// Without the fragment.
    text: &'a str,
    scheme: Scheme,
    authority: &'a str,
    host: &'a str,
    port: u16,
}

/// Why a URL was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// Neither http nor https, or no scheme at all.
    Scheme,
    /// No host, user information before it, or an octet that no host has.
    Host,
    /// Not a number from 1 to 65535.
    Port,
    /// A control character, or in an absolute URL an octet that must be percent-encoded.
    Octet,
    /// It does not fit the buffer.
    TooLong,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "URL: the scheme is neither http nor https",
            Self::Host => "URL: no host, or a malformed one",
            Self::Port => "URL: the port is not a number from 1 to 65535",
            Self::Octet => "URL: an octet that may not stand in a URL",
            Self::TooLong => "URL: longer than the buffer",
        })
    }
}

impl core::error::Error for UrlError {}

impl<'a> Url<'a> {
    /// Parses an absolute URL; its fragment is dropped, for it is never sent (RFC 9110 7.1).
    pub fn parse(text: &'a str) -> Result<Self, UrlError> {
        if !text.bytes().all(is_url_octet) {
            return Err(UrlError::Octet);
        }
        let text = text.split_once('#').map_or(text, |(url, _)| url);
        let (scheme, rest) = text.split_once(':').ok_or(UrlError::Scheme)?;
        let scheme = scheme_of(scheme.as_bytes()).ok_or(UrlError::Scheme)?;
        let rest = rest.strip_prefix("//").ok_or(UrlError::Host)?;
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let authority = rest.get(..end).ok_or(UrlError::Host)?;
        let (host, port) = match authority.strip_prefix('[') {
            Some(literal) => {
                let (address, port) = literal.split_once(']').ok_or(UrlError::Host)?;
                if !address
                    .bytes()
                    .all(|octet| octet.is_ascii_hexdigit() || matches!(octet, b':' | b'.'))
                {
                    return Err(UrlError::Host);
                }
                let port = match port {
                    "" => "",
                    port => port.strip_prefix(':').ok_or(UrlError::Host)?,
                };
                (address, port)
            }
            None => {
                let (host, port) = authority.split_once(':').unwrap_or((authority, ""));
                if !host.bytes().all(is_host_octet) {
                    return Err(UrlError::Host);
                }
                (host, port)
            }
        };
        if host.is_empty() {
            return Err(UrlError::Host);
        }
        let port = match (port, scheme) {
            ("", Scheme::Http) => 80,
            ("", Scheme::Https) => 443,
            (port, _) => crate::ascii::decimal(port.as_bytes())
                .and_then(|port| u16::try_from(port).ok())
                .filter(|port| *port != 0)
                .ok_or(UrlError::Port)?,
        };
        Ok(Self {
            text,
            scheme,
            authority,
            host,
            port,
        })
    }

    /// The URL that `reference` means relative to this one, written to `out` (RFC 3986 5.2).
    ///
    /// `out` must hold both of them; spaces and octets beyond ASCII are percent-encoded (RFC 3987 3.1).
    pub fn resolve<'o>(&self, reference: &str, out: &'o mut [u8]) -> Result<Url<'o>, UrlError> {
        let mut buffer = UrlBuffer::new(self, out)?;
        buffer.push(reference)?;
        buffer.resolve()?;
        buffer.finish()
    }

    /// All of it but the fragment.
    pub fn as_str(&self) -> &'a str {
        self.text
    }

    /// How its server is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its host, an IPv6 address without the brackets.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// Its port, or the scheme's.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as they stand in the field Host.
    pub fn authority(&self) -> &'a str {
        self.authority
    }

    /// Path and query as they stand in the request line, but for the `/` that an empty path needs.
    pub fn target(&self) -> &'a str {
        // The authority begins behind `://`, and `parse` saw it whole.
        let start = self.text.find("://").map_or(0, |colon| colon + 3);
        self.text.get(start + self.authority.len()..).unwrap_or_default()
    }

    /// Whether a connection to `self`'s server may carry a request for `other` (RFC 9110 4.3.1).
    pub fn same_origin(&self, other: &Url<'_>) -> bool {
        self.scheme == other.scheme && self.port == other.port && self.host.eq_ignore_ascii_case(other.host)
    }
}

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// A URL in a lent buffer that references are resolved against, one after the other.
///
/// The result of each is the front of the URL so far and then the reference, so one buffer is enough.
pub struct UrlBuffer<'o> {
    octets: &'o mut [u8],
    /// Length of the URL so far; `base <= length <= octets.len()`.
    base: usize,
    /// Where the reference pushed so far ends.
    length: usize,
}

impl<'o> UrlBuffer<'o> {
    /// Begins with `base`.
    pub fn new(base: &Url<'_>, octets: &'o mut [u8]) -> Result<Self, UrlError> {
        let mut buffer = Self {
            octets,
            base: 0,
            length: 0,
        };
        let target = base.target();
        buffer.append(
            base.text
                .as_bytes()
                .get(..base.text.len() - target.len())
                .unwrap_or_default(),
        )?;
        if !target.starts_with('/') {
            buffer.append(b"/")?;
        }
        buffer.append(target.as_bytes())?;
        buffer.base = buffer.length;
        Ok(buffer)
    }

    /// Adds `text` to the reference that the next [`UrlBuffer::resolve`] resolves.
    pub fn push(&mut self, text: &str) -> Result<(), UrlError> {
        for octet in text.bytes() {
            match octet {
                octet if is_url_octet(octet) => self.append(&[octet])?,
                0..0x20 | 0x7f => return Err(UrlError::Octet),
                octet => {
                    let digit =
                        |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0').to_ascii_uppercase() as u8;
                    self.append(&[b'%', digit(octet >> 4), digit(octet & 0xf)])?;
                }
            }
        }
        Ok(())
    }

    /// Resolves what was pushed against the URL so far (RFC 3986 5.2.2).
    pub fn resolve(&mut self) -> Result<(), UrlError> {
        let (base, reference) = self.octets.split_at_mut_checked(self.base).unwrap_or_default();
        let reference = reference
            .get(..self.length.saturating_sub(self.base))
            .unwrap_or_default();
        // RFC 3986 4.4: a reference that is only a fragment means the same resource.
        let reference_end = position(reference, b"#").unwrap_or(reference.len());
        let reference = reference.get(..reference_end).unwrap_or_default();

        let path = path_start(base);
        let query = position(base, b"?").unwrap_or(base.len());
        let (keep, has_path) = match reference {
            [] => (base.len(), false),
            [b'?', ..] => (query, false),
            [b'/', b'/', ..] => (position(base, b":").map_or(0, |colon| colon + 1), true),
            [b'/', ..] => (path, true),
            _ if has_scheme(reference) => (0, true),
            _ => {
                let slash = base
                    .get(..query)
                    .unwrap_or_default()
                    .iter()
                    .rposition(|octet| *octet == b'/');
                (slash.map_or(0, |slash| slash + 1), true)
            }
        };
        self.octets.copy_within(self.base..self.base + reference_end, keep);
        self.base = keep + reference_end;
        if has_path {
            let url = self.octets.get_mut(..self.base).unwrap_or_default();
            // A new authority is checked before its path is looked for.
            let text = core::str::from_utf8(url).map_err(|_| UrlError::Octet)?;
            Url::parse(text)?;
            let path = path_start(url);
            let query = position(url, b"?").unwrap_or(url.len());
            let end = remove_dot_segments(url, path, query);
            url.copy_within(query.., end);
            self.base -= query - end;
            if end == path {
                // RFC 3986 6.2.3: an empty path means `/`, and the next reference needs it.
                let tail = self.octets.get_mut(path..self.base + 1).ok_or(UrlError::TooLong)?;
                tail.rotate_right(1);
                if let Some(slash) = tail.first_mut() {
                    *slash = b'/';
                }
                self.base += 1;
            }
        }
        self.length = self.base;
        Ok(())
    }

    /// The URL that the references led to.
    pub fn finish(self) -> Result<Url<'o>, UrlError> {
        let octets: &'o [u8] = self.octets;
        let text = octets
            .get(..self.base)
            .and_then(|octets| core::str::from_utf8(octets).ok());
        Url::parse(text.ok_or(UrlError::Octet)?)
    }

    fn append(&mut self, octets: &[u8]) -> Result<(), UrlError> {
        let free = self.octets.get_mut(self.length..).unwrap_or_default();
        free.get_mut(..octets.len())
            .ok_or(UrlError::TooLong)?
            .copy_from_slice(octets);
        self.length += octets.len();
        Ok(())
    }
}

/// Removes `.` and `..` from the path `url[path..query]` in place (RFC 3986 5.2.4); returns where it ends now.
fn remove_dot_segments(url: &mut [u8], path: usize, query: usize) -> usize {
    let mut read = path;
    let mut write = path;
    while read < query {
        // `url[read]` is a slash; the segment reaches to the next one.
        let rest = url.get(read + 1..query).unwrap_or_default();
        let length = position(rest, b"/").unwrap_or(rest.len());
        let last = read + 1 + length == query;
        match rest.get(..length).unwrap_or_default() {
            b"." | b".." if last => {
                if length == 2 {
                    write = parent(url, path, write);
                }
                if let Some(slash) = url.get_mut(write) {
                    *slash = b'/';
                    write += 1;
                }
            }
            b"." => {}
            b".." => write = parent(url, path, write),
            _ => {
                url.copy_within(read..read + 1 + length, write);
                write += 1 + length;
            }
        }
        read += 1 + length;
    }
    write
}

/// Where the last segment of `url[path..end]` begins, its slash included.
fn parent(url: &[u8], path: usize, end: usize) -> usize {
    let segments = url.get(path..end).unwrap_or_default();
    path + segments.iter().rposition(|octet| *octet == b'/').unwrap_or(0)
}

/// Where the path of an absolute URL begins.
fn path_start(url: &[u8]) -> usize {
    let authority = position(url, b"://").map_or(0, |colon| colon + 3);
    let rest = url.get(authority..).unwrap_or_default();
    authority
        + rest
            .iter()
            .position(|octet| matches!(octet, b'/' | b'?'))
            .unwrap_or(rest.len())
}

/// RFC 3986 3.1: `scheme = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )`, before the first `/`, `?` or `#`.
fn has_scheme(reference: &[u8]) -> bool {
    let end = reference
        .iter()
        .position(|octet| matches!(octet, b':' | b'/' | b'?'))
        .unwrap_or(reference.len());
    let (scheme, rest) = reference.split_at_checked(end).unwrap_or_default();
    rest.first() == Some(&b':')
        && scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme
            .iter()
            .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'+' | b'-' | b'.'))
}

fn scheme_of(text: &[u8]) -> Option<Scheme> {
    if text.eq_ignore_ascii_case(b"http") {
        Some(Scheme::Http)
    } else {
        text.eq_ignore_ascii_case(b"https").then_some(Scheme::Https)
    }
}

fn position(octets: &[u8], needle: &[u8]) -> Option<usize> {
    octets.windows(needle.len()).position(|window| window == needle)
}

/// RFC 3986 2: reserved, unreserved and `%`; brackets stand in hosts only, but do no harm behind them.
fn is_url_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&octet)
}

/// RFC 3986 3.2.2: `reg-name`.
fn is_host_octet(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=%".contains(&octet)
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn resolved<'o>(base: &str, reference: &str, out: &'o mut [u8]) -> Result<&'o str, UrlError> {
        Ok(Url::parse(base)?.resolve(reference, out)?.as_str())
    }

    tests! {
        fn parts_of_a_url() {
            let url = Url::parse("HTTP://example.test:8080/a/b?c=d#e").unwrap();
            assert_eq!(url.scheme(), Scheme::Http);
            assert_eq!((url.host(), url.port()), ("example.test", 8080));
            assert_eq!((url.authority(), url.target()), ("example.test:8080", "/a/b?c=d"));
            let url = Url::parse("https://[2001:db8::1]?q").unwrap();
            assert_eq!((url.host(), url.port()), ("2001:db8::1", 443));
            assert_eq!((url.authority(), url.target()), ("[2001:db8::1]", "?q"));
        }

        fn what_is_no_url_is_refused() {
            for (text, error) in [
                ("", UrlError::Scheme), ("file:///etc/passwd", UrlError::Scheme), ("/a", UrlError::Scheme),
                ("http:a", UrlError::Host), ("http://", UrlError::Host), ("http:///a", UrlError::Host),
                ("http://user@h/", UrlError::Host), ("http://[::1/", UrlError::Host), ("http://[]/", UrlError::Host),
                ("http://[::1]x/", UrlError::Host), ("http://h:0/", UrlError::Port), ("http://h:65536/", UrlError::Port),
                ("http://h:8a/", UrlError::Port), ("http://h/a b", UrlError::Octet), ("http://h/\r\nX: y", UrlError::Octet),
                ("http://h/\u{e4}", UrlError::Octet), ("http://h\0/", UrlError::Octet),
            ] {
                assert_eq!(Url::parse(text), Err(error), "{text}");
            }
        }

        fn references_of_rfc_3986_5_4() {
            let base = "http://a/b/c/d;p?q";
            for (reference, expected) in [
                ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"),
                ("//g", "http://g/"), ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"),
                ("#s", "http://a/b/c/d;p?q"), ("g#s", "http://a/b/c/g"), ("g?y#s", "http://a/b/c/g?y"),
                (";x", "http://a/b/c/;x"), ("g;x", "http://a/b/c/g;x"), ("", "http://a/b/c/d;p?q"),
                (".", "http://a/b/c/"), ("./", "http://a/b/c/"), ("..", "http://a/b/"), ("../", "http://a/b/"),
                ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../", "http://a/"), ("../../g", "http://a/g"),
                ("../../../g", "http://a/g"), ("../../../../g", "http://a/g"), ("/./g", "http://a/g"),
                ("/../g", "http://a/g"), ("g.", "http://a/b/c/g."), (".g", "http://a/b/c/.g"), ("g..", "http://a/b/c/g.."),
                ("..g", "http://a/b/c/..g"), ("./../g", "http://a/b/g"), ("./g/.", "http://a/b/c/g/"),
                ("g/./h", "http://a/b/c/g/h"), ("g/../h", "http://a/b/c/h"), ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
                ("g;x=1/../y", "http://a/b/c/y"), ("g?y/./x", "http://a/b/c/g?y/./x"), ("g?y/../x", "http://a/b/c/g?y/../x"),
                ("g#s/../x", "http://a/b/c/g"), ("https://h/./x", "https://h/x"), ("1:2", "http://a/b/c/1:2"),
                ("a b\u{e4}\"", "http://a/b/c/a%20b%C3%A4%22"),
            ] {
                let mut out = [0; 64];
                assert_eq!(resolved(base, reference, &mut out), Ok(expected), "{reference}");
            }
        }

        fn references_that_lead_nowhere() {
            let mut out = [0; 64];
            for (reference, error) in [
                ("file:///etc/passwd", UrlError::Scheme), ("g:h", UrlError::Scheme), ("http:g", UrlError::Host),
                ("///g", UrlError::Host), ("g\r\nHost: x", UrlError::Octet), ("//u@h/", UrlError::Host), ("\u{7f}", UrlError::Octet),
            ] {
                assert_eq!(resolved("http://a/b", reference, &mut out), Err(error), "{reference}");
            }
            assert_eq!(resolved("http://a/b", "c", &mut out[..10]), Err(UrlError::TooLong));
            assert_eq!(resolved("http://a/b", "c", &mut out[..11]), Ok("http://a/c"));
        }

        fn a_base_without_a_path_and_a_chain_of_references() {
            let mut out = [0; 64];
            assert_eq!(resolved("http://a", "b", &mut out), Ok("http://a/b"));
            assert_eq!(resolved("http://a?q", "b", &mut out), Ok("http://a/b"));
            assert_eq!(resolved("http://a", "//b?q", &mut out), Ok("http://b/?q"));
            let mut buffer = UrlBuffer::new(&Url::parse("http://a/m.mpd").unwrap(), &mut out).unwrap();
            for reference in ["v/", "//b", "x/y", "z"] {
                buffer.push(reference).unwrap();
                buffer.resolve().unwrap();
            }
            assert_eq!(buffer.finish().unwrap().as_str(), "http://b/x/z");
        }

        fn origins() {
            let a = Url::parse("http://a/x").unwrap();
            assert!(a.same_origin(&Url::parse("HTTP://A:80/y").unwrap()));
            for other in ["https://a/x", "http://b/x", "http://a:81/x"] {
                assert!(!a.same_origin(&Url::parse(other).unwrap()), "{other}");
            }
        }
    }
}
