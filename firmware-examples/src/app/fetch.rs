//! Fetching by HTTP over one connection, which is kept alive as long as the server lets it.

use super::error::StreamError;
use super::network::{CONNECT, Network, Ports};
use core::time::Duration;
use gatepost_core::abr::Download;
use gatepost_core::http::{Event, Exchange, Request, Scheme, Url};
use gatepost_core::io::DriveError;
use gatepost_core::io::blocking::next_event;
use gatepost_core::io::smoltcp::{Clock, Socket};
use smoltcp::phy::Device;
use smoltcp::wire::{IpEndpoint, Ipv4Address};

/// A connection, and the server that it may be used for.
pub(super) struct Fetcher<'s, 'n, D: Device, C: Clock> {
    socket: Socket<'s, 'n, D, C>,
    ports: &'s mut Ports,
    /// `None` once the server does not keep the connection alive, or it failed.
    open: Option<IpEndpoint>,
}

impl<'s, 'n, D: Device, C: Clock> Fetcher<'s, 'n, D, C> {
    /// Connects to the server of `url`.
    pub(super) fn connect(network: &'s mut Network<'n, D, C>, url: &Url<'_>) -> Result<Self, StreamError> {
        let remote = endpoint(url)?;
        let (socket, ports) = network.connect_again(remote).map_err(StreamError::Connect)?;
        Ok(Self {
            socket,
            ports,
            open: Some(remote),
        })
    }

    /// Fetches `url` and hands its content to `sink`, piece by piece.
    pub(super) fn fetch(
        &mut self,
        url: &Url<'_>,
        buffer: &mut [u8],
        mut sink: impl FnMut(&[u8]) -> Result<(), StreamError>,
    ) -> Result<Download, StreamError> {
        let start = self.now();
        let remote = endpoint(url)?;
        // Whatever ends the exchange early leaves a connection that cannot be used again.
        if self.open.take() != Some(remote) {
            self.socket
                .reconnect(remote, self.ports.next(), CONNECT)
                .map_err(StreamError::Connect)?;
        }
        let mut latency = Duration::ZERO;
        let mut exchange = Exchange::new(&Request::get(url), buffer).map_err(StreamError::Http)?;
        loop {
            match next_event(&mut exchange, &mut self.socket).map_err(stopped)? {
                Event::Head if exchange.status() != 200 => return Err(StreamError::Status(exchange.status())),
                Event::Head => latency = self.now().saturating_sub(start),
                Event::Body => sink(exchange.body())?,
                Event::Done { reusable } => {
                    let elapsed = self.now().saturating_sub(start);
                    if reusable {
                        self.open = Some(remote);
                    } else {
                        // All has come: how the connection ends changes nothing.
                        let _ = self.socket.close();
                    }
                    return Ok(Download {
                        octets: exchange.body_received(),
                        elapsed,
                        latency,
                    });
                }
            }
        }
    }

    /// Fetches `url` only for the time that it takes; over a new connection once more what broke off.
    ///
    /// A server may end a kept-alive connection at any time, also just when a request is on its way (RFC 9112 9.5).
    pub(super) fn measure(&mut self, url: &Url<'_>, buffer: &mut [u8]) -> Result<Download, StreamError> {
        let mut tries = 0;
        loop {
            match self.fetch(url, buffer, |_| Ok(())) {
                Err(error) if error.is_broken_off() && tries < TRIES => tries += 1,
                result => return result,
            }
        }
    }

    /// Waits, the network kept going.
    pub(super) fn wait(&mut self, time: Duration) {
        let never: Option<()> = self.socket.stack().wait(time, |_| None);
        debug_assert!(never.is_none());
    }

    /// Ends the connection.
    pub(super) fn close(mut self) {
        // All has come: how the connection ends changes nothing.
        let _ = self.socket.close();
    }

    /// Time since the clock's start.
    pub(super) fn now(&mut self) -> Duration {
        self.socket.stack().clock.now()
    }
}

fn endpoint(url: &Url<'_>) -> Result<IpEndpoint, StreamError> {
    if url.scheme() != Scheme::Http {
        return Err(StreamError::Https);
    }
    let address: Ipv4Address = url.host().parse().map_err(|_| StreamError::Host)?;
    Ok(IpEndpoint::new(address.into(), url.port()))
}

fn stopped(error: DriveError<gatepost_core::http::Error, gatepost_core::io::smoltcp::Error>) -> StreamError {
    match error {
        DriveError::Protocol(error) => StreamError::Http(error),
        DriveError::Transport(error) => StreamError::Tcp(error),
        DriveError::WriteZero => StreamError::Tcp(gatepost_core::io::smoltcp::Error::Reset),
    }
}

/// How often what broke off is fetched again.
const TRIES: u32 = 2;
