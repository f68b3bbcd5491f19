//! Messages: the netlink header, read in place and written in place (linux/netlink.h).
//!
//! ```text
//! | length u32 | type u16 | flags u16 | sequence u32 | port id u32 | body ... | padding to 4 |
//! ```

use crate::object::attribute::{Encoder, Malformed, aligned, u16_of, u32_of};

const HEADER: usize = 16;

/// Types that every netlink family shares.
pub mod kind {
    /// Refused, or acknowledged: a number, then the header of the request.
    pub const ERROR: u16 = 2;
    /// The end of a dump.
    pub const DONE: u16 = 3;
    /// Types below this one are not the family's own.
    pub const FIRST_OF_FAMILY: u16 = 16;
}

/// Flags of the header.
pub mod flag {
    #![allow(missing_docs)] // the names of linux/netlink.h
    pub const REQUEST: u16 = 0x1;
    pub const ACK: u16 = 0x4;
    pub const DUMP_INTR: u16 = 0x10;
    pub const DUMP_FILTERED: u16 = 0x20;
    /// In a query: all of them.
    pub const DUMP: u16 = 0x300;
    /// In a change: put it in the place of the old one.
    pub const REPLACE: u16 = 0x100;
    pub const EXCL: u16 = 0x200;
    pub const CREATE: u16 = 0x400;
    pub const APPEND: u16 = 0x800;
    /// In an answer: it repeats no more than the request's header.
    pub const CAPPED: u16 = 0x100;
    /// In an answer: attributes follow.
    pub const ACK_TLVS: u16 = 0x200;
}

/// One message, borrowed from the datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// What it is.
    pub kind: u16,
    /// [`flag`]s.
    pub flags: u16,
    /// Which request it answers; 0 in events.
    pub sequence: u32,
    /// What follows the header.
    pub body: &'a [u8],
}

/// The messages of one datagram; after a malformed one it ends.
#[derive(Debug, Clone)]
pub struct Messages<'a> {
    octets: &'a [u8],
}

impl<'a> Messages<'a> {
    /// The messages in `datagram`.
    pub fn new(datagram: &'a [u8]) -> Messages<'a> {
        Messages { octets: datagram }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.octets.is_empty() {
            return None;
        }
        let message = take(self.octets);
        self.octets = match message {
            Some((_, length)) => self.octets.get(aligned(length)..).unwrap_or(&[]),
            None => &[],
        };
        Some(
            message
                .map(|(message, _)| message)
                .ok_or(Malformed { what: "a message" }),
        )
    }
}

fn take(octets: &[u8]) -> Option<(Message<'_>, usize)> {
    let length = usize::try_from(u32_of(octets)?).ok()?;
    let body = octets.get(HEADER..length)?;
    let message = Message {
        kind: u16_of(&octets[4..])?,
        flags: u16_of(&octets[6..])?,
        sequence: u32_of(&octets[8..])?,
        body,
    };
    Some((message, length))
}

/// Writes a message whose body `content` writes. A message that did not fit its length fields leaves nothing behind.
pub fn encode(
    encoder: &mut Encoder,
    kind: u16,
    flags: u16,
    sequence: u32,
    content: impl FnOnce(&mut Encoder),
) -> Result<(), TooLong> {
    let start = encoder.octets().len();
    encoder.raw(&[0; 4]);
    encoder.raw(&kind.to_ne_bytes());
    encoder.raw(&flags.to_ne_bytes());
    encoder.raw(&sequence.to_ne_bytes());
    // Port id 0: the kernel puts in ours.
    encoder.raw(&[0; 4]);
    content(encoder);
    let length = u32::try_from(encoder.octets().len() - start);
    match length {
        Ok(length) if !encoder.too_long() => {
            encoder.patch_u32(start, length);
            encoder.pad();
            Ok(())
        }
        _ => {
            encoder.truncate(start);
            Err(TooLong)
        }
    }
}

/// The request holds more than a message can say: an attribute's length is 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

impl std::fmt::Display for TooLong {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the request is too long for a netlink attribute (65535 octets)")
    }
}

impl std::error::Error for TooLong {}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_messages() -> Vec<u8> {
        let mut encoder = Encoder::default();
        encode(&mut encoder, 16, flag::REQUEST, 7, |body| body.raw(&[1, 2, 3])).unwrap();
        encode(&mut encoder, 17, flag::ACK, 8, |body| body.raw(&[])).unwrap();
        encoder.octets().to_vec()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let octets = two_messages();
        let read: Vec<_> = Messages::new(&octets).map(|message| message.unwrap()).collect();
        assert_eq!(
            read[0],
            Message {
                kind: 16,
                flags: flag::REQUEST,
                sequence: 7,
                body: &[1, 2, 3]
            }
        );
        assert_eq!(
            read[1],
            Message {
                kind: 17,
                flags: flag::ACK,
                sequence: 8,
                body: &[]
            }
        );
    }

    #[test]
    fn a_datagram_cut_anywhere_says_so() {
        let octets = two_messages();
        for cut in 1..octets.len() {
            let read: Vec<_> = Messages::new(&octets[..cut]).collect();
            // Padding may miss; a message may end where the datagram does.
            let whole = matches!(cut, 19 | 20);
            assert_eq!(read.iter().all(Result::is_ok), whole, "cut at {cut}");
        }
    }

    #[test]
    fn too_long_a_body_leaves_nothing_behind() {
        let mut encoder = Encoder::default();
        encode(&mut encoder, 16, 0, 1, |body| body.u8(1, 1)).unwrap();
        let before = encoder.octets().to_vec();
        assert_eq!(
            encode(&mut encoder, 16, 0, 2, |body| body.attribute(1, &[0; 70_000])),
            Err(TooLong)
        );
        assert_eq!(encoder.octets(), before);
    }
}
