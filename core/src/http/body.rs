//! The body of a response: where it ends, and which octets of the stream are its content (RFC 9112 6 and 7).

use super::Error;
use super::head::Head;

/// Follows a body through the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Body {
    framing: Framing,
    /// Octets of content so far.
    received: u64,
}

/// How the body's end is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// `left` octets are still to come.
    Length { left: u64, announced: u64 },
    /// The last chunk and the trailers end it.
    Chunked(Chunk),
    /// The peer closes.
    UntilClose,
}

/// Where within `chunked-body` the next octet stands (RFC 9112 7.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    /// `digits` hexadecimal digits so far.
    Size {
        size: u64,
        digits: u8,
    },
    /// After the size; `length` octets of extension so far.
    Extension {
        size: u64,
        length: u16,
    },
    /// The LF of the size's line.
    SizeLf {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    /// At the start of a trailer line, or in one; `total` octets of trailers so far.
    TrailerStart {
        total: u16,
    },
    Trailer {
        total: u16,
    },
    /// The LF of the empty line.
    EndLf,
    Done,
}

/// The next piece of a body within the octets that were shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// Octets of framing before it.
    pub skip: usize,
    /// Octets of content; 0 if there is none yet.
    pub length: usize,
    /// The body ends behind it.
    pub done: bool,
}

/// The most octets of extensions of one chunk, and of all trailers: they carry nothing that is used here.
const EXTENSION_LIMIT: u16 = 4096;

impl Body {
    /// RFC 9112 6.3: the body's length, for a response to GET.
    pub(super) fn new(head: &Head) -> Self {
        let length = |length| Framing::Length {
            left: length,
            announced: length,
        };
        let framing = match (head.status, head.chunked, head.content_length) {
            (204 | 304, ..) => length(0),
            (_, true, _) => Framing::Chunked(Chunk::Size { size: 0, digits: 0 }),
            (_, _, Some(announced)) => length(announced),
            (_, _, None) => Framing::UntilClose,
        };
        Self { framing, received: 0 }
    }

    /// Finds the next piece in `input`, which begins where the last piece ended.
    pub(super) fn feed(&mut self, input: &[u8]) -> Result<Piece, Error> {
        let mut skip = 0;
        let length = match &mut self.framing {
            Framing::Length { left, .. } => take(left, input),
            Framing::UntilClose => input.len(),
            Framing::Chunked(chunk) => loop {
                let Some((octet, rest)) = input.get(skip..).and_then(<[u8]>::split_first) else {
                    break 0;
                };
                if let Chunk::Data { left } = chunk {
                    let length = take(left, input.get(skip..).unwrap_or_default());
                    if *left == 0 {
                        *chunk = Chunk::DataCr;
                    }
                    break length;
                }
                if *chunk == Chunk::Done {
                    break 0;
                }
                *chunk = chunk.after(*octet).ok_or(Error::Chunk {
                    received: self.received,
                })?;
                skip = input.len() - rest.len();
            },
        };
        self.received = self.received.saturating_add(length as u64);
        let done = matches!(
            self.framing,
            Framing::Length { left: 0, .. } | Framing::Chunked(Chunk::Done)
        );
        Ok(Piece { skip, length, done })
    }

    /// The peer closed: fine only if nothing else could have ended the body.
    pub(super) fn close(&self) -> Result<(), Error> {
        let announced = match self.framing {
            Framing::UntilClose => return Ok(()),
            Framing::Length { announced, .. } => Some(announced),
            Framing::Chunked(_) => None,
        };
        Err(Error::BodyTruncated {
            received: self.received,
            announced,
        })
    }

    /// Whether the stream goes on behind the body.
    pub(super) fn is_delimited(&self) -> bool {
        self.framing != Framing::UntilClose
    }

    /// Octets of content so far.
    pub(super) fn received(&self) -> u64 {
        self.received
    }
}

impl Chunk {
    /// The state behind `octet`; `None` if it may not stand here.
    fn after(self, octet: u8) -> Option<Self> {
        Some(match (self, octet) {
            (Self::Size { size, digits }, _) if octet.is_ascii_hexdigit() => {
                let digit = char::from(octet).to_digit(16)?;
                Self::Size {
                    size: size.checked_mul(16)?.checked_add(digit.into())?,
                    digits: digits.checked_add(1).filter(|digits| *digits <= 16)?,
                }
            }
            (Self::Size { digits: 0, .. }, _) => return None,
            (Self::Size { size, .. }, b';' | b' ' | b'\t') => Self::Extension { size, length: 0 },
            (Self::Size { size, .. } | Self::Extension { size, .. }, b'\r') => Self::SizeLf { size },
            (Self::Extension { size, length }, 0x20.. | b'\t') if length < EXTENSION_LIMIT => Self::Extension {
                size,
                length: length + 1,
            },
            (Self::SizeLf { size: 0 }, b'\n') => Self::TrailerStart { total: 0 },
            (Self::SizeLf { size }, b'\n') => Self::Data { left: size },
            (Self::DataCr, b'\r') => Self::DataLf,
            (Self::DataLf, b'\n') => Self::Size { size: 0, digits: 0 },
            (Self::TrailerStart { .. }, b'\r') => Self::EndLf,
            (Self::Trailer { total }, b'\n') => Self::TrailerStart { total },
            (Self::TrailerStart { total } | Self::Trailer { total }, 0x20.. | b'\t' | b'\r')
                if total < EXTENSION_LIMIT =>
            {
                Self::Trailer { total: total + 1 }
            }
            (Self::EndLf, b'\n') => Self::Done,
            _ => return None,
        })
    }
}

/// How many octets of `input` belong to the `left` ones, which become fewer.
fn take(left: &mut u64, input: &[u8]) -> usize {
    let length = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
    *left -= length as u64;
    length
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn body(content_length: Option<u64>, chunked: bool) -> Body {
        Body::new(&Head {
            status: 200,
            content_length,
            chunked,
            ..Head::default()
        })
    }

    /// Content and octets of framing behind it, by reads of `chunk` octets.
    fn decode(mut body: Body, input: &[u8], chunk: usize) -> Result<(heapless::Vec<u8, 64>, bool, usize), Error> {
        let mut content = heapless::Vec::new();
        let mut at = 0;
        let mut end = 0;
        loop {
            let piece = body.feed(&input[at..end])?;
            at += piece.skip;
            content.extend_from_slice(&input[at..at + piece.length]).unwrap();
            at += piece.length;
            if piece.done {
                return Ok((content, true, at));
            }
            if at == end {
                if end == input.len() {
                    return body.close().map(|()| (content, false, at));
                }
                end = input.len().min(end + chunk);
            }
        }
    }

    const CHUNKED: &[u8] = b"5\r\nhello\r\n00001;name=\"a;b\"\r\n,\r\n6 \r\n world\r\n0\r\nX: y\r\nZ: \r\n\r\nrest";

    tests! {
        fn any_split_gives_the_same_content() {
            for chunk in 1..=CHUNKED.len() {
                let (content, done, end) = decode(body(None, true), CHUNKED, chunk).unwrap();
                assert_eq!((&content[..], done, &CHUNKED[end..]), (&b"hello, world"[..], true, &b"rest"[..]));
                let (content, done, end) = decode(body(Some(3), false), b"abcd", chunk).unwrap();
                assert_eq!((&content[..], done, end), (&b"abc"[..], true, 3));
                let (content, done, end) = decode(body(None, false), b"abcd", chunk).unwrap();
                assert_eq!((&content[..], done, end), (&b"abcd"[..], false, 4));
            }
        }

        fn bodies_that_cannot_exist() {
            let mut none = Body::new(&Head { status: 304, content_length: Some(5), ..Head::default() });
            assert_eq!(none.feed(b""), Ok(Piece { skip: 0, length: 0, done: true }));
            assert_eq!(body(Some(0), false).feed(b"x"), Ok(Piece { skip: 0, length: 0, done: true }));
        }

        fn a_short_body_names_its_octets() {
            let short = decode(body(Some(5), false), b"abc", 2);
            assert_eq!(short, Err(Error::BodyTruncated { received: 3, announced: Some(5) }));
            for end in 0..CHUNKED.len() - 4 {
                let short = decode(body(None, true), &CHUNKED[..end], 7);
                assert!(matches!(short, Err(Error::BodyTruncated { announced: None, .. })), "{end}");
            }
        }

        fn malformed_chunks() {
            for (input, received) in [
                (&b"\r\n"[..], 0), (b"x", 0), (b"-1\r\n", 0), (b"0x1\r\n", 0), (b"1\n", 0), (b"1\r\r", 0), (b"10000000000000000\r\n", 0),
                (b"00000000000000001\r\n", 0), (b"1\r\nab", 1), (b"1\r\na\n", 1), (b"1\r\na\r\r", 1), (b"0\r\n\n", 0), (b"0\r\n\r\r", 0),
                (b"1;\x01\r\n", 0), (b"3\r\nabc\r\nz", 3), (b"1\r\na\r\n\r\n", 1),
            ] {
                for chunk in 1..=input.len() {
                    assert_eq!(decode(body(None, true), input, chunk), Err(Error::Chunk { received }), "{input:?}");
                }
            }
        }

        fn extensions_and_trailers_end() {
            for start in [&b"1;"[..], b"0\r\n"] {
                let mut body = body(None, true);
                body.feed(start).unwrap();
                let refused = (0..=EXTENSION_LIMIT).find(|_| body.feed(b"a").is_err());
                assert_eq!(refused, Some(EXTENSION_LIMIT));
            }
        }
    }
}
