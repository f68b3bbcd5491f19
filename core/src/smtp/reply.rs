//! Replies (RFC 5321 4.2): lines of any length, read in a buffer of a fixed one.

use core::fmt;
use core::ops::Range;
use nom::branch::alt;
use nom::bytes::complete::{tag, take};
use nom::combinator::{eof, map, rest, verify};
use nom::sequence::preceded;
use nom::{IResult, Parser};

/// The three digits of a reply; 200 to 599.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyCode(u16);

impl ReplyCode {
    /// The number.
    pub const fn value(self) -> u16 {
        self.0
    }

    /// 2yz: done.
    pub const fn is_positive(self) -> bool {
        self.0 / 100 == 2
    }

    /// 4yz: not now; the same command may succeed later.
    pub const fn is_transient_negative(self) -> bool {
        self.0 / 100 == 4
    }

    /// 5yz: never.
    pub const fn is_permanent_negative(self) -> bool {
        self.0 / 100 == 5
    }
}

impl fmt::Display for ReplyCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A reply as it may be shown: printable ASCII, other octets as `?`, lines joined by a space, cut to the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// Its code.
    pub code: ReplyCode,
    /// What the server says to it.
    pub text: &'a str,
}

impl fmt::Display for Reply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.text.is_empty() {
            self.code.fmt(f)
        } else {
            write!(f, "{} {}", self.code, self.text)
        }
    }
}

/// Why octets are no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Malformed,
    MixedCodes,
    Endless,
}

/// Which replies' text is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    All,
    Negative,
    /// None; the text of the reply before stays.
    Nothing,
}

/// Reads replies from octets that arrive in any pieces, in a buffer that holds:
///
/// ```text
/// | text kept of this reply | the line that is being read | unread | room |
/// 0                       text                       text+line   end    len
/// ```
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader {
    text: usize,
    line: usize,
    end: usize,
    keep: Keep,
    /// Of the reply that is being read.
    code: Option<ReplyCode>,
    lines: u16,
    octets: usize,
    /// Of the reply whose text is kept.
    kept: Option<ReplyCode>,
    /// Some of the kept text had no room.
    cut: bool,
}

/// A line of a reply, as it came.
pub(super) struct ReplyLine<'a> {
    pub(super) code: ReplyCode,
    /// It is the reply's first.
    pub(super) first: bool,
    pub(super) text: &'a [u8],
}

impl Reader {
    pub(super) const fn new() -> Self {
        Self {
            text: 0,
            line: 0,
            end: 0,
            keep: Keep::All,
            code: None,
            lines: 0,
            octets: 0,
            kept: None,
            cut: false,
        }
    }

    /// Makes ready for the next reply, of which some may have come with the one before.
    fn begin(&mut self, buffer: &mut [u8], keep: Keep) {
        let before = *self;
        *self = Self { keep, ..Self::new() };
        if keep == Keep::Nothing {
            (self.text, self.kept, self.cut) = (before.text, before.kept, before.cut);
        }
        buffer.copy_within(before.text..before.end, self.text);
        self.end = self.text + (before.end - before.text);
    }

    /// Forgets all: what comes next has nothing to do with what came.
    pub(super) fn reset(&mut self) {
        *self = Self::new();
    }

    /// The last reply whose text was kept.
    pub(super) fn reply<'b>(&self, buffer: &'b [u8]) -> Option<Reply<'b>> {
        let text = buffer.get(..self.text).and_then(|text| core::str::from_utf8(text).ok());
        self.kept.map(|code| Reply {
            code,
            text: text.unwrap_or_default(),
        })
    }

    /// Where the next octets go; never empty if `buffer` has at least [`MINIMUM`] octets.
    pub(super) fn room<'b>(&self, buffer: &'b mut [u8]) -> &'b mut [u8] {
        buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// `count` octets were written to [`Reader::room`].
    pub(super) fn received(&mut self, buffer: &[u8], count: usize) {
        self.end = self.end.saturating_add(count).min(buffer.len());
    }

    /// Reads on; the code, once a reply is complete. What came behind it stays for the next call.
    ///
    /// `keep` counts where a reply begins.
    pub(super) fn next(
        &mut self,
        buffer: &mut [u8],
        keep: Keep,
        mut on_line: impl FnMut(ReplyLine<'_>),
    ) -> Result<Option<ReplyCode>, Fault> {
        if self.octets == 0 {
            self.begin(buffer, keep);
        }
        loop {
            let unread = self.text + self.line;
            let fresh = buffer.get(unread..self.end).unwrap_or_default();
            // The limit must not depend on how the octets arrive, or another split would give another text.
            let limit = buffer.len() - buffer.len() / ROOM_PART - self.text;
            let Some(length) = fresh.iter().position(|octet| *octet == b'\n') else {
                self.octets += fresh.len();
                self.line = limit.min(self.line + fresh.len());
                self.end = self.text + self.line;
                return if self.octets > MAXIMUM_OCTETS {
                    Err(Fault::Endless)
                } else {
                    Ok(None)
                };
            };
            self.octets += length + 1;
            self.lines += 1;
            if self.octets > MAXIMUM_OCTETS || self.lines > MAXIMUM_LINES {
                return Err(Fault::Endless);
            }
            let next = unread + length + 1;
            let line_end = self.text + limit.min(self.line + length);
            let line = buffer.get(self.text..line_end).unwrap_or_default();
            // Only a line that was not cut ends in the CR of its CRLF. LF alone is understood, too.
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let (code, is_last, text) = reply_line(line)?;
            if *self.code.get_or_insert(code) != code {
                return Err(Fault::MixedCodes);
            }
            let first = self.lines == 1;
            on_line(ReplyLine { code, first, text });
            let start = self.text + line.len() - text.len();
            let end = self.text + line.len();
            self.keep_text(buffer, code, start..end);
            // What came after the line moves up behind the text.
            let rest = self.end.saturating_sub(next);
            buffer.copy_within(next..next + rest, self.text);
            self.end = self.text + rest;
            self.line = 0;
            if is_last {
                self.octets = 0;
                return Ok(Some(code));
            }
        }
    }

    /// Moves the text of a line, which stands at `range` behind `self.text`, to the text kept.
    fn keep_text(&mut self, buffer: &mut [u8], code: ReplyCode, range: Range<usize>) {
        let wanted = match self.keep {
            Keep::All => true,
            Keep::Negative => !code.is_positive(),
            Keep::Nothing => false,
        };
        if !wanted {
            return;
        }
        self.kept = Some(code);
        let limit = buffer.len() / 2;
        if self.text > 0 && self.text < limit && !range.is_empty() {
            // At least a code stands between `self.text` and the range, so this octet is free.
            if let Some(out) = buffer.get_mut(self.text) {
                *out = b' ';
            }
            self.text += 1;
        }
        for index in range {
            let Some(octet) = buffer.get(index).copied().filter(|_| self.text < limit) else {
                self.cut = true;
                break;
            };
            if let Some(out) = buffer.get_mut(self.text) {
                *out = if matches!(octet, b' '..=b'~') { octet } else { b'?' };
            }
            self.text += 1;
        }
    }

    /// Whether octets came that [`Reader::next`] has not seen.
    pub(super) fn has_more(&self) -> bool {
        self.end > self.text + self.line
    }

    /// Whether the kept text is not the whole.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }
}

/// `Reply-code [ SP / "-" textstring ]` without the line's end: the code, whether this is the last line, the text.
///
/// Looser than RFC 5321 4.2 in the second digit, because servers say 571.
fn reply_line(line: &[u8]) -> Result<(ReplyCode, bool, &[u8]), Fault> {
    let parsed: IResult<&[u8], _> = (reply_code, reply_text).parse(line);
    match parsed {
        Ok((_, (code, (is_last, text)))) => Ok((code, is_last, text)),
        Err(_) => Err(Fault::Malformed),
    }
}

fn reply_code(input: &[u8]) -> IResult<&[u8], ReplyCode> {
    let is_code = |digits: &[u8]| matches!(digits.first(), Some(b'2'..=b'5')) && digits.iter().all(u8::is_ascii_digit);
    let number = |digits: &[u8]| {
        digits
            .iter()
            .fold(0, |value, digit| value * 10 + u16::from(digit - b'0'))
    };
    map(verify(take(3usize), is_code), |digits| ReplyCode(number(digits))).parse(input)
}

fn reply_text(input: &[u8]) -> IResult<&[u8], (bool, &[u8])> {
    alt((
        map(eof, |text| (true, text)),
        map(preceded(tag(&b" "[..]), rest), |text| (true, text)),
        map(preceded(tag(&b"-"[..]), rest), |text| (false, text)),
    ))
    .parse(input)
}

/// The least that a reader needs, in octets.
pub(super) const MINIMUM: usize = 64;
/// One part in so many of the buffer is always free to receive.
const ROOM_PART: usize = 8;
/// A server that says more in one reply does not mean to end.
const MAXIMUM_LINES: u16 = 128;
const MAXIMUM_OCTETS: usize = 16 * 1024;

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use crate::unit_tests_macro::STRIDE;

    type Outcome = Result<(u16, heapless::Vec<u8, 128>, usize), Fault>;

    /// Reads the first reply of `octets` as they come in pieces of `size`; its code, text, and how many lines it fed.
    fn read(octets: impl Iterator<Item = u8>, size: usize) -> Option<Outcome> {
        let mut octets = octets;
        let mut buffer = [0; 256];
        let mut reader = Reader::new();
        let mut lines = 0;
        loop {
            let mut count = 0;
            let room = reader.room(&mut buffer);
            assert!(!room.is_empty());
            for out in room.iter_mut().take(size) {
                *out = match octets.next() {
                    Some(octet) => octet,
                    None => break,
                };
                count += 1;
            }
            if count == 0 {
                return None;
            }
            reader.received(&buffer, count);
            match reader.next(&mut buffer, Keep::All, |line| lines += usize::from(!line.first)) {
                Ok(None) => {}
                Ok(Some(code)) => {
                    let reply = reader.reply(&buffer);
                    assert_eq!(reply.map(|reply| reply.code), Some(code));
                    let text = reply.map_or("", |reply| reply.text);
                    return Some(Ok((code.value(), text.bytes().collect(), lines)));
                }
                Err(fault) => return Some(Err(fault)),
            }
        }
    }

    fn check(octets: &[u8], expected: Option<Result<(u16, &str, usize), Fault>>) {
        for size in 1..=octets.len() + 1 {
            let outcome = read(octets.iter().copied(), size);
            let outcome = outcome.as_ref().map(|outcome| {
                let (code, text, lines) = outcome.as_ref().map_err(|fault| *fault)?;
                Ok((*code, core::str::from_utf8(text).unwrap_or_default(), *lines))
            });
            assert_eq!(outcome, expected);
        }
    }

    tests! {
        fn replies_of_every_form() {
            check(b"250 ok\r\n", Some(Ok((250, "ok", 0))));
            check(b"250\r\n", Some(Ok((250, "", 0))));
            check(b"250 \r\n", Some(Ok((250, "", 0))));
            check(b"250 ok\n", Some(Ok((250, "ok", 0))));
            check(b"250-a\r\n250-\r\n250 b c\r\n", Some(Ok((250, "a b c", 2))));
            check(b"571-\r\n571\r\n", Some(Ok((571, "", 1))));
            check(b"550 a\0b\x1b[31m \xc3\xa9\r\n", Some(Ok((550, "a?b?[31m ??", 0))));
            check(b"354 go on\r\n250 early\r\n", Some(Ok((354, "go on", 0))));
        }

        fn what_is_no_reply() {
            for octets in [&b"\r\n"[..], b"25\r\n", b"2500 ok\r\n", b"250_ok\r\n", b"abc\r\n", b" 250 ok\r\n", b"150 x\r\n", b"650 x\r\n",
                b"HTTP/1.1 400 Bad Request\r\n", b"\0\0\0\n", b"2\xb250\n"] {
                check(octets, Some(Err(Fault::Malformed)));
            }
            check(b"250-a\r\n550 b\r\n", Some(Err(Fault::MixedCodes)));
            check(b"", None);
            check(b"250 ok", None);
            check(b"250-ok\r\n", None);
        }

        fn a_line_of_any_length_is_cut_alike_at_every_split() {
            let line = || b"550 ".iter().copied().chain((0..2000).map(|index| b'a' + (index % 26) as u8)).chain(*b"\r\n");
            let whole = read(line(), 256).and_then(Result::ok);
            assert_eq!(whole.as_ref().map(|(code, text, _)| (*code, text.len())), Some((550, 128)));
            for size in (1..256).step_by(STRIDE) {
                assert_eq!(read(line(), size).and_then(Result::ok), whole);
            }
        }

        fn a_reply_that_never_ends_is_an_error() {
            for size in [1, 7, 256] {
                let lines = core::iter::repeat(*b"250-a\r\n").flatten();
                assert_eq!(read(lines, size), Some(Err(Fault::Endless)));
                assert_eq!(read(core::iter::repeat(b'2'), size), Some(Err(Fault::Endless)));
            }
        }

        fn many_lines_fill_the_text_and_not_more() {
            let octets = || core::iter::repeat_n(*b"250-abcdefghij\r\n", 100).flatten().chain(*b"250 end\r\n");
            let whole = read(octets(), 256);
            assert!(whole.as_ref().is_some_and(|outcome| outcome.as_ref().is_ok_and(|(_, text, lines)| text.len() == 128 && *lines == 100)));
            for size in (1..256).step_by(STRIDE) {
                assert_eq!(read(octets(), size), whole);
            }
        }
    }
}
