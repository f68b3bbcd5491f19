//! Drives `core`'s session over `host`'s transport, with all that a command line does not say.

use gatepost::net::{Endpoint, Error, Transport, Trust};
use gatepost_core::io::blocking::next_event;
use gatepost_core::io::{Ready, Wait};
use gatepost_core::message::{self, Address, Content, Source, Transfer};
use gatepost_core::smtp::sasl::{CramMd5, External, Login, Mechanism, OAuthBearer, Plain, ScramSha256, XOAuth2};
use gatepost_core::smtp::{
    Config, Envelope, Event, Full, Line, Options, Protocol, Recipient, Security, Session, Storage, Transcript,
};
use harness::servers::mail::Policy;
use std::net::SocketAddrV4;
use std::time::Duration;

/// How long anything may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// How the client reaches a server.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    pub(crate) address: SocketAddrV4,
    pub(crate) security: Security,
    pub(crate) protocol: Protocol,
    /// As the server lists it; none: no AUTH.
    pub(crate) mechanism: Option<&'a str>,
    /// For the mechanisms that ask for one.
    pub(crate) token: &'a str,
    pub(crate) trust: &'a Trust,
    /// Waits for each verdict before the next mail is begun.
    pub(crate) patient: bool,
}

/// A mail.
pub(crate) struct Letter<'a> {
    pub(crate) recipients: Vec<Recipient<'a>>,
    pub(crate) options: Options<'a>,
    pub(crate) octets: Octets<'a>,
}

/// Mail data in memory that say what they need.
#[derive(Clone, Copy)]
pub(crate) struct Octets<'a> {
    pub(crate) transfer: Transfer,
    pub(crate) utf8: bool,
    pub(crate) data: &'a [u8],
}

/// What became of a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The reply codes of the recipients, by their places.
    pub(crate) codes: Vec<(usize, u16)>,
    /// By LMTP, those after the mail data.
    pub(crate) delivered: Vec<(usize, u16)>,
    /// The place of the first recipient that has to wait.
    pub(crate) deferred: Option<usize>,
    /// Accepted, or why not.
    pub(crate) outcome: Result<(), String>,
}

/// What became of a conversation.
#[derive(Debug)]
pub(crate) struct Report {
    /// What was told of each mail so far; the last may lack its outcome.
    pub(crate) verdicts: Vec<Verdict>,
    /// How often the client had to wait for the server.
    pub(crate) turns: usize,
    /// What was said, without secrets and mail data: the client's lines begin with `C: `, the server's with `S: `.
    pub(crate) said: Vec<String>,
    /// Whether it came to an end in order.
    pub(crate) end: Result<(), String>,
}

/// A letter to these addresses, without wishes.
pub(crate) fn letter<'a>(recipients: &[&'a str], octets: Octets<'a>) -> Letter<'a> {
    Letter {
        recipients: addressed(recipients),
        options: Options::default(),
        octets,
    }
}

/// Submits `letters` from `device@mail.test` on one connection.
pub(crate) fn converse(way: Way, letters: &[Letter]) -> Report {
    let sources = letters.iter().map(|letter| letter.octets).collect();
    let wishes = letters.iter().map(|letter| (&letter.recipients[..], letter.options));
    report(way, &wishes.collect::<Vec<_>>(), sources)
}

/// Submits what `source` gives to these addresses, beyond ASCII or not.
pub(crate) fn submit(way: Way, recipients: &[&str], source: &mut dyn Source) -> Report {
    let recipients = addressed(recipients);
    report(way, &[(&recipients, Options::default())], vec![source])
}

fn addressed<'a>(recipients: &[&'a str]) -> Vec<Recipient<'a>> {
    let address = |text| Address::parse_utf8(text).expect("the tests' addresses are well formed");
    recipients.iter().map(|text| address(*text).into()).collect()
}

fn report<S: Source>(way: Way, wishes: &[(&[Recipient], Options)], sources: Vec<S>) -> Report {
    let mut report = Report {
        verdicts: Vec::new(),
        turns: 0,
        said: Vec::new(),
        end: Ok(()),
    };
    let mut said = Said(Vec::new());
    report.end = drive(way, wishes, sources, &mut said, &mut report);
    report.said = said.0;
    report
}

fn drive<S: Source>(
    way: Way,
    wishes: &[(&[Recipient], Options)],
    sources: Vec<S>,
    said: &mut Said,
    report: &mut Report,
) -> Result<(), String> {
    let fail = |error: &dyn std::fmt::Display| error.to_string();
    let policy = Policy::default();
    let (user, password) = (policy.user.as_str(), policy.password.as_str());
    let mut failure = [0; 512];
    // No test depends on nobody guessing it.
    let mut count = 0u8;
    let mut random = |octets: &mut [u8]| {
        octets.fill_with(|| {
            count = count.wrapping_add(101);
            count
        });
    };
    let mut mechanism: Option<Box<dyn Mechanism + '_>> = match way.mechanism {
        None => None,
        Some(name) => Some(match name {
            "PLAIN" => Box::new(Plain::new(user, password).map_err(|error| fail(&error))?),
            "LOGIN" => Box::new(Login::new(user, password).map_err(|error| fail(&error))?),
            "CRAM-MD5" => Box::new(CramMd5::new(user, password).map_err(|error| fail(&error))?),
            "SCRAM-SHA-256" | "SCRAM-SHA-256-PLUS" => {
                Box::new(ScramSha256::new(user, password, &mut random).map_err(|error| fail(&error))?)
            }
            "XOAUTH2" => Box::new(XOAuth2::new(user, way.token, &mut failure).map_err(|error| fail(&error))?),
            "OAUTHBEARER" => Box::new(OAuthBearer::new(user, way.token, &mut failure).map_err(|error| fail(&error))?),
            "EXTERNAL" => Box::new(External::new(user).map_err(|error| fail(&error))?),
            _ => return Err(format!("{name}: no such mechanism")),
        }),
    };
    let mut mechanisms: Vec<&mut dyn Mechanism> = Vec::new();
    if let Some(mechanism) = &mut mechanism {
        mechanisms.push(mechanism.as_mut());
    }
    let config = Config {
        client: "device.test",
        security: way.security,
        protocol: way.protocol,
        mechanisms: &mut mechanisms,
    };
    let envelopes: Vec<Envelope> = wishes
        .iter()
        .map(|(recipients, options)| Envelope {
            reverse_path: Address::parse("device@mail.test").ok(),
            recipients,
            options: *options,
        })
        .collect();
    let (mut receive, mut transmit, mut accepted) = ([0; 512], [0; 4096], [0; 16]);
    let storage = Storage {
        receive: &mut receive,
        transmit: &mut transmit,
        accepted: &mut accepted,
    };
    let mut session = Session::<Full, S>::new(config, storage).map_err(|error| fail(&error))?;
    session.trace(said);

    let endpoint = Endpoint::parse(&way.address.to_string(), 25).ok_or("an address")?;
    let transport = Transport::connect(&endpoint, LIMIT).map_err(|error| fail(&error))?;
    let mut transport = Counting {
        transport,
        asked: true,
        waited: false,
        turns: &mut report.turns,
    };
    if way.security == Security::Implicit {
        transport.secure(way.trust)?;
        session.bind(transport.transport.exporter().as_ref());
    }
    let mut next = envelopes.iter().zip(sources);
    // The mail whose verdict is awaited is the last that was told of, unless it has its outcome.
    let mut current: Option<Verdict> = None;
    loop {
        let event = next_event(&mut session, &mut transport);
        let event = match event {
            Ok(event) => event,
            Err(error) => {
                report.verdicts.extend(current);
                return Err(fail(&error));
            }
        };
        let verdict = || Verdict {
            codes: Vec::new(),
            delivered: Vec::new(),
            deferred: None,
            outcome: Err("no outcome".into()),
        };
        let mut judge = |current: &mut Option<Verdict>, outcome| {
            let told = current.take().unwrap_or_else(verdict);
            report.verdicts.push(Verdict { outcome, ..told });
        };
        match event {
            Event::StartTls => {
                transport.secure(way.trust)?;
                session.secured(transport.transport.exporter().as_ref());
            }
            Event::Ready => {
                let begun = envelopes.len() - next.len();
                if way.patient && report.verdicts.len() < begun {
                    session.wait();
                } else if let Some((envelope, source)) = next.next() {
                    session.mail(envelope, source).map_err(|error| fail(&error))?;
                    if next.len() == 0 {
                        session.quit();
                    }
                }
            }
            Event::Recipient { index, code } => {
                current.get_or_insert_with(verdict).codes.push((index, code.value()));
            }
            Event::Delivered { index, code } => {
                current
                    .get_or_insert_with(verdict)
                    .delivered
                    .push((index, code.value()));
            }
            Event::Deferred { from } => current.get_or_insert_with(verdict).deferred = Some(from),
            Event::Accepted => judge(&mut current, Ok(())),
            Event::Failed(error) => judge(&mut current, Err(fail(&error))),
            Event::Closed => return Ok(()),
        }
    }
}

impl Source for Octets<'_> {
    fn open(&mut self, _: Transfer, _: bool) -> Result<Content, message::Error> {
        Ok(Content {
            transfer: self.transfer,
            utf8: self.utf8,
            octets: Some(self.data.len() as u64),
            raw: None,
        })
    }

    fn pull(&mut self, out: &mut [u8]) -> Result<usize, message::Error> {
        self.data.pull(out)
    }
}

/// Counts how often the client waits for the server with nothing left to say.
struct Counting<'a> {
    transport: Transport,
    /// Something was said since the last turn.
    asked: bool,
    /// The next read does not wait: octets are there.
    waited: bool,
    turns: &'a mut usize,
}

impl Counting<'_> {
    fn secure(&mut self, trust: &Trust) -> Result<(), String> {
        let secured = self.transport.secure(trust, "mail.test", LIMIT);
        secured.map_err(|error| error.to_string())
    }
}

impl embedded_io::ErrorType for Counting<'_> {
    type Error = Error;
}

impl embedded_io::Read for Counting<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        if self.asked && !self.waited {
            *self.turns += 1;
            self.asked = false;
        }
        self.waited = false;
        self.transport.read(buffer)
    }
}

impl embedded_io::Write for Counting<'_> {
    fn write(&mut self, octets: &[u8]) -> Result<usize, Error> {
        self.asked = true;
        self.transport.write(octets)
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.transport.flush()
    }
}

impl Wait for Counting<'_> {
    fn set_timeout(&mut self, timeout: Duration) {
        self.transport.set_timeout(timeout);
    }

    fn wait(&mut self) -> Result<Ready, Error> {
        let ready = self.transport.wait()?;
        self.waited = ready == Ready::Read;
        Ok(ready)
    }
}

struct Said(Vec<String>);

impl Transcript for Said {
    fn line(&mut self, line: Line<'_>) {
        match line {
            Line::Client(line) => self.0.push(format!("C: {}", String::from_utf8_lossy(line))),
            Line::Server(_, line) => self.0.push(format!("S: {}", String::from_utf8_lossy(line))),
            Line::Secret | Line::MailData(_) => {}
        }
    }
}
