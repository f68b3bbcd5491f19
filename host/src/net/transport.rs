//! A TCP connection that can be put under TLS while it runs, as STARTTLS asks for.

use super::{Endpoint, Error, Proxy, Tcp, Tls, Trust};
use gatepost_core::io::{Ready, Wait};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// What the drivers of `gatepost-core` read from and write to.
pub struct Transport {
    tcp: Tcp,
    tls: Option<Tls>,
    limit: Duration,
}

impl Transport {
    /// Connects in the clear to the first address of `endpoint` that answers; `limit` bounds it all.
    pub fn connect(endpoint: &Endpoint, limit: Duration) -> Result<Self, Error> {
        Tcp::connect(endpoint, limit).map(Self::new)
    }

    /// Connects in the clear to the first of these addresses that answers, as a mail exchanger's.
    pub fn connect_to(addresses: &[SocketAddr], limit: Duration) -> Result<Self, Error> {
        Tcp::connect_to(addresses, limit).map(Self::new)
    }

    /// Connects through `proxy`, which resolves `target`; `limit` bounds it all.
    pub fn connect_through(proxy: &Proxy, target: &Endpoint, limit: Duration) -> Result<Self, Error> {
        let mut tcp = Tcp::connect(&proxy.endpoint, limit).map_err(|error| proxy.failed(&error))?;
        proxy.open(&mut tcp, target)?;
        Ok(Self::new(tcp))
    }

    fn new(tcp: Tcp) -> Self {
        Self {
            tcp,
            tls: None,
            limit: Duration::MAX,
        }
    }

    /// Puts TLS under all further octets; `name` is what the peer's certificate must be for. The handshake may take `limit`.
    pub fn secure(&mut self, trust: &Trust, name: &str, limit: Duration) -> Result<(), Error> {
        self.tcp.set_timeout(limit);
        self.tls = Some(Tls::open(&mut self.tcp, trust, name)?);
        Ok(())
    }

    /// From now on no read or write waits longer than `limit`, whatever a protocol allows it.
    pub fn limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// After `end` nothing is read or written any more: a limit of the whole conversation, beside that of each operation.
    pub fn deadline(&mut self, end: Instant) {
        self.tcp.deadline(end);
    }

    /// The channel binding `tls-exporter` (RFC 9266), for mechanisms such as SCRAM-SHA-256-PLUS; `None` without TLS 1.3.
    pub fn exporter(&self) -> Option<[u8; 32]> {
        self.tls.as_ref().and_then(Tls::exporter)
    }

    /// The address of this end.
    pub fn local(&self) -> Result<IpAddr, Error> {
        self.tcp.local().map_err(Error::Io)
    }

    /// The TLS session, once there is one.
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }
}

impl embedded_io::ErrorType for Transport {
    type Error = Error;
}

impl embedded_io::Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        match &mut self.tls {
            Some(tls) => tls.read(&self.tcp, buffer),
            None => self.tcp.read(buffer).map_err(Error::from_io),
        }
    }
}

impl embedded_io::Write for Transport {
    fn write(&mut self, octets: &[u8]) -> Result<usize, Error> {
        match &mut self.tls {
            Some(tls) => tls.write(&self.tcp, octets),
            None => self.tcp.write(octets).map_err(Error::from_io),
        }
    }

    fn flush(&mut self) -> Result<(), Error> {
        match &mut self.tls {
            Some(tls) => tls.flush(&self.tcp),
            None => self.tcp.flush().map_err(Error::from_io),
        }
    }
}

impl Wait for Transport {
    fn set_timeout(&mut self, timeout: Duration) {
        self.tcp.set_timeout(timeout.min(self.limit));
    }

    fn wait(&mut self) -> Result<Ready, Error> {
        match &mut self.tls {
            Some(tls) => tls.wait(&self.tcp),
            None => self.tcp.wait().map_err(Error::from_io),
        }
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        if let Some(tls) = &mut self.tls {
            self.tcp.set_timeout(FAREWELL);
            tls.close(&self.tcp);
        }
    }
}

/// How long a peer that reads nothing can hold up the end of a connection.
const FAREWELL: Duration = Duration::from_secs(1);
