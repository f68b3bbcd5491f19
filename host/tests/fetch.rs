//! The HTTP fetcher against scripted servers: kept connections, stale ones, and what is refused.

mod common;

use common::{Authority, Lines, Server, accept, directory, tls};
use gatepost::dash::{Failure, Fetcher};
use gatepost::net::Roots;
use gatepost_core::http::Url;

/// The content at `url`, or the one line that says why not.
fn fetch(fetcher: &mut Fetcher, url: &str) -> Result<String, String> {
    let mut content = Vec::new();
    let mut sink = |octets: &[u8]| -> Result<(), Failure> {
        content.extend_from_slice(octets);
        Ok(())
    };
    let fetched = fetcher
        .fetch(&Url::parse(url).unwrap(), &mut sink)
        .map_err(|failure| failure.to_string())?;
    assert_eq!(fetched.octets, content.len() as u64);
    Ok(String::from_utf8(content).unwrap())
}

/// Reads one request and checks what it asks for.
fn request(lines: &mut Lines<impl std::io::Read + std::io::Write>, target: &str) {
    lines.expect(&format!("GET {target} HTTP/1.1"));
    lines.until("");
}

const HELLO: &str = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

#[test]
fn a_connection_is_kept_while_it_lasts() {
    let server = Server::start(|listener| {
        let mut lines = Lines::new(accept(&listener));
        request(&mut lines, "/1");
        lines.say(HELLO);
        request(&mut lines, "/2");
        lines.say("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
        // The server has had enough, without a word: what comes next must go over a new connection.
        drop(lines);
        let mut lines = Lines::new(accept(&listener));
        request(&mut lines, "/3");
        lines.say("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nworld");
        let mut lines = Lines::new(accept(&listener));
        request(&mut lines, "/4");
        lines.say(HELLO);
    });
    let mut fetcher = Fetcher::new(Roots::System);
    let mut get = |path: &str| fetch(&mut fetcher, &format!("http://{}{path}", server.address));
    assert_eq!(get("/1").unwrap(), "hello");
    assert_eq!(get("/2").unwrap(), "abcde");
    assert_eq!(get("/3").unwrap(), "world");
    assert_eq!(get("/4").unwrap(), "hello");
    assert_eq!(fetcher.opened(), 3);
    server.finish();
}

/// The failure of a fetch that is answered so, without the URL it begins with.
fn refusal(answer: &'static str) -> String {
    let server = Server::start(move |listener| {
        let mut lines = Lines::new(accept(&listener));
        request(&mut lines, "/x");
        lines.say(answer);
    });
    let url = format!("http://{}/x", server.address);
    let failure = fetch(&mut Fetcher::new(Roots::System), &url).unwrap_err();
    server.finish();
    failure.strip_prefix(&format!("{url}: ")).unwrap().to_owned()
}

#[test]
fn each_failure_names_its_cause() {
    assert_eq!(
        refusal("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        "http: status 404"
    );
    assert_eq!(
        refusal("HTTP/1.1 302 Found\r\nLocation: /y\r\nContent-Length: 0\r\n\r\n"),
        "http: status 302: redirections are not followed"
    );
    assert_eq!(
        refusal("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"),
        "http: the connection closed after 2 of 5 octets of the body"
    );
    assert_eq!(
        refusal("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX"),
        "http: malformed chunk after 3 octets of the body"
    );
    assert_eq!(
        refusal("SSH-2.0-other\r\n"),
        "http: the response does not begin with an HTTP/1 status line"
    );
    assert_eq!(
        refusal(""),
        "http: the connection closed within the response's head, after 0 octets"
    );
}

#[test]
fn https_is_verified() {
    let directory = directory("https_is_verified");
    let authority = Authority::new("test");
    let roots = Roots::File(authority.file(&directory));
    for (authority, outcome) in [
        (&authority, Ok("hello".to_owned())),
        (
            &Authority::new("another"),
            Err("TLS: certificate refused: unknown issuer: no trusted root leads to it"),
        ),
    ] {
        let config = authority.server("127.0.0.1", (2020, 2049));
        let server = Server::start(move |listener| {
            if let Some(stream) = tls(accept(&listener), &config) {
                let mut lines = Lines::new(stream);
                if lines.line() == "GET /x HTTP/1.1" {
                    lines.until("");
                    lines.say(HELLO);
                }
            }
        });
        let url = format!("https://{}/x", server.address);
        let expected = outcome.map_err(|cause| format!("{url}: handshake: {cause}"));
        assert_eq!(fetch(&mut Fetcher::new(roots.clone()), &url), expected);
        server.finish();
    }
}
