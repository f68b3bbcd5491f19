//! Content transfer encodings (RFC 2045 6): text as lines of 7bit, 8bit, quoted-printable or base64, octets as base64.

use super::header::{Line, hex, push};
use super::{Error, Source, Transfer};
use crate::ascii::base64_quad;

/// How a text or a file travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As it is: ASCII without control characters, lines of at most 998 octets.
    SevenBit,
    /// As it is: UTF-8 without control characters, lines of at most 998 octets (RFC 6152).
    EightBit,
    /// As it is (RFC 3030).
    Binary,
    /// RFC 2045 6.7.
    QuotedPrintable,
    /// RFC 2045 6.8.
    Base64,
}

impl Encoding {
    /// The best for `text` on a way that carries `allowed`; `in_multipart`: nothing in it may look like a boundary.
    pub(super) fn of_text(text: &str, allowed: Transfer, in_multipart: bool) -> Self {
        let looks_like_boundary = in_multipart && text.as_bytes().windows(2).any(|pair| pair == BOUNDARY_MARK);
        let mut lines = text.as_bytes().split(|octet| matches!(octet, b'\r' | b'\n'));
        let untouched = !looks_like_boundary
            && lines.all(|line| {
                line.len() <= 998
                    && line
                        .iter()
                        .all(|octet| *octet == b'\t' || *octet >= b' ' && *octet != 0x7f)
            });
        if untouched && text.is_ascii() {
            return Self::SevenBit;
        }
        if untouched && allowed >= Transfer::EightBit {
            return Self::EightBit;
        }
        // Quoting costs three octets where base64 costs four thirds of one, but leaves a text of some accents readable.
        let quoted = text
            .bytes()
            .filter(|octet| !matches!(octet, b' '..=b'~' | b'\r' | b'\n'))
            .count();
        if quoted > text.len() / 3 {
            Self::Base64
        } else {
            Self::QuotedPrintable
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::SevenBit => "7bit",
            Self::EightBit => "8bit",
            Self::Binary => "binary",
            Self::QuotedPrintable => "quoted-printable",
            Self::Base64 => "base64",
        }
    }

    /// What a way must carry for it.
    pub(super) fn transfer(self) -> Transfer {
        match self {
            Self::EightBit => Transfer::EightBit,
            Self::Binary => Transfer::Binary,
            _ => Transfer::SevenBit,
        }
    }
}

/// A text body that hands itself out a line at a time; LF, CR and CRLF all end a line of it.
#[derive(Clone, Copy)]
pub(super) struct Lines<'a> {
    rest: &'a [u8],
    encoding: Encoding,
    /// Untouched: a line was handed out whose CRLF was not. Base64: the LF of a CRLF was not.
    open: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str, encoding: Encoding) -> Self {
        Self {
            rest: text.as_bytes(),
            encoding,
            open: false,
        }
    }

    /// The next piece: what is appended to `line`, which is empty, and then the octets returned; `None` at the end.
    pub(super) fn next(&mut self, line: &mut Line) -> Option<&'a [u8]> {
        if self.rest.is_empty() && !self.open {
            return None;
        }
        match self.encoding {
            Encoding::QuotedPrintable => self.quoted_printable(line),
            Encoding::Base64 => self.base64(line),
            _ => return Some(self.untouched(line)),
        }
        Some(&[])
    }

    fn untouched(&mut self, line: &mut Line) -> &'a [u8] {
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

    /// One line of 57 octets, each line break among them as CRLF (RFC 2046 4.1.1).
    fn base64(&mut self, line: &mut Line) {
        let mut octets = [0; RAW_LINE];
        let mut length = 0;
        for out in &mut octets {
            if self.open {
                (*out, self.open) = (b'\n', false);
            } else if let Some(rest) = after_line_break(self.rest) {
                (*out, self.rest, self.open) = (b'\r', rest, true);
            } else if let Some((octet, rest)) = self.rest.split_first() {
                (*out, self.rest) = (*octet, rest);
            } else {
                break;
            }
            length += 1;
        }
        base64_line(octets.get(..length).unwrap_or_default(), line);
    }
}

/// Appends one base64 line with its CRLF.
fn base64_line(octets: &[u8], line: &mut Line) {
    for triple in octets.chunks(3) {
        push(line, &base64_quad(triple));
    }
    push(line, b"\r\n");
}

/// How many octets [`pull_base64`] makes of `count`.
pub(super) fn base64_lines_len(count: u64) -> Option<u64> {
    let (lines, rest) = (count / RAW_LINE as u64, count % RAW_LINE as u64);
    let whole = lines.checked_mul(BASE64_LINE as u64)?;
    whole.checked_add(if rest > 0 { rest.div_ceil(3) * 4 + 2 } else { 0 })
}

/// Writes the content of `source` as base64 lines of 76 columns to the front of `out`, and what does not fit a whole
/// line to `line`; says how many octets are in `out`. Nothing in either: the source is complete.
pub(super) fn pull_base64(source: &mut dyn Source, out: &mut [u8], line: &mut Line) -> Result<usize, Error> {
    let lines = out.len() / BASE64_LINE;
    if lines == 0 {
        let mut octets = [0; RAW_LINE];
        let length = fill(source, &mut octets)?;
        if length > 0 {
            base64_line(octets.get(..length).unwrap_or_default(), line);
        }
        return Ok(0);
    }
    // The raw octets are read to the end of the room, so that the lines written never overtake them.
    let room = out.get_mut(..lines * BASE64_LINE).unwrap_or_default();
    let start = lines * (BASE64_LINE - RAW_LINE);
    let length = fill(source, room.get_mut(start..).unwrap_or_default())?;
    let mut written = 0;
    for index in 0..length.div_ceil(RAW_LINE) {
        let from = start + index * RAW_LINE;
        let width = RAW_LINE.min(length - index * RAW_LINE);
        let mut octets = [0; RAW_LINE];
        let (Some(raw), Some(read)) = (octets.get_mut(..width), room.get(from..from + width)) else {
            break;
        };
        raw.copy_from_slice(read);
        let Some(out) = room.get_mut(written..) else {
            break;
        };
        written += encode_line(raw, out);
    }
    Ok(written)
}

/// Writes one line of base64 with its CRLF to the front of `out` and says how long it is.
fn encode_line(raw: &[u8], out: &mut [u8]) -> usize {
    let (triples, rest) = raw.as_chunks::<3>();
    let (quads, _) = out.as_chunks_mut::<4>();
    let mut length = 0;
    for (triple, quad) in triples.iter().zip(quads) {
        *quad = base64_quad(triple);
        length += 4;
    }
    if !rest.is_empty() {
        length += copy(out, length, &base64_quad(rest));
    }
    length + copy(out, length, b"\r\n")
}

fn copy(out: &mut [u8], at: usize, octets: &[u8]) -> usize {
    if let Some(out) = out.get_mut(at..).and_then(|out| out.get_mut(..octets.len())) {
        out.copy_from_slice(octets);
    }
    octets.len()
}

/// Pulls until `out` is full or the source complete, so that lines do not depend on what the source gives at once.
fn fill(source: &mut dyn Source, out: &mut [u8]) -> Result<usize, Error> {
    let mut length = 0;
    while let Some(room) = out.get_mut(length..).filter(|room| !room.is_empty()) {
        let capacity = room.len();
        match source.pull(room)? {
            0 => break,
            count => length += count.min(capacity),
        }
    }
    Ok(length)
}

/// What follows the line break that `text` begins with.
fn after_line_break(text: &[u8]) -> Option<&[u8]> {
    text.strip_prefix(b"\r\n")
        .or_else(|| text.strip_prefix(b"\n"))
        .or_else(|| text.strip_prefix(b"\r"))
}

/// What every boundary of ours begins with. Quoted-printable never writes `=_`, base64 has no `_`.
pub(super) const BOUNDARY_MARK: &[u8; 2] = b"=_";
/// One column of the 76 is left for the `=` of a soft line break.
const SOFT_LIMIT: usize = 75;
/// Octets that make a line of base64, and that line with its CRLF.
const RAW_LINE: usize = 57;
const BASE64_LINE: usize = 78;
#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use crate::unit_tests_macro::STRIDE;

    fn check(text: &str, allowed: Transfer, encoding: Encoding, expected: &str) {
        assert_eq!(Encoding::of_text(text, allowed, false), encoding, "{text:?}");
        let mut lines = Lines::new(text, encoding);
        let mut whole = heapless::Vec::<u8, 512>::new();
        let mut line = Line::new();
        while let Some(content) = lines.next(&mut line) {
            assert!(whole.extend_from_slice(&line).is_ok());
            assert!(whole.extend_from_slice(content).is_ok());
            line.clear();
        }
        assert_eq!(core::str::from_utf8(&whole), Ok(expected));
    }

    use Encoding::{Base64, EightBit, QuotedPrintable};
    use Transfer::SevenBit;

    tests! {
        fn every_line_break_becomes_crlf() {
            let check = |text, expected| check(text, SevenBit, Encoding::SevenBit, expected);
            check("", "");
            check("a", "a\r\n");
            check("a\nb\rc\r\nd", "a\r\nb\r\nc\r\nd\r\n");
            check("\n\r\r\n\n", "\r\n\r\n\r\n\r\n");
        }

        fn quoted_printable_of_rfc_2045() {
            check("caf\u{e9} = 1 and more\nx\t\r\n", SevenBit, QuotedPrintable, "caf=C3=A9 =3D 1 and more\r\nx=09\r\n");
            check("a control: \0", SevenBit, QuotedPrintable, "a control: =00\r\n");
            check(
                "\u{e4}123456789012345678901234567890123456789012345678901234567890123456789\u{e4}\u{e4}.",
                SevenBit,
                QuotedPrintable,
                "=C3=A4123456789012345678901234567890123456789012345678901234567890123456789=\r\n=C3=A4=C3=A4.\r\n",
            );
        }

        fn what_is_hardly_ascii_becomes_base64() {
            check("\u{7f51}\n\u{5173}\r\n", SevenBit, Base64, "572RDQrlhbMNCg==\r\n");
            let dense = "\u{e4}\n\r\u{e4}\r\n";
            check(dense, SevenBit, Base64, "w6QNCg0Kw6QNCg==\r\n");
        }

        fn a_way_that_carries_octets_gets_them() {
            check("caf\u{e9}\n\u{7f51}", Transfer::EightBit, EightBit, "caf\u{e9}\r\n\u{7f51}\r\n");
            check("caf\u{e9}\0 and more than that", Transfer::Binary, QuotedPrintable, "caf=C3=A9=00 and more than that\r\n");
        }

        fn long_lines_are_encoded() {
            let octets = [b'x'; 999];
            let text = |length: usize| core::str::from_utf8(&octets[..length]).unwrap_or_default();
            assert_eq!(Encoding::of_text(text(998), SevenBit, false), Encoding::SevenBit);
            assert_eq!(Encoding::of_text(text(999), Transfer::Binary, false), QuotedPrintable);
        }

        fn a_text_that_looks_like_a_boundary_is_encoded_in_a_multipart() {
            assert_eq!(Encoding::of_text("--=_x", Transfer::EightBit, true), QuotedPrintable);
            assert_eq!(Encoding::of_text("--=_x", SevenBit, false), Encoding::SevenBit);
        }

        fn base64_in_lines_of_76_columns_whatever_the_room() {
            let octets: [u8; 300] = core::array::from_fn(|index| (index * 7) as u8);
            let pull = |size: usize, count: usize| {
                let mut source = &octets[..count];
                let mut whole = heapless::Vec::<u8, 512>::new();
                let (mut out, mut line) = ([0; 512], Line::new());
                loop {
                    let count = pull_base64(&mut source, &mut out[..size], &mut line).unwrap_or_default();
                    if count == 0 && line.is_empty() {
                        return whole;
                    }
                    assert!(whole.extend_from_slice(&out[..count]).is_ok() && whole.extend_from_slice(&line).is_ok());
                    line.clear();
                }
            };
            for count in [0, 1, 2, 3, 56, 57, 58, 114, 171, 300] {
                let whole = pull(1, count);
                assert_eq!(base64_lines_len(count as u64), Some(whole.len() as u64));
                let mut decoded = heapless::Vec::<u8, 512>::new();
                for line in whole.split_inclusive(|octet| *octet == b'\n') {
                    assert!(line.len() <= BASE64_LINE && line.ends_with(b"\r\n"));
                    let mut out = [0; 57];
                    let octets = crate::ascii::base64_decode(&line[..line.len() - 2], &mut out).unwrap_or_default();
                    assert!(decoded.extend_from_slice(octets).is_ok());
                }
                assert_eq!(&decoded[..], &octets[..count]);
                for size in (2..512).step_by(STRIDE) {
                    assert_eq!(pull(size, count), whole);
                }
            }
            assert_eq!(base64_lines_len(u64::MAX), None);
        }
    }
}
