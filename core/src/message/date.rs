//! The date-time of RFC 5322 3.3, from a count of seconds.

use super::Error;
use super::header::{Line, push};
use core::fmt;

/// A moment and the offset from UTC it is told in. `Display` writes it as RFC 5322 3.3 wants it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DateTime {
    /// Seconds since the year 0 of the proleptic Gregorian calendar, in local time; of a year in 1900..=9999.
    local: u64,
    /// Minutes east of UTC; less than a day.
    offset: i16,
}

impl DateTime {
    /// From Unix time in seconds, told `offset` minutes east of UTC; the local year must lie in 1900..=9999.
    pub fn from_unix(seconds: i64, offset: i16) -> Result<Self, Error> {
        if offset.unsigned_abs() >= 24 * 60 {
            return Err(Error::Date);
        }
        let local = seconds
            .checked_add(i64::from(offset) * 60)
            .and_then(|seconds| seconds.checked_add(EPOCH_DAYS as i64 * DAY as i64))
            .and_then(|seconds| u64::try_from(seconds).ok())
            .ok_or(Error::Date)?;
        let days = u32::try_from(local / DAY).map_err(|_| Error::Date)?;
        let (year, ..) = civil(days);
        if (1900..=9999).contains(&year) {
            Ok(Self { local, offset })
        } else {
            Err(Error::Date)
        }
    }
}

impl DateTime {
    /// Appends the date-time, at most 31 octets. By hand: the machinery of formatting is larger than all of this.
    pub(super) fn write(&self, line: &mut Line) {
        let (days, seconds) = ((self.local / DAY) as u32, (self.local % DAY) as u32);
        let (year, month, day) = civil(days);
        let mut name = |names: &'static [u8], index: u32| {
            let start = index as usize * 3;
            push(line, names.get(start..start + 3).unwrap_or_default());
        };
        // 0000-03-01, day 0 of the count, was a Wednesday.
        name(b"WedThuFriSatSunMonTue", days % 7);
        push(line, b", ");
        if day >= 10 {
            digits(day / 10, 1, line);
        }
        digits(day % 10, 1, line);
        push(line, b" ");
        let start = (month as usize - 1) * 3;
        push(
            line,
            b"JanFebMarAprMayJunJulAugSepOctNovDec"
                .get(start..start + 3)
                .unwrap_or_default(),
        );
        push(line, b" ");
        digits(year, 4, line);
        for (separator, number) in [(b" ", seconds / 3600), (b":", seconds / 60 % 60), (b":", seconds % 60)] {
            push(line, separator);
            digits(number, 2, line);
        }
        push(line, if self.offset < 0 { b" -" } else { b" +" });
        let offset = u32::from(self.offset.unsigned_abs());
        digits(offset / 60 * 100 + offset % 60, 4, line);
    }
}

/// Appends `count` decimal digits.
fn digits(number: u32, count: u32, line: &mut Line) {
    for place in (0..count).rev() {
        let digit = number / 10u32.pow(place) % 10;
        push(line, &[b'0' + digit as u8]);
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Line::new();
        self.write(&mut line);
        f.write_str(core::str::from_utf8(&line).unwrap_or_default())
    }
}

/// Year, month (1..=12) and day (1..=31) of a count of days since 0000-03-01.
///
/// Years are counted from March, so that the leap day is the last one of a year.
fn civil(days: u32) -> (u32, u32, u32) {
    const YEARS_400: u32 = 146_097;
    let era = days / YEARS_400;
    let day = days % YEARS_400;
    let year = (day - day / 1460 + day / 36524 - day / (YEARS_400 - 1)) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day_of_month = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..=9 => (year, month + 3),
        _ => (year + 1, month - 9),
    };
    (era * 400 + year, month, day_of_month)
}

const DAY: u64 = 24 * 60 * 60;
/// Days from 0000-03-01 to 1970-01-01.
const EPOCH_DAYS: u64 = 719_468;

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use core::fmt::Write;

    fn check(seconds: i64, offset: i16, expected: &str) {
        let mut text = heapless::String::<40>::new();
        let date = DateTime::from_unix(seconds, offset);
        assert!(date.is_ok_and(|date| write!(text, "{date}").is_ok()));
        assert_eq!(text, expected);
    }

    tests! {
        // Expected texts as `date -R -d @seconds` of GNU coreutils gives them, days without a leading zero.
        fn dates_as_others_write_them() {
            check(0, 0, "Thu, 1 Jan 1970 00:00:00 +0000");
            check(1_795_382_363, 0, "Sun, 22 Nov 2026 21:19:23 +0000");
            check(951_782_400, 60, "Tue, 29 Feb 2000 01:00:00 +0100");
            check(951_868_799, -210, "Tue, 29 Feb 2000 20:29:59 -0330");
            check(4_107_542_400, 0, "Mon, 1 Mar 2100 00:00:00 +0000");
            check(-1, 0, "Wed, 31 Dec 1969 23:59:59 +0000");
            check(-2_208_988_800, 0, "Mon, 1 Jan 1900 00:00:00 +0000");
            check(253_402_300_799, 0, "Fri, 31 Dec 9999 23:59:59 +0000");
        }

        fn dates_outside_the_format_are_refused() {
            for (seconds, offset) in [(-2_208_988_801, 0), (253_402_300_800, 0), (253_402_300_799, 1), (i64::MAX, 0), (i64::MIN, 0),
                (i64::MAX, 1439), (0, 1440), (0, -1440), (0, i16::MIN)] {
                assert_eq!(DateTime::from_unix(seconds, offset), Err(Error::Date));
            }
        }
    }
}
