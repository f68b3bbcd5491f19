//! CRAM-MD5: a keyed digest of the server's challenge (RFC 2195), for servers that know nothing better.

use super::{Challenge, Error, Mechanism, check, write};
use core::fmt;
use hmac::{Hmac, Mac};
use md5::Md5;

/// CRAM-MD5 (RFC 2195). The password stays at home, but who listens can try words until the digest fits.
///
/// `Debug` shows no password.
#[derive(Clone, Copy)]
pub struct CramMd5<'a> {
    user: &'a str,
    password: &'a str,
    /// A challenge was answered, or the exchange has not begun.
    answered: bool,
}

impl<'a> CramMd5<'a> {
    /// Neither `user` nor `password` may be empty or hold a control character.
    pub fn new(user: &'a str, password: &'a str) -> Result<Self, Error> {
        check(user, password)?;
        Ok(Self {
            user,
            password,
            answered: true,
        })
    }
}

impl Mechanism for CramMd5<'_> {
    fn name(&self) -> &'static str {
        "CRAM-MD5"
    }

    fn reveals_password(&self) -> bool {
        false
    }

    fn start(&mut self, _: &mut [u8]) -> Result<Option<usize>, Error> {
        self.answered = false;
        Ok(None)
    }

    fn respond(&mut self, challenge: Challenge<'_>, out: &mut [u8]) -> Result<usize, Error> {
        if self.answered {
            return Err(Error::Unexpected);
        }
        let challenge = challenge.decode(out)?;
        if challenge.is_empty() {
            return Err(Error::Malformed);
        }
        self.answered = true;
        // A key of any length fits an HMAC.
        let mut mac = Hmac::<Md5>::new_from_slice(self.password.as_bytes()).map_err(|_| Error::Password)?;
        mac.update(challenge);
        let mut digest = [0; 32];
        for (pair, octet) in digest.chunks_exact_mut(2).zip(mac.finalize().into_bytes()) {
            pair.copy_from_slice(&[hex_digit(octet >> 4), hex_digit(octet & 15)]);
        }
        write(out, &[self.user.as_bytes(), b" ", &digest])
    }

    /// At least as much as the usual challenge, a message identifier, needs.
    fn longest(&self) -> usize {
        self.user.len().saturating_add(33).max(CHALLENGE)
    }
}

impl fmt::Debug for CramMd5<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CramMd5")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' - 10 + value }
}

/// How long a challenge may be in any case, octets.
const CHALLENGE: usize = 128;

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn respond(user: &str, password: &str, challenge: &[u8], complete: bool, out: &mut [u8]) -> Result<usize, Error> {
        let mut mechanism = CramMd5::new(user, password)?;
        assert_eq!(
            mechanism.respond(Challenge::new(challenge, true), out),
            Err(Error::Unexpected)
        );
        assert_eq!(mechanism.start(out), Ok(None));
        let count = mechanism.respond(Challenge::new(challenge, complete), out)?;
        assert_eq!(
            mechanism.respond(Challenge::new(challenge, true), &mut [0; 128]),
            Err(Error::Unexpected)
        );
        Ok(count)
    }

    tests! {
        fn the_example_of_rfc_2195() {
            let mut out = [0; 128];
            let challenge = b"PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+";
            let count = respond("tim", "tanstaaftanstaaf", challenge, true, &mut out);
            assert_eq!(count.map(|count| &out[..count]), Ok(&b"tim b913a602c7eda7a495b4e6e7334d3890"[..]));
        }

        fn hostile_challenges() {
            for (challenge, complete, length, error) in [
                (&b"PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"[..], false, 128, Error::ChallengeLength),
                (b"PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+", true, 40, Error::ChallengeLength),
                (b"PDE4OTYuNjk3MTcwOTUy", true, 35, Error::Storage),
                (b"PDE4OTYuNjk3MTcwOTUyQHBv-", true, 128, Error::Base64),
                (b"", true, 128, Error::Malformed),
            ] {
                assert_eq!(respond("tim", "secret", challenge, complete, &mut [0; 128][..length]), Err(error));
            }
        }
    }
}
