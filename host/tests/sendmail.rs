//! `sendmail` as the programs of a machine call it: what arrives, and what they get to know.

mod common;

use common::{Lines, Server, accept, directory};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a server was given.
#[derive(Debug)]
struct Received {
    mail: String,
    recipients: Vec<String>,
    data: String,
}

/// A server in the clear that offers this and takes everything but `nobody@...`.
fn server(offers: &'static str) -> Server<Received> {
    Server::start(move |listener| {
        let mut lines = Lines::new(accept(&listener));
        lines.say("220 mail.test\r\n");
        lines.expect("EHLO");
        lines.say(&format!("250-mail.test\r\n{offers}250 HELP\r\n"));
        let mut received = Received {
            mail: lines.expect("MAIL FROM:"),
            recipients: Vec::new(),
            data: String::new(),
        };
        lines.say("250 fine\r\n");
        loop {
            match lines.line() {
                line if line.starts_with("RCPT TO:<nobody@") => lines.say("550 no such user\r\n"),
                line if line.starts_with("RCPT TO:") => {
                    received.recipients.push(line);
                    lines.say("250 fine\r\n");
                }
                line if line == "DATA" => break,
                _ => return received,
            }
        }
        lines.say("354 go on\r\n");
        received.data = lines.until(".").join("\n");
        lines.say("250 2.0.0 queued as 1\r\n");
        received
    })
}

/// A configuration for a server, with more lines of TOML.
fn config(directory: &Path, server: &str, more: &str) -> PathBuf {
    let path = directory.join("mail.toml");
    let text = format!("server = \"{server}\"\nsecurity = \"plain\"\ndomain = \"home.test\"\n{more}");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// Runs the binary by the name `sendmail`, with the configuration where it looks for it.
fn sendmail(directory: &Path, words: &[&str], input: &[u8]) -> Output {
    let program = directory.join("sendmail");
    if !program.exists() {
        symlink(env!("CARGO_BIN_EXE_gatepost"), &program).unwrap();
    }
    let place = directory.join("gatepost");
    fs::create_dir_all(&place).unwrap();
    let _ = fs::rename(directory.join("mail.toml"), place.join("mail.toml"));
    let mut child = Command::new(program)
        .args(words)
        .env("XDG_CONFIG_HOME", directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // One that does not want it all is for the caller to judge.
    let _ = stdin.write_all(input);
    drop(stdin);
    child.wait_with_output().unwrap()
}

fn check(output: &Output, code: i32, error: &str) {
    assert_eq!(String::from_utf8_lossy(&output.stderr).trim_end(), error);
    assert_eq!(output.status.code(), Some(code));
}

/// Sends `input` with these words, and gives what the server got.
fn send(name: &str, more: &str, words: &[&str], input: &str) -> Received {
    let directory = directory(name);
    let server = server("250-8BITMIME\r\n250-DSN\r\n250-SIZE\r\n");
    config(&directory, &server.address.to_string(), more);
    let output = sendmail(&directory, words, input.as_bytes());
    check(&output, 0, "");
    assert_eq!(output.stdout, b"");
    server.finish()
}

/// The value of a field, unfolded.
fn field(received: &Received, name: &str) -> String {
    let header = received
        .data
        .split("\n\n")
        .next()
        .unwrap_or_default()
        .replace("\n ", " ");
    let start = format!("{name}: ");
    let mut values = header.lines().filter_map(|line| line.strip_prefix(start.as_str()));
    let value = values.next().unwrap_or_default().to_owned();
    assert_eq!(values.next(), None, "{name} stands twice in {received:?}");
    value
}

#[test]
fn cron_reports_a_job() {
    // vixie cron's words and header; the From it writes has no domain.
    let input = "From: root (Cron Daemon)\nTo: root\nSubject: Cron <root@gate> /usr/bin/job\nMIME-Version: 1.0\n\
                 Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\nX-Cron-Env: <HOME=/root>\n\n\
                 J\u{f6}b failed\n.\n.hidden\n";
    let words = ["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root"];
    let received = send("cron", "[aliases]\nroot = \"admin@mail.test\"\n", &words, input);
    assert_eq!(
        received.recipients,
        ["RCPT TO:<admin@mail.test> ORCPT=rfc822;root@home.test"]
    );
    let octets = received.data.replace('\n', "\r\n").len() + 2;
    // Two dots are the transparency's.
    let size = format!("SIZE={} BODY=8BITMIME", octets - 2);
    assert!(received.mail.ends_with(&size), "{} {octets}", received.mail);
    assert_eq!(field(&received, "From"), "root@home.test (Cron Daemon)");
    assert_eq!(field(&received, "To"), "root@home.test");
    assert!(field(&received, "Message-ID").ends_with("@home.test>"));
    assert!(field(&received, "Date").ends_with("+0000"));
    assert!(
        received.data.ends_with("\n\nJ\u{f6}b failed\n..\n..hidden"),
        "{}",
        received.data
    );
}

#[test]
fn php_mails_from_a_form() {
    let input = "To: Bob <bob@mail.test>\r\nSubject: x\r\nX-PHP-Originating-Script: 33:form.php\r\nFrom: form@home.test\r\n\
                 Cc: carol@mail.test\r\nBcc: dave@mail.test,\r\n eve@mail.test\r\n\r\nText\r\n";
    let received = send("php", "", &["-t", "-i", "-fwww@home.test"], input);
    assert!(received.mail.starts_with("MAIL FROM:<www@home.test>"));
    let to: Vec<&str> = received
        .recipients
        .iter()
        .map(|line| &line[9..line.len() - 1])
        .collect();
    assert_eq!(
        to,
        ["bob@mail.test", "carol@mail.test", "dave@mail.test", "eve@mail.test"]
    );
    assert!(
        !received.data.contains("dave") && !received.data.contains("eve"),
        "{}",
        received.data
    );
    assert_eq!(field(&received, "From"), "form@home.test");
}

#[test]
fn mailx_sends_a_text() {
    let input = "To: bob@mail.test\nSubject: hello\nUser-Agent: s-nail\n\nfirst\n.\nnever sent\n";
    let words = ["-f", "alice@home.test", "--", "bob@mail.test", "bob@mail.test"];
    let received = send("mailx", "", &words, input);
    assert_eq!(received.recipients, ["RCPT TO:<bob@mail.test>"]);
    assert!(
        received.data.ends_with("\n\nfirst"),
        "a lone dot ends it: {}",
        received.data
    );
}

#[test]
fn git_sends_a_patch() {
    let input = "From: Alice <alice@home.test>\nTo: list@mail.test\nCc: Bob <bob@mail.test>\nSubject: [PATCH] net: x\n\
                 Date: Mon, 23 Nov 2026 10:00:00 +0100\nMessage-ID: <20261123100000.1-alice@home.test>\n\
                 X-Mailer: git-send-email 2.39.5\n\n---\n a | 1 +\n\ndiff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -0,0 +1 @@\n+.\n-- \n2.39.5\n";
    let words = ["-f", "alice@home.test", "-i", "list@mail.test", "bob@mail.test"];
    let received = send("git", "", &words, input);
    assert_eq!(received.recipients.len(), 2);
    // Nothing of what it wrote is touched.
    assert_eq!(received.data, input.trim_end().replace("-- \n", "--\n"));
}

#[test]
fn logwatch_and_smartd_and_bounces() {
    let received = send(
        "logwatch",
        "",
        &["-t"],
        "To: root@mail.test\nFrom: Logwatch <logwatch>\nSubject: x\n\ny\n",
    );
    assert_eq!(field(&received, "From"), "Logwatch <logwatch@home.test>");
    let received = send(
        "smartd",
        "from = \"gate@home.test\"\nfull-name = \"J\u{f6}rg's gate\"\n",
        &["root@mail.test"],
        "no header\n",
    );
    assert!(received.mail.starts_with("MAIL FROM:<gate@home.test>"));
    assert!(
        field(&received, "From").starts_with("=?utf-8?Q?J=C3=B6rg"),
        "{}",
        received.data
    );
    assert!(received.data.ends_with("\n\nno header"));
    let received = send(
        "bounce",
        "",
        &["-f", "<>", "-N", "never", "-R", "hdrs", "-V", "id1", "bob@mail.test"],
        "\n",
    );
    assert!(received.mail.starts_with("MAIL FROM:<> "), "{}", received.mail);
    assert!(received.mail.contains("RET=HDRS") && received.mail.contains("ENVID=id1"));
    assert_eq!(received.recipients, ["RCPT TO:<bob@mail.test> NOTIFY=NEVER"]);
}

#[test]
fn a_server_of_old_gets_it_as_it_is() {
    let directory = directory("a_server_of_old");
    let server = server("");
    config(&directory, &server.address.to_string(), "");
    let long = format!("Subject: \u{fc}\n\n{}\u{fc}\n", "x".repeat(2000));
    check(&sendmail(&directory, &["bob@mail.test"], long.as_bytes()), 0, "");
    let received = server.finish();
    assert!(received.mail.ends_with('>'), "{}", received.mail);
    assert!(received.data.contains("Subject: \u{fc}\n"));
    assert!(received.data.split('\n').all(|line| line.len() <= 998));
}

#[test]
fn smtp_on_standard_input() {
    let directory = directory("smtp_on_standard_input");
    let server = server("");
    config(&directory, &server.address.to_string(), "");
    let words = b"EHLO pine\r\nMAIL FROM:<alice@home.test>\r\nRCPT TO:<bob@mail.test>\r\nDATA\r\nSubject: x\r\n\r\n..\r\n.\r\nQUIT\r\n";
    let output = sendmail(&directory, &["-bs"], words);
    check(&output, 0, "");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.starts_with("220 ")
            && said.contains("\r\n354 ")
            && said.contains("\r\n250 2.0.0 250 2.0.0 queued as 1\r\n221 "),
        "{said}"
    );
    let received = server.finish();
    assert!(received.data.ends_with("\n\n.."), "{}", received.data);
    assert!(!field(&received, "Message-ID").is_empty());
}

#[test]
fn with_a_spool_it_is_taken_without_a_server() {
    let directory = directory("with_a_spool");
    let spool = directory.join("spool");
    fs::create_dir(&spool).unwrap();
    fs::set_permissions(&spool, fs::Permissions::from_mode(0o700)).unwrap();
    config(&directory, "127.0.0.1:1", &format!("spool = \"{}\"\n", spool.display()));
    check(
        &sendmail(&directory, &["-t"], b"To: bob@mail.test\nBcc: eve@mail.test\n\nText\n"),
        0,
        "",
    );
    let output = sendmail(&directory, &["-v", "bob@mail.test"], b"Text\n");
    check(&output, 0, "");
    let said = String::from_utf8(output.stdout).unwrap();
    let id = said.trim_end().strip_prefix("queued as ").unwrap();
    // As mailq, and tried again by name: nobody delivers here.
    let listed = sendmail(&directory, &["-bp"], b"");
    check(&listed, 0, "");
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert!(listed.contains(id) && listed.contains("bob@mail.test"), "{listed}");
    check(&sendmail(&directory, &[&format!("-qI{id}")], b""), 0, "");
    assert_ne!(sendmail(&directory, &["-qI0123"], b"").status.code(), Some(0));
    let mut mails: Vec<String> = fs::read_dir(&spool)
        .unwrap()
        .map(|entry| String::from_utf8_lossy(&fs::read(entry.unwrap().path()).unwrap()).into_owned())
        .filter(|text| text.contains("\r\n\r\nText\r\n"))
        .collect();
    assert_eq!(mails.len(), 2);
    mails.retain(|text| text.contains("To: bob@mail.test\r\n\r\nText"));
    let (header, envelope) = mails[0].split_once("\r\n\r\nText\r\n").unwrap();
    assert!(!header.contains("eve@mail.test") && envelope.contains("eve@mail.test"));
    fs::set_permissions(&spool, fs::Permissions::from_mode(0o777)).unwrap();
    let output = sendmail(&directory, &["bob@mail.test"], b"Text\n");
    assert_eq!(output.status.code(), Some(78));
}

#[test]
fn what_goes_wrong_is_told_with_the_usual_exit_code() {
    let directory = directory("what_goes_wrong");
    let server = server("");
    config(&directory, &server.address.to_string(), "");
    check(
        &sendmail(&directory, &["bob@mail.test", "nobody@mail.test"], b"Text\n"),
        69,
        "sendmail: 1 of 2 recipients refused; nobody@mail.test: 550 no such user",
    );
    assert_eq!(server.finish().recipients, ["RCPT TO:<bob@mail.test>"]);
    config(&directory, "127.0.0.1:1", "[aliases]\nlist = \"|program\"\n");
    for (words, input, code, error) in [
        (
            &["bob@mail.test"][..],
            "x",
            75,
            "127.0.0.1:1: connect: no connection: Connection refused (os error 111)",
        ),
        (
            &[],
            "x",
            64,
            "no recipient, neither as a word nor, with -t, in the header",
        ),
        (
            &["-t"],
            "Subject: x\n\nTo: bob@mail.test\n",
            64,
            "no recipient, neither as a word nor, with -t, in the header",
        ),
        (
            &["-t"],
            "To: bob mail.test\n\n",
            65,
            "To: neither a comma nor an address between two words at octet 5",
        ),
        (
            &["bob@mail..test"],
            "x",
            65,
            "\"bob@mail..test\": address: the domain is neither a domain name nor an address literal",
        ),
        (
            &["list"],
            "x",
            65,
            "alias list: |program is no address, and nothing is delivered here",
        ),
        (
            &["-f", "a b", "bob@mail.test"],
            "x",
            65,
            "\"a b\": neither a comma nor an address between two words at octet 2",
        ),
        (
            &["bob@mail.test", "-OQueueDirectory=/tmp"],
            "x",
            64,
            "-OQueueDirectory=/tmp: no recipient begins with a dash, and options stand before recipients",
        ),
        (&["-bd"], "", 64, "-bd: nothing listens here, mails only leave"),
        (
            &["-V", "\u{e4}", "bob@mail.test"],
            "x",
            64,
            "the envelope identifier is printable ASCII of at most 100 octets",
        ),
        (
            &["-C", "/none/mail.toml", "bob@mail.test"],
            "x",
            78,
            "/none/mail.toml: No such file or directory (os error 2)",
        ),
        (&["-a", "work", "bob@mail.test"], "x", 78, "no account work"),
    ] {
        let output = sendmail(&directory, words, input.as_bytes());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.starts_with("sendmail: ") && said.trim_end().ends_with(error),
            "{words:?}: {said}"
        );
        assert_eq!(output.status.code(), Some(code), "{words:?}");
    }
    check(&sendmail(&directory, &["-bi"], b""), 0, "");
    let listed = sendmail(&directory, &["-bp"], b"");
    check(&listed, 0, "");
    assert_eq!(listed.stdout, b"nothing waits: there is no spool\n");
}
