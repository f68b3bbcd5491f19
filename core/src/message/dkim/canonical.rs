//! The relaxed canonical forms (RFC 6376 3.4.2, 3.4.4), straight into a digest. Lines end with LF here.

use sha2::{Digest, Sha256};

/// The digest of a body: white space shrinks to one space and vanishes at the end of a line, as do empty last lines.
#[derive(Default)]
pub(super) struct Body {
    hash: Sha256,
    /// White space came, and nothing after it yet.
    blank: bool,
    /// So many line ends came, and nothing but white space after them yet.
    ends: u64,
    /// Octets for the digest, so that it gets more than one at once.
    held: heapless::Vec<u8, 64>,
    /// There is a line that is not empty.
    content: bool,
}

impl Body {
    pub(super) fn feed(&mut self, octet: u8) {
        match octet {
            b'\n' => {
                self.ends = self.ends.saturating_add(1);
                self.blank = false;
            }
            b' ' | b'\t' => self.blank = true,
            _ => {
                while self.ends > 0 {
                    self.ends -= 1;
                    self.push(b'\r');
                    self.push(b'\n');
                }
                if self.blank {
                    self.push(b' ');
                }
                self.push(octet);
                self.blank = false;
                self.content = true;
            }
        }
    }

    /// A body with content ends with CRLF whatever it ended with; one without is empty.
    pub(super) fn finish(mut self) -> [u8; 32] {
        if self.content {
            self.push(b'\r');
            self.push(b'\n');
        }
        self.hash.update(&self.held);
        self.hash.finalize().into()
    }

    fn push(&mut self, octet: u8) {
        if self.held.push(octet).is_err() {
            self.hash.update(&self.held);
            self.held.clear();
            self.hash.update([octet]);
        }
    }
}

/// Puts a field without its last line end into `hash`; that line end is the caller's.
pub(super) fn relaxed(field: &[u8], hash: &mut Sha256) {
    for octet in name_of(field) {
        hash.update([octet.to_ascii_lowercase()]);
    }
    hash.update(b":");
    let colon = field.iter().position(|octet| *octet == b':');
    let body = colon.and_then(|colon| field.get(colon + 1..));
    // Unfolding leaves white space where a line ended, since no other line end stands in a field.
    let words = body
        .unwrap_or_default()
        .split(|octet| matches!(octet, b' ' | b'\t' | b'\r' | b'\n'))
        .filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            hash.update(b" ");
        }
        hash.update(word);
    }
}

/// The fields of a header section, each with its folded lines and without its last line end.
pub(super) fn fields(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = header;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut folds = rest.windows(2);
        let end = folds.position(|pair| matches!(pair, [b'\n', next] if !matches!(next, b' ' | b'\t')));
        let (field, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after.strip_prefix(b"\n").unwrap_or_default();
        Some(field.strip_suffix(b"\n").unwrap_or(field))
    })
}

/// The field with this name that has `after` others of the name behind it.
pub(super) fn named<'h>(header: &'h [u8], name: &str, after: usize) -> Option<&'h [u8]> {
    let same = || fields(header).filter(|field| name_of(field).eq_ignore_ascii_case(name.as_bytes()));
    let index = same().count().checked_sub(after)?.checked_sub(1)?;
    same().nth(index)
}

/// Whether it is `field-name ":" ...` (RFC 5322 2.2); obsolete syntax has white space before the colon.
pub(super) fn is_field(field: &[u8]) -> bool {
    let name = name_of(field);
    field.contains(&b':') && !name.is_empty() && name.iter().all(|octet| octet.is_ascii_graphic())
}

/// What a field name in `h=` may hold: `ftext` of RFC 5322 without the semicolon, which ends the list.
pub(super) fn is_name_octet(octet: u8) -> bool {
    octet.is_ascii_graphic() && !matches!(octet, b':' | b';')
}

fn name_of(field: &[u8]) -> &[u8] {
    let name = field.split(|octet| *octet == b':').next().unwrap_or_default();
    let last = name.iter().rposition(|octet| !matches!(octet, b' ' | b'\t'));
    last.and_then(|last| name.get(..=last)).unwrap_or_default()
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn check_body(body: &[u8], canonical: &[u8]) {
        let mut fed = Body::default();
        body.iter().for_each(|octet| fed.feed(*octet));
        assert_eq!(fed.finish(), <[u8; 32]>::from(Sha256::digest(canonical)));
    }

    fn check_field(field: &[u8], canonical: &[u8]) {
        let mut hash = Sha256::new();
        relaxed(field, &mut hash);
        assert_eq!(hash.finalize(), Sha256::digest(canonical));
    }

    tests! {
        fn bodies() {
            // RFC 6376 3.4.5
            check_body(b" C \nD \t E\n\n\n", b" C\r\nD E\r\n");
            check_body(b"", b"");
            check_body(b"\n\n \t\n", b"");
            check_body(b" \t", b"");
            check_body(b"a", b"a\r\n");
            check_body(b"\n\n a \n\t\nb\t", b"\r\n\r\n a\r\n\r\nb\r\n");
            check_body(&[b'x'; 200], b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\
                xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n");
        }

        fn header_fields() {
            // RFC 6376 3.4.5
            check_field(b"A: X", b"a:X");
            check_field(b"B : Y\t\n\tZ  ", b"b:Y Z");
            check_field(b"Subject:", b"subject:");
            check_field(b"Subject:\n  \n a", b"subject:a");
            check_field(b"X: a:b", b"x:a:b");
        }

        fn fields_of_a_header() {
            let header = b"From: a\nTo: b,\n\tc\nfrom : d\nX:\n";
            let mut all = fields(header);
            for field in [&b"From: a"[..], b"To: b,\n\tc", b"from : d", b"X:"] {
                assert_eq!(all.next(), Some(field));
            }
            assert_eq!(all.next(), None);
            assert_eq!(named(header, "FROM", 0), Some(&b"from : d"[..]));
            assert_eq!(named(header, "from", 1), Some(&b"From: a"[..]));
            assert_eq!(named(header, "from", 2), None);
            assert_eq!(named(header, "Cc", 0), None);
            for field in [&b" a: b"[..], b": b", b"no field", b"a b: c", b"\xc3\xa4: b", b"To ", b"To\x0c: b"] {
                assert!(!is_field(field));
            }
        }
    }
}
