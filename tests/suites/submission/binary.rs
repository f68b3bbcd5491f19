//! `gatepost mail send` against every server: what it says, how it exits, and what arrives.

use super::Site;
use super::driver::LIMIT;
use harness::needs;
use harness::repository;
use harness::servers::aiosmtpd::{self, Aiosmtpd};
use harness::servers::exim::{self, Exim};
use harness::servers::mail::{Policy, Received};
use harness::servers::postfix::{self, Postfix};
use harness::servers::smtp_server::{self, SmtpServer};
use harness::servers::{Port, Server};
use mail_parser::{MessageParser, MimeHeaders};
use std::path::PathBuf;
use std::process::{Command, Output};

/// The command line of one site.
struct Client {
    gatepost: PathBuf,
    directory: tempfile::TempDir,
}

impl Client {
    fn new(site: &Site) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path();
        site.authority.write(path).expect("a writable directory");
        std::fs::write(path.join("password"), Policy::default().password).expect("a writable directory");
        std::fs::write(path.join("wrong"), "wrong-horse").expect("a writable directory");
        std::fs::write(path.join("octets.bin"), octets()).expect("a writable directory");
        Self {
            gatepost: repository::gatepost().expect("the gatepost binary builds"),
            directory,
        }
    }

    fn send(&self, server: &dyn Server, port: Port, password: &str, recipients: &[&str]) -> Output {
        let path = |name: &str| self.directory.path().join(name);
        let security = match port {
            Port::Relay => "plain",
            Port::Submission => "starttls",
            Port::Submissions => "tls",
        };
        let address = server.address(port).expect("such a port");
        let mut command = Command::new(&self.gatepost);
        command.args(["mail", "send", "--server", &address.to_string(), "--security", security]);
        command.args([
            "--server-name",
            "mail.test",
            "--client",
            "gate.test",
            "--from",
            "gate@mail.test",
        ]);
        command.args([
            "--subject",
            "Gr\u{fc}\u{df}e",
            "--text",
            ".\n..\nA line.\n",
            "--deadline",
            "60",
        ]);
        command
            .arg("--ca")
            .arg(path("ca.pem"))
            .arg("--attach")
            .arg(path("octets.bin"));
        if port != Port::Relay {
            command
                .args(["--user", "device", "--password-file"])
                .arg(path(password));
        }
        for recipient in recipients {
            command.args(["--to", recipient]);
        }
        command.output().expect("it runs")
    }
}

/// Octets of every value.
fn octets() -> Vec<u8> {
    (0..300_000u32)
        .map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect()
}

fn arrived(mail: &Received, port: Port, recipients: &[&str]) {
    let secured = port != Port::Relay;
    assert_eq!(mail.tls.as_deref(), secured.then_some("TLSv1.3"));
    assert_eq!(mail.user.as_deref(), secured.then_some("device"));
    assert_eq!(mail.reverse_path, "gate@mail.test");
    assert_eq!(mail.recipients, recipients);
    let message = MessageParser::default().parse(&mail.data).expect("a message");
    assert_eq!(message.subject(), Some("Gr\u{fc}\u{df}e"));
    let text = message.body_text(0).expect("a text").replace("\r\n", "\n");
    assert_eq!(text.trim_end(), ".\n..\nA line.");
    let attachment = message.attachment(0).expect("an attachment");
    assert_eq!(attachment.attachment_name(), Some("octets.bin"));
    assert!(attachment.contents() == octets(), "the attachment is another one");
}

fn check(site: &Site, server: &dyn Server) {
    let client = Client::new(site);
    let mut count = 0;
    for port in Port::ALL {
        for (recipients, refusal, exit) in [
            (&["a@example.org", "b@example.org"][..], None, 0),
            (&["a@example.org", "reject@example.org"], Some("550"), 69),
            (
                &["a@example.org", "tempfail@example.org", "b@example.org"],
                Some("450"),
                75,
            ),
        ] {
            let output = client.send(server, port, "password", recipients);
            let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
            assert_eq!(output.status.code(), Some(exit), "{said}\n{}", server.log());
            assert!(refusal.is_none_or(|code| said.contains(code)), "{said}");
            count += 1;
            let mails = server.wait(count, LIMIT).expect("a mail");
            assert_eq!(mails.len(), count);
            let reached = recipients
                .iter()
                .copied()
                .filter(|path| path.len() == "a@example.org".len());
            arrived(&mails[count - 1], port, &reached.collect::<Vec<_>>());
        }
        let output = client.send(server, port, "password", &["reject@example.org"]);
        assert_eq!(output.status.code(), Some(69), "{output:?}");
        if port != Port::Relay {
            let output = client.send(server, port, "wrong", &["a@example.org"]);
            assert_eq!(output.status.code(), Some(77), "{output:?}");
            let said = String::from_utf8_lossy(&[&output.stdout[..], &output.stderr].concat()).into_owned();
            assert!(said.contains("535") && !said.contains("horse"), "{said}");
        }
    }
    assert_eq!(server.received().expect("what came").len(), count);
}

#[test]
fn the_binary_sends_to_postfix() {
    if needs::met("the_binary_sends_to_postfix", &postfix::NEEDS) {
        let site = Site::new();
        let server = Postfix::relay(&site.certificate, &Policy::default()).expect("Postfix");
        check(&site, &server);
    }
}

#[test]
fn the_binary_sends_to_exim() {
    if needs::met("the_binary_sends_to_exim", &exim::NEEDS) {
        let site = Site::new();
        let server = Exim::start(&site.certificate, &site.authority, &Policy::default()).expect("Exim");
        check(&site, &server);
    }
}

#[test]
fn the_binary_sends_to_smtp_server() {
    if needs::met("the_binary_sends_to_smtp_server", &smtp_server::NEEDS) {
        let site = Site::new();
        let server = SmtpServer::start(&site.certificate, &Policy::default()).expect("smtp-server");
        check(&site, &server);
    }
}

#[test]
fn the_binary_sends_to_aiosmtpd() {
    if needs::met("the_binary_sends_to_aiosmtpd", &aiosmtpd::NEEDS) {
        let site = Site::new();
        let server = Aiosmtpd::start(&site.certificate, &Policy::default()).expect("aiosmtpd");
        check(&site, &server);
    }
}
