//! A TLS session by rustls over a TCP stream.

use super::{Error, Tcp, Trust};
use gatepost_core::io::Ready;
use rustix::event::PollFlags;
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, ProtocolVersion};
use std::io::{BufRead, ErrorKind, Read, Write};

/// A TLS session whose peer was verified; the stream below it is kept beside it.
///
/// At most one record of ours waits for room in the TCP stream; whoever waits for the peer sends it meanwhile.
pub struct Tls(ClientConnection);

impl Tls {
    /// Shakes hands over `tcp` within its deadline; the peer must prove to be `name`.
    pub fn open(tcp: &mut Tcp, trust: &Trust, name: &str) -> Result<Self, Error> {
        let server_name = ServerName::try_from(name.to_owned()).map_err(|_| Error::ServerName(name.to_owned()))?;
        let mut session = ClientConnection::new(trust.config(), server_name).map_err(Error::Tls)?;
        while session.is_handshaking() {
            session.complete_io(tcp).map_err(Error::from_io)?;
        }
        // The server waits for the last words of the handshake, even if the first of the protocol are its own.
        while session.wants_write() {
            session.write_tls(tcp).map_err(Error::from_io)?;
        }
        Ok(Self(session))
    }

    /// The version of TLS that was agreed on, as `1.3`.
    pub fn version(&self) -> &'static str {
        match self.0.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "1.3",
            _ => "1.2",
        }
    }

    /// What binds an authentication to this session: `tls-exporter` of RFC 9266.
    ///
    /// `None` with TLS 1.2: it is unique only with an extended master secret (RFC 9266 3), of which rustls does not tell.
    pub fn exporter(&self) -> Option<[u8; 32]> {
        if self.0.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
            return None;
        }
        // RFC 9266 2: the context is a string of no length.
        let exported = self
            .0
            .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""));
        exported.ok()
    }

    /// Waits until a read or a write moves octets at once; tickets and key updates are neither.
    pub(super) fn wait(&mut self, tcp: &Tcp) -> Result<Ready, Error> {
        loop {
            if self.readable() {
                return Ok(Ready::Read);
            }
            let ready = tcp.ready(PollFlags::IN | PollFlags::OUT).map_err(Error::from_io)?;
            if ready != PollFlags::OUT {
                self.fill(tcp)?;
            } else if self.0.wants_write() {
                self.drain(tcp)?;
            } else {
                return Ok(Ready::Write);
            }
        }
    }

    pub(super) fn read(&mut self, tcp: &Tcp, buffer: &mut [u8]) -> Result<usize, Error> {
        loop {
            if self.readable() {
                return self.0.reader().read(buffer).map_err(Error::from_io);
            }
            // Also where nothing has to be waited for: a peer may send records without content for ever.
            tcp.remaining().map_err(Error::from_io)?;
            self.drain(tcp)?;
            if self.fill(tcp)? {
                let mut flags = PollFlags::IN;
                flags.set(PollFlags::OUT, self.0.wants_write());
                tcp.ready(flags).map_err(Error::from_io)?;
            }
        }
    }

    /// Takes up to a record, and sends what there is room for; waits only if an earlier record is still to be sent.
    pub(super) fn write(&mut self, tcp: &Tcp, octets: &[u8]) -> Result<usize, Error> {
        tcp.remaining().map_err(Error::from_io)?;
        self.drain(tcp)?;
        while self.0.wants_write() {
            tcp.ready(PollFlags::OUT).map_err(Error::from_io)?;
            self.drain(tcp)?;
        }
        let record = &octets[..octets.len().min(RECORD)];
        let count = self.0.writer().write(record).map_err(Error::from_io)?;
        self.drain(tcp)?;
        Ok(count)
    }

    /// Sends what there is room for at once; the rest leaves with the next operation.
    pub(super) fn flush(&mut self, tcp: &Tcp) -> Result<(), Error> {
        self.drain(tcp)
    }

    /// Says goodbye, as far as the peer still listens.
    pub(super) fn close(&mut self, tcp: &Tcp) {
        self.0.send_close_notify();
        // The connection ends either way; who is gone needs no farewell.
        while self.drain(tcp).is_ok() && self.0.wants_write() && tcp.ready(PollFlags::OUT).is_ok() {}
    }

    /// Whether a read says something at once: octets, the end, or that the connection was cut.
    fn readable(&mut self) -> bool {
        !matches!(self.0.reader().fill_buf(), Err(error) if error.kind() == ErrorKind::WouldBlock)
    }

    /// Hands our records to TCP, as far as it takes them at once.
    fn drain(&mut self, tcp: &Tcp) -> Result<(), Error> {
        while self.0.wants_write() {
            match self.0.write_tls(&mut tcp.socket()) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(Error::from_io(error)),
                Ok(0) => return Err(Error::Io(ErrorKind::WriteZero.into())),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// Takes what TCP has; true if that is nothing, for now.
    fn fill(&mut self, tcp: &Tcp) -> Result<bool, Error> {
        match self.0.read_tls(&mut tcp.socket()) {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(false),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
            Err(error) => return Err(Error::from_io(error)),
            Ok(_) => {}
        }
        let processed = self.0.process_new_packets();
        if let Err(error) = processed {
            // The alert that says why, as far as the peer still listens.
            let _ = self.0.write_tls(&mut tcp.socket());
            return Err(Error::Tls(error));
        }
        Ok(false)
    }
}

/// The content of the longest TLS record, octets (RFC 8446 5.1).
const RECORD: usize = 1 << 14;
