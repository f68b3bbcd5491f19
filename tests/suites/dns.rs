//! The way of a domain's mail as real DNS servers tell it, with signatures that a real resolver verifies.

use embedded_io::{Read, Write};
use gatepost::net::mx::{Error, Protection, Resolver, exchangers, hop};
use gatepost::net::{Matching, Roots, Selector, Transport, Usage};
use gatepost_core::io::Wait;
use harness::certificates::Authority;
use harness::needs;
use harness::servers::dns::{self, Dns, Signed};
use harness::servers::mail::Policy;
use harness::servers::postfix::{self, Postfix};
use harness::servers::{Port, Server};
use std::time::{Duration, Instant};

const RECORDS: &str = "
@ MX 20 backup
@ MX 10 mx
mx CNAME host
host A 192.0.2.1
host AAAA 2001:db8::1
backup A 192.0.2.2
_25._tcp.mx TLSA 3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
null MX 0 .
many TXT x
";

#[test]
fn dane_is_as_good_as_the_signatures() {
    if !needs::met("dane_is_as_good_as_the_signatures", &dns::NEEDS) {
        return;
    }
    // So many that they need TCP.
    let many: String = (0..100).map(|index| format!("many MX {index} host{index}\n")).collect();
    let records = RECORDS.to_owned() + &many;
    let zones = [
        ("good.test", Signed::Rightly, records.as_str()),
        ("bogus.test", Signed::Wrongly, RECORDS),
        ("plain.test", Signed::Not, RECORDS),
    ];
    let server = Dns::start(&zones).expect("Knot and Unbound");
    let resolver = Resolver::new(vec![server.resolver], true);
    let end = Instant::now() + Duration::from_secs(60);

    for (domain, secure) in [("good.test", true), ("plain.test", false)] {
        let found = exchangers(&resolver, domain, &[], end).unwrap_or_else(|error| panic!("{error}\n{}", server.log()));
        assert_eq!(found.hosts, [format!("mx.{domain}"), format!("backup.{domain}")]);
        assert_eq!(found.secure, secure);
        let first = hop(&resolver, &found, &found.hosts[0], 25, None, end).expect("a hop");
        let addresses: Vec<_> = first.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["[2001:db8::1]:25", "192.0.2.1:25"]);
        match (secure, first.protection) {
            (true, Protection::Dane { associations, names }) => {
                let [found] = associations.as_slice() else {
                    panic!("{associations:?}")
                };
                let kind = (found.usage, found.selector, found.matching);
                assert_eq!(kind, (Usage::EndEntity, Selector::PublicKey, Matching::Sha256));
                assert_eq!(names, ["host.good.test", "mx.good.test", "good.test"]);
            }
            (false, Protection::Opportunistic) => {}
            (_, protection) => panic!("{domain}: {protection:?}\n{}", server.log()),
        }
        let backup = hop(&resolver, &found, &found.hosts[1], 25, None, end).expect("a hop");
        assert_eq!(backup.protection, Protection::Opportunistic, "it has no TLSA record");
    }

    let refusal = exchangers(&resolver, "bogus.test", &[], end).expect_err("a zone that is signed wrongly");
    assert!(
        matches!(&refusal, Error::Unanswered { cause, .. } if cause.ends_with("answered SERVFAIL")),
        "{refusal}"
    );
    assert!(!refusal.is_final());
    let refusal = exchangers(&resolver, "null.good.test", &[], end).expect_err("null MX");
    assert_eq!(refusal, Error::NullMx("null.good.test".to_owned()));
    let refusal = exchangers(&resolver, "none.good.test", &[], end).expect_err("no domain");
    assert_eq!(refusal, Error::NoDomain("none.good.test".to_owned()));
    let many = exchangers(&resolver, "many.good.test", &[], end).expect("an answer over TCP");
    assert_eq!((many.hosts.len(), many.hosts[15].as_str()), (16, "host15.good.test"));
}

/// Says a line and reads to the end of the reply.
fn say(transport: &mut Transport, line: &str) -> String {
    transport.write_all(line.as_bytes()).expect("room");
    transport.flush().expect("a connection");
    let mut reply = Vec::new();
    // The last line of a reply has a space behind its code.
    while !reply.ends_with(b"\n")
        || reply
            .split(|octet| *octet == b'\n')
            .rev()
            .nth(1)
            .is_some_and(|line| line[3] == b'-')
    {
        let mut octet = [0];
        transport.read_exact(&mut octet).expect("a reply");
        reply.push(octet[0]);
    }
    String::from_utf8_lossy(&reply).into_owned()
}

#[test]
fn a_mail_is_delivered_directly_under_dane() {
    let needs = [&dns::NEEDS[..], &postfix::NEEDS].concat();
    if !needs::met("a_mail_is_delivered_directly_under_dane", &needs) {
        return;
    }
    // Nobody knows this authority, and nothing else says that it is the right one.
    let authority = Authority::new("Test CA").expect("an authority");
    let certificate = authority.server(&["elsewhere.test"]).expect("a certificate");
    let server = Postfix::relay(&certificate, &Policy::default()).expect("Postfix");
    let address = server.address(Port::Relay).expect("a port for anybody");
    let digest = ring::digest::digest(&ring::digest::SHA256, &certificate.certificate);
    let digest: String = digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    let records = |digest: &str| {
        let port = address.port();
        format!(
            "@ MX 10 mx\nmx A {}\n_{port}._tcp.mx TLSA 3 0 1 {digest}\n",
            address.ip()
        )
    };
    let (right, wrong) = (records(&digest), records(&"0".repeat(64)));
    let zones = [
        ("mail.test", Signed::Rightly, right.as_str()),
        ("wrong.test", Signed::Rightly, wrong.as_str()),
    ];
    let dns = Dns::start(&zones).expect("Knot and Unbound");
    let resolver = Resolver::new(vec![dns.resolver], true);
    let limit = Duration::from_secs(60);
    let end = Instant::now() + limit;

    for (domain, proven) in [("wrong.test", false), ("mail.test", true)] {
        let found = exchangers(&resolver, domain, &[], end).expect("exchangers");
        let hop = hop(&resolver, &found, &found.hosts[0], address.port(), None, end).expect("a hop");
        let mut transport = Transport::connect_to(&hop.addresses, limit).expect("a connection");
        transport.deadline(end);
        transport.set_timeout(limit);
        assert!(say(&mut transport, "").starts_with("220"));
        assert!(say(&mut transport, "EHLO client.test\r\n").contains("STARTTLS"));
        assert!(say(&mut transport, "STARTTLS\r\n").starts_with("220"));
        let trust = hop.protection.trust(&Roots::System).expect("what DANE says");
        let secured = transport.secure(&trust, &hop.host, limit);
        assert_eq!(secured.is_ok(), proven, "{secured:?}");
        if let Err(refusal) = secured {
            assert!(refusal.to_string().contains("not the expected one"), "{refusal}");
            continue;
        }
        transport.set_timeout(limit);
        for (line, code) in [
            ("EHLO client.test\r\n", "250"),
            ("MAIL FROM:<a@example.org>\r\n", "250"),
            ("RCPT TO:<b@mail.test>\r\n", "250"),
            ("DATA\r\n", "354"),
            ("Subject: x\r\n\r\nx\r\n.\r\n", "250"),
            ("QUIT\r\n", "221"),
        ] {
            let reply = say(&mut transport, line);
            assert!(reply.starts_with(code), "{line:?}: {reply:?}");
        }
    }
    let mails = server.wait(1, limit).expect("a mail");
    assert_eq!(
        (mails.len(), mails[0].recipients.as_slice()),
        (1, &["b@mail.test".to_owned()][..])
    );
    assert!(mails[0].tls.is_some(), "{:?}", mails[0]);
}
