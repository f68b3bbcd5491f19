//! Templates of segment URLs (ISO/IEC 23009-1, 5.3.9.4.4).

use super::error::TrackError;

/// What the identifiers of a template stand for.
#[derive(Clone, Copy)]
pub(super) struct Values<'a> {
    pub representation: &'a str,
    pub bandwidth: u32,
    /// `None` where the template is not one of media segments.
    pub number: Option<u64>,
    pub time: Option<u64>,
}

/// A number with leading zeros has at most this many digits, the most that 64 bits have.
const WIDTH_LIMIT: u64 = 20;

/// Gives the pieces of `template`, with `values` put in, one after the other to `push`.
pub(super) fn expand(
    template: &str,
    values: &Values<'_>,
    mut push: impl FnMut(&str) -> Result<(), TrackError>,
) -> Result<(), TrackError> {
    let mut digits = [b'0'; WIDTH_LIMIT as usize];
    for (index, piece) in template.split('$').enumerate() {
        if index % 2 == 0 {
            push(piece)?;
            continue;
        }
        let (name, width) = match piece.split_once("%0") {
            Some((name, format)) => {
                let width = format
                    .strip_suffix('d')
                    .and_then(|width| crate::ascii::decimal(width.as_bytes()));
                let width = width
                    .filter(|width| (1..=WIDTH_LIMIT).contains(width))
                    .ok_or(TrackError::Template)?;
                (name, Some(width as usize))
            }
            None => (piece, None),
        };
        let number = match (name, width) {
            ("", None) => {
                push("$")?;
                continue;
            }
            ("RepresentationID", None) => {
                push(values.representation)?;
                continue;
            }
            ("Bandwidth", _) => values.bandwidth.into(),
            ("Number", _) => values.number.ok_or(TrackError::Template)?,
            ("Time", _) => values.time.ok_or(TrackError::TimeWithoutTimeline)?,
            _ => return Err(TrackError::Template),
        };
        push(decimal(number, width.unwrap_or(1), &mut digits))?;
    }
    // An even number of `$` cuts it in an odd number of pieces.
    if template.bytes().filter(|octet| *octet == b'$').count() % 2 == 0 {
        Ok(())
    } else {
        Err(TrackError::Template)
    }
}

/// `number` with at least `width` digits.
fn decimal(number: u64, width: usize, digits: &mut [u8; WIDTH_LIMIT as usize]) -> &str {
    let mut rest = number;
    let mut length = 0;
    for (index, digit) in digits.iter_mut().rev().enumerate() {
        *digit = b'0' + (rest % 10) as u8;
        if rest > 0 {
            length = index + 1;
        }
        rest /= 10;
    }
    let digits = digits
        .get(digits.len() - length.max(width).min(digits.len())..)
        .unwrap_or_default();
    core::str::from_utf8(digits).unwrap_or_default()
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use heapless::String;

    fn expanded(template: &str, number: Option<u64>, time: Option<u64>) -> Result<String<64>, TrackError> {
        let mut out = String::new();
        let values = Values {
            representation: "v1",
            bandwidth: 250_000,
            number,
            time,
        };
        expand(template, &values, |piece| {
            out.push_str(piece).map_err(|_| TrackError::Texts)
        })?;
        Ok(out)
    }

    tests! {
        fn every_identifier() {
            for (template, expected) in [
                ("", ""), ("a.m4s", "a.m4s"), ("$Number$", "7"), ("c-$RepresentationID$-$Number%05d$.m4s", "c-v1-00007.m4s"),
                ("$Time$/$Bandwidth$", "18446744073709551615/250000"), ("$$$Number%01d$$$", "$7$"), ("$Bandwidth%08d$", "00250000"),
                ("$Number%020d$", "00000000000000000007"), ("$Time%05d$", "18446744073709551615"),
            ] {
                assert_eq!(expanded(template, Some(7), Some(u64::MAX)).as_deref(), Ok(expected), "{template}");
            }
            assert_eq!(expanded("$Number$", Some(0), None).as_deref(), Ok("0"));
        }

        fn templates_that_are_refused() {
            for template in [
                "$", "a$Number", "$number$", "$SubNumber$", "$Number%d$", "$Number%0d$", "$Number%5d$", "$Number%021d$",
                "$Number%0999999999d$", "$Number%00d$", "$Number%05x$", "$RepresentationID%05d$", "$%05d$", "$Number%05d",
            ] {
                assert_eq!(expanded(template, Some(7), Some(7)), Err(TrackError::Template), "{template}");
            }
            assert_eq!(expanded("$Number$", None, None), Err(TrackError::Template));
            assert_eq!(expanded("$Time$", Some(1), None), Err(TrackError::TimeWithoutTimeline));
        }
    }
}
