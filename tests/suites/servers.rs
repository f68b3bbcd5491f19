//! The mail servers of the laboratory themselves, by hand: each tells exactly what it was given.

use harness::certificates::{Authority, ServerCertificate};
use harness::needs;
use harness::servers::aiosmtpd::{self, Aiosmtpd};
use harness::servers::exim::{self, Exim};
use harness::servers::mail::{Policy, Received};
use harness::servers::postfix::{self, Postfix};
use harness::servers::scripted::{Script, Scripted};
use harness::servers::smtp_server::{self, SmtpServer};
use harness::servers::smtp_sink::{self, SmtpSink};
use harness::servers::{Port, Server};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(30);

/// Says each line once the one before is answered with its code; all the replies.
fn talk(server: &dyn Server, turns: &[(&str, u16)]) -> String {
    let address = server.address(Port::Relay).expect("a port for anybody");
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(LIMIT)).expect("a socket's option");
    let mut stream = BufReader::new(stream);
    let mut said = String::new();
    let mut reply = |stream: &mut BufReader<TcpStream>, code: u16, to: &str| loop {
        let start = said.len();
        let count = stream
            .read_line(&mut said)
            .unwrap_or_else(|error| panic!("no reply to {to:?}: {error}; the server's log:\n{}", server.log()));
        let line = &said[start..];
        assert!(
            count > 0 && line.starts_with(&code.to_string()),
            "{line:?} to {to:?}, not {code}"
        );
        if line.as_bytes().get(3) != Some(&b'-') {
            break;
        }
    };
    reply(&mut stream, 220, "the connection");
    for (line, code) in turns {
        stream
            .get_mut()
            .write_all(format!("{line}\r\n").as_bytes())
            .expect("room");
        reply(&mut stream, *code, line);
    }
    said
}

fn certificate() -> ServerCertificate {
    let authority = Authority::new("Test CA").expect("an authority");
    authority.server(&["mail.test"]).expect("a certificate")
}

/// A mail for two recipients of four; `extras` are the parameters of MAIL and of the first RCPT.
fn deliver(server: &dyn Server, extras: [&str; 2], domain: &str) -> Received {
    let mail = format!("MAIL FROM:<a@example.org>{}", extras[0]);
    let [first, reject, tempfail, last] =
        ["first", "reject", "tempfail", "last"].map(|local| format!("RCPT TO:<{local}@{domain}>"));
    let first = first + extras[1];
    let turns = [
        ("EHLO client.test", 250),
        (mail.as_str(), 250),
        (&first, 250),
        (&reject, 550),
        (&tempfail, 450),
        (&last, 250),
        ("DATA", 354),
        ("Subject: dots\r\n\r\n..\r\n..a\r\nb\r\n.", 250),
        ("QUIT", 221),
    ];
    talk(server, &turns);
    let mut mails = server.wait(1, LIMIT).expect("a mail");
    assert_eq!(mails.len(), 1, "{}", server.log());
    let mail = mails.remove(0);
    assert_eq!(mail.reverse_path, "a@example.org");
    assert_eq!(mail.recipients, [format!("first@{domain}"), format!("last@{domain}")]);
    assert_eq!(
        mail.data,
        b"Subject: dots\r\n\r\n.\r\n.a\r\nb\r\n",
        "{:?}",
        String::from_utf8_lossy(&mail.data)
    );
    assert_eq!((&mail.tls, &mail.user), (&None, &None));
    mail
}

const DSN: [&str; 2] = [
    " RET=HDRS ENVID=one",
    " NOTIFY=SUCCESS,DELAY ORCPT=rfc822;one@example.org",
];

fn tells_dsn(mail: &Received) {
    for word in ["RET=HDRS", "ENVID=one"] {
        assert!(mail.parameters.iter().any(|own| own == word), "{:?}", mail.parameters);
    }
    for word in ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;one@example.org"] {
        let own = &mail.recipient_parameters[0];
        assert!(own.iter().any(|own| own == word), "{own:?}");
    }
}

#[test]
fn postfix_tells_what_it_was_given() {
    if needs::met("postfix_tells_what_it_was_given", &postfix::NEEDS) {
        let server = Postfix::relay(&certificate(), &Policy::default()).expect("Postfix");
        tells_dsn(&deliver(&server, DSN, "mail.test"));
    }
}

#[test]
fn exim_tells_what_it_was_given() {
    if needs::met("exim_tells_what_it_was_given", &exim::NEEDS) {
        let clients = Authority::new("Clients").expect("an authority");
        let server = Exim::start(&certificate(), &clients, &Policy::default()).expect("Exim");
        tells_dsn(&deliver(&server, DSN, "mail.test"));
    }
}

#[test]
fn smtp_server_tells_what_it_was_given() {
    if needs::met("smtp_server_tells_what_it_was_given", &smtp_server::NEEDS) {
        let server = SmtpServer::start(&certificate(), &Policy::default()).expect("smtp-server");
        tells_dsn(&deliver(&server, DSN, "mail.test"));
    }
}

#[test]
fn aiosmtpd_tells_what_it_was_given() {
    if needs::met("aiosmtpd_tells_what_it_was_given", &aiosmtpd::NEEDS) {
        let server = Aiosmtpd::start(&certificate(), &Policy::default()).expect("aiosmtpd");
        let mail = deliver(&server, [" SIZE=100 BODY=8BITMIME", ""], "mail.test");
        assert_eq!(mail.parameters, ["SIZE=100", "BODY=8BITMIME"]);
    }
}

#[test]
fn smtp_sink_tells_what_it_was_given() {
    if needs::met("smtp_sink_tells_what_it_was_given", &smtp_sink::NEEDS) {
        let server = SmtpSink::start(&[]).expect("smtp-sink");
        let turns = [
            ("EHLO client.test", 250),
            ("MAIL FROM:<a@example.org> RET=HDRS ENVID=one", 250),
            ("RCPT TO:<first@mail.test> NOTIFY=NEVER", 250),
            ("RCPT TO:<last@mail.test>", 250),
            ("DATA", 354),
            ("Subject: dots\r\n\r\n..\r\n..a\r\nb\r\n.", 250),
            ("QUIT", 221),
        ];
        talk(&server, &turns);
        let mails = server.wait(1, LIMIT).expect("a mail");
        let wanted = Received {
            reverse_path: "a@example.org".into(),
            parameters: ["RET=HDRS", "ENVID=one"].map(str::to_owned).into(),
            recipients: ["first@mail.test", "last@mail.test"].map(str::to_owned).into(),
            recipient_parameters: vec![vec!["NOTIFY=NEVER".into()], vec![]],
            data: b"Subject: dots\r\n\r\n.\r\n.a\r\nb\r\n".into(),
            ..Received::default()
        };
        assert_eq!(mails, [wanted], "{}", server.log());
    }
}

/// What the scripted server refuses, a client must not say.
#[test]
fn the_scripted_server_takes_what_it_offered_and_keeps_its_limits() {
    let keywords = "LIMITS MAILMAX=2 RCPTMAX=2 RCPTDOMAINMAX=1;MT-PRIORITY MIXER;DELIVERBY 240;FUTURERELEASE 3600 2049-12-31T00:00:00Z;CHUNKING;SIZE 100";
    let script = Script {
        keywords: keywords.split(';').map(str::to_owned).collect(),
        ..Script::default()
    };
    let server = Scripted::start(script, &certificate()).expect("the scripted server");
    let said = talk(
        &server,
        &[
            ("EHLO client.test", 250),
            ("MAIL FROM:<a@example.org> SIZE=101", 555),
            ("MAIL FROM:<a@example.org> BODY=8BITMIME", 555),
            ("MAIL FROM:<a@example.org> RET=FULL", 555),
            ("MAIL FROM:<a@example.org> REQUIRETLS", 555),
            ("MAIL FROM:<a@example.org> MT-PRIORITY=10", 555),
            ("MAIL FROM:<a@example.org> BY=239;R", 555),
            ("MAIL FROM:<a@example.org> HOLDFOR=3601", 555),
            ("MAIL FROM:<a@example.org> SIZE=1 SIZE=1", 555),
            ("MAIL FROM:<\u{e4}@example.org>", 555),
            (
                "MAIL FROM:<a@example.org> MT-PRIORITY=-9 BY=-5;NT HOLDFOR=3600 SIZE=100",
                250,
            ),
            ("RCPT TO:<b@example.org> NOTIFY=NEVER", 555),
            ("RCPT TO:<b@example.org>", 250),
            ("RCPT TO:<c@example.net>", 452),
            ("RCPT TO:<\"c>d\"@example.org>", 250),
            ("RCPT TO:<e@example.org>", 452),
            ("BDAT 4\r\nab", 250),
            ("DATA", 503),
            ("BDAT 3 LAST\r\n.", 250),
            ("MAIL FROM:<>", 250),
            ("RSET", 250),
            ("MAIL FROM:<>", 421),
        ],
    );
    assert!(
        said.contains("250-LIMITS MAILMAX=2 RCPTMAX=2 RCPTDOMAINMAX=1\r\n"),
        "{said}"
    );
    let seen = server.seen();
    let [mail] = &seen.received[..] else {
        panic!("{seen:?}");
    };
    assert_eq!(mail.recipients, ["b@example.org", "\"c>d\"@example.org"]);
    assert_eq!(
        mail.parameters,
        ["MT-PRIORITY=-9", "BY=-5;NT", "HOLDFOR=3600", "SIZE=100"]
    );
    assert_eq!(mail.data, b"ab\r\n.\r\n");
}
