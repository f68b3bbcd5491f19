//! `gatepost watch` in a network namespace of its own: what it tells, and that no alert is lost while no server answers.

mod common;

use common::{Lines, accept, check_failure, gatepost};
use rustix::thread::{UnshareFlags, unshare_unsafe};
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Gives this test's thread, and what it starts, a network of its own; false if it may not.
fn own_network(test: &str) -> bool {
    // SAFETY: only unsharing files could take something from other threads that they rely on.
    let Err(error) = (unsafe { unshare_unsafe(UnshareFlags::NEWNET) }) else {
        return true;
    };
    let line = format!("skipped: {test} needs a network namespace: {error}\n");
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{line}");
    // Not by a print macro: that would be captured. The laboratory's record tells it at the end of its run.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os("GATEPOST_SKIPPED") {
        let mut record = OpenOptions::new().create(true).append(true).open(path).unwrap();
        record.write_all(line.as_bytes()).unwrap();
    }
    false
}

fn ip(words: &str) {
    let words: Vec<&str> = std::iter::once("ip").chain(words.split(' ')).collect();
    check_failure(&gatepost(&words, ""), 0, "");
}

/// A running `gatepost watch`, its lines as they come; it ends with this value.
struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    fn start(flags: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_gatepost"))
            .arg("watch")
            .args(flags)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, lines) = channel();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        let error_lines = sender.clone();
        let forward = |sender: std::sync::mpsc::Sender<String>,
                       lines: &mut dyn Iterator<Item = std::io::Result<String>>| {
            for line in lines.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        };
        std::thread::spawn(move || forward(sender, &mut BufReader::new(stdout).lines()));
        std::thread::spawn(move || forward(error_lines, &mut BufReader::new(stderr).lines()));
        Self { child, lines }
    }

    /// Waits for a line that begins so, and returns all lines up to it.
    fn wait_for(&self, start: &str) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.lines.recv_timeout(Duration::from_secs(60)) {
                Ok(line) => lines.push(line),
                Err(error) => panic!("no line {start:?} ({error}), but {lines:#?}"),
            }
            if lines.last().is_some_and(|line| line.starts_with(start)) {
                return lines;
            }
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        // Fails if it has ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn changes_are_told_as_they_happen() {
    if !own_network("changes_are_told_as_they_happen") {
        return;
    }
    // Nothing is up, and there is no table of routes.
    let watch = Watch::start(&[]);
    watch.wait_for("watching: 1 links, 0 addresses");
    ip("link add lan0 type veth peer name lan1");
    watch.wait_for("link lan0: new, down");
    ip("link set lan1 up");
    ip("link set lan0 up");
    watch.wait_for("link lan0: up");
    ip("addr add 192.0.2.2/24 dev lan0");
    watch.wait_for("address 192.0.2.2/24 on lan0: added");
    ip("route add 198.51.100.0/24 via 192.0.2.7");
    watch.wait_for("route 198.51.100.0/24 via 192.0.2.7 dev lan0: added");
    ip("route add default via 192.0.2.1");
    watch.wait_for("default route IPv4: new, via 192.0.2.1 dev lan0");
    let mut json = Watch::start(&["--json", "--once"]);
    json.wait_for("{\"kind\":\"watching\",\"what\":\"3 links, ");
    // The kernel does not tell that this route goes with the link.
    ip("link set lan0 down");
    watch.wait_for("link lan0: down");
    watch.wait_for("default route IPv4: gone, was via 192.0.2.1 dev lan0");
    json.wait_for("{\"kind\":\"link\",\"subject\":\"lan0\",\"what\":\"down\",\"alert\":true}");
    assert!(json.child.wait().unwrap().success());
    ip("link del lan0");
    watch.wait_for("link lan0: removed");
}

#[test]
fn an_alert_waits_until_the_server_answers() {
    if !own_network("an_alert_waits_until_the_server_answers") {
        return;
    }
    ip("link set lo up");
    ip("link add wan0 type veth peer name wan1");
    ip("link set wan1 up");
    ip("link set wan0 up");
    // A port that nothing listens on yet.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let flags = [
        "--once",
        "--security",
        "plain",
        "--server",
        &address.to_string(),
        "--mail-from",
        "gate@home.test",
        "--mail-to",
        "one@mail.test",
        "--mail-to",
        "two@mail.test",
    ];
    let mut watch = Watch::start(&flags);
    watch.wait_for("watching: 3 links, ");
    ip("link set wan1 down");
    watch.wait_for("link wan0: down: no carrier");
    watch.wait_for(&format!(
        "gatepost watch: alert not mailed yet: {address}: connect: no connection: Connection refused (os error 111)"
    ));

    let listener = TcpListener::bind(address).unwrap();
    let mut identifiers = Vec::new();
    // First one of the two recipients is put off, then the connection is cut, then all is well.
    for (recipients, replies, last) in [
        (
            &["one", "two"][..],
            &["250 fine\r\n", "451 later\r\n"][..],
            "250 taken\r\n",
        ),
        (&["two"], &["250 fine\r\n"], ""),
        (&["two"], &["250 fine\r\n"], "250 taken\r\n"),
    ] {
        let mut lines = Lines::new(accept(&listener));
        lines.say("220 mail.test\r\n");
        lines.expect("EHLO [127.0.0.1]");
        lines.say("250 mail.test\r\n");
        lines.expect("MAIL FROM:<gate@home.test>");
        lines.say("250 fine\r\n");
        for (recipient, reply) in recipients.iter().zip(replies) {
            lines.expect(&format!("RCPT TO:<{recipient}@mail.test>"));
            lines.say(reply);
        }
        lines.expect("DATA");
        lines.say("354 go on\r\n");
        let data = lines.until(".");
        lines.say(last);
        for end in [" (and 1 more)", "  link wan0: down: no carrier", "  link wan1: down"] {
            assert!(
                data.iter().any(|line| line.ends_with(end)),
                "{end:?} is missing in {data:#?}"
            );
        }
        identifiers.extend(data.into_iter().filter(|line| line.starts_with("Message-ID: ")));
    }
    watch.wait_for("mail: accepted 250 taken");
    assert!(watch.child.wait().unwrap().success());
    assert_eq!(identifiers.len(), 3);
    identifiers.dedup();
    assert_eq!(identifiers.len(), 1, "it is the same mail each time: {identifiers:#?}");
}

#[test]
fn what_cannot_be_mailed_is_refused_at_once() {
    let watch = |flags: &[&str]| gatepost(&[&["watch"], flags].concat(), "");
    check_failure(
        &watch(&["--mail-to", "a@b"]),
        78,
        "gatepost watch: missing --server, and there is no configuration in any of the usual places",
    );
    check_failure(
        &watch(&["--server", "x", "--from", "a@b", "--security", "plain"]),
        64,
        "gatepost watch: missing --to",
    );
    check_failure(
        &watch(&["--server", "x", "--from", "a@b", "--to", "a@b", "--ca", "/no/such/file"]),
        66,
        "gatepost watch: x:587: handshake: trusted roots: /no/such/file: No such file or directory (os error 2)",
    );
    check_failure(
        &watch(&["now"]),
        64,
        "gatepost watch: unexpected argument \"now\"; --help tells the flags",
    );
}
