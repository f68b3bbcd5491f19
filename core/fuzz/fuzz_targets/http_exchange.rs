//! Any octets as the response to a request: any split of them and any size of the buffer that holds the lines of the
//! head lead to the same status, content and outcome.
#![no_main]

use gatepost_core::http::{Error, Event, Exchange, Request, Url};
use gatepost_core::machine::{Machine, Step};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [read_size, response @ ..] = input else {
        return;
    };
    for buffer in [96, 512] {
        let whole = run(response, buffer, usize::MAX);
        assert_eq!(run(response, buffer, usize::from(*read_size).max(1)), whole);
        assert_eq!(run(response, buffer, 1), whole);
    }
    // A larger buffer only takes longer lines.
    let (small, large) = (run(response, 96, usize::MAX), run(response, 512, usize::MAX));
    let skipped = response.split(|octet| *octet == b'\n').any(|line| line.len() >= 96);
    assert!(small == large || skipped);
});

/// What was sent and received, and how it ended.
#[derive(Debug, PartialEq)]
struct Outcome {
    sent: Vec<u8>,
    status: u16,
    body: Vec<u8>,
    /// Whether the connection is reusable.
    end: Result<bool, Error>,
}

/// Drives an exchange by `response` in pieces of `size` octets, then by the end of the connection.
fn run(response: &[u8], buffer: usize, size: usize) -> Outcome {
    let url = Url::parse("http://h/a").expect("it is one");
    let mut buffer = vec![0; buffer];
    let mut exchange = Exchange::new(&Request::get(&url), &mut buffer).expect("the request fits");
    let (mut sent, mut body, mut rest, mut closed) = (Vec::new(), Vec::new(), response, false);
    let end = loop {
        match exchange.poll() {
            Ok(Step::Transmit(octets)) => {
                let count = octets.len().min(size);
                sent.extend_from_slice(&octets[..count]);
                exchange.transmitted(count);
            }
            Ok(Step::Duplex { .. }) => unreachable!("it sends or it receives"),
            Ok(Step::Receive(room)) => {
                assert!(!closed && !room.is_empty());
                let count = room.len().min(size).min(rest.len());
                let (head, tail) = rest.split_at(count);
                room[..count].copy_from_slice(head);
                (rest, closed) = (tail, count == 0);
                exchange.received(count);
            }
            Ok(Step::Event(Event::Head)) => assert!((200..=599).contains(&exchange.status())),
            Ok(Step::Event(Event::Body)) => {
                assert!(!exchange.body().is_empty());
                body.extend_from_slice(exchange.body());
                assert_eq!(exchange.body_received(), body.len() as u64);
            }
            // What is still on the way behind the response would be seen before the next request.
            Ok(Step::Event(Event::Done { reusable })) => break Ok(reusable && rest.is_empty()),
            Err(error) => break Err(error),
        }
    };
    if let (Some(announced), Ok(_)) = (exchange.content_length(), end) {
        assert!(matches!(exchange.status(), 204 | 304) || announced == body.len() as u64);
    }
    let status = exchange.status();
    assert_eq!(exchange.poll(), Err(end.err().unwrap_or(Error::Finished)));
    Outcome {
        sent,
        status,
        body,
        end,
    }
}
