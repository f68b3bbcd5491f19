//! What MAIL and RCPT may say besides the paths, where the server knows the extension.

use crate::message::Address;

/// What is asked of the server for a whole mail; by default nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// How much of the mail a notification returns (RFC 3461 4.3).
    pub ret: Option<Return>,
    /// What a notification calls the envelope (RFC 3461 4.4).
    pub envelope_id: Option<EnvelopeId<'a>>,
    /// The mail goes only where TLS protects it (RFC 8689).
    pub require_tls: bool,
    /// -9 to 9 (RFC 6710).
    pub priority: Option<Priority>,
    /// Until when it is of use (RFC 2852).
    pub deliver_by: Option<DeliverBy>,
    /// Since when (RFC 4865).
    pub hold: Option<Hold<'a>>,
    /// The mail goes to all recipients or to none; costs a turn.
    pub all_or_nothing: bool,
}

/// Of a mail that is not delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Return {
    /// The whole mail.
    Full,
    /// Its header section.
    Headers,
}

/// An envelope identifier: 1 to 100 octets of printable ASCII once written as xtext (RFC 3461 4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnvelopeId<'a>(&'a str);

impl<'a> EnvelopeId<'a> {
    /// `None` if `text` is empty, too long, or not printable ASCII.
    pub fn new(text: &'a str) -> Option<Self> {
        let octets = text.as_bytes();
        let length: usize = octets.iter().map(|octet| if is_xchar(*octet) { 1 } else { 3 }).sum();
        let printable = octets.iter().all(|octet| matches!(octet, b' '..=b'~'));
        (printable && matches!(length, 1..=100)).then_some(Self(text))
    }

    /// The identifier.
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

/// A priority of RFC 6710.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priority(i8);

impl Priority {
    /// `None` outside -9 to 9.
    pub const fn new(value: i8) -> Option<Self> {
        match value {
            -9..=9 => Some(Self(value)),
            _ => None,
        }
    }

    /// The number; higher is more urgent.
    pub const fn value(self) -> i8 {
        self.0
    }
}

/// RFC 2852: what happens to a mail that is not delivered in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliverBy {
    /// From now on, at most 999,999,999 (nine digits); beyond is written as that.
    pub seconds: u32,
    /// It is returned; else it goes on, and its originator is told.
    pub returns: bool,
    /// Every relay on the way is reported.
    pub trace: bool,
}

/// RFC 4865: the server keeps the mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold<'a> {
    /// For so many seconds.
    For(u32),
    /// Until then.
    Until(Date<'a>),
}

/// A date-time of RFC 3339, as `2026-11-22T10:00:00Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date<'a>(&'a str);

impl<'a> Date<'a> {
    /// `None` if `text` has not the form of one; whether that day exists the server knows.
    pub fn new(text: &'a str) -> Option<Self> {
        let (moment, offset) = text.as_bytes().split_at_checked(19)?;
        let offset = match offset {
            b"Z" => true,
            [b'+' | b'-', rest @ ..] => has_form(rest, b"00:00"),
            _ => false,
        };
        (offset && has_form(moment, b"0000-00-00T00:00:00")).then_some(Self(text))
    }

    /// As it was given.
    pub fn as_str(&self) -> &'a str {
        self.0
    }
}

/// Whether a digit stands wherever `form` has one, and the same octet elsewhere.
fn has_form(text: &[u8], form: &[u8]) -> bool {
    text.len() == form.len()
        && text.iter().zip(form).all(|(octet, form)| {
            if form.is_ascii_digit() {
                octet.is_ascii_digit()
            } else {
                octet == form
            }
        })
}

/// One recipient of a mail.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// The forward-path.
    pub address: Address<'a>,
    /// About what the originator is told (RFC 3461 4.1); `None` leaves it to the server.
    pub notify: Option<Notify>,
    /// Whom the originator named, where aliases led elsewhere (RFC 3461 4.2).
    pub original: Option<Address<'a>>,
}

impl<'a> From<Address<'a>> for Recipient<'a> {
    fn from(address: Address<'a>) -> Self {
        Self {
            address,
            notify: None,
            original: None,
        }
    }
}

/// The occasions of a delivery status notification; none of them: NEVER.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// The mail was delivered.
    pub success: bool,
    /// It will not be.
    pub failure: bool,
    /// It is late.
    pub delay: bool,
}

/// `xchar` of RFC 3461 4: what stands for itself.
pub(super) const fn is_xchar(octet: u8) -> bool {
    matches!(octet, b'!'..=b'~') && octet != b'+' && octet != b'='
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    tests! {
        fn an_envelope_id_stays_in_its_parameter() {
            assert_eq!(EnvelopeId::new("QQ314159 +").map(|id| id.as_str()), Some("QQ314159 +"));
            for text in ["", "a\r\nRCPT", "a\0", "\u{e4}", "a\tb"] {
                assert_eq!(EnvelopeId::new(text), None);
            }
            let (plain, written) = ([b'a'; 101], [b'='; 34]);
            let text = |octets| core::str::from_utf8(octets).unwrap_or_default();
            assert!(EnvelopeId::new(text(&plain[..100])).is_some() && EnvelopeId::new(text(&plain)).is_none());
            assert!(EnvelopeId::new(text(&written[..33])).is_some() && EnvelopeId::new(text(&written)).is_none());
        }

        fn priorities_of_rfc_6710() {
            assert_eq!(Priority::new(-9).map(Priority::value), Some(-9));
            assert_eq!((Priority::new(-10), Priority::new(10)), (None, None));
        }

        fn dates_have_the_form_of_rfc_3339() {
            for text in ["2026-11-22T10:00:00Z", "2026-11-22T10:00:00+01:00", "2026-11-22T10:00:00-11:30"] {
                assert_eq!(Date::new(text).map(|date| date.as_str()), Some(text));
            }
            for text in ["", "2026-11-22", "2026-11-22T10:00:00", "2026-11-22 10:00:00Z", "2026-11-22T10:00:00Z\r\n", "2026-11-22T10:00:00+1:00"] {
                assert_eq!(Date::new(text), None);
            }
        }
    }
}
