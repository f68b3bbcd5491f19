//! LOGIN: user and password, each to a prompt (draft-murchison-sasl-login, obsolete and widespread).

use super::{Challenge, Error, Mechanism, check, write};
use core::fmt;

/// LOGIN: the first challenge gets the user, the second the password, whatever they say. `Debug` shows no password.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    user: &'a str,
    password: &'a str,
    next: Answer,
}

#[derive(Clone, Copy)]
enum Answer {
    User,
    Password,
    None,
}

impl<'a> Login<'a> {
    /// Neither `user` nor `password` may be empty or hold a control character.
    pub fn new(user: &'a str, password: &'a str) -> Result<Self, Error> {
        check(user, password)?;
        Ok(Self {
            user,
            password,
            next: Answer::None,
        })
    }
}

impl Mechanism for Login<'_> {
    fn name(&self) -> &'static str {
        "LOGIN"
    }

    fn reveals_password(&self) -> bool {
        true
    }

    fn start(&mut self, _: &mut [u8]) -> Result<Option<usize>, Error> {
        self.next = Answer::User;
        Ok(None)
    }

    fn respond(&mut self, _: Challenge<'_>, out: &mut [u8]) -> Result<usize, Error> {
        // The prompts are not standardised, nor always English, nor always base64.
        let (answer, next) = match self.next {
            Answer::User => (self.user, Answer::Password),
            Answer::Password => (self.password, Answer::None),
            Answer::None => return Err(Error::Unexpected),
        };
        self.next = next;
        write(out, &[answer.as_bytes()])
    }

    fn longest(&self) -> usize {
        self.user.len().max(self.password.len())
    }
}

impl fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn login<'a>() -> Login<'a> {
        Login {
            user: "tim",
            password: "secret",
            next: Answer::None,
        }
    }

    tests! {
        fn two_answers_whatever_the_prompts_say() {
            let mut login = login();
            let mut out = [0; 6];
            for prompts in [[&b"VXNlcm5hbWU6"[..], b"UGFzc3dvcmQ6"], [b"UGFzc3dvcmQ6", b"VXNlcm5hbWU6"], [b"", b"not base64"]] {
                assert_eq!(login.start(&mut out), Ok(None));
                assert_eq!(login.respond(Challenge::new(prompts[0], true), &mut out), Ok(3));
                assert_eq!(&out[..3], b"tim");
                assert_eq!(login.respond(Challenge::new(prompts[1], false), &mut out), Ok(6));
                assert_eq!(&out, b"secret");
                for _ in 0..3 {
                    assert_eq!(login.respond(Challenge::new(prompts[1], true), &mut out), Err(Error::Unexpected));
                }
            }
        }

        fn nothing_is_said_before_the_start_nor_cut_short() {
            let mut login = login();
            assert_eq!(login.respond(Challenge::new(b"", true), &mut [0; 6]), Err(Error::Unexpected));
            assert_eq!(login.start(&mut []), Ok(None));
            assert_eq!(login.respond(Challenge::new(b"", true), &mut [0; 2]), Err(Error::Storage));
            assert_eq!(login.longest(), 6);
        }

        fn what_breaks_the_syntax_is_refused() {
            assert_eq!(Login::new("", "secret").err(), Some(Error::User));
            assert_eq!(Login::new("tim", "").err(), Some(Error::Password));
            assert_eq!(Login::new("t\nim", "secret").err(), Some(Error::User));
            assert_eq!(Login::new("tim", "sec\0ret").err(), Some(Error::Password));
        }
    }
}
