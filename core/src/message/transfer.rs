//! Content transfer encodings (RFC 2045 6): text as lines of 7bit or quoted-printable, octets as base64.

use super::header::{Line, hex, push};
use super::{Error, Source};
use crate::ascii::base64_quad;

/// A text body that hands itself out a line at a time; LF, CR and CRLF all end a line of it.
pub(super) struct Text<'a> {
    rest: &'a [u8],
    encoding: Encoding,
    /// 7bit: a line was handed out whose CRLF was not.
    open: bool,
}

/// How a text travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As it is: ASCII without control characters, lines of at most 998 octets.
    SevenBit,
    /// RFC 2045 6.7.
    QuotedPrintable,
}

impl<'a> Text<'a> {
    /// `in_multipart`: nothing in it may look like one of our boundaries.
    pub(super) fn new(text: &'a str, in_multipart: bool) -> Self {
        let rest = text.as_bytes();
        let encoding = if is_seven_bit(rest) && !(in_multipart && text.contains(BOUNDARY_MARK)) {
            Encoding::SevenBit
        } else {
            Encoding::QuotedPrintable
        };
        Self {
            rest,
            encoding,
            open: false,
        }
    }

    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// The next piece: what is appended to `line`, which is empty, and then the octets returned; `None` at the end.
    pub(super) fn next(&mut self, line: &mut Line) -> Option<&'a [u8]> {
        if self.rest.is_empty() && !self.open {
            return None;
        }
        match self.encoding {
            Encoding::SevenBit => Some(self.seven_bit(line)),
            Encoding::QuotedPrintable => {
                self.quoted_printable(line);
                Some(&[])
            }
        }
    }

    fn seven_bit(&mut self, line: &mut Line) -> &'a [u8] {
        if self.open {
            push(line, b"\r\n");
            self.open = false;
        }
        if self.rest.is_empty() {
            return &[];
        }
        let end = self.rest.iter().position(|octet| matches!(octet, b'\r' | b'\n'));
        let (content, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = after_line_break(rest).unwrap_or(rest);
        self.open = true;
        content
    }

    /// One line of at most 76 octets, with its line break.
    fn quoted_printable(&mut self, line: &mut Line) {
        while let Some((octet, rest)) = self.rest.split_first() {
            if let Some(rest) = after_line_break(self.rest) {
                self.rest = rest;
                return push(line, b"\r\n");
            }
            let at_line_end = rest.is_empty() || after_line_break(rest).is_some();
            let plain = match octet {
                // RFC 2045 6.7 (3): no white space at the end of a line.
                b' ' | b'\t' => !at_line_end,
                b'!'..=b'~' => *octet != b'=',
                _ => false,
            };
            let width = if plain { 1 } else { 3 };
            if line.len() + width > SOFT_LIMIT {
                return push(line, b"=\r\n");
            }
            if plain {
                push(line, &[*octet]);
            } else {
                push(line, &hex(b'=', *octet));
            }
            self.rest = rest;
        }
        push(line, b"\r\n");
    }
}

/// Appends one base64 line of at most 76 columns with its CRLF to `line`; `false`, and nothing, at the end of `source`.
pub(super) fn base64_line(source: &mut dyn Source, line: &mut Line) -> Result<bool, Error> {
    // 57 octets are 76 columns (RFC 2045 6.8).
    let mut octets = [0; 57];
    let mut length = 0;
    while let Some(room) = octets.get_mut(length..).filter(|room| !room.is_empty()) {
        let room_len = room.len();
        match source.pull(room)? {
            0 => break,
            count => length += count.min(room_len),
        }
    }
    let octets = octets.get(..length).unwrap_or_default();
    for triple in octets.chunks(3) {
        push(line, &base64_quad(triple));
    }
    if !octets.is_empty() {
        push(line, b"\r\n");
    }
    Ok(!octets.is_empty())
}

/// What follows the line break that `text` begins with.
fn after_line_break(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b"\r\n")
        .or_else(|| text.strip_prefix(b"\n"))
        .or_else(|| text.strip_prefix(b"\r"))
}

fn is_seven_bit(text: &[u8]) -> bool {
    text.split(|octet| matches!(octet, b'\r' | b'\n'))
        .all(|line| line.len() <= 998 && line.iter().all(|octet| matches!(octet, b'\t' | b' '..=b'~')))
}

/// What every boundary of ours begins with. Quoted-printable never writes `=_`, base64 has no `_`.
const BOUNDARY_MARK: &str = "=_";
/// One column of the 76 is left for the `=` of a soft line break.
const SOFT_LIMIT: usize = 75;

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn check(text: &str, encoding: Encoding, expected: &str) {
        let mut text = Text::new(text, false);
        assert_eq!(text.encoding(), encoding);
        let mut whole = heapless::Vec::<u8, 512>::new();
        let mut line = Line::new();
        while let Some(content) = text.next(&mut line) {
            assert!(whole.extend_from_slice(&line).is_ok());
            assert!(whole.extend_from_slice(content).is_ok());
            line.clear();
        }
        assert_eq!(core::str::from_utf8(&whole), Ok(expected));
    }

    tests! {
        fn every_line_break_becomes_crlf() {
            check("", Encoding::SevenBit, "");
            check("a", Encoding::SevenBit, "a\r\n");
            check("a\nb\rc\r\nd", Encoding::SevenBit, "a\r\nb\r\nc\r\nd\r\n");
            check("\n\r\r\n\n", Encoding::SevenBit, "\r\n\r\n\r\n\r\n");
            check("\u{e4}\n\r\r\n\n", Encoding::QuotedPrintable, "=C3=A4\r\n\r\n\r\n\r\n");
        }

        fn quoted_printable_of_rfc_2045() {
            check("caf\u{e9} = 1 \nx\t\r\n", Encoding::QuotedPrintable, "caf=C3=A9 =3D 1=20\r\nx=09\r\n");
            check("nul \0", Encoding::QuotedPrintable, "nul =00\r\n");
            check(
                "\u{e4}123456789012345678901234567890123456789012345678901234567890123456789\u{e4}\u{e4}.",
                Encoding::QuotedPrintable,
                "=C3=A4123456789012345678901234567890123456789012345678901234567890123456789=\r\n=C3=A4=C3=A4.\r\n",
            );
        }

        fn long_lines_become_quoted_printable() {
            let octets = [b'x'; 999];
            let text = |length: usize| core::str::from_utf8(&octets[..length]).unwrap_or_default();
            assert_eq!(Text::new(text(998), false).encoding(), Encoding::SevenBit);
            assert_eq!(Text::new(text(999), false).encoding(), Encoding::QuotedPrintable);
        }

        fn a_text_that_looks_like_a_boundary_is_encoded_in_a_multipart() {
            assert_eq!(Text::new("--=_x", true).encoding(), Encoding::QuotedPrintable);
            assert_eq!(Text::new("--=_x", false).encoding(), Encoding::SevenBit);
        }

        fn base64_in_lines_of_76_columns() {
            let mut source: &[u8] = &[0; 58];
            let mut line = Line::new();
            assert_eq!(base64_line(&mut source, &mut line), Ok(true));
            assert_eq!((line.len(), line.ends_with(b"AAAA\r\n")), (78, true));
            line.clear();
            assert_eq!(base64_line(&mut source, &mut line), Ok(true));
            assert_eq!(line, b"AA==\r\n");
            line.clear();
            assert_eq!((base64_line(&mut source, &mut line), line.len()), (Ok(false), 0));
        }
    }
}
