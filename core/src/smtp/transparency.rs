//! Transparency of mail data (RFC 5321 4.5.2): a dot at the start of a line is doubled, and a dot alone ends it all.

/// Rewrites mail data on its way out. Whatever the source says, no bare CR or LF leaves here (RFC 5321 2.3.8).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Transparency {
    place: Place,
}

#[derive(Clone, Copy, Debug, Default)]
enum Place {
    #[default]
    LineStart,
    Inside,
    /// A CR came; it is written together with what it turns out to belong to.
    AfterCr,
}

impl Transparency {
    /// Rewrites `buffer[from..from + count]` to `buffer[at..]` and says where the result ends.
    ///
    /// `count` is at most the [`capacity`] of the room from `at`, so that no octet is written over one still to be read.
    pub(super) fn rewrite(&mut self, buffer: &mut [u8], at: usize, from: usize, count: usize) -> usize {
        let mut end = at;
        for index in from..from.saturating_add(count) {
            let Some(octet) = buffer.get(index).copied() else {
                break;
            };
            let (octets, place): (&[u8], Place) = match (self.place, octet) {
                (Place::AfterCr, b'\n') => (b"\r\n", Place::LineStart),
                (Place::AfterCr, b'\r') => (b"\r\n", Place::AfterCr),
                (Place::AfterCr, b'.') => (b"\r\n..", Place::Inside),
                (Place::AfterCr, octet) => (&[b'\r', b'\n', octet], Place::Inside),
                (_, b'\n') => (b"\r\n", Place::LineStart),
                (_, b'\r') => (b"", Place::AfterCr),
                (Place::LineStart, b'.') => (b"..", Place::Inside),
                (_, octet) => (&[octet], Place::Inside),
            };
            self.place = place;
            end = write(buffer, end, octets);
        }
        end
    }

    /// Writes the end of data at `buffer[at..]`, with the CRLF that the last line may lack, and says where it ends.
    ///
    /// At most five octets.
    pub(super) fn finish(&mut self, buffer: &mut [u8], at: usize) -> usize {
        let octets: &[u8] = match self.place {
            Place::LineStart => b".\r\n",
            Place::Inside | Place::AfterCr => b"\r\n.\r\n",
        };
        self.place = Place::LineStart;
        write(buffer, at, octets)
    }
}

/// How many octets, read at the end of `room` octets, can be rewritten to its front whatever they are.
///
/// Each may become two, and a CR held from before two more.
pub(super) const fn capacity(room: usize) -> usize {
    room.saturating_sub(2) / 2
}

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
    fn rewrite(data: &[u8], size: usize) -> heapless::Vec<u8, 64> {
        let mut transparency = Transparency::default();
        let mut whole = heapless::Vec::new();
        let mut buffer = [0; 128];
        for piece in data.chunks(size) {
            let room = piece.len() * 2 + 2;
            assert_eq!(capacity(room), piece.len());
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
            assert_eq!(rewrite(data, size), expected);
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

        fn every_short_text_ends_once_and_only_at_its_end() {
            const ALPHABET: [u8; 4] = *b"\r\n.a";
            for word in 0..4u32.pow(5) {
                let mut data = [0; 5];
                for (place, octet) in data.iter_mut().enumerate() {
                    *octet = ALPHABET[(word >> (2 * place) & 3) as usize];
                }
                let whole = rewrite(&data, 5);
                for size in 1..5 {
                    assert_eq!(rewrite(&data, size), whole);
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
