//! What the two mechanisms of OAuth 2.0 have in common.

use super::Challenge;

/// The error that a server describes before it refuses a token, kept in a buffer of the caller.
pub(super) struct Failure<'a> {
    text: &'a mut [u8],
    length: usize,
    answered: bool,
}

impl<'a> Failure<'a> {
    pub(super) fn new(text: &'a mut [u8]) -> Self {
        Self {
            text,
            length: 0,
            answered: false,
        }
    }

    pub(super) fn clear(&mut self) {
        self.length = 0;
        self.answered = false;
    }

    /// Keeps what fits of the first challenge; `false` for any other.
    pub(super) fn keep(&mut self, challenge: Challenge<'_>) -> bool {
        let first = !self.answered;
        if first {
            self.length = challenge.decode_front(self.text);
        }
        self.answered = true;
        first
    }

    pub(super) fn text(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }
}

/// Whether `token` may stand behind `Bearer `: not empty, visible ASCII (RFC 6750 2.1 allows even less).
pub(super) fn is_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|octet| octet.is_ascii_graphic())
}
