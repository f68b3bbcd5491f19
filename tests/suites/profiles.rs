//! The profiles whose flash is measured are whole mail clients: each submits a mail over its serial port in QEMU.
//!
//! Were they not, the octets counted by `cargo lab bench smtp` would mean nothing.

use harness::needs::{self, Need};
use harness::process::Process;
use harness::{packages, qemu, repository};
use mail_parser::{MessageParser, MimeHeaders};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

/// What a profile said and sent.
#[derive(Default)]
struct Said {
    commands: Vec<String>,
    data: Vec<u8>,
}

impl Said {
    fn count(&self, verb: &str) -> usize {
        self.commands.iter().filter(|line| line.starts_with(verb)).count()
    }
}

/// Runs a profile: `input` is what its serial port gives it before the server's greeting.
fn run(profile: &str, input: &[u8], offers: &[&str]) -> Said {
    packages::targets(&[repository::FIRMWARE_TARGET]).expect("the Rust target");
    let image = repository::profile(profile).expect("the profile builds");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let mut command = Command::new(qemu::PROGRAM);
    command.args(["-machine", "mps2-an385", "-nographic", "-monitor", "none"]);
    command
        .args(["-serial", &format!("tcp:127.0.0.1:{port}"), "-kernel"])
        .arg(image);
    let _device = Process::spawn(profile, command).expect("QEMU starts");
    let (mut stream, _) = listener.accept().expect("QEMU connects");
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .expect("a socket");
    stream.write_all(input).expect("QEMU reads");
    serve(stream, offers)
}

/// A server that takes all it is told, and tells `offers` after EHLO.
fn serve(mut stream: TcpStream, offers: &[&str]) -> Said {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
    let mut said = Said::default();
    let mut say = |text: &str| stream.write_all(text.as_bytes()).expect("the profile reads");
    say("220 server.test\r\n");
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a command");
        assert!(line.ends_with("\r\n"), "{:?} {line:?}", said.commands);
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "EHLO" => {
                let lines: String = offers.iter().map(|offer| format!("250-{offer}\r\n")).collect();
                say(&format!("250-server.test\r\n{lines}250 HELP\r\n"));
            }
            "STARTTLS" => say("220 go on\r\n"),
            "AUTH" => say("235 2.7.0 ok\r\n"),
            "DATA" => {
                say("354 go on\r\n");
                while !(said.data.ends_with(b"\r\n.\r\n") || said.data == b".\r\n") {
                    reader.read_until(b'\n', &mut said.data).expect("mail data");
                }
                say("250 2.0.0 taken\r\n");
            }
            "BDAT" => {
                let length: u64 = words[1].parse().expect("a length");
                (&mut reader).take(length).read_to_end(&mut said.data).expect("a chunk");
                say("250 2.0.0 taken\r\n");
            }
            "QUIT" => {
                say("221 2.0.0 bye\r\n");
                said.commands.push(line);
                return said;
            }
            _ => say("250 2.0.0 ok\r\n"),
        }
        said.commands.push(line);
    }
}

#[test]
fn basic_authenticates_and_sends_a_text_to_two() {
    if !needs::met("profile basic", &[Need::QEMU]) {
        return;
    }
    let input = "device.test\ntim\ntanstaaftanstaaf\na@device.test\nb@server.test\nc@server.test\n.a line\n";
    let said = run("profile_basic", input.as_bytes(), &["AUTH LOGIN PLAIN"]);
    assert_eq!(
        said.commands,
        [
            "EHLO device.test\r\n",
            "AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n",
            "MAIL FROM:<a@device.test>\r\n",
            "RCPT TO:<b@server.test>\r\n",
            "RCPT TO:<c@server.test>\r\n",
            "DATA\r\n",
            "QUIT\r\n",
        ]
    );
    assert_eq!(said.data, b"..a line\r\n.\r\n");
}

/// What the profiles with the composer read.
fn composed() -> Vec<u8> {
    let lines = [
        "tim",
        "tanstaaftanstaaf",
        "device.test",
        "a@device.test",
        "b@server.test",
        "c@server.test",
        "A text of the device.",
        "<p>A text of the device.</p>",
        "The device",
        "Samples",
        "samples.bin",
        "application/octet-stream",
        "1.device",
    ];
    let mut input = (lines.join("\n") + "\n").into_bytes();
    input.extend(20_000u16.to_le_bytes());
    input
}

fn check_composed(said: &Said) {
    assert_eq!(
        (
            said.count("STARTTLS"),
            said.count("AUTH PLAIN "),
            said.count("RCPT TO:<")
        ),
        (1, 1, 2)
    );
    assert!(
        said.commands
            .iter()
            .any(|line| line.starts_with("MAIL FROM:<a@device.test>") && line.contains(" RET=HDRS"))
    );
    assert!(said.commands.iter().any(|line| line.contains(" NOTIFY=NEVER")));
    let mail = MessageParser::default().parse(&said.data).expect("a mail");
    assert_eq!(mail.subject(), Some("Samples"));
    assert_eq!(
        mail.body_text(0).as_deref().map(str::trim_end),
        Some("A text of the device.")
    );
    assert_eq!(
        mail.body_html(0).as_deref().map(str::trim_end),
        Some("<p>A text of the device.</p>")
    );
    let file = mail.attachment(0).expect("an attachment");
    assert_eq!(
        (file.attachment_name(), file.contents().len()),
        (Some("samples.bin"), 20_000)
    );
}

const OFFERS: [&str; 5] = ["STARTTLS", "PIPELINING", "SIZE 1000000", "DSN", "AUTH PLAIN LOGIN"];

#[test]
fn full_composes_and_sends_a_file_in_chunks() {
    if !needs::met("profile full", &[Need::QEMU]) {
        return;
    }
    let said = run("profile_full", &composed(), &[&OFFERS[..], &["CHUNKING"]].concat());
    assert_eq!((said.count("DATA"), said.count("BDAT ")), (0, 1));
    check_composed(&said);
}

#[test]
fn scram_composes_and_sends_a_file_by_data() {
    if !needs::met("profile scram", &[Need::QEMU]) {
        return;
    }
    // Its random octets, which are not used here.
    let input = [composed(), vec![0x5a; 64]].concat();
    let said = run("profile_scram", &input, &OFFERS);
    assert_eq!((said.count("DATA"), said.count("BDAT ")), (1, 0));
    check_composed(&said);
}
