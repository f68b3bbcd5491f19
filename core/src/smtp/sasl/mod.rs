//! The SASL mechanisms of AUTH (RFC 4422, RFC 4954): raw octets in, raw octets out; the session speaks base64.
//!
//! ```text
//! bind -> listed (each name of the EHLO reply) -> start -> [respond ...] -> 235, which counts if `proven`
//! ```
//!
//! A mechanism holds no buffer: a challenge is decoded into, and a message written to, what the caller lends. Users
//! and passwords should be in the form that RFC 4013 (SASLprep) gives them. Printable ASCII always is; any other text
//! is sent as it stands, because the tables of Unicode do not fit a microcontroller.

mod bearer;
#[cfg(feature = "cram-md5")]
pub(crate) mod cram_md5;
mod error;
pub(crate) mod external;
pub(crate) mod login;
pub(crate) mod oauthbearer;
pub(crate) mod plain;
#[cfg(feature = "scram")]
pub(crate) mod scram;
pub(crate) mod xoauth2;

#[cfg(feature = "cram-md5")]
pub use cram_md5::CramMd5;
pub use error::Error;
pub use external::External;
pub use login::Login;
pub use oauthbearer::OAuthBearer;
pub use plain::Plain;
#[cfg(feature = "scram")]
pub use scram::ScramSha256;
pub use xoauth2::XOAuth2;

use crate::ascii;

/// One way to authenticate; the client's side of one exchange at a time.
///
/// `out` may hold a secret afterwards: the session overwrites it once it is sent.
pub trait Mechanism {
    /// The name under which the server lists it, and which AUTH says.
    fn name(&self) -> &'static str;

    /// Whether the messages give the password, or what stands for it, to whoever reads them: never without TLS.
    fn reveals_password(&self) -> bool;

    /// The connection begins, or TLS was put under it: all that was known of the server is void.
    ///
    /// `tls_exporter` is the channel binding of RFC 9266, if the transport gives one.
    fn bind(&mut self, tls_exporter: Option<&[u8; 32]>) {
        let _ = tls_exporter;
    }

    /// The server lists `name`: whether it is one of this mechanism's. Called for each name of the EHLO reply.
    fn listed(&mut self, name: &[u8]) -> bool {
        name.eq_ignore_ascii_case(self.name().as_bytes())
    }

    /// Begins, or begins again: writes the initial response to `out`; `None` if the server speaks first.
    fn start(&mut self, out: &mut [u8]) -> Result<Option<usize>, Error>;

    /// Writes the response to `challenge` to `out`, and says how many octets; on an error the exchange is cancelled.
    fn respond(&mut self, challenge: Challenge<'_>, out: &mut [u8]) -> Result<usize, Error>;

    /// Whether the server has proven what the mechanism asks of it; without that, its 235 is not to be believed.
    fn proven(&self) -> bool {
        true
    }

    /// How many octets `out` must hold for every message.
    fn longest(&self) -> usize;
}

/// What the server says with 334: base64, which is decoded if the mechanism asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge<'a> {
    text: &'a [u8],
    complete: bool,
}

impl<'a> Challenge<'a> {
    /// The text behind `334 `; not `complete` if there was more of it than the caller kept.
    pub fn new(text: &'a [u8], complete: bool) -> Self {
        let text = ascii::trim(text);
        Self { text, complete }
    }

    /// Decodes it to the front of `out`. A challenge that was cut, is no base64 or does not fit is an error.
    pub fn decode<'o>(&self, out: &'o mut [u8]) -> Result<&'o [u8], Error> {
        let padding = self.text.iter().rev().take(2).filter(|octet| **octet == b'=').count();
        if !self.complete || self.text.len() / 4 * 3 > out.len().saturating_add(padding) {
            return Err(Error::ChallengeLength);
        }
        ascii::base64_decode(self.text, out).ok_or(Error::Base64)
    }

    /// Decodes as much of it as fits `out`, and says how many octets; nothing if it is no base64.
    fn decode_front(&self, out: &mut [u8]) -> usize {
        let quads = self.text.len().min(out.len() / 3 * 4) & !3;
        let front = self.text.get(..quads).unwrap_or_default();
        ascii::base64_decode(front, out).map_or(0, <[u8]>::len)
    }
}

/// Writes `pieces` one after the other to the front of `out`, and says how many octets that are.
fn write(out: &mut [u8], pieces: &[&[u8]]) -> Result<usize, Error> {
    let mut length = 0;
    for piece in pieces {
        append(out, &mut length, piece);
    }
    fits(out, length)
}

/// Writes `piece` behind the first `length` octets of `out`, or only counts it: see [`fits`].
fn append(out: &mut [u8], length: &mut usize, piece: &[u8]) {
    let end = length.saturating_add(piece.len());
    if let Some(room) = out.get_mut(*length..end) {
        room.copy_from_slice(piece);
    }
    *length = end;
}

/// Whether `out` had room for the `length` octets that were appended.
fn fits(out: &[u8], length: usize) -> Result<usize, Error> {
    if length <= out.len() {
        Ok(length)
    } else {
        Err(Error::Storage)
    }
}

/// Neither `user` nor `password` may be empty or hold a control character.
fn check(user: &str, password: &str) -> Result<(), Error> {
    if !is_credential(user) {
        return Err(Error::User);
    }
    if !is_credential(password) {
        return Err(Error::Password);
    }
    Ok(())
}

/// The octets of a name as `saslname` writes them, in which `,` and `=` have a meaning (RFC 5801 4).
fn saslname(name: &str) -> impl Iterator<Item = &[u8]> {
    name.as_bytes().chunks(1).map(|octet| match octet {
        b"," => b"=2C",
        b"=" => b"=3D",
        _ => octet,
    })
}

fn is_credential(text: &str) -> bool {
    // RFC 4616 2 forbids NUL; RFC 4013 2.3 the controls.
    !text.is_empty() && !text.bytes().any(|octet| octet.is_ascii_control())
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    tests! {
        fn a_challenge_is_whole_or_an_error() {
            let mut out = [0; 4];
            assert_eq!(Challenge::new(b"Zm9v", true).decode(&mut out), Ok(&b"foo"[..]));
            assert_eq!(Challenge::new(b" Zm9vYg== ", true).decode(&mut out), Ok(&b"foob"[..]));
            assert_eq!(Challenge::new(b"", true).decode(&mut out), Ok(&b""[..]));
            assert_eq!(Challenge::new(b"Zm9v", false).decode(&mut out), Err(Error::ChallengeLength));
            assert_eq!(Challenge::new(b"Zm9vYmE=", true).decode(&mut out), Err(Error::ChallengeLength));
            assert_eq!(Challenge::new(b"Zm9vYmFyZm9v", true).decode(&mut out), Err(Error::ChallengeLength));
            for text in [&b"Zm9"[..], b"Zm9v=", b"Zm 9v", b"Zm9*", b"=", b"Zm9vYmF="] {
                assert!(Challenge::new(text, true).decode(&mut [0; 64]).is_err());
            }
        }
    }
}
