//! Values that several formats share.

use super::{Environment, Fault};
use crate::net::{Association, Roots};
use gatepost_core::smtp::{Notify, Return};
use std::path::PathBuf;
use std::str::FromStr;

/// The name of a setting and its line, for what is wrong with its value.
#[derive(Clone, Copy)]
pub(super) struct Arguments<'a>(pub(super) &'a str, pub(super) usize);

impl Arguments<'_> {
    pub(super) fn refuse(self, why: &str) -> Fault {
        Fault::new(self.1, format!("{}: {why}", self.0))
    }

    /// `on`, also by saying nothing, or `off`; and as others write it.
    pub(super) fn switch(self, text: &str) -> Result<bool, Fault> {
        match text.to_ascii_lowercase().as_str() {
            "" | "on" | "yes" | "true" | "1" => Ok(true),
            "off" | "no" | "false" | "0" => Ok(false),
            _ => Err(self.refuse("it is on or off")),
        }
    }

    pub(super) fn number<T: FromStr>(self, text: &str) -> Result<T, Fault> {
        text.parse()
            .map_err(|_| self.refuse("it is no number, or none that can be"))
    }
}

/// A file name, where `~/` is the user's home.
pub(super) fn path(text: &str, environment: &Environment) -> PathBuf {
    match (text.strip_prefix("~/"), &environment.home) {
        (Some(rest), Some(home)) => home.join(rest),
        _ => PathBuf::from(text),
    }
}

/// A pinned certificate.
pub(in crate::mail) fn fingerprint(text: &str) -> Result<Roots, &'static str> {
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    match Association::parse_pin(text) {
        Some(pin) => Ok(Roots::Pin(pin)),
        None if matches!(digits, 32 | 40) => Err("MD5 and SHA-1 can be forged; it must be the SHA-256"),
        None => Err("it is neither 64 hexadecimal digits nor sha256// and base64"),
    }
}

/// `never`, or occasions with commas between them, in any case (RFC 3461 4.1).
pub(in crate::mail) fn notify(text: &str) -> Option<Notify> {
    let mut notify = Notify::default();
    if text.eq_ignore_ascii_case("never") {
        return Some(notify);
    }
    for occasion in text.split(',') {
        match occasion.trim().to_ascii_lowercase().as_str() {
            "success" => notify.success = true,
            "failure" => notify.failure = true,
            "delay" => notify.delay = true,
            _ => return None,
        }
    }
    Some(notify)
}

/// `full`, or `hdrs` as RFC 3461 4.3 writes it, or `headers`.
pub(in crate::mail) fn ret(text: &str) -> Option<Return> {
    match text.to_ascii_lowercase().as_str() {
        "full" => Some(Return::Full),
        "hdrs" | "headers" => Some(Return::Headers),
        _ => None,
    }
}
