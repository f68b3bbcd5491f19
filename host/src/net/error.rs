//! Why a transport failed, in words.

use embedded_io::ErrorKind;
use rustls::CertificateError;
use std::net::SocketAddr;
use std::{fmt, io};

/// Why a transport could not be opened, secured or used.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The host name could not be resolved.
    Resolve(io::Error),
    /// No address of the host accepted the connection; what each said, empty if it has none.
    Connect(Vec<(SocketAddr, io::Error)>),
    /// The proxy is out of reach, or did not open the connection; says which and why.
    Proxy(String),
    /// The peer or the network stayed silent beyond the limit.
    TimedOut,
    /// The peer closed without saying so, or the connection was lost.
    Io(io::Error),
    /// The name to verify is neither a DNS name nor an IP address.
    ServerName(String),
    /// A TLS alert, a protocol violation, or a certificate that was refused.
    Tls(rustls::Error),
    /// The trusted roots could not be loaded; says which and why.
    Roots(String),
    /// Our own certificate or its key could not be loaded; says which and why.
    Identity(String),
}

impl Error {
    /// Whether the peer ended the connection, rather than the network or TLS.
    pub fn is_closed(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let closed = [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof];
        matches!(self, Self::Io(error) if closed.contains(&error.kind()))
    }

    /// From a read or write of a socket, below or inside TLS.
    pub(super) fn from_io(error: io::Error) -> Self {
        match error.kind() {
            // A blocking socket with a time limit answers EAGAIN when it has passed.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::InvalidData => match error.downcast::<rustls::Error>() {
                Ok(error) => Self::Tls(error),
                Err(error) => Self::Io(error),
            },
            _ => Self::Io(error),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve(error) => write!(f, "the host name does not resolve: {error}"),
            Self::Connect(refusals) => match refusals.as_slice() {
                [] => f.write_str("no connection: the name has no address"),
                [(_, error)] => write!(f, "no connection: {error}"),
                refusals => {
                    f.write_str("no connection")?;
                    for (index, (address, error)) in refusals.iter().enumerate() {
                        let separator = if index == 0 { ": " } else { "; " };
                        write!(f, "{separator}{address}: {error}")?;
                    }
                    Ok(())
                }
            },
            Self::Proxy(cause) => write!(f, "proxy {cause}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => f.write_str("the connection was cut"),
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::ServerName(name) => write!(f, "{name:?} is neither a DNS name nor an IP address to verify"),
            Self::Tls(error) => {
                f.write_str("TLS: ")?;
                tls_cause(error, f)
            }
            Self::Roots(cause) => write!(f, "trusted roots: {cause}"),
            Self::Identity(cause) => write!(f, "client certificate: {cause}"),
        }
    }
}

impl From<io::ErrorKind> for Error {
    fn from(kind: io::ErrorKind) -> Self {
        Self::from_io(kind.into())
    }
}

impl std::error::Error for Error {}

impl embedded_io::Error for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Connect(_) | Self::Proxy(_) | Self::Resolve(_) => ErrorKind::NotConnected,
            Self::Io(_) => ErrorKind::ConnectionAborted,
            Self::TimedOut => ErrorKind::TimedOut,
            Self::ServerName(_) => ErrorKind::InvalidInput,
            Self::Tls(_) | Self::Roots(_) | Self::Identity(_) => ErrorKind::InvalidData,
        }
    }
}

/// What a person can act on; rustls' own words for the rest.
fn tls_cause(error: &rustls::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let rustls::Error::InvalidCertificate(refusal) = error else {
        return write!(f, "{error}");
    };
    f.write_str("certificate refused: ")?;
    match refusal {
        CertificateError::UnknownIssuer => f.write_str("unknown issuer: no trusted root leads to it"),
        CertificateError::BadSignature => {
            f.write_str("bad signature: the issuer that it names did not sign it, or the server lacks its key")
        }
        CertificateError::NotValidForName => f.write_str("name mismatch"),
        CertificateError::NotValidForNameContext { expected, presented } => {
            write!(f, "name mismatch: it is not for {} but for ", expected.to_str())?;
            match presented.as_slice() {
                [] => f.write_str("no name at all"),
                // rustls tells them as `DnsName("mail.test")`.
                names => {
                    let names: Vec<_> = names
                        .iter()
                        .map(|name| name.split('"').nth(1).unwrap_or(name))
                        .collect();
                    f.write_str(&names.join(", "))
                }
            }
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            write!(f, "expired: {refusal}")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            write!(f, "not valid yet (is this machine's clock right?): {refusal}")
        }
        CertificateError::Other(cause) => write!(f, "{cause}"),
        refusal => write!(f, "{refusal}"),
    }
}
