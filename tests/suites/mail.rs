//! Mail submission by `core`'s session: to the laboratory's server, and to Postfix with Dovecot SASL.

use gatepost::net::{Endpoint, Transport, Trust};
use gatepost_core::io::blocking::next_event;
use gatepost_core::message::{Address, Body, Composer, DateTime, Mailbox, Message, MessageId, Part, Text};
use gatepost_core::smtp::sasl::Plain;
use gatepost_core::smtp::{Config, Envelope, Event, Full, Options, Protocol, Recipient, Security, Session, Storage};
use harness::certificates::{Authority, ServerCertificate};
use harness::needs;
use harness::network::{Network, SERVER};
use harness::repository;
use harness::servers::mail::{MailServer, Policy, Received};
use harness::servers::postfix::{self, Postfix};
use harness::servers::{Port, Server};
use mail_parser::{MessageParser, MimeHeaders};
use std::net::{SocketAddr, SocketAddrV4, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

/// What a client needs to know of a server.
#[derive(Clone)]
struct Peer {
    address: SocketAddr,
    name: String,
    authority: PathBuf,
    policy: Policy,
}

/// Submits one mail; the reply codes of the recipients, or the line a person would read.
fn submit(peer: &Peer, recipients: &[&str], attachment: &[u8]) -> Result<Vec<u16>, String> {
    let fail = |error: &dyn std::fmt::Display| error.to_string();
    let address = |text| Address::parse(text).expect("the tests' addresses are well formed");
    let addresses: Vec<Address> = recipients.iter().copied().map(address).collect();
    let mailboxes: Vec<Mailbox> = addresses
        .iter()
        .map(|address| Mailbox {
            name: None,
            address: *address,
        })
        .collect();
    let from = Mailbox {
        name: Some("Test"),
        address: address("device@mail.test"),
    };
    let mut content = attachment;
    let date = DateTime::from_unix(1_790_000_000, 60).expect("a date of this century");
    let message_id = MessageId::new("suite", "mail.test").expect("well formed");
    let (originator, texts) = ([from], [Text::plain("A line.\n.\n.a line that begins with a dot\n")]);
    let mut attachments = [Part::new("octets.bin", "application/octet-stream", &mut content)];
    let body = Body::with_attachments(&texts, &mut attachments);
    let message = Message {
        to: &mailboxes,
        subject: "A test with an attachment",
        ..Message::new(&originator, date, message_id, body)
    };
    let composer = Composer::new(message).map_err(|error| fail(&error))?;
    let mut plain = Plain::new(&peer.policy.user, &peer.policy.password).map_err(|error| fail(&error))?;
    let config = Config {
        client: "device.test",
        security: Security::StartTls,
        protocol: Protocol::Smtp,
        mechanisms: &mut [&mut plain],
    };
    let recipients: Vec<Recipient<'_>> = addresses.iter().map(|address| (*address).into()).collect();
    let envelope = Envelope {
        reverse_path: Some(from.address),
        recipients: &recipients,
        options: Options::default(),
    };
    let (mut receive, mut transmit) = ([0; 512], [0; 1024]);
    let storage = Storage {
        receive: &mut receive,
        transmit: &mut transmit,
        accepted: &mut [],
    };
    let mut session = Session::<Full, _>::new(config, storage).map_err(|error| fail(&error))?;
    session.mail(&envelope, composer).map_err(|error| fail(&error))?;

    let endpoint = Endpoint::parse(&peer.address.to_string(), 587).expect("an address and a port");
    let trust = Trust::file(&peer.authority).map_err(|error| fail(&error))?;
    let mut transport = Transport::connect(&endpoint, LIMIT).map_err(|error| fail(&error))?;
    let mut codes = Vec::new();
    let mut accepted = false;
    loop {
        match next_event(&mut session, &mut transport).map_err(|error| fail(&error))? {
            Event::StartTls => {
                transport
                    .secure(&trust, &peer.name, LIMIT)
                    .map_err(|error| fail(&error))?;
                session.secured(None);
            }
            Event::Recipient { code, .. } => codes.push(code.value()),
            Event::Failed(error) => return Err(fail(&error)),
            Event::Ready | Event::Deferred { .. } | Event::Delivered { .. } => {}
            Event::Accepted => accepted = true,
            Event::Closed => break,
        }
    }
    assert!(accepted, "closed without acceptance or error");
    Ok(codes)
}

/// The laboratory's server on a loopback port, with a certificate of `authority`.
fn embedded(certificate: &ServerCertificate) -> MailServer {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    MailServer::start(listener, certificate, Policy::default()).expect("a mail server")
}

fn peer(server: &MailServer, name: &str, authority: &Authority, directory: &tempfile::TempDir) -> Peer {
    authority.write(directory.path()).expect("a writable directory");
    Peer {
        address: server.address(),
        name: name.to_owned(),
        authority: directory.path().join("ca.pem"),
        policy: Policy::default(),
    }
}

/// Octets of every value, and lines of dots once they are decoded.
fn octets() -> Vec<u8> {
    let mut octets: Vec<u8> = (0..10_000u32)
        .map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    octets.extend(0..=255);
    octets.extend_from_slice(b"\r\n.\r\n..\r\n");
    octets
}

/// What arrived must be what was sent, as an independent parser reads it.
fn check(mail: &Received, recipients: &[&str]) {
    assert_eq!(mail.tls.as_deref(), Some("TLSv1.3"));
    assert_eq!(mail.user.as_deref(), Some("device"));
    assert_eq!(mail.reverse_path, "device@mail.test");
    assert_eq!(mail.recipients, recipients);
    let message = MessageParser::default().parse(&mail.data).expect("a message");
    assert_eq!(message.subject(), Some("A test with an attachment"));
    assert_eq!(message.message_id(), Some("suite@mail.test"));
    assert_eq!(message.date().expect("a date").to_timestamp(), 1_790_000_000);
    let text = message.body_text(0).expect("a text").replace("\r\n", "\n");
    assert_eq!(text.trim_end(), "A line.\n.\n.a line that begins with a dot");
    let attachment = message.attachment(0).expect("an attachment");
    assert_eq!(attachment.attachment_name(), Some("octets.bin"));
    assert_eq!(
        attachment.contents(),
        octets(),
        "the attachment is octet for octet the same"
    );
}

#[test]
fn the_laboratorys_server_takes_a_mail() {
    let authority = Authority::new("Test CA").expect("an authority");
    let server = embedded(&authority.server(&["mail.test"]).expect("a certificate"));
    let directory = tempfile::tempdir().expect("a directory");
    let peer = peer(&server, "mail.test", &authority, &directory);
    assert_eq!(submit(&peer, &["operator@mail.test"], &octets()), Ok(vec![250]));
    check(&server.wait(1, LIMIT).expect("a mail")[0], &["operator@mail.test"]);
}

#[test]
fn one_refused_recipient_does_not_keep_the_mail_from_the_others() {
    let authority = Authority::new("Test CA").expect("an authority");
    let server = embedded(&authority.server(&["mail.test"]).expect("a certificate"));
    let directory = tempfile::tempdir().expect("a directory");
    let peer = peer(&server, "mail.test", &authority, &directory);
    let recipients = ["first@mail.test", "reject@mail.test", "last@mail.test"];
    assert_eq!(submit(&peer, &recipients, &octets()), Ok(vec![250, 550, 250]));
    check(
        &server.wait(1, LIMIT).expect("a mail")[0],
        &["first@mail.test", "last@mail.test"],
    );

    let error = submit(&peer, &["reject@mail.test"], &octets()).expect_err("nobody is left");
    assert!(error.contains("550"), "{error}");
    assert_eq!(server.received().len(), 1);
}

#[test]
fn a_server_that_cannot_prove_its_name_gets_no_password() {
    let authority = Authority::new("Test CA").expect("an authority");
    let other = Authority::new("Another CA").expect("an authority");
    let directory = tempfile::tempdir().expect("a directory");

    let server = embedded(&other.server(&["mail.test"]).expect("a certificate"));
    let error = submit(
        &peer(&server, "mail.test", &authority, &directory),
        &["operator@mail.test"],
        b"",
    );
    let error = error.expect_err("the certificate is another authority's");
    assert!(error.contains("unknown issuer"), "{error}");
    assert_eq!(server.received(), []);

    let server = embedded(&authority.server(&["other.test"]).expect("a certificate"));
    let error = submit(
        &peer(&server, "mail.test", &authority, &directory),
        &["operator@mail.test"],
        b"",
    );
    let error = error.expect_err("the certificate is for another name");
    assert!(error.contains("name mismatch"), "{error}");
    assert_eq!(server.received(), []);
}

#[test]
fn a_wrong_password_is_refused_in_one_line() {
    let authority = Authority::new("Test CA").expect("an authority");
    let server = embedded(&authority.server(&["mail.test"]).expect("a certificate"));
    let directory = tempfile::tempdir().expect("a directory");
    let mut peer = peer(&server, "mail.test", &authority, &directory);
    peer.policy.password = "wrong-horse".into();
    let error = submit(&peer, &["operator@mail.test"], b"").expect_err("the password is wrong");
    assert!(error.contains("AUTH") && error.contains("535"), "{error}");
    assert!(!error.contains("horse"), "{error}");
    assert_eq!(server.received(), []);
}

#[test]
fn postfix_takes_a_mail() {
    if !needs::met("postfix_takes_a_mail", &postfix::NEEDS) {
        return;
    }
    let gatepost = repository::gatepost().expect("the gatepost binary builds");
    let network = Network::new(&gatepost).expect("a network");
    let authority = Authority::new("Test CA").expect("an authority");
    let certificate = authority.server(&["mail.test"]).expect("a certificate");
    let address = SocketAddrV4::new(SERVER, 587);
    let policy = Policy::default();
    let server = Postfix::start(
        &network.servers,
        postfix::Setup {
            ports: &[(Port::Submission, address)],
            certificate: &certificate,
            policy: &policy,
        },
    )
    .expect("Postfix");
    let directory = tempfile::tempdir().expect("a directory");
    authority.write(directory.path()).expect("a writable directory");
    let peer = Peer {
        address: address.into(),
        name: "mail.test".into(),
        authority: directory.path().join("ca.pem"),
        policy,
    };

    let trusting = peer.clone();
    let codes = network
        .gateway
        .run(move || submit(&trusting, &["operator@mail.test", "reject@mail.test"], &octets()));
    assert_eq!(codes, Ok(vec![250, 550]), "{}", server.log());
    let mails = server.wait(1, LIMIT).expect("a mail");
    check(&mails[0], &["operator@mail.test"]);

    let other = Authority::new("Another CA").expect("an authority");
    let elsewhere = tempfile::tempdir().expect("a directory");
    other.write(elsewhere.path()).expect("a writable directory");
    let distrusting = Peer {
        authority: elsewhere.path().join("ca.pem"),
        ..peer
    };
    let error = network
        .gateway
        .run(move || submit(&distrusting, &["operator@mail.test"], b""));
    let error = error.expect_err("the certificate is another authority's");
    assert!(error.contains("unknown issuer"), "{error}");
}
