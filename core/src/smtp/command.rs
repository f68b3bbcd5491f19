//! The commands, written into the transmit buffer. Each is one line; what stands in it was checked to fit one.

use super::Credentials;
use crate::ascii::base64_quad;
use crate::message::Address;

/// A command line of RFC 5321 4.1 or its extensions.
#[derive(Clone, Copy)]
pub(super) enum Command<'a> {
    Ehlo(&'a str),
    Helo(&'a str),
    StartTls,
    AuthPlain(Credentials<'a>),
    Mail(Option<Address<'a>>),
    Rcpt(Address<'a>),
    Data,
    Quit,
}

impl Command<'_> {
    /// Its length with CRLF, in octets.
    pub(super) fn len(&self) -> usize {
        let mut length = 0;
        self.write(&mut |octets| length += octets.len());
        length
    }

    /// Writes it to the front of `out` and says how long it is; `None` if it does not fit.
    pub(super) fn emit(&self, out: &mut [u8]) -> Option<usize> {
        let mut length = 0;
        let mut fits = true;
        self.write(&mut |octets| {
            match out.get_mut(length..).and_then(|out| out.get_mut(..octets.len())) {
                Some(out) => out.copy_from_slice(octets),
                None => fits = false,
            }
            length += octets.len();
        });
        fits.then_some(length)
    }

    fn write(&self, sink: &mut impl FnMut(&[u8])) {
        match self {
            Self::Ehlo(client) => {
                sink(b"EHLO ");
                sink(client.as_bytes());
            }
            Self::Helo(client) => {
                sink(b"HELO ");
                sink(client.as_bytes());
            }
            Self::StartTls => sink(b"STARTTLS"),
            Self::AuthPlain(credentials) => {
                sink(b"AUTH PLAIN ");
                plain_message(credentials, sink);
            }
            Self::Mail(reverse_path) => {
                sink(b"MAIL FROM:<");
                sink(reverse_path.map_or("", |address| address.as_str()).as_bytes());
                sink(b">");
            }
            Self::Rcpt(address) => {
                sink(b"RCPT TO:<");
                sink(address.as_str().as_bytes());
                sink(b">");
            }
            Self::Data => sink(b"DATA"),
            Self::Quit => sink(b"QUIT"),
        }
        sink(b"\r\n");
    }
}

/// Base64 of `NUL user NUL password` (RFC 4616 2), three octets a time, without a buffer for the secret.
fn plain_message(credentials: &Credentials<'_>, sink: &mut impl FnMut(&[u8])) {
    let octets = [0]
        .into_iter()
        .chain(credentials.user.bytes())
        .chain([0])
        .chain(credentials.password.bytes());
    let mut triple = heapless::Vec::<u8, 3>::new();
    for octet in octets {
        if triple.push(octet).is_ok() && triple.is_full() {
            sink(&base64_quad(&triple));
            triple.clear();
        }
    }
    if !triple.is_empty() {
        sink(&base64_quad(&triple));
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn check(command: Command<'_>, expected: &[u8]) {
        let mut out = [0; 64];
        assert_eq!(command.emit(&mut out).map(|length| &out[..length]), Some(expected));
        assert_eq!(command.len(), expected.len());
        assert_eq!(command.emit(&mut [0; 64][..expected.len() - 1]), None);
    }

    tests! {
        fn command_lines() {
            check(Command::Ehlo("[192.168.77.10]"), b"EHLO [192.168.77.10]\r\n");
            check(Command::Helo("gate.test"), b"HELO gate.test\r\n");
            check(Command::StartTls, b"STARTTLS\r\n");
            check(Command::Mail(None), b"MAIL FROM:<>\r\n");
            check(Command::Mail(Address::parse("a@b").ok()), b"MAIL FROM:<a@b>\r\n");
            if let Ok(address) = Address::parse("\"a b\"@c") {
                check(Command::Rcpt(address), b"RCPT TO:<\"a b\"@c>\r\n");
            }
            check(Command::Data, b"DATA\r\n");
            check(Command::Quit, b"QUIT\r\n");
        }

        fn auth_plain_of_rfc_4616() {
            // The octets of the example in RFC 4616 4.
            let credentials = |user, password| Command::AuthPlain(Credentials { user, password });
            check(credentials("tim", "tanstaaftanstaaf"), b"AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n");
            check(credentials("u", ""), b"AUTH PLAIN AHUA\r\n");
            check(credentials("us", ""), b"AUTH PLAIN AHVzAA==\r\n");
        }
    }
}
