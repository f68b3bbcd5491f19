//! Any text as the subject, a name, a field and a file name: an independent parser reads it back.
#![no_main]

use gatepost_core::message::{
    Address, Body, Composer, DateTime, Field, Mailbox, Message, MessageId, Part, Source, Text,
};
use libfuzzer_sys::fuzz_target;
use mail_parser::{MessageParser, MimeHeaders};

fuzz_target!(|input: &str| {
    let mut words = input.split('\n');
    let mut next = || words.next().unwrap_or_default();
    let (subject, name, value, file) = (next(), next(), next(), next());
    let from = [Mailbox {
        name: Some(name),
        address: Address::parse("a@b").expect("it is one"),
    }];
    let (Ok(date), Ok(id)) = (DateTime::from_unix(0, 0), MessageId::new("1", "b")) else {
        unreachable!("these are sound");
    };
    let fields: Vec<Field<'_>> = Field::new("X-Field", value).into_iter().collect();
    let mut content: &[u8] = b"x";
    let mut parts = [Part::new(file, "application/octet-stream", &mut content)];
    let texts = [Text::plain("x")];
    let composer = Composer::new(Message {
        subject,
        fields: &fields,
        ..Message::new(&from, date, id, Body::with_attachments(&texts, &mut parts))
    });
    let Ok(mut composer) = composer else {
        let control = |text: &str| text.chars().any(char::is_control);
        assert!(control(subject) || control(name) || control(file) || file.len() > 255);
        return;
    };
    let (mut whole, mut out) = (Vec::new(), [0; 256]);
    while let Ok(count @ 1..) = composer.pull(&mut out) {
        whole.extend_from_slice(&out[..count]);
    }
    for line in whole.split(|octet| *octet == b'\n') {
        assert!(line.is_ascii() && line.len() <= 79, "{}", String::from_utf8_lossy(line));
    }
    let read = MessageParser::default().parse(&whole).expect("it is a mail");
    let shown = String::from_utf8_lossy(&whole);
    assert_eq!(squeeze(read.subject()), squeeze(Some(subject)), "{shown}");
    let from = read.from().and_then(|from| from.first()).expect("it has an originator");
    assert_eq!((squeeze(from.name()), from.address()), (squeeze(Some(name)), Some("a@b")), "{shown}");
    let attachment = read.attachment(0).expect("it has an attachment");
    assert_eq!(attachment.attachment_name().unwrap_or_default(), file, "{shown}");
});

/// The parser takes the white space at a fold for one space.
fn squeeze(text: Option<&str>) -> String {
    let words: Vec<&str> = text.unwrap_or_default().split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ")
}
