//! The head of a response: its status line and the few fields that decide about its body (RFC 9112).

use super::Error;
use crate::ascii::{decimal, strip_prefix, trim};

/// What the head said, line by line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Three digits; 0 until the status line was fed.
    pub status: u16,
    /// HTTP/1.0: the connection ends with the response unless the server says otherwise.
    pub old: bool,
    pub content_length: Option<u64>,
    pub chunked: bool,
    pub close: bool,
    pub keep_alive: bool,
}

impl Head {
    /// Takes the status line, without its line end.
    ///
    /// RFC 9112 4: `HTTP-version SP status-code SP [ reason-phrase ]`; the last space is often missing.
    pub(super) fn feed_status_line(&mut self, line: &[u8]) -> Result<(), Error> {
        let Some((version, rest)) = line.split_at_checked(9) else {
            return Err(Error::StatusLine);
        };
        let Some((status, reason)) = rest.split_at_checked(3) else {
            return Err(Error::StatusLine);
        };
        self.old = match version {
            b"HTTP/1.1 " => false,
            b"HTTP/1.0 " => true,
            _ => return Err(Error::StatusLine),
        };
        self.status = match decimal(status).and_then(|status| u16::try_from(status).ok()) {
            Some(status @ 100..=599) if matches!(reason, [] | [b' ', ..]) => status,
            _ => return Err(Error::StatusLine),
        };
        Ok(())
    }

    /// Takes a field line, without its line end.
    pub(super) fn feed_field(&mut self, line: &[u8]) -> Result<(), Error> {
        // RFC 9112 5.1 and 5.2: a space before the colon, or a folded line, is how fields are smuggled.
        let colon = line.iter().position(|octet| *octet == b':').ok_or(Error::Field)?;
        let (name, value) = line.split_at_checked(colon).ok_or(Error::Field)?;
        if name.is_empty() || !name.iter().all(is_token_octet) {
            return Err(Error::Field);
        }
        // RFC 9110 5.5: CR, LF and NUL within a value are dangerous.
        if value.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
            return Err(Error::Field);
        }
        let value = trim(value.get(1..).unwrap_or_default());
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = decimal(value).ok_or(Error::ContentLength)?;
            if self.content_length.replace(length).is_some() {
                return Err(Error::ContentLength);
            }
        } else if name.eq_ignore_ascii_case(b"transfer-encoding") {
            if self.chunked || self.old || !value.eq_ignore_ascii_case(b"chunked") {
                return Err(Error::TransferEncoding);
            }
            self.chunked = true;
        } else if name.eq_ignore_ascii_case(b"content-encoding") {
            if !value.eq_ignore_ascii_case(b"identity") {
                return Err(Error::ContentEncoding);
            }
        } else if name.eq_ignore_ascii_case(b"connection") {
            for option in value.split(|octet| *octet == b',').map(trim) {
                self.close |= option.eq_ignore_ascii_case(b"close");
                self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        }
        Ok(())
    }

    /// Checks what only the whole head can tell.
    pub(super) fn finish(&self) -> Result<(), Error> {
        // RFC 9112 6.3: both of them together ought to be handled as an error.
        if self.chunked && self.content_length.is_some() {
            return Err(Error::TransferEncoding);
        }
        if self.status == 101 {
            return Err(Error::SwitchingProtocols);
        }
        Ok(())
    }

    /// An interim response: the real one follows (RFC 9110 15.2).
    pub(super) fn is_interim(&self) -> bool {
        matches!(self.status, 100..=199)
    }

    /// RFC 9112 9.3: whether the server keeps the connection open for another request.
    pub(super) fn is_persistent(&self) -> bool {
        !self.close && (!self.old || self.keep_alive)
    }
}

/// Whether a line that begins like this may be skipped unread because nothing here needs its field.
///
/// `start` must hold the whole field name.
pub(super) fn is_skippable(start: &[u8]) -> bool {
    let needed: [&[u8]; 4] = [
        b"content-length:",
        b"transfer-encoding:",
        b"content-encoding:",
        b"connection:",
    ];
    let name = start.split(|octet| *octet == b':').next().unwrap_or_default();
    name.len() < start.len()
        && !name.is_empty()
        && name.iter().all(is_token_octet)
        && needed.iter().all(|field| strip_prefix(start, field).is_none())
}

/// RFC 9110 5.6.2: `tchar`.
fn is_token_octet(octet: &u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(octet)
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn head(lines: &str) -> Result<Head, Error> {
        let mut head = Head::default();
        for (index, line) in lines.split('\n').enumerate() {
            match index {
                0 => head.feed_status_line(line.as_bytes())?,
                _ => head.feed_field(line.as_bytes())?,
            }
        }
        head.finish()?;
        Ok(head)
    }

    tests! {
        fn what_decides_about_the_body() {
            let length = head("HTTP/1.1 200 OK\nServer: x\ncontent-LENGTH: \t62500 ").unwrap();
            assert_eq!((length.status, length.content_length, length.chunked), (200, Some(62500), false));
            assert!(length.is_persistent());
            let chunked = head("HTTP/1.1 200\nTransfer-Encoding: Chunked\nConnection: x, Close").unwrap();
            assert_eq!((chunked.content_length, chunked.chunked), (None, true));
            assert!(!chunked.is_persistent());
            assert!(!head("HTTP/1.0 200 OK").unwrap().is_persistent());
            assert!(head("HTTP/1.0 200 OK\nConnection: Keep-Alive").unwrap().is_persistent());
            assert!(head("HTTP/1.1 103 Early Hints").unwrap().is_interim());
        }

        fn heads_that_are_refused() {
            for (lines, error) in [
                ("", Error::StatusLine), ("HTTP/2 200", Error::StatusLine), ("HTTP/1.1 20", Error::StatusLine),
                ("HTTP/1.1 099 x", Error::StatusLine), ("HTTP/1.1 2000", Error::StatusLine), ("HTTP/1.1 600 ", Error::StatusLine),
                ("HTTP/1.1 200\nx", Error::Field), ("HTTP/1.1 200\nx : y", Error::Field), ("HTTP/1.1 200\n x: y", Error::Field),
                ("HTTP/1.1 200\n: y", Error::Field), ("HTTP/1.1 200\nx: a\rb", Error::Field), ("HTTP/1.1 200\nx: a\0", Error::Field),
                ("HTTP/1.1 200\nContent-Length: 5\nContent-Length: 5", Error::ContentLength),
                ("HTTP/1.1 200\nContent-Length: 5\nContent-Length: 6", Error::ContentLength),
                ("HTTP/1.1 200\nContent-Length: 5, 5", Error::ContentLength), ("HTTP/1.1 200\nContent-Length: -1", Error::ContentLength),
                ("HTTP/1.1 200\nContent-Length: 99999999999999999999", Error::ContentLength),
                ("HTTP/1.1 200\nTransfer-Encoding: gzip, chunked", Error::TransferEncoding),
                ("HTTP/1.1 200\nTransfer-Encoding: chunked\nTransfer-Encoding: chunked", Error::TransferEncoding),
                ("HTTP/1.1 200\nTransfer-Encoding: chunked\nContent-Length: 5", Error::TransferEncoding),
                ("HTTP/1.0 200\nTransfer-Encoding: chunked", Error::TransferEncoding),
                ("HTTP/1.1 200\nContent-Encoding: gzip", Error::ContentEncoding),
                ("HTTP/1.1 101 Switching Protocols", Error::SwitchingProtocols),
            ] {
                assert_eq!(head(lines), Err(error), "{lines}");
            }
        }

        fn only_lines_that_decide_nothing_are_skipped() {
            assert!(is_skippable(b"Set-Cookie: aaaaaaaa"));
            for start in [&b"Content-Length: 0000000"[..], b"transfer-encoding: ", b"aaaaaaaaaaaaaa", b"a b: c", b": x"] {
                assert!(!is_skippable(start));
            }
        }
    }
}
