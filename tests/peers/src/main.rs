//! `gatepost-peers NAME ADDRESS COUNT RECIPIENTS [FILE]`: submits COUNT mails over one connection without TLS.
//!
//! Without FILE a mail is 1 KB of ready-made octets; with it, it is composed anew with FILE attached. Ends with 0 if the
//! server accepted all of them. Every peer is used as its documentation shows, on the way that costs it least.

mod io_smtp;
mod lettre;
mod mail_send;

use std::error::Error;
use std::fs;
use std::net::SocketAddr;

/// What is to be done.
struct Task {
    address: SocketAddr,
    count: u32,
    recipients: Vec<String>,
    attachment: Option<Vec<u8>>,
}

const FROM: &str = "bench@client.test";

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (name, address, count, recipients, file) = match words.as_slice() {
        [name, address, count, recipients] => (name, address, count, recipients, None),
        [name, address, count, recipients, file] => (name, address, count, recipients, Some(file)),
        _ => return Err("usage: gatepost-peers NAME ADDRESS COUNT RECIPIENTS [FILE]".into()),
    };
    let recipients: u32 = recipients.parse()?;
    let task = Task {
        address: address.parse()?,
        count: count.parse()?,
        recipients: (0..recipients)
            .map(|number| format!("user{number}@server.test"))
            .collect(),
        attachment: file.map(fs::read).transpose()?,
    };
    match name.as_str() {
        "io-smtp" => io_smtp::run(&task),
        "lettre" => lettre::run(task),
        "mail-send" => mail_send::run(task),
        _ => Err(format!("{name}: io-smtp, lettre or mail-send").into()),
    }
}

/// A mail of 1,024 octets.
fn small() -> Vec<u8> {
    let mut mail = format!(
        "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nFrom: <{FROM}>\r\nTo: <user0@server.test>\r\n\
        Message-ID: <1@client.test>\r\nSubject: A mail of one kilobyte\r\n\r\n"
    );
    while mail.len() < 1024 - 70 {
        mail.push_str("The quick brown fox jumps over the lazy dog, and so on and so forth.\r\n");
    }
    while mail.len() < 1022 {
        mail.push('.');
    }
    mail.push_str("\r\n");
    mail.into_bytes()
}
