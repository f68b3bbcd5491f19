//! Why a request failed: the kernel refused it, or the exchange itself broke.

use super::errno;
use super::message::{Message, TooLong, flag, kind};
use crate::object::attribute::{Attributes, Malformed, text_of, u32_of};
use std::io;

/// NLMSGERR_ATTR_MSG and NLMSGERR_ATTR_OFFS.
const EXTENDED_MESSAGE: u16 = 1;
const EXTENDED_OFFSET: u16 = 2;

/// The kernel's refusal of a request, with what its extended acknowledgement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Why, as a number of errno(3).
    pub errno: i32,
    /// Why, in the kernel's words.
    pub message: Option<String>,
    /// Which octet of the request displeased, counted from its netlink header: that of an attribute.
    pub offset: Option<u32>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "refused: {}", errno::text(self.errno))?;
        if let Some(message) = &self.message {
            write!(f, ": {message}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " (octet {offset} of the request)")?;
        }
        Ok(())
    }
}

impl std::error::Error for Refusal {}

/// Why there is no answer.
#[derive(Debug)]
pub enum Error {
    /// The kernel refused the request.
    Refused(Refusal),
    /// What the kernel said makes no sense.
    Malformed(Malformed),
    /// A datagram was longer than the receive buffer.
    Truncated,
    /// What was asked for kept changing while it was told.
    Interrupted,
    /// The request does not fit a message.
    TooLong(TooLong),
    /// The socket failed.
    Io(io::Error),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Refused(refusal) => refusal.fmt(f),
            Error::Malformed(malformed) => malformed.fmt(f),
            Error::Truncated => write!(f, "a netlink answer was longer than the receive buffer"),
            Error::Interrupted => write!(f, "the dump was interrupted by changes at every attempt"),
            Error::TooLong(error) => error.fmt(f),
            Error::Io(error) => write!(f, "netlink socket: {error}"),
        }
    }
}

impl std::error::Error for Error {}

impl From<Malformed> for Error {
    fn from(malformed: Malformed) -> Error {
        Error::Malformed(malformed)
    }
}

impl From<TooLong> for Error {
    fn from(error: TooLong) -> Error {
        Error::TooLong(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Io(error)
    }
}

/// What a message of type ERROR or DONE says: acceptance, perhaps with a warning, or refusal.
pub(super) fn verdict(message: &Message<'_>) -> Result<Result<Option<String>, Refusal>, Malformed> {
    const CUT: Malformed = Malformed {
        what: "an acknowledgement",
    };
    let code = match u32_of(message.body) {
        Some(code) => code.cast_signed(),
        // A dump may end without a number.
        None if message.kind == kind::DONE => 0,
        None => return Err(CUT),
    };
    let mut said = None;
    let mut offset = None;
    if message.flags & flag::ACK_TLVS != 0 {
        let attributes = message.body.get(repeated(message)..).ok_or(CUT)?;
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            match attribute.kind {
                EXTENDED_MESSAGE => said = Some(text_of(attribute.value)).filter(|text| !text.is_empty()),
                EXTENDED_OFFSET => offset = u32_of(attribute.value),
                _ => {}
            }
        }
    }
    Ok(match code {
        0 => Ok(said),
        code => Err(Refusal {
            errno: code.saturating_neg(),
            message: said,
            offset,
        }),
    })
}

/// How much of an acknowledgement stands before its attributes: the number, and as much of the request as it repeats.
fn repeated(message: &Message<'_>) -> usize {
    const NUMBER: usize = 4;
    const REQUEST_HEADER: usize = 16;
    if message.kind == kind::DONE {
        return NUMBER;
    }
    // A success repeats the header alone even where it does not say so.
    let accepted = message.body.first_chunk() == Some(&[0; NUMBER]);
    let capped = message.flags & flag::CAPPED != 0;
    let length = message
        .body
        .get(NUMBER..)
        .and_then(u32_of)
        .and_then(|length| usize::try_from(length).ok());
    match length {
        Some(length) if !capped && !accepted => {
            NUMBER.saturating_add(crate::object::attribute::aligned(length.max(REQUEST_HEADER)))
        }
        _ => NUMBER + REQUEST_HEADER,
    }
}
