//! `gatepost dash play` against a scripted server: every segment in order, and one clear line for what goes wrong.

mod common;

use common::{Lines, Server, accept, check_failure, directory, gatepost};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Four Representations, five segments of two seconds.
const MANIFEST: &str = r#"<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT10S" minBufferTime="PT2S">
  <Period>
    <AdaptationSet mimeType="video/mp4">
      <SegmentTemplate media="$RepresentationID$/$Number$.m4s" initialization="$RepresentationID$/init.mp4" duration="2"/>
      <Representation id="a" bandwidth="250000"/>
      <Representation id="b" bandwidth="600000"/>
      <Representation id="c" bandwidth="1200000"/>
      <Representation id="d" bandwidth="2400000"/>
    </AdaptationSet>
  </Period>
</MPD>
"#;

/// A server of the stream, and what it was asked for.
struct Film {
    server: Server<Vec<String>>,
    ended: Arc<AtomicBool>,
}

impl Film {
    /// Sends `manifest` as the manifest; what ends in `missing` is not there.
    fn start(manifest: &'static str, missing: &'static str) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&ended);
        let server = Server::start(move |listener| {
            let mut asked = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                serve(&listener, manifest, missing, &mut asked);
            }
            asked
        });
        Self { server, ended }
    }

    fn url(&self) -> String {
        format!("http://{}/film/stream.mpd", self.server.address)
    }

    /// Ends it; what it was asked for.
    fn finish(self) -> Vec<String> {
        self.ended.store(true, Ordering::Relaxed);
        // The server waits for a connection.
        drop(TcpStream::connect(self.server.address));
        self.server.finish()
    }
}

/// One connection, until the client closes it.
fn serve(listener: &TcpListener, manifest: &str, missing: &str, asked: &mut Vec<String>) {
    let mut lines = Lines::new(accept(listener));
    loop {
        let request = lines.line();
        if request.is_empty() {
            return;
        }
        lines.until("");
        let target = request.split(' ').nth(1).unwrap().to_owned();
        let content = match target.strip_prefix("/film/").unwrap() {
            "stream.mpd" => manifest.to_owned(),
            path => format!("<{path}>"),
        };
        if target.ends_with(missing) {
            lines.say("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
        } else {
            lines.say(&format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{content}",
                content.len()
            ));
        }
        asked.push(target);
    }
}

/// What the server sends for a target.
fn content(target: &str) -> String {
    format!("<{}>", target.strip_prefix("/film/").unwrap())
}

#[test]
fn every_segment_is_fetched_in_order_after_its_initialization() {
    let film = Film::start(MANIFEST, "nothing");
    let file = directory("every_segment_is_fetched").join("film.mp4");
    let output = gatepost(
        &[
            "dash",
            "play",
            &film.url(),
            "--fast",
            "--output",
            file.to_str().unwrap(),
        ],
        "",
    );
    check_failure(&output, 0, "");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "stream: representations 250000 600000 1200000 2400000");
    for (number, line) in (1..=5).zip(&lines[1..]) {
        assert!(
            line.starts_with(&format!("segment: number {number} representation ")),
            "{line}"
        );
        assert!(line.ends_with(" stalled_ms 0"), "{line}");
    }
    assert!(
        lines[6].starts_with("stream: done segments 5 switches "),
        "{}",
        lines[6]
    );
    assert_eq!(lines.len(), 7);

    // What was written is what was asked for, in that order.
    let asked = film.finish();
    let expected: String = asked[1..].iter().map(|target| content(target)).collect();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), expected);
    let mut initialized = "";
    let mut media = Vec::new();
    for target in &asked[1..] {
        let (representation, name) = target.strip_prefix("/film/").unwrap().split_once('/').unwrap();
        if name == "init.mp4" {
            assert_ne!(initialized, representation, "{asked:?}");
            initialized = representation;
        } else {
            assert_eq!(initialized, representation, "{asked:?}");
            media.push(name);
        }
    }
    assert_eq!(media, ["1.m4s", "2.m4s", "3.m4s", "4.m4s", "5.m4s"]);
}

#[test]
fn the_stream_itself_can_go_to_standard_output() {
    let film = Film::start(MANIFEST, "nothing");
    let output = gatepost(&["dash", "play", &film.url(), "--fast", "--json", "--output", "-"], "");
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        text,
        film.finish()[1..]
            .iter()
            .map(|target| content(target))
            .collect::<String>()
    );
    let report = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        report.lines().next().unwrap(),
        "{\"kind\":\"stream\",\"bandwidths\":[250000,600000,1200000,2400000]}"
    );
    let last = report.lines().last().unwrap();
    assert!(last.starts_with("{\"kind\":\"done\",\"segments\":5,"), "{report}");
}

#[test]
fn a_missing_segment_is_named() {
    let film = Film::start(MANIFEST, "/3.m4s");
    let server = film.server.address;
    let output = gatepost(&["dash", "play", &film.url(), "--fast"], "");
    let asked = film.finish();
    let target = asked.last().unwrap();
    assert!(target.ends_with("/3.m4s"), "{asked:?}");
    check_failure(
        &output,
        69,
        &format!("gatepost dash: http://{server}{target}: http: status 404"),
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().last().unwrap().starts_with("segment: number 2 "), "{text}");
}

#[test]
fn a_manifest_that_ends_too_early_is_told_with_the_octet() {
    let cut = MANIFEST.find("<Representation id=\"c\"").unwrap();
    let film = Film::start(&MANIFEST[..cut], "nothing");
    let url = film.url();
    let output = gatepost(&["dash", "play", &url], "");
    let error = format!("gatepost dash: {url}: manifest: the document ends too early at octet {cut}");
    check_failure(&output, 65, &error);
    assert_eq!(film.finish(), ["/film/stream.mpd"]);
}

#[test]
fn a_connection_cut_within_the_manifest_is_told_as_such() {
    let server = Server::start(|listener| {
        let mut lines = Lines::new(accept(&listener));
        lines.until("");
        lines.say(&format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n",
            MANIFEST.len()
        ));
        lines.say(&MANIFEST[..100]);
    });
    let url = format!("http://{}/stream.mpd", server.address);
    let output = gatepost(&["dash", "play", &url], "");
    let announced = MANIFEST.len();
    let error =
        format!("gatepost dash: {url}: http: the connection closed after 100 of {announced} octets of the body");
    check_failure(&output, 76, &error);
    server.finish();
}

#[test]
fn what_cannot_be_played_is_refused() {
    let play = |words: &[&str]| gatepost(&[&["dash"], words].concat(), "");
    check_failure(
        &play(&[]),
        64,
        "gatepost dash: the word after dash is play; --help tells the flags",
    );
    check_failure(
        &play(&["play"]),
        64,
        "gatepost dash: missing the URL of the manifest; --help tells the flags",
    );
    check_failure(
        &play(&["play", "ftp://x/y"]),
        64,
        "gatepost dash: ftp://x/y: URL: the scheme is neither http nor https",
    );
    check_failure(
        &play(&["play", "http://127.0.0.1:1/"]),
        75,
        "gatepost dash: http://127.0.0.1:1/: connect: no connection: Connection refused (os error 111)",
    );
    check_failure(
        &play(&["play", "http://127.0.0.1:1/", "--output", "/no/such/place"]),
        74,
        "gatepost dash: /no/such/place: output: No such file or directory (os error 2)",
    );
}
