//! What the server offers in its reply to EHLO, a keyword a line (RFC 5321 4.1.1.1).

use crate::ascii::{strip_prefix, trim};
use core::fmt;

/// The extensions this client knows that the server offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    pub(super) start_tls: bool,
    /// AUTH with the mechanism PLAIN among others.
    pub(super) auth_plain: bool,
}

/// An extension that a configuration may require.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyword {
    /// RFC 3207.
    StartTls,
    /// RFC 4954 with the mechanism of RFC 4616.
    AuthPlain,
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StartTls => "STARTTLS",
            Self::AuthPlain => "AUTH PLAIN",
        })
    }
}

impl Extensions {
    /// Takes in the text of one line after the first: `ehlo-keyword *( SP ehlo-param )`; an unknown one is no error.
    pub(super) fn feed(&mut self, text: &[u8]) {
        let text = trim(text);
        if text.eq_ignore_ascii_case(b"STARTTLS") {
            self.start_tls = true;
        }
        // Servers for old clients also write `AUTH=`.
        if let Some([b' ' | b'=', mechanisms @ ..]) = strip_prefix(text, b"AUTH") {
            self.auth_plain |= mechanisms
                .split(|octet| matches!(octet, b' ' | b'\t'))
                .any(|mechanism| mechanism.eq_ignore_ascii_case(b"PLAIN"));
        }
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn check(lines: &[&[u8]], start_tls: bool, auth_plain: bool) {
        let mut extensions = Extensions::default();
        for line in lines {
            extensions.feed(line);
        }
        assert_eq!(extensions, Extensions { start_tls, auth_plain });
    }

    tests! {
        fn keywords_in_any_case_and_company() {
            check(&[b"PIPELINING", b"SIZE 20480000", b"StartTLS", b"8BITMIME"], true, false);
            check(&[b"AUTH LOGIN PLAIN"], false, true);
            check(&[b"auth=plain login "], false, true);
            check(&[b"AUTH LOGIN", b"AUTH=PLAIN"], false, true);
        }

        fn what_only_looks_like_a_keyword() {
            check(&[b"", b"STARTTLSX", b"X STARTTLS", b"AUTHPLAIN", b"AUTH", b"AUTH PLAINTEXT", b"AUTH LOGIN XPLAIN", b"STARTTLS now"],
                false, false);
        }
    }
}
