//! Fetches URLs, one after the other, over one connection as long as it lasts.

use super::{Cause, Failure};
use crate::net::{Endpoint, Roots, Transport};
use gatepost_core::http::{self, Event, Exchange, Request, Scheme, Url};
use gatepost_core::io::{DriveError, blocking};
use std::io::ErrorKind;
use std::time::{Duration, Instant};

/// A client that keeps its connection.
pub struct Fetcher {
    roots: Roots,
    connection: Option<Connection>,
    opened: u64,
}

struct Connection {
    transport: Transport,
    scheme: Scheme,
    endpoint: Endpoint,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// Octets of the body.
    pub octets: u64,
    /// From the first octet of the request to the last of the response.
    pub elapsed: Duration,
    /// From the first octet of the request to the end of the response's head.
    pub latency: Duration,
}

impl Fetcher {
    /// Servers of https are verified against `roots`.
    pub fn new(roots: Roots) -> Self {
        Self {
            roots,
            connection: None,
            opened: 0,
        }
    }

    /// How many connections were opened so far.
    pub fn opened(&self) -> u64 {
        self.opened
    }

    /// Fetches `url` and gives its content to `sink` as it comes; anything but status 200 is a failure.
    pub fn fetch(
        &mut self,
        url: &Url<'_>,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<Fetched, Failure> {
        let endpoint = Endpoint {
            host: url.host().to_owned(),
            port: url.port(),
        };
        if let Some(kept) = self
            .connection
            .take_if(|kept| kept.scheme == url.scheme() && kept.endpoint == endpoint)
        {
            match self.exchange(kept, url, sink)? {
                Outcome::Fetched(fetched) => return Ok(fetched),
                // The server may close a kept connection at any time (RFC 9112 9.5), and nothing was answered.
                Outcome::Stale => {}
            }
        }
        let connection = self.connect(endpoint, url)?;
        match self.exchange(connection, url, sink)? {
            Outcome::Fetched(fetched) => Ok(fetched),
            Outcome::Stale => Err(Cause::Http(http::Error::HeadTruncated { received: 0 }).at(url.as_str())),
        }
    }

    fn connect(&mut self, endpoint: Endpoint, url: &Url<'_>) -> Result<Connection, Failure> {
        let refused = |error| Cause::Connect(error).at(url.as_str());
        let mut transport = Transport::connect(&endpoint, CONNECT).map_err(refused)?;
        if url.scheme() == Scheme::Https {
            let trust = self.roots.load();
            let secured = trust.and_then(|trust| transport.secure(&trust, &endpoint.host, HANDSHAKE));
            secured.map_err(|error| Cause::Handshake(error).at(url.as_str()))?;
        }
        self.opened += 1;
        Ok(Connection {
            transport,
            scheme: url.scheme(),
            endpoint,
        })
    }

    fn exchange(
        &mut self,
        mut connection: Connection,
        url: &Url<'_>,
        sink: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<Outcome, Failure> {
        let mut buffer = vec![0; BUFFER];
        let failed = |error| Cause::Http(error).at(url.as_str());
        let mut exchange = Exchange::new(&Request::get(url), &mut buffer).map_err(failed)?;
        let start = Instant::now();
        let mut latency = Duration::ZERO;
        loop {
            let event = match blocking::next_event(&mut exchange, &mut connection.transport) {
                Ok(event) => event,
                Err(DriveError::Protocol(http::Error::HeadTruncated { received: 0 })) => return Ok(Outcome::Stale),
                Err(DriveError::Transport(error)) if exchange.status() == 0 && error.is_closed() => {
                    return Ok(Outcome::Stale);
                }
                Err(DriveError::Protocol(error)) => return Err(failed(error)),
                Err(DriveError::Transport(error)) => return Err(Cause::Transport(error).at(url.as_str())),
                Err(DriveError::WriteZero) => {
                    return Err(Cause::Transport(ErrorKind::WriteZero.into()).at(url.as_str()));
                }
            };
            match event {
                Event::Head if exchange.status() != 200 => {
                    return Err(Cause::Status(exchange.status()).at(url.as_str()));
                }
                Event::Head => latency = start.elapsed(),
                Event::Body => sink(exchange.body())?,
                Event::Done { reusable } => {
                    let fetched = Fetched {
                        octets: exchange.body_received(),
                        elapsed: start.elapsed(),
                        latency,
                    };
                    if reusable {
                        self.connection = Some(connection);
                    }
                    return Ok(Outcome::Fetched(fetched));
                }
            }
        }
    }
}

enum Outcome {
    Fetched(Fetched),
    /// The connection ended before an octet of an answer.
    Stale,
}

/// How long each address of a server may take to accept the connection.
const CONNECT: Duration = Duration::from_secs(15);
/// How long the TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// Room for the request, then for pieces of the response, octets.
const BUFFER: usize = 64 * 1024;
