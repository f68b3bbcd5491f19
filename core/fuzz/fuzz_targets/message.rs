//! Any texts as the parts of a message: what is composed has CRLF lines of at most 998 octets, is ASCII, has one
//! header field a line, and does not depend on how it is pulled.
#![no_main]

use gatepost_core::message::{
    Address, Body, Composer, DateTime, Error, Field, Mailbox, Message, MessageId, Part, Source, Text, Transfer,
};
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
    let text = String::from_utf8(whole).expect("it is ASCII, or the UTF-8 that was asked for");
    assert!(text.ends_with("\r\n"));
    for line in text.strip_suffix("\r\n").expect("it was seen").split("\r\n") {
        assert!(line.len() <= 998 && !line.contains(['\r', '\n', '\0']));
    }
    let (header, _) = text.split_once("\r\n\r\n").expect("a header ends");
    for line in header.split("\r\n").filter(|line| !line.starts_with(' ')) {
        // RFC 5322 2.2.3: a field that does not fit beside its name is folded right behind the colon.
        let (name, body) = line.split_once(':').expect("a field has a name");
        assert!(body.is_empty() || body.starts_with(' '), "{line:?}");
        assert!(NAMES.contains(&name) || name.starts_with("X-"), "{line:?}");
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
    let message_id = MessageId::new(part(7), part(8)).or_else(|_| MessageId::new("a", "b"))?;
    let name = format!("X-{}", part(9));
    let fields: Vec<Field<'_>> = Field::new(&name, part(10)).into_iter().collect();
    let (mut content, mut image) = (part(5).as_bytes(), part(11).as_bytes());
    let texts = [
        Text::plain(part(4)),
        Text::html(part(12)),
        Text {
            subtype: parts.get(13).copied().unwrap_or("x"),
            text: part(14),
        },
    ];
    let count = part(15).len() % 4;
    let mut inline = [Part::new(part(16), "image/png", &mut image).inline(message_id)];
    let mut attachments = [Part::new(part(3), parts.get(6).copied().unwrap_or("text/plain"), &mut content)];
    let (from, to, ids) = ([mailbox], [mailbox, address.into()], [message_id; 2]);
    let date = DateTime::from_unix(part(0).len() as i64 * 1_000_000_000, part(1).len() as i16)?;
    let allowed = [Transfer::SevenBit, Transfer::EightBit][part(17).len() % 2];
    let mut composer = Composer::new(Message {
        to: &to,
        subject: part(2),
        references: &ids,
        fields: &fields,
        ..Message::new(
            &from,
            date,
            message_id,
            Body::Parts {
                texts: &texts[..count.min(3)],
                inline: &mut inline[..usize::from(count > 0 && part(18).is_empty())],
                attachments: &mut attachments[..part(19).len() % 2],
            },
        )
    })?;
    let content = composer.open(allowed, false)?;
    let mut whole = Vec::new();
    let mut buffer = vec![0; size];
    loop {
        match composer.pull(&mut buffer)? {
            0 => break,
            count => whole.extend_from_slice(&buffer[..count]),
        }
    }
    assert!(content.transfer == Transfer::EightBit || whole.is_ascii());
    assert_eq!(content.octets, Some(whole.len() as u64));
    Ok(whole)
}

const NAMES: [&str; 9] = [
    "Date",
    "From",
    "To",
    "Message-ID",
    "References",
    "Subject",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];
