//! A streaming XML 1.0 tokenizer in a window of fixed size.
//!
//! The lent buffer is split once: three quarters are the window, the rest holds the names of the open elements.
//!
//! ```text
//! 0 <= start <= end <= window.len()      window[start..end]: fed, not yet tokens; window[0] is octet `base`
//! ```
//!
//! What must be whole in the window is one name, one attribute or one reference; text comes in pieces of at most the
//! window's length, at places that do not depend on how the input was split.

use super::error::{Error, ErrorKind};
use core::ops::Range;

/// A piece of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// `<name`.
    Start(&'a str),
    /// `name="value"`, with references replaced and white space normalized (XML 1.0 3.3.3).
    Attribute {
        /// With its prefix.
        name: &'a str,
        /// Without its quotes.
        value: &'a str,
    },
    /// `>` at the end of a start tag; not for an empty element.
    Content,
    /// Character data, with references replaced and line ends normalized; a long text comes in pieces.
    Text(&'a str),
    /// `</name>`, or `/>` of the element of that name.
    End(&'a str),
}

/// Turns octets into tokens; checks well-formedness, refuses DOCTYPE.
///
/// An attribute that stands twice is told by a hash of 32 bits; in one of 2^32 pairs that is wrong.
/// Not checked: namespaces.
pub struct Tokenizer<'b> {
    window: &'b mut [u8],
    start: usize,
    end: usize,
    base: u64,
    /// Where the last token begins in the document.
    token: u64,
    /// Names of the open elements, each followed by its length as two octets.
    names: &'b mut [u8],
    names_end: usize,
    /// How many attributes the open tag has so far; their hashes stand in `names` from `names_end` on.
    attributes: usize,
    state: State,
    /// The root element was seen.
    root: bool,
    /// Within a tag: white space stands before what follows.
    blank: bool,
    /// How many `]` the last piece of text ended with, at most two.
    brackets: u8,
    failed: Option<Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Before the first octet but a byte order mark.
    Start,
    Content,
    Tag,
    /// Behind `/>`.
    Empty,
    Comment,
    Instruction,
    Section,
}

/// A token as places in the buffers.
enum Lexeme {
    Start(Range<usize>),
    Attribute(Range<usize>, Range<usize>),
    Content,
    Text(Range<usize>),
    /// In `names`.
    End(Range<usize>),
}

/// What one step found.
enum Found {
    Lexeme(Lexeme),
    /// Something that is no token; look on.
    Nothing,
    /// It is not whole yet.
    More,
}

impl<'b> Tokenizer<'b> {
    /// Lends it its memory: no attribute of the document may be longer than three quarters of it.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        let (window, names) = buffer.split_at_mut(buffer.len() / 4 * 3);
        Self {
            window,
            start: 0,
            end: 0,
            base: 0,
            token: 0,
            names,
            names_end: 0,
            attributes: 0,
            state: State::Start,
            root: false,
            blank: false,
            brackets: 0,
            failed: None,
        }
    }

    /// Takes octets from the front of `input`, as many as there is room for, and returns how many.
    ///
    /// It takes at least one of them after `poll` returned `None`.
    pub fn feed(&mut self, input: &[u8]) -> usize {
        if self.failed.is_some() {
            return input.len();
        }
        self.window.copy_within(self.start..self.end, 0);
        self.base = self.base.saturating_add(self.start as u64);
        self.end -= self.start;
        self.start = 0;
        let free = self.window.get_mut(self.end..).unwrap_or_default();
        let count = free.len().min(input.len());
        for (to, from) in free.iter_mut().zip(input) {
            *to = *from;
        }
        self.end += count;
        count
    }

    /// The next token; `None` until more was fed. After an error every further call returns the same error.
    pub fn poll(&mut self) -> Result<Option<Token<'_>>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let found = loop {
            match self.step() {
                Ok(Found::Nothing) => {}
                Ok(Found::Lexeme(lexeme)) => break Ok(Some(lexeme)),
                // A full window that holds nothing whole never will.
                Ok(Found::More) if self.start == 0 && self.end == self.window.len() => {
                    break Err(self.error(ErrorKind::TooLong, 0));
                }
                Ok(Found::More) => break Ok(None),
                Err(error) => break Err(error),
            }
        };
        match found {
            Ok(lexeme) => Ok(lexeme.map(|lexeme| self.token(lexeme))),
            Err(error) => {
                self.failed = Some(error);
                Err(error)
            }
        }
    }

    /// Checks that the document is complete; call it after its last octet was fed and `poll` returned `None`.
    pub fn finish(&mut self) -> Result<(), Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let complete = self.state == State::Content && self.root && self.names_end == 0 && self.start == self.end;
        if !complete {
            let error = self.error(ErrorKind::Incomplete, self.end);
            self.failed = Some(error);
            return Err(error);
        }
        Ok(())
    }

    /// How many octets of the document lie behind the tokens that were returned.
    pub fn offset(&self) -> u64 {
        self.base.saturating_add(self.start as u64)
    }

    /// How many octets of the document lie before the last token.
    pub fn token_offset(&self) -> u64 {
        self.token
    }

    fn step(&mut self) -> Result<Found, Error> {
        match self.state {
            State::Start => self.begin(),
            State::Content => self.content(),
            State::Tag => self.tag(),
            State::Empty => {
                self.state = State::Content;
                Ok(Found::Lexeme(Lexeme::End(self.close())))
            }
            State::Comment => self.comment(),
            State::Instruction => self.instruction(),
            State::Section => self.section(),
        }
    }

    /// XML 1.0 appendix F: a byte order mark, and an XML declaration if there is one.
    fn begin(&mut self) -> Result<Found, Error> {
        const MARK: &[u8] = b"\xef\xbb\xbf";
        const DECLARATION: &[u8] = b"<?xml";
        let rest = self.rest();
        if self.base == 0 && self.start == 0 {
            match rest {
                [0xfe | 0xff, ..] => return Err(self.error(ErrorKind::Encoding, 0)),
                _ if rest.starts_with(MARK) => self.start = MARK.len(),
                _ if MARK.starts_with(rest) => return Ok(Found::More),
                _ => {}
            }
        }
        let rest = self.rest();
        if DECLARATION.starts_with(rest) {
            return Ok(Found::More);
        }
        match rest.strip_prefix(DECLARATION) {
            Some([octet, ..]) if is_blank(*octet) => {
                let Some(length) = find(rest, b"?>") else {
                    return Ok(Found::More);
                };
                let declaration = rest.get(DECLARATION.len()..length).unwrap_or_default();
                check_declaration(declaration).map_err(|kind| self.error(kind, self.start))?;
                self.start += length + 2;
            }
            _ => {}
        }
        self.state = State::Content;
        Ok(Found::Nothing)
    }

    /// XML 1.0 3.1: between tags.
    fn content(&mut self) -> Result<Found, Error> {
        if self.names_end == 0 {
            self.skip_blank();
        }
        self.token = self.offset();
        match self.rest() {
            [] | [b'<'] => Ok(Found::More),
            [b'<', b'?', rest @ ..] => {
                let Some(length) = rest.iter().position(|octet| is_blank(*octet) || *octet == b'?') else {
                    return Ok(Found::More);
                };
                let target = rest.get(..length).unwrap_or_default();
                // XML 1.0 2.6: white space or the end follows the target.
                match rest.get(length..).unwrap_or_default() {
                    [b'?'] => return Ok(Found::More),
                    [b'?', next, ..] if *next != b'>' => return Err(self.error(ErrorKind::Markup, self.start)),
                    _ => {}
                }
                if target.eq_ignore_ascii_case(b"xml") {
                    return Err(self.error(ErrorKind::Declaration, self.start));
                }
                self.check_name(self.start + 2..self.start + 2 + length)?;
                self.start += 2 + length;
                self.state = State::Instruction;
                Ok(Found::Nothing)
            }
            [b'<', b'!', ..] => self.declaration(),
            [b'<', b'/', rest @ ..] => {
                let Some(length) = rest.iter().position(|octet| *octet == b'>') else {
                    return Ok(Found::More);
                };
                let name = rest.get(..length).unwrap_or_default();
                let blanks = name.iter().rev().take_while(|octet| is_blank(**octet)).count();
                let name = name.get(..length - blanks).unwrap_or_default();
                if self.names_end == 0 || self.names.get(self.open_name()) != Some(name) {
                    return Err(self.error(ErrorKind::EndTag, self.start));
                }
                self.start += 2 + length + 1;
                Ok(Found::Lexeme(Lexeme::End(self.close())))
            }
            [b'<', rest @ ..] => {
                let ends = |octet: &u8| is_blank(*octet) || matches!(octet, b'>' | b'/');
                let Some(length) = rest.iter().position(ends) else {
                    return Ok(Found::More);
                };
                let name = self.start + 1..self.start + 1 + length;
                if length == 0 {
                    return Err(self.error(ErrorKind::Markup, self.start));
                }
                self.check_name(name.clone())?;
                if self.names_end == 0 && self.root {
                    return Err(self.error(ErrorKind::Root, self.start));
                }
                self.open(name.clone())?;
                self.root = true;
                self.start = name.end;
                self.state = State::Tag;
                self.blank = false;
                Ok(Found::Lexeme(Lexeme::Start(name)))
            }
            _ if self.names_end == 0 => Err(self.error(ErrorKind::Root, self.start)),
            rest => {
                let length = match rest.iter().position(|octet| *octet == b'<') {
                    Some(length) => length,
                    None if self.is_full() => whole_text(rest),
                    None => return Ok(Found::More),
                };
                if length == 0 {
                    return Ok(Found::More);
                }
                self.text(length)
            }
        }
    }

    /// What begins with `<!`.
    fn declaration(&mut self) -> Result<Found, Error> {
        let rest = self.rest();
        let inside = self.names_end > 0;
        for (start, state) in [
            (&b"<!--"[..], Some(State::Comment)),
            (b"<![CDATA[", inside.then_some(State::Section)),
            (b"<!DOCTYPE", None),
        ] {
            if rest.starts_with(start) {
                self.state = match state {
                    Some(state) => state,
                    None if start == b"<!DOCTYPE" => return Err(self.error(ErrorKind::Doctype, self.start)),
                    None => return Err(self.error(ErrorKind::Root, self.start)),
                };
                self.start += start.len();
                return Ok(Found::Nothing);
            }
            if start.starts_with(rest) {
                return Ok(Found::More);
            }
        }
        Err(self.error(ErrorKind::Markup, self.start))
    }

    /// XML 1.0 2.4: the next `length` octets are character data.
    fn text(&mut self, length: usize) -> Result<Found, Error> {
        let range = self.start..self.start + length;
        for (index, octet) in self.window.get(range.clone()).unwrap_or_default().iter().enumerate() {
            self.brackets = match octet {
                b']' => self.brackets.saturating_add(1).min(2),
                b'>' if self.brackets == 2 => return Err(self.error(ErrorKind::SectionEnd, range.start + index)),
                _ => 0,
            };
        }
        let decoded = self.decode(range.clone(), Place::Text)?;
        self.start = range.end;
        Ok(Found::Lexeme(Lexeme::Text(decoded)))
    }

    /// XML 1.0 3.1: within a start tag, behind its name.
    fn tag(&mut self) -> Result<Found, Error> {
        self.skip_blank();
        self.token = self.offset();
        match self.rest() {
            [] | [b'/'] => Ok(Found::More),
            [b'>', ..] => {
                self.start += 1;
                self.state = State::Content;
                self.brackets = 0;
                Ok(Found::Lexeme(Lexeme::Content))
            }
            [b'/', b'>', ..] => {
                self.start += 2;
                self.state = State::Empty;
                Ok(Found::Nothing)
            }
            _ if !self.blank => Err(self.error(ErrorKind::Attribute, self.start)),
            rest => {
                let ends = |octet: &u8| is_blank(*octet) || matches!(octet, b'=' | b'>' | b'/' | b'<' | b'"' | b'\'');
                let Some(length) = rest.iter().position(ends) else {
                    return Ok(Found::More);
                };
                let name = self.start..self.start + length;
                let mut at = self.start + length;
                let Some(b'=') = self.next_in_tag(&mut at) else {
                    return self.malformed(at);
                };
                at += 1;
                let Some(quote @ (b'"' | b'\'')) = self.next_in_tag(&mut at) else {
                    return self.malformed(at);
                };
                at += 1;
                let rest = self.window.get(at..self.end).unwrap_or_default();
                let Some(length) = rest.iter().position(|octet| *octet == quote) else {
                    return Ok(Found::More);
                };
                self.check_name(name.clone())?;
                self.tell_apart(name.clone())?;
                let value = self.decode(at..at + length, Place::Attribute)?;
                self.start = at + length + 1;
                self.blank = false;
                Ok(Found::Lexeme(Lexeme::Attribute(name, value)))
            }
        }
    }

    /// The next octet from `at` on that is not blank; `at` moves there.
    fn next_in_tag(&self, at: &mut usize) -> Option<u8> {
        let rest = self.window.get(*at..self.end)?;
        *at += rest.iter().take_while(|octet| is_blank(**octet)).count();
        self.window.get(*at..self.end)?.first().copied()
    }

    /// An attribute that cannot go on at `at`, unless more is to come.
    fn malformed(&self, at: usize) -> Result<Found, Error> {
        if at == self.end {
            Ok(Found::More)
        } else {
            Err(self.error(ErrorKind::Attribute, at))
        }
    }

    /// XML 1.0 2.5: skips to the end of a comment.
    fn comment(&mut self) -> Result<Found, Error> {
        let rest = self.rest();
        match find(rest, b"--") {
            Some(length) => {
                let Some(next) = rest.get(length + 2) else {
                    self.skip(length)?;
                    return Ok(Found::More);
                };
                let closes = *next == b'>';
                self.skip(length)?;
                if !closes {
                    return Err(self.error(ErrorKind::Comment, self.start));
                }
                self.start += 3;
                self.leave();
                Ok(Found::Nothing)
            }
            None => {
                let length = rest.len() - usize::from(rest.ends_with(b"-"));
                self.skip(length)?;
                Ok(Found::More)
            }
        }
    }

    /// XML 1.0 2.6: skips to the end of a processing instruction.
    fn instruction(&mut self) -> Result<Found, Error> {
        let rest = self.rest();
        match find(rest, b"?>") {
            Some(length) => {
                self.skip(length)?;
                self.start += 2;
                self.leave();
                Ok(Found::Nothing)
            }
            None => {
                let length = rest.len() - usize::from(rest.ends_with(b"?"));
                self.skip(length)?;
                Ok(Found::More)
            }
        }
    }

    /// Back from markup that is no element.
    fn leave(&mut self) {
        self.state = State::Content;
        self.brackets = 0;
    }

    /// XML 1.0 2.7: within a CDATA section.
    fn section(&mut self) -> Result<Found, Error> {
        self.token = self.offset();
        let rest = self.rest();
        let length = match find(rest, b"]]>") {
            Some(0) => {
                self.start += 3;
                self.leave();
                return Ok(Found::Nothing);
            }
            Some(length) => length,
            None if self.is_full() => {
                let brackets = rest.iter().rev().take_while(|octet| **octet == b']').count();
                whole_characters(rest.get(..rest.len() - brackets.min(2)).unwrap_or_default())
            }
            None => return Ok(Found::More),
        };
        if length == 0 {
            return Ok(Found::More);
        }
        let range = self.start..self.start + length;
        let decoded = self.decode(range.clone(), Place::Section)?;
        self.start = range.end;
        Ok(Found::Lexeme(Lexeme::Text(decoded)))
    }

    /// Leaves out `length` octets but the begin of a character that is not whole; they must be text all the same.
    fn skip(&mut self, length: usize) -> Result<(), Error> {
        let skipped = self.rest().get(..length).unwrap_or_default();
        let length = if length == self.rest().len() {
            whole_characters(skipped)
        } else {
            length
        };
        self.decode(self.start..self.start + length, Place::Skipped)?;
        self.start += length;
        Ok(())
    }

    fn skip_blank(&mut self) {
        let count = self.rest().iter().take_while(|octet| is_blank(**octet)).count();
        self.start += count;
        self.blank |= count > 0;
    }

    /// Replaces references and normalizes white space in place; the result is UTF-8 and never longer than `range`.
    fn decode(&mut self, range: Range<usize>, place: Place) -> Result<Range<usize>, Error> {
        let base = self.base;
        let fail = |kind, at: usize| {
            Err(Error {
                kind,
                offset: base.saturating_add(at as u64),
            })
        };
        let octets = self.window.get_mut(range.clone()).unwrap_or_default();
        let length = octets.len();
        // What is wrong first is told first, wherever a piece ends.
        let valid = core::str::from_utf8(octets).map_or_else(|error| error.valid_up_to(), str::len);
        let octets = octets.get_mut(..valid).unwrap_or_default();
        let mut read = 0;
        let mut write = 0;
        while let Some((octet, rest)) = octets.get(read..).and_then(<[u8]>::split_first) {
            let mut out = [*octet, 0, 0, 0];
            let mut length = 1;
            let mut used = 1;
            match *octet {
                b'&' if matches!(place, Place::Text | Place::Attribute) => {
                    let reference = rest.iter().take(12).position(|octet| *octet == b';');
                    let character = reference.and_then(|end| character(rest.get(..end)?));
                    let (Some(end), Some(character)) = (reference, character) else {
                        return fail(ErrorKind::Entity, range.start + read);
                    };
                    length = character.encode_utf8(&mut out).len();
                    used = end + 2;
                }
                b'<' if place == Place::Attribute => return fail(ErrorKind::Markup, range.start + read),
                b'\r' if place != Place::Skipped => {
                    out = [b'\n', 0, 0, 0];
                    if place == Place::Attribute {
                        out = [b' ', 0, 0, 0];
                    }
                    used += usize::from(rest.first() == Some(&b'\n'));
                }
                b'\t' | b'\n' if place == Place::Attribute => out = [b' ', 0, 0, 0],
                b'\t' | b'\n' | b'\r' => {}
                0..0x20 => return fail(ErrorKind::Character, range.start + read),
                // U+FFFE and U+FFFF, as UTF-8.
                0xef if matches!(rest, [0xbf, 0xbe | 0xbf, ..]) => {
                    return fail(ErrorKind::Character, range.start + read);
                }
                _ => {}
            }
            for (to, from) in octets.iter_mut().skip(write).zip(out.iter().take(length)) {
                *to = *from;
            }
            write += length;
            read += used;
        }
        if valid < length {
            return fail(ErrorKind::Encoding, range.start + valid);
        }
        Ok(range.start..range.start + write)
    }

    /// XML 1.0 2.3: `Name`.
    fn check_name(&self, range: Range<usize>) -> Result<(), Error> {
        let mut characters = self.utf8(&range)?.chars();
        if characters.next().is_some_and(is_name_start) && characters.all(is_name_character) {
            Ok(())
        } else {
            Err(self.error(ErrorKind::Name, range.start))
        }
    }

    /// Remembers the name of the element that opens.
    fn open(&mut self, name: Range<usize>) -> Result<(), Error> {
        let error = self.error(ErrorKind::TooDeep, name.start);
        let name = self.window.get(name).unwrap_or_default();
        let length = u16::try_from(name.len()).map_err(|_| error)?;
        let free = self.names.get_mut(self.names_end..).unwrap_or_default();
        let (copy, free) = free.split_at_mut_checked(name.len()).ok_or(error)?;
        copy.copy_from_slice(name);
        free.get_mut(..2).ok_or(error)?.copy_from_slice(&length.to_be_bytes());
        self.names_end += name.len() + 2;
        self.attributes = 0;
        Ok(())
    }

    /// XML 1.0 3.1: no attribute stands twice in a tag.
    fn tell_apart(&mut self, name: Range<usize>) -> Result<(), Error> {
        let twice = self.error(ErrorKind::Duplicate, name.start);
        let too_many = self.error(ErrorKind::TooMany, name.start);
        let hash = hash(self.window.get(name).unwrap_or_default()).to_be_bytes();
        let free = self.names.get_mut(self.names_end..).unwrap_or_default();
        let (known, free) = free
            .split_at_mut_checked(hash.len() * self.attributes)
            .ok_or(too_many)?;
        if known.chunks_exact(hash.len()).any(|other| other == hash) {
            return Err(twice);
        }
        free.get_mut(..hash.len()).ok_or(too_many)?.copy_from_slice(&hash);
        self.attributes += 1;
        Ok(())
    }

    /// Where the name of the open element stands in `names`.
    fn open_name(&self) -> Range<usize> {
        let end = self.names_end.saturating_sub(2);
        let length = match self.names.get(end..self.names_end) {
            Some([high, low]) => usize::from(u16::from_be_bytes([*high, *low])),
            _ => 0,
        };
        end.saturating_sub(length)..end
    }

    /// Forgets the open element; its name stays readable until the next one opens.
    fn close(&mut self) -> Range<usize> {
        let name = self.open_name();
        self.names_end = name.start;
        self.brackets = 0;
        name
    }

    fn is_full(&self) -> bool {
        self.start == 0 && self.end == self.window.len()
    }

    fn rest(&self) -> &[u8] {
        self.window.get(self.start..self.end).unwrap_or_default()
    }

    fn utf8(&self, range: &Range<usize>) -> Result<&str, Error> {
        core::str::from_utf8(self.window.get(range.clone()).unwrap_or_default())
            .map_err(|error| self.error(ErrorKind::Encoding, range.start + error.valid_up_to()))
    }

    fn token(&self, lexeme: Lexeme) -> Token<'_> {
        // Names were checked and texts decoded, so all of them are UTF-8.
        let text = |range: &Range<usize>| self.utf8(range).unwrap_or_default();
        match lexeme {
            Lexeme::Start(name) => Token::Start(text(&name)),
            Lexeme::Attribute(name, value) => Token::Attribute {
                name: text(&name),
                value: text(&value),
            },
            Lexeme::Content => Token::Content,
            Lexeme::Text(range) => Token::Text(text(&range)),
            Lexeme::End(name) => {
                Token::End(core::str::from_utf8(self.names.get(name).unwrap_or_default()).unwrap_or_default())
            }
        }
    }

    fn error(&self, kind: ErrorKind, at: usize) -> Error {
        Error {
            kind,
            offset: self.base.saturating_add(at as u64),
        }
    }
}

/// What stands where, and so how it is decoded.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Text,
    Attribute,
    Section,
    /// In a comment or processing instruction: only checked.
    Skipped,
}

/// How much of a text that goes on can be decoded now: no character, reference or line end is cut.
fn whole_text(text: &[u8]) -> usize {
    let length = whole_characters(text);
    let whole = text.get(..length).unwrap_or_default();
    match whole.iter().rposition(|octet| *octet == b'&') {
        Some(start) if !whole.iter().skip(start).any(|octet| *octet == b';') => start,
        _ => length,
    }
}

/// The same for text without references.
fn whole_characters(text: &[u8]) -> usize {
    let length = match core::str::from_utf8(text) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => text.len(),
    };
    length - usize::from(text.get(..length).is_some_and(|text| text.ends_with(b"\r")))
}

/// XML 1.0 4.6 and 4.1: what a reference stands for, `&` and `;` left out.
fn character(reference: &[u8]) -> Option<char> {
    let number = match reference {
        b"lt" => return Some('<'),
        b"gt" => return Some('>'),
        b"amp" => return Some('&'),
        b"apos" => return Some('\''),
        b"quot" => return Some('"'),
        [b'#', b'x', digits @ ..] if digits.iter().all(u8::is_ascii_hexdigit) => {
            u32::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?
        }
        [b'#', digits @ ..] => crate::ascii::decimal(digits).and_then(|number| u32::try_from(number).ok())?,
        _ => return None,
    };
    char::from_u32(number).filter(
        |character| !matches!(character, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}'),
    )
}

/// XML 1.0 2.8: version, encoding and standalone, in this order, of which only the encoding matters.
fn check_declaration(declaration: &[u8]) -> Result<(), ErrorKind> {
    let mut rest = declaration;
    let mut last = 0;
    loop {
        let blanks = rest.iter().take_while(|octet| is_blank(**octet)).count();
        rest = rest.get(blanks..).unwrap_or_default();
        if rest.is_empty() {
            return if last == 0 { Err(ErrorKind::Declaration) } else { Ok(()) };
        }
        let (name, tail) = split_at_octet(rest, b'=').ok_or(ErrorKind::Declaration)?;
        let [quote @ (b'"' | b'\''), tail @ ..] = tail.trim_ascii_start() else {
            return Err(ErrorKind::Declaration);
        };
        let (value, tail) = split_at_octet(tail, *quote).ok_or(ErrorKind::Declaration)?;
        let position = match name.trim_ascii_end() {
            b"version" if value.strip_prefix(b"1.").and_then(crate::ascii::decimal).is_some() => 1,
            b"encoding" if value.eq_ignore_ascii_case(b"utf-8") || value.eq_ignore_ascii_case(b"us-ascii") => 2,
            b"encoding" => return Err(ErrorKind::Encoding),
            b"standalone" if matches!(value, b"yes" | b"no") => 3,
            _ => return Err(ErrorKind::Declaration),
        };
        if position <= last || blanks == 0 || last == 0 && position != 1 {
            return Err(ErrorKind::Declaration);
        }
        last = position;
        rest = tail;
    }
}

fn split_at_octet(octets: &[u8], octet: u8) -> Option<(&[u8], &[u8])> {
    let at = octets.iter().position(|other| *other == octet)?;
    Some((octets.get(..at)?, octets.get(at + 1..)?))
}

/// FNV-1a.
fn hash(octets: &[u8]) -> u32 {
    octets.iter().fold(0x811c_9dc5, |hash, octet| {
        (hash ^ u32::from(*octet)).wrapping_mul(0x0100_0193)
    })
}

fn find(octets: &[u8], needle: &[u8]) -> Option<usize> {
    octets.windows(needle.len()).position(|window| window == needle)
}

/// XML 1.0 2.3: `S`.
fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

/// XML 1.0 2.3: `NameStartChar`.
fn is_name_start(character: char) -> bool {
    matches!(character, ':' | '_' | 'A'..='Z' | 'a'..='z'
        | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{2ff}' | '\u{370}'..='\u{37d}'
        | '\u{37f}'..='\u{1fff}' | '\u{200c}'..='\u{200d}' | '\u{2070}'..='\u{218f}' | '\u{2c00}'..='\u{2fef}'
        | '\u{3001}'..='\u{d7ff}' | '\u{f900}'..='\u{fdcf}' | '\u{fdf0}'..='\u{fffd}' | '\u{10000}'..='\u{effff}')
}

/// XML 1.0 2.3: `NameChar`.
fn is_name_character(character: char) -> bool {
    is_name_start(character)
        || matches!(character, '-' | '.' | '0'..='9' | '\u{b7}' | '\u{300}'..='\u{36f}' | '\u{203f}'..='\u{2040}')
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use core::fmt::Write;
    use heapless::String;

    /// The tokens as one line, and how it ended.
    fn tokens(document: &[u8], chunk: usize) -> (String<256>, Result<(), Error>) {
        let mut buffer = [0xaa; 128];
        let mut tokenizer = Tokenizer::new(&mut buffer);
        let mut line = String::new();
        for mut octets in document.chunks(chunk) {
            while !octets.is_empty() {
                let count = tokenizer.feed(octets);
                octets = &octets[count..];
                loop {
                    let written = match tokenizer.poll() {
                        Err(error) => {
                            assert_eq!(tokenizer.poll(), Err(error), "an error repeats");
                            return (line, Err(error));
                        }
                        Ok(None) => break,
                        Ok(Some(Token::Start(name))) => write!(line, "<{name}"),
                        Ok(Some(Token::Attribute { name, value })) => write!(line, " {name}={value}"),
                        Ok(Some(Token::Content)) => write!(line, ">"),
                        Ok(Some(Token::Text(text))) => write!(line, "{text}"),
                        Ok(Some(Token::End(name))) => write!(line, "</{name}>"),
                    };
                    written.unwrap();
                }
            }
        }
        let end = tokenizer.finish();
        (line, end)
    }

    fn check(document: &str, expected: &str, end: Result<(), (ErrorKind, u64)>) {
        for chunk in 1..=document.len().max(1) {
            let (line, ended) = tokens(document.as_bytes(), chunk);
            assert_eq!(line, expected, "{document} in pieces of {chunk}");
            assert_eq!(
                ended.map_err(|error| (error.kind, error.offset)),
                end,
                "{document} in pieces of {chunk}"
            );
        }
    }

    tests! {
        fn tokens_of_every_kind() {
            check("<a/>", "<a</a>", Ok(()));
            check("\u{feff}<?xml version='1.0'?><!-- - --><?p ? >?><a:b c = 'd>\"' e=\"\t&lt;&#x1F600;\"\n/>\n", "<a:b c=d>\" e= <\u{1f600}</a:b>", Ok(()));
            check("<a>x<b> y\r\nz </b>&amp;<![CDATA[<&]]]></a >", "<a>x<b> y\nz </b>&<&]</a>", Ok(()));
            check("<\u{e4}\u{f6}><!----></\u{e4}\u{f6}>", "<\u{e4}\u{f6}></\u{e4}\u{f6}>", Ok(()));
        }

        fn what_is_not_well_formed() {
            use ErrorKind::*;
            for (document, expected, kind, offset) in [
                ("x", "", Root, 0), ("<a/>x", "<a</a>", Root, 4), ("<a/><b/>", "<a</a>", Root, 4), ("<![CDATA[]]><a/>", "", Root, 0),
                ("<a></b>", "<a>", EndTag, 3), ("<a></a></a>", "<a></a>", EndTag, 7), ("<a></a x='y'>", "<a>", EndTag, 3),
                ("<a b='c'd='e'/>", "<a b=c", Attribute, 8), ("<a b/>", "<a", Attribute, 4), ("<a b=c/>", "<a", Attribute, 5),
                ("<a/ >", "<a", Attribute, 2), ("<a b='<'/>", "<a", Markup, 6), ("<a>< b/></a>", "<a>", Markup, 3), ("<a><!x></a>", "<a>", Markup, 3),
                ("<1/>", "", Name, 1), ("<a -b='c'/>", "<a", Name, 3), ("<a\0/>", "", Name, 1), ("<a>]]></a>", "<a>", SectionEnd, 5),
                ("<a>&nbsp;</a>", "<a>", Entity, 3), ("<a>&</a>", "<a>", Entity, 3), ("<a>&#0;</a>", "<a>", Entity, 3), ("<a>&#x110000;</a>", "<a>", Entity, 3),
                ("<a>\u{1}</a>", "<a>", Character, 3), ("<a>\u{ffff}</a>", "<a>", Character, 3), ("<!--\u{1}--><a/>", "", Character, 4),
                ("<!--\u{1} -- --><a/>", "", Character, 4),
                ("<!-- -- --><a/>", "", Comment, 5), ("<a/><?xml version='1.0'?>", "<a</a>", Declaration, 4),
                ("<?xml?><a/>", "", Declaration, 0), ("<?xml encoding='utf-8'?><a/>", "", Declaration, 0), ("<?xml version='2.0'?><a/>", "", Declaration, 0),
                ("<?xml version='1.0' encoding='utf-16'?><a/>", "", Encoding, 0), ("<!DOCTYPE a><a/>", "", Doctype, 0), ("<a>", "<a>", Incomplete, 3),
                ("", "", Incomplete, 0), ("<a/><!-- ", "<a</a>", Incomplete, 9),
            ] {
                check(document, expected, Err((kind, offset)));
            }
            assert_eq!(tokens(b"<a>\xff</a>", 3).1, Err(Error { kind: Encoding, offset: 3 }));
            for chunk in 1..20 {
                // The first fault is told, not the one that is looked for first.
                assert_eq!(tokens(b"<?p \xff\x01 ?><a/>", chunk).1, Err(Error { kind: Encoding, offset: 4 }));
            }
            assert_eq!(tokens(b"\xff\xfe<\0a\0/\0>\0", 3).1, Err(Error { kind: Encoding, offset: 0 }));
        }

        fn what_does_not_fit_the_window() {
            // 96 of 128 octets are the window: `b='` and 93 octets of value leave no room for the quote.
            let mut document: String<256> = String::try_from("<a b='").unwrap();
            for _ in 0..92 {
                document.push('c').unwrap();
            }
            let fits = document.len();
            document.push_str("'/>").unwrap();
            assert_eq!(tokens(document.as_bytes(), 7).1, Ok(()));
            document.truncate(fits);
            document.push_str("c'/>").unwrap();
            for chunk in 1..100 {
                assert_eq!(tokens(document.as_bytes(), chunk).1, Err(Error { kind: ErrorKind::TooLong, offset: 3 }));
            }
        }

        fn nesting_is_bounded() {
            // The other 32 octets hold ten names of one octet.
            assert_eq!(tokens(b"<a><a><a><a><a><a><a><a><a><a>", 4).1, Err(Error { kind: ErrorKind::Incomplete, offset: 30 }));
            assert_eq!(tokens(b"<a><a><a><a><a><a><a><a><a><a><a>", 4).1, Err(Error { kind: ErrorKind::TooDeep, offset: 31 }));
        }

        fn a_tokenizer_without_memory_refuses_everything() {
            let mut tokenizer = Tokenizer::new(&mut []);
            assert_eq!(tokenizer.feed(b"<a/>"), 0);
            assert_eq!(tokenizer.poll(), Err(Error { kind: ErrorKind::TooLong, offset: 0 }));
        }
    }
}
