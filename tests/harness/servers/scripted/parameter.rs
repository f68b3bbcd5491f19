//! The parameters of MAIL and RCPT: each belongs to an extension, and has a form.

use super::Script;

/// What is wrong with a parameter of `verb`, if anything.
pub(super) fn fault(script: &Script, secured: bool, verb: &str, parameter: &str) -> Option<String> {
    let (key, value) = match parameter.split_once('=') {
        Some((key, value)) => (key.to_ascii_uppercase(), Some(value)),
        None => (parameter.to_ascii_uppercase(), None),
    };
    let extension = match (verb, key.as_str()) {
        ("MAIL", "SIZE") => "SIZE",
        ("MAIL", "BODY") if value == Some("BINARYMIME") => "BINARYMIME",
        ("MAIL", "BODY") => "8BITMIME",
        ("MAIL", "SMTPUTF8") => "SMTPUTF8",
        ("MAIL", "RET" | "ENVID") | ("RCPT", "NOTIFY" | "ORCPT") => "DSN",
        ("MAIL", "MT-PRIORITY") => "MT-PRIORITY",
        ("MAIL", "BY") => "DELIVERBY",
        ("MAIL", "HOLDFOR" | "HOLDUNTIL") => "FUTURERELEASE",
        ("MAIL", "REQUIRETLS") if script.require_tls && secured && value.is_none() => return None,
        _ => return Some(format!("{parameter} is unknown")),
    };
    let Some(words) = script.offered(extension) else {
        return Some(format!("{parameter}: {extension} was not offered"));
    };
    let limit = words.split(' ').next().and_then(|word| word.parse::<u64>().ok());
    let good = match (key.as_str(), value) {
        ("SMTPUTF8", value) => value.is_none(),
        (_, None) => false,
        // RFC 1870 6.1: the limit is for the mail, and 0 says that there is none.
        ("SIZE", Some(value)) => {
            number(value, 20).is_some_and(|size| limit.is_none_or(|limit| limit == 0 || size <= limit))
        }
        ("BODY", Some(value)) => ["7BIT", "8BITMIME", "BINARYMIME"].contains(&value),
        ("RET", Some(value)) => ["FULL", "HDRS"].contains(&value),
        ("ENVID", Some(value)) => value.len() <= 100 && is_xtext(value),
        ("NOTIFY", Some(value)) => {
            value == "NEVER"
                || value
                    .split(',')
                    .all(|word| ["SUCCESS", "FAILURE", "DELAY"].contains(&word))
        }
        ("ORCPT", Some(value)) => value
            .split_once(';')
            .is_some_and(|(kind, address)| (kind == "rfc822" && is_xtext(address)) || kind == "utf-8"),
        // RFC 6710 5
        ("MT-PRIORITY", Some(value)) => value.parse::<i8>().is_ok_and(|priority| (-9..=9).contains(&priority)),
        // RFC 2852 4
        ("BY", Some(value)) => value.split_once(';').is_some_and(|(time, mode)| {
            let (mode, trace) = mode.split_at(mode.len().min(1));
            let time = time.strip_prefix('-').map_or((time, false), |rest| (rest, true));
            let seconds = number(time.0, 9);
            ["N", "R"].contains(&mode)
                && ["", "T"].contains(&trace)
                && seconds.is_some_and(|seconds| mode == "N" || (!time.1 && seconds >= limit.unwrap_or(1)))
        }),
        // RFC 4865 4
        ("HOLDFOR", Some(value)) => {
            number(value, 9).is_some_and(|seconds| seconds > 0 && limit.is_none_or(|limit| seconds <= limit))
        }
        ("HOLDUNTIL", Some(value)) => value.len() >= 20 && value.as_bytes()[10] == b'T',
        _ => false,
    };
    (!good).then(|| format!("{parameter} is not well formed"))
}

fn number(text: &str, digits: usize) -> Option<u64> {
    (text.len() <= digits && text.bytes().all(|octet| octet.is_ascii_digit())).then(|| text.parse().ok())?
}

/// RFC 3461 4
fn is_xtext(text: &str) -> bool {
    let mut octets = text.bytes();
    while let Some(octet) = octets.next() {
        match octet {
            b'+' => {
                let mut hexadecimal = || {
                    octets
                        .next()
                        .is_some_and(|octet| matches!(octet, b'0'..=b'9' | b'A'..=b'F'))
                };
                if !hexadecimal() || !hexadecimal() {
                    return false;
                }
            }
            b'=' | 0..=b' ' | 127.. => return false,
            _ => {}
        }
    }
    true
}
