//! Header text in pieces that fit a line: folded at 78 columns, as RFC 2047 encoded-words where ASCII does not do.

use crate::ascii::base64_quad;

/// One line, or part of one, on its way out; no piece that is written to it at once is longer.
pub(super) type Line = heapless::Vec<u8, 96>;

/// A field body, or the display name in one, that hands itself out piece by piece.
pub(super) struct Words<'a> {
    rest: &'a str,
    form: Form,
    first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// As it is, folded before spaces.
    Plain,
    /// A quoted-string that fits one line.
    Quoted,
    /// Encoded-words, each character that is not plain as `=XX`.
    Q,
    /// Encoded-words in base64.
    B,
}

impl<'a> Words<'a> {
    /// Unstructured text (RFC 5322 2.2.1) without control characters.
    pub(super) fn unstructured(text: &'a str) -> Self {
        let form = if is_plain(text) { Form::Plain } else { encoded(text) };
        Self::new(text, form)
    }

    /// A phrase (RFC 5322 3.2.5), such as a display name, without control characters.
    pub(super) fn phrase(text: &'a str) -> Self {
        let is_atoms = || {
            text.bytes()
                .all(|octet| super::address::is_atext(octet) || octet == b' ')
        };
        // Between atoms any white space means one space (RFC 5322 3.2.3).
        let is_single = || !text.as_bytes().windows(2).any(|pair| pair == b"  ");
        let form = if is_plain(text) && is_atoms() && is_single() {
            Form::Plain
        } else if is_printable(text) && !text.contains("=?") && text.len() <= QUOTED_LIMIT {
            Form::Quoted
        } else {
            encoded(text)
        };
        Self::new(text, form)
    }

    fn new(rest: &'a str, form: Form) -> Self {
        Self {
            rest,
            form,
            first: true,
        }
    }

    /// Appends the next piece to `line`, which is empty, with the space or the fold before it; `false` at the end.
    ///
    /// `column` is how far the current line of the header reaches, before and after.
    pub(super) fn next(&mut self, column: &mut usize, line: &mut Line) -> bool {
        if self.rest.is_empty() {
            return false;
        }
        match self.form {
            Form::Plain => self.plain(column, line),
            Form::Quoted => self.quoted(column, line),
            Form::Q | Form::B => self.encoded_word(column, line),
        }
        self.first = false;
        true
    }

    /// One word and the spaces before it.
    fn plain(&mut self, column: &mut usize, line: &mut Line) {
        let start = self.rest.bytes().position(|octet| octet != b' ').unwrap_or(0);
        let end = self.rest.bytes().skip(start).position(|octet| octet == b' ');
        let (word, rest) = split(self.rest, end.map_or(self.rest.len(), |end| start + end));
        self.rest = rest;
        let space = usize::from(self.first);
        if *column + space + word.len() > LINE {
            fold(column, line);
        }
        if self.first {
            push(line, b" ");
        }
        push(line, word.as_bytes());
        *column += space + word.len();
    }

    fn quoted(&mut self, column: &mut usize, line: &mut Line) {
        let escapes = self.rest.bytes().filter(|octet| needs_escape(*octet)).count();
        let length = self.rest.len() + escapes + 3;
        if *column + length > LINE {
            fold(column, line);
        }
        push(line, b" \"");
        for octet in self.rest.bytes() {
            if needs_escape(octet) {
                push(line, b"\\");
            }
            push(line, &[octet]);
        }
        push(line, b"\"");
        *column += length;
        self.rest = "";
    }

    /// As many whole characters as fit the line (RFC 2047 5: a word holds no part of a character).
    fn encoded_word(&mut self, column: &mut usize, line: &mut Line) {
        if !self.first || *column + 1 + ENCODED_WORD_MINIMUM > ENCODED_LINE {
            fold(column, line);
        }
        let room = ENCODED_LINE.saturating_sub(*column + 1 + ENCODED_WORD_FRAME);
        let start = line.len();
        let mut length = 0;
        let mut width = 0;
        for character in self.rest.chars() {
            let next = length + character.len_utf8();
            let next_width = match self.form {
                Form::B => next.div_ceil(3) * 4,
                _ => width + q_width(character),
            };
            if next_width > room {
                break;
            }
            (length, width) = (next, next_width);
        }
        let (text, rest) = split(self.rest, length);
        self.rest = rest;
        if self.form == Form::B {
            push(line, b" =?utf-8?B?");
            for triple in text.as_bytes().chunks(3) {
                push(line, &base64_quad(triple));
            }
        } else {
            push(line, b" =?utf-8?Q?");
            for octet in text.bytes() {
                match octet {
                    b' ' => push(line, b"_"),
                    _ if is_q_plain(octet) => push(line, &[octet]),
                    _ => push(line, &hex(b'=', octet)),
                }
            }
        }
        push(line, b"?=");
        *column += line.len() - start;
    }
}

/// Ends the line; what comes next must begin with a space.
pub(super) fn fold(column: &mut usize, line: &mut Line) {
    push(line, b"\r\n");
    *column = 0;
}

/// Appends `octets`; the callers never write more than a [`Line`] holds.
pub(super) fn push(line: &mut Line, octets: &[u8]) {
    let fits = line.extend_from_slice(octets).is_ok();
    debug_assert!(fits, "a piece is longer than a line");
}

/// `mark` and two upper-case hexadecimal digits: `=XX` or `%XX`.
pub(super) fn hex(mark: u8, octet: u8) -> [u8; 3] {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    [mark, DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]
}

/// Whether all of it is printable ASCII, space included.
pub(super) fn is_printable(text: &str) -> bool {
    text.bytes().all(|octet| matches!(octet, b' '..=b'~'))
}

/// Whether header text may stand unencoded: it cannot pass for an encoded-word, and every word fits a line.
fn is_plain(text: &str) -> bool {
    is_printable(text)
        && !text.contains("=?")
        && !text.starts_with(' ')
        && !text.ends_with(' ')
        && longest_word(text) <= WORD_LIMIT
}

/// The longest word with the spaces before it, which stay on its line.
fn longest_word(text: &str) -> usize {
    let mut longest = 0;
    let mut length = 0;
    let mut in_word = false;
    for octet in text.bytes() {
        if octet == b' ' && in_word {
            length = 0;
        }
        in_word = octet != b' ';
        length += 1;
        longest = longest.max(length);
    }
    longest
}

/// Base64 if quoting more than doubles the text; otherwise a reader of the raw field recognises it.
fn encoded(text: &str) -> Form {
    let quoted: usize = text.chars().map(q_width).sum();
    if quoted > text.len() * 2 { Form::B } else { Form::Q }
}

fn q_width(character: char) -> usize {
    match u8::try_from(character) {
        Ok(octet) if octet == b' ' || is_q_plain(octet) => 1,
        _ => 3 * character.len_utf8(),
    }
}

/// RFC 2047 5 (3): what may stand for itself in an encoded-word within a phrase.
fn is_q_plain(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!*+-/".contains(&octet)
}

fn needs_escape(octet: u8) -> bool {
    matches!(octet, b'"' | b'\\')
}

/// `text` cut at `at`, which is a character boundary.
fn split(text: &str, at: usize) -> (&str, &str) {
    text.split_at_checked(at).unwrap_or((text, ""))
}

/// RFC 5322 2.1.1: a line should not be longer than this, without its CRLF.
pub(super) const LINE: usize = 78;
/// RFC 2047 2: a line with an encoded-word is not longer than this.
const ENCODED_LINE: usize = 76;
/// `=?utf-8?Q?` and `?=`.
const ENCODED_WORD_FRAME: usize = 12;
/// The frame and one character of four octets.
const ENCODED_WORD_MINIMUM: usize = ENCODED_WORD_FRAME + 12;
/// A longer word is encoded, because it might not fit behind a field name.
const WORD_LIMIT: usize = 60;
/// A longer quoted name is encoded; with every octet escaped it still fits a [`Line`].
const QUOTED_LIMIT: usize = 36;

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn check(mut words: Words<'_>, start: usize, expected: &[u8]) {
        let mut column = start;
        let mut whole = heapless::Vec::<u8, 512>::new();
        let mut line = Line::new();
        while words.next(&mut column, &mut line) {
            assert!(whole.extend_from_slice(&line).is_ok());
            line.clear();
        }
        assert_eq!(core::str::from_utf8(&whole), core::str::from_utf8(expected));
        let last = whole.rsplit(|octet| *octet == b'\n').next().map_or(0, <[u8]>::len);
        assert_eq!(column, if last == whole.len() { start + last } else { last });
        for line in whole.split(|octet| *octet == b'\n') {
            assert!(line.len() <= LINE + 1);
        }
    }

    tests! {
        fn plain_text_is_folded_before_spaces() {
            check(Words::unstructured("uplink down"), 8, b" uplink down");
            check(
                Words::unstructured("one two three four five six seven eight nine ten eleven twelve thirteen fourteen  fifteen"),
                8,
                b" one two three four five six seven eight nine ten eleven twelve\r\n thirteen fourteen  fifteen",
            );
            check(Words::unstructured(""), 8, b"");
        }

        fn other_text_becomes_encoded_words() {
            check(Words::unstructured("Gr\u{fc}\u{df}e an alle"), 8, b" =?utf-8?Q?Gr=C3=BC=C3=9Fe_an_alle?=");
            check(Words::unstructured("\u{7f51}\u{5173}"), 8, "\u{20}=?utf-8?B?572R5YWz?=".as_bytes());
            check(Words::unstructured("not =?utf-8?Q?mine?="), 8, b" =?utf-8?Q?not_=3D=3Futf-8=3FQ=3Fmine=3F=3D?=");
            check(Words::unstructured(" "), 8, b" =?utf-8?Q?_?=");
        }

        fn encoded_words_keep_characters_whole() {
            check(
                Words::unstructured("\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}\u{1f600}"),
                8,
                b" =?utf-8?B?8J+YgPCfmIDwn5iA8J+YgPCfmIDwn5iA8J+YgPCfmIDwn5iA?=\r\n =?utf-8?B?8J+YgPCfmIA=?=",
            );
        }

        fn a_phrase_is_quoted_when_it_must_be() {
            check(Words::phrase("Alice Liddell"), 5, b" Alice Liddell");
            check(Words::phrase("Alice  Liddell"), 5, b" \"Alice  Liddell\"");
            check(Words::phrase("Liddell, \"Al\" \\"), 5, b" \"Liddell, \\\"Al\\\" \\\\\"");
            check(Words::phrase("Bj\u{f6}rk"), 5, b" =?utf-8?Q?Bj=C3=B6rk?=");
            check(
                Words::phrase("a.very.long.name.that.no.quoted.string.of.one.line.holds"),
                5,
                b" =?utf-8?Q?a=2Every=2Elong=2Ename=2Ethat=2Eno=2Equoted=2Estring=2Eof?=\r\n =?utf-8?Q?=2Eone=2Eline=2Eholds?=",
            );
        }
    }
}
