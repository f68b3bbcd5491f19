//! Drives one session of `gatepost-core` over a transport, from the connection to the end.

use super::{Failure, Letter, Refused, Server, Stage, authentication};
use crate::net::Transport;
use gatepost_core::io::{DriveError, blocking};
use gatepost_core::message::Source;
use gatepost_core::smtp::sasl::Mechanism;
use gatepost_core::smtp::{
    Config, Envelope, Error, Event, Full, Options, Phase, Recipient, Security, Session, Storage,
};
use std::fmt;
use std::io::ErrorKind;
use std::net::IpAddr;
use std::time::{Duration, Instant};

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
    let recipients: Vec<Recipient<'_>> = letter.recipients().into_iter().map(Recipient::from).collect();
    let envelope = Envelope {
        reverse_path: Some(letter.from()),
        recipients: &recipients,
        options: Options::default(),
    };
    letter.compose(|mut composer| deliver(server, &envelope, &mut composer, report))
}

/// Hands over one mail to `server` and tells what happens; `Ok` if every recipient was accepted.
///
/// After [`Report::Accepted`] nothing but refused or deferred recipients makes it a failure.
pub fn deliver(
    server: &Server,
    envelope: &Envelope<'_>,
    content: &mut dyn Source,
    report: &mut dyn FnMut(Report<'_>),
) -> Result<(), Failure> {
    let begun = Instant::now();
    let patience = server.patience.unwrap_or(Duration::MAX);
    let limit = CONNECT.min(server.deadline).min(patience);
    let connected = match &server.proxy {
        Some(proxy) => Transport::connect_through(proxy, &server.endpoint, limit),
        None => Transport::connect(&server.endpoint, limit),
    };
    let mut transport = connected.map_err(|error| server.failed(Stage::Connect, error))?;
    transport.limit(patience);
    if let Some(end) = begun.checked_add(server.deadline) {
        transport.deadline(end);
    }
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
    let mut random = authentication::random;
    let mut mechanisms = authentication::mechanisms(server, &mut random)?;
    let mut mechanisms: Vec<&mut dyn Mechanism> =
        mechanisms.iter_mut().map(|mechanism| &mut **mechanism as _).collect();
    let count = envelope.recipients.len();
    let (mut receive, mut transmit, mut accepted) = ([0; RECEIVE], vec![0; TRANSMIT], vec![0; count.div_ceil(8)]);
    let config = Config {
        client,
        security: server.security,
        protocol: server.protocol,
        mechanisms: &mut mechanisms,
    };
    let storage = Storage {
        receive: &mut receive,
        transmit: &mut transmit,
        accepted: &mut accepted,
    };
    let failed = |error, reply| Failure::Session {
        server: server.endpoint.to_string(),
        error,
        reply,
    };
    let mut session = Session::<Full, _>::new(config, storage).map_err(|error| failed(error, None))?;
    session.bind(transport.exporter().as_ref());
    session.mail(envelope, content).map_err(|error| failed(error, None))?;
    // It is the only one, so that QUIT may leave with its data.
    session.quit();
    let mut refused = Vec::new();
    loop {
        let event = match blocking::next_event(&mut session, &mut transport) {
            Ok(event) => event,
            Err(lost) => {
                // What the session knows stays the reason, also when the connection is lost while it says QUIT.
                return Err(match (session.error(), lost) {
                    (Some(error), _) | (None, DriveError::Protocol(error)) => failed(error, quote(&session, error)),
                    (None, DriveError::Transport(error)) => server.lost(session.phase(), error),
                    (None, DriveError::WriteZero) => server.lost(session.phase(), ErrorKind::WriteZero.into()),
                });
            }
        };
        match event {
            Event::StartTls => {
                secure(server, &mut transport, report)?;
                session.secured(transport.exporter().as_ref());
            }
            Event::Recipient { index, code } | Event::Delivered { index, code } => {
                let address = envelope
                    .recipients
                    .get(index)
                    .map_or("", |recipient| recipient.address.as_str());
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
            Event::Deferred { from } => {
                for recipient in envelope.recipients.get(from..).unwrap_or_default() {
                    let (address, reply) = (recipient.address.as_str(), TOO_MANY);
                    report(Report::Recipient {
                        address,
                        accepted: false,
                        reply,
                    });
                    refused.push(Refused {
                        address: address.to_owned(),
                        reply: reply.to_owned(),
                        transient: true,
                    });
                }
            }
            // Never where QUIT was asked for.
            Event::Ready => {}
            Event::Accepted => {
                report(Report::Accepted(&words(&session).unwrap_or_default()));
                break;
            }
            // Nobody was accepted, and each recipient's own reply says more.
            Event::Failed(Error::Refused {
                phase: Phase::Recipient | Phase::EndOfData,
                ..
            }) if refused.len() == count => break,
            Event::Failed(error) => return Err(failed(error, quote(&session, error))),
            Event::Closed => break,
        }
    }
    // The mail's fate is known: how the connection ends changes nothing.
    transport.limit(FAREWELL.min(patience));
    let _ = blocking::next_event(&mut session, &mut transport);
    if refused.is_empty() {
        return Ok(());
    }
    Err(Failure::Recipients { refused, of: count })
}

/// What the server said to what made the session fail, if it said something.
fn quote<S: Source>(session: &Session<'_, Full, S>, error: Error) -> Option<String> {
    let said = matches!(error, Error::Refused { .. } | Error::Unexpected { .. });
    session.reply().filter(|_| said).map(|reply| reply.text.to_owned())
}

/// What the server said last: code and text.
fn words<S: Source>(session: &Session<'_, Full, S>) -> Option<String> {
    session.reply().map(|reply| reply.to_string())
}

fn secure(server: &Server, transport: &mut Transport, report: &mut dyn FnMut(Report<'_>)) -> Result<(), Failure> {
    let trust = server.trust()?;
    let limit = HANDSHAKE.min(server.patience.unwrap_or(HANDSHAKE));
    transport
        .secure(&trust, server.tls_name(), limit)
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
const TRANSMIT: usize = 64 * 1024;
/// Why recipients wait that the server never heard of.
const TOO_MANY: &str = "the server takes no more recipients at once";
