//! The firmware on the bare Cortex-M3 in QEMU, behind the gateway: what it does, and how it refuses.

use harness::certificates::Authority;
use harness::console::Event;
use harness::device::{self, Board, Device, HTTP, SUBMISSION};
use harness::needs::{self, Need};
use harness::network::{LEASE, Network, SERVER};
use harness::servers::Acceptor;
use harness::servers::content::Content;
use harness::servers::dhcp::DhcpServer;
use harness::servers::http::HttpServer;
use harness::servers::mail::{MailServer, Policy};
use harness::servers::postfix::{self, Postfix};
use harness::servers::{Port, Server};
use harness::{packages, repository};
use std::io::Write;
use std::net::{SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::time::Duration;
use tempfile::TempDir;

/// A network for one device, and an authority that it trusts.
struct Site {
    network: Network,
    _dhcp: DhcpServer,
    directory: TempDir,
    authority: Authority,
    policy: Policy,
}

impl Site {
    fn new() -> Self {
        let network = Network::new(&repository::gatepost().expect("gatepost builds")).expect("a network");
        let dhcp = DhcpServer::start(&network.gateway, "br-lan", LEASE).expect("a DHCP server");
        let directory = tempfile::tempdir().expect("a directory");
        let authority = Authority::new("Test CA").expect("an authority");
        authority.write(directory.path()).expect("a writable directory");
        Self {
            network,
            _dhcp: dhcp,
            directory,
            authority,
            policy: Policy::default(),
        }
    }

    fn anchor(&self) -> PathBuf {
        self.directory.path().join("ca.der")
    }

    /// The laboratory's mail server with a certificate of `authority` for `name`.
    fn mail_server(&self, authority: &Authority, name: &str) -> MailServer {
        let certificate = authority.server(&[name]).expect("a certificate");
        let listener = self.network.servers.listen(address(SUBMISSION)).expect("a free port");
        MailServer::start(listener, &certificate, self.policy.clone()).expect("a mail server")
    }

    fn web_server(
        &self,
        content: impl Fn(&str) -> Option<(&'static str, Vec<u8>)> + Send + Sync + 'static,
    ) -> HttpServer {
        let listener = self.network.servers.listen(address(HTTP)).expect("a free port");
        HttpServer::start(listener, content).expect("an HTTP server")
    }

    fn send_mail(&self) -> Outcome {
        self.run("send_mail", &device::mail_arguments(&self.policy, &self.anchor()))
    }

    fn play_dash(&self) -> Outcome {
        self.run("play_dash", &device::stream_arguments("/stream.mpd"))
    }

    fn run(&self, image: &str, arguments: &[String]) -> Outcome {
        packages::targets(&[repository::FIRMWARE_TARGET]).expect("the target");
        let image = repository::firmware(image).expect("the firmware builds");
        let mut board = Board::boot(&self.network, &image, arguments, "20mbit").expect("the board boots");
        let (events, status) = board.finish(Duration::from_secs(60)).expect("the device ends");
        Outcome { events, status }
    }
}

fn address(port: u16) -> SocketAddr {
    SocketAddrV4::new(SERVER, port).into()
}

/// What the device said, and how it ended.
#[derive(Debug)]
struct Outcome {
    events: Vec<Event>,
    status: i32,
}

impl Outcome {
    /// The one error line of a device that gave up without a panic.
    fn error(&self) -> &str {
        assert_eq!(self.status, 1, "a refusal is neither success nor panic: {self:#?}");
        let errors: Vec<&str> = self
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Error(line) => Some(line.as_str()),
                _ => None,
            })
            .collect();
        assert_eq!(errors.len(), 1, "{self:#?}");
        errors[0]
    }

    fn secured(&self) -> bool {
        self.events.iter().any(|event| matches!(event, Event::Secured { .. }))
    }
}

/// Whether the test can run; `more` is what it needs beside the board.
fn can(test: &str, more: &[Need]) -> bool {
    needs::met(test, &[&device::NEEDS[..], more].concat())
}

#[test]
fn a_mail_arrives_in_postfix_over_verified_tls() {
    let programs = [
        Need::Program("postfix", "postfix"),
        Need::Program("dovecot", "dovecot-core"),
    ];
    if !can("a_mail_arrives_in_postfix_over_verified_tls", &programs) {
        return;
    }
    let site = Site::new();
    let certificate = site.authority.server(&["mail.test"]).expect("a certificate");
    let address = SocketAddrV4::new(SERVER, SUBMISSION);
    let server = Postfix::start(
        &site.network.servers,
        postfix::Setup {
            ports: &[(Port::Submission, address)],
            certificate: &certificate,
            policy: &site.policy,
        },
    )
    .expect("Postfix");
    let outcome = site.send_mail();
    assert_eq!(outcome.status, 0, "{outcome:#?}\n{}", server.log());
    assert!(
        outcome.events.contains(&Event::Secured {
            version: "1.3".into(),
            name: "mail.test".into()
        }),
        "{outcome:#?}"
    );
    assert!(outcome.events.contains(&Event::Accepted { code: 250 }), "{outcome:#?}");
    let mails = server.wait(1, Duration::from_secs(20)).expect("a mail");
    assert_eq!(mails[0].tls.as_deref(), Some("TLSv1.3"));
    assert_eq!(mails[0].user.as_deref(), Some("device"));
    assert_eq!(mails[0].recipients, ["operator@mail.test"]);
}

#[test]
fn a_certificate_of_another_authority_is_refused() {
    if !can("a_certificate_of_another_authority_is_refused", &[]) {
        return;
    }
    let site = Site::new();
    let server = site.mail_server(&Authority::new("Another CA").expect("an authority"), "mail.test");
    let outcome = site.send_mail();
    assert!(outcome.error().contains("unknown issuer"), "{outcome:#?}");
    assert!(!outcome.secured());
    assert_eq!(server.received(), []);
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    if !can("a_certificate_for_another_name_is_refused", &[]) {
        return;
    }
    let site = Site::new();
    let server = site.mail_server(&site.authority, "other.test");
    let outcome = site.send_mail();
    assert!(outcome.error().contains("name"), "{outcome:#?}");
    assert!(!outcome.secured());
    assert_eq!(server.received(), []);
}

#[test]
fn a_refused_recipient_is_told_and_the_others_get_the_mail() {
    if !can("a_refused_recipient_is_told_and_the_others_get_the_mail", &[]) {
        return;
    }
    let site = Site::new();
    let server = site.mail_server(&site.authority, "mail.test");
    let mut arguments = device::mail_arguments(&site.policy, &site.anchor());
    for argument in &mut arguments {
        if argument.starts_with("to=") {
            *argument = "to=operator@mail.test,reject@mail.test".into();
        }
    }
    let outcome = site.run("send_mail", &arguments);
    assert!(outcome.error().contains("1 of 2 recipients refused"), "{outcome:#?}");
    assert!(
        outcome.events.contains(&Event::Recipient { index: 1, code: 550 }),
        "{outcome:#?}"
    );
    assert_eq!(server.received().len(), 1);
    assert_eq!(server.received()[0].recipients, ["operator@mail.test"]);
}

#[test]
fn a_reply_that_never_ends_is_given_up() {
    if !can("a_reply_that_never_ends_is_given_up", &[]) {
        return;
    }
    let site = Site::new();
    let listener = site.network.servers.listen(address(SUBMISSION)).expect("a free port");
    let _server = Acceptor::start(listener, |mut stream| {
        while stream.write_all(b"220-and another thing\r\n").is_ok() {}
    });
    let outcome = site.send_mail();
    assert!(outcome.error().contains("never ends"), "{outcome:#?}");
}

#[test]
fn a_manifest_cut_in_the_middle_is_told_with_its_place() {
    if !can("a_manifest_cut_in_the_middle_is_told_with_its_place", &[]) {
        return;
    }
    let site = Site::new();
    let content = Content::default();
    let _server = site.web_server(move |path| {
        let (media_type, mut octets) = content.resource(path)?;
        octets.truncate(500);
        Some((media_type, octets))
    });
    let outcome = site.play_dash();
    assert!(outcome.error().contains("500"), "the octet where it ends: {outcome:#?}");
}

#[test]
fn a_stream_is_played_to_its_end() {
    if !can("a_stream_is_played_to_its_end", &[]) {
        return;
    }
    let site = Site::new();
    let content = Content {
        segments: 6,
        ..Content::default()
    };
    let server = site.web_server(move |path| content.resource(path));
    let outcome = site.play_dash();
    assert_eq!(outcome.status, 0, "{outcome:#?}");
    let numbers: Vec<u32> = outcome
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Segment(segment) => Some(segment.number),
            _ => None,
        })
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6], "{outcome:#?}");
    assert_eq!(server.connections(), 1, "the connection is kept: {:?}", server.paths());
}
