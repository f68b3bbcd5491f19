//! An `embedded-io` transport over TLS 1.3.

use super::error::Error;
use super::records::{Records, Shared};
use super::suite::ChaCha20Poly1305Sha256;
use super::verifier::Verifier;
use crate::io::{Ready, Wait};
use core::time::Duration;
use embedded_io::{ErrorType, Read, Write};
use embedded_tls::blocking::{CryptoProvider, TlsConfig, TlsConnection, TlsContext, TlsError, TlsVerifier};
use embedded_tls::read_buffer::ReadBuffer;
use rand_core::CryptoRngCore;

/// The shortest receive buffer: the smallest handshakes fit.
pub const MIN_RECEIVE: usize = 1024;
/// The shortest transmit buffer: a ClientHello with the longest name fits.
pub const MIN_TRANSMIT: usize = 640;
/// A receive buffer in which every record fits (RFC 8446 5.2, without its header).
pub const MAX_RECORD: usize = (1 << 14) + 256;

/// Whom to trust, and whom to reach.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// Certificates (DER) of the authorities that are trusted, 1 to [`MAX_ANCHORS`](super::MAX_ANCHORS).
    pub anchors: &'a [&'a [u8]],
    /// The DNS name or IP address that the server's certificate must be for.
    pub server_name: &'a str,
    /// Unix seconds.
    pub now: u64,
}

/// Memory for a connection.
pub struct Storage<'a> {
    /// One record must fit, at least [`MIN_RECEIVE`] octets. The longest is usually that of the certificates: 6 KB are
    /// enough for mail servers. Servers with long answers fill records up to [`MAX_RECORD`].
    pub receive: &'a mut [u8],
    /// Records that are sent, at least [`MIN_TRANSMIT`] octets; each takes 128 octets beside its data.
    pub transmit: &'a mut [u8],
    /// `Shared::default()`.
    pub shared: &'a mut Shared,
}

/// A TLS 1.3 connection to a server whose certificate and proof of possession were verified.
///
/// Offers ChaCha20-Poly1305 with SHA-256 and ECDHE on P-256. The first error is repeated by every later call.
pub struct Connection<'a, T>
where
    T: Read + Write + Wait + 'a,
{
    tls: TlsConnection<'a, Records<'a, T>, ChaCha20Poly1305Sha256>,
    shared: &'a Shared,
    end: Option<End>,
}

#[derive(Clone, Copy)]
enum End {
    /// The server sent close_notify.
    Closed,
    Failed(Error),
}

impl<'a, T> Connection<'a, T>
where
    T: Read + Write + Wait + 'a,
{
    /// Performs the handshake over `transport`; lend it as `&mut` to keep it after an error.
    ///
    /// The transport keeps the timeout that it has, until [`set_timeout`](Wait::set_timeout).
    pub fn open(
        transport: T,
        config: &Config<'_>,
        rng: impl CryptoRngCore,
        storage: Storage<'a>,
    ) -> Result<Self, Error> {
        let mut verifier = Verifier::new(config.anchors, config.server_name, config.now)?;
        for (buffer, least) in [(&*storage.receive, MIN_RECEIVE), (&*storage.transmit, MIN_TRANSMIT)] {
            if buffer.len() < least {
                return Err(Error::Storage { least });
            }
        }
        let mut connection = Self::new(transport, storage);
        connection
            .handshake(&mut verifier, config, rng)
            .map_err(|error| verifier.refusal().or(connection.shared.refusal()).unwrap_or(error))?;
        // The handshake ends well also without a certificate and without its proof.
        verifier.verified()?;
        connection.shared.open();
        Ok(connection)
    }

    // These two are not inlined so that the connection is built where it stays, and not copied on the stack.
    #[inline(never)]
    fn new(transport: T, storage: Storage<'a>) -> Self {
        *storage.shared = Shared::default();
        let shared = &*storage.shared;
        let records = Records::new(transport, shared, storage.receive.len());
        Self {
            tls: TlsConnection::new(records, storage.receive, storage.transmit),
            shared,
            end: None,
        }
    }

    #[inline(never)]
    fn handshake(
        &mut self,
        verifier: &mut Verifier<'_>,
        config: &Config<'_>,
        rng: impl CryptoRngCore,
    ) -> Result<(), Error> {
        let mut offer = TlsConfig::new().enable_rsa_signatures();
        if verifier.server_name_indication().is_some() {
            offer = offer.with_server_name(config.server_name.trim_end_matches('.'));
        }
        let context = TlsContext::new(&offer, Provider { rng, verifier });
        self.tls.open(context).map_err(Error::from)
    }

    /// Sends what is buffered and close_notify, and gives the transport back, whether that went well or not. After an
    /// error nothing is sent, and the error is repeated.
    pub fn close(self) -> (T, Result<(), Error>) {
        let failed = match self.end {
            Some(End::Failed(error)) => {
                self.shared.silence();
                Some(error)
            }
            _ => None,
        };
        let (records, result) = match self.tls.close() {
            Ok(records) => (records, Ok(())),
            Err((records, error)) => (records, Err(Error::from(error))),
        };
        (records.into_transport(), failed.map_or(result, Err))
    }

    /// Keeps the first error: after one, the records of neither direction are in step any more.
    fn keep<R>(&mut self, result: Result<R, TlsError>) -> Result<R, Error> {
        result.map_err(|error| {
            let error = self.shared.refusal().unwrap_or_else(|| error.into());
            self.end = Some(End::Failed(error));
            error
        })
    }

    fn check(&self) -> Result<(), Error> {
        match self.end {
            Some(End::Failed(error)) => Err(error),
            Some(End::Closed) => Err(Error::Closed),
            None => Ok(()),
        }
    }
}

/// What embedded-tls asks for during the handshake.
struct Provider<'v, 'c, R> {
    rng: R,
    verifier: &'v mut Verifier<'c>,
}

impl<R: CryptoRngCore> CryptoProvider for Provider<'_, '_, R> {
    type CipherSuite = ChaCha20Poly1305Sha256;
    /// Of a client certificate: there is none.
    type Signature = [u8; 0];

    fn rng(&mut self) -> impl CryptoRngCore {
        &mut self.rng
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<ChaCha20Poly1305Sha256>, TlsError> {
        Ok(&mut *self.verifier)
    }
}

impl<'a, T: Read + Write + Wait + 'a> ErrorType for Connection<'a, T> {
    type Error = Error;
}

impl<'a, T: Read + Write + Wait + 'a> Read for Connection<'a, T> {
    /// 0 once the server has sent close_notify; an end without it is [`Error::Truncated`].
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        match self.end {
            Some(End::Closed) => return Ok(0),
            Some(End::Failed(error)) => return Err(error),
            None => self.shared.begin_read(),
        }
        match self.tls.read(buffer) {
            Err(TlsError::ConnectionClosed) => {
                self.end = Some(End::Closed);
                Ok(0)
            }
            result => self.keep(result),
        }
    }
}

impl<'a, T: Read + Write + Wait + 'a> Write for Connection<'a, T> {
    /// Fills one record; it is sent when it is full, or by [`flush`](Write::flush).
    fn write(&mut self, octets: &[u8]) -> Result<usize, Error> {
        self.check()?;
        let result = self.tls.write(octets);
        self.keep(result)
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.check()?;
        let result = self.tls.flush();
        self.keep(result)
    }
}

impl<'a, T: Read + Write + Wait + 'a> Wait for Connection<'a, T> {
    /// Limits every read and write of the transport; reading one record takes several.
    fn set_timeout(&mut self, timeout: Duration) {
        self.shared.set_timeout(timeout);
    }

    /// [`Ready::Read`] once application data, the end or an error is there. A record whose header has come is waited for;
    /// tickets and what else is not for the caller is read and passed over, at most 64 records at a time.
    ///
    /// A record of ours is sent when it is full, as a whole: only that write may have to wait.
    fn wait(&mut self) -> Result<Ready, Error> {
        match self.end {
            Some(End::Closed) => return Ok(Ready::Read),
            Some(End::Failed(error)) => return Err(error),
            None => self.shared.begin_read(),
        }
        self.shared.ask();
        let result = self.tls.read_buffered().map(ReadBuffer::revert);
        if self.shared.gave_up() {
            return Ok(Ready::Write);
        }
        match result {
            Err(TlsError::ConnectionClosed) => self.end = Some(End::Closed),
            result => self.keep(result)?,
        }
        Ok(Ready::Read)
    }
}
