//! The embedded profile with the composer: STARTTLS, PIPELINING, SIZE, 8BITMIME, CHUNKING, DSN; a text with an attachment.

use crate::wire::Wire;
use core::mem::size_of;
use core::sync::atomic::AtomicU8;
use gatepost_core::io::blocking::next_event;
use gatepost_core::message::{
    self, Address, Body, Composer, Content, DateTime, Mailbox, Message, MessageId, Part, Source, Text, Transfer,
};
use gatepost_core::smtp::sasl::Mechanism;
use gatepost_core::smtp::{
    Config, Envelope, EnvelopeId, Error, Event, Extensions, Keyword, Notify, Options, Profile, Protocol, Recipient,
    Return, Security, Session, Storage,
};

enum Embedded {}

impl Profile for Embedded {
    const LINKED: Extensions = Extensions::NONE
        .with(Keyword::StartTls)
        .with(Keyword::Auth)
        .with(Keyword::Pipelining)
        .with(Keyword::Size)
        .with(Keyword::EightBitMime)
        .with(Keyword::Chunking)
        .with(Keyword::Dsn);
}

/// What the mail consists of, as it came.
pub(crate) struct Words<'a> {
    client: &'a str,
    from: &'a str,
    from_name: &'a str,
    to: [&'a str; 2],
    subject: &'a str,
    text: &'a str,
    html: &'a str,
    file: &'a str,
    media_type: &'a str,
    identifier: &'a str,
    samples: u16,
}

impl<'a> Words<'a> {
    pub(crate) fn read(wire: &mut Wire, room: &mut &'a mut [u8]) -> Self {
        Self {
            client: wire.line(room),
            from: wire.line(room),
            to: [wire.line(room), wire.line(room)],
            text: wire.line(room),
            html: wire.line(room),
            from_name: wire.line(room),
            subject: wire.line(room),
            file: wire.line(room),
            media_type: wire.line(room),
            identifier: wire.line(room),
            samples: wire.number(),
        }
    }
}

/// The attachment: so many octets, made as they are sent.
struct Samples(u16);

impl Source for Samples {
    fn open(&mut self, _: Transfer, _: bool) -> Result<Content, message::Error> {
        Ok(Content {
            transfer: Transfer::Binary,
            utf8: false,
            octets: Some(self.0.into()),
            raw: Some(self.0.into()),
        })
    }

    fn pull(&mut self, out: &mut [u8]) -> Result<usize, message::Error> {
        let count = out.len().min(usize::from(self.0));
        out[..count].fill(self.0 as u8);
        self.0 -= count as u16;
        Ok(count)
    }
}

/// The addresses, checked.
pub(crate) fn addresses<'a>(words: &Words<'a>) -> Result<[Address<'a>; 3], Error> {
    let parse = |text| Address::parse(text).map_err(Error::Source);
    Ok([parse(words.from)?, parse(words.to[0])?, parse(words.to[1])?])
}

/// The recipients, with all notifications off.
pub(crate) fn recipients<'a>([_, first, second]: [Address<'a>; 3]) -> [Recipient<'a>; 2] {
    [first, second].map(|address| Recipient {
        notify: Some(Notify::default()),
        ..Recipient::from(address)
    })
}

/// The envelope, with the parameters of DSN.
pub(crate) fn envelope<'a>(words: &Words<'a>, from: Address<'a>, recipients: &'a [Recipient<'a>]) -> Envelope<'a> {
    Envelope {
        reverse_path: Some(from),
        recipients,
        options: Options {
            ret: Some(Return::Headers),
            envelope_id: EnvelopeId::new(words.identifier),
            ..Options::default()
        },
    }
}

/// Composes and submits.
pub(crate) fn send<'a>(
    wire: &mut Wire,
    words: &Words<'a>,
    addresses: [Address<'a>; 3],
    envelope: &'a Envelope<'a>,
    mechanisms: &'a mut [&'a mut dyn Mechanism],
    storage: Storage<'a>,
) -> Result<(), Error> {
    let [from, first, second] = addresses;
    let mut samples = Samples(words.samples);
    let originator = [Mailbox {
        name: Some(words.from_name),
        address: from,
    }];
    let to = [first.into(), second.into()];
    let texts = [Text::plain(words.text), Text::html(words.html)];
    let mut attachments = [Part::new(words.file, words.media_type, &mut samples)];
    let date = DateTime::from_unix(i64::from(words.identifier.len() as u32), 0).map_err(Error::Source)?;
    let message_id = MessageId::new(words.identifier, from.domain()).map_err(Error::Source)?;
    let body = Body::with_attachments(&texts, &mut attachments);
    let mut composer = Composer::new(Message {
        to: &to,
        subject: words.subject,
        ..Message::new(&originator, date, message_id, body)
    })
    .map_err(Error::Source)?;
    let config = Config {
        client: words.client,
        security: Security::StartTls,
        protocol: Protocol::Smtp,
        mechanisms,
    };
    let mut session = Session::<Embedded, &mut dyn Source>::new(config, storage)?;
    session.mail(envelope, &mut composer)?;
    while let Ok(event) = next_event(&mut session, wire) {
        match event {
            Event::StartTls => {
                wire.secure();
                session.secured(None);
            }
            Event::Accepted => wire.secure(),
            _ => {}
        }
    }
    Ok(())
}

/// The buffers of a session.
pub(crate) struct Memory {
    receive: [u8; 128],
    transmit: [u8; 512],
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self {
            receive: [0; 128],
            transmit: [0; 512],
        }
    }

    pub(crate) fn storage(&mut self) -> Storage<'_> {
        Storage {
            receive: &mut self.receive,
            transmit: &mut self.transmit,
            accepted: &mut [],
        }
    }
}

/// As large as a session, for whoever reads the symbols of this image.
#[used]
static SESSION_STATE: [AtomicU8; SESSION] = [const { AtomicU8::new(0) }; SESSION];
const SESSION: usize = size_of::<Session<'_, Embedded, &mut dyn Source>>();
/// As large as a composer.
#[used]
static COMPOSER_STATE: [AtomicU8; size_of::<Composer<'_>>()] = [const { AtomicU8::new(0) }; size_of::<Composer<'_>>()];
