//! PLAIN: the password itself, in one message (RFC 4616).

use super::{Challenge, Error, Mechanism, check, is_credential, write};
use core::fmt;

/// PLAIN (RFC 4616). `Debug` shows no password.
#[derive(Clone, Copy)]
pub struct Plain<'a> {
    identity: &'a str,
    user: &'a str,
    password: &'a str,
}

impl<'a> Plain<'a> {
    /// Neither `user` nor `password` may be empty or hold a control character.
    pub fn new(user: &'a str, password: &'a str) -> Result<Self, Error> {
        check(user, password)?;
        Ok(Self {
            identity: "",
            user,
            password,
        })
    }

    /// Acts as `identity` (authzid), where the server lets the user do so; empty: as the user.
    pub fn acting_as(self, identity: &'a str) -> Result<Self, Error> {
        if identity.is_empty() || is_credential(identity) {
            Ok(Self { identity, ..self })
        } else {
            Err(Error::User)
        }
    }
}

impl Mechanism for Plain<'_> {
    fn name(&self) -> &'static str {
        "PLAIN"
    }

    fn reveals_password(&self) -> bool {
        true
    }

    fn start(&mut self, out: &mut [u8]) -> Result<Option<usize>, Error> {
        // message = [authzid] UTF8NUL authcid UTF8NUL passwd
        let pieces = [self.identity, "\0", self.user, "\0", self.password];
        write(out, &pieces.map(str::as_bytes)).map(Some)
    }

    fn respond(&mut self, _: Challenge<'_>, _: &mut [u8]) -> Result<usize, Error> {
        Err(Error::Unexpected)
    }

    fn longest(&self) -> usize {
        [self.identity, self.user, self.password]
            .iter()
            .fold(2, |length, piece| length.saturating_add(piece.len()))
    }
}

impl fmt::Debug for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plain")
            .field("identity", &self.identity)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn check(identity: &str, user: &str, password: &str, expected: Result<&[u8], Error>) {
        let mut out = [0; 64];
        let written = Plain::new(user, password)
            .and_then(|plain| plain.acting_as(identity))
            .and_then(|mut plain| {
                let count = plain.start(&mut out)?;
                assert_eq!(count, Some(plain.longest()));
                Ok(plain.longest())
            });
        assert_eq!(written.map(|count| &out[..count]), expected);
    }

    tests! {
        fn messages_of_rfc_4616() {
            check("", "tim", "tanstaaftanstaaf", Ok(b"\0tim\0tanstaaftanstaaf"));
            check("Ursel", "Kurt", "xipj3plmq", Ok(b"Ursel\0Kurt\0xipj3plmq"));
        }

        fn what_breaks_the_syntax_is_refused() {
            check("", "", "secret", Err(Error::User));
            check("", "tim", "", Err(Error::Password));
            check("", "t\0im", "secret", Err(Error::User));
            check("", "tim", "sec\0ret", Err(Error::Password));
            check("", "tim", "sec\r\nret", Err(Error::Password));
            check("a\0b", "tim", "secret", Err(Error::User));
            check("", "t\u{ef}m", "p\u{e4}ss,=", Ok("\0t\u{ef}m\0p\u{e4}ss,=".as_bytes()));
        }

        fn a_challenge_after_the_message_is_not_answered() {
            let mut out = [0; 64];
            let plain = Plain::new("tim", "secret");
            assert!(plain.is_ok());
            if let Ok(mut plain) = plain {
                assert_eq!(plain.start(&mut out[..10]), Err(Error::Storage));
                assert_eq!(plain.start(&mut out), Ok(Some(11)));
                assert_eq!(plain.respond(Challenge::new(b"", true), &mut out), Err(Error::Unexpected));
            }
        }
    }
}
