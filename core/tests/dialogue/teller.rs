//! Tells a story: the session on one side, its peer on the other.

use super::doubles::{Data, Lines, mechanisms};
use super::peer::Peer;
use super::story::{Mail, Story, Turn};
use gatepost_core::machine::{Machine, Step};
use gatepost_core::message::Address;
use gatepost_core::smtp::sasl::Mechanism;
use gatepost_core::smtp::{
    Basic, Config, Date, DeliverBy, Envelope, EnvelopeId, Error, Event, Full, Hold, Notify, Options, Priority, Profile,
    Recipient, Session, Storage,
};

/// Tells `story` with reads and writes of at most so many octets.
pub(crate) fn tell(story: &Story, read_size: usize, write_size: usize, joined: bool) {
    let place = format!("{} (read {read_size}, write {write_size}, joined {joined})", story.name);
    let peer = Peer::new(place, &story.turns, joined);
    let transcript = if story.basic {
        tell_with::<Basic>(story, peer, read_size, write_size)
    } else {
        tell_with::<Full>(story, peer, read_size, write_size)
    };
    check_transcript(story, &transcript);
}

fn tell_with<P: Profile>(story: &Story, mut peer: Peer<'_>, read_size: usize, write_size: usize) -> Vec<String> {
    let recipients: Vec<Vec<Recipient<'_>>> = story
        .mails
        .iter()
        .map(|mail| mail.recipients.iter().map(|words| recipient(words)).collect())
        .collect();
    let envelopes: Vec<Envelope<'_>> = story
        .mails
        .iter()
        .zip(&recipients)
        .map(|(mail, recipients)| Envelope {
            reverse_path: mail.reverse_path.as_deref().map(address),
            recipients,
            options: options(mail),
        })
        .collect();
    let mut mails = envelopes.iter().zip(story.mails.iter().map(Data::new));
    let mut failures = vec![[0; 128]; story.mechanisms.len()];
    let mut mechanisms = mechanisms(story, &mut failures);
    let mut mechanisms: Vec<&mut dyn Mechanism> =
        mechanisms.iter_mut().map(|mechanism| &mut **mechanism as _).collect();
    let config = Config {
        client: &story.client,
        security: story.security,
        protocol: story.protocol,
        mechanisms: &mut mechanisms,
    };
    let (mut receive, mut transmit) = (vec![0; story.storage.0], vec![0; story.storage.1]);
    let mut accepted = [0; 4];
    let storage = Storage {
        receive: &mut receive,
        transmit: &mut transmit,
        accepted: &mut accepted,
    };
    let mut lines = Lines::default();
    let mut session = match Session::<P, Data<'_>>::new(config, storage) {
        Ok(session) => session,
        Err(error) => {
            peer.expect(&format!("error {error}"));
            peer.end();
            return lines.0;
        }
    };
    session.trace(&mut lines);
    if let Some(error) = give(&mut session, &mut mails) {
        peer.expect(&format!("error {error}"));
    }
    loop {
        match session.poll() {
            Ok(Step::Receive(_) | Step::Duplex { .. }) if peer.pauses() => {
                if !peer.pause(session.timeout()) {
                    peer.expect(&format!("time-out {}", session.phase()));
                    break;
                }
            }
            Ok(Step::Duplex { receive, .. }) if peer.speaks() => {
                let count = peer.say(receive, read_size);
                session.received(count);
            }
            Ok(Step::Transmit(octets) | Step::Duplex { transmit: octets, .. }) => {
                let count = peer.hear(&octets[..octets.len().min(write_size)]);
                session.transmitted(count);
            }
            Ok(Step::Receive(room)) => {
                let count = peer.say(room, read_size);
                session.received(count);
            }
            Ok(Step::Event(Event::Ready)) => {
                if peer.tells("ready") {
                    peer.expect("ready");
                }
                match peer.act() {
                    Some("wait") => session.wait(),
                    Some("quit") => session.quit(),
                    Some("mail") | None => {
                        if let Some(error) = give(&mut session, &mut mails) {
                            peer.expect(&format!("error {error}"));
                        }
                    }
                    Some(act) => panic!("{}: no act {act:?}", story.name),
                }
            }
            Ok(Step::Event(event)) => {
                peer.expect(&words(&session, event));
                match event {
                    Event::StartTls => session.secured(None),
                    Event::Closed => break,
                    _ => {}
                }
            }
            Err(error) => {
                peer.skip_unheard();
                peer.expect(&format!("error {error}"));
                assert_eq!(session.poll(), Err(error), "{}", story.name);
                break;
            }
        }
    }
    peer.end();
    lines.0
}

/// Hands over the next mail, if there is one.
fn give<'a, P: Profile>(
    session: &mut Session<'a, P, Data<'a>>,
    mails: &mut impl Iterator<Item = (&'a Envelope<'a>, Data<'a>)>,
) -> Option<Error> {
    let (envelope, data) = mails.next()?;
    session.mail(envelope, data).err()
}

/// An event with what the server said to it.
fn words<P: Profile>(session: &Session<'_, P, Data<'_>>, event: Event) -> String {
    let name = match event {
        Event::StartTls => "starttls".to_owned(),
        Event::Ready => "ready".to_owned(),
        Event::Recipient { index, .. } => format!("recipient {index}"),
        Event::Deferred { from } => format!("deferred {from}"),
        Event::Delivered { index, .. } => format!("delivered {index}"),
        Event::Accepted => "accepted".to_owned(),
        Event::Failed(error) => return format!("failed {error}"),
        Event::Closed => return "closed".to_owned(),
    };
    let reply = session.reply().expect("an event follows a reply");
    if let Event::Recipient { code, .. } | Event::Delivered { code, .. } = event {
        assert_eq!(code, reply.code);
    }
    format!("{name} {reply}")
}

/// What the story tells of the transcript; and no secret.
fn check_transcript(story: &Story, transcript: &[String]) {
    if !story.transcript.is_empty() {
        assert_eq!(transcript, story.transcript, "{}", story.name);
    }
    let passwords = story.mechanisms.iter().filter_map(|words| words.get(2)).cloned();
    let said = story.turns.iter().filter_map(|turn| match turn {
        Turn::Client(octets) => String::from_utf8(octets.clone()).ok(),
        _ => None,
    });
    let initial = said.filter_map(|said| {
        said.strip_prefix("AUTH ")?
            .trim_end()
            .split(' ')
            .nth(1)
            .map(str::to_owned)
    });
    for secret in passwords.chain(initial).filter(|secret| secret.len() > 4) {
        let shown = transcript.iter().find(|line| line.contains(&secret));
        assert!(shown.is_none(), "{}: {shown:?}", story.name);
    }
}

fn recipient(words: &[String]) -> Recipient<'_> {
    let mut recipient = Recipient::from(address(&words[0]));
    for word in &words[1..] {
        match word.split_once('=') {
            Some(("notify", occasions)) => {
                let on = |occasion| occasions.split(',').any(|word| word == occasion);
                recipient.notify = Some(Notify {
                    success: on("success"),
                    failure: on("failure"),
                    delay: on("delay"),
                });
            }
            Some(("original", text)) => recipient.original = Some(address(text)),
            _ => panic!("no parameter {word:?}"),
        }
    }
    recipient
}

fn options(mail: &Mail) -> Options<'_> {
    Options {
        ret: mail.ret,
        envelope_id: mail
            .envelope_id
            .as_deref()
            .map(|text| EnvelopeId::new(text).expect(WRITTEN)),
        require_tls: mail.require_tls,
        priority: mail.priority.map(|value| Priority::new(value).expect(WRITTEN)),
        deliver_by: mail.deliver_by.map(|(seconds, returns, trace)| DeliverBy {
            seconds,
            returns,
            trace,
        }),
        hold: mail.hold.as_deref().map(|text| match text.parse() {
            Ok(seconds) => Hold::For(seconds),
            Err(_) => Hold::Until(Date::new(text).expect(WRITTEN)),
        }),
        all_or_nothing: mail.all_or_nothing,
    }
}

fn address(text: &str) -> Address<'_> {
    Address::parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"))
}

/// Why a parameter of a story can be used.
const WRITTEN: &str = "the story writes it as the standard does";
