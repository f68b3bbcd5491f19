//! Drives one session of `gatepost-core` over a transport, from the connection to the end.

use super::{Failure, Letter, Refused, Server, Stage};
use crate::net::Transport;
use gatepost_core::io::{DriveError, blocking};
use gatepost_core::message::Source;
use gatepost_core::smtp::{Config, Credentials, Envelope, Error, Event, Phase, Security, Session, Storage};
use std::fmt;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::Duration;

/// What happened, as it happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report<'a> {
    /// The server has proven to be `name` over this version of TLS.
    Secured {
        /// As `1.3`.
        version: &'a str,
        /// The name that was verified.
        name: &'a str,
    },
    /// The server's answer for a recipient.
    Recipient {
        /// Whose.
        address: &'a str,
        /// Whether the mail will reach it.
        accepted: bool,
        /// Code and text.
        reply: &'a str,
    },
    /// The server took the mail; code and text.
    Accepted(&'a str),
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secured { version, name } => write!(f, "tls {version} verified {name}"),
            Self::Recipient {
                address,
                accepted: true,
                reply,
            } => write!(f, "recipient {address} accepted: {reply}"),
            Self::Recipient { address, reply, .. } => write!(f, "recipient {address} refused: {reply}"),
            Self::Accepted(reply) => write!(f, "accepted {reply}"),
        }
    }
}

/// Submits `letter` and tells what happens; `Ok` if every recipient was accepted.
///
/// After [`Report::Accepted`] nothing but refused recipients makes it a failure.
pub fn submit(server: &Server, letter: &Letter, report: &mut dyn FnMut(Report<'_>)) -> Result<(), Failure> {
    letter.compose(|composer| deliver(server, letter, composer, report))
}

fn deliver(
    server: &Server,
    letter: &Letter,
    content: impl Source,
    report: &mut dyn FnMut(Report<'_>),
) -> Result<(), Failure> {
    let mut transport =
        Transport::connect(&server.endpoint, CONNECT).map_err(|error| server.failed(Stage::Connect, error))?;
    if server.security == Security::Implicit {
        secure(server, &mut transport, report)?;
    }
    let local;
    let client = match &server.client {
        Some(client) => client,
        None => {
            local = address_literal(
                transport
                    .local()
                    .map_err(|error| server.failed(Stage::Connect, error))?,
            );
            &local
        }
    };
    let recipients = letter.recipients();
    let (mut receive, mut transmit) = ([0; RECEIVE], [0; TRANSMIT]);
    let config = Config {
        client,
        security: server.security,
        credentials: server
            .credentials
            .as_ref()
            .map(|(user, password)| Credentials { user, password }),
    };
    let envelope = Envelope {
        reverse_path: Some(letter.from()),
        recipients: &recipients,
    };
    let storage = Storage {
        receive: &mut receive,
        transmit: &mut transmit,
    };
    let failed = |error, reply| Failure::Session {
        server: server.endpoint.to_string(),
        error,
        reply,
    };
    let mut session = Session::new(config, envelope, content, storage).map_err(|error| failed(error, None))?;
    let mut refused = Vec::new();
    loop {
        let event = match blocking::next_event(&mut session, &mut transport) {
            Ok(event) => event,
            Err(lost) => {
                // A refusal stays the reason, also when the connection is lost while the session says QUIT.
                return Err(match (session.error(), lost) {
                    (
                        Some(Error::Refused {
                            phase: Phase::Recipient,
                            ..
                        }),
                        _,
                    ) if !refused.is_empty() => Failure::Recipients {
                        refused,
                        of: recipients.len(),
                    },
                    (Some(error), _) | (None, DriveError::Protocol(error)) => {
                        let said = matches!(error, Error::Refused { .. } | Error::Unexpected { .. });
                        failed(
                            error,
                            said.then(|| session.reply().map(|reply| reply.text.to_owned()))
                                .flatten(),
                        )
                    }
                    (None, DriveError::Transport(error)) => server.lost(session.phase(), error),
                    (None, DriveError::WriteZero) => server.lost(session.phase(), ErrorKind::WriteZero.into()),
                });
            }
        };
        match event {
            Event::StartTls => {
                secure(server, &mut transport, report)?;
                session.secured();
            }
            Event::Recipient { index, code } => {
                let address = recipients.get(index).map_or("", |recipient| recipient.as_str());
                let reply = words(&session).unwrap_or_else(|| code.to_string());
                let accepted = code.is_positive();
                report(Report::Recipient {
                    address,
                    accepted,
                    reply: &reply,
                });
                if !accepted {
                    refused.push(Refused {
                        address: address.to_owned(),
                        reply,
                        transient: code.is_transient_negative(),
                    });
                }
            }
            Event::Accepted => {
                report(Report::Accepted(&words(&session).unwrap_or_default()));
                break;
            }
            Event::Closed => break,
        }
    }
    // The server has the mail: how the connection ends changes nothing.
    transport.limit(FAREWELL);
    let _ = blocking::next_event(&mut session, &mut transport);
    if refused.is_empty() {
        return Ok(());
    }
    Err(Failure::Recipients {
        refused,
        of: recipients.len(),
    })
}

/// What the server said last: code and text.
fn words<S: Source>(session: &Session<'_, S>) -> Option<String> {
    session.reply().map(|reply| reply.to_string())
}

fn secure(server: &Server, transport: &mut Transport, report: &mut dyn FnMut(Report<'_>)) -> Result<(), Failure> {
    let trust = server
        .roots
        .load()
        .map_err(|error| server.failed(Stage::Handshake, error))?;
    transport
        .secure(&trust, server.tls_name(), HANDSHAKE)
        .map_err(|error| server.failed(Stage::Handshake, error))?;
    if let Some(tls) = transport.tls() {
        report(Report::Secured {
            version: tls.version(),
            name: server.tls_name(),
        });
    }
    Ok(())
}

/// RFC 5321 4.1.3; what a client without a meaningful domain name says in EHLO (4.1.4).
fn address_literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    }
}

/// How long the server may take to be found and to accept the connection.
const CONNECT: Duration = Duration::from_secs(15);
/// How long the TLS handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(60);
/// How long the end of a session whose mail was accepted is waited for.
const FAREWELL: Duration = Duration::from_secs(10);
/// Room for a reply's text, octets; longer ones are cut.
const RECEIVE: usize = 2048;
/// Room for commands and mail data, octets: few system calls and TLS records even for large attachments.
const TRANSMIT: usize = 16 * 1024;
