//! The addresses in a header field (RFC 5322 3.4): groups, comments, quoted strings, folding, and the forms of old.

use std::fmt;

/// One address of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// `local-part@domain`, or a local-part alone; without comments and folding. It may still be none of RFC 5321.
    pub address: String,
    /// Where in the text a domain belongs, if it has none.
    pub bare: Option<usize>,
}

/// Why a text is no list of addresses; each with the place, in octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A quoted string, comment, angle bracket or address literal that does not end.
    Unclosed(char, usize),
    /// A character that has no place there.
    Unexpected(char, usize),
    /// Two words with neither a dot nor a comma between them.
    Words(usize),
    /// Angle brackets with nothing in them.
    Empty(usize),
    /// The address is not UTF-8.
    Encoding(usize),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed(opening, at) => write!(f, "no end of what {opening:?} begins at octet {at}"),
            Self::Unexpected(found, at) => write!(f, "unexpected {found:?} at octet {at}"),
            Self::Words(at) => write!(f, "neither a comma nor an address between two words at octet {at}"),
            Self::Empty(at) => write!(f, "no address between the angle brackets at octet {at}"),
            Self::Encoding(at) => write!(f, "an address that is not UTF-8 at octet {at}"),
        }
    }
}

impl std::error::Error for Error {}

/// Reads the addresses of a list in their order: of `Staff: a, Bob <b@c> (b);` these are `a` and `b@c`.
///
/// Empty elements are passed over (RFC 5322 4.4), the route of a path of old, too.
pub fn addresses(text: &[u8]) -> Result<Vec<Listed>, Error> {
    let mut scanner = Scanner { text, at: 0 };
    let mut found = Vec::new();
    let mut spec = Spec::default();
    let mut in_group = false;
    loop {
        let start = scanner.skip()?;
        match scanner.next()? {
            Some(Token::Word(word, quoted)) => spec.push(word, quoted, start, scanner.at),
            // The words before it were a display name.
            Some(Token::Special(b'<')) => {
                found.push(angle(&mut scanner, start)?);
                spec = Spec::default();
                let behind = scanner.skip()?;
                match scanner.next()? {
                    None => break,
                    Some(Token::Special(b',')) => {}
                    Some(Token::Special(b';')) if in_group => in_group = false,
                    Some(Token::Special(other)) => return Err(Error::Unexpected(other.into(), behind)),
                    Some(Token::Word(..)) => return Err(Error::Words(behind)),
                }
            }
            Some(Token::Special(b':')) if !in_group => {
                spec = Spec::default();
                in_group = true;
            }
            Some(Token::Special(b',')) => found.extend(std::mem::take(&mut spec).end()?),
            Some(Token::Special(b';')) if in_group => {
                found.extend(std::mem::take(&mut spec).end()?);
                in_group = false;
            }
            Some(Token::Special(b'@')) => spec.push(b"@", false, start, scanner.at),
            Some(Token::Special(other)) => return Err(Error::Unexpected(other.into(), start)),
            None => break,
        }
    }
    found.extend(spec.end()?);
    Ok(found)
}

/// What follows the opening bracket at `start`, up to the closing one.
fn angle(scanner: &mut Scanner<'_>, start: usize) -> Result<Listed, Error> {
    let mut spec = Spec::default();
    loop {
        let begin = scanner.skip()?;
        match scanner.next()? {
            Some(Token::Word(word, quoted)) => spec.push(word, quoted, begin, scanner.at),
            Some(Token::Special(b'@')) => spec.push(b"@", false, begin, scanner.at),
            // The route of RFC 5322 4.4, `@a,@b:`, which nobody follows any more.
            Some(Token::Special(b',')) if spec.is_route() => {}
            Some(Token::Special(b':')) if spec.is_route() => spec = Spec::default(),
            Some(Token::Special(b'>')) => return spec.end()?.ok_or(Error::Empty(start)),
            Some(Token::Special(other)) => return Err(Error::Unexpected(other.into(), begin)),
            None => return Err(Error::Unclosed('<', start)),
        }
    }
}

/// The words of one address as they come.
#[derive(Default)]
struct Spec {
    octets: Vec<u8>,
    start: usize,
    end: usize,
    has_at: bool,
    /// The first place where two words stand side by side.
    loose: Option<usize>,
}

impl Spec {
    fn push(&mut self, word: &[u8], quoted: bool, start: usize, end: usize) {
        let joined = |octet: Option<&u8>| matches!(octet, None | Some(b'.' | b'@'));
        // A quoted string that begins with a dot joins nothing.
        let begins = if quoted {
            None
        } else {
            word.first().filter(|octet| joined(Some(octet)))
        };
        if self.octets.is_empty() {
            self.start = start;
        } else if !joined(self.octets.last()) && begins.is_none() && self.loose.is_none() {
            self.loose = Some(start);
        }
        if !quoted && word == b"@" {
            self.has_at = true;
        }
        self.octets.extend_from_slice(word);
        self.end = end;
    }

    fn is_route(&self) -> bool {
        self.octets.first() == Some(&b'@')
    }

    fn end(self) -> Result<Option<Listed>, Error> {
        if self.octets.is_empty() {
            return Ok(None);
        }
        if let Some(at) = self.loose {
            return Err(Error::Words(at));
        }
        let address = String::from_utf8(self.octets).map_err(|_| Error::Encoding(self.start))?;
        Ok(Some(Listed {
            address,
            bare: (!self.has_at).then_some(self.end),
        }))
    }
}

enum Token<'a> {
    /// An atom with its dots, a quoted string with its quotes, an address literal with its brackets.
    Word(&'a [u8], bool),
    Special(u8),
}

struct Scanner<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// The token where [`Scanner::skip`] has led.
    fn next(&mut self) -> Result<Option<Token<'a>>, Error> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(first) = rest.first() else {
            return Ok(None);
        };
        let length = match first {
            b'"' => self.closed(rest, b'"', '"')?,
            b'[' => self.closed(rest, b']', '[')?,
            octet if is_special(*octet) => {
                self.at += 1;
                return Ok(Some(Token::Special(*octet)));
            }
            octet if octet.is_ascii_control() => return Err(Error::Unexpected((*octet).into(), self.at)),
            _ => rest
                .iter()
                .position(|octet| {
                    is_special(*octet) || is_space(*octet) || octet.is_ascii_control() || b"\"[(".contains(octet)
                })
                .unwrap_or(rest.len()),
        };
        self.at += length;
        let word = rest.get(..length).unwrap_or_default();
        Ok(Some(Token::Word(word, *first == b'"')))
    }

    /// How long it is to and with `closing`, where backslashes keep the next octet from being it.
    fn closed(&self, rest: &[u8], closing: u8, opening: char) -> Result<usize, Error> {
        let mut escaped = false;
        for (index, octet) in rest.iter().enumerate().skip(1) {
            match octet {
                // Folding, or worse: an address never has a line end in it.
                b'\r' | b'\n' | 0 => return Err(Error::Unexpected((*octet).into(), self.at + index)),
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                _ if *octet == closing => return Ok(index + 1),
                _ => {}
            }
        }
        Err(Error::Unclosed(opening, self.at))
    }

    /// Passes white space, folding and comments, which nest; says where the next token begins.
    fn skip(&mut self) -> Result<usize, Error> {
        let (mut depth, mut began, mut escaped) = (0usize, self.at, false);
        while let Some(octet) = self.text.get(self.at) {
            match octet {
                _ if escaped => escaped = false,
                b'\\' if depth > 0 => escaped = true,
                b'(' => {
                    if depth == 0 {
                        began = self.at;
                    }
                    depth += 1;
                }
                b')' if depth > 0 => depth -= 1,
                _ if depth > 0 || is_space(*octet) => {}
                _ => break,
            }
            self.at += 1;
        }
        if depth > 0 {
            return Err(Error::Unclosed('(', began));
        }
        Ok(self.at)
    }
}

fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

fn is_special(octet: u8) -> bool {
    b"<>@,;:\\)]".contains(&octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_as_people_and_programs_write_them() {
        for (text, expected) in [
            ("", &[][..]),
            (" , ,\r\n ", &[]),
            ("root", &["root"]),
            ("alice@home.test", &["alice@home.test"]),
            ("root (Cron Daemon)", &["root"]),
            (
                "\"root\" <root@home.test>,bob@home.test,",
                &["root@home.test", "bob@home.test"],
            ),
            ("Bob B. Builder <bob@home.test>", &["bob@home.test"]),
            ("\"B, \\\"the\\\" B\" <bob@home.test>", &["bob@home.test"]),
            ("=?utf-8?q?B=C3=B6b?= <bob@home.test>", &["bob@home.test"]),
            ("undisclosed-recipients:;", &[]),
            (
                "Staff: a@b.test, Bob <c@d.test> (x);, e@f.test",
                &["a@b.test", "c@d.test", "e@f.test"],
            ),
            ("\"a b\"@home.test", &["\"a b\"@home.test"]),
            ("\"a@b\"", &["\"a@b\""]),
            ("a@[IPv6:2001:db8::1]", &["a@[IPv6:2001:db8::1]"]),
            (
                "Pete(A nice \\) chap (yes)) <pete(his account)@silly.test(his host)>",
                &["pete@silly.test"],
            ),
            ("jdoe @ home . test", &["jdoe@home.test"]),
            ("<@a.test,@b.test:jdoe@home.test>", &["jdoe@home.test"]),
            ("a@b.test\r\n\t,\r\n c@d.test", &["a@b.test", "c@d.test"]),
            ("j\u{f6}rg@b\u{fc}ro.test", &["j\u{f6}rg@b\u{fc}ro.test"]),
            ("-oQ/tmp@home.test", &["-oQ/tmp@home.test"]),
        ] {
            let found = addresses(text.as_bytes()).unwrap_or_else(|error| panic!("{text:?}: {error}"));
            let found: Vec<&str> = found.iter().map(|listed| listed.address.as_str()).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn a_local_part_alone_says_where_its_domain_belongs() {
        for (text, expected) in [
            ("root (Cron Daemon)", "root@h.test (Cron Daemon)"),
            ("Root <root >", "Root <root@h.test >"),
            ("a, b@c.test, \"d e\"", "a@h.test, b@c.test, \"d e\"@h.test"),
        ] {
            let mut whole = text.to_owned();
            for listed in addresses(text.as_bytes()).unwrap().iter().rev() {
                if let Some(at) = listed.bare {
                    whole.insert_str(at, "@h.test");
                }
            }
            assert_eq!(whole, expected);
        }
    }

    #[test]
    fn what_is_no_list() {
        for (text, expected) in [
            (&b"Bob Builder"[..], Error::Words(4)),
            (b"a b@c.test", Error::Words(2)),
            (b"a@b.test c@d.test", Error::Words(9)),
            (b"<a@b.test", Error::Unclosed('<', 0)),
            (b"<>", Error::Empty(0)),
            (b"Bob <>", Error::Empty(4)),
            (b"(a", Error::Unclosed('(', 0)),
            (b"\"a", Error::Unclosed('"', 0)),
            (b"a@[b", Error::Unclosed('[', 2)),
            (b"a>", Error::Unexpected('>', 1)),
            (b"a;", Error::Unexpected(';', 1)),
            (b"a: b: c;", Error::Unexpected(':', 4)),
            (b"a\\b@c", Error::Unexpected('\\', 1)),
            (b"<a@b> c", Error::Words(6)),
            (b"\"a\r\nRCPT TO\"@b", Error::Unexpected('\r', 2)),
            (b"a\0@b", Error::Unexpected('\0', 1)),
            (b"\xff@b", Error::Encoding(0)),
        ] {
            assert_eq!(addresses(text), Err(expected), "{}", text.escape_ascii());
        }
    }
}
