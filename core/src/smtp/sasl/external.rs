//! EXTERNAL: the server knows the client already, by its TLS certificate for one (RFC 4422 appendix A).

use super::{Challenge, Error, Mechanism, is_credential, write};

/// EXTERNAL (RFC 4422 appendix A).
#[derive(Clone, Copy, Debug)]
pub struct External<'a> {
    identity: &'a str,
}

impl<'a> External<'a> {
    /// Acts as `identity`, which holds no control character; empty: as whom the server knows.
    pub fn new(identity: &'a str) -> Result<Self, Error> {
        if identity.is_empty() || is_credential(identity) {
            Ok(Self { identity })
        } else {
            Err(Error::User)
        }
    }
}

impl Mechanism for External<'_> {
    fn name(&self) -> &'static str {
        "EXTERNAL"
    }

    fn reveals_password(&self) -> bool {
        false
    }

    fn start(&mut self, out: &mut [u8]) -> Result<Option<usize>, Error> {
        write(out, &[self.identity.as_bytes()]).map(Some)
    }

    fn respond(&mut self, _: Challenge<'_>, _: &mut [u8]) -> Result<usize, Error> {
        Err(Error::Unexpected)
    }

    fn longest(&self) -> usize {
        self.identity.len()
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    tests! {
        fn the_identity_or_nothing() {
            for identity in ["", "fred@example.com"] {
                let mut out = [0; 16];
                let mechanism = External::new(identity);
                assert!(mechanism.is_ok());
                let Ok(mut mechanism) = mechanism else { return };
                assert_eq!(mechanism.start(&mut out), Ok(Some(identity.len())));
                assert_eq!(&out[..identity.len()], identity.as_bytes());
                assert_eq!(mechanism.respond(Challenge::new(b"", true), &mut out), Err(Error::Unexpected));
            }
        }

        fn what_breaks_the_syntax_is_refused() {
            assert_eq!(External::new("a\0").err(), Some(Error::User));
            assert_eq!(External::new("fred").and_then(|mut external| external.start(&mut [0; 3])), Err(Error::Storage));
        }
    }
}
