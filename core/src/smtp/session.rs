//! The session: which command follows which reply, and what their failures mean.
//!
//! Two places move through the conversation: `said`, the last command that was written into the transmit buffer, and
//! `heard`, the command whose reply is awaited. Without PIPELINING the first waits for the second.

use super::command::Command;
use super::extension::{Keyword, Offer, Profile};
use super::reply::{self, Fault, Keep, Reader};
use super::sasl::Challenge;
use super::transparency::{Mode, Transparency};
use super::{Config, Envelope, Error, Event, Line, Phase, Protocol, Reply, ReplyCode, Security, Storage, Transcript};
use crate::ascii::{base64_encode_in_place, base64_len};
use crate::machine::{Machine, Step};
use crate::message::address::{is_address_literal, is_domain};
use crate::message::{Content, Source, Transfer};
use core::marker::PhantomData;
use core::time::Duration;

/// One connection on which mails are submitted. Drive it as a [`Machine`].
pub struct Session<'a, P, S> {
    config: Config<'a>,
    storage: Storage<'a>,
    transcript: Option<&'a mut dyn Transcript>,
    reader: Reader,
    offer: Offer,
    /// The mail that is written, or that was written last, and where its data come from.
    mail: Option<&'a Envelope<'a>>,
    source: Option<S>,
    content: Content,
    /// Octets of mail data that were written.
    written: u64,
    /// The mail whose replies are awaited; the one before [`Session::mail`] if two are on the way.
    judged: Option<&'a Envelope<'a>>,
    said: Place,
    heard: Place,
    /// What the last reply answered.
    answered: Phase,
    /// What was said first after the data of the mail that is judged.
    following: Phase,
    /// Commands that were said and not answered; of these `unanswered` were handed to the transport to their last octet.
    outstanding: u16,
    unanswered: u16,
    /// Of the mail that is judged: how many recipients were accepted, and one that was not.
    accepted: u16,
    refusal: Option<ReplyCode>,
    /// Mails on the way: said, and their fate not reported.
    mails: u8,
    /// Mails begun on this connection.
    begun: u32,
    flags: Flags,
    /// Which mechanisms the server lists, by place; and the one that is used.
    listed: u16,
    mechanism: u8,
    transparency: Transparency,
    /// What is still to be transmitted: `sent <= ready <= transmit.len()`.
    sent: usize,
    ready: usize,
    /// Where mail data stand in the buffer; `data_end` is [`OPEN`] until they are complete.
    data_start: usize,
    data_end: usize,
    report: Report,
    /// Why the mail that is judged will not be taken, or why the session ends once QUIT is answered.
    fate: Option<Error>,
    /// Why the next mail is not even begun.
    hindrance: Option<Error>,
    stopped: Option<Error>,
    profile: PhantomData<P>,
}

/// A command: its phase, and of RCPT the recipient's place.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    phase: Phase,
    index: u16,
}

impl From<Phase> for Place {
    fn from(phase: Phase) -> Self {
        Self { phase, index: 0 }
    }
}

#[derive(Clone, Copy, Default)]
struct Flags {
    /// TLS is under the session since STARTTLS.
    secured: bool,
    /// A mail was given and is not begun; it was opened, and the server offers what it needs.
    given: bool,
    prepared: bool,
    /// No mail will come any more.
    leaving: bool,
    /// The session has failed and says QUIT.
    failing: bool,
    /// The caller has no mail for now.
    waiting: bool,
    /// The server may be amid a transaction that came to nothing.
    dirty: bool,
    /// The mail that is written goes by BDAT; it is complete, with its end of data if it has one.
    chunking: bool,
    complete: bool,
    /// LMTP: somebody has the mail; the last reply to it was read.
    delivered: bool,
    concluding: bool,
    /// AUTH: the initial response waits for an empty challenge; the exchange was cancelled.
    initial: bool,
    cancelled: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Report {
    Nothing,
    Due(Event),
    /// An event was reported; the caller may still act on it.
    Made(Event),
}

impl<'a, P: Profile, S: Source> Session<'a, P, S> {
    /// A session that waits for the greeting; fails if it could not say all that is asked of it.
    pub fn new(config: Config<'a>, storage: Storage<'a>) -> Result<Self, Error> {
        if config.client.len() > 255 || !is_domain(config.client) && !is_address_literal(config.client) {
            return Err(Error::Client);
        }
        if !P::LMTP && config.protocol == Protocol::Lmtp {
            return Err(Error::Protocol);
        }
        let mut transmit = MINIMUM_TRANSMIT.max(Command::Hello("EHLO", config.client).emit::<P>(&mut []));
        if config.mechanisms.len() > 16 {
            return Err(Error::Mechanisms);
        }
        let mut in_clear = !config.mechanisms.is_empty() && config.security == Security::Plain;
        for mechanism in config.mechanisms.iter_mut() {
            mechanism.bind(None);
            in_clear &= mechanism.reveals_password();
            let line = base64_len(mechanism.longest())
                .and_then(|length| length.checked_add("AUTH  \r\n".len() + mechanism.name().len()));
            transmit = transmit.max(line.unwrap_or(usize::MAX));
        }
        if in_clear {
            return Err(Error::PasswordInClear);
        }
        let session = Self {
            config,
            storage,
            transcript: None,
            reader: Reader::new(),
            offer: Offer::default(),
            mail: None,
            source: None,
            content: UNKNOWN,
            written: 0,
            judged: None,
            said: Phase::Greeting.into(),
            heard: Phase::Greeting.into(),
            answered: Phase::Greeting,
            following: Phase::Quit,
            outstanding: 1,
            unanswered: 1,
            accepted: 0,
            refusal: None,
            mails: 0,
            begun: 0,
            flags: Flags::default(),
            listed: 0,
            mechanism: 0,
            transparency: Transparency::default(),
            sent: 0,
            ready: 0,
            data_start: OPEN,
            data_end: OPEN,
            report: Report::Nothing,
            fate: None,
            hindrance: None,
            stopped: None,
            profile: PhantomData,
        };
        session.fits(transmit, 0)?;
        Ok(session)
    }

    /// Hands over a mail: at once, and again after [`Event::Ready`]. Fails, without effect on the session, if there is
    /// one already, or if its commands do not fit the buffers.
    pub fn mail(&mut self, envelope: &'a Envelope<'a>, source: S) -> Result<(), Error> {
        if self.flags.given || self.flags.leaving || !self.is_ready() {
            return Err(Error::NotReady);
        }
        let count = envelope.recipients.len();
        if count == 0 || count > usize::from(u16::MAX) {
            return Err(Error::Recipients);
        }
        // The numbers that MAIL may say are not known yet; these are the longest.
        let mail = Command::Mail {
            reverse_path: envelope.reverse_path,
            options: &envelope.options,
            size: Some(u64::MAX),
            body: Some(Transfer::Binary),
            utf8: true,
        };
        let longest = envelope
            .recipients
            .iter()
            .fold(mail.emit::<P>(&mut []), |longest, recipient| {
                longest.max(Command::Rcpt(recipient).emit::<P>(&mut []))
            });
        let accepted = if self.is_lmtp() { count.div_ceil(8) } else { 0 };
        self.fits(longest, accepted)?;
        self.mail = Some(envelope);
        self.source = Some(source);
        self.flags.given = true;
        Ok(())
    }

    /// At [`Event::Ready`]: no mail for now, and no QUIT. If a verdict is still awaited, the session is ready once more
    /// after it; if none is, the caller drives it on when there is a mail, or with [`Session::quit`].
    pub fn wait(&mut self) {
        self.flags.waiting = true;
    }

    /// No mail will come after those that were given: QUIT follows them, with the last one's data where that is allowed.
    pub fn quit(&mut self) {
        self.flags.leaving = true;
    }

    /// The caller has put TLS under the transport after [`Event::StartTls`], certificate verified.
    ///
    /// `tls_exporter` is the channel binding of RFC 9266, if the transport gives one. At any other time nothing happens.
    pub fn secured(&mut self, tls_exporter: Option<&[u8; 32]>) {
        if let Report::Made(Event::StartTls) = self.report {
            self.flags.secured = true;
            self.bind(tls_exporter);
        }
    }

    /// The channel binding of RFC 9266 where TLS began before the session; call it before the first `poll`.
    pub fn bind(&mut self, tls_exporter: Option<&[u8; 32]>) {
        for mechanism in self.config.mechanisms.iter_mut() {
            mechanism.bind(tls_exporter);
        }
    }

    /// From now on `transcript` is told every line, if the profile links that.
    pub fn trace(&mut self, transcript: &'a mut dyn Transcript) {
        self.transcript = Some(transcript);
    }

    /// The last reply; after an acceptance or a refusal it stays the one that told it, whatever QUIT was answered.
    pub fn reply(&self) -> Option<Reply<'_>> {
        self.reader.reply(self.storage.receive)
    }

    /// What is being said or answered.
    pub fn phase(&self) -> Phase {
        if self.outstanding > 0 && self.said.phase != Phase::MailData {
            self.heard.phase
        } else {
            self.said.phase
        }
    }

    /// Why the session fails, known while it still says QUIT; read it if the transport fails meanwhile.
    pub fn error(&self) -> Option<Error> {
        self.stopped.or(self.fate)
    }

    fn fits(&self, transmit: usize, accepted: usize) -> Result<(), Error> {
        let Storage {
            receive: has_receive,
            transmit: has_transmit,
            accepted: has_accepted,
        } = &self.storage;
        if has_receive.len() < reply::MINIMUM || has_transmit.len() < transmit || has_accepted.len() < accepted {
            return Err(Error::Storage {
                receive: reply::MINIMUM as u16,
                transmit: u16::try_from(transmit).unwrap_or(u16::MAX),
                accepted: u16::try_from(accepted).unwrap_or(u16::MAX),
            });
        }
        Ok(())
    }

    fn is_lmtp(&self) -> bool {
        P::LMTP && self.config.protocol == Protocol::Lmtp
    }

    fn offers(&self, keyword: Keyword) -> bool {
        P::LINKED.contains(keyword) && self.offer.contains(keyword)
    }

    fn is_pipelining(&self) -> bool {
        self.offers(Keyword::Pipelining)
    }

    /// How many recipients of `envelope` the server takes.
    fn count(&self, envelope: Option<&Envelope<'_>>) -> u16 {
        let count = envelope.map_or(0, |envelope| envelope.recipients.len());
        let count = u16::try_from(count).unwrap_or(u16::MAX);
        match self.offer.recipients {
            limit if P::LINKED.contains(Keyword::Limits) && limit > 0 => {
                count.min(u16::try_from(limit).unwrap_or(count))
            }
            _ => count,
        }
    }

    /// Whether the place between two mails is reached, as far as the mail data are concerned.
    fn is_ready(&self) -> bool {
        match self.said.phase {
            // Before the first one.
            Phase::Greeting | Phase::Ehlo | Phase::Helo | Phase::StartTls | Phase::Auth => true,
            Phase::Idle => self.mails == 0,
            Phase::EndOfData => self.mails == 1 && self.is_pipelining() && !self.is_lmtp() && self.fate.is_none(),
            _ => false,
        }
    }
}

impl<P: Profile, S: Source> Session<'_, P, S> {
    /// Reads on in what was received.
    fn hear(&mut self) {
        let phase = self.heard.phase;
        let keep = match phase {
            // What told the outcome stays.
            Phase::Quit => Keep::Nothing,
            _ if self.fate.is_some() => Keep::Nothing,
            Phase::Ehlo => Keep::Negative,
            _ => Keep::All,
        };
        let Self {
            config,
            transcript,
            reader,
            storage,
            offer,
            listed,
            ..
        } = self;
        let outcome = reader.next(storage.receive, keep, |line| {
            if phase == Phase::Ehlo && !line.first {
                offer.feed::<P>(line.text, |name| {
                    let mut any = false;
                    for (index, mechanism) in config.mechanisms.iter_mut().enumerate() {
                        if mechanism.listed(name) {
                            *listed |= 1 << (index & 15);
                            any = true;
                        }
                    }
                    any
                });
            }
            if P::TRANSCRIPT
                && let Some(transcript) = transcript
            {
                let text = if phase == Phase::Auth { &[] } else { line.text };
                transcript.line(Line::Server(line.code, text));
            }
        });
        match outcome {
            Ok(None) => {}
            Ok(Some(code)) => self.answer(code),
            Err(_) if phase == Phase::Quit => self.close(),
            Err(fault) => self.stop(match fault {
                Fault::Malformed => Error::Malformed { phase },
                Fault::MixedCodes => Error::MixedCodes { phase },
                Fault::Endless => Error::Endless { phase },
            }),
        }
    }

    /// Takes in the code of a complete reply.
    fn answer(&mut self, code: ReplyCode) {
        let phase = self.heard.phase;
        if self.unanswered == 0 {
            return self.stop(match code.value() {
                // RFC 5321 3.8: a server that must go says so at any time.
                421 => Error::Refused {
                    phase: self.phase(),
                    code,
                },
                // The mail data are not wanted to their end.
                400..=599 if self.said.phase == Phase::MailData => Error::Refused {
                    phase: Phase::MailData,
                    code,
                },
                _ => Error::Early { phase: self.answered },
            });
        }
        self.unanswered -= 1;
        self.outstanding -= 1;
        self.answered = phase;
        let refused = Error::Refused { phase, code };
        // Which of two replies is the one to a single command cannot be told.
        let more = self.unanswered == 0 && self.reader.has_more();
        // Amid the mail data the next one tells why it comes, and LMTP has one for each recipient.
        let several = self.said.phase == Phase::MailData || self.is_lmtp() && phase == Phase::EndOfData;
        let doubtful = more && !several;
        match (phase, code.value()) {
            (Phase::Quit, _) => self.close(),
            // The server is about to close the connection: nothing more is said.
            (_, 421) => self.stop(refused),
            // RFC 3207 6: nothing may follow in the clear, it would be taken for an answer under TLS.
            (Phase::StartTls, 220) if doubtful => self.stop(Error::Injected),
            (_, 200..=399) | (Phase::Recipient, _) if doubtful => self.stop(Error::Early { phase }),
            (Phase::Greeting, 220) => self.greet("EHLO", Phase::Ehlo),
            (Phase::Ehlo | Phase::Helo, 250) => self.introduced(),
            // RFC 5321 3.2: a server without extensions refuses EHLO.
            (Phase::Ehlo, 500..=599) if !self.is_lmtp() => self.greet("HELO", Phase::Helo),
            (Phase::StartTls, 220) => self.report = Report::Due(Event::StartTls),
            (Phase::Auth, _) => self.authenticating(code),
            (Phase::Mail | Phase::Recipient | Phase::Data | Phase::EndOfData | Phase::Reset, _) => {
                self.judge(code);
            }
            (_, 400..=599) => self.fail(refused),
            _ => self.stop(Error::Unexpected { phase, code }),
        }
    }

    fn greet(&mut self, verb: &'static str, phase: Phase) {
        self.offer = Offer::default();
        self.listed = 0;
        let verb = if self.is_lmtp() { "LHLO" } else { verb };
        let client = self.config.client;
        self.say(Command::Hello(verb, client), phase.into());
    }

    /// After EHLO or HELO: what must come before the mails.
    fn introduced(&mut self) {
        self.offer.settle();
        let wanted = match self.config.security {
            Security::StartTls => true,
            Security::StartTlsIfOffered => self.offers(Keyword::StartTls),
            _ => false,
        };
        if wanted && !self.flags.secured {
            if self.offers(Keyword::StartTls) {
                self.say(Command::Verb("STARTTLS"), Phase::StartTls.into());
            } else {
                self.fail(Error::NotOffered(Keyword::StartTls));
            }
        } else if self.config.mechanisms.is_empty() {
            self.said = Phase::Idle.into();
        } else {
            self.authenticate(Error::NotOffered(Keyword::Auth));
        }
    }

    /// Begins AUTH with the next mechanism that both sides know; `error` if there is none.
    fn authenticate(&mut self, mut error: Error) {
        let confidential =
            self.flags.secured || !matches!(self.config.security, Security::Plain | Security::StartTlsIfOffered);
        while let Some(mechanism) = self.config.mechanisms.get_mut(usize::from(self.mechanism)) {
            let listed = self.listed & 1 << (self.mechanism & 15) != 0;
            if listed && (confidential || !mechanism.reveals_password()) {
                let name = mechanism.name();
                // `new` has checked that all that follows fits.
                let start = "AUTH ".len() + name.len();
                let Some((line, room)) = self.storage.transmit.split_at_mut_checked(start + 1) else {
                    break;
                };
                match mechanism.start(room) {
                    Ok(initial) => {
                        line.fill(b' ');
                        put(line, 0, b"AUTH");
                        put(line, 5, name.as_bytes());
                        let length = match initial {
                            // RFC 4954 4: an empty initial response is a `=`, none is nothing.
                            Some(0) => put(room, 0, b"="),
                            Some(count) => base64_encode_in_place(room, count).unwrap_or(0),
                            None => 0,
                        };
                        self.flags.initial = start + 1 + length > MAXIMUM_LINE;
                        self.flags.cancelled = false;
                        let end = if length == 0 || self.flags.initial {
                            start
                        } else {
                            start + 1 + length
                        };
                        if P::TRANSCRIPT
                            && let Some(transcript) = &mut self.transcript
                        {
                            transcript.line(Line::Client(self.storage.transmit.get(..start).unwrap_or_default()));
                        }
                        return self.say_auth(end);
                    }
                    Err(cause) => error = Error::Authentication(cause),
                }
            } else if listed {
                error = Error::PasswordInClear;
            }
            self.mechanism += 1;
        }
        self.fail(error);
    }

    /// The server's answer within AUTH.
    fn authenticating(&mut self, code: ReplyCode) {
        let refused = Error::Refused {
            phase: Phase::Auth,
            code,
        };
        let cancelled = self.flags.cancelled;
        match code.value() {
            235 if !cancelled => match self.config.mechanisms.get(usize::from(self.mechanism)) {
                Some(mechanism) if mechanism.proven() => self.said = Phase::Idle.into(),
                _ => self.stop(Error::Unproven),
            },
            334 if !cancelled => self.respond(),
            400..=599 if cancelled => {
                self.mechanism += 1;
                let error = self.hindrance.take().unwrap_or(refused);
                self.authenticate(error);
            }
            // Not this mechanism: unknown, too weak, or not without TLS. A wrong password would be wrong for the next, too.
            500..=504 | 534 | 538 => {
                self.mechanism += 1;
                self.authenticate(refused);
            }
            400..=599 => self.fail(refused),
            _ => self.stop(Error::Unexpected {
                phase: Phase::Auth,
                code,
            }),
        }
    }

    /// Answers a challenge, or cancels the exchange.
    fn respond(&mut self) {
        let Some(mechanism) = self.config.mechanisms.get_mut(usize::from(self.mechanism)) else {
            return;
        };
        let room = &mut *self.storage.transmit;
        let outcome = if self.flags.initial {
            self.flags.initial = false;
            mechanism.start(room).map(Option::unwrap_or_default)
        } else {
            let text = self.reader.reply(self.storage.receive).map_or("", |reply| reply.text);
            mechanism.respond(Challenge::new(text.as_bytes(), !self.reader.is_cut()), room)
        };
        let length = match outcome {
            Ok(count) => base64_encode_in_place(room, count).unwrap_or(0),
            Err(error) => {
                self.hindrance = Some(Error::Authentication(error));
                self.flags.cancelled = true;
                put(room, 0, b"*")
            }
        };
        if P::TRANSCRIPT
            && let Some(transcript) = &mut self.transcript
        {
            transcript.line(if self.flags.cancelled {
                Line::Client(b"*")
            } else {
                Line::Secret
            });
        }
        self.say_auth(length);
    }

    /// Says the line of AUTH that ends at `end`.
    fn say_auth(&mut self, end: usize) {
        self.ready = end + put(self.storage.transmit, end, b"\r\n");
        self.outstanding += 1;
        self.said = Phase::Auth.into();
        self.heard = self.said;
    }

    /// Takes in a reply within a mail transaction.
    fn judge(&mut self, code: ReplyCode) {
        let Place { phase, index } = self.heard;
        let negative = matches!(code.value(), 400..=599);
        let refused = Error::Refused { phase, code };
        match (phase, code.value()) {
            (Phase::Reset, 250) => self.heard = Phase::Mail.into(),
            (Phase::Mail, 250) => {
                self.heard = Phase::Recipient.into();
                let from = usize::from(self.count(self.judged));
                if self.judged.is_some_and(|mail| mail.recipients.len() > from) {
                    self.report = Report::Due(Event::Deferred { from });
                }
            }
            (Phase::Mail, _) if negative => {
                self.heard = Phase::Recipient.into();
                self.doom(refused);
            }
            (Phase::Recipient, 250..=252 | 400..=599) => self.judge_recipient(index, code),
            (Phase::Data, 354) => {
                self.heard = Phase::EndOfData.into();
                self.begin_data();
            }
            (Phase::Data, _) if negative => {
                self.said = Phase::Idle.into();
                self.doom(refused);
            }
            (Phase::EndOfData, 250 | 400..=599) if self.is_lmtp() && self.fate.is_none() => {
                self.judge_delivery(index, code);
            }
            (Phase::EndOfData, 250 | 400..=599) => {
                if negative {
                    self.fate.get_or_insert(refused);
                }
                self.conclude();
            }
            _ => self.stop(Error::Unexpected { phase, code }),
        }
    }

    fn judge_recipient(&mut self, index: u16, code: ReplyCode) {
        // A server that did not take MAIL has no opinion about recipients.
        if self.fate.is_none() {
            if P::LMTP {
                mark(self.storage.accepted, index, code.is_positive());
            }
            if code.is_positive() {
                self.accepted += 1;
            } else if !self.refusal.is_some_and(ReplyCode::is_transient_negative) {
                // A transient refusal makes the mail worth another try.
                self.refusal = Some(code);
            }
            let index = usize::from(index);
            self.report = Report::Due(Event::Recipient { index, code });
        }
        let next = index.saturating_add(1);
        if next < self.count(self.judged) {
            self.heard.index = next;
            return;
        }
        // Of two mails on the way the first went by BDAT, or the second could not have begun yet.
        self.heard = if self.flags.chunking || self.mails > 1 {
            Phase::EndOfData
        } else {
            Phase::Data
        }
        .into();
        let all_or_nothing = self.judged.is_some_and(|mail| mail.options.all_or_nothing);
        if let Some(code) = self.refusal.filter(|_| self.accepted == 0 || all_or_nothing) {
            let phase = Phase::Recipient;
            self.doom(Error::Refused { phase, code });
        }
    }

    /// LMTP: the verdict on the mail for the next recipient that was accepted (RFC 2033 4.2).
    fn judge_delivery(&mut self, from: u16, code: ReplyCode) {
        let count = self.count(self.judged);
        let accepted = &*self.storage.accepted;
        let mut places = (from..count).filter(|index| is_marked(accepted, *index));
        let index = usize::from(places.next().unwrap_or(from));
        match places.next() {
            Some(next) => {
                self.heard.index = next;
                self.outstanding += 1;
                self.unanswered += 1;
            }
            None if self.unanswered == 0 && self.reader.has_more() => {
                let phase = Phase::EndOfData;
                return self.stop(Error::Early { phase });
            }
            None => self.flags.concluding = true,
        }
        if code.is_positive() {
            self.flags.delivered = true;
        } else {
            self.refusal = Some(code);
        }
        self.report = Report::Due(Event::Delivered { index, code });
    }

    /// The mail that is judged will not be taken, whatever else is answered.
    fn doom(&mut self, error: Error) {
        let fate = *self.fate.get_or_insert(error);
        if self.said.phase == Phase::MailData && self.mails == 1 {
            // BDAT has promised its octets; they are not worth being sent.
            self.stop(fate);
        }
    }

    /// Reports the fate of the mail that is judged, and turns to the one behind it.
    fn conclude(&mut self) {
        let undelivered = self.is_lmtp() && !self.flags.delivered;
        if let Some(code) = self.refusal.filter(|_| undelivered) {
            let phase = Phase::EndOfData;
            self.fate.get_or_insert(Error::Refused { phase, code });
        }
        self.mails = self.mails.saturating_sub(1);
        self.report = Report::Due(match self.fate.take() {
            Some(error) => Event::Failed(error),
            None => {
                self.flags.dirty &= self.mails > 0;
                Event::Accepted
            }
        });
        self.flags.delivered = false;
        self.flags.concluding = false;
        self.accepted = 0;
        self.refusal = None;
        self.judged = self.mail;
        if self.outstanding > 0 {
            self.heard = self.following.into();
            // While two are on the way, only QUIT can follow the second.
            self.following = Phase::Quit;
        } else {
            self.said = Phase::Idle.into();
        }
    }

    /// Writes into the transmit buffer what can be said by now.
    fn compose(&mut self) {
        while self.stopped.is_none() {
            let goes_on = match self.said.phase {
                Phase::MailData => self.fill(),
                Phase::Mail | Phase::Recipient => self.compose_recipient(),
                Phase::Idle | Phase::Reset | Phase::EndOfData => self.compose_next(),
                _ => false,
            };
            if !goes_on {
                return;
            }
        }
    }

    /// Whether another command may follow before all are answered.
    fn may_go_on(&self) -> bool {
        self.outstanding == 0 || self.is_pipelining() && self.outstanding < u16::MAX - 8
    }

    fn compose_recipient(&mut self) -> bool {
        if self.mails == 1 && self.fate.is_some() {
            self.said = Phase::Idle.into();
            return true;
        }
        let Some(mail) = self.mail.filter(|_| self.may_go_on()) else {
            return false;
        };
        let index = match self.said {
            Place {
                phase: Phase::Recipient,
                index,
            } => index.saturating_add(1),
            _ => 0,
        };
        let phase = Phase::Recipient;
        let recipient = mail.recipients.get(usize::from(index));
        if let Some(recipient) = recipient.filter(|_| index < self.count(Some(mail))) {
            self.say(Command::Rcpt(recipient), Place { phase, index })
        } else if mail.options.all_or_nothing && self.outstanding > 0 {
            false
        } else if self.flags.chunking {
            self.begin_data()
        } else {
            self.say(Command::Verb("DATA"), Phase::Data.into())
        }
    }

    /// Between two mails.
    fn compose_next(&mut self) -> bool {
        if self.said.phase == Phase::Idle && self.mails > 0 || !self.may_go_on() {
            return false;
        }
        if !self.flags.given {
            self.flags.leaving |= !P::REUSE;
            return self.flags.leaving
                && self.hindrance.is_none()
                && self.say(Command::Verb("QUIT"), Phase::Quit.into());
        }
        if !self.flags.prepared {
            if let Err(error) = self.prepare() {
                self.hindrance = Some(error);
                self.flags.given = false;
                return false;
            }
            self.flags.prepared = true;
        }
        if P::REUSE && self.flags.dirty {
            self.flags.dirty = !self.say(Command::Verb("RSET"), Phase::Reset.into());
            return !self.flags.dirty;
        }
        let Some(mail) = self.mail else {
            return false;
        };
        let command = Command::Mail {
            reverse_path: mail.reverse_path,
            options: &mail.options,
            size: self.content.octets.filter(|_| self.offers(Keyword::Size)),
            body: Some(self.content.transfer).filter(|transfer| *transfer != Transfer::SevenBit),
            utf8: self.content.utf8,
        };
        let said = self.say(command, Phase::Mail.into());
        if said {
            self.flags.given = false;
            self.flags.prepared = false;
            self.begun = self.begun.saturating_add(1);
            let limit = self.offer.mails;
            self.flags.leaving |= !P::REUSE || P::LINKED.contains(Keyword::Limits) && limit > 0 && self.begun >= limit;
            self.mails += 1;
            if self.mails == 1 {
                self.judged = self.mail;
            }
        }
        said
    }

    /// Opens the next mail, and refuses it if the server does not offer what it needs.
    fn prepare(&mut self) -> Result<(), Error> {
        let (Some(mail), Some(source)) = (self.mail, &mut self.source) else {
            return Err(Error::NotReady);
        };
        let offer = self.offer.extensions;
        let offers = |keyword| P::LINKED.contains(keyword) && offer.contains(keyword);
        let allowed = if offers(Keyword::BinaryMime) {
            Transfer::Binary
        } else if offers(Keyword::EightBitMime) {
            Transfer::EightBit
        } else {
            Transfer::SevenBit
        };
        let mut content = source.open(allowed, offers(Keyword::SmtpUtf8)).map_err(Error::Source)?;
        let paths = || {
            mail.recipients
                .iter()
                .map(|recipient| &recipient.address)
                .chain(&mail.reverse_path)
        };
        content.utf8 |= !paths().all(|address| address.is_ascii());
        let options = &mail.options;
        let needs = |keyword, needed| {
            if needed && !offers(keyword) {
                Err(Error::NotOffered(keyword))
            } else {
                Ok(())
            }
        };
        needs(
            Keyword::EightBitMime,
            content.transfer == Transfer::EightBit && allowed < Transfer::EightBit,
        )?;
        needs(Keyword::BinaryMime, content.transfer == Transfer::Binary)?;
        needs(Keyword::SmtpUtf8, content.utf8)?;
        needs(
            Keyword::Dsn,
            options.ret.is_some()
                || options.envelope_id.is_some()
                || mail
                    .recipients
                    .iter()
                    .any(|recipient| recipient.notify.is_some() || recipient.original.is_some()),
        )?;
        // RFC 8689 4.2.1: in the clear nobody can promise it.
        let under_tls = self.flags.secured || self.config.security == Security::Implicit;
        if P::LINKED.contains(Keyword::RequireTls) && options.require_tls && !under_tls {
            return Err(Error::NotOffered(Keyword::RequireTls));
        }
        needs(Keyword::RequireTls, options.require_tls)?;
        needs(Keyword::MtPriority, options.priority.is_some())?;
        needs(Keyword::DeliverBy, options.deliver_by.is_some())?;
        needs(Keyword::FutureRelease, options.hold.is_some())?;
        if P::LINKED.contains(Keyword::Size)
            && self.offer.size > 0
            && content.octets.is_some_and(|octets| octets > self.offer.size)
        {
            return Err(Error::TooLarge);
        }
        self.flags.chunking = offers(Keyword::Chunking) && content.octets.is_some();
        self.content = content;
        Ok(())
    }

    /// Writes a command behind what is ready; `false` if it does not fit before that is sent.
    fn say(&mut self, command: Command<'_>, place: Place) -> bool {
        let room = self.storage.transmit.get_mut(self.ready..).unwrap_or_default();
        let length = command.emit::<P>(room);
        if length > room.len() {
            return false;
        }
        if P::TRANSCRIPT
            && let Some(transcript) = &mut self.transcript
        {
            let line = room.get(..length.saturating_sub(2)).unwrap_or_default();
            transcript.line(Line::Client(line));
        }
        self.ready += length;
        self.await_reply(place);
        true
    }

    fn await_reply(&mut self, place: Place) {
        if self.outstanding == 0 {
            self.heard = place;
        }
        if self.said.phase == Phase::EndOfData && self.mails < 2 {
            self.following = place.phase;
        }
        self.said = place;
        self.outstanding += 1;
    }

    /// Begins the mail data, behind their BDAT; `false` if that does not fit before what is ready is sent.
    fn begin_data(&mut self) -> bool {
        let start = self.ready;
        let mode = match self.content.transfer {
            _ if !P::LINKED.contains(Keyword::Chunking) || !self.flags.chunking => Mode::Dots,
            Transfer::Binary => Mode::Octets,
            _ => Mode::Lines,
        };
        if P::LINKED.contains(Keyword::Chunking) && self.flags.chunking {
            if self.data_start != OPEN {
                // The mail data before these are still to be sent, and only one stretch of the buffer is not commands.
                return false;
            }
            let said = self.say(Command::Bdat(self.content.octets.unwrap_or(0)), Phase::EndOfData.into());
            if !said {
                return false;
            }
            self.flags.dirty = true;
        } else {
            self.await_reply(Phase::EndOfData.into());
        }
        self.said = Phase::MailData.into();
        self.data_start = start;
        self.data_end = OPEN;
        self.written = 0;
        self.transparency = Transparency::new(mode);
        self.flags.complete = false;
        if self.fate.is_some() {
            // RFC 2920 3.1: to DATA that was taken without a recipient nothing is sent, not even what was pulled.
            self.ready = self.transparency.finish(self.storage.transmit, self.ready);
            self.flags.complete = true;
        } else {
            self.pull();
        }
        true
    }

    /// Makes more mail data ready once what was ready is sent; `true` when they are complete.
    fn fill(&mut self) -> bool {
        while !self.flags.complete {
            if self.sent < self.limit() || self.stopped.is_some() {
                return false;
            }
            self.storage.transmit.copy_within(self.sent..self.ready, 0);
            self.ready -= self.sent;
            self.sent = 0;
            self.data_start = 0;
            self.pull();
        }
        self.data_end = self.ready;
        self.said = Phase::EndOfData.into();
        if P::TRANSCRIPT
            && let Some(transcript) = &mut self.transcript
        {
            transcript.line(Line::MailData(self.written));
        }
        true
    }

    /// Pulls mail data as long as there is much room for them.
    fn pull(&mut self) {
        let transmit = &mut *self.storage.transmit;
        let Some(source) = &mut self.source else {
            return;
        };
        let least = LEAST_PULL.max(transmit.len() / 16);
        loop {
            let room = transmit.len().saturating_sub(self.ready);
            let count = self.transparency.capacity(room);
            if count < least {
                return;
            }
            let from = transmit.len() - count;
            let start = self.ready;
            match source.pull(transmit.get_mut(from..).unwrap_or_default()) {
                Err(error) => return self.stop(Error::Source(error)),
                Ok(0) => {
                    self.ready = self.transparency.finish(transmit, start);
                    self.flags.complete = true;
                }
                Ok(pulled) => self.ready = self.transparency.rewrite(transmit, start, from, pulled.min(count)),
            }
            self.written += (self.ready - start) as u64;
            if self.flags.chunking {
                let promised = self.content.octets.unwrap_or(0);
                if self.written > promised || self.flags.complete && self.written < promised {
                    return self.stop(Error::Length);
                }
            }
            if self.flags.complete {
                return;
            }
        }
    }

    /// Up to where octets may be sent: the last one of the mail data is held until the end of data stands behind it.
    ///
    /// So both leave in one write, and no peer that acknowledges late can stall between them.
    fn limit(&self) -> usize {
        if self.said.phase == Phase::MailData && !self.flags.complete {
            self.ready.saturating_sub(HELD).max(self.sent)
        } else {
            self.ready
        }
    }

    /// Whether it is time to ask for the next mail.
    fn wants_mail(&self) -> bool {
        P::REUSE
            && !self.flags.given
            && !self.flags.leaving
            // The mail that cannot be begun is told first, in its turn.
            && self.hindrance.is_none()
            && matches!(self.said.phase, Phase::Idle | Phase::EndOfData)
            && self.is_ready()
            && (self.outstanding == 0 || !self.flags.waiting)
    }

    /// Goes on after an event was reported.
    fn resume(&mut self, event: Event) {
        match event {
            // RFC 3207 4.2: what the server said before TLS is forgotten.
            Event::StartTls if self.flags.secured => {
                self.reader.reset();
                self.greet("EHLO", Phase::Ehlo);
            }
            Event::StartTls => self.stop(Error::NotSecured),
            Event::Ready => self.flags.leaving |= !self.flags.given && !self.flags.waiting,
            Event::Closed => self.stop(Error::ConnectionClosed { phase: Phase::Quit }),
            _ => {}
        }
    }

    /// Says QUIT and then fails.
    fn fail(&mut self, error: Error) {
        self.fate = Some(error);
        self.flags.failing = true;
        if !self.say(Command::Verb("QUIT"), Phase::Quit.into()) {
            self.stop(error);
        }
    }

    /// Fails at once.
    fn stop(&mut self, error: Error) {
        // What it fails for is told, whatever happens to its QUIT.
        let error = self.fate.filter(|_| self.flags.failing).unwrap_or(error);
        self.stopped.get_or_insert(error);
    }

    /// QUIT was answered, or the peer closed instead, which comes to the same.
    fn close(&mut self) {
        match self.fate {
            Some(error) => self.stop(error),
            None => self.report = Report::Due(Event::Closed),
        }
    }
}

impl<P: Profile, S: Source> Machine for Session<'_, P, S> {
    type Event = Event;
    type Error = Error;

    fn poll(&mut self) -> Result<Step<'_, Event>, Error> {
        loop {
            // What was understood before the end is told before it.
            if let Report::Due(event) = self.report {
                self.report = Report::Made(event);
                return Ok(Step::Event(event));
            }
            if let Some(error) = self.stopped {
                return Err(error);
            }
            match self.report {
                Report::Made(event) => {
                    self.report = Report::Nothing;
                    self.resume(event);
                    continue;
                }
                Report::Due(_) | Report::Nothing => {}
            }
            let over = match self.said.phase {
                Phase::Idle => self.mails > 0,
                Phase::Mail | Phase::Recipient => self.mails == 1 && self.fate.is_some(),
                _ => false,
            };
            if self.flags.concluding {
                self.conclude();
            } else if self.outstanding == 0 && over {
                // Refused before its data, and all that was said of it is answered.
                self.flags.dirty = true;
                self.conclude();
            } else if self.reader.has_more() {
                self.hear();
            } else if let Some(error) = self.hindrance.take_if(|_| self.outstanding == 0) {
                self.report = Report::Due(Event::Failed(error));
            } else {
                self.compose();
                let over = self.said.phase == Phase::Idle && self.mails > 0;
                if self.stopped.is_some() || self.outstanding == 0 && (over || self.hindrance.is_some()) {
                    continue;
                }
                if self.wants_mail() {
                    self.flags.waiting = false;
                    self.report = Report::Due(Event::Ready);
                    continue;
                }
                break;
            }
        }
        let limit = self.limit();
        let receive = self.reader.room(self.storage.receive);
        match self.storage.transmit.get(self.sent..limit) {
            Some(transmit @ [_, ..]) => Ok(Step::Duplex { transmit, receive }),
            _ => Ok(Step::Receive(receive)),
        }
    }

    fn transmitted(&mut self, count: usize) {
        let from = self.sent;
        self.sent = from.saturating_add(count).min(self.limit());
        // Before the mail data and behind them every line is a command.
        let before = from..self.sent.min(self.data_start);
        let behind = from.max(self.data_end)..self.sent;
        for range in [before, behind] {
            let lines = self.storage.transmit.get(range).unwrap_or_default();
            self.unanswered += lines.iter().filter(|octet| **octet == b'\n').count() as u16;
        }
        // Without mail data both are `OPEN`.
        if (from + 1..=self.sent).contains(&self.data_end) {
            self.unanswered += 1;
        }
        if self.sent == self.ready && self.said.phase != Phase::MailData {
            if self.said.phase == Phase::Auth {
                // The password need not stay in memory.
                self.storage.transmit.fill(0);
            }
            (self.sent, self.ready) = (0, 0);
            (self.data_start, self.data_end) = (OPEN, OPEN);
        }
    }

    fn received(&mut self, count: usize) {
        if count > 0 {
            return self.reader.received(self.storage.receive, count);
        }
        let phase = self.phase();
        match self.fate {
            _ if phase == Phase::Quit => self.close(),
            Some(error) => self.stop(error),
            None => self.stop(Error::ConnectionClosed { phase }),
        }
    }

    /// RFC 5321 4.5.3.2, and five minutes for what it does not name.
    fn timeout(&self) -> Duration {
        Duration::from_secs(match self.phase() {
            Phase::Data => 2 * 60,
            Phase::MailData => 3 * 60,
            Phase::EndOfData => 10 * 60,
            // All is decided, and the answer changes nothing.
            Phase::Quit => 30,
            _ => 5 * 60,
        })
    }
}

/// Copies `octets` to `buffer[at..]` if they fit, and says how many.
fn put(buffer: &mut [u8], at: usize, octets: &[u8]) -> usize {
    if let Some(room) = buffer.get_mut(at..).and_then(|room| room.get_mut(..octets.len())) {
        room.copy_from_slice(octets);
    }
    octets.len()
}

fn mark(bits: &mut [u8], index: u16, set: bool) {
    if let Some(octet) = bits.get_mut(usize::from(index / 8)) {
        let bit = 1 << (index % 8);
        *octet = if set { *octet | bit } else { *octet & !bit };
    }
}

fn is_marked(bits: &[u8], index: u16) -> bool {
    let octet = bits.get(usize::from(index / 8)).copied().unwrap_or(0);
    octet & 1 << (index % 8) != 0
}

/// Octets of mail data that wait for the end of data.
const HELD: usize = 1;
/// Fewer octets are not worth a call of the source; where so many fit, the end of data fits, too.
const LEAST_PULL: usize = 8;
/// Holds what is held, the end of data and the growth of [`LEAST_PULL`] several times.
const MINIMUM_TRANSMIT: usize = 64;
/// RFC 4954 4: an AUTH command without its CRLF; RFC 5321 4.5.3.1.4.
const MAXIMUM_LINE: usize = 510;
/// Where mail data end that are not complete, or that there are none.
const OPEN: usize = usize::MAX;
/// Of a mail that was not opened.
const UNKNOWN: Content = Content {
    transfer: Transfer::SevenBit,
    utf8: false,
    octets: None,
    raw: None,
};

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use crate::message::{self, Address};
    use crate::smtp::sasl::{Mechanism, Plain};
    use crate::smtp::{Basic, Full, Options, Recipient};
    use crate::unit_tests_macro::STRIDE;

    const OPTIONS: Options<'static> = Options {
        ret: None,
        envelope_id: None,
        require_tls: false,
        priority: None,
        deliver_by: None,
        hold: None,
        all_or_nothing: false,
    };

    /// What a test varies.
    struct Setup<'s> {
        client: &'s str,
        security: Security,
        protocol: Protocol,
        user: Option<(&'s str, &'s str)>,
        transmit: usize,
        /// The server speaks again once this many octets were sent, whatever the session wants.
        interrupts: usize,
    }

    const PLAIN: Setup<'static> = Setup {
        client: "gate.test",
        security: Security::Plain,
        protocol: Protocol::Smtp,
        user: None,
        transmit: 65,
        interrupts: usize::MAX,
    };

    type Sent = heapless::Vec<u8, 1024>;

    /// Drives a session about `source` with one recipient as far as `replies` lead; what it sent, and its last event.
    fn drive<P: Profile>(
        setup: &Setup<'_>,
        source: &mut dyn Source,
        replies: &[&[u8]],
    ) -> Result<(Sent, Option<Event>), Error> {
        let recipients = [Recipient::from(Address::parse("b@c").map_err(Error::Source)?)];
        let envelope = Envelope {
            reverse_path: None,
            recipients: &recipients,
            options: OPTIONS,
        };
        let (user, password) = setup.user.unwrap_or(("u", "p"));
        let mut plain = Plain::new(user, password).map_err(Error::Authentication)?;
        let mut mechanisms: [&mut dyn Mechanism; 1] = [&mut plain];
        let config = Config {
            client: setup.client,
            security: setup.security,
            protocol: setup.protocol,
            mechanisms: &mut mechanisms[usize::from(setup.user.is_none())..],
        };
        let (mut receive, mut transmit) = ([0; 64], [0; 1024]);
        let storage = Storage {
            receive: &mut receive,
            transmit: &mut transmit[..setup.transmit],
            accepted: &mut [],
        };
        let mut session = Session::<P, _>::new(config, storage)?;
        session.mail(&envelope, source)?;
        let mut replies = replies.iter();
        let mut sent = Sent::new();
        let mut last = None;
        loop {
            let interrupted = sent.len() >= setup.interrupts;
            match session.poll()? {
                Step::Transmit(octets) => panic!("it says {octets:?} and is deaf"),
                Step::Duplex { transmit, .. } if !interrupted => {
                    let count = transmit.len().min(setup.interrupts - sent.len());
                    sent.extend_from_slice(&transmit[..count]).expect("the story is short");
                    session.transmitted(count);
                }
                Step::Duplex { receive, .. } | Step::Receive(receive) => {
                    let Some(reply) = replies.next() else {
                        return Ok((sent, last));
                    };
                    receive[..reply.len()].copy_from_slice(reply);
                    session.received(reply.len());
                }
                Step::Event(event) => {
                    last = Some(event);
                    if event == Event::Closed {
                        return Ok((sent, last));
                    }
                }
            }
        }
    }

    fn text(sent: &Sent) -> &str {
        core::str::from_utf8(sent).unwrap_or_default()
    }

    const REPLIES: &[&[u8]] = &[
        b"220 hi\r\n",
        b"250 hi\r\n",
        b"250 ok\r\n",
        b"250 ok\r\n",
        b"354 go\r\n",
        b"250 taken\r\n",
        b"221 bye\r\n",
    ];

    /// With CHUNKING and PIPELINING: all that is answered comes after all that is said.
    const CHUNKING: &[&[u8]] = &[
        b"220 hi\r\n",
        b"250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
        b"250 a\r\n250 b\r\n",
        b"250 taken\r\n",
        b"221 bye\r\n",
    ];

    /// Says that it has `said` octets, and has `has`.
    struct Liar {
        said: u64,
        has: usize,
    }

    impl Source for Liar {
        fn open(&mut self, _: Transfer, _: bool) -> Result<Content, message::Error> {
            Ok(Content {
                octets: Some(self.said),
                ..UNKNOWN
            })
        }

        fn pull(&mut self, out: &mut [u8]) -> Result<usize, message::Error> {
            let count = self.has.min(out.len());
            self.has -= count;
            out[..count].fill(b'x');
            Ok(count)
        }
    }

    tests! {
        fn the_smallest_profile_delivers_a_mail() {
            let (sent, event) = drive::<Basic>(&PLAIN, &mut &b".a\nb"[..], REPLIES).expect("all goes well");
            assert_eq!(event, Some(Event::Closed));
            assert_eq!(text(&sent), "EHLO gate.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@c>\r\nDATA\r\n..a\r\nb\r\n.\r\nQUIT\r\n");
        }

        fn the_size_of_the_buffer_changes_no_octet() {
            let data = [*b"....\r\n\n..\r"; 20];
            let whole = drive::<Full>(&Setup { transmit: 512, ..PLAIN }, &mut data.as_flattened(), REPLIES);
            assert!(whole.as_ref().is_ok_and(|(sent, _)| sent.ends_with(b"\r\n.\r\nQUIT\r\n")));
            let chunked = drive::<Full>(&Setup { transmit: 512, ..PLAIN }, &mut data.as_flattened(), CHUNKING);
            assert!(chunked.as_ref().is_ok_and(|(_, event)| *event == Some(Event::Closed)));
            for transmit in (65..512).step_by(STRIDE * STRIDE) {
                assert_eq!(drive::<Full>(&Setup { transmit, ..PLAIN }, &mut data.as_flattened(), REPLIES), whole);
                assert_eq!(drive::<Full>(&Setup { transmit, ..PLAIN }, &mut data.as_flattened(), CHUNKING), chunked);
            }
        }

        fn lines_of_two_mails_in_one_buffer_are_no_commands() {
            let recipients = [Address::parse("b@c").map(Recipient::from).expect("an address")];
            let envelope = Envelope { reverse_path: None, recipients: &recipients, options: OPTIONS };
            for step in 1..128 {
                let config = Config { client: "gate.test", security: Security::Plain, protocol: Protocol::Smtp, mechanisms: &mut [] };
                let storage = Storage { receive: &mut [0; 64], transmit: &mut [0; 512], accepted: &mut [] };
                let mut session = Session::<Full, &[u8]>::new(config, storage).expect("room");
                let mut replies = CHUNKING.iter().take(2);
                let mut mails = 0;
                loop {
                    match session.poll().expect("a patient server") {
                        Step::Event(Event::Ready) if mails < 2 => {
                            session.mail(&envelope, b"a\r\nb\r\nc\r\n").expect("it is ready");
                            mails += 1;
                        }
                        Step::Duplex { transmit, .. } => {
                            let count = transmit.len().min(step);
                            session.transmitted(count);
                        }
                        Step::Receive(receive) => {
                            let Some(reply) = replies.next() else { break };
                            receive[..reply.len()].copy_from_slice(reply);
                            session.received(reply.len());
                        }
                        _ => {}
                    }
                }
                // MAIL, RCPT and BDAT of both, and QUIT: all of them left, and nothing else is answered.
                assert_eq!((mails, session.outstanding, session.unanswered), (2, 7, 7));
            }
        }

        fn bdat_says_exactly_how_much_follows() {
            let (sent, event) = drive::<Full>(&PLAIN, &mut Liar { said: 102, has: 100 }, CHUNKING).expect("all goes well");
            assert_eq!(event, Some(Event::Closed));
            assert!(text(&sent).contains("BDAT 102 LAST\r\nxxx") && text(&sent).ends_with("xxx\r\nQUIT\r\n"));
            for said in [0, 1, 50, 100, 101, 103, 200] {
                assert_eq!(drive::<Full>(&PLAIN, &mut Liar { said, has: 100 }, CHUNKING), Err(Error::Length), "{said}");
            }
        }

        fn a_reply_amid_the_data_ends_them() {
            let setup = Setup { interrupts: 100, ..PLAIN };
            let before: usize = "EHLO gate.test\r\nMAIL FROM:<>\r\nRCPT TO:<b@c>\r\nDATA\r\n".len();
            assert!(before < 100);
            let replies: [&[u8]; 6] = [REPLIES[0], REPLIES[1], REPLIES[2], REPLIES[3], REPLIES[4], b"552 too much\r\n"];
            let code = |error| match error {
                Err(Error::Refused { phase, code }) => Some((phase, code.value())),
                _ => None,
            };
            assert_eq!(code(drive::<Full>(&setup, &mut &[b'x'; 300][..], &replies)), Some((Phase::MailData, 552)));
            let replies: [&[u8]; 6] = [REPLIES[0], REPLIES[1], REPLIES[2], REPLIES[3], REPLIES[4], b"250 taken\r\n"];
            // A positive one is no acceptance, whatever it says.
            assert_eq!(drive::<Full>(&setup, &mut &[b'x'; 300][..], &replies), Err(Error::Early { phase: Phase::Data }));
        }

        fn a_source_that_fails_gets_no_final_dot() {
            struct Broken;
            impl Source for Broken {
                fn pull(&mut self, _: &mut [u8]) -> Result<usize, message::Error> {
                    Err(message::Error::Source)
                }
            }
            assert_eq!(drive::<Full>(&PLAIN, &mut Broken, REPLIES), Err(Error::Source(message::Error::Source)));
        }

        fn driving_on_without_tls_is_an_error() {
            let setup = Setup { security: Security::StartTls, ..PLAIN };
            let replies: [&[u8]; 3] = [b"220 hi\r\n", b"250-hi\r\n250 STARTTLS\r\n", b"220 go\r\n"];
            assert_eq!(drive::<Full>(&setup, &mut &b""[..], &replies), Err(Error::NotSecured));
            // A profile without it cannot begin TLS, and goes nowhere without.
            assert_eq!(drive::<Basic>(&setup, &mut &b""[..], REPLIES), Err(Error::NotOffered(Keyword::StartTls)));
        }

        fn an_initial_response_too_long_for_a_line_waits_to_be_asked() {
            let password = [b'x'; 400];
            let password = core::str::from_utf8(&password).unwrap_or_default();
            let setup = Setup { user: Some(("u", password)), security: Security::Implicit, transmit: 600, ..PLAIN };
            let replies: [&[u8]; 4] = [b"220 hi\r\n", b"250-hi\r\n250 AUTH PLAIN\r\n", b"334 \r\n", b"535 no\r\n"];
            let (sent, _) = drive::<Full>(&setup, &mut &b""[..], &replies).expect("QUIT is not answered");
            assert!(text(&sent).starts_with("EHLO gate.test\r\nAUTH PLAIN\r\nAHUAeHh4"));
            assert!(text(&sent).ends_with("\r\nQUIT\r\n"));
        }

        fn what_cannot_be_said_is_refused_beforehand() {
            let outcome = |setup: Setup<'_>| drive::<Full>(&setup, &mut &b""[..], &[]).map(|_| ());
            for client in ["", "a b", "gate.test\r\nMAIL FROM:<>", "[1.2.3]", "g\u{e4}te"] {
                assert_eq!(outcome(Setup { client, ..PLAIN }), Err(Error::Client));
            }
            assert_eq!(outcome(Setup { user: Some(("u", "p")), ..PLAIN }), Err(Error::PasswordInClear));
            let storage = |transmit, accepted| Err(Error::Storage { receive: 64, transmit, accepted });
            assert_eq!(outcome(Setup { transmit: 63, ..PLAIN }), storage(64, 0));
            assert_eq!(outcome(Setup { transmit: 64, ..PLAIN }), storage(65, 0));
            assert_eq!(outcome(Setup { protocol: Protocol::Lmtp, transmit: 128, ..PLAIN }), storage(65, 1));
            let long = |transmit| Setup { user: Some(("a user whose name is long", "and a password which is longer still")),
                security: Security::Implicit, transmit, ..PLAIN };
            assert_eq!((outcome(long(96)), outcome(long(97))), (storage(97, 0), Ok(())));
            let lmtp = Setup { protocol: Protocol::Lmtp, ..PLAIN };
            assert_eq!(drive::<Basic>(&lmtp, &mut &b""[..], &[]).map(|_| ()), Err(Error::Protocol));
        }

        fn a_transcript_shows_no_secret() {
            #[derive(Default)]
            struct Lines(heapless::String<512>);
            impl Transcript for Lines {
                fn line(&mut self, line: Line<'_>) {
                    use core::fmt::Write;
                    let _ = match line {
                        Line::Client(text) => writeln!(self.0, "C: {}", core::str::from_utf8(text).unwrap_or_default()),
                        Line::Server(code, text) => writeln!(self.0, "S: {code} {}", core::str::from_utf8(text).unwrap_or_default()),
                        Line::Secret => writeln!(self.0, "C: (secret)"),
                        Line::MailData(octets) => writeln!(self.0, "C: ({octets} octets)"),
                    };
                }
            }
            let mut lines = Lines::default();
            let mut plain = Plain::new("user", "hunter2").expect("a user and a password");
            let config = Config { client: "gate.test", security: Security::Implicit, protocol: Protocol::Smtp, mechanisms: &mut [&mut plain] };
            let storage = Storage { receive: &mut [0; 64], transmit: &mut [0; 64], accepted: &mut [] };
            let mut session = Session::<Full, &[u8]>::new(config, storage).expect("it fits");
            session.trace(&mut lines);
            let mut replies = [&b"220 hi\r\n"[..], b"250-hi\r\n250 AUTH PLAIN\r\n", b"535 hunter2\r\n", b"221 bye\r\n"].into_iter();
            loop {
                match session.poll() {
                    Ok(Step::Duplex { transmit, .. }) => {
                        let count = transmit.len();
                        session.transmitted(count);
                    }
                    Ok(Step::Receive(receive)) => {
                        let reply = replies.next().expect("it ends with QUIT");
                        receive[..reply.len()].copy_from_slice(reply);
                        session.received(reply.len());
                    }
                    Ok(step) => panic!("{step:?}"),
                    Err(error) => {
                        assert!(matches!(error, Error::Refused { phase: Phase::Auth, .. }));
                        break;
                    }
                }
            }
            assert_eq!(lines.0, "S: 220 hi\nC: EHLO gate.test\nS: 250 hi\nS: 250 AUTH PLAIN\nC: AUTH PLAIN\nS: 535 \nC: QUIT\nS: 221 bye\n");
        }
    }
}
