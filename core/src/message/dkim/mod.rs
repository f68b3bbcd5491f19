//! DKIM signatures as a stream (RFC 6376; RFC 8463 for Ed25519): relaxed/relaxed, SHA-256.
//!
//! ```text
//! source --1st pass--> header section in the buffer, digest of the body --> DKIM-Signature in the buffer
//! source --2nd pass--> [DKIM-Signature, then the message's octets]
//! ```
//!
//! The body's digest stands before the body, so the source is read twice, and must give the same octets twice.

pub(crate) mod canonical;
mod ed25519;
pub(crate) mod field;

pub use ed25519::Ed25519;

use super::address::is_domain;
use super::{Content, Error, Source, Transfer};
use canonical::{Body, fields, named, relaxed};
use core::fmt;
use field::append_signature;
use sha2::{Digest, Sha256};

/// A [`Source`] that can be read again.
pub trait Rewind: Source {
    /// Back to before `open`; from there it gives the same octets again.
    fn rewind(&mut self) -> Result<(), Error>;
}

impl<S: Rewind + ?Sized> Rewind for &mut S {
    fn rewind(&mut self) -> Result<(), Error> {
        (**self).rewind()
    }
}

/// Two sources of the same octets, such as two composers of one message; or twice the same slice.
#[derive(Clone, Copy, Debug)]
pub struct Twice<A, B> {
    first: A,
    second: B,
    again: bool,
}

impl<A: Source, B: Source> Twice<A, B> {
    /// `first` is read until it is rewound, and then `second`.
    pub fn new(first: A, second: B) -> Self {
        Self {
            first,
            second,
            again: false,
        }
    }
}

impl<A: Source, B: Source> Source for Twice<A, B> {
    fn open(&mut self, allowed: Transfer, utf8: bool) -> Result<Content, Error> {
        match self.again {
            false => self.first.open(allowed, utf8),
            true => self.second.open(allowed, utf8),
        }
    }

    fn pull(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        match self.again {
            false => self.first.pull(out),
            true => self.second.pull(out),
        }
    }
}

impl<A: Source, B: Source> Rewind for Twice<A, B> {
    /// Once; a second time there is no third source, which is an error.
    fn rewind(&mut self) -> Result<(), Error> {
        if self.again {
            return Err(Error::Source);
        }
        self.again = true;
        Ok(())
    }
}

/// How a signature is made (RFC 6376 3.3, RFC 8463 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// PureEdDSA over the SHA-256 digest.
    Ed25519Sha256,
    /// RSASSA-PKCS1-v1_5 with SHA-256; the key has at least 1024 bits, better 2048 (RFC 8301).
    RsaSha256,
}

/// Who holds the private key.
pub trait Signer {
    /// What [`sign`](Self::sign) makes.
    fn algorithm(&self) -> Algorithm;

    /// Signs `hash`, the SHA-256 digest, writes the signature to the front of `out`, and says how many octets it has.
    ///
    /// If `out` is too short it says [`Error::Buffer`], if it cannot sign [`Error::Signer`].
    fn sign(&mut self, hash: &[u8; 32], out: &mut [u8]) -> Result<usize, Error>;
}

/// What the signature says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Parameters<'a> {
    /// The domain that answers for the mail (`d=`).
    pub domain: &'a str,
    /// Which of its keys: the record is `<selector>._domainkey.<domain>` (`s=`).
    pub selector: &'a str,
    /// The header fields that are signed, besides From; one that is not there may not be added, either. One that is
    /// named once more than it is there may not be added again.
    pub fields: &'a [&'a str],
    /// When it was signed, seconds since 1970 (`t=`).
    pub signed_at: Option<u64>,
}

impl Parameters<'_> {
    /// The fields that an author writes and a relay has no reason to change (RFC 6376 5.4.1).
    pub const FIELDS: &'static [&'static str] = &[
        "Reply-To",
        "Subject",
        "Date",
        "To",
        "Cc",
        "Message-ID",
        "In-Reply-To",
        "References",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
    ];
}

/// A message behind its DKIM-Signature. From is always signed, and once more than it can be there.
pub struct Signed<'a, S> {
    source: S,
    parameters: Parameters<'a>,
    signer: &'a mut dyn Signer,
    buffer: &'a mut [u8],
    stage: Stage,
}

#[derive(Clone, Copy)]
enum Stage {
    Closed,
    Failed(Error),
    /// `buffer[sent..length]` is still to leave, and then what the source has; `octets` of it as it came.
    Open {
        sent: usize,
        length: usize,
        octets: u64,
    },
}

impl<'a, S: Rewind> Signed<'a, S> {
    /// Checks `parameters`. `buffer` must hold the header section of the message with an octet to spare, and the
    /// signature's field with the signature once more: 2,048 octets hold most.
    pub fn new(
        source: S,
        parameters: Parameters<'a>,
        signer: &'a mut dyn Signer,
        buffer: &'a mut [u8],
    ) -> Result<Self, Error> {
        if parameters.domain.len() > 255 || !is_domain(parameters.domain) {
            return Err(Error::Domain);
        }
        // selector = sub-domain *( "." sub-domain ); operators also write underscores.
        let is_selector = |text: &str| {
            text.split('.').all(|label| {
                (1..=63).contains(&label.len())
                    && label
                        .bytes()
                        .all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_'))
            })
        };
        if parameters.selector.len() > 255 || !is_selector(parameters.selector) {
            return Err(Error::Selector);
        }
        // Not longer than leaves a folded line within 78 columns.
        let is_name = |name: &&str| (1..=64).contains(&name.len()) && name.bytes().all(canonical::is_name_octet);
        if !parameters.fields.iter().all(is_name) {
            return Err(Error::FieldName);
        }
        Ok(Self {
            source,
            parameters,
            signer,
            buffer,
            stage: Stage::Closed,
        })
    }

    /// Reads the source once and signs; its second reading begins.
    fn sign(&mut self, utf8: bool) -> Result<Content, Error> {
        // RFC 6376 5.3: 8-bit text might be encoded anew on its way, so as much as possible is encoded before.
        let content = self.source.open(Transfer::SevenBit, utf8)?;
        if content.transfer == Transfer::Binary {
            return Err(Error::Binary);
        }
        let message = Message::read(&mut self.source, self.buffer)?;
        let length = self.field(&message)?;
        self.source.rewind()?;
        if self.source.open(Transfer::SevenBit, utf8)? != content {
            return Err(Error::Changed);
        }
        self.stage = Stage::Open {
            sent: 0,
            length,
            octets: message.octets,
        };
        Ok(Content {
            octets: message.written.checked_add(length as u64),
            raw: None,
            ..content
        })
    }

    /// Replaces the header section in the buffer by the signature's field, and says how long it is.
    fn field(&mut self, message: &Message) -> Result<usize, Error> {
        let header = self.buffer.get(..message.header).unwrap_or_default();
        if named(header, "From", 0).is_none() {
            return Err(Error::NoFrom);
        }
        let mut hash = Sha256::new();
        // RFC 6376 5.4.2: of several the last is signed first, and what is not there adds nothing.
        let names = ["From", "From"].iter().chain(self.parameters.fields);
        for (index, name) in names.clone().enumerate() {
            let before = names.clone().take(index);
            let nth = before.filter(|other| other.eq_ignore_ascii_case(name)).count();
            if let Some(field) = named(header, name, nth) {
                relaxed(field, &mut hash);
                hash.update(b"\r\n");
            }
        }
        let algorithm = self.signer.algorithm();
        let length = field::write(&self.parameters, algorithm, &message.body, self.buffer)?;
        let (field, rest) = self.buffer.split_at_mut_checked(length).ok_or(Error::Buffer)?;
        relaxed(field, &mut hash);
        let signature = self.signer.sign(&hash.finalize().into(), rest)?;
        Ok(length + append_signature(rest, signature)?)
    }
}

impl<S: Rewind> Source for Signed<'_, S> {
    /// Reads the whole source for the first time; the length is known then.
    fn open(&mut self, _: Transfer, utf8: bool) -> Result<Content, Error> {
        let content = self.sign(utf8);
        if let Err(error) = content {
            self.stage = Stage::Failed(error);
        }
        content
    }

    fn pull(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        if let Stage::Closed = self.stage {
            self.open(Transfer::SevenBit, false)?;
        }
        let (sent, length, octets) = match &mut self.stage {
            Stage::Open { sent, length, octets } => (sent, length, octets),
            Stage::Failed(error) => return Err(*error),
            Stage::Closed => return Err(Error::Source),
        };
        let mut field = self.buffer.get(*sent..*length).unwrap_or_default();
        let count = field.pull(out)?;
        *sent += count;
        if count > 0 {
            return Ok(count);
        }
        let count = self.source.pull(out)?;
        // Nothing may follow, or be missing, that was not signed.
        let rest = octets.checked_sub(count as u64).filter(|rest| count > 0 || *rest == 0);
        match rest {
            Some(rest) => *octets = rest,
            None => {
                self.stage = Stage::Failed(Error::Changed);
                return Err(Error::Changed);
            }
        }
        Ok(count)
    }
}

impl<S> fmt::Debug for Signed<'_, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signed")
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

/// What the first reading leaves.
struct Message {
    /// Octets of the header section at the front of the buffer, each line ended by LF.
    header: usize,
    body: [u8; 32],
    /// How many octets the source gave.
    octets: u64,
    /// How many octets that are when every line ends with CRLF.
    written: u64,
}

impl Message {
    fn read(source: &mut impl Source, buffer: &mut [u8]) -> Result<Self, Error> {
        let mut body = Body::default();
        let (mut header, mut in_body) = (0usize, false);
        let (mut octets, mut written, mut last) = (0u64, 0u64, b'\n');
        loop {
            let start = header;
            let room = buffer.get_mut(start..).filter(|room| !room.is_empty());
            let room = room.ok_or(Error::Buffer)?;
            let count = source.pull(room)?.min(room.len());
            if count == 0 {
                break;
            }
            octets = octets.saturating_add(count as u64);
            for index in start..start + count {
                let octet = buffer.get(index).copied().unwrap_or_default();
                // The session writes CRLF for a CR, an LF, and both as CRLF.
                if (last, octet) == (b'\r', b'\n') {
                    last = octet;
                    continue;
                }
                let line_ended = matches!(last, b'\r' | b'\n');
                last = octet;
                let octet = if octet == b'\r' { b'\n' } else { octet };
                written = written.saturating_add(if octet == b'\n' { 2 } else { 1 });
                if in_body {
                    body.feed(octet);
                } else if octet == b'\n' && line_ended {
                    in_body = true;
                } else if let Some(place) = buffer.get_mut(header) {
                    *place = octet;
                    header += 1;
                }
            }
        }
        if !matches!(last, b'\r' | b'\n') {
            written = written.saturating_add(2);
        }
        let text = buffer.get(..header).unwrap_or_default();
        if !fields(text).all(canonical::is_field) {
            return Err(Error::Header);
        }
        Ok(Self {
            header,
            body: body.finish(),
            octets,
            written,
        })
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use crate::ascii::base64_decode;

    type Octets = heapless::Vec<u8, 2048>;

    /// Octets in pieces of `size`, again and again; `later` of them are missing when they are read again.
    struct Pieces<'a> {
        octets: &'a [u8],
        rest: &'a [u8],
        size: usize,
        later: usize,
        content: Content,
    }

    fn pieces(octets: &[u8], size: usize) -> Pieces<'_> {
        let content = Content {
            transfer: Transfer::SevenBit,
            utf8: false,
            octets: None,
            raw: None,
        };
        Pieces {
            octets,
            rest: octets,
            size,
            later: 0,
            content,
        }
    }

    impl Source for Pieces<'_> {
        fn open(&mut self, allowed: Transfer, _: bool) -> Result<Content, Error> {
            assert_eq!(allowed, Transfer::SevenBit);
            Ok(self.content)
        }

        fn pull(&mut self, out: &mut [u8]) -> Result<usize, Error> {
            let size = self.size.min(out.len());
            self.rest.pull(&mut out[..size])
        }
    }

    impl Rewind for Pieces<'_> {
        fn rewind(&mut self) -> Result<(), Error> {
            self.rest = &self.octets[..self.octets.len() - self.later];
            Ok(())
        }
    }

    /// Signs nothing, but writes so many octets.
    struct Fake(usize);

    impl Signer for Fake {
        fn algorithm(&self) -> Algorithm {
            Algorithm::RsaSha256
        }

        fn sign(&mut self, hash: &[u8; 32], out: &mut [u8]) -> Result<usize, Error> {
            let room = out.get_mut(..self.0).ok_or(Error::Buffer)?;
            room.fill(hash[0]);
            Ok(self.0)
        }
    }

    const PARAMETERS: Parameters<'_> = Parameters {
        domain: "football.example.com",
        selector: "brisbane",
        fields: Parameters::FIELDS,
        signed_at: Some(1_528_637_909),
    };

    /// What leaves in pulls of `size` octets, and the length that was said before.
    fn sign(
        source: impl Rewind,
        parameters: Parameters<'_>,
        signer: &mut dyn Signer,
        buffer: &mut [u8],
        size: usize,
    ) -> Result<(Octets, u64), Error> {
        let mut signed = Signed::new(source, parameters, signer, buffer)?;
        let said = signed.open(Transfer::Binary, false)?.octets;
        let mut whole = Octets::new();
        let mut out = [0; 2048];
        loop {
            match signed.pull(&mut out[..size])? {
                0 => return Ok((whole, said.unwrap_or(0))),
                count => assert!(whole.extend_from_slice(&out[..count]).is_ok()),
            }
        }
    }

    fn refused(
        text: &[u8],
        change: impl FnOnce(&mut Pieces<'_>),
        signer: &mut dyn Signer,
        length: usize,
    ) -> Option<Error> {
        let mut source = pieces(text, 100);
        change(&mut source);
        sign(source, PARAMETERS, signer, &mut [0; 2048][..length], 100).err()
    }

    fn rfc_8463_key() -> Ed25519 {
        let mut private = [0; 32];
        assert!(base64_decode(b"nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=", &mut private).is_some());
        Ed25519::new(&private)
    }

    /// RFC 8463 A.3
    const HEADER: &[u8] = b"From: Joe SixPack <joe@football.example.com>\n\
        To: Suzie Q <suzie@shopping.example.net>\n\
        Subject: Is dinner ready?\n\
        Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)\n\
        Message-ID: <20030712040037.46341.5F8J@football.example.com>\n";
    const BODY: &[u8] = b"Hi.\n\nWe lost the game.  Are you hungry yet?\n\nJoe.\n";
    const MESSAGE: &[u8] = b"From: Joe SixPack <joe@football.example.com>\r\nTo: a@b\r\n\r\nHi.\r\n.\r\n \r\n\r\nJoe";

    tests! {
        fn the_example_of_rfc_8463() {
            let mut body = Body::default();
            BODY.iter().for_each(|octet| body.feed(*octet));
            let mut expected = [0; 32];
            assert!(base64_decode(b"2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=", &mut expected).is_some());
            assert_eq!(body.finish(), expected);

            let mut hash = Sha256::new();
            for name in ["from", "to", "subject", "date", "message-id"] {
                relaxed(named(HEADER, name, 0).unwrap_or_default(), &mut hash);
                hash.update(b"\r\n");
            }
            assert_eq!(named(HEADER, "from", 1), None);
            let field = b"DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;\r\n \
                d=football.example.com; i=@football.example.com;\r\n \
                q=dns/txt; s=brisbane; t=1528637909; h=from : to :\r\n \
                subject : date : message-id : from : subject : date;\r\n \
                bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;\r\n b=";
            relaxed(field, &mut hash);
            let mut key = rfc_8463_key();
            let mut signature = [0; 64];
            assert_eq!(key.sign(&hash.finalize().into(), &mut signature), Ok(64));
            let mut expected = [0; 64];
            let text = b"/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11BusFa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==";
            assert!(base64_decode(text, &mut expected).is_some());
            assert_eq!(signature, expected);
            let mut public = [0; 32];
            assert!(base64_decode(b"11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", &mut public).is_some());
            assert_eq!(key.public(), public);
        }

        fn the_splits_change_nothing() {
            let mut key = rfc_8463_key();
            let whole = sign(pieces(MESSAGE, 2048), PARAMETERS, &mut key, &mut [0; 2048], 2048);
            let Ok((whole, said)) = whole else { panic!("it is sound") };
            assert!(whole.ends_with(MESSAGE));
            // The CRLF that the last line lacks.
            assert_eq!(said, whole.len() as u64 + 2);
            for size in [1, 2, 3, 7, 64] {
                for out in [1, 5, 2048] {
                    assert_eq!(sign(pieces(MESSAGE, size), PARAMETERS, &mut key, &mut [0; 1024], out), Ok((whole.clone(), said)));
                }
            }
            let twice = Twice::new(MESSAGE, MESSAGE);
            assert_eq!(sign(twice, PARAMETERS, &mut key, &mut [0; 1024], 50), Ok((whole, said)));
        }

        fn every_line_break_is_signed_as_crlf() {
            let mut key = rfc_8463_key();
            let mut fields = [Octets::new(), Octets::new(), Octets::new()];
            let messages: [&[u8]; 3] = [
                b"From: a\r\nTo: b,\r\n c\r\n\r\n\r\ntext\r\n",
                b"From: a\nTo: b,\n c\n\n\ntext",
                b"From: a\rTo: b,\r c\r\r\rtext\r\r",
            ];
            for (field, message) in fields.iter_mut().zip(messages) {
                let outcome = sign(pieces(message, 1), PARAMETERS, &mut key, &mut [0; 1024], 100);
                let Ok((whole, _)) = outcome else { panic!("it is sound") };
                assert!(field.extend_from_slice(&whole[..whole.len() - message.len()]).is_ok());
            }
            assert_eq!(fields[0], fields[1]);
            assert_eq!(fields[0], fields[2]);
        }

        fn the_field_is_folded() {
            let long = "a-label-of-thirty-nine-octets-as-a-test.a-label-of-thirty-nine-octets-as-a-test";
            for (domain, count) in [("a", 0), ("football.example.com", 64), ("football.example.com", 256), (long, 512)] {
                let parameters = Parameters { domain, ..PARAMETERS };
                let Ok((whole, said)) = sign(pieces(MESSAGE, 99), parameters, &mut Fake(count.max(1)), &mut [0; 2048], 99) else {
                    panic!("it is sound");
                };
                assert_eq!(said, whole.len() as u64 + 2);
                let field = &whole[..whole.len() - MESSAGE.len()];
                assert!(field.starts_with(b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;") && field.ends_with(b"\r\n"));
                let field = core::str::from_utf8(field).unwrap_or_default();
                for (index, line) in field.split_terminator("\r\n").enumerate() {
                    assert!(line.len() <= 78 || line.starts_with(" d=a-label"));
                    assert!(index == 0 || line.len() > 1 && line.starts_with(' '));
                }
                let mut text = Octets::new();
                let signature = field.split(" b=").last().unwrap_or_default();
                text.extend(signature.bytes().filter(|octet| !octet.is_ascii_whitespace()));
                let mut decoded = [0; 600];
                assert_eq!(base64_decode(&text, &mut decoded).map(<[u8]>::len), Some(count.max(1)));
            }
        }

        fn what_cannot_be_signed() {
            let mut key = rfc_8463_key();
            let none = |_: &mut Pieces<'_>| ();
            assert_eq!(refused(b"To: a\r\n\r\n", none, &mut key, 1024), Some(Error::NoFrom));
            assert_eq!(refused(b"", none, &mut key, 1024), Some(Error::NoFrom));
            assert_eq!(refused(b"\r\nFrom: a\r\n", none, &mut key, 1024), Some(Error::NoFrom));
            for header in [&b"From: a\r\nno field\r\n\r\n"[..], b" From: a\r\n\r\n", b"From: a\r\n: b\r\n\r\n", b"From: a\r\nb"] {
                assert_eq!(refused(header, none, &mut key, 1024), Some(Error::Header));
            }
            for length in [0, 1, 50, 300] {
                assert_eq!(refused(MESSAGE, none, &mut key, length), Some(Error::Buffer));
            }
            assert_eq!(refused(MESSAGE, |source| source.content.transfer = Transfer::Binary, &mut key, 1024), Some(Error::Binary));
            assert_eq!(refused(MESSAGE, |source| source.later = 1, &mut key, 1024), Some(Error::Changed));
            assert_eq!(refused(MESSAGE, none, &mut Fake(0), 1024), Some(Error::Signer));
            assert_eq!(refused(MESSAGE, none, &mut Fake(1024), 1024), Some(Error::Buffer));
            assert_eq!(refused(MESSAGE, none, &mut Fake(600), 1024), Some(Error::Buffer));
            // The header section fits, its field does not; and the other way round.
            assert_eq!(refused(b"From: a\n\n", none, &mut key, 200), Some(Error::Buffer));
            let mut long = [b'x'; 900];
            long[..6].copy_from_slice(b"From:a");
            assert_eq!(refused(&long, none, &mut key, 900), Some(Error::Buffer));
            assert_eq!(refused(&long, none, &mut key, 901), None);
        }

        fn what_may_not_follow_what_was_signed() {
            let mut key = rfc_8463_key();
            let longer = Twice::new(&MESSAGE[..MESSAGE.len() - 1], MESSAGE);
            assert_eq!(sign(longer, PARAMETERS, &mut key, &mut [0; 1024], 10).err(), Some(Error::Changed));
            let mut buffer = [0; 1024];
            let Ok(mut signed) = Signed::new(Twice::new(MESSAGE, &b""[..]), PARAMETERS, &mut key, &mut buffer) else {
                panic!("it is sound");
            };
            let opened = signed.open(Transfer::SevenBit, false);
            assert_eq!(opened, Err(Error::Changed));
            assert_eq!(signed.pull(&mut [0; 10]), Err(Error::Changed));
        }

        fn parameters_cannot_break_the_field() {
            let refused = |parameters: Parameters<'_>| {
                let mut key = rfc_8463_key();
                Signed::new(pieces(MESSAGE, 1), parameters, &mut key, &mut []).err()
            };
            assert_eq!(refused(PARAMETERS), None);
            for domain in ["", "a b", "a;b", "a\r\n", "-a", "a..b", "b\u{fc}cher.example"] {
                assert_eq!(refused(Parameters { domain, ..PARAMETERS }), Some(Error::Domain));
            }
            for selector in ["", "a b", "a;b", "a\r\n", ".a"] {
                assert_eq!(refused(Parameters { selector, ..PARAMETERS }), Some(Error::Selector));
            }
            for name in ["", "a b", "a:b", "a;b", "a\r\n"] {
                assert_eq!(refused(Parameters { fields: &[name], ..PARAMETERS }), Some(Error::FieldName));
            }
        }
    }
}
