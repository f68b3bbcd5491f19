//! Connections through scripted proxies: what they are asked, at every split of what they answer.

mod common;

use common::{Server, accept};
use embedded_io::{Read as _, Write as _};
use gatepost::net::{Endpoint, Proxy, Transport};
use gatepost_core::io::Wait as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);
const GREETING: &[u8] = b"220 mail.test ready\r\n";

/// What a proxy reads, then says.
type Turn = (&'static [u8], &'static [u8]);

/// A proxy that follows these turns and closes; what it says last comes in two parts, cut at `split`.
fn proxy(turns: &'static [Turn], last: &[u8], split: usize) -> Server<()> {
    let (first, second) = last.split_at(split);
    let (first, second) = (first.to_vec(), second.to_vec());
    Server::start(move |listener| {
        let mut stream = accept(&listener);
        stream.set_nodelay(true).unwrap();
        for (index, (heard, said)) in turns.iter().enumerate() {
            let mut octets = vec![0; heard.len()];
            stream.read_exact(&mut octets).unwrap();
            assert_eq!(octets.escape_ascii().to_string(), heard.escape_ascii().to_string());
            if index + 1 < turns.len() {
                dripping(&mut stream, said);
                continue;
            }
            let _ = stream.write_all(said).and_then(|()| stream.write_all(&first));
            std::thread::sleep(Duration::from_millis(2));
            let _ = stream.write_all(&second);
        }
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
    })
}

fn dripping(stream: &mut TcpStream, octets: &[u8]) {
    for octet in octets {
        stream.write_all(&[*octet]).unwrap();
    }
}

fn through(url: &str, server: &Server<()>, target: &str) -> Result<Transport, String> {
    let proxy = Proxy::parse(&url.replace("PROXY", &server.address.to_string())).unwrap();
    let target = Endpoint::parse(target, 25).unwrap();
    Transport::connect_through(&proxy, &target, LIMIT).map_err(|error| error.to_string())
}

/// The target's greeting must come through, whatever split its first octets and the proxy's last arrive in.
fn check(url: &str, target: &str, turns: &'static [Turn], last: &[u8]) {
    let wire = [last, GREETING].concat();
    for split in 0..=wire.len() {
        let server = proxy(turns, &wire, split);
        let mut transport = through(url, &server, target).unwrap();
        transport.set_timeout(LIMIT);
        let mut greeting = vec![0; GREETING.len()];
        transport.read_exact(&mut greeting).unwrap();
        assert_eq!(greeting, GREETING, "split at {split}");
        transport.write_all(b"EHLO\r\n").unwrap();
        drop(transport);
        server.finish();
    }
}

/// What is said when the proxy answers so, and that its password is not among it.
fn check_refusal(url: &str, turns: &'static [Turn], last: &[u8], expected: &str) {
    for split in [0, 1.min(last.len()), last.len()] {
        let server = proxy(turns, last, split);
        let refusal = through(url, &server, "mail.test:25").err().unwrap();
        assert_eq!(refusal, format!("proxy {}: {expected}", server.address));
        server.finish();
    }
}

#[test]
fn socks_resolves_the_name() {
    const NAME: &[Turn] = &[(&[5, 1, 0], &[5, 0]), (b"\x05\x01\x00\x03\x09mail.test\x00\x19", b"")];
    check(
        "socks5://PROXY",
        "mail.test:25",
        NAME,
        &[5, 0, 0, 1, 192, 0, 2, 1, 4, 56],
    );
    // The address that it connects from may be of any kind.
    check(
        "socks5h://PROXY",
        "mail.test:25",
        NAME,
        b"\x05\x00\x00\x03\x04here\x04\x38",
    );
    check(
        "socks5://PROXY",
        "mail.test:25",
        NAME,
        b"\x05\x00\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x04\x38",
    );
}

#[test]
fn socks_takes_addresses_too() {
    check(
        "socks5://PROXY",
        "192.0.2.7:587",
        &[(&[5, 1, 0], &[5, 0]), (&[5, 1, 0, 1, 192, 0, 2, 7, 2, 75], b"")],
        &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0],
    );
    check(
        "socks5://PROXY",
        "[2001:db8::7]:25",
        &[
            (&[5, 1, 0], &[5, 0]),
            (
                b"\x05\x01\x00\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x00\x19",
                b"",
            ),
        ],
        &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0],
    );
}

#[test]
fn socks_with_a_password() {
    const TURNS: &[Turn] = &[
        (&[5, 2, 0, 2], &[5, 2]),
        (b"\x01\x04user\x06s:cret", &[1, 0]),
        (b"\x05\x01\x00\x03\x09mail.test\x00\x19", b""),
    ];
    let url = "socks5://user:s%3Acret@PROXY";
    check(url, "mail.test:25", TURNS, &[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    check_refusal(url, &TURNS[..2], b"", "it closed the connection");
    const REFUSED: &[Turn] = &[(&[5, 2, 0, 2], &[5, 2]), (b"\x01\x04user\x06s:cret", b"")];
    check_refusal(url, REFUSED, &[1, 1], "it refused the password");
    check_refusal(url, REFUSED, &[5, 0], "not understood: its answer to the password");
    const OFFER: &[Turn] = &[(&[5, 2, 0, 2], b"")];
    check_refusal(
        url,
        OFFER,
        &[5, 0xff],
        "it takes no password and does not let everyone in",
    );
    check_refusal(
        url,
        OFFER,
        &[5, 1],
        "not understood: it chose a method that was not offered",
    );
}

#[test]
fn socks_says_no() {
    const OFFER: &[Turn] = &[(&[5, 1, 0], b"")];
    check_refusal("socks5://PROXY", OFFER, &[5, 0xff], "it wants a user and a password");
    check_refusal(
        "socks5://PROXY",
        OFFER,
        &[5, 2],
        "not understood: it chose a method that was not offered",
    );
    check_refusal(
        "socks5://PROXY",
        OFFER,
        b"HTTP/1.1 400 Bad Request",
        "not understood: it speaks no SOCKS 5",
    );
    check_refusal("socks5://PROXY", OFFER, &[5], "it closed the connection");
    const ASKED: &[Turn] = &[(&[5, 1, 0], &[5, 0]), (b"\x05\x01\x00\x03\x09mail.test\x00\x19", b"")];
    for (reply, expected) in [
        (&[5, 2, 0, 1][..], "it refused: not allowed by its rules"),
        (&[5, 4], "it refused: host unreachable"),
        (&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0], "it refused: connection refused"),
        (&[5, 99], "it refused: code 99"),
        (&[4, 0, 0, 1], "not understood: it speaks no SOCKS 5"),
        (
            &[5, 0, 0, 2],
            "not understood: its reply has an address of no known kind",
        ),
        (
            &[5, 0, 1, 1],
            "not understood: its reply has an address of no known kind",
        ),
        (&[5, 0, 0, 1, 0, 0, 0], "it closed the connection"),
        (&[5, 0, 0, 3, 255, 0], "it closed the connection"),
    ] {
        check_refusal("socks5://PROXY", ASKED, reply, expected);
    }
}

#[test]
fn http_connects() {
    const ASKED: &[Turn] = &[(b"CONNECT mail.test:25 HTTP/1.1\r\nHost: mail.test:25\r\n\r\n", b"")];
    check("http://PROXY", "mail.test:25", ASKED, b"HTTP/1.1 200 OK\r\n\r\n");
    let reply = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 200\r\nContent-Length: 7\r\n\r\n";
    check("http://PROXY", "mail.test:25", ASKED, reply);
    check(
        "http://PROXY",
        "[2001:db8::7]:25",
        &[(
            b"CONNECT [2001:db8::7]:25 HTTP/1.1\r\nHost: [2001:db8::7]:25\r\n\r\n",
            b"",
        )],
        b"HTTP/1.1 200 \r\n\r\n",
    );
}

#[test]
fn http_with_a_password() {
    const ASKED: &[Turn] = &[(
        b"CONNECT mail.test:25 HTTP/1.1\r\nHost: mail.test:25\r\nProxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n\r\n",
        b"",
    )];
    let url = "http://user:secret@PROXY";
    check(url, "mail.test:25", ASKED, b"HTTP/1.1 200 OK\r\n\r\n");
    let reply = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n";
    let expected = "it refused: 407 Proxy Authentication Required (it refused the password)";
    check_refusal(url, ASKED, reply, expected);
}

#[test]
fn http_says_no() {
    const ASKED: &[Turn] = &[(b"CONNECT mail.test:25 HTTP/1.1\r\nHost: mail.test:25\r\n\r\n", b"")];
    for (reply, expected) in [
        (
            &b"HTTP/1.1 403 Forbidden\r\nX: 1\r\n\r\n"[..],
            "it refused: 403 Forbidden",
        ),
        (
            b"HTTP/1.1 407 Who\r\n\r\n",
            "it refused: 407 Who (it wants a user and a password)",
        ),
        (b"HTTP/1.1 502 a\x1b[31mred\x07\r\n\r\n", "it refused: 502 a?[31mred?"),
        (b"HTTP/1.1 2000 OK\r\n\r\n", "not understood: its status line"),
        (b"HTTP/1.1 600 OK\r\n\r\n", "not understood: its status line"),
        (b"HTTP/2 200 OK\r\n\r\n", "not understood: it speaks no HTTP/1"),
        (b"220 mail.test ready\r\n\r\n", "not understood: it speaks no HTTP/1"),
        (b"HTTP/1.1 200 OK\r\n", "it closed the connection"),
        (b"", "it closed the connection"),
    ] {
        check_refusal("http://PROXY", ASKED, reply, expected);
    }
    let too_long = [&b"HTTP/1.1 200 OK\r\nX: "[..], &[b'x'; 9000], b"\r\n\r\n"].concat();
    check_refusal(
        "http://PROXY",
        ASKED,
        &too_long,
        "not understood: its reply is too long",
    );
    let without_end = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    check_refusal(
        "http://PROXY",
        ASKED,
        &without_end,
        "not understood: its reply is too long",
    );
}

#[test]
fn a_silent_proxy_ends_in_a_timeout() {
    for scheme in ["socks5", "http"] {
        let server = Server::start(|listener| {
            let mut stream = accept(&listener);
            let _ = stream.read_to_end(&mut Vec::new());
        });
        let proxy = Proxy::parse(&format!("{scheme}://{}", server.address)).unwrap();
        let target = Endpoint::parse("mail.test", 25).unwrap();
        let refusal = Transport::connect_through(&proxy, &target, Duration::from_millis(100))
            .err()
            .unwrap();
        assert_eq!(refusal.to_string(), format!("proxy {}: timed out", server.address));
        server.finish();
    }
}

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let server = Server::start(|_| ());
    let proxy = Proxy::parse(&format!("socks5://{}", server.address)).unwrap();
    server.finish();
    let target = Endpoint::parse("mail.test", 25).unwrap();
    let refusal = Transport::connect_through(&proxy, &target, LIMIT)
        .err()
        .unwrap()
        .to_string();
    let expected = format!(
        "proxy {}: no connection: Connection refused (os error 111)",
        proxy.endpoint
    );
    assert_eq!(refusal, expected);
    let injected = Endpoint {
        host: "mail.test\r\nX: 1".to_owned(),
        port: 25,
    };
    let server = Server::start(|listener| drop(accept(&listener)));
    let proxy = Proxy::parse(&format!("http://{}", server.address)).unwrap();
    let refusal = Transport::connect_through(&proxy, &injected, LIMIT)
        .err()
        .unwrap()
        .to_string();
    assert!(
        refusal.ends_with("\"mail.test\\r\\nX: 1\" is no host to ask it for"),
        "{refusal}"
    );
    server.finish();
}
