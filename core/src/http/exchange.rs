//! One exchange: a request leaves, its response arrives.
//!
//! One lent buffer carries first the request, then the response as it arrives:
//!
//! ```text
//! 0 <= start <= end <= buffer.len()      buffer[start..end]: received, not yet used
//! ```

use super::body::Body;
use super::head::{Head, is_skippable};
use super::{Error, HEAD_LIMIT, Request};
use crate::machine::{Machine, Step};
use core::time::Duration;

/// What an exchange reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The head is complete: [`Exchange::status`].
    Head,
    /// A piece of the body has come: [`Exchange::body`], until the next `poll`.
    Body,
    /// The response is complete.
    Done {
        /// Whether the connection may carry another exchange.
        reusable: bool,
    },
}

/// A GET over a connection that is open, and still open afterwards if both sides agree.
pub struct Exchange<'b> {
    buffer: &'b mut [u8],
    start: usize,
    end: usize,
    /// Of the current [`Event::Body`]: `buffer[start - piece..start]`.
    piece: usize,
    state: State,
    head: Head,
    /// Octets of the head so far.
    head_length: u64,
    body: Body,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// `buffer[start..end]` is the rest of the request.
    Transmit,
    StatusLine,
    Fields,
    /// Within a long field line that decides nothing.
    SkipLine,
    Body,
    /// The body ended; `closed`: by the end of the connection.
    End {
        closed: bool,
    },
    Failed(Error),
}

impl<'b> Exchange<'b> {
    /// Begins an exchange; `buffer` must hold the request, and 1 KiB or more is good for the response.
    pub fn new(request: &Request<'_>, buffer: &'b mut [u8]) -> Result<Self, Error> {
        let end = request.write(buffer).ok_or(Error::Storage {
            needed: request.length(),
        })?;
        let head = Head::default();
        Ok(Self {
            buffer,
            start: 0,
            end,
            piece: 0,
            state: State::Transmit,
            head,
            head_length: 0,
            body: Body::new(&head),
        })
    }

    /// The response's status code; 0 before [`Event::Head`].
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// What Content-Length announced.
    pub fn content_length(&self) -> Option<u64> {
        self.head.content_length
    }

    /// The octets of the current [`Event::Body`], otherwise none.
    pub fn body(&self) -> &[u8] {
        self.buffer
            .get(self.start.saturating_sub(self.piece)..self.start)
            .unwrap_or_default()
    }

    /// How many octets of the body have come.
    pub fn body_received(&self) -> u64 {
        self.body.received()
    }

    /// Handles what is in the buffer: an event, or `None` if more is needed.
    fn advance(&mut self) -> Result<Option<Event>, Error> {
        self.piece = 0;
        loop {
            match self.state {
                State::Transmit => return Ok(None),
                State::StatusLine | State::Fields | State::SkipLine => {
                    let Some(event) = self.line()? else {
                        return Ok(None);
                    };
                    if event {
                        return Ok(Some(Event::Head));
                    }
                }
                State::Body => {
                    let piece = self
                        .body
                        .feed(self.buffer.get(self.start..self.end).unwrap_or_default())?;
                    self.start += piece.skip + piece.length;
                    self.piece = piece.length;
                    if piece.done {
                        self.state = State::End { closed: false };
                    }
                    match (piece.length, piece.done) {
                        (0, false) => return Ok(None),
                        (0, true) => {}
                        _ => return Ok(Some(Event::Body)),
                    }
                }
                State::End { closed } => {
                    // Octets beyond the response answer nothing that was asked: whatever follows would be misread.
                    let reusable =
                        !closed && self.start == self.end && self.body.is_delimited() && self.head.is_persistent();
                    self.state = State::Failed(Error::Finished);
                    return Ok(Some(Event::Done { reusable }));
                }
                State::Failed(error) => return Err(error),
            }
        }
    }

    /// Takes one line of the head: `None` if it is not whole yet, `Some(true)` at the end of the final head.
    fn line(&mut self) -> Result<Option<bool>, Error> {
        let input = self.buffer.get(self.start..self.end).unwrap_or_default();
        let Some(length) = input.iter().position(|octet| *octet == b'\n') else {
            if self.head_length.saturating_add(input.len() as u64) > HEAD_LIMIT {
                return Err(Error::HeadTooLong);
            }
            if self.state == State::SkipLine || input.len() == self.buffer.len() {
                if self.state == State::StatusLine || self.state == State::Fields && !is_skippable(input) {
                    return Err(Error::LineTooLong);
                }
                self.state = State::SkipLine;
                self.head_length += input.len() as u64;
                self.start = self.end;
            }
            return Ok(None);
        };
        self.head_length = self.head_length.saturating_add(length as u64 + 1);
        if self.head_length > HEAD_LIMIT {
            return Err(Error::HeadTooLong);
        }
        let line = input.get(..length).unwrap_or_default();
        // RFC 9112 2.2: a lone LF may end a line.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.start += length + 1;
        match self.state {
            State::StatusLine => {
                self.head = Head::default();
                self.head.feed_status_line(line)?;
                self.state = State::Fields;
            }
            State::Fields if line.is_empty() => {
                self.head.finish()?;
                if self.head.is_interim() {
                    self.state = State::StatusLine;
                } else {
                    self.body = Body::new(&self.head);
                    self.state = State::Body;
                    return Ok(Some(true));
                }
            }
            State::Fields => self.head.feed_field(line)?,
            _ => self.state = State::Fields,
        }
        Ok(Some(false))
    }
}

impl Machine for Exchange<'_> {
    type Event = Event;
    type Error = Error;

    fn poll(&mut self) -> Result<Step<'_, Event>, Error> {
        match self.advance() {
            Ok(Some(event)) => Ok(Step::Event(event)),
            Ok(None) if self.state == State::Transmit => Ok(Step::Transmit(
                self.buffer.get(self.start..self.end).unwrap_or_default(),
            )),
            Ok(None) => {
                // What is left is the begin of a line; after it there is always room, or `line` had refused it.
                self.buffer.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
                Ok(Step::Receive(self.buffer.get_mut(self.end..).unwrap_or_default()))
            }
            Err(error) => {
                self.state = State::Failed(error);
                Err(error)
            }
        }
    }

    fn transmitted(&mut self, count: usize) {
        if self.state == State::Transmit {
            self.start = self.start.saturating_add(count).min(self.end);
            if self.start == self.end {
                (self.start, self.end) = (0, 0);
                self.state = State::StatusLine;
            }
        }
    }

    fn received(&mut self, count: usize) {
        match self.state {
            State::Transmit | State::End { .. } | State::Failed(_) => {}
            _ if count > 0 => self.end = self.end.saturating_add(count).min(self.buffer.len()),
            State::Body => {
                self.state = match self.body.close() {
                    Ok(()) => State::End { closed: true },
                    Err(error) => State::Failed(error),
                }
            }
            State::StatusLine | State::Fields | State::SkipLine => {
                let received = self.head_length.saturating_add((self.end - self.start) as u64);
                self.state = State::Failed(Error::HeadTruncated { received });
            }
        }
    }

    /// HTTP names no limit; a minute without an octet is the one that servers use.
    fn timeout(&self) -> Duration {
        Duration::from_secs(60)
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use crate::http::Url;
    use heapless::Vec;

    /// Plays `response` by reads of at most `size` octets: the content and how it ended.
    fn run(response: &[u8], size: usize) -> (Vec<u8, 64>, Result<bool, Error>) {
        let mut buffer = [0xaa; 96];
        let url = Url::parse("http://h/").unwrap();
        let mut exchange = Exchange::new(&Request::get(&url), &mut buffer).unwrap();
        let (mut rest, mut content) = (response, Vec::new());
        loop {
            let count = match exchange.poll() {
                Ok(Step::Transmit(octets)) => {
                    let count = octets.len().min(size);
                    exchange.transmitted(count);
                    continue;
                }
                Ok(Step::Duplex { .. }) => unreachable!("it sends or it receives"),
                Ok(Step::Receive(buffer)) => {
                    let count = buffer.len().min(size).min(rest.len());
                    buffer[..count].copy_from_slice(&rest[..count]);
                    count
                }
                Ok(Step::Event(Event::Head)) => continue,
                Ok(Step::Event(Event::Body)) => {
                    content.extend_from_slice(exchange.body()).unwrap();
                    continue;
                }
                Ok(Step::Event(Event::Done { reusable })) => return (content, Ok(reusable)),
                Err(error) => return (content, Err(error)),
            };
            rest = &rest[count..];
            exchange.received(count);
        }
    }

    tests! {
        fn any_split_gives_the_same_response() {
            let response = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7;x\r\n, world\r\n0\r\n\r\n";
            let expected = Vec::from_slice(b"hello, world").unwrap();
            for size in 1..=response.len() {
                assert_eq!(run(response, size), (expected.clone(), Ok(true)), "reads of {size}");
            }
        }

        fn a_cut_response_names_what_arrived() {
            let response = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel";
            let error = Error::BodyTruncated { received: 3, announced: Some(5) };
            for size in 1..=response.len() {
                assert_eq!(run(response, size).1, Err(error), "reads of {size}");
                assert_eq!(run(&response[..20], size).1, Err(Error::HeadTruncated { received: 20 }));
            }
        }

        fn counts_beyond_what_was_offered_are_bounded() {
            let mut buffer = [0; 96];
            let mut exchange = Exchange::new(&Request::get(&Url::parse("http://h/").unwrap()), &mut buffer).unwrap();
            exchange.received(5);
            exchange.transmitted(usize::MAX);
            // What stands in the buffer is still the request, which is no response.
            exchange.received(usize::MAX);
            assert_eq!(exchange.poll(), Err(Error::StatusLine));
            exchange.received(0);
            exchange.transmitted(1);
            assert_eq!(exchange.poll(), Err(Error::StatusLine));
        }
    }
}
