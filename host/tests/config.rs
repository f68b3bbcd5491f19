//! `gatepost mail send` with the configurations that a machine already has.

mod common;

use common::{Authority, Lines, Server, accept, check_failure, directory, gatepost, tls};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const TO_BOB: [&str; 8] = [
    "mail",
    "send",
    "--to",
    "bob@mail.test",
    "--subject",
    "Hello",
    "--text",
    "Text",
];

/// Writes a file with these permissions.
fn write(directory: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    path
}

fn send(config: &Path, more: &[&str]) -> std::process::Output {
    let mut words = TO_BOB.to_vec();
    words.extend(["--config", config.to_str().unwrap()]);
    words.extend(more);
    gatepost(&words, "")
}

/// A server in the clear that takes a mail from this address, whatever the rest.
fn plain_server(from: &'static str) -> Server<()> {
    Server::start(move |listener| {
        let mut lines = Lines::new(accept(&listener));
        lines.say("220 mail.test\r\n");
        lines.expect("EHLO");
        lines.say("250 mail.test\r\n");
        lines.expect(&format!("MAIL FROM:<{from}>"));
        lines.say("250 fine\r\n");
        lines.expect("RCPT TO:<bob@mail.test>");
        lines.say("250 fine\r\n");
        lines.expect("DATA");
        lines.say("354 go on\r\n");
        lines.until(".");
        lines.say("250 queued\r\n");
    })
}

#[test]
fn an_msmtprc_with_a_password_from_a_command() {
    let directory = directory("an_msmtprc");
    let authority = Authority::new("test");
    let config = authority.server("mail.test", (2020, 2049));
    let server = Server::start(move |listener| {
        let mut lines = Lines::new(accept(&listener));
        lines.say("220 mail.test\r\n");
        lines.expect("EHLO gate.home.test");
        lines.say("250-mail.test\r\n250 STARTTLS\r\n");
        lines.expect("STARTTLS");
        lines.say("220 go ahead\r\n");
        let mut lines = Lines::new(tls(lines.into_inner(), &config).unwrap());
        lines.expect("EHLO gate.home.test");
        lines.say("250-mail.test\r\n250 AUTH LOGIN PLAIN\r\n");
        // base64 of NUL alice NUL s3cret
        lines.expect("AUTH PLAIN AGFsaWNlAHMzY3JldA==");
        lines.say("235 welcome\r\n");
        lines.expect("MAIL FROM:<gate@home.test>");
        lines.say("550 that was all\r\n");
    });
    let config = write(
        &directory,
        "msmtprc",
        &format!(
            "defaults\ntls on\ntls_trust_file {}\nsyslog LOG_MAIL\n\naccount here\nhost 127.0.0.1\nport {}\n\
             tls_host_override mail.test\ndomain gate.home.test\nfrom gate@home.test\nauth on\nuser alice\n\
             passwordeval \"echo s3cret; cat\"\n\naccount default : here\n",
            authority.file(&directory).display(),
            server.address.port(),
        ),
        0o644,
    );
    let output = send(&config, &[]);
    let place = config.display();
    check_failure(
        &output,
        69,
        &format!(
            "gatepost mail: warning: {place}:4: syslog: ignored: what happens is told on standard error\n\
             gatepost mail: {}: smtp: MAIL: refused with 550: that was all",
            server.address
        ),
    );
    server.finish();
}

#[test]
fn the_next_server_takes_what_the_first_one_cannot() {
    let directory = directory("the_next_server");
    let refusing = Server::start(|listener| {
        Lines::new(accept(&listener)).say("421 not now\r\n");
    });
    let server = plain_server("gate@home.test");
    let remotes = format!(
        "127.0.0.1 --port=1\n127.0.0.1 smtp --port={}\n127.0.0.1 --port={}\n127.0.0.1 --port=1\n",
        refusing.address.port(),
        server.address.port()
    );
    let place = write(&directory, "nullmailer/remotes", &remotes, 0o600);
    let output = send(place.parent().unwrap(), &["--from", "gate@home.test"]);
    check_failure(&output, 0, "");
    refusing.finish();
    server.finish();
}

#[test]
fn flags_stand_before_the_file_and_another_server_before_all_of_it() {
    let directory = directory("flags_stand_before");
    let server = plain_server("else@home.test");
    let config = write(
        &directory,
        "mail.toml",
        "server = \"127.0.0.1:1\"\nuser = \"alice\"\npassword-file = \"/none\"\nfrom = \"gate@home.test\"\n",
        0o644,
    );
    let address = server.address.to_string();
    let output = send(
        &config,
        &["--server", &address, "--security", "plain", "--from", "else@home.test"],
    );
    check_failure(&output, 0, "");
    server.finish();
    check_failure(
        &send(&config, &[]),
        66,
        "gatepost mail: password file /none: No such file or directory (os error 2)",
    );
}

#[test]
fn a_file_that_others_can_use_is_not_used() {
    let directory = directory("a_file_that_others");
    let text = "server = \"127.0.0.1:1\"\nfrom = \"gate@home.test\"\nsecurity = \"plain\"\n";
    let with_password = format!("{text}user = \"alice\"\npassword = \"s3cret\"\n");
    for (name, text, mode, code, expected) in [
        ("open.toml", text, 0o646, 78, ": everyone can write to it".to_owned()),
        (
            "password.toml",
            &with_password,
            0o644,
            78,
            format!(
                ": everyone can read the password in {0}; chmod 640 {0}",
                directory.join("password.toml").display()
            ),
        ),
        (
            "odd",
            text,
            0o600,
            78,
            ": its name tells no format: .toml, msmtprc, nullmailer, dma.conf and ssmtp.conf do".to_owned(),
        ),
        (
            "broken.toml",
            "server = 1\nfrob = 2",
            0o600,
            78,
            "2: frob: unknown setting".to_owned(),
        ),
    ] {
        let path = write(&directory, name, text, mode);
        let output = send(&path, &[]);
        let space = if expected.starts_with(':') {
            expected.replacen(':', ": ", 1).replace(":  ", ": ")
        } else {
            expected
        };
        check_failure(
            &output,
            code,
            &format!("gatepost mail: {}:{}", path.display(), space.trim_start_matches(':')),
        );
    }
    // Without TLS no password leaves; the file itself is good.
    let path = write(&directory, "private.toml", &with_password, 0o640);
    check_failure(
        &send(&path, &[]),
        75,
        "gatepost mail: 127.0.0.1:1: connect: no connection: Connection refused (os error 111)",
    );
}
