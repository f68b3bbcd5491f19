//! What the composer writes, read by Python's `email` package, which refuses every defect.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gatepost_core::message::{
    Address, Body, Composer, DateTime, Field, Mailbox, Message, MessageId, Part, Source, Text, Transfer,
};
use harness::needs::{self, Need};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// How many mails are written and read back.
const MAILS: u64 = 600;

#[test]
fn generated_mails_are_read_back_without_a_defect() {
    let python = [Need::Program("python3", "python3")];
    if !needs::met("generated_mails_are_read_back_without_a_defect", &python) {
        return;
    }
    let mut input = String::new();
    for seed in 0..MAILS {
        let line = generate(&mut Random(seed));
        writeln!(input, "{line}").expect("a string takes anything");
    }
    let mut reader = Command::new("python3")
        .args(["-c", include_str!("mime/read.py")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut stdin = reader.stdin.take().expect("it is piped");
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = reader.wait_with_output().expect("it ends");
    let written = writer.join().expect("no panic");
    let report = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{report}");
    written.expect("python reads all of it");
    assert_eq!(report.trim_end(), format!("read {MAILS}"));
}

/// The generator of SplitMix64: the same mails in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Some words of `pool`, with a space between them.
    fn words(&mut self, pool: &[&str], most: usize) -> String {
        let count = 1 + self.below(most);
        let words: Vec<&str> = (0..count).map(|_| pool[self.below(pool.len())]).collect();
        words.join(" ")
    }

    fn octets(&mut self) -> Vec<u8> {
        let length = [0, 1, 56, 57, 58, 300][self.below(6)];
        (0..length).map(|_| self.next() as u8).collect()
    }

    /// A text of several lines, of every line end.
    fn text(&mut self) -> String {
        let mut text = String::new();
        for _ in 0..self.below(8) {
            let most = [3, 30, 300][self.below(3)];
            text += &self.words(&WORDS, most);
            text += ["\n", "\r\n", "\r", "\n\n", " \n", ""][self.below(6)];
        }
        text
    }
}

const WORDS: [&str; 22] = [
    "uplink",
    "down",
    "a",
    "=",
    "=?utf-8?Q?no?=",
    "=?",
    "?=",
    "\"quoted\"",
    "back\\slash",
    "(comment)",
    "semi;colon",
    "per%cent",
    "Grüße",
    "网关已断开连接",
    "😀",
    "--=_m_",
    ".",
    "..",
    "From",
    "x@y",
    "naïve",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz",
];
const NAMES: [&str; 8] = ["Alice", "B. Ob", "Liddell,", "Jörg", "王", "\"Al\"", "(x)", "O'Neil"];
const ADDRESSES: [&str; 5] = [
    "a@b",
    "gate@[192.168.77.1]",
    "\"a b\"@mail.test",
    "a.long.local.part.of.an.address@a.rather.long.domain.of.several.labels.mail.test",
    "x+y=z@mail.test",
];

/// One mail and what must be found in it, as a line of JSON.
fn generate(random: &mut Random) -> String {
    let mut people = |most: usize| -> Vec<(Option<String>, &'static str)> {
        let count = random.below(most + 1);
        let mut person = || {
            let name = (random.below(3) > 0).then(|| random.words(&NAMES, 3));
            (name, ADDRESSES[random.below(ADDRESSES.len())])
        };
        (0..count).map(|_| person()).collect()
    };
    let (from, to, cc, reply_to) = (people(0), people(4), people(2), people(1));
    let from = if from.is_empty() {
        vec![(Some("Gate post".to_owned()), "gate@mail.test")]
    } else {
        from
    };
    let subject = random.words(&WORDS, 20);
    let value = random.words(&WORDS, 12);
    let texts: Vec<(&str, String)> = ["plain", "html", "calendar; method=REQUEST"]
        .into_iter()
        .take(random.below(4))
        .map(|subtype| (subtype, random.text()))
        .collect();
    let mut files = |most: usize, named: bool| -> Vec<(String, Vec<u8>)> {
        let count = random.below(most + 1);
        let mut file = || {
            let name = if named || random.below(2) > 0 {
                random.words(&WORDS, 4)
            } else {
                String::new()
            };
            (name.chars().take(60).collect(), random.octets())
        };
        (0..count).map(|_| file()).collect()
    };
    let inline = if texts.is_empty() { Vec::new() } else { files(2, false) };
    let attachments = files(3, true);

    let mailboxes = |people: &[(Option<String>, &'static str)]| -> Vec<Mailbox<'static>> {
        let name = |name: &String| -> &'static str { String::leak(name.clone()) };
        let mailbox = |(shown, address): &(Option<String>, &'static str)| Mailbox {
            name: shown.as_ref().map(name),
            address: Address::parse(address).expect("it is one"),
        };
        people.iter().map(mailbox).collect()
    };
    let (from_boxes, to_boxes, cc_boxes, reply_boxes) =
        (mailboxes(&from), mailboxes(&to), mailboxes(&cc), mailboxes(&reply_to));
    let message_id = MessageId::new("1.generated", "mail.test").expect("it is one");
    let ids = [
        message_id,
        MessageId::new("0.generated", "mail.test").expect("it is one"),
    ];
    let fields = [Field::new("X-Field", &value).expect("it can be written")];
    let bodies: Vec<Text<'_>> = texts.iter().map(|(subtype, text)| Text { subtype, text }).collect();
    let mut inline_sources: Vec<&[u8]> = inline.iter().map(|(_, octets)| &octets[..]).collect();
    let mut inline_parts: Vec<Part<'_>> = inline
        .iter()
        .zip(&mut inline_sources)
        .map(|((name, _), source)| Part::new(name, "image/png", source).inline(message_id))
        .collect();
    let mut sources: Vec<&[u8]> = attachments.iter().map(|(_, octets)| &octets[..]).collect();
    let mut parts: Vec<Part<'_>> = attachments
        .iter()
        .zip(&mut sources)
        .map(|((name, _), source)| Part::new(name, "application/octet-stream", source))
        .collect();
    let message = Message {
        reply_to: &reply_boxes,
        to: &to_boxes,
        cc: &cc_boxes,
        subject: &subject,
        in_reply_to: &ids[1..],
        references: &ids,
        fields: &fields,
        ..Message::new(
            &from_boxes,
            DateTime::from_unix(1_795_382_363, 90).expect("it is in range"),
            message_id,
            Body::Parts {
                texts: &bodies,
                inline: &mut inline_parts,
                attachments: &mut parts,
            },
        )
    };
    let allowed = [Transfer::SevenBit, Transfer::EightBit, Transfer::Binary][random.below(3)];
    let whole = compose(message, allowed);

    let people = |people: &[(Option<String>, &'static str)]| {
        list(
            people
                .iter()
                .map(|(name, address)| list([json(name.as_deref().unwrap_or_default()), json(address)])),
        )
    };
    let files = |files: &[(String, Vec<u8>)]| {
        list(
            files
                .iter()
                .map(|(name, octets)| list([json(name), json(&STANDARD.encode(octets))])),
        )
    };
    format!(
        r#"{{"raw":{},"from":{},"to":{},"cc":{},"reply-to":{},"subject":{},"x-field":{},"texts":{},"inline":{},"attachments":{}}}"#,
        json(&STANDARD.encode(&whole)),
        people(&from),
        people(&to),
        people(&cc),
        people(&reply_to),
        json(&subject),
        json(&value),
        list(texts.iter().map(|(subtype, text)| list([json(subtype), json(text)]))),
        files(&inline),
        files(&attachments),
    )
}

/// All of the mail, as many octets as were said, in lines that fit RFC 5322 2.1.1.
fn compose(message: Message<'_>, allowed: Transfer) -> Vec<u8> {
    let mut composer = Composer::new(message).expect("it can be written");
    let content = composer.open(allowed, false).expect("memory can be opened");
    assert!(content.transfer <= allowed);
    let (mut whole, mut out) = (Vec::new(), [0; 997]);
    loop {
        match composer.pull(&mut out).expect("memory can be read") {
            0 => break,
            count => whole.extend_from_slice(&out[..count]),
        }
    }
    assert_eq!(content.octets, Some(whole.len() as u64));
    if content.transfer < Transfer::Binary {
        assert!(whole.ends_with(b"\r\n"));
        for line in whole.split(|octet| *octet == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            assert!(line.len() <= 998 && !line.contains(&b'\r') && !line.contains(&0));
        }
    }
    whole
}

fn list(items: impl IntoIterator<Item = String>) -> String {
    let items: Vec<String> = items.into_iter().collect();
    format!("[{}]", items.join(","))
}

fn json(text: &str) -> String {
    let mut out = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control.is_control() => {
                write!(out, "\\u{:04x}", u32::from(control)).expect("a string takes anything")
            }
            other => out.push(other),
        }
    }
    out + "\""
}
