//! XOAUTH2: an OAuth 2.0 token as Google and Microsoft take it.

use super::bearer::{Failure, is_token};
use super::{Challenge, Error, Mechanism, is_credential, write};
use core::fmt;

/// XOAUTH2, the predecessor of OAUTHBEARER. `Debug` shows no token.
pub struct XOAuth2<'a> {
    user: &'a str,
    token: &'a str,
    failure: Failure<'a>,
}

impl<'a> XOAuth2<'a> {
    /// `user`, without control characters; the access `token`; and where to keep the server's words if it refuses it.
    ///
    /// What does not fit `failure` is dropped, so it may be empty.
    pub fn new(user: &'a str, token: &'a str, failure: &'a mut [u8]) -> Result<Self, Error> {
        if !is_credential(user) {
            return Err(Error::User);
        }
        if !is_token(token) {
            return Err(Error::Password);
        }
        Ok(Self {
            user,
            token,
            failure: Failure::new(failure),
        })
    }

    /// What the server said against the token, as a rule JSON; octets of a stranger. Empty if it said nothing.
    pub fn failure(&self) -> &[u8] {
        self.failure.text()
    }
}

impl Mechanism for XOAuth2<'_> {
    fn name(&self) -> &'static str {
        "XOAUTH2"
    }

    fn reveals_password(&self) -> bool {
        true
    }

    fn start(&mut self, out: &mut [u8]) -> Result<Option<usize>, Error> {
        self.failure.clear();
        let pieces = ["user=", self.user, "\x01auth=Bearer ", self.token, "\x01\x01"];
        write(out, &pieces.map(str::as_bytes)).map(Some)
    }

    fn respond(&mut self, challenge: Challenge<'_>, _: &mut [u8]) -> Result<usize, Error> {
        // The one challenge is the description of an error, and its answer empty; 535 follows.
        if self.failure.keep(challenge) {
            Ok(0)
        } else {
            Err(Error::Unexpected)
        }
    }

    fn longest(&self) -> usize {
        self.user.len().saturating_add(self.token.len()).saturating_add(20)
    }
}

impl fmt::Debug for XOAuth2<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("XOAuth2")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn refused(user: &str, token: &str) -> Option<Error> {
        XOAuth2::new(user, token, &mut []).err()
    }

    tests! {
        fn the_message_of_google_s_description() {
            let mut failure = [0; 64];
            let mut out = [0; 64];
            let mechanism = XOAuth2::new("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg", &mut failure);
            assert!(mechanism.is_ok());
            let Ok(mut mechanism) = mechanism else { return };
            assert_eq!(mechanism.start(&mut out), Err(Error::Storage));
            let mut out = [0; 128];
            assert_eq!(mechanism.start(&mut out), Ok(Some(mechanism.longest())));
            assert_eq!(
                &out[..mechanism.longest()],
                b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg\x01\x01",
            );
            // {"status":"401"}
            let challenge = Challenge::new(b"eyJzdGF0dXMiOiI0MDEifQ==", true);
            for _ in 0..2 {
                assert_eq!(mechanism.respond(challenge, &mut out), Ok(0));
                assert_eq!(mechanism.failure(), b"{\"status\":\"401\"}");
                assert_eq!(mechanism.respond(challenge, &mut out), Err(Error::Unexpected));
                assert!(mechanism.start(&mut out).is_ok());
                assert_eq!(mechanism.failure(), b"");
            }
        }

        fn what_does_not_fit_of_the_failure_is_dropped() {
            let mut failure = [0; 8];
            let Ok(mut mechanism) = XOAuth2::new("a", "b", &mut failure) else { return };
            for (text, complete, expected) in [
                (&b"eyJzdGF0dXMiOiI0MDEifQ=="[..], true, &b"{\"stat"[..]),
                (b"eyJzdGF0d", false, b"{\"stat"),
                (b"not base64", true, b""),
                (b"", true, b""),
            ] {
                assert!(mechanism.start(&mut [0; 32]).is_ok());
                assert_eq!(mechanism.respond(Challenge::new(text, complete), &mut []), Ok(0));
                assert_eq!(mechanism.failure(), expected);
            }
        }

        fn what_breaks_the_syntax_is_refused() {
            assert_eq!(refused("a\x01auth=", "b"), Some(Error::User));
            assert_eq!(refused("", "b"), Some(Error::User));
            for token in ["", "a\x01b", "a b", "a\r\n", "\u{e4}"] {
                assert_eq!(refused("a", token), Some(Error::Password));
            }
            assert_eq!(refused("a=,b", "b.-_~+/="), None);
        }
    }
}
