//! Octets that are text to the protocols: case-insensitive comparison, decimal, base64. Knows no protocol.

/// `text` without its first octets if they are `prefix`, compared without regard to ASCII case.
pub fn strip_prefix<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (head, tail) = text.split_at_checked(prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then_some(tail)
}

/// An unsigned decimal number of at least one digit and nothing else; `None` also beyond `u64`.
pub fn decimal(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |value, octet| {
        let digit = octet.is_ascii_digit().then(|| u64::from(octet - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// `text` without spaces and tabs at both ends.
pub fn trim(text: &[u8]) -> &[u8] {
    let blank = |octet: &u8| matches!(octet, b' ' | b'\t');
    let start = text.iter().position(|octet| !blank(octet)).unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|octet| !blank(octet))
        .map_or(start, |last| last + 1);
    &text[start..end]
}

/// How many octets [`base64_encode`] writes for `count` octets; `None` on overflow.
pub const fn base64_len(count: usize) -> Option<usize> {
    count.div_ceil(3).checked_mul(4)
}

/// Writes the base64 form (RFC 4648 section 4, padded) of `input` to the front of `out`; `None` if it does not fit.
pub fn base64_encode<'o>(input: &[u8], out: &'o mut [u8]) -> Option<&'o [u8]> {
    let out = out.get_mut(..base64_len(input.len())?)?;
    for (triple, quad) in input.chunks(3).zip(out.chunks_exact_mut(4)) {
        quad.copy_from_slice(&base64_quad(triple));
    }
    Some(out)
}

/// Replaces the first `count` octets of `buffer` by their base64 form and says how long that is; `None` if it does not fit.
pub fn base64_encode_in_place(buffer: &mut [u8], count: usize) -> Option<usize> {
    let length = base64_len(count)?;
    let buffer = buffer.get_mut(..length)?;
    // From the end, so that what is written never overtakes what is still to be read.
    let (quads, _) = buffer.as_chunks_mut::<4>();
    for index in (0..quads.len()).rev() {
        let mut triple = [0; 3];
        let from = index * 3;
        let width = (count - from).min(3);
        let octets = quads.as_flattened().get(from..from + width)?;
        triple.get_mut(..width)?.copy_from_slice(octets);
        *quads.get_mut(index)? = base64_quad(triple.get(..width)?);
    }
    Some(length)
}

/// The four octets that stand for one to three.
pub fn base64_quad(triple: &[u8]) -> [u8; 4] {
    let octet = |index: usize| u32::from(triple.get(index).copied().unwrap_or(0));
    let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
    let digit = |shift: u32| BASE64[(bits >> shift & 0x3f) as usize];
    [
        digit(18),
        digit(12),
        if triple.len() > 1 { digit(6) } else { b'=' },
        if triple.len() > 2 { digit(0) } else { b'=' },
    ]
}

/// Decodes padded base64 (RFC 4648 section 4) to the front of `out`; `None` if it is malformed or does not fit.
pub fn base64_decode<'o>(input: &[u8], out: &'o mut [u8]) -> Option<&'o [u8]> {
    if !input.len().is_multiple_of(4) {
        return None;
    }
    let last = input.len() / 4;
    let mut length = 0;
    for (index, quad) in input.chunks_exact(4).enumerate() {
        let padding = quad.iter().rev().take_while(|octet| **octet == b'=').count();
        if padding > 2 || padding > 0 && index + 1 != last {
            return None;
        }
        let mut bits = 0u32;
        for octet in &quad[..4 - padding] {
            let digit = BASE64.iter().position(|digit| digit == octet)?;
            bits = bits << 6 | digit as u32;
        }
        bits <<= 6 * padding;
        // RFC 4648 3.5: the bits that padding cuts off must be zero, or two texts would mean the same octets.
        if bits & ((1 << (8 * padding)) - 1) != 0 {
            return None;
        }
        for octet in &bits.to_be_bytes()[1..4 - padding] {
            *out.get_mut(length)? = *octet;
            length += 1;
        }
    }
    Some(&out[..length])
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;

    tests! {
        fn prefix_ignores_case() {
            assert_eq!(strip_prefix(b"Content-Length: 5", b"content-length:"), Some(&b" 5"[..]));
            assert_eq!(strip_prefix(b"Cont", b"content"), None);
        }

        fn decimal_refuses_what_is_not_a_number() {
            assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
            for text in [&b""[..], b"18446744073709551616", b"-1", b"+1", b"1 ", b"0x1"] {
                assert_eq!(decimal(text), None);
            }
        }

        fn trim_keeps_the_middle() {
            assert_eq!(trim(b" \ta b\t "), b"a b");
            assert_eq!(trim(b" \t"), b"");
        }

        fn base64_of_rfc_4648() {
            let pairs: [(&[u8], &[u8]); 7] = [
                (b"", b""), (b"f", b"Zg=="), (b"fo", b"Zm8="), (b"foo", b"Zm9v"),
                (b"foob", b"Zm9vYg=="), (b"fooba", b"Zm9vYmE="), (b"foobar", b"Zm9vYmFy"),
            ];
            for (octets, text) in pairs {
                let mut out = [0; 8];
                assert_eq!(base64_encode(octets, &mut out), Some(text));
                let mut out = [0; 6];
                assert_eq!(base64_decode(text, &mut out), Some(octets));
            }
        }

        fn base64_in_place_is_base64() {
            let octets = *b"\0any carnal pleas\xffure.";
            for count in 0..=octets.len() {
                let (mut buffer, mut out) = ([0; 32], [0; 32]);
                buffer[..count].copy_from_slice(&octets[..count]);
                let length = base64_encode_in_place(&mut buffer, count);
                let expected = base64_encode(&octets[..count], &mut out);
                assert_eq!(length.map(|length| &buffer[..length]), expected);
            }
            assert_eq!(base64_encode_in_place(&mut [0; 7], 4), None);
        }

        fn base64_refuses_malformed_text() {
            let mut out = [0; 16];
            for text in [&b"Zg="[..], b"Zh==", b"Z===", b"====", b"Zg==Zg==", b"Zm9*"] {
                assert_eq!(base64_decode(text, &mut out), None);
            }
            assert_eq!(base64_encode(b"four", &mut [0; 7]), None);
            assert_eq!(base64_decode(b"Zm9v", &mut [0; 2]), None);
        }
    }
}
