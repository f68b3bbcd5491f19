//! What the composer writes, read back by a parser that is not ours.

use gatepost_core::message::{Address, Body, Composer, DateTime, Mailbox, Message, MessageId, Part, Source, Text};
use mail_parser::{MessageParser, MimeHeaders};

/// Texts that are easy to get wrong: long, empty, of every script, and such that look like syntax.
const TEXTS: [&str; 18] = [
    "uplink down",
    "",
    "x",
    "a \"quoted\" \\ name",
    "Liddell, Alice (home) <alice>",
    "two  spaces and a = sign =? here ?=",
    "=?utf-8?Q?not_ours?=",
    "=?utf-8?B?bm90IG91cnM=?=",
    "Grüße aus München",
    "网关已断开连接，请检查上行链路。网关已断开连接，请检查上行链路。网关已断开连接，请检查上行链路。",
    "😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀 😀",
    "a word which is so long that it cannot stand on any line: 0123456789012345678901234567890123456789012345678901234567890123456789",
    "many words of a usual length that together are longer than one line may be, so they are folded once or even twice, perhaps",
    "semicolon; percent %20; asterisk*0*=x; apostrophe 'utf-8''",
    "--=_gatepost--",
    "trailing blank ",
    " leading blank",
    ".",
];

fn compose(message: Message<'_>) -> Vec<u8> {
    let mut composer = Composer::new(message).unwrap_or_else(|error| panic!("{error}"));
    let mut whole = Vec::new();
    let mut buffer = [0; 100];
    loop {
        match composer.pull(&mut buffer).unwrap_or_else(|error| panic!("{error}")) {
            0 => return whole,
            count => whole.extend_from_slice(&buffer[..count]),
        }
    }
}

/// Composes `subject`, `name`, `text` and an attachment into a mail and reads all of them back.
fn check(subject: &str, name: &str, text: &str, attachment: Option<(&str, &[u8])>) {
    let address = |text| Address::parse(text).unwrap_or_else(|error| panic!("{error}"));
    let mut content = attachment.map_or(&[][..], |(_, content)| content);
    let from = [Mailbox {
        name: Some(name),
        address: address("gate@mail.test"),
    }];
    let to = [
        address("alice@mail.test").into(),
        Mailbox {
            name: Some(name),
            address: address("bob.with.a.name.that.makes.the.line.too.long@a.rather.long.domain.mail.test"),
        },
    ];
    let date = DateTime::from_unix(1_795_382_363, 90).expect("it is in range");
    let message_id = MessageId::new("1.2.gate", "mail.test").expect("these are dot-atoms");
    let texts = [Text::plain(text)];
    let mut part = attachment.map(|(name, _)| Part::new(name, "application/octet-stream", &mut content));
    let octets = compose(Message {
        to: &to,
        subject,
        ..Message::new(
            &from,
            date,
            message_id,
            Body::with_attachments(&texts, part.as_mut_slice()),
        )
    });
    let shown = String::from_utf8_lossy(&octets).into_owned();
    for line in shown.split("\r\n") {
        let limit = if line.starts_with("Message-ID") { 998 } else { 78 };
        assert!(line.len() <= limit.max(text.len()), "{line:?}");
    }

    let parsed = MessageParser::default().parse(&octets).expect("it is a mail");
    assert_eq!(parsed.subject().unwrap_or_default(), subject, "{shown}");
    assert_eq!(parsed.message_id(), Some("1.2.gate@mail.test"));
    assert_eq!(parsed.date().map(|date| date.to_timestamp()), Some(1_795_382_363));
    let from = parsed
        .from()
        .and_then(|from| from.first())
        .expect("it has an originator");
    assert_eq!(
        (from.name().unwrap_or_default(), from.address()),
        (name, Some("gate@mail.test")),
        "{shown}"
    );
    let to: Vec<_> = parsed.to().into_iter().flat_map(|to| to.iter()).collect();
    assert_eq!(to.len(), 2, "{shown}");
    assert_eq!((to[0].name(), to[0].address()), (None, Some("alice@mail.test")));
    assert_eq!(to[1].name().unwrap_or_default(), name);

    let mut lines = text.replace("\r\n", "\n").replace('\r', "\n");
    if !lines.is_empty() && !lines.ends_with('\n') {
        lines.push('\n');
    }
    let mut body = parsed.body_text(0).unwrap_or_default().replace("\r\n", "\n");
    // In base64 the last line is as open as it was given.
    if !body.is_empty() && !body.ends_with('\n') {
        body.push('\n');
    }
    assert_eq!(body, lines, "{shown}");
    match (attachment, parsed.attachment(0)) {
        (Some((name, content)), Some(part)) => {
            assert_eq!(part.attachment_name(), Some(name), "{shown}");
            assert_eq!(part.contents(), content);
        }
        (None, None) => {}
        (expected, _) => panic!("attachment {expected:?}: {shown}"),
    }
}

#[test]
fn every_text_is_read_back_in_every_place() {
    let octets: Vec<u8> = (0..=255).collect();
    for text in TEXTS {
        check(text, "Alice", "text\n", None);
        check("subject", text, "text\n", None);
        check("subject", "Alice", text, None);
        check("subject", "Alice", text, Some(("log.txt", b"x")));
        if !text.is_empty() {
            check("subject", "Alice", "text", Some((text, &octets)));
        }
    }
}

#[test]
fn attachments_of_every_length() {
    let octets = [0xa5; 240];
    for length in 0..octets.len() {
        check("subject", "Alice", "text", Some(("log.bin", &octets[..length])));
    }
}

#[test]
fn texts_with_every_line_break() {
    for text in [
        "a\nb",
        "a\r\nb\r\n",
        "a\rb\r",
        "\n\n",
        "ü\nb\rc\r\nd",
        "x\t\n y \n",
        "soft = \u{e9}\n\n.\n..\nFrom me\n",
    ] {
        check("subject", "Alice", text, None);
        check("subject", "Alice", text, Some(("log.txt", b"content")));
    }
    let long = "long line ".repeat(200);
    check("subject", "Alice", &long, None);
}
