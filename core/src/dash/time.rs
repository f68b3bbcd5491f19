//! xs:duration and xs:dateTime in integers (XML Schema part 2, 3.2.6 and 3.2.7).

use crate::ascii::decimal;
use core::time::Duration;

/// A point of time in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime {
    /// Since 1970-01-01T00:00:00Z, leap seconds not counted.
    pub unix_seconds: i64,
    /// 0 to 999 999 999.
    pub nanoseconds: u32,
}

/// Parses `PnYnMnDTnHnMnS`: not negative, a year as 365 days and a month as 30; below a nanosecond it is cut off.
pub fn duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim_ascii().as_bytes().strip_prefix(b"P")?;
    let mut seconds = 0u64;
    let mut nanoseconds = 0;
    // Each unit may stand once, in this order; those behind `T` are of the time.
    let mut next = 0;
    let mut time = false;
    let mut empty = true;
    while !rest.is_empty() {
        if let Some(tail) = rest.strip_prefix(b"T") {
            if time || tail.is_empty() {
                return None;
            }
            (rest, time) = (tail, true);
            continue;
        }
        let length = rest
            .iter()
            .take_while(|octet| octet.is_ascii_digit() || **octet == b'.')
            .count();
        let (number, tail) = rest.split_at_checked(length)?;
        let (unit, tail) = tail.split_first()?;
        let units = if time { [b'H', b'M', b'S'] } else { [b'Y', b'M', b'D'] };
        let index = units.iter().position(|other| other == unit)? + if time { 3 } else { 0 };
        if index < next {
            return None;
        }
        let factor = *[365 * 86400, 30 * 86400, 86400, 3600, 60, 1].get(index)?;
        let number = if index == 5 {
            let (whole, part) = split_fraction(number)?;
            nanoseconds = part;
            whole
        } else {
            number
        };
        seconds = decimal(number)?.checked_mul(factor)?.checked_add(seconds)?;
        next = index + 1;
        (rest, empty) = (tail, false);
    }
    (!empty).then(|| Duration::new(seconds, nanoseconds))
}

/// Parses `YYYY-MM-DDThh:mm:ss`, with a fraction and a zone or without; without a zone it is UTC.
pub fn date_time(text: &str) -> Option<DateTime> {
    let text = text.trim_ascii().as_bytes();
    let number = |range: core::ops::Range<usize>| text.get(range).and_then(decimal).and_then(|n| i64::try_from(n).ok());
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| text.get(*at) != Some(mark)) {
        return None;
    }
    if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) || minute > 59 || second > 59 {
        return None;
    }
    // 24:00:00 is the end of the day.
    if hour > 23 && (hour, minute, second) != (24, 0, 0) {
        return None;
    }
    let rest = text.get(19..)?;
    let length = match rest {
        [b'.', digits @ ..] => 1 + digits.iter().take_while(|octet| octet.is_ascii_digit()).count(),
        _ => 0,
    };
    let (fraction, zone) = rest.split_at_checked(length)?;
    let nanoseconds = match fraction.strip_prefix(b".") {
        Some(digits) => nanoseconds(digits)?,
        None => 0,
    };
    let offset_minutes = match zone {
        b"" | b"Z" => 0,
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (decimal(&[*h1, *h2])?, decimal(&[*m1, *m2])?);
            if hours > 14 || minutes > 59 || hours == 14 && minutes > 0 {
                return None;
            }
            let offset = i64::try_from(hours * 60 + minutes).ok()?;
            if *sign == b'-' { -offset } else { offset }
        }
        _ => return None,
    };
    let seconds = days(year, month, day) * 86400 + hour * 3600 + (minute - offset_minutes) * 60 + second;
    Some(DateTime {
        unix_seconds: seconds,
        nanoseconds,
    })
}

/// `12.5` as `12` and 500 000 000 ns.
fn split_fraction(number: &[u8]) -> Option<(&[u8], u32)> {
    match number.iter().position(|octet| *octet == b'.') {
        Some(point) => Some((number.get(..point)?, nanoseconds(number.get(point + 1..)?)?)),
        None => Some((number, 0)),
    }
}

/// The digits behind the point of a number of seconds; what is below a nanosecond is cut off.
fn nanoseconds(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = digits.iter().map(|octet| u32::from(octet - b'0')).chain([0; 9]);
    Some(digits.take(9).fold(0, |value, digit| value * 10 + digit))
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, years 0 to 9999.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // The year begins in March, so that the leap day is its last.
    let year = year - i64::from(month < 3);
    let months = (month + 9) % 12;
    year * 365 + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + (months * 153 + 2) / 5 + day
        - 719_469
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    tests! {
        fn durations() {
            for (text, seconds, nanoseconds) in [
                ("PT0S", 0, 0), ("PT596.458S", 596, 458_000_000), ("PT1H2M3.5S", 3723, 500_000_000), ("P1DT1S", 86401, 0),
                ("P1Y2M3D", 425 * 86400 + 3 * 86400, 0), ("PT1M", 60, 0), (" P0Y0M0DT0H10M0S\n", 600, 0), ("PT1.0000000019S", 1, 1),
                ("PT100000000000H", 360_000_000_000_000, 0),
            ] {
                assert_eq!(duration(text), Some(Duration::new(seconds, nanoseconds)), "{text}");
            }
        }

        fn durations_that_are_none() {
            for text in [
                "", "P", "PT", "P1", "PT1", "P1S", "PT1D", "-PT1S", "PT-1S", "PT1.S", "PT.5S", "PT1.5M", "PT1S1M", "PT1M1M", "PTT1S", "P1DT",
                "PT1.5.5S", "PT99999999999999999999S", "PT9999999999999999999H", "1S", "PT1s",
            ] {
                assert_eq!(duration(text), None, "{text}");
            }
        }

        fn dates() {
            for (text, unix_seconds, nanoseconds) in [
                ("1970-01-01T00:00:00Z", 0, 0), ("2000-02-29T12:34:56.5Z", 951_827_696, 500_000_000),
                ("2026-11-22T23:00:00+02:00", 1_795_381_200, 0), ("1969-12-31T24:00:00", 0, 0), ("1969-12-31T23:59:59-00:00", -1, 0),
                ("0000-03-01T00:00:00Z", -62_162_035_200, 0), ("9999-12-31T23:59:59Z", 253_402_300_799, 0),
            ] {
                assert_eq!(date_time(text), Some(DateTime { unix_seconds, nanoseconds }), "{text}");
            }
        }

        fn dates_that_are_none() {
            for text in [
                "", "2000-01-01", "2000-13-01T00:00:00Z", "2000-00-01T00:00:00Z", "2001-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
                "2000-01-01T24:00:01Z", "2000-01-01T00:60:00Z", "2000-01-01T00:00:60Z", "2000-01-01T00:00:00.Z", "2000-01-01T00:00:00+15:00",
                "2000-01-01T00:00:00+1:00", "2000-01-01 00:00:00Z", "2000-01-01T00:00:00ZZ", "12000-01-01T00:00:00Z",
            ] {
                assert_eq!(date_time(text), None, "{text}");
            }
        }
    }
}
