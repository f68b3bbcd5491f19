//! The session: which command follows which reply, and what their failures mean.

use super::command::Command;
use super::extension::{Extensions, Keyword};
use super::reply::{self, Fault, Keep, Reader};
use super::transparency::{Transparency, capacity};
use super::{Config, Envelope, Error, Event, Phase, Reply, ReplyCode, Security, Storage};
use crate::machine::{Machine, Step};
use crate::message::Source;
use crate::message::address::{is_address_literal, is_domain};
use core::time::Duration;

/// One connection on which one mail is submitted. Drive it as a [`Machine`].
pub struct Session<'a, S> {
    config: Config<'a>,
    envelope: Envelope<'a>,
    source: S,
    storage: Storage<'a>,
    phase: Phase,
    action: Action,
    reader: Reader,
    extensions: Extensions,
    transparency: Transparency,
    /// TLS is under the session since STARTTLS.
    secured: bool,
    /// The recipient that is being named, and how many were not refused.
    recipient: usize,
    recipients_accepted: usize,
    /// What is still to be transmitted: `sent <= ready <= transmit.len()`.
    sent: usize,
    ready: usize,
    /// The source is complete, and the end of data stands before `ready`.
    complete: bool,
    /// Why the session ends once QUIT is answered.
    failure: Option<Error>,
}

#[derive(Clone, Copy)]
enum Action {
    Transmit,
    Receive,
    Report(Event),
    /// An event was reported; the caller may still ask for its details.
    Reported(Event),
    Stop(Error),
}

impl<'a, S: Source> Session<'a, S> {
    /// A session that waits for the greeting; fails if it could not say all that is asked of it.
    pub fn new(config: Config<'a>, envelope: Envelope<'a>, source: S, storage: Storage<'a>) -> Result<Self, Error> {
        if config.client.len() > 255 || !is_domain(config.client) && !is_address_literal(config.client) {
            return Err(Error::Client);
        }
        if let Some(credentials) = &config.credentials {
            if credentials.user.is_empty() || credentials.user.contains('\0') || credentials.password.contains('\0') {
                return Err(Error::Credentials);
            }
            if config.security == Security::Plain {
                return Err(Error::PasswordInClear);
            }
        }
        if envelope.recipients.is_empty() {
            return Err(Error::NoRecipient);
        }
        let commands = [
            Some(Command::Ehlo(config.client)),
            config.credentials.map(Command::AuthPlain),
            Some(Command::Mail(envelope.reverse_path)),
        ];
        let recipients = envelope.recipients.iter().map(|address| Command::Rcpt(*address));
        let longest = commands
            .into_iter()
            .flatten()
            .chain(recipients)
            .map(|command| command.len())
            .max();
        let transmit = longest.unwrap_or(0).max(MINIMUM_TRANSMIT);
        if storage.receive.len() < reply::MINIMUM || storage.transmit.len() < transmit {
            return Err(Error::Storage {
                receive: reply::MINIMUM,
                transmit,
            });
        }
        Ok(Self {
            config,
            envelope,
            source,
            storage,
            phase: Phase::Greeting,
            action: Action::Receive,
            reader: Reader::new(),
            extensions: Extensions::default(),
            transparency: Transparency::default(),
            secured: false,
            recipient: 0,
            recipients_accepted: 0,
            sent: 0,
            ready: 0,
            complete: false,
            failure: None,
        })
    }

    /// The caller has put TLS under the transport after [`Event::StartTls`], certificate verified.
    ///
    /// At any other time it has no effect.
    pub fn secured(&mut self) {
        if let Action::Reported(Event::StartTls) = self.action {
            self.secured = true;
        }
    }

    /// The last reply; after an acceptance or a refusal it stays the one that told it, whatever QUIT was answered.
    pub fn reply(&self) -> Option<Reply<'_>> {
        self.reader.reply(self.storage.receive)
    }

    /// What is being said or answered.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Why the session fails, known while it still says QUIT; read it if the transport fails meanwhile.
    pub fn error(&self) -> Option<Error> {
        match self.action {
            Action::Stop(error) => Some(error),
            _ => self.failure,
        }
    }

    /// Takes in the code of a complete reply.
    fn answered(&mut self, code: ReplyCode) {
        match (self.phase, code.value()) {
            (Phase::Quit, _) => self.ended(),
            (Phase::Greeting, 220) => self.say(Phase::Ehlo),
            (Phase::Ehlo | Phase::Helo, 250) => self.introduced(),
            // RFC 5321 3.2: a server without extensions refuses EHLO.
            (Phase::Ehlo, 500..=599) => self.say(Phase::Helo),
            // RFC 3207 6: nothing may follow in the clear, it would be taken for an answer under TLS.
            (Phase::StartTls, 220) if self.reader.has_more() => self.stop(Error::Injected),
            (Phase::StartTls, 220) => self.action = Action::Report(Event::StartTls),
            (Phase::Auth, 235) => self.say(Phase::Mail),
            (Phase::Mail, 250) => self.say(Phase::Recipient),
            // Which of two replies is the one for this recipient, or for the mail, cannot be told.
            (Phase::Recipient, 250..=252 | 400..=420 | 422..=599) | (Phase::EndOfData, 250)
                if self.reader.has_more() =>
            {
                self.stop(Error::Early { phase: self.phase });
            }
            (Phase::Recipient, 250..=252 | 400..=420 | 422..=599) => {
                self.recipients_accepted += usize::from(code.is_positive());
                if !code.is_positive() && !self.failure_is_transient() {
                    // Remembered for the case that no recipient is left: a transient one makes it worth another try.
                    self.failure = Some(Error::Refused {
                        phase: Phase::Recipient,
                        code,
                    });
                }
                self.action = Action::Report(Event::Recipient {
                    index: self.recipient,
                    code,
                });
            }
            (Phase::Data, 354) => self.say(Phase::MailData),
            (Phase::EndOfData, 250) => self.action = Action::Report(Event::Accepted),
            (phase, 400..=599) => self.fail(Error::Refused { phase, code }),
            (phase, _) => self.stop(Error::Unexpected { phase, code }),
        }
    }

    /// After EHLO or HELO: what must come before the mail.
    fn introduced(&mut self) {
        if self.config.security == Security::StartTls && !self.secured {
            if self.extensions.start_tls {
                self.say(Phase::StartTls);
            } else {
                self.fail(Error::NotOffered(Keyword::StartTls));
            }
        } else if self.config.credentials.is_none() {
            self.say(Phase::Mail);
        } else if self.extensions.auth_plain {
            self.say(Phase::Auth);
        } else {
            self.fail(Error::NotOffered(Keyword::AuthPlain));
        }
    }

    /// Goes on after an event was reported.
    fn resume(&mut self, event: Event) {
        match event {
            // RFC 3207 4.2: what the server said before TLS is forgotten.
            Event::StartTls if self.secured => self.say(Phase::Ehlo),
            Event::StartTls => self.stop(Error::NotSecured),
            Event::Recipient { index, .. } => {
                self.recipient = index + 1;
                if self.recipient < self.envelope.recipients.len() {
                    self.say(Phase::Recipient);
                } else if self.recipients_accepted > 0 {
                    self.failure = None;
                    self.say(Phase::Data);
                } else {
                    self.say(Phase::Quit);
                }
            }
            Event::Accepted => self.say(Phase::Quit),
            Event::Closed => self.stop(Error::ConnectionClosed { phase: Phase::Quit }),
        }
    }

    /// Begins `phase` by its command, or by the mail data.
    fn say(&mut self, phase: Phase) {
        if phase != Phase::Quit && self.reader.has_more() {
            return self.stop(Error::Early { phase: self.phase });
        }
        let keep = match phase {
            Phase::Ehlo => Keep::Negative,
            Phase::Quit => Keep::Nothing,
            _ => Keep::All,
        };
        let command = match phase {
            Phase::Greeting | Phase::MailData | Phase::EndOfData => None,
            Phase::Ehlo => {
                self.extensions = Extensions::default();
                Some(Command::Ehlo(self.config.client))
            }
            Phase::Helo => Some(Command::Helo(self.config.client)),
            Phase::StartTls => Some(Command::StartTls),
            Phase::Auth => self.config.credentials.map(Command::AuthPlain),
            Phase::Mail => Some(Command::Mail(self.envelope.reverse_path)),
            Phase::Recipient => self
                .envelope
                .recipients
                .get(self.recipient)
                .map(|address| Command::Rcpt(*address)),
            Phase::Data => Some(Command::Data),
            Phase::Quit => Some(Command::Quit),
        };
        self.phase = phase;
        self.reader.begin(keep);
        self.sent = 0;
        // `new` has checked that every command fits.
        self.ready = command
            .and_then(|command| command.emit(self.storage.transmit))
            .unwrap_or(0);
        self.action = Action::Transmit;
    }

    /// Makes mail data ready for transmission once what was ready is sent.
    fn fill(&mut self) -> Result<(), Error> {
        while !self.complete && self.sent == self.limit() {
            let transmit = &mut *self.storage.transmit;
            transmit.copy_within(self.sent..self.ready, 0);
            self.ready -= self.sent;
            self.sent = 0;
            loop {
                let count = capacity(transmit.len().saturating_sub(self.ready));
                if count < LEAST_PULL {
                    break;
                }
                let from = transmit.len() - count;
                let pulled = self
                    .source
                    .pull(transmit.get_mut(from..).unwrap_or_default())
                    .map_err(Error::Source)?;
                if pulled == 0 {
                    self.ready = self.transparency.finish(transmit, self.ready);
                    self.complete = true;
                    break;
                }
                self.ready = self.transparency.rewrite(transmit, self.ready, from, pulled.min(count));
            }
        }
        Ok(())
    }

    /// Up to where octets may be sent: the last one of the mail data is held until the end of data stands behind it.
    ///
    /// So both leave in one write, and no peer that acknowledges late can stall between them.
    fn limit(&self) -> usize {
        if self.phase == Phase::MailData && !self.complete {
            self.ready.saturating_sub(HELD)
        } else {
            self.ready
        }
    }

    /// Says QUIT and then fails; a server that is about to close the connection is not asked.
    fn fail(&mut self, error: Error) {
        self.failure = Some(error);
        match error {
            Error::Refused { code, .. } if code.value() == 421 => self.stop(error),
            _ => self.say(Phase::Quit),
        }
    }

    /// Fails at once.
    fn stop(&mut self, error: Error) {
        self.action = Action::Stop(error);
    }

    /// QUIT was answered, or the peer closed instead, which comes to the same.
    fn ended(&mut self) {
        self.action = match self.failure {
            Some(error) => Action::Stop(error),
            None => Action::Report(Event::Closed),
        };
    }

    fn failure_is_transient(&self) -> bool {
        self.failure.is_some_and(Error::is_transient)
    }
}

impl<S: Source> Machine for Session<'_, S> {
    type Event = Event;
    type Error = Error;

    fn poll(&mut self) -> Result<Step<'_, Event>, Error> {
        if let Action::Reported(event) = self.action {
            self.resume(event);
        }
        if let (Action::Transmit, Phase::MailData) = (self.action, self.phase)
            && let Err(error) = self.fill()
        {
            self.stop(error);
        }
        match self.action {
            Action::Transmit => {
                let limit = self.limit();
                Ok(Step::Transmit(
                    self.storage.transmit.get(self.sent..limit).unwrap_or_default(),
                ))
            }
            Action::Receive => Ok(Step::Receive(self.reader.room(self.storage.receive))),
            Action::Report(event) | Action::Reported(event) => {
                self.action = Action::Reported(event);
                Ok(Step::Event(event))
            }
            Action::Stop(error) => Err(error),
        }
    }

    fn transmitted(&mut self, count: usize) {
        let Action::Transmit = self.action else {
            return;
        };
        self.sent = self.sent.saturating_add(count).min(self.limit());
        if self.sent < self.ready || self.phase == Phase::MailData && !self.complete {
            return;
        }
        match self.phase {
            Phase::MailData => self.phase = Phase::EndOfData,
            // The password need not stay in memory.
            Phase::Auth => self.storage.transmit.fill(0),
            _ => {}
        }
        self.action = Action::Receive;
    }

    fn received(&mut self, count: usize) {
        let Action::Receive = self.action else {
            return;
        };
        let phase = self.phase;
        if count == 0 {
            return match phase {
                Phase::Quit => self.ended(),
                _ => self.stop(Error::ConnectionClosed { phase }),
            };
        }
        let extensions = &mut self.extensions;
        let on_line = |text: &[u8]| {
            if phase == Phase::Ehlo {
                extensions.feed(text);
            }
        };
        match self.reader.received(self.storage.receive, count, on_line) {
            Ok(None) => {}
            Ok(Some(code)) => self.answered(code),
            Err(_) if phase == Phase::Quit => self.ended(),
            Err(Fault::Malformed) => self.stop(Error::Malformed { phase }),
            Err(Fault::MixedCodes) => self.stop(Error::MixedCodes { phase }),
            Err(Fault::Endless) => self.stop(Error::Endless { phase }),
        }
    }

    /// RFC 5321 4.5.3.2, and five minutes for what it does not name.
    fn timeout(&self) -> Duration {
        Duration::from_secs(match self.phase {
            Phase::Data => 2 * 60,
            Phase::MailData => 3 * 60,
            Phase::EndOfData => 10 * 60,
            // All is decided, and the answer changes nothing.
            Phase::Quit => 30,
            _ => 5 * 60,
        })
    }
}

/// Octets of mail data that wait for the end of data.
const HELD: usize = 1;
/// Fewer octets are not worth a call of the source; where so many fit, the end of data fits, too.
const LEAST_PULL: usize = 8;
/// Holds what is held, the end of data and the growth of [`LEAST_PULL`] several times.
const MINIMUM_TRANSMIT: usize = 64;

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use crate::message::{self, Address};
    use crate::smtp::Credentials;

    const CONFIG: Config<'static> = Config {
        client: "gate.test",
        security: Security::Plain,
        credentials: None,
    };

    /// Drives a session about `data` with one recipient as far as `replies` lead; what it sent, and how it ended.
    fn drive(
        config: Config<'_>,
        source: &mut dyn Source,
        replies: &[&[u8]],
        transmit: usize,
    ) -> Result<(heapless::Vec<u8, 512>, Option<Event>), Error> {
        let recipients = [Address::parse("b@c").map_err(Error::Source)?];
        let envelope = Envelope {
            reverse_path: None,
            recipients: &recipients,
        };
        let (mut receive_buffer, mut transmit_buffer) = ([0; 128], [0; 128]);
        let storage = Storage {
            receive: &mut receive_buffer,
            transmit: &mut transmit_buffer[..transmit],
        };
        let mut session = Session::new(config, envelope, source, storage)?;
        let mut replies = replies.iter();
        let mut whole = heapless::Vec::new();
        let mut last = None;
        loop {
            match session.poll()? {
                Step::Transmit(octets) => {
                    assert!(!octets.is_empty());
                    assert!(whole.extend_from_slice(octets).is_ok());
                    let count = octets.len();
                    session.transmitted(count);
                }
                Step::Duplex { .. } => unreachable!("it sends or it receives"),
                Step::Receive(room) => {
                    let Some(reply) = replies.next() else {
                        return Ok((whole, last));
                    };
                    room[..reply.len()].copy_from_slice(reply);
                    session.received(reply.len());
                }
                Step::Event(event) => {
                    last = Some(event);
                    if event == Event::Closed {
                        return Ok((whole, last));
                    }
                }
            }
        }
    }

    const PLAIN: &[&[u8]] = &[
        b"220 hi\r\n",
        b"250 hi\r\n",
        b"250 ok\r\n",
        b"250 ok\r\n",
        b"354 go\r\n",
        b"250 taken\r\n",
        b"221 bye\r\n",
    ];

    tests! {
        fn a_mail_is_accepted() {
            let outcome = drive(CONFIG, &mut &b".a\nb"[..], PLAIN, 64);
            let (octets, event) = outcome.unwrap_or_default();
            assert_eq!(event, Some(Event::Closed));
            assert_eq!(
                core::str::from_utf8(&octets),
                Ok("EHLO gate.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@c>\r\nDATA\r\n..a\r\nb\r\n.\r\nQUIT\r\n"),
            );
        }

        fn the_size_of_the_buffer_changes_no_octet() {
            let data = [*b"....\r\n\n..\r"; 20];
            let whole = drive(CONFIG, &mut data.as_flattened(), PLAIN, 128);
            assert!(whole.as_ref().is_ok_and(|(octets, _)| octets.ends_with(b"\r\n.\r\nQUIT\r\n")));
            for size in 64..128 {
                assert_eq!(drive(CONFIG, &mut data.as_flattened(), PLAIN, size), whole);
            }
        }

        fn the_end_of_data_leaves_with_the_last_octet() {
            let recipients = [Address::parse("b@c")].map(|address| address.expect("it is one"));
            let mut buffers = ([0; 128], [0; 64]);
            for length in 1..200 {
                let data = [b'x'; 200];
                let envelope = Envelope { reverse_path: None, recipients: &recipients };
                let storage = Storage { receive: &mut buffers.0, transmit: &mut buffers.1 };
                let session = Session::new(CONFIG, envelope, &data[..length], storage);
                let mut session = session.unwrap_or_else(|error| panic!("{error}"));
                let mut replies = PLAIN.iter();
                let mut last = heapless::Vec::<u8, 64>::new();
                while session.phase() != Phase::EndOfData {
                    match session.poll() {
                        Ok(Step::Transmit(octets)) => {
                            last = octets.iter().copied().collect();
                            let count = octets.len();
                            session.transmitted(count);
                        }
                        Ok(Step::Receive(room)) => {
                            let reply = replies.next().expect("it has not come to the end");
                            room[..reply.len()].copy_from_slice(reply);
                            session.received(reply.len());
                        }
                        step => assert!(matches!(step, Ok(Step::Event(_)))),
                    }
                }
                assert!(last.ends_with(b"x\r\n.\r\n"));
            }
        }

        fn a_source_that_fails_gets_no_final_dot() {
            struct Broken;
            impl Source for Broken {
                fn pull(&mut self, _: &mut [u8]) -> Result<usize, message::Error> {
                    Err(message::Error::Source)
                }
            }
            assert_eq!(drive(CONFIG, &mut Broken, PLAIN, 64), Err(Error::Source(message::Error::Source)));
        }

        fn driving_on_without_tls_is_an_error() {
            let config = Config { security: Security::StartTls, ..CONFIG };
            let replies: [&[u8]; 3] = [b"220 hi\r\n", b"250-hi\r\n250 STARTTLS\r\n", b"220 go\r\n"];
            assert_eq!(drive(config, &mut &b""[..], &replies, 64), Err(Error::NotSecured));
        }

        fn what_cannot_be_said_is_refused_at_construction() {
            let outcome = |config, transmit| drive(config, &mut &b""[..], &[], transmit).map(|_| ());
            for client in ["", "a b", "gate.test\r\nMAIL FROM:<>", "[1.2.3]", "g\u{e4}te"] {
                assert_eq!(outcome(Config { client, ..CONFIG }, 64), Err(Error::Client));
            }
            let with = |user, password| Config { credentials: Some(Credentials { user, password }), security: Security::Implicit, ..CONFIG };
            assert_eq!(outcome(with("", "x"), 64), Err(Error::Credentials));
            assert_eq!(outcome(with("u\0", "x"), 64), Err(Error::Credentials));
            assert_eq!(outcome(with("u", "x\0y"), 64), Err(Error::Credentials));
            assert_eq!(outcome(Config { security: Security::Plain, ..with("u", "x") }, 64), Err(Error::PasswordInClear));
            assert_eq!(outcome(CONFIG, 63), Err(Error::Storage { receive: 128, transmit: 64 }));
            let long = with("a user whose name is long", "and a password which is longer still");
            assert_eq!(outcome(long, 96), Err(Error::Storage { receive: 128, transmit: 97 }));
            assert_eq!(outcome(long, 97), Ok(()));
        }

        fn a_password_is_not_shown() {
            use core::fmt::Write;
            let credentials = Credentials { user: "user", password: "hunter2" };
            let config = Config { credentials: Some(credentials), ..CONFIG };
            let mut text = heapless::String::<256>::new();
            assert!(write!(text, "{config:?} {credentials:?}").is_ok());
            assert!(text.contains("user") && !text.contains("hunter2"));
        }
    }
}
