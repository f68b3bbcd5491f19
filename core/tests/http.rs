//! The HTTP exchange: the same events and content however the octets are split, and hostile responses.

use gatepost_core::http::{Error, Event, Exchange, HEAD_LIMIT, Request, Url};
use gatepost_core::machine::{Machine, Step};

const REQUEST: &[u8] = b"GET /a HTTP/1.1\r\nHost: h\r\nUser-Agent: gatepost\r\nAccept-Encoding: identity\r\n\r\n";

#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    status: u16,
    body: Vec<u8>,
    end: Result<bool, Error>,
}

/// Plays `response` to an exchange, at most `write` octets out and `read` octets in at a time.
fn exchange(response: &[u8], buffer: usize, write: usize, read: usize) -> Outcome {
    let mut buffer = vec![0xaa; buffer];
    let mut exchange = Exchange::new(&Request::get(&Url::parse("http://h/a").unwrap()), &mut buffer).unwrap();
    let mut sent = Vec::new();
    let mut input = response;
    let mut body = Vec::new();
    let end = loop {
        let count = match exchange.poll() {
            Ok(Step::Transmit(octets)) => {
                let count = octets.len().min(write);
                sent.extend_from_slice(&octets[..count]);
                exchange.transmitted(count);
                continue;
            }
            Ok(Step::Duplex { .. }) => unreachable!("it sends or it receives"),
            Ok(Step::Receive(buffer)) => {
                assert_eq!(sent, REQUEST, "the request leaves whole before the response is read");
                assert!(!buffer.is_empty(), "a Receive step always has room");
                let count = buffer.len().min(read).min(input.len());
                buffer[..count].copy_from_slice(&input[..count]);
                input = &input[count..];
                count
            }
            Ok(Step::Event(Event::Head)) => {
                assert_ne!(exchange.status(), 0);
                continue;
            }
            Ok(Step::Event(Event::Body)) => {
                assert!(!exchange.body().is_empty());
                body.extend_from_slice(exchange.body());
                assert_eq!(exchange.body_received(), body.len() as u64);
                continue;
            }
            Ok(Step::Event(Event::Done { reusable })) => {
                assert_eq!(exchange.body(), b"");
                assert_eq!(exchange.poll(), Err(Error::Finished));
                break Ok(reusable);
            }
            Err(error) => {
                assert_eq!(exchange.poll(), Err(error), "an error repeats");
                break Err(error);
            }
        };
        exchange.received(count);
    };
    Outcome {
        status: exchange.status(),
        body,
        end,
    }
}

/// The same outcome for every size of the buffer, of the reads and of the writes.
fn check(response: &[u8], status: u16, body: &[u8], end: Result<bool, Error>) {
    let expected = Outcome {
        status,
        body: body.to_vec(),
        end,
    };
    for buffer in [128, 129, 1000] {
        for read in 1..=response.len() + 1 {
            let outcome = exchange(response, buffer, REQUEST.len(), read);
            assert_eq!(outcome, expected, "buffer {buffer}, reads of {read}");
        }
    }
    for write in 1..=REQUEST.len() {
        assert_eq!(exchange(response, 128, write, write), expected, "writes of {write}");
    }
}

#[test]
fn responses_of_every_framing() {
    check(
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        200,
        b"hello",
        Ok(true),
    );
    check(b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", 200, b"", Ok(true));
    check(
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
        200,
        b"hi",
        Ok(false),
    );
    check(
        b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nnone\r\n1;x=y\r\n!\r\n0\r\nT: u\r\n\r\n",
        404,
        b"none!",
        Ok(true),
    );
    check(
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
        200,
        b"until the end",
        Ok(false),
    );
    check(b"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, b"x", Ok(false));
    check(b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", Ok(true));
    check(
        b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx",
        200,
        b"x",
        Ok(true),
    );
}

#[test]
fn a_body_larger_than_the_buffer() {
    let body: Vec<u8> = (0..1500).map(|n| (n % 251) as u8).collect();
    let mut response = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    response.extend_from_slice(&body);
    check(&response, 200, &body, Ok(true));
    let mut response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for piece in body.chunks(333) {
        response.extend_from_slice(format!("{:X}\r\n", piece.len()).as_bytes());
        response.extend_from_slice(piece);
        response.extend_from_slice(b"\r\n");
    }
    response.extend_from_slice(b"0\r\n\r\n");
    check(&response, 200, &body, Ok(true));
}

#[test]
fn a_long_field_is_skipped_only_if_it_decides_nothing() {
    let long = "z".repeat(1500);
    let response = format!("HTTP/1.1 200 OK\r\nSet-Cookie: {long}\r\nContent-Length: 2\r\n\r\nhi");
    check(response.as_bytes(), 200, b"hi", Ok(true));
    for line in [format!("Connection: {long}"), long.clone(), format!(": {long}")] {
        let response = format!("HTTP/1.1 200 OK\r\n{line}\r\nContent-Length: 2\r\n\r\nhi");
        check(response.as_bytes(), 200, b"", Err(Error::LineTooLong));
    }
    check(
        format!("HTTP/1.1 200 {long}\r\n\r\n").as_bytes(),
        0,
        b"",
        Err(Error::LineTooLong),
    );
}

#[test]
fn octets_beyond_the_response_end_the_connection() {
    let outcome = exchange(
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n",
        1000,
        1000,
        1000,
    );
    assert_eq!(
        outcome,
        Outcome {
            status: 200,
            body: b"hi".to_vec(),
            end: Ok(false)
        }
    );
    let outcome = exchange(b"HTTP/1.1 204 No\r\n\r\nx", 1000, 1000, 1000);
    assert_eq!(outcome.end, Ok(false));
}

#[test]
fn a_cut_response_names_what_arrived() {
    let response = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    let head = response.len() - 5;
    for cut in 0..response.len() {
        let error = if cut < head {
            Error::HeadTruncated { received: cut as u64 }
        } else {
            Error::BodyTruncated {
                received: (cut - head) as u64,
                announced: Some(5),
            }
        };
        for read in 1..=cut + 1 {
            assert_eq!(
                exchange(&response[..cut], 128, 1000, read).end,
                Err(error),
                "cut at {cut}"
            );
        }
    }
    assert_eq!(
        Error::BodyTruncated {
            received: 3,
            announced: Some(5)
        }
        .to_string(),
        "http: the connection closed after 3 of 5 octets of the body"
    );
}

#[test]
fn a_head_that_never_ends() {
    let fields = "X: y\r\n".repeat(HEAD_LIMIT as usize / 6);
    let response = format!("HTTP/1.1 200 OK\r\n{fields}{fields}");
    let endless_line = format!("HTTP/1.1 200 OK\r\nX: {fields}{}", "z".repeat(HEAD_LIMIT as usize));
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(HEAD_LIMIT as usize / 24);
    for response in [response, endless_line, interim] {
        for read in [1, 7, 1460, 100_000] {
            for buffer in [128, 1000, 100_000] {
                let outcome = exchange(response.as_bytes(), buffer, 1000, read);
                assert_eq!(outcome.end, Err(Error::HeadTooLong), "reads of {read}, buffer {buffer}");
            }
        }
    }
}

#[test]
fn a_buffer_too_small_for_the_request_is_refused_at_once() {
    let url = Url::parse("http://h/a").unwrap();
    let mut buffer = vec![0; REQUEST.len() - 1];
    let refused = Exchange::new(&Request::get(&url), &mut buffer).map(|_| ());
    assert_eq!(refused, Err(Error::Storage { needed: REQUEST.len() }));
}
