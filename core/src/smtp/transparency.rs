//! Mail data on their way out: line ends become CRLF, a dot at the start of a line is doubled (RFC 5321 4.5.2).

/// How mail data are rewritten.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Mode {
    /// For DATA: no bare CR or LF leaves (RFC 5321 2.3.8), and no dot alone on a line but the last.
    #[default]
    Dots,
    /// For BDAT: no bare CR or LF leaves.
    Lines,
    /// For BDAT of BINARYMIME: as they are.
    Octets,
}

/// Rewrites mail data, whatever the source says.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Transparency {
    mode: Mode,
    place: Place,
}

#[derive(Clone, Copy, Debug, Default)]
enum Place {
    #[default]
    LineStart,
    Inside,
    /// A CR came; its CRLF is written once it shows whether an LF belongs to it.
    AfterCr,
}

impl Transparency {
    pub(super) fn new(mode: Mode) -> Self {
        let place = Place::LineStart;
        Self { mode, place }
    }

    /// How many octets, read at the end of `room` octets, can be rewritten to its front whatever they are.
    ///
    /// Each may become two, and a CR held from before two more.
    pub(super) fn capacity(&self, room: usize) -> usize {
        match self.mode {
            Mode::Octets => room,
            _ => room.saturating_sub(2) / 2,
        }
    }

    /// Rewrites `buffer[from..from + count]` to `buffer[at..]` and says where the result ends.
    ///
    /// `count` is at most the [`Self::capacity`] of the room from `at`, so that no octet is written over one still to
    /// be read.
    pub(super) fn rewrite(&mut self, buffer: &mut [u8], at: usize, from: usize, count: usize) -> usize {
        let (mut index, mut at, end) = (from, at, from.saturating_add(count));
        if self.mode == Mode::Octets {
            buffer.copy_within(index..end.min(buffer.len()), at);
            return at + count;
        }
        while let Some([octet, rest @ ..]) = buffer.get(index..end) {
            let octet = *octet;
            // Most octets of a line come in blocks without a line end, which are looked at without a branch for each.
            if let (Place::Inside, Some(block)) = (self.place, rest.first_chunk::<BLOCK>())
                && !block
                    .iter()
                    .fold(is_line_end(octet), |any, octet| any | is_line_end(*octet))
            {
                buffer.copy_within(index..=index + BLOCK, at);
                index += BLOCK + 1;
                at += BLOCK + 1;
                continue;
            }
            if matches!(self.place, Place::AfterCr) || octet == b'\n' {
                at = write(buffer, at, b"\r\n");
                index += usize::from(octet == b'\n');
                self.place = Place::LineStart;
                continue;
            }
            index += 1;
            if octet == b'\r' {
                self.place = Place::AfterCr;
                continue;
            }
            if octet == b'.' && matches!(self.place, Place::LineStart) && self.mode == Mode::Dots {
                at = write(buffer, at, b".");
            }
            self.place = Place::Inside;
            at = write(buffer, at, &[octet]);
        }
        at
    }

    /// Writes the end of data at `buffer[at..]`, with the CRLF that the last line may lack, and says where it ends.
    ///
    /// At most five octets.
    pub(super) fn finish(&mut self, buffer: &mut [u8], at: usize) -> usize {
        let line: &[u8] = match self.place {
            _ if self.mode == Mode::Octets => b"",
            Place::LineStart => b"",
            Place::Inside | Place::AfterCr => b"\r\n",
        };
        self.place = Place::LineStart;
        let at = write(buffer, at, line);
        match self.mode {
            Mode::Dots => write(buffer, at, b".\r\n"),
            _ => at,
        }
    }
}

fn is_line_end(octet: u8) -> bool {
    octet == b'\r' || octet == b'\n'
}

/// Octets that are copied at once, with the one before them.
const BLOCK: usize = 15;

fn write(buffer: &mut [u8], at: usize, octets: &[u8]) -> usize {
    if let Some(out) = buffer.get_mut(at..).and_then(|buffer| buffer.get_mut(..octets.len())) {
        out.copy_from_slice(octets);
    } else {
        debug_assert!(false, "the session leaves room for the growth of mail data");
    }
    at + octets.len()
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    /// Rewrites `data` in pieces of `size` octets, each in no more room than it may need.
    fn rewrite(mode: Mode, data: &[u8], size: usize) -> heapless::Vec<u8, 128> {
        let mut transparency = Transparency::new(mode);
        let mut whole = heapless::Vec::new();
        let mut buffer = [0; 256];
        for piece in data.chunks(size) {
            let room = piece.len() * 2 + 2;
            assert!(transparency.capacity(room) >= piece.len());
            let from = room - piece.len();
            buffer[from..room].copy_from_slice(piece);
            let end = transparency.rewrite(&mut buffer[..room], 0, from, piece.len());
            assert!(whole.extend_from_slice(&buffer[..end]).is_ok());
        }
        let end = transparency.finish(&mut buffer[..5], 0);
        assert!(whole.extend_from_slice(&buffer[..end]).is_ok());
        whole
    }

    fn check(data: &[u8], expected: &[u8]) {
        for size in 1..=data.len().max(1) {
            assert_eq!(rewrite(Mode::Dots, data, size), expected);
        }
    }

    tests! {
        fn a_dot_at_the_start_of_a_line_is_doubled() {
            check(b"", b".\r\n");
            check(b".", b"..\r\n.\r\n");
            check(b"a.b\r\n.c\r\n..\r\n.\r\n", b"a.b\r\n..c\r\n...\r\n..\r\n.\r\n");
        }

        fn the_last_line_is_ended() {
            check(b"a", b"a\r\n.\r\n");
            check(b"a\r", b"a\r\n.\r\n");
            check(b"a\n", b"a\r\n.\r\n");
            check(b"a\r\n", b"a\r\n.\r\n");
        }

        // The line ends that let mail be smuggled past servers that see other lines than their peers.
        fn no_bare_cr_or_lf_leaves() {
            check(b"a\n.\nMAIL", b"a\r\n..\r\nMAIL\r\n.\r\n");
            check(b"a\r.\rMAIL", b"a\r\n..\r\nMAIL\r\n.\r\n");
            check(b"a\n.\r\nMAIL", b"a\r\n..\r\nMAIL\r\n.\r\n");
            check(b"\r\r\n\n\r", b"\r\n\r\n\r\n\r\n.\r\n");
            check(b"\r.\r.\n", b"\r\n..\r\n..\r\n.\r\n");
        }

        fn bdat_has_lines_and_no_dots() {
            let check = |data: &[u8], expected: &[u8]| {
                for size in 1..=data.len().max(1) {
                    assert_eq!(rewrite(Mode::Lines, data, size), expected);
                    assert_eq!(rewrite(Mode::Octets, data, size), data);
                }
            };
            check(b"", b"");
            check(b".\n..", b".\r\n..\r\n");
            check(b"a\r\r\n\nb\r", b"a\r\n\r\n\r\nb\r\n");
        }

        fn long_lines_are_copied_as_they_are() {
            let mut data = [b'x'; 100];
            for place in 0..99 {
                data[place] = b'\r';
                data[place + 1] = b'\n';
                for size in [1, 15, 16, 17, 33, 100] {
                    assert_eq!(rewrite(Mode::Lines, &data, size), rewrite(Mode::Lines, &data, 1));
                    assert_eq!(&rewrite(Mode::Lines, &data, size)[..100], &data);
                }
                data[place] = b'x';
                data[place + 1] = b'x';
            }
        }

        fn every_short_text_ends_once_and_only_at_its_end() {
            const ALPHABET: [u8; 4] = *b"\r\n.a";
            for word in 0..4u32.pow(5) {
                let mut data = [0; 5];
                for (place, octet) in data.iter_mut().enumerate() {
                    *octet = ALPHABET[(word >> (2 * place) & 3) as usize];
                }
                let whole = rewrite(Mode::Dots, &data, 5);
                for size in 1..5 {
                    assert_eq!(rewrite(Mode::Dots, &data, size), whole);
                }
                let mut lines = 0;
                let mut rest = &whole[..];
                while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
                    let line = &rest[..end];
                    rest = &rest[end + 2..];
                    assert!(!line.contains(&b'\r') && !line.contains(&b'\n'));
                    assert_eq!(line == b".", rest.is_empty());
                    lines += 1;
                }
                assert!(rest.is_empty() && lines > 0);
            }
        }
    }
}
