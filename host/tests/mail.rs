//! `gatepost mail send` against scripted submission servers: what arrives, what is said, which exit code.

mod common;

use common::{Authority, Lines, Server, accept, check_failure, directory, gatepost, tls};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Output;

/// `mail send` to `server` from alice to these recipients, with more flags and this body.
fn send(server: &str, to: &[&str], flags: &[&str], body: &str) -> Output {
    let mut words = vec![
        "mail",
        "send",
        "--server",
        server,
        "--from",
        "alice@home.test",
        "--subject",
        "Hello",
    ];
    for recipient in to {
        words.extend(["--to", recipient]);
    }
    words.extend(flags);
    gatepost(&words, body)
}

/// Runs `mail send` in the clear against a server that follows `script`.
fn send_plain(script: impl FnOnce(&mut Lines<std::net::TcpStream>) + Send + 'static) -> (String, Output) {
    let server = Server::start(move |listener| script(&mut Lines::new(accept(&listener))));
    let address = server.address.to_string();
    let output = send(&address, &["bob@mail.test"], &["--security", "plain"], "Text\n");
    server.finish();
    (address, output)
}

/// Everything up to and including the transaction of a server that accepts all.
fn take_mail(lines: &mut Lines<impl Read + Write>) -> Vec<String> {
    lines.expect("MAIL FROM:<alice@home.test>");
    lines.say("250 2.1.0 fine\r\n");
    lines.expect("RCPT TO:<bob@mail.test>");
    lines.say("250 2.1.5 fine\r\n");
    lines.expect("DATA");
    lines.say("354 go on\r\n");
    let data = lines.until(".");
    lines.say("250 2.0.0 queued as 1\r\n");
    data
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A server with TLS and AUTH as far as the client's name and password.
fn authenticated(
    listener: &TcpListener,
    config: &std::sync::Arc<rustls::ServerConfig>,
) -> Option<Lines<impl Read + Write + use<>>> {
    let mut lines = Lines::new(accept(listener));
    lines.say("220 mail.test ESMTP\r\n");
    lines.expect("EHLO [127.0.0.1]");
    lines.say("250-mail.test\r\n250 STARTTLS\r\n");
    lines.expect("STARTTLS");
    lines.say("220 go ahead\r\n");
    let mut lines = Lines::new(tls(lines.into_inner(), config)?);
    lines.expect("EHLO [127.0.0.1]");
    lines.say("250-mail.test\r\n250 AUTH PLAIN\r\n");
    // base64 of NUL alice NUL s3cret
    lines.expect("AUTH PLAIN AGFsaWNlAHMzY3JldA==");
    Some(lines)
}

#[test]
fn a_mail_over_starttls_with_a_refused_recipient() {
    let directory = directory("a_mail_over_starttls");
    let authority = Authority::new("test");
    let config = authority.server("mail.test", (2020, 2049));
    let server = Server::start(move |listener| {
        let mut lines = authenticated(&listener, &config).unwrap();
        lines.say("235 2.7.0 welcome\r\n");
        lines.expect("MAIL FROM:<alice@home.test>");
        lines.say("250 2.1.0 fine\r\n");
        lines.expect("RCPT TO:<bob@mail.test>");
        lines.say("250 2.1.5 fine\r\n");
        lines.expect("RCPT TO:<nobody@mail.test>");
        lines.say("550 5.1.1 no such user\r\n");
        lines.expect("DATA");
        lines.say("354 go on\r\n");
        let data = lines.until(".");
        lines.say("250 2.0.0 queued as 1\r\n");
        lines.expect("QUIT");
        lines.say("221 bye\r\n");
        data
    });
    let ca = authority.file(&directory);
    let password = directory.join("password");
    std::fs::write(&password, "s3cret\n").unwrap();
    let attachment = directory.join("log.bin");
    std::fs::write(&attachment, [0, 1, 2, 255]).unwrap();
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let output = send(
        &server.address.to_string(),
        &["bob@mail.test", "nobody@mail.test"],
        &[
            "--ca",
            &path(&ca),
            "--server-name",
            "mail.test",
            "--user",
            "alice",
            "--password-file",
            &path(&password),
            "--attach",
            &path(&attachment),
        ],
        "First line\n.hidden\n",
    );
    check_failure(
        &output,
        69,
        "gatepost mail: 1 of 2 recipients refused; nobody@mail.test: 550 5.1.1 no such user",
    );
    assert_eq!(
        stdout(&output),
        "mail: tls 1.3 verified mail.test\n\
         mail: recipient bob@mail.test accepted: 250 2.1.5 fine\n\
         mail: recipient nobody@mail.test refused: 550 5.1.1 no such user\n\
         mail: accepted 250 2.0.0 queued as 1\n"
    );
    let data = server.finish();
    for line in [
        "From: <alice@home.test>",
        "Subject: Hello",
        "First line",
        "..hidden",
        "AAEC/w==",
    ] {
        assert!(data.iter().any(|sent| sent == line), "{line:?} is missing in {data:#?}");
    }
    assert!(data.iter().any(|line| line.contains("log.bin")), "{data:#?}");
    assert!(
        data.iter()
            .any(|line| line.starts_with("Message-ID: <") && line.ends_with("@home.test>")),
        "{data:#?}"
    );
}

#[test]
fn a_mail_in_the_clear_is_accepted_though_the_server_hangs_up() {
    let (_, output) = send_plain(|lines| {
        lines.say("220 mail.test\r\n");
        lines.expect("EHLO");
        lines.say("250 mail.test\r\n");
        take_mail(lines);
    });
    check_failure(&output, 0, "");
    assert!(stdout(&output).ends_with("mail: accepted 250 2.0.0 queued as 1\n"));
}

#[test]
fn each_refusal_has_its_exit_code() {
    let refusals = [
        (
            "554 no service here\r\n",
            69,
            "smtp: greeting: refused with 554: no service here",
        ),
        (
            "421 4.3.2 come back later\r\n",
            75,
            "smtp: greeting: refused for now with 421: 4.3.2 come back later",
        ),
        ("hello?\r\n", 76, "smtp: greeting: the answer is no SMTP reply"),
        ("", 75, "smtp: greeting: the server closed the connection"),
    ];
    for (greeting, code, error) in refusals {
        let (address, output) = send_plain(move |lines| {
            lines.say(greeting);
            if !greeting.is_empty() {
                lines.line();
            }
        });
        check_failure(&output, code, &format!("gatepost mail: {address}: {error}"));
        assert_eq!(stdout(&output), "");
    }
}

#[test]
fn a_reply_that_never_ends_is_cut_off() {
    let (address, output) = send_plain(|lines| {
        lines.say("220 mail.test\r\n");
        lines.expect("EHLO");
        // Until the client hangs up; a client that reads on makes the test's own limit end it.
        for _ in 0..1_000_000 {
            lines.say("250-and another thing\r\n");
        }
    });
    check_failure(
        &output,
        76,
        &format!("gatepost mail: {address}: smtp: EHLO: a reply that never ends"),
    );
}

#[test]
fn a_mail_cut_after_the_final_dot_is_not_called_sent() {
    let (address, output) = send_plain(|lines| {
        lines.say("220 mail.test\r\n");
        lines.expect("EHLO");
        lines.say("250 mail.test\r\n");
        for (command, reply) in [
            ("MAIL", "250 ok\r\n"),
            ("RCPT", "250 ok\r\n"),
            ("DATA", "354 go on\r\n"),
        ] {
            lines.expect(command);
            lines.say(reply);
        }
        lines.until(".");
    });
    check_failure(
        &output,
        75,
        &format!("gatepost mail: {address}: smtp: end of data: the server closed the connection"),
    );
    assert_eq!(stdout(&output), "mail: recipient bob@mail.test accepted: 250 ok\n");
}

#[test]
fn answers_in_the_clear_after_starttls_are_an_attack() {
    let server = Server::start(|listener| {
        let mut lines = Lines::new(accept(&listener));
        lines.say("220 mail.test\r\n");
        lines.expect("EHLO");
        lines.say("250-mail.test\r\n250 STARTTLS\r\n");
        lines.expect("STARTTLS");
        lines.say("220 go ahead\r\n250-mail.test\r\n250 AUTH PLAIN\r\n235 welcome\r\n");
        assert_eq!(lines.line(), "", "nothing more may be said");
    });
    let address = server.address.to_string();
    let output = send(&address, &["bob@mail.test"], &["--text", ""], "");
    check_failure(
        &output,
        77,
        &format!("gatepost mail: {address}: smtp: STARTTLS: octets in the clear after the reply, an attack"),
    );
    server.finish();
}

#[test]
fn without_starttls_nothing_is_sent() {
    let server = Server::start(|listener| {
        let mut lines = Lines::new(accept(&listener));
        lines.say("220 mail.test\r\n");
        lines.expect("EHLO");
        lines.say("250-mail.test\r\n250 AUTH PLAIN\r\n");
        let said = lines.line();
        lines.say("221 bye\r\n");
        said
    });
    let address = server.address.to_string();
    let output = send(&address, &["bob@mail.test"], &["--text", ""], "");
    check_failure(
        &output,
        77,
        &format!("gatepost mail: {address}: smtp: EHLO: the server does not offer STARTTLS"),
    );
    assert_eq!(server.finish(), "QUIT");
}

#[test]
fn a_certificate_of_another_authority_or_name_ends_it() {
    let directory = directory("a_certificate_of_another");
    let authority = Authority::new("test");
    let ca = authority.file(&directory).to_str().unwrap().to_owned();
    let cases = [
        (
            Authority::new("another"),
            "mail.test",
            "unknown issuer: no trusted root leads to it",
        ),
        (
            authority,
            "other.test",
            "name mismatch: it is not for other.test but for mail.test",
        ),
    ];
    for (authority, name, cause) in cases {
        let config = authority.server("mail.test", (2020, 2049));
        let server = Server::start(move |listener| {
            let mut lines = Lines::new(accept(&listener));
            lines.say("220 mail.test\r\n");
            lines.expect("EHLO");
            lines.say("250-mail.test\r\n250 STARTTLS\r\n");
            lines.expect("STARTTLS");
            lines.say("220 go ahead\r\n");
            if let Some(stream) = tls(lines.into_inner(), &config) {
                assert_eq!(
                    Lines::new(stream).line(),
                    "",
                    "nothing may be said to an unverified server"
                );
            }
        });
        let address = server.address.to_string();
        let output = send(
            &address,
            &["bob@mail.test"],
            &["--ca", &ca, "--server-name", name, "--text", ""],
            "",
        );
        let error = format!("gatepost mail: {address}: handshake: TLS: certificate refused: {cause}");
        check_failure(&output, 77, &error);
        assert_eq!(stdout(&output), "");
        server.finish();
    }
}

#[test]
fn a_refused_password_is_told_without_it() {
    let directory = directory("a_refused_password");
    let authority = Authority::new("test");
    let config = authority.server("127.0.0.1", (2020, 2049));
    let server = Server::start(move |listener| {
        let mut lines = authenticated(&listener, &config).unwrap();
        lines.say("535 5.7.8 wrong\r\n");
        lines.expect("QUIT");
    });
    let address = server.address.to_string();
    let password = directory.join("password");
    std::fs::write(&password, "s3cret").unwrap();
    let ca = authority.file(&directory);
    let flags = [
        "--ca",
        ca.to_str().unwrap(),
        "--user",
        "alice",
        "--password-file",
        password.to_str().unwrap(),
    ];
    let output = send(&address, &["bob@mail.test"], &flags, "Text");
    check_failure(
        &output,
        77,
        &format!("gatepost mail: {address}: smtp: AUTH: refused with 535: 5.7.8 wrong"),
    );
    assert_eq!(stdout(&output), "mail: tls 1.3 verified 127.0.0.1\n");
    server.finish();
}

#[test]
fn what_cannot_be_sent_is_refused_before_anybody_is_asked() {
    let send = |to: &[&str], flags: &[&str]| send("127.0.0.1:1", to, flags, "Text");
    let bob = ["bob@mail.test"];
    check_failure(&send(&[], &[]), 64, "gatepost mail: missing --to");
    check_failure(
        &send(&["bob@mail.test>\r\nRCPT TO:<eve@mail.test"], &[]),
        65,
        "gatepost mail: \"bob@mail.test>\\r\\nRCPT TO:<eve@mail.test\": \
         address: the local-part is neither a dot-string nor a quoted-string of ASCII",
    );
    check_failure(
        &send(&bob, &["--subject", "one\r\nBcc: eve@mail.test"]),
        65,
        "gatepost mail: the letter: subject: it holds a control character",
    );
    check_failure(
        &send(&bob, &["--attach", "/no/such/file"]),
        66,
        "gatepost mail: /no/such/file: No such file or directory (os error 2)",
    );
    check_failure(
        &send(
            &bob,
            &["--user", "alice", "--password-env", "GATEPOST_TEST_NO_SUCH_VARIABLE"],
        ),
        66,
        "gatepost mail: password in GATEPOST_TEST_NO_SUCH_VARIABLE: no such environment variable",
    );
    check_failure(
        &send(&bob, &["--user", "alice"]),
        64,
        "gatepost mail: missing --password-file, --password-env or --password-command beside --user",
    );
    check_failure(
        &send(&bob, &["--password", "s3cret"]),
        64,
        "gatepost mail: invalid option '--password'; --help tells the flags",
    );
    check_failure(
        &send(&bob, &["--security", "none"]),
        64,
        "gatepost mail: cannot parse argument \"none\": it is starttls, starttls-if-offered, tls, plain or \
         plain-with-password; --help tells the flags",
    );
    check_failure(
        &send(&bob, &["--security", "plain"]),
        75,
        "gatepost mail: 127.0.0.1:1: connect: no connection: Connection refused (os error 111)",
    );
}
