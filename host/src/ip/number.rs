//! Numbers as C reads them: `ip` takes hexadecimal and octal, and decimals in rates and sizes.

/// What `strtoul(text, .., base)` reads from the front, and the rest; `None` without a digit or beyond `u64`.
pub(crate) fn leading_unsigned(text: &str, base: u32) -> Option<(u64, &str)> {
    let trimmed = text.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
    let (negative, digits) = match trimmed.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let hexadecimal = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X"));
    let hexadecimal = hexadecimal.filter(|rest| rest.starts_with(|digit: char| digit.is_ascii_hexdigit()));
    let (base, digits) = match (base, hexadecimal) {
        (0 | 16, Some(rest)) => (16, rest),
        (0, None) if digits.starts_with('0') => (8, digits),
        (0, None) => (10, digits),
        (base, _) => (base, digits),
    };
    let end = digits.find(|digit: char| !digit.is_digit(base)).unwrap_or(digits.len());
    let value = u64::from_str_radix(&digits[..end], base).ok()?;
    Some((if negative { value.wrapping_neg() } else { value }, &digits[end..]))
}

/// A whole number in any base C knows, no more than `limit`.
pub(crate) fn unsigned(text: &str, limit: u64) -> Option<u64> {
    leading_unsigned(text, 0)
        .filter(|(value, rest)| rest.is_empty() && *value <= limit)
        .map(|(value, _)| value)
}

/// A 32-bit number.
pub(crate) fn u32_from(text: &str) -> Option<u32> {
    unsigned(text, u64::from(u32::MAX)).and_then(|value| u32::try_from(value).ok())
}

/// A number of an `int`.
pub(crate) fn i32_from(text: &str) -> Option<i32> {
    let (value, rest) = leading_unsigned(text, 0)?;
    rest.is_empty()
        .then(|| i32::try_from(value.cast_signed()).ok())
        .flatten()
}

/// What `strtod` reads from the front, and the rest; `None` without a digit.
pub(crate) fn c_double(text: &str) -> Option<(f64, &str)> {
    let trimmed = text.trim_start_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']);
    let bytes = trimmed.as_bytes();
    let digits_from = |start: usize| bytes[start..].iter().take_while(|digit| digit.is_ascii_digit()).count();
    let sign = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let mut end = sign + digits_from(sign);
    let mut digits = end - sign;
    if bytes.get(end) == Some(&b'.') {
        let fraction = digits_from(end + 1);
        digits += fraction;
        end += 1 + fraction;
    }
    if digits == 0 {
        return None;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let signed = end + 1 + usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
        let exponent = bytes.get(signed..).map_or(0, |_| digits_from(signed));
        if exponent > 0 {
            end = signed + exponent;
        }
    }
    trimmed[..end].parse().ok().map(|value| (value, &trimmed[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_as_c_reads_them() {
        assert_eq!(u32_from("0x1f"), Some(31));
        assert_eq!(u32_from("010"), Some(8));
        assert_eq!(u32_from("4294967295"), Some(u32::MAX));
        for text in ["", "x", "4294967296", "1x", "08", "18446744073709551616", "0x", "-1"] {
            assert_eq!(u32_from(text), None, "{text}");
        }
        assert_eq!(i32_from("-1"), Some(-1));
        assert_eq!(i32_from("2147483648"), None);
    }

    #[test]
    fn decimals_as_c_reads_them() {
        assert_eq!(c_double("1.5mbit"), Some((1.5, "mbit")));
        assert_eq!(c_double("1e3k"), Some((1000.0, "k")));
        assert_eq!(c_double("1ex"), Some((1.0, "ex")));
        assert_eq!(c_double(".5"), Some((0.5, "")));
        assert_eq!(c_double("5."), Some((5.0, "")));
        assert_eq!(c_double("mbit"), None);
        assert_eq!(c_double("."), None);
        assert_eq!(c_double("1e+"), Some((1.0, "e+")));
    }
}
