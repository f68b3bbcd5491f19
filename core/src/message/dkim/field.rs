//! The DKIM-Signature field as it is written: lines of at most 78 columns, unless the domain alone is longer.

use super::super::Error;
use super::super::header::LINE;
use super::{Algorithm, Parameters};
use crate::ascii::{base64_encode, base64_quad};

/// Writes the field up to `b=` to the front of `out`, and says how many octets it has.
pub(super) fn write(
    parameters: &Parameters<'_>,
    algorithm: Algorithm,
    body: &[u8; 32],
    out: &mut [u8],
) -> Result<usize, Error> {
    let mut field = Field {
        out,
        length: 0,
        column: 0,
    };
    field.push(b"DKIM-Signature:");
    field.tag(&[b"v=1;"]);
    field.tag(match algorithm {
        Algorithm::Ed25519Sha256 => &[b"a=ed25519-sha256;"],
        Algorithm::RsaSha256 => &[b"a=rsa-sha256;"],
    });
    field.tag(&[b"c=relaxed/relaxed;"]);
    field.tag(&[b"d=", parameters.domain.as_bytes(), b";"]);
    field.tag(&[b"s=", parameters.selector.as_bytes(), b";"]);
    if let Some(seconds) = parameters.signed_at {
        let mut digits = [0; 20];
        field.tag(&[b"t=", decimal(seconds, &mut digits), b";"]);
    }
    field.tag(&[b"h=from:from"]);
    for name in parameters.fields {
        // The colon, and a column for the semicolon behind the last of them.
        if field.column + name.len() + 2 > LINE {
            field.push(b"\r\n ");
            field.column = 1;
        }
        field.push(b":");
        field.push(name.as_bytes());
    }
    field.push(b";");
    let mut text = [0; 44];
    field.tag(&[b"bh=", base64_encode(body, &mut text).unwrap_or_default(), b";"]);
    field.push(b"\r\n b=");
    let Field { out, length, .. } = field;
    if length <= out.len() {
        Ok(length)
    } else {
        Err(Error::Buffer)
    }
}

/// Turns the signature, the first `count` octets of `out`, into the rest of the field, and says how long that is.
pub(super) fn append_signature(out: &mut [u8], count: usize) -> Result<usize, Error> {
    // It is read at the end of the buffer and written to its front.
    let start = out
        .len()
        .checked_sub(count)
        .filter(|_| count > 0)
        .ok_or(Error::Signer)?;
    out.copy_within(..count, start);
    let mut field = Field {
        out,
        length: 0,
        column: 3,
    };
    let mut read = start;
    while read < start + count {
        let end = (read + 3).min(start + count);
        let quad = base64_quad(field.out.get(read..end).unwrap_or_default());
        if field.column + quad.len() > LINE {
            field.push(b"\r\n ");
            field.column = 1;
        }
        field.push(&quad);
        if field.length > end {
            return Err(Error::Buffer);
        }
        read = end;
    }
    field.push(b"\r\n");
    let Field { out, length, .. } = field;
    if length <= out.len() {
        Ok(length)
    } else {
        Err(Error::Buffer)
    }
}

/// What was written, or would have been, of a field.
struct Field<'o> {
    out: &'o mut [u8],
    length: usize,
    column: usize,
}

impl Field<'_> {
    fn push(&mut self, octets: &[u8]) {
        let end = self.length.saturating_add(octets.len());
        if let Some(room) = self.out.get_mut(self.length..end) {
            room.copy_from_slice(octets);
        }
        self.length = end;
        self.column += octets.len();
    }

    /// A space or a fold, and `pieces` without a break.
    fn tag(&mut self, pieces: &[&[u8]]) {
        let width = pieces.iter().fold(1, |width, piece| width + piece.len());
        if self.column + width > LINE {
            self.push(b"\r\n");
            self.column = 0;
        }
        self.push(b" ");
        pieces.iter().for_each(|piece| self.push(piece));
    }
}

/// `number` in decimal, at the end of `digits`.
fn decimal(mut number: u64, digits: &mut [u8; 20]) -> &[u8] {
    let mut start = digits.len();
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
        start -= 1;
        if number == 0 {
            break;
        }
    }
    digits.get(start..).unwrap_or_default()
}
