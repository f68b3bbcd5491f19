//! OAUTHBEARER: an OAuth 2.0 token (RFC 7628).

use super::bearer::{Failure, is_token};
use super::{Challenge, Error, Mechanism, append, fits, is_credential, saslname, write};
use core::fmt;

/// OAUTHBEARER (RFC 7628). `Debug` shows no token.
pub struct OAuthBearer<'a> {
    user: &'a str,
    token: &'a str,
    server: Option<(&'a str, u16)>,
    failure: Failure<'a>,
}

impl<'a> OAuthBearer<'a> {
    /// `user`, without control characters, or empty; the access `token`; and where to keep the server's words if it
    /// refuses it. What does not fit `failure` is dropped, so it may be empty.
    pub fn new(user: &'a str, token: &'a str, failure: &'a mut [u8]) -> Result<Self, Error> {
        if !(user.is_empty() || is_credential(user)) {
            return Err(Error::User);
        }
        if !is_token(token) {
            return Err(Error::Password);
        }
        Ok(Self {
            user,
            token,
            server: None,
            failure: Failure::new(failure),
        })
    }

    /// Names host and port that the client connected to, for servers of many names; the host in visible ASCII.
    pub fn to_server(self, host: &'a str, port: u16) -> Result<Self, Error> {
        if host.is_empty() || !host.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(Error::Host);
        }
        Ok(Self {
            server: Some((host, port)),
            ..self
        })
    }

    /// What the server said against the token, JSON (RFC 7628 3.2.2); octets of a stranger. Empty if it said nothing.
    pub fn failure(&self) -> &[u8] {
        self.failure.text()
    }
}

impl Mechanism for OAuthBearer<'_> {
    fn name(&self) -> &'static str {
        "OAUTHBEARER"
    }

    fn reveals_password(&self) -> bool {
        true
    }

    fn start(&mut self, out: &mut [u8]) -> Result<Option<usize>, Error> {
        self.failure.clear();
        // client-resp = gs2-header kvsep *kvpair kvsep
        let mut length = 0;
        append(out, &mut length, b"n,");
        if !self.user.is_empty() {
            append(out, &mut length, b"a=");
            for piece in saslname(self.user) {
                append(out, &mut length, piece);
            }
        }
        append(out, &mut length, b",\x01");
        if let Some((host, port)) = self.server {
            let (digits, start) = decimal(port);
            let port = digits.get(start..).unwrap_or_default();
            for piece in [b"host=", host.as_bytes(), b"\x01port=", port, b"\x01"] {
                append(out, &mut length, piece);
            }
        }
        for piece in [b"auth=Bearer ", self.token.as_bytes(), b"\x01\x01"] {
            append(out, &mut length, piece);
        }
        fits(out, length).map(Some)
    }

    fn respond(&mut self, challenge: Challenge<'_>, out: &mut [u8]) -> Result<usize, Error> {
        // RFC 7628 3.2.3: the one challenge is the description of an error, and its answer a kvsep; 535 follows.
        if !self.failure.keep(challenge) {
            return Err(Error::Unexpected);
        }
        write(out, &[b"\x01"])
    }

    fn longest(&self) -> usize {
        let host = self.server.map_or(0, |(host, _)| host.len().saturating_add(17));
        // Each octet of the user may need three.
        let user = self.user.len().saturating_mul(3);
        user.saturating_add(self.token.len())
            .saturating_add(host)
            .saturating_add(20)
    }
}

/// The digits of `number`, and where they begin.
fn decimal(mut number: u16) -> ([u8; 5], usize) {
    let mut digits = [b'0'; 5];
    let mut start = digits.len();
    for (index, digit) in digits.iter_mut().enumerate().rev() {
        if number > 0 || start == 5 {
            *digit = b'0' + (number % 10) as u8;
            start = index;
        }
        number /= 10;
    }
    (digits, start)
}

impl fmt::Debug for OAuthBearer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthBearer")
            .field("user", &self.user)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn check(user: &str, token: &str, server: Option<(&str, u16)>, expected: Result<&str, Error>) {
        let mut out = [0; 160];
        let written = OAuthBearer::new(user, token, &mut [])
            .and_then(|mechanism| match server {
                Some((host, port)) => mechanism.to_server(host, port),
                None => Ok(mechanism),
            })
            .and_then(|mut mechanism| {
                let longest = mechanism.longest();
                let count = mechanism.start(&mut out[..longest])?.unwrap_or(0);
                assert_eq!(mechanism.start(&mut [0; 160][..count - 1]), Err(Error::Storage));
                Ok(count)
            });
        assert_eq!(
            written.map(|count| core::str::from_utf8(&out[..count])),
            expected.map(Ok)
        );
    }

    tests! {
        fn messages_of_rfc_7628() {
            check(
                "user@example.com",
                "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==",
                Some(("server.example.com", 143)),
                Ok("n,a=user@example.com,\x01host=server.example.com\x01port=143\x01\
                    auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"),
            );
            check("", "b", None, Ok("n,,\x01auth=Bearer b\x01\x01"));
            check("", "b", Some(("h", 65535)), Ok("n,,\x01host=h\x01port=65535\x01auth=Bearer b\x01\x01"));
            check("", "b", Some(("h", 0)), Ok("n,,\x01host=h\x01port=0\x01auth=Bearer b\x01\x01"));
        }

        fn a_name_cannot_break_the_syntax() {
            check("a=b,c", "t", None, Ok("n,a=a=3Db=2Cc,\x01auth=Bearer t\x01\x01"));
            check("===", "t", Some(("h", 10000)), Ok("n,a==3D=3D=3D,\x01host=h\x01port=10000\x01auth=Bearer t\x01\x01"));
            check("a\x01b", "t", None, Err(Error::User));
            check("a", "t\x01", None, Err(Error::Password));
            check("a", "", None, Err(Error::Password));
            check("a", "t", Some(("", 1)), Err(Error::Host));
            check("a", "t", Some(("h\x01", 1)), Err(Error::Host));
        }

        fn the_error_of_rfc_7628_is_kept_and_answered_once() {
            let mut failure = [0; 160];
            let mechanism = OAuthBearer::new("user@example.com", "expired", &mut failure);
            assert!(mechanism.is_ok());
            let Ok(mut mechanism) = mechanism else { return };
            let mut out = [0; 80];
            assert!(mechanism.start(&mut out).is_ok());
            let challenge = Challenge::new(
                b"eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJleGFtcGxlX3Njb3BlIiwib3BlbmlkLWNvbmZpZ3VyYXRpb24i\
                  OiJodHRwczovL2V4YW1wbGUuY29tLy53ZWxsLWtub3duL29wZW5pZC1jb25maWd1cmF0aW9uIn0=",
                true,
            );
            assert_eq!((mechanism.respond(challenge, &mut out), out[0]), (Ok(1), 1));
            assert_eq!(
                core::str::from_utf8(mechanism.failure()),
                Ok("{\"status\":\"invalid_token\",\"scope\":\"example_scope\",\
                    \"openid-configuration\":\"https://example.com/.well-known/openid-configuration\"}"),
            );
            assert_eq!(mechanism.respond(challenge, &mut out), Err(Error::Unexpected));
        }
    }
}
