//! What the composer makes of a message for the way to each server, as an independent reader finds it at the other end.

use super::driver::{LIMIT, Report, Way, submit};
use super::{came_by, ended};
use gatepost_core::message::{
    Address, Body, Composer, DateTime, Field, Mailbox, Message, MessageId, Part, Source, Text,
};
use harness::servers::Server;
use harness::servers::mail::Received;
use mail_parser::{MessageParser, MimeHeaders};

/// Sends a message with all that one can have, once to ASCII addresses and once not; says how many mails arrive.
pub(crate) fn check(way: &Way, server: &dyn Server, before: usize) -> usize {
    let plain = message(["gate@mail.test", "a@example.org"], |source| {
        submit(*way, &["a@example.org"], source)
    });
    arrived(way, server, before, &plain, "a@example.org");
    let international = ["gate@mail.test", "jos\u{e9}@example.org"];
    let report = message(international, |source| submit(*way, &international[1..], source));
    if report.said.iter().any(|line| line == "S: SMTPUTF8") {
        arrived(way, server, before + 1, &report, international[1]);
        return 2;
    }
    ended(&report, server);
    let error = report.verdicts[0]
        .outcome
        .as_ref()
        .expect_err("the server cannot write to them");
    assert!(error.contains("SMTPUTF8"), "{error}");
    1
}

const TEXT: &str = "Gr\u{fc}\u{df}e.\n.\n..dots\nand a line that is much longer than any line should be, so long that quoted-printable has to break it somewhere\n";
const HTML: &str = "<p>Gr\u{fc}\u{df}e</p>\n<img src=\"cid:logo@mail.test\">\n";

fn octets(seed: u32) -> Vec<u8> {
    (0..50_000u32)
        .map(|number| (number.wrapping_mul(seed) >> 13) as u8)
        .collect()
}

fn message<R>([from, to]: [&str; 2], act: impl FnOnce(&mut dyn Source) -> R) -> R {
    let mailbox = |name, text| Mailbox {
        name,
        address: Address::parse_utf8(text).expect("an address"),
    };
    let (from, to) = ([mailbox(Some("G\u{e4}te"), from)], [mailbox(Some("Post, Master"), to)]);
    let (first, second) = (octets(2_654_435_761), octets(1_664_525));
    let (mut first, mut second) = (&first[..], &second[..]);
    let logo = MessageId::new("logo", "mail.test").expect("an identifier");
    let texts = [Text::plain(TEXT), Text::html(HTML)];
    let fields = [Field::new("Comments", "Z\u{fc}rich").expect("a field")];
    let body = Body::Parts {
        texts: &texts,
        inline: &mut [Part::new("", "image/png", &mut first).inline(logo)],
        attachments: &mut [Part::new("\u{dc}bersicht.bin", "application/octet-stream", &mut second)],
    };
    let date = DateTime::from_unix(1_790_000_000, 60).expect("a date of this century");
    let id = MessageId::new("composed", "mail.test").expect("an identifier");
    let message = Message {
        to: &to,
        subject: "Gr\u{fc}\u{df}e from the gate",
        fields: &fields,
        ..Message::new(&from, date, id, body)
    };
    act(&mut Composer::new(message).expect("nothing is wrong with it"))
}

fn arrived(way: &Way, server: &dyn Server, before: usize, report: &Report, to: &str) {
    ended(report, server);
    assert_eq!(report.verdicts[0].outcome, Ok(()), "{report:?}\n{}", server.log());
    let mails = server.wait(before + 1, LIMIT).expect("a mail");
    assert_eq!(mails.len(), before + 1);
    let mail: &Received = &mails[before];
    came_by(way, server, mail);
    assert_eq!(mail.recipients, [to]);
    // What was promised, where the server wants to know.
    if report.said.iter().any(|line| line.starts_with("S: SIZE")) {
        let size = format!("SIZE={}", mail.data.len());
        let said = report
            .said
            .iter()
            .find(|line| line.starts_with("C: MAIL"))
            .expect("it was said");
        assert!(said.split(' ').any(|word| word == size), "{said}: {size}");
    }
    let message = MessageParser::default().parse(&mail.data).expect("a message");
    let address = |address: Option<&mail_parser::Address>| {
        let first = address.and_then(|list| list.first()).expect("an address");
        (first.name().map(str::to_owned), first.address().map(str::to_owned))
    };
    assert_eq!(
        address(message.from()),
        (Some("G\u{e4}te".into()), Some("gate@mail.test".into()))
    );
    assert_eq!(address(message.to()), (Some("Post, Master".into()), Some(to.into())));
    assert_eq!(message.subject(), Some("Gr\u{fc}\u{df}e from the gate"));
    assert_eq!(message.message_id(), Some("composed@mail.test"));
    assert_eq!(
        message.header("Comments").and_then(|value| value.as_text()),
        Some("Z\u{fc}rich")
    );
    let same = |text: &str, wanted: &str| assert_eq!(text.replace("\r\n", "\n").trim_end(), wanted.trim_end());
    same(&message.body_text(0).expect("a text"), TEXT);
    same(&message.body_html(0).expect("an HTML text"), HTML);
    let parts: Vec<_> = message.attachments().collect();
    assert_eq!(parts.len(), 2);
    let content = |name: Option<&str>| {
        let part = parts.iter().find(|part| part.attachment_name() == name);
        part.map(|part| part.contents().to_vec()).unwrap_or_default()
    };
    assert!(content(None) == octets(2_654_435_761), "the picture is another one");
    assert!(
        content(Some("\u{dc}bersicht.bin")) == octets(1_664_525),
        "the file is another one"
    );
}
