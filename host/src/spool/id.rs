//! The names of entries.

use ring::digest::{SHA256, digest};
use std::fmt;
use std::time::Duration;

/// Names an entry: 20 hexadecimal digits in lower case; the first 13 are the microsecond of its arrival.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId([u8; LENGTH]);

impl EntryId {
    /// A mail that came at `now`, since 1970; `random` tells those of the same microsecond apart.
    pub(super) fn new(now: Duration, random: u32) -> Self {
        let micros = now.as_micros() & ((1 << 52) - 1);
        let text = format!("{micros:013x}{:07x}", random >> 4);
        Self::parse(&text).expect("13 and 7 digits are 20")
    }

    /// Reads 20 hexadecimal digits in lower case.
    pub fn parse(text: &str) -> Option<Self> {
        let digits: [u8; LENGTH] = text.as_bytes().try_into().ok()?;
        let hexadecimal = |octet: &u8| matches!(octet, b'0'..=b'9' | b'a'..=b'f');
        digits.iter().all(hexadecimal).then_some(Self(digits))
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        // `parse` took ASCII only.
        str::from_utf8(&self.0).unwrap_or_default()
    }

    /// The name of the report with this number about this entry: always the same, so that none is made twice.
    pub(super) fn report(self, number: u32) -> Self {
        let hash = digest(&SHA256, format!("{self} report {number}").as_bytes());
        let random = hash
            .as_ref()
            .first_chunk()
            .map_or(0, |first| u32::from_be_bytes(*first));
        let micros = u64::from_str_radix(self.as_str().get(..13).unwrap_or_default(), 16);
        Self::new(Duration::from_micros(micros.unwrap_or_default()), random)
    }

    /// The name of one of its files.
    pub(super) fn file(self, kind: &str) -> String {
        format!("{self}.{kind}")
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const LENGTH: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_arrival_and_can_be_read() {
        let first = EntryId::new(Duration::from_micros(1), u32::MAX);
        let second = EntryId::new(Duration::from_micros(2), 0);
        assert_eq!(first.as_str(), "0000000000001fffffff");
        assert!(first < second);
        assert_eq!(EntryId::parse(first.as_str()), Some(first));
        for text in [
            "",
            "0000000000001ffffff",
            "0000000000001FFFFFFF",
            "0000000000001ffffff/",
            "../0000000000001ffff",
        ] {
            assert_eq!(EntryId::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn reports_have_names_of_their_own_that_can_be_told_again() {
        let id = EntryId::new(Duration::from_secs(1), 7);
        assert_eq!(id.report(0), id.report(0));
        assert!(id.report(0) != id.report(1) && id.report(0) != id);
        assert_eq!(id.report(0).as_str()[..13], id.as_str()[..13]);
    }
}
