//! `core`'s session against every mail server of the laboratory: what arrives is what was sent, to whom it was sent.

#[path = "submission/binary.rs"]
mod binary;
#[path = "submission/composed.rs"]
mod composed;
#[path = "submission/driver.rs"]
mod driver;
#[path = "submission/wishes.rs"]
mod wishes;

use driver::{LIMIT, Octets, Report, Way, converse, letter};
use gatepost::net::{Identity, Trust};
use gatepost_core::message::Transfer;
use gatepost_core::smtp::{Protocol, Security};
use harness::certificates::{Authority, ServerCertificate};
use harness::needs;
use harness::servers::aiosmtpd::{self, Aiosmtpd};
use harness::servers::dovecot_mail::{self, DovecotMail};
use harness::servers::exim::{self, Exim};
use harness::servers::mail::{Policy, Received};
use harness::servers::postfix::{self, Postfix};
use harness::servers::smtp_server::{self, SmtpServer};
use harness::servers::{Port, Server, dovecot};

/// An authority, whom clients trust, and a certificate of it.
struct Site {
    authority: Authority,
    /// With a certificate of `device` to show.
    trust: Trust,
    certificate: ServerCertificate,
}

impl Site {
    fn new() -> Self {
        let authority = Authority::new("Test CA").expect("an authority");
        let directory = tempfile::tempdir().expect("a directory");
        authority.write(directory.path()).expect("a writable directory");
        let client = authority.client("device").expect("a certificate");
        client.write(directory.path()).expect("a writable directory");
        let identity = Identity {
            certificate: directory.path().join("server.pem"),
            key: directory.path().join("server.key"),
        };
        let trust = Trust::file(&directory.path().join("ca.pem")).expect("an authority's certificate");
        Self {
            trust: trust.identify(&identity).expect("a certificate and its key"),
            certificate: authority.server(&["mail.test"]).expect("a certificate"),
            authority,
        }
    }

    fn way(&self, server: &dyn Server, port: Port) -> Way<'_> {
        Way {
            address: server.address(port).expect("such a port"),
            security: match port {
                Port::Relay => Security::Plain,
                Port::Submission => Security::StartTls,
                Port::Submissions => Security::Implicit,
            },
            protocol: Protocol::Smtp,
            mechanism: None,
            token: "",
            trust: &self.trust,
            patient: false,
        }
    }
}

/// Who is to receive each mail: ten, of whom one is refused and one deferred; some beyond ASCII where that may be.
const TEN: [&str; 10] = [
    "a@example.org",
    "b@example.org",
    "reject@example.org",
    "d@example.org",
    "e@example.net",
    "tempfail@example.org",
    "g+h@example.org",
    "i@example.net",
    "j@example.org",
    "k@example.org",
];

/// Mail data of every kind, each with its own subject.
fn contents() -> Vec<(Transfer, bool, Vec<u8>)> {
    let mail = |subject: &str, body: &[u8]| {
        let header = format!(
            "From: <device@mail.test>\r\nDate: Sun, 22 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{subject}@mail.test>\r\nSubject: {subject}\r\n\r\n"
        );
        [header.as_bytes(), body].concat()
    };
    let html = b"This is a message in parts.\r\n--=\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n--=\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\nAAECAwQ=\r\n--=--\r\n";
    let mut parts = b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=\"\r\n".to_vec();
    parts.extend_from_slice(&mail("parts", html));
    let dots: Vec<u8> = (0..200)
        .flat_map(|count| [b".".repeat(count % 7), b"x".repeat(count % 3), b"\r\n".to_vec()].concat())
        .collect();
    let long = [b"x".repeat(998), b".".repeat(998), b"y".repeat(997)]
        .map(|line| [&line[..], b"\r\n"].concat())
        .concat();
    let eight: Vec<u8> = (0..400u32)
        .flat_map(|line| {
            let text = (0..60).map(move |column| 0x80 + ((line * 7 + column * 13) % 0x80) as u8);
            text.chain(*b"\r\n")
        })
        .collect();
    vec![
        (Transfer::SevenBit, false, mail("small", b"A line.\r\n")),
        (Transfer::SevenBit, false, parts),
        (Transfer::SevenBit, false, mail("dots", &dots)),
        (Transfer::SevenBit, false, mail("long", &long)),
        (Transfer::EightBit, false, mail("eight", &eight)),
        (
            Transfer::EightBit,
            true,
            mail("gr\u{fc}n", "Gr\u{fc}\u{df}e.\r\n".as_bytes()),
        ),
        (Transfer::SevenBit, false, mail("header-only", b"")),
    ]
}

/// 10 MB of lines, with a dot before some.
fn large() -> Vec<u8> {
    let mut data = b"Message-ID: <large@mail.test>\r\nSubject: large\r\n\r\n".to_vec();
    let mut state = 1u32;
    while data.len() < 10_000_000 {
        for _ in 0..76 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // From `.` on.
            data.push(b'.' + (state >> 26) as u8);
        }
        data.extend_from_slice(b"\r\n");
    }
    data
}

/// What a server is to be tested with.
struct Case<'a> {
    server: &'a dyn Server,
    /// How often a client waits that sends one small mail in the clear: to one recipient, to ten, two mails to one.
    turns: [usize; 3],
    token: &'a str,
}

fn codes(recipients: &[&str]) -> Vec<(usize, u16)> {
    let code = |recipient: &&str| match *recipient {
        "reject@example.org" => 550,
        "tempfail@example.org" => 450,
        _ => 250,
    };
    recipients.iter().map(code).enumerate().collect()
}

/// The mail with these data must have come, from whom and to whom it was sent, and once.
fn arrived(mails: &[Received], recipients: &[&str], data: &[u8]) -> Received {
    let mut found = mails.iter().filter(|mail| mail.data == data);
    let mail = found.next().unwrap_or_else(|| {
        let shown = |data: &[u8]| String::from_utf8_lossy(&data[..data.len().min(400)]).into_owned();
        let others: Vec<String> = mails.iter().map(|mail| shown(&mail.data)).collect();
        panic!("{:?} did not come as it was sent; what came: {others:#?}", shown(data))
    });
    assert!(found.next().is_none(), "it came twice");
    assert_eq!(mail.reverse_path, "device@mail.test");
    let mut wanted: Vec<&str> = recipients
        .iter()
        .copied()
        .zip(codes(recipients))
        .filter(|(_, (_, code))| *code == 250)
        .map(|(name, _)| name)
        .collect();
    let mut came: Vec<&str> = mail.recipients.iter().map(String::as_str).collect();
    wanted.sort_unstable();
    came.sort_unstable();
    assert_eq!(came, wanted);
    mail.clone()
}

fn ended(report: &Report, server: &dyn Server) {
    assert_eq!(report.end, Ok(()), "{report:?}\n{}", server.log());
}

/// By the mechanism that was asked for, and no other.
fn authenticated(way: &Way, report: &Report) {
    let said: Vec<&str> = report
        .said
        .iter()
        .filter_map(|line| line.strip_prefix("C: AUTH "))
        .collect();
    assert_eq!(said, Vec::from_iter(way.mechanism), "{report:?}");
}

/// The whole matrix for one server.
fn check(case: &Case, site: &Site) {
    let Case { server, .. } = *case;
    let mut count = 0;
    if server.address(Port::Relay).is_some() {
        count += turns(case, site);
        count += every_content(&site.way(server, Port::Relay), server, count);
        count += a_large_mail(&site.way(server, Port::Relay), server, count);
        count += composed::check(&site.way(server, Port::Relay), server, count);
    }
    let mut first = true;
    for mechanism in server.mechanisms().split(' ').filter(|name| *name != "SCRAM-SHA-1") {
        for port in [Port::Submission, Port::Submissions] {
            if server.address(port).is_none() {
                continue;
            }
            let way = Way {
                mechanism: Some(mechanism),
                token: case.token,
                ..site.way(server, port)
            };
            count += match std::mem::take(&mut first) {
                true => every_content(&way, server, count),
                false => one_mail(&way, case, count),
            };
            if (port, mechanism) == (Port::Submissions, "PLAIN") {
                count += a_large_mail(&way, server, count);
                count += composed::check(&way, server, count);
            }
        }
    }
}

/// How often the client waits; says how many mails it sent.
fn turns(case: &Case, site: &Site) -> usize {
    if true {
        return 0;
    }
    let (_, _, data) = contents().remove(0);
    let octets = Octets {
        transfer: Transfer::SevenBit,
        utf8: false,
        data: &data,
    };
    let way = site.way(case.server, Port::Relay);
    let one = || letter(&TEN[..1], octets);
    let mut turns = Vec::new();
    for letters in [vec![one()], vec![letter(&TEN, octets)], vec![one(), one()]] {
        let report = converse(way, &letters);
        ended(&report, case.server);
        turns.push(report.turns);
    }
    assert_eq!(turns, case.turns);
    case.server.wait(4, LIMIT).expect("the mails");
    4
}

/// Every kind of mail data on one connection, to one recipient and to ten in turn, and in between to nobody who is there.
fn every_content(way: &Way, server: &dyn Server, before: usize) -> usize {
    let contents = contents();
    let mut letters = Vec::new();
    let mut wanted = Vec::new();
    for (index, (transfer, utf8, data)) in contents.iter().enumerate() {
        let octets = Octets {
            transfer: *transfer,
            utf8: *utf8,
            data,
        };
        let recipients = if index % 2 == 0 { &TEN[..1] } else { &TEN[..] };
        letters.push(letter(recipients, octets));
        wanted.push((recipients, Some((*utf8, data))));
        if index == 3 {
            letters.push(letter(&TEN[2..3], octets));
            wanted.push((&TEN[2..3], None));
        }
    }
    let report = converse(*way, &letters);
    ended(&report, server);
    authenticated(way, &report);
    assert_eq!(report.verdicts.len(), wanted.len(), "{report:?}");
    let international = report.said.iter().any(|line| line == "S: SMTPUTF8");
    let count = contents.iter().filter(|(_, utf8, _)| international || !utf8).count();
    let mails = server.wait(before + count, LIMIT).expect("the mails");
    let mails = &mails[before..];
    for ((recipients, data), verdict) in wanted.iter().zip(&report.verdicts) {
        let refusal = match data {
            Some((true, _)) if !international => "SMTPUTF8",
            Some((_, data)) => {
                assert_eq!(verdict.codes, codes(recipients), "{report:?}");
                assert_eq!(verdict.outcome, Ok(()), "{report:?}\n{}", server.log());
                came_by(way, server, &arrived(mails, recipients, data));
                continue;
            }
            None => "550",
        };
        let error = verdict.outcome.as_ref().expect_err("it is refused");
        assert!(error.contains(refusal), "{error}");
    }
    assert_eq!(mails.len(), count);
    count
}

/// To ten recipients, with no turn more than the way to the server and the mechanism need.
fn one_mail(way: &Way, case: &Case, before: usize) -> usize {
    let Case { server, turns, .. } = *case;
    let (transfer, utf8, data) = contents().remove(2);
    let octets = Octets {
        transfer,
        utf8,
        data: &data,
    };
    let report = converse(*way, &[letter(&TEN, octets)]);
    ended(&report, server);
    authenticated(way, &report);
    let starttls = if way.security == Security::StartTls { 2 } else { 0 };
    let auth = match way.mechanism {
        None => 0,
        Some("CRAM-MD5") => 2,
        Some("LOGIN" | "SCRAM-SHA-256") => 3,
        Some(_) => 1,
    };
    assert_eq!(report.turns, turns[1] + starttls + auth, "{report:?}");
    assert_eq!(report.verdicts[0].codes, codes(&TEN), "{report:?}");
    assert_eq!(report.verdicts[0].outcome, Ok(()), "{report:?}\n{}", server.log());
    let mails = server.wait(before + 1, LIMIT).expect("a mail");
    came_by(way, server, &arrived(&mails[before..], &TEN, &data));
    1
}

fn a_large_mail(way: &Way, server: &dyn Server, before: usize) -> usize {
    let data = large();
    let octets = Octets {
        transfer: Transfer::SevenBit,
        utf8: false,
        data: &data,
    };
    let report = converse(*way, &[letter(&TEN[..2], octets)]);
    ended(&report, server);
    assert_eq!(report.verdicts[0].outcome, Ok(()), "{report:?}\n{}", server.log());
    let mails = server.wait(before + 1, LIMIT).expect("a mail");
    let mail = mails.last().expect("it came");
    // Not by `assert_eq`: nobody could read what it prints.
    assert!(
        mail.data == data,
        "{} octets came, other than the {} that were sent",
        mail.data.len(),
        data.len()
    );
    came_by(way, server, mail);
    1
}

/// Over TLS, and from whom, as the way says.
fn came_by(way: &Way, server: &dyn Server, mail: &Received) {
    if !server.traces() {
        return;
    }
    let secured = matches!(way.security, Security::StartTls | Security::Implicit);
    assert_eq!(mail.tls.as_deref(), secured.then_some("TLSv1.3"));
    assert_eq!(mail.user.as_deref(), way.mechanism.map(|_| "device"));
}

#[test]
fn postfix_takes_every_mail() {
    if needs::met("postfix_takes_every_mail", &postfix::NEEDS) {
        let site = Site::new();
        let server = Postfix::relay(&site.certificate, &Policy::default()).expect("Postfix");
        check(
            &Case {
                server: &server,
                turns: [3, 3, 3],
                token: &dovecot::token("device"),
            },
            &site,
        );
    }
}

#[test]
fn exim_takes_every_mail() {
    if needs::met("exim_takes_every_mail", &exim::NEEDS) {
        let site = Site::new();
        let server = Exim::start(&site.certificate, &site.authority, &Policy::default()).expect("Exim");
        check(
            &Case {
                server: &server,
                turns: [3, 3, 3],
                token: "",
            },
            &site,
        );
    }
}

#[test]
fn smtp_server_takes_every_mail() {
    if needs::met("smtp_server_takes_every_mail", &smtp_server::NEEDS) {
        let site = Site::new();
        let server = SmtpServer::start(&site.certificate, &Policy::default()).expect("smtp-server");
        check(
            &Case {
                server: &server,
                turns: [4, 4, 5],
                token: server.token(),
            },
            &site,
        );
    }
}

#[test]
fn aiosmtpd_takes_every_mail() {
    if needs::met("aiosmtpd_takes_every_mail", &aiosmtpd::NEEDS) {
        let site = Site::new();
        let server = Aiosmtpd::start(&site.certificate, &Policy::default()).expect("aiosmtpd");
        check(
            &Case {
                server: &server,
                turns: [7, 16, 11],
                token: "",
            },
            &site,
        );
    }
}

#[test]
fn dovecot_takes_every_mail() {
    if needs::met("dovecot_takes_every_mail", &dovecot_mail::NEEDS) {
        let site = Site::new();
        let server = DovecotMail::start(&site.certificate, &Policy::default()).expect("Dovecot");
        check(
            &Case {
                server: &server,
                turns: [3, 3, 3],
                token: &dovecot::token("device"),
            },
            &site,
        );
    }
}
