//! What the drivers share: the mail that is sent.

/// Who sends it.
pub const FROM: &str = "bench@client.test";

/// A mail of 1,024 octets, in which no line begins with a dot.
pub fn mail() -> Vec<u8> {
    let mut mail = format!(
        "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nFrom: <{FROM}>\r\nTo: <user0@server.test>\r\n\
        Message-ID: <1@client.test>\r\nSubject: A mail of one kilobyte\r\n\r\n"
    );
    while mail.len() < 1024 - 70 {
        mail.push_str("The quick brown fox jumps over the lazy dog, and so on and so forth.\r\n");
    }
    while mail.len() < 1022 {
        mail.push('x');
    }
    mail.push_str("\r\n");
    mail.into_bytes()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_mail_has_its_size_and_needs_no_transparency() {
        let mail = super::mail();
        assert_eq!(mail.len(), 1024);
        assert!(mail.ends_with(b"\r\n") && !mail.windows(3).any(|octets| octets == b"\r\n."));
    }
}
