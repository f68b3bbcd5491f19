//! Any texts as the parts of a message: what is composed has CRLF lines of at most 998 octets, is ASCII, has one
//! header field a line, and does not depend on how it is pulled.
#![no_main]

use gatepost_core::message::{Address, Attachment, Composer, DateTime, Error, Mailbox, Message, MessageId, Source};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [size, rest @ ..] = input else {
        return;
    };
    let parts: Vec<&str> = rest
        .split(|octet| *octet == 0xff)
        .map(|part| str::from_utf8(part).unwrap_or("\0"))
        .collect();
    let whole = compose(&parts, 4096);
    assert_eq!(compose(&parts, usize::from(*size).max(1)), whole);
    let Ok(whole) = whole else {
        return;
    };
    let text = String::from_utf8(whole).expect("it is ASCII");
    assert!(text.is_ascii() && text.ends_with("\r\n"));
    for line in text.strip_suffix("\r\n").expect("it was seen").split("\r\n") {
        assert!(line.len() <= 998 && !line.contains(['\r', '\n', '\0']));
    }
    let (header, _) = text.split_once("\r\n\r\n").expect("a header ends");
    let fields: Vec<&str> = header.split("\r\n").filter(|line| !line.starts_with(' ')).collect();
    let names = [
        "Date",
        "From",
        "To",
        "Message-ID",
        "Subject",
        "MIME-Version",
        "Content-Type",
    ];
    for (field, name) in fields.iter().zip(names) {
        // RFC 5322 2.2.3: a field that does not fit beside its name is folded right behind the colon.
        let body = field.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
        assert!(
            body.is_some_and(|body| body.is_empty() || body.starts_with(' ')),
            "{field:?} is not {name}"
        );
    }
    assert!(
        header.split("\r\n").all(|line| !line.trim().is_empty()),
        "a folded line of blanks"
    );
});

fn compose(parts: &[&str], size: usize) -> Result<Vec<u8>, Error> {
    let part = |index: usize| parts.get(index).copied().unwrap_or_default();
    let address = Address::parse(part(0)).or_else(|_| Address::parse("a@b"))?;
    assert!(address.as_str().bytes().all(|octet| matches!(octet, b' '..=b'~')));
    let mailbox = Mailbox {
        name: parts.get(1).copied(),
        address,
    };
    let mut content = part(5).as_bytes();
    let attachment = parts.get(3).map(|name| Attachment {
        name,
        media_type: parts.get(6).copied().unwrap_or("text/plain"),
        source: &mut content,
    });
    let to = [mailbox, address.into()];
    let mut composer = Composer::new(Message {
        from: mailbox,
        to: &to,
        subject: part(2),
        date: DateTime::from_unix(part(0).len() as i64 * 1_000_000_000, part(1).len() as i16)?,
        message_id: MessageId::new(part(7), part(8)).or_else(|_| MessageId::new("a", "b"))?,
        text: part(4),
        attachment,
    })?;
    let mut whole = Vec::new();
    let mut buffer = vec![0; size];
    loop {
        match composer.pull(&mut buffer)? {
            0 => return Ok(whole),
            count => whole.extend_from_slice(&buffer[..count]),
        }
    }
}
