//! What the sink tells of a conversation must be true, or the table of the benchmarks is not.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

struct Sink {
    child: Child,
    lines: Box<dyn BufRead>,
    client: TcpStream,
}

impl Sink {
    fn start(options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mail_sink"))
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it was built for this test");
        let mut lines = Box::new(BufReader::new(child.stdout.take().expect("piped")));
        let mut port = String::new();
        lines.read_line(&mut port).expect("its port");
        let port = port.trim().parse().expect("a number");
        let client = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        client.set_nodelay(true).expect("a socket");
        Self { child, lines, client }
    }

    fn say(&mut self, octets: &[u8]) {
        self.client.write_all(octets).expect("the sink reads");
    }

    /// Waits for `lines` lines of reply and returns the last.
    fn hear(&mut self, lines: usize) -> String {
        let mut said = Vec::new();
        while said.iter().filter(|octet| **octet == b'\n').count() < lines {
            let mut octet = [0];
            self.client.read_exact(&mut octet).expect("the sink answers");
            said.push(octet[0]);
        }
        let said = String::from_utf8(said).expect("ASCII");
        said.lines().last().unwrap_or_default().to_owned()
    }

    fn seen(mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("a line of the sink");
        line.trim_end().to_owned()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_turn_is_a_wait_for_the_server() {
    let mut sink = Sink::start(&["--patient"]);
    sink.hear(1);
    sink.say(b"EHLO client.test\r\n");
    assert_eq!(sink.hear(6), "250 ENHANCEDSTATUSCODES");
    // Written in pieces, but nobody waits between them.
    sink.say(b"MAIL FROM:<a@b>\r\nRCPT TO:<c");
    sleep(Duration::from_millis(5));
    sink.say(b"@d>\r\n");
    sink.say(b"DATA\r\n");
    assert_eq!(sink.hear(3), "354 go on");
    sink.say(b"text\r\n.\r\nQUIT\r\n");
    assert_eq!(sink.hear(2), "221 2.0.0 bye");
    assert_eq!(sink.seen(), "mails 1 octets 9 turns 4 peak 0");
}

#[test]
fn mail_data_end_where_they_end_at_any_split() {
    let data = b"\r\n..\r\n.a\r\n\r\n.\r\n";
    for split in 1..data.len() {
        let mut sink = Sink::start(&[]);
        sink.hear(1);
        sink.say(b"DATA\r\n");
        sink.hear(1);
        sink.say(&data[..split]);
        sleep(Duration::from_millis(2));
        sink.say(&data[split..]);
        assert_eq!(sink.hear(1), "250 2.0.0 accepted");
        sink.say(b"DATA\r\n.\r\nQUIT\r\n");
        assert_eq!(sink.hear(3), "221 2.0.0 bye");
        let octets = data.len() + 3;
        assert!(sink.seen().starts_with(&format!("mails 2 octets {octets} ")));
    }
}

#[test]
fn chunks_are_counted_and_only_where_they_were_offered_announced() {
    let mut sink = Sink::start(&["--chunking", "--quick-ack"]);
    sink.hear(1);
    sink.say(b"EHLO client.test\r\n");
    sink.hear(7);
    sink.say(b"BDAT 4\r\n\r\n.\rBDAT 2 LAST\r\n\r\n");
    assert_eq!(sink.hear(2), "250 2.0.0 accepted");
    sink.say(b"QUIT\r\n");
    sink.hear(1);
    assert!(sink.seen().starts_with("mails 1 octets 6 "));
}
