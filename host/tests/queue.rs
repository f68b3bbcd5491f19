//! `gatepost mail queue|flush|hold|drop|deliver` against scripted submission servers.

mod common;

use common::{Lines, Server, accept, check_failure, directory, gatepost};
use gatepost::spool::{EntryId, Limits, Spool};
use gatepost_core::message::Address;
use gatepost_core::smtp::{Envelope, Options, Recipient};
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

const TEXT: &str = "From: alice@home.test\r\nMessage-ID: <1@home.test>\r\n\r\nText\r\n";

fn spool(test: &str) -> PathBuf {
    let path = directory(&format!("queue-{test}"));
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    path
}

fn push(path: &Path, to: &[&str]) -> EntryId {
    let recipients: Vec<Recipient<'_>> = to
        .iter()
        .map(|to| Recipient::from(Address::parse(to).unwrap()))
        .collect();
    let envelope = Envelope {
        reverse_path: Some(Address::parse("alice@home.test").unwrap()),
        recipients: &recipients,
        options: Options::default(),
    };
    let spool = Spool::open(path, Limits::default()).unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    spool.push(&envelope, &mut TEXT.as_bytes(), now).unwrap()
}

/// `mail VERB --spool PATH` and more words.
fn mail(verb: &str, path: &Path, words: &[&str]) -> Output {
    let mut all = vec!["mail", verb, "--spool", path.to_str().unwrap()];
    all.extend(words);
    gatepost(&all, "")
}

fn deliver(path: &Path, server: &str, words: &[&str]) -> Output {
    let mut all = vec![
        "--once",
        "--host",
        "gate.test",
        "--security",
        "plain",
        "--server",
        server,
    ];
    all.extend(words);
    mail("deliver", path, &all)
}

fn stdout(output: &Output) -> String {
    assert_eq!(
        (String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()),
        ("", Some(0))
    );
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The next connection, as far as MAIL.
fn greet(lines: &mut Lines<TcpStream>, from: &str) {
    lines.say("220 mail.test\r\n");
    lines.expect("EHLO");
    lines.say("250 mail.test\r\n");
    lines.expect(&format!("MAIL FROM:<{from}>"));
    lines.say("250 2.1.0 fine\r\n");
}

fn answer(lines: &mut Lines<TcpStream>, recipient: &str, reply: &str) {
    lines.expect(&format!("RCPT TO:<{recipient}>"));
    lines.say(&format!("{reply}\r\n"));
}

fn take(lines: &mut Lines<TcpStream>) -> String {
    lines.expect("DATA");
    lines.say("354 go on\r\n");
    let data = lines.until(".").join("\n");
    lines.say("250 2.0.0 queued as 1\r\n");
    lines.expect("QUIT");
    lines.say("221 2.0.0 bye\r\n");
    data
}

#[test]
fn what_waits_is_delivered_kept_and_reported_recipient_by_recipient() {
    let path = spool("fates");
    let id = push(&path, &["bob@mail.test", "carol@mail.test", "dave@mail.test"]);
    let server = Server::start(|listener| {
        let mut lines = Lines::new(accept(&listener));
        greet(&mut lines, "alice@home.test");
        answer(&mut lines, "bob@mail.test", "250 2.1.5 fine");
        answer(&mut lines, "carol@mail.test", "450 4.2.0 greylisted");
        answer(&mut lines, "dave@mail.test", "550-5.1.1 no such\r\n550 5.1.1 user");
        let data = take(&mut lines);
        let mut lines = Lines::new(accept(&listener));
        greet(&mut lines, "");
        answer(&mut lines, "alice@home.test", "250 2.1.5 fine");
        (data, take(&mut lines))
    });
    let address = server.address.to_string();
    let output = stdout(&deliver(&path, &address, &[]));
    let (data, bounce) = server.finish();
    assert_eq!(data, TEXT.replace("\r\n", "\n").trim_end());
    assert!(
        bounce.contains("Diagnostic-Code: smtp; 550 5.1.1 no such 5.1.1 user\n"),
        "{bounce}"
    );
    assert!(bounce.contains("Reporting-MTA: dns; gate.test\n"), "{bounce}");
    let told: Vec<&str> = output.lines().collect();
    assert_eq!(
        told[0],
        format!("spool: {id} delivered to bob@mail.test: 250 2.0.0 queued as 1")
    );
    assert_eq!(
        told[1],
        format!("spool: {id} failed for dave@mail.test: 550 5.1.1 no such 5.1.1 user")
    );
    assert!(told[2].starts_with(&format!("spool: {id} waits ")) && told[2].ends_with(" s: 450 4.2.0 greylisted"));
    assert!(
        told[4].ends_with(" delivered to alice@home.test: 250 2.0.0 queued as 1"),
        "{told:?}"
    );

    let list = stdout(&mail("queue", &path, &[]));
    let lines: Vec<&str> = list.lines().collect();
    assert!(
        lines[0].starts_with(&format!("{id}  ")) && lines[0].contains(" from alice@home.test; tried once, next in ")
    );
    assert_eq!(
        lines[1..],
        [
            "    bob@mail.test  delivered: 250 2.0.0 queued as 1",
            "    carol@mail.test  pending: 450 4.2.0 greylisted",
            "    dave@mail.test  reported: 550 5.1.1 no such 5.1.1 user",
            "1 mail waiting",
        ]
    );
    let json = stdout(&mail("queue", &path, &["--json"]));
    assert!(json.starts_with(&format!("{{\"id\":\"{id}\",\"octets\":")), "{json}");
    let part = "\"held\":false,\"why\":\"450 4.2.0 greylisted\",\"recipients\":[{\"address\":\"bob@mail.test\",\"status\":\"delivered\",";
    assert!(json.contains(part), "{json}");
}

#[test]
fn what_the_server_cannot_judge_waits_and_what_it_refuses_does_not() {
    // What the server says after EHLO, to what; whether the mail is settled by it.
    let check = |case: &str, script: fn(&mut Lines<TcpStream>), settled: bool, why: &str| {
        let path = spool(case);
        push(&path, &["bob@mail.test"]);
        let server = Server::start(move |listener| {
            script(&mut Lines::new(accept(&listener)));
            if settled {
                let mut lines = Lines::new(accept(&listener));
                greet(&mut lines, "");
                answer(&mut lines, "alice@home.test", "250 2.1.5 fine");
                let bounce = take(&mut lines);
                assert!(bounce.contains("Action: failed"), "{bounce}");
            }
        });
        let address = server.address.to_string();
        let output = stdout(&deliver(&path, &address, &[]));
        server.finish();
        assert!(output.contains(why), "{case}: {output}");
        let list = stdout(&mail("queue", &path, &[]));
        assert_eq!(list.ends_with("\n1 mail waiting\n"), !settled, "{case}: {list}");
    };
    check(
        "greeting",
        |lines| lines.say("554 5.3.2 closed today\r\n"),
        false,
        "greeting: refused with 554",
    );
    check("closed", |lines| lines.say(""), false, "closed the connection");
    check(
        "mail-4",
        |lines| {
            lines.say("220 mail.test\r\n");
            lines.expect("EHLO");
            lines.say("250 mail.test\r\n");
            lines.expect("MAIL");
            lines.say("451 4.3.0 later\r\n");
        },
        false,
        "451 4.3.0 later",
    );
    check(
        "mail-530",
        |lines| {
            lines.say("220 mail.test\r\n");
            lines.expect("EHLO");
            lines.say("250 mail.test\r\n");
            lines.expect("MAIL");
            lines.say("530 5.7.0 who are you\r\n");
        },
        false,
        "530: 5.7.0 who are you",
    );
    check(
        "dot-5",
        |lines| {
            greet(lines, "alice@home.test");
            answer(lines, "bob@mail.test", "250 fine");
            lines.expect("DATA");
            lines.say("354 go on\r\n");
            lines.until(".");
            lines.say("554 5.6.0 spam\r\n");
        },
        true,
        "failed for bob@mail.test: 554 5.6.0 spam",
    );
    check(
        "size",
        |lines| {
            lines.say("220 mail.test\r\n");
            lines.expect("EHLO");
            lines.say("250-mail.test\r\n250 SIZE 10\r\n");
            lines.line();
        },
        true,
        "failed for bob@mail.test: 554 5.3.4 smtp: MAIL: the mail is larger than the server takes",
    );
}

#[test]
fn the_operator_has_the_last_word() {
    let path = spool("words");
    // Nobody listens there.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let (first, second) = (push(&path, &["bob@mail.test"]), push(&path, &["bob@mail.test"]));
    let output = stdout(&deliver(&path, &nobody, &["--retry-first", "1000"]));
    assert_eq!(output.matches(" waits ").count(), 2, "{output}");
    assert!(output.contains(": connect: "), "{output}");

    let held = stdout(&mail("hold", &path, &[first.as_str()]));
    assert_eq!(held, format!("spool: {first} held\n"));
    assert_eq!(stdout(&mail("flush", &path, &[])), "spool: 1 made due\n");
    let list = stdout(&mail("queue", &path, &[]));
    assert!(
        list.contains("; held after tried once\n") && list.contains("; tried once, due now\n"),
        "{list}"
    );
    assert_eq!(
        stdout(&mail("flush", &path, &[first.as_str()])),
        format!("spool: {first} made due\n")
    );
    assert_eq!(
        stdout(&mail("drop", &path, &[first.as_str()])),
        format!("spool: {first} dropped\n")
    );
    let again = mail("drop", &path, &[first.as_str()]);
    check_failure(&again, 64, &format!("gatepost mail: spool: no entry {first}"));
    assert_eq!(
        stdout(&mail("drop", &path, &["--all"])),
        format!("spool: {second} dropped\n")
    );
    assert_eq!(stdout(&mail("queue", &path, &[])), "0 mails waiting\n");

    let help = "; --help tells the flags";
    check_failure(
        &mail("drop", &path, &[]),
        64,
        &format!("gatepost mail: name entries, or say --all{help}"),
    );
    check_failure(
        &mail("flush", &path, &["../x"]),
        64,
        &format!("gatepost mail: \"../x\" is no name of an entry; `queue` tells them{help}"),
    );
    check_failure(
        &mail("queue", &path, &["--all"]),
        64,
        &format!("gatepost mail: invalid option '--all'{help}"),
    );
    fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
    check_failure(
        &mail("queue", &path, &[]),
        78,
        &format!(
            "gatepost mail: spool {}: mode 0755 lets everybody in; chmod o-rwx",
            path.display()
        ),
    );
    assert!(stdout(&mail("queue", &path, &["--help"])).starts_with("usage: gatepost mail queue"));
}

#[test]
fn one_process_delivers_what_comes_as_it_comes() {
    let path = spool("process");
    let server = Server::start(|listener| {
        for _ in 0..2 {
            let mut lines = Lines::new(accept(&listener));
            greet(&mut lines, "alice@home.test");
            answer(&mut lines, "bob@mail.test", "250 fine");
            take(&mut lines);
        }
    });
    let address = server.address.to_string();
    let mut process = Command::new(env!("CARGO_BIN_EXE_gatepost"))
        .args([
            "mail",
            "deliver",
            "--security",
            "plain",
            "--server",
            &address,
            "--spool",
        ])
        .arg(&path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(process.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        let id = push(&path, &["bob@mail.test"]);
        let line = told.next().unwrap().unwrap();
        assert_eq!(
            line,
            format!("spool: {id} delivered to bob@mail.test: 250 2.0.0 queued as 1")
        );
        check_failure(
            &deliver(&path, &address, &[]),
            75,
            "gatepost mail: spool: another process delivers from it",
        );
    }
    server.finish();
    process.kill().unwrap();
    process.wait().unwrap();
    // It is dead: so is its claim.
    assert_eq!(stdout(&deliver(&path, &address, &[])), "");
}
