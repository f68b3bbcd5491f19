//! What the server offers in its reply to EHLO, a keyword a line (RFC 5321 4.1.1.1).

use crate::ascii::{decimal, trim};
use core::fmt;

/// A service extension of SMTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keyword {
    /// RFC 3207: TLS on a connection that began without.
    StartTls,
    /// RFC 4954: a mechanism that the configuration has, too.
    Auth,
    /// RFC 2920: several commands in one turn.
    Pipelining,
    /// RFC 1870: the mail's size is said beforehand.
    Size,
    /// RFC 6152: octets beyond ASCII.
    EightBitMime,
    /// RFC 6531: addresses and header fields beyond ASCII.
    SmtpUtf8,
    /// RFC 3030: BDAT in place of DATA.
    Chunking,
    /// RFC 3030: mail data that are not lines.
    BinaryMime,
    /// RFC 3461: delivery status notifications.
    Dsn,
    /// RFC 8689: TLS on the whole way.
    RequireTls,
    /// RFC 9422: how much the server takes at once.
    Limits,
    /// RFC 6710: priorities.
    MtPriority,
    /// RFC 2852: a time limit of the delivery.
    DeliverBy,
    /// RFC 4865: delivery not before a time.
    FutureRelease,
}

impl Keyword {
    /// As the server writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::StartTls => "STARTTLS",
            Self::Auth => "AUTH",
            Self::Pipelining => "PIPELINING",
            Self::Size => "SIZE",
            Self::EightBitMime => "8BITMIME",
            Self::SmtpUtf8 => "SMTPUTF8",
            Self::Chunking => "CHUNKING",
            Self::BinaryMime => "BINARYMIME",
            Self::Dsn => "DSN",
            Self::RequireTls => "REQUIRETLS",
            Self::Limits => "LIMITS",
            Self::MtPriority => "MT-PRIORITY",
            Self::DeliverBy => "DELIVERBY",
            Self::FutureRelease => "FUTURERELEASE",
        }
    }
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of [`Keyword`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extensions(u16);

impl Extensions {
    /// The empty set.
    pub const NONE: Self = Self(0);
    /// Every [`Keyword`].
    pub const ALL: Self = Self((1 << (Keyword::FutureRelease as u16 + 1)) - 1);

    /// With `keyword`, too.
    pub const fn with(self, keyword: Keyword) -> Self {
        Self(self.0 | 1 << keyword as u16)
    }

    /// Whether `keyword` is among them.
    pub const fn contains(self, keyword: Keyword) -> bool {
        self.0 & 1 << keyword as u16 != 0
    }

    const fn without(self, keyword: Keyword) -> Self {
        Self(self.0 & !(1 << keyword as u16))
    }
}

/// Which parts of a session are linked: what is left out costs no flash.
///
/// A profile is a type without a value: `enum Small {}  impl Profile for Small { const LINKED: .. }`.
pub trait Profile {
    /// The extensions that are used where the server offers them.
    const LINKED: Extensions;
    /// A connection may carry several mails; else it ends after the first.
    const REUSE: bool = false;
    /// [`Protocol::Lmtp`](super::Protocol::Lmtp) may be asked for.
    const LMTP: bool = false;
    /// [`Session::trace`](super::Session::trace) has an effect.
    const TRANSCRIPT: bool = false;
}

/// Every extension and capability.
#[derive(Clone, Copy, Debug)]
pub enum Full {}

impl Profile for Full {
    const LINKED: Extensions = Extensions::ALL;
    const REUSE: bool = true;
    const LMTP: bool = true;
    const TRANSCRIPT: bool = true;
}

/// One mail a connection, after AUTH if there are mechanisms; TLS only below the session.
#[derive(Clone, Copy, Debug)]
pub enum Basic {}

impl Profile for Basic {
    const LINKED: Extensions = Extensions::NONE.with(Keyword::Auth);
}

/// What a server said to EHLO, as far as the profile `P` knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) extensions: Extensions,
    /// The parameter of SIZE; 0: none was named.
    pub(super) size: u64,
    /// LIMITS RCPTMAX and MAILMAX; 0: none was named.
    pub(super) recipients: u32,
    pub(super) mails: u32,
}

impl Offer {
    pub(super) fn contains(&self, keyword: Keyword) -> bool {
        self.extensions.contains(keyword)
    }

    /// Takes in the text of one line after the first: `ehlo-keyword *( SP ehlo-param )`; an unknown one is no error.
    ///
    /// `mechanism` is asked whether an authentication mechanism that the server lists can be used.
    pub(super) fn feed<P: Profile>(&mut self, text: &[u8], mut mechanism: impl FnMut(&[u8]) -> bool) {
        let is_blank = |octet: &u8| matches!(octet, b' ' | b'\t' | b'=');
        let text = trim(text);
        let end = text.iter().position(is_blank).unwrap_or(text.len());
        let (first, rest) = text.split_at(end);
        let mut words = rest.split(is_blank).filter(|word| !word.is_empty());
        let is = |keyword: Keyword| {
            // What is not linked is not even compared.
            P::LINKED.contains(keyword) && first.eq_ignore_ascii_case(keyword.as_str().as_bytes())
        };
        let mut found = None;
        if is(Keyword::Auth) {
            // Servers for old clients also write `AUTH=`.
            let usable = words.fold(false, |usable, word| mechanism(word) | usable);
            found = usable.then_some(Keyword::Auth);
        } else if is(Keyword::Size) {
            self.size = words.next().and_then(decimal).unwrap_or(0);
            found = Some(Keyword::Size);
        } else if is(Keyword::Limits) {
            // The words are split at `=`, too: name, value, name, value.
            while let (Some(name), Some(value)) = (words.next(), words.next()) {
                let value = decimal(value).and_then(|value| u32::try_from(value).ok()).unwrap_or(0);
                if name.eq_ignore_ascii_case(b"RCPTMAX") {
                    self.recipients = value;
                } else if name.eq_ignore_ascii_case(b"MAILMAX") {
                    self.mails = value;
                }
            }
            found = Some(Keyword::Limits);
        } else {
            // Those that stand alone: with a parameter it is another keyword, which we do not know.
            let mut alone = |keyword| {
                if is(keyword) && rest.is_empty() {
                    found = Some(keyword)
                }
            };
            alone(Keyword::StartTls);
            alone(Keyword::Pipelining);
            alone(Keyword::EightBitMime);
            alone(Keyword::SmtpUtf8);
            alone(Keyword::Chunking);
            alone(Keyword::BinaryMime);
            alone(Keyword::Dsn);
            alone(Keyword::RequireTls);
            // What the parameters of these say about the server's habits changes nothing.
            let mut any = |keyword| {
                if is(keyword) {
                    found = Some(keyword)
                }
            };
            any(Keyword::MtPriority);
            any(Keyword::DeliverBy);
            any(Keyword::FutureRelease);
        }
        if let Some(keyword) = found {
            self.extensions = self.extensions.with(keyword);
        }
    }

    /// Without what a server may offer only where another extension is.
    pub(super) fn settle(&mut self) {
        if !self.contains(Keyword::Chunking) {
            // RFC 3030 3: BINARYMIME needs CHUNKING.
            self.extensions = self.extensions.without(Keyword::BinaryMime);
        }
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    fn offer(lines: &[&[u8]]) -> Offer {
        let mut offer = Offer::default();
        for line in lines {
            offer.feed::<Full>(line, |name| name.eq_ignore_ascii_case(b"PLAIN"));
        }
        offer.settle();
        offer
    }

    fn check(lines: &[&[u8]], expected: &[Keyword]) {
        let expected = expected
            .iter()
            .fold(Extensions::NONE, |set, keyword| set.with(*keyword));
        assert_eq!(offer(lines).extensions, expected, "{lines:?}");
    }

    tests! {
        fn keywords_in_any_case_and_company() {
            check(&[b"PIPELINING", b"StartTLS", b"8bitmime "], &[Keyword::Pipelining, Keyword::StartTls, Keyword::EightBitMime]);
            check(&[b"AUTH LOGIN PLAIN"], &[Keyword::Auth]);
            check(&[b"auth=plain login "], &[Keyword::Auth]);
            check(&[b"AUTH LOGIN", b"AUTH=PLAIN"], &[Keyword::Auth]);
            check(&[b"MT-PRIORITY MIXER", b"DELIVERBY 240", b"FUTURERELEASE 86400 2030-01-01T00:00:00Z"],
                &[Keyword::MtPriority, Keyword::DeliverBy, Keyword::FutureRelease]);
        }

        fn what_only_looks_like_a_keyword() {
            check(&[b"", b" ", b"STARTTLSX", b"X STARTTLS", b"AUTHPLAIN", b"AUTH", b"AUTH PLAINTEXT", b"AUTH LOGIN XPLAIN", b"STARTTLS now"], &[]);
            check(&[b"BINARYMIME"], &[]);
            check(&[b"BINARYMIME", b"CHUNKING"], &[Keyword::BinaryMime, Keyword::Chunking]);
        }

        fn numbers_of_size_and_limits() {
            assert_eq!((offer(&[b"SIZE"]).size, offer(&[b"SIZE 20480000"]).size, offer(&[b"size 99999999999999999999"]).size), (0, 20_480_000, 0));
            let limits = offer(&[b"LIMITS RCPTMAX=5 MAILMAX=x RCPTDOMAINMAX=1"]);
            assert_eq!((limits.recipients, limits.mails), (5, 0));
            let limits = offer(&[b"LIMITS mailmax=3 rcptmax"]);
            assert_eq!((limits.recipients, limits.mails), (0, 3));
        }

        fn what_is_not_linked_is_not_offered() {
            let mut offer = Offer::default();
            for line in [&b"STARTTLS"[..], b"SIZE 5", b"PIPELINING", b"AUTH PLAIN"] {
                offer.feed::<Basic>(line, |_| true);
            }
            assert_eq!(offer, Offer { extensions: Extensions::NONE.with(Keyword::Auth), ..Offer::default() });
        }
    }
}
