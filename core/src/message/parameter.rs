//! The `filename` parameter of an attachment (RFC 2183 2.3), as RFC 2231 writes what is not short plain ASCII.

use super::header::{Line, hex, is_printable, push};

/// Writes the file name, or the segment of it that begins at `start`; says where the next one begins.
///
/// A short name of plain ASCII is a quoted-string, any other an extended value, cut as RFC 2231 3 and 4 allow.
pub(super) fn file_name(name: &str, segment: u8, start: usize, line: &mut Line) -> Option<usize> {
    if is_printable(name) && name.len() <= 60 && !name.contains(['"', '\\']) && !name.contains("=?") {
        push(line, b";\r\n filename=\"");
        push(line, name.as_bytes());
        push(line, b"\"");
        return None;
    }
    let width = |character: char| {
        if is_attribute_char(character) {
            1
        } else {
            3 * character.len_utf8()
        }
    };
    let one_segment = name.chars().map(width).sum::<usize>() <= EXTENDED_VALUE;
    push(line, b";\r\n filename*");
    if !one_segment {
        for place in [100, 10, 1] {
            if segment >= place || place == 1 {
                push(line, &[b'0' + segment / place % 10]);
            }
        }
        push(line, b"*");
    }
    push(line, if segment == 0 { b"=utf-8''" } else { b"=" });
    let mut room = EXTENDED_VALUE;
    for (index, character) in name.get(start..).unwrap_or_default().char_indices() {
        let Some(left) = room.checked_sub(width(character)) else {
            return Some(start + index);
        };
        room = left;
        for octet in character.encode_utf8(&mut [0; 4]).bytes() {
            if is_attribute_char(char::from(octet)) {
                push(line, &[octet]);
            } else {
                push(line, &hex(b'%', octet));
            }
        }
    }
    None
}

/// Some of `attribute-char` of RFC 2231 7.
fn is_attribute_char(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '.' | '_')
}

/// Octets of an extended value on one line: with `filename*000*=utf-8''` and `;` before and after it at most 78.
const EXTENDED_VALUE: usize = 54;

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use crate::message::header::LINE;

    tests! {
        fn a_file_name_that_is_not_ascii_or_long() {
            let check = |name: &str, expected: &str| {
                let mut whole = heapless::Vec::<u8, 256>::new();
                let mut next = Some((0, 0));
                while let Some((segment, start)) = next {
                    let mut line = Line::new();
                    next = file_name(name, segment, start, &mut line).map(|start| (segment + 1, start));
                    assert!(whole.extend_from_slice(&line).is_ok());
                }
                assert_eq!(core::str::from_utf8(&whole), Ok(expected));
                for line in whole.split(|octet| *octet == b'\n') {
                    assert!(line.len() <= LINE + 1);
                }
            };
            check("a b.txt", ";\r\n filename=\"a b.txt\"");
            check("\u{fc} b\".txt", ";\r\n filename*=utf-8''%C3%BC%20b%22.txt");
            check(
                "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789",
                ";\r\n filename*0*=utf-8''0123456789%200123456789%200123456789%200123456789%2001\
                 ;\r\n filename*1*=23456789%200123456789",
            );
        }
    }
}
