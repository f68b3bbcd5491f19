//! Why a TLS connection was refused or broke off, in words.

use core::fmt;
use embedded_io::ErrorKind;
use embedded_tls::TlsError;
use embedded_tls::alert::AlertDescription;

/// Why a TLS connection was refused or broke off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The server name is neither a DNS name nor an IP address.
    ServerName,
    /// The trust anchor with this index is not an X.509 certificate in DER.
    TrustAnchor {
        /// Its place in the configuration, from 0.
        index: usize,
    },
    /// There is no trust anchor, or more than [`MAX_ANCHORS`](super::MAX_ANCHORS).
    TrustAnchors {
        /// How many there are.
        count: usize,
    },
    /// A lent buffer is shorter than what the handshake needs.
    Storage {
        /// How many octets it must have.
        least: usize,
    },

    /// The server sent no certificate.
    NoCertificate,
    /// The server did not prove that it holds the private key of its certificate.
    NoProof,
    /// A handshake message came twice or out of its order.
    Order,
    /// More certificates than [`MAX_CERTIFICATES`](super::MAX_CERTIFICATES).
    TooManyCertificates,
    /// No path leads from the server's certificate to a trust anchor.
    UnknownIssuer,
    /// The certificate is not for the server's name.
    NameMismatch,
    /// A certificate has expired. Unix seconds.
    Expired {
        /// Until when it was valid.
        not_after: u64,
        /// The time given in the configuration.
        now: u64,
    },
    /// A certificate is not valid yet. Unix seconds.
    NotYetValid {
        /// From when on it is valid.
        not_before: u64,
        /// The time given in the configuration.
        now: u64,
    },
    /// A certificate is not allowed to identify TLS servers (extended key usage).
    Purpose,
    /// A certificate was signed by one that is not a certification authority, or a server uses an authority's own.
    Authority,
    /// The issuer may not certify this name, or not at this depth (name constraints, path length).
    Constraint,
    /// The signature of a certificate is wrong.
    CertificateSignature,
    /// A certificate's key or signature is of a kind that is not supported.
    CertificateAlgorithm,
    /// Building a path to a trust anchor took too many tries.
    TooComplex,
    /// A certificate cannot be read, or has a critical extension that is not known.
    Certificate,
    /// The proof of possession is of a kind that TLS 1.3 forbids or that does not fit the certificate's key.
    ProofAlgorithm,
    /// The proof of possession is wrong: the server does not hold the certificate's private key.
    ProofSignature,

    /// The server sent in the clear what must be encrypted. The record's content type.
    Plaintext(u8),
    /// A record is longer than the receive buffer, or than the standard allows.
    RecordTooLong {
        /// Octets of the record.
        length: usize,
        /// Octets that fit.
        limit: usize,
    },
    /// Record after record without application data.
    NoProgress,
    /// A record is not authentic.
    Decrypt,
    /// The server broke the connection off with this alert (RFC 8446 6), if it is known which.
    Alert(Option<u8>),
    /// A message that cannot be read, is split over several records, or may not come now.
    Message,
    /// The server agreed to no version, cipher suite and group of ours.
    Negotiation,
    /// The connection ended without close_notify: something may have been cut off.
    Truncated,
    /// The connection was closed.
    Closed,
    /// The transport failed.
    Transport(ErrorKind),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::ServerName => "the server name is neither a DNS name nor an IP address",
            Self::TrustAnchor { index } => return write!(f, "tls: trust anchor {index} is not a certificate in DER"),
            Self::TrustAnchors { count } => {
                return write!(
                    f,
                    "tls: {count} trust anchors; 1 to {} are possible",
                    super::MAX_ANCHORS
                );
            }
            Self::Storage { least } => return write!(f, "tls: a buffer is shorter than {least} octets"),
            Self::NoCertificate => "the server sent no certificate",
            Self::NoProof => "the server did not prove that it holds its certificate's key",
            Self::Order => "a handshake message came out of order",
            Self::TooManyCertificates => "the server sent too many certificates",
            Self::UnknownIssuer => "certificate refused: unknown issuer",
            Self::NameMismatch => "certificate refused: it is for another name",
            Self::Expired { not_after, now } => {
                return write!(
                    f,
                    "tls: certificate refused: expired at {not_after}, now is {now} (Unix seconds)"
                );
            }
            Self::NotYetValid { not_before, now } => {
                return write!(
                    f,
                    "tls: certificate refused: valid from {not_before}, now is {now} (Unix seconds)"
                );
            }
            Self::Purpose => "certificate refused: it may not identify a TLS server",
            Self::Authority => "certificate refused: its issuer is no authority, or it is itself one",
            Self::Constraint => "certificate refused: its issuer may not issue it",
            Self::CertificateSignature => "certificate refused: wrong signature",
            Self::CertificateAlgorithm => "certificate refused: unsupported kind of key or signature",
            Self::TooComplex => "certificate refused: too many possible paths",
            Self::Certificate => "certificate refused: it cannot be read",
            Self::ProofAlgorithm => "the server's proof of possession is of a kind that does not fit",
            Self::ProofSignature => "the server does not hold its certificate's key",
            Self::Plaintext(kind) => return write!(f, "tls: unencrypted record of type {kind} where none may come"),
            Self::RecordTooLong { length, limit } => {
                return write!(f, "tls: a record of {length} octets where {limit} fit");
            }
            Self::NoProgress => "the server sends only empty records",
            Self::Decrypt => "a record is not authentic",
            Self::Alert(Some(code)) => {
                let name = alert_name(*code).unwrap_or("unknown");
                return write!(f, "tls: the server broke off with alert {code} ({name})");
            }
            Self::Alert(None) => "the server broke off with an alert",
            Self::Message => "a message that cannot be read, is split over records or may not come now",
            Self::Negotiation => "the server agreed to no version, cipher suite and group of ours",
            Self::Truncated => "the connection ended without close_notify",
            Self::Closed => "the connection was closed",
            Self::Transport(kind) => return write!(f, "transport: {kind}"),
        };
        write!(f, "tls: {text}")
    }
}

impl core::error::Error for Error {}

impl embedded_io::Error for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Transport(kind) => *kind,
            Self::Truncated => ErrorKind::ConnectionAborted,
            Self::Closed => ErrorKind::NotConnected,
            Self::Alert(_) => ErrorKind::ConnectionReset,
            Self::ServerName | Self::TrustAnchor { .. } | Self::TrustAnchors { .. } | Self::Storage { .. } => {
                ErrorKind::InvalidInput
            }
            _ => ErrorKind::InvalidData,
        }
    }
}

/// embedded-tls' own errors; what it reports after a callback of ours failed is replaced by the callback's cause.
impl From<TlsError> for Error {
    fn from(error: TlsError) -> Self {
        match error {
            TlsError::Io(kind) => Self::Transport(kind),
            TlsError::IoError => Self::Truncated,
            TlsError::ConnectionClosed | TlsError::MissingHandshake => Self::Closed,
            TlsError::HandshakeAborted(_, description) => Self::Alert(Some(description as u8)),
            // Reported of an alert after the handshake, whose description is dropped.
            TlsError::InternalError => Self::Alert(None),
            TlsError::CryptoError => Self::Decrypt,
            // The Finished message.
            TlsError::InvalidSignature => Self::Decrypt,
            TlsError::InvalidKeyShare | TlsError::InvalidCipherSuite | TlsError::InvalidSupportedVersions => {
                Self::Negotiation
            }
            _ => Self::Message,
        }
    }
}

impl Error {
    /// What a server is told about it (RFC 8446 6.2).
    pub(super) fn alert(self) -> AlertDescription {
        match self {
            Self::UnknownIssuer => AlertDescription::UnknownCa,
            Self::Expired { .. } | Self::NotYetValid { .. } => AlertDescription::CertificateExpired,
            Self::CertificateAlgorithm | Self::Purpose => AlertDescription::UnsupportedCertificate,
            Self::NoCertificate => AlertDescription::DecodeError,
            Self::Order => AlertDescription::UnexpectedMessage,
            Self::ProofAlgorithm => AlertDescription::IllegalParameter,
            Self::ProofSignature => AlertDescription::DecryptError,
            _ => AlertDescription::BadCertificate,
        }
    }
}

impl From<webpki::Error> for Error {
    fn from(error: webpki::Error) -> Self {
        use webpki::Error::*;
        match error {
            UnknownIssuer => Self::UnknownIssuer,
            CertNotValidForName(_) => Self::NameMismatch,
            CertExpired { time, not_after } => Self::Expired {
                not_after: not_after.as_secs(),
                now: time.as_secs(),
            },
            CertNotValidYet { time, not_before } => Self::NotYetValid {
                not_before: not_before.as_secs(),
                now: time.as_secs(),
            },
            RequiredEkuNotFoundContext(_) | EmptyEkuExtension => Self::Purpose,
            CaUsedAsEndEntity | EndEntityUsedAsCa => Self::Authority,
            NameConstraintViolation | PathLenConstraintViolated => Self::Constraint,
            InvalidSignatureForPublicKey => Self::CertificateSignature,
            SignatureAlgorithmMismatch
            | UnsupportedSignatureAlgorithmContext(_)
            | UnsupportedSignatureAlgorithmForPublicKeyContext(_) => Self::CertificateAlgorithm,
            MaximumPathBuildCallsExceeded
            | MaximumPathDepthExceeded
            | MaximumSignatureChecksExceeded
            | MaximumNameConstraintComparisonsExceeded => Self::TooComplex,
            _ => Self::Certificate,
        }
    }
}

/// The name of an alert in RFC 8446 6 that a server may send to a client.
fn alert_name(code: u8) -> Option<&'static str> {
    Some(match code {
        0 => "close_notify",
        10 => "unexpected_message",
        20 => "bad_record_mac",
        22 => "record_overflow",
        40 => "handshake_failure",
        47 => "illegal_parameter",
        50 => "decode_error",
        51 => "decrypt_error",
        70 => "protocol_version",
        71 => "insufficient_security",
        80 => "internal_error",
        109 => "missing_extension",
        110 => "unsupported_extension",
        112 => "unrecognized_name",
        116 => "certificate_required",
        120 => "no_application_protocol",
        _ => return None,
    })
}
