//! The request: a GET of one URL.

use super::Url;

/// A GET request; it can only be made from a [`Url`], so no octet of it ends its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    authority: &'a str,
    target: &'a str,
}

impl<'a> Request<'a> {
    /// Asks the origin server of `url` for its content.
    pub fn get(url: &Url<'a>) -> Self {
        Self {
            authority: url.authority(),
            target: url.target(),
        }
    }

    /// How many octets it has on the wire.
    pub(super) fn length(&self) -> usize {
        self.pieces().iter().map(|piece| piece.len()).sum()
    }

    /// Writes it to the front of `out`; `None` if it does not fit.
    pub(super) fn write(&self, out: &mut [u8]) -> Option<usize> {
        let mut length = 0;
        for piece in self.pieces() {
            out.get_mut(length..)?
                .get_mut(..piece.len())?
                .copy_from_slice(piece.as_bytes());
            length += piece.len();
        }
        Some(length)
    }

    fn pieces(&self) -> [&'a str; 6] {
        // RFC 9112 3.2.1: an empty path is sent as `/`.
        let slash = if self.target.starts_with('/') { "" } else { "/" };
        // RFC 9110 12.5.3: `identity` alone, for nothing here decodes content.
        let fields = "\r\nUser-Agent: gatepost\r\nAccept-Encoding: identity\r\n\r\n";
        [
            "GET ",
            slash,
            self.target,
            " HTTP/1.1\r\nHost: ",
            self.authority,
            fields,
        ]
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    tests! {
        fn octets_of_a_request() {
            let request = Request::get(&Url::parse("http://h:81?q").unwrap());
            let mut out = [0; 128];
            let length = request.write(&mut out).unwrap();
            assert_eq!(length, request.length());
            let expected = "GET /?q HTTP/1.1\r\nHost: h:81\r\nUser-Agent: gatepost\r\nAccept-Encoding: identity\r\n\r\n";
            assert_eq!(&out[..length], expected.as_bytes());
            assert_eq!(request.write(&mut out[..length - 1]), None);
        }
    }
}
