//! The alert: a text and a table of measurements, submitted over verified TLS.

use super::arguments::Mail;
use super::error::{MailError, REPLY};
use super::network::Network;
use super::{Error, Platform};
use core::fmt::Write;
use core::time::Duration;
use gatepost_core::io::blocking::next_event;
use gatepost_core::io::smoltcp::Clock;
use gatepost_core::io::{DriveError, Wait};
use gatepost_core::message::{Body, Composer, DateTime, Mailbox, Message, MessageId, Part, Source, Text};
use gatepost_core::smtp::sasl::{Mechanism, Plain};
use gatepost_core::smtp::{
    self, Config, Envelope, Event, Extensions, Keyword, Options, Profile, Protocol, Recipient, Security, Storage,
};
use gatepost_core::tls;
use heapless::{String, Vec};
use rand_core::{CryptoRng, RngCore};
use smoltcp::phy::Device;

/// What the device uses of SMTP; all else is not linked.
enum Alert {}

impl Profile for Alert {
    const LINKED: Extensions = Extensions::NONE
        .with(Keyword::StartTls)
        .with(Keyword::Auth)
        .with(Keyword::Pipelining)
        .with(Keyword::Size);
}

type Session<'a, S> = smtp::Session<'a, Alert, S>;

/// The buffers of a session and of the TLS under it.
pub struct Memory {
    receive: [u8; 512],
    transmit: [u8; 1024],
    /// The certificates of a server come in one record; those of public ones have 3 to 5 KB.
    tls_receive: [u8; 6 * 1024],
    tls_transmit: [u8; 1024 + 256],
}

impl Memory {
    /// Zeroed.
    pub const fn new() -> Self {
        Self {
            receive: [0; 512],
            transmit: [0; 1024],
            tls_receive: [0; 6 * 1024],
            tls_transmit: [0; 1024 + 256],
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// Composes the alert and submits it; says what the server answers.
pub(super) fn send<D: Device, C: Clock, R: RngCore + CryptoRng, W: Write>(
    request: &Mail<'_>,
    network: &mut Network<'_, D, C>,
    platform: &mut Platform<'_, R, W>,
    memory: &mut Memory,
) -> Result<(), Error> {
    let uptime = network.now();
    let date = platform.epoch.saturating_add(uptime.as_secs());
    let address = network.address.address();
    let mut words = Words::default();
    // Each fits: numbers and addresses have a greatest length.
    let _ = write!(words.client, "[{address}]");
    let _ = write!(words.identifier, "{date}.{:016x}", platform.entropy.next_u64());
    let _ = write!(words.subject, "Alert from the device at {address}");
    let _ = write!(
        words.text,
        "The device at {} is up and has reached this server.\r\nThe attachment holds its measurements.\r\n",
        network.address
    );
    let _ = write!(
        words.table,
        "quantity,value,unit\r\nuptime,{},ms\r\n",
        uptime.as_millis()
    );
    submit(request, date, &words, network, platform, memory)
}

/// The alert in words.
#[derive(Default)]
struct Words {
    client: String<24>,
    identifier: String<48>,
    subject: String<64>,
    text: String<192>,
    table: String<96>,
}

fn submit<D: Device, C: Clock, R: RngCore + CryptoRng, W: Write>(
    request: &Mail<'_>,
    date: u64,
    words: &Words,
    network: &mut Network<'_, D, C>,
    platform: &mut Platform<'_, R, W>,
    memory: &mut Memory,
) -> Result<(), Error> {
    let fail = |cause| Error::Mail {
        server: request.server,
        cause,
    };
    let mailboxes: Vec<Mailbox<'_>, { super::MAX_RECIPIENTS }> = request.to.iter().map(|to| (*to).into()).collect();
    let originator = [request.from.into()];
    let texts = [Text::plain(&words.text)];
    let mut table = words.table.as_bytes();
    let mut attachments = [Part::new("measurements.csv", "text/csv", &mut table)];
    let body = Body::with_attachments(&texts, &mut attachments);
    let composer = compose(request, date, words, &originator, &mailboxes, body)
        .map_err(|error| fail(MailError::Message(error)))?;
    let mut plain = match request.credentials {
        Some((user, password)) => {
            let plain = Plain::new(user, password);
            Some(plain.map_err(|error| fail(MailError::Smtp(smtp::Error::Authentication(error), String::new())))?)
        }
        None => None,
    };
    let mut only: [&mut dyn Mechanism; 1];
    let mechanisms: &mut [&mut dyn Mechanism] = match &mut plain {
        Some(plain) => {
            only = [plain];
            &mut only
        }
        None => &mut [],
    };
    let config = Config {
        client: &words.client,
        security: Security::StartTls,
        protocol: Protocol::Smtp,
        mechanisms,
    };
    let recipients: Vec<Recipient<'_>, { super::MAX_RECIPIENTS }> = request.to.iter().map(|to| (*to).into()).collect();
    let envelope = Envelope {
        reverse_path: Some(request.from),
        recipients: &recipients,
        options: Options::default(),
    };
    let storage = Storage {
        receive: &mut memory.receive,
        transmit: &mut memory.transmit,
        accepted: &mut [],
    };
    let refuse = |error| fail(MailError::Smtp(error, String::new()));
    let mut session = Session::new(config, storage).map_err(refuse)?;
    session.mail(&envelope, composer).map_err(refuse)?;

    let mut socket = network
        .connect(request.server.into())
        .map_err(|error| fail(MailError::Connect(error)))?;
    let event =
        next_event(&mut session, &mut socket).map_err(|error| fail(stopped(&session, error, MailError::Tcp)))?;
    if event != Event::StartTls {
        // Nothing else is told before TLS; a session that did would have skipped it.
        return Err(fail(MailError::Smtp(smtp::Error::NotSecured, String::new())));
    }
    let mut shared = tls::Shared::default();
    let config = tls::Config {
        anchors: &[platform.authority],
        server_name: request.server_name,
        now: date,
    };
    let storage = tls::Storage {
        receive: &mut memory.tls_receive,
        transmit: &mut memory.tls_transmit,
        shared: &mut shared,
    };
    socket.set_timeout(HANDSHAKE);
    let mut secured = tls::Connection::open(&mut socket, &config, &mut platform.entropy, storage)
        .map_err(|error| fail(MailError::Handshake(error)))?;
    writeln!(platform.console, "mail: tls 1.3 verified {}", request.server_name)?;
    session.secured(None);

    let mut refused = 0;
    loop {
        let event =
            next_event(&mut session, &mut secured).map_err(|error| fail(stopped(&session, error, MailError::Tls)))?;
        match event {
            Event::StartTls => session.secured(None),
            Event::Recipient { index, code } => {
                refused += usize::from(!code.is_positive());
                write!(platform.console, "mail: recipient {index} ")?;
                tell_reply(&session, &mut platform.console)?;
            }
            // Each of them was told, and is counted.
            Event::Failed(smtp::Error::Refused {
                phase: smtp::Phase::Recipient,
                ..
            }) => {}
            Event::Failed(error) => return Err(fail(MailError::Smtp(error, quote(&session)))),
            Event::Ready | Event::Deferred { .. } | Event::Delivered { .. } => {}
            Event::Accepted => {
                write!(platform.console, "mail: accepted ")?;
                tell_reply(&session, &mut platform.console)?;
            }
            Event::Closed => break,
        }
    }
    // The mail is accepted: how the connection ends changes nothing any more.
    let (_, _) = secured.close();
    let _ = socket.close();
    if refused > 0 {
        let of = request.to.len();
        return Err(fail(MailError::Recipients { refused, of }));
    }
    Ok(())
}

fn compose<'a>(
    request: &Mail<'a>,
    date: u64,
    words: &'a Words,
    originator: &'a [Mailbox<'a>],
    mailboxes: &'a [Mailbox<'a>],
    body: Body<'a>,
) -> Result<Composer<'a>, gatepost_core::message::Error> {
    let date = DateTime::from_unix(i64::try_from(date).unwrap_or(i64::MAX), 0)?;
    let message_id = MessageId::new(&words.identifier, request.from.domain())?;
    Composer::new(Message {
        to: mailboxes,
        subject: &words.subject,
        ..Message::new(originator, date, message_id, body)
    })
}

/// The server's last words, to the end of the line.
fn tell_reply<S: Source>(session: &Session<'_, S>, console: &mut impl Write) -> core::fmt::Result {
    match session.reply() {
        Some(reply) => writeln!(console, "{reply}"),
        None => writeln!(console),
    }
}

/// Why the session stopped: what it already knows comes before what the transport says.
fn stopped<S: Source, T>(
    session: &Session<'_, S>,
    error: DriveError<smtp::Error, T>,
    transport: fn(smtp::Phase, T) -> MailError,
) -> MailError {
    match (session.error(), error) {
        (Some(error), _) | (None, DriveError::Protocol(error)) => {
            let quoted = match error {
                smtp::Error::Refused { .. } | smtp::Error::Unexpected { .. } => quote(session),
                _ => String::new(),
            };
            MailError::Smtp(error, quoted)
        }
        (None, DriveError::Transport(error)) => transport(session.phase(), error),
        (None, DriveError::WriteZero) => {
            MailError::Smtp(smtp::Error::ConnectionClosed { phase: session.phase() }, String::new())
        }
    }
}

/// The text of the server's last reply as far as an error holds it; the error itself has the code.
fn quote<S: Source>(session: &Session<'_, S>) -> String<REPLY> {
    let mut line = String::new();
    for character in session.reply().map_or("", |reply| reply.text).chars() {
        if line.push(character).is_err() {
            break;
        }
    }
    line
}

/// How long each step of the handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(30);
