//! Watches, tells and mails: what the words of `gatepost watch` ask for, done.

use super::command::Watch;
use super::outbox::{Digest, Outbox, Step};
use super::{Change, Kind, Network, Stock};
use crate::json;
use crate::mail::{Failure, Letter, Server, submit};
use crate::netlink::events::group;
use crate::netlink::{Connection, Error, Event, Events, Query, errno};
use crate::object::{Object, family, route};
use gatepost_core::message::DateTime;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, TryRecvError, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What arrives from the other two threads.
enum Message {
    Event(Event),
    Lost(Error),
    /// A line of a delivery's progress.
    Progress(String),
    Delivery(Result<(), Failure>),
}

/// Why watching ended.
enum End {
    /// `--once`, with this exit code.
    Once(u8),
    /// The kernel cannot be watched any longer.
    Netlink(Error),
    /// Nobody reads the output.
    Output(io::Error),
}

pub(super) fn run(watch: &Watch, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let end = match watch_until_end(watch, out, err) {
        Ok(end) | Err(end) => end,
    };
    // If nobody reads the error either, the exit code is all that is left.
    match end {
        End::Once(code) => return code,
        End::Netlink(error) => drop(writeln!(err, "gatepost watch: netlink: {error}")),
        End::Output(error) => drop(writeln!(err, "gatepost watch: the output: {error}")),
    }
    OS_ERROR
}

impl From<Error> for End {
    fn from(error: Error) -> Self {
        Self::Netlink(error)
    }
}

impl From<io::Error> for End {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

fn watch_until_end(watch: &Watch, out: &mut dyn Write, err: &mut dyn Write) -> Result<End, End> {
    let (messages, inbox) = sync_channel(WAITING_EVENTS);
    // First the subscription, then the stock: nothing can change unseen in between.
    let mut connection = Connection::open()?;
    listen(watch.neighbours, messages.clone())?;
    let mut network = Network::default();
    network.learn(&stock(&mut connection)?);
    tell(watch.json, out, "watching", &network.summary())?;

    let letters = watch.server.clone().map(|server| deliver(server, messages));
    let start = Instant::now();
    let mut outbox = Outbox::<Letter>::new(watch.settle);
    loop {
        let message = match next(&inbox, &mut outbox, &mut network, start) {
            Next::Message(message) => message,
            Next::Restock => {
                let changes = network.default_routes(&routes(&mut connection)?);
                if let Some(end) = changed(watch, &mut outbox, changes, start.elapsed(), out)? {
                    return Ok(end);
                }
                continue;
            }
            Next::Compose(digest) => {
                match letter(watch, digest) {
                    Ok(letter) => outbox.hold(letter, start.elapsed()),
                    Err(failure) => writeln!(err, "gatepost watch: alert not mailed: {failure}")?,
                }
                continue;
            }
            Next::Deliver => {
                if let (Some(letters), Some(letter)) = (&letters, outbox.letter()) {
                    // The thread lives as long as its inbox.
                    let _ = letters.send(letter.clone());
                }
                continue;
            }
        };
        let changes = match message {
            Message::Event(Event::Overrun) => {
                tell(watch.json, out, "events lost", "taking stock anew")?;
                network.take_stock(&stock(&mut connection)?)
            }
            Message::Event(event) => network.feed(&event),
            Message::Lost(error) => return Err(error.into()),
            Message::Progress(line) => {
                tell(watch.json, out, "mail", &line)?;
                continue;
            }
            Message::Delivery(outcome) => {
                if let Some(code) = settle(&mut outbox, outcome, start.elapsed(), err)?
                    && watch.once
                {
                    return Ok(End::Once(code));
                }
                continue;
            }
        };
        if let Some(end) = changed(watch, &mut outbox, changes, start.elapsed(), out)? {
            return Ok(end);
        }
    }
}

/// What to do next.
enum Next {
    Message(Message),
    Restock,
    Compose(Digest),
    Deliver,
}

/// Everything that has arrived comes first, so that one stocktaking serves all of it.
fn next(inbox: &Receiver<Message>, outbox: &mut Outbox<Letter>, network: &mut Network, start: Instant) -> Next {
    match inbox.try_recv() {
        Ok(message) => return Next::Message(message),
        Err(TryRecvError::Empty) if network.take_stale() => return Next::Restock,
        Err(_) => {}
    }
    loop {
        let wait = match outbox.poll(start.elapsed()) {
            Step::Compose(digest) => return Next::Compose(digest),
            Step::Deliver => return Next::Deliver,
            Step::Wait(wait) => wait.unwrap_or(Duration::from_secs(3600)),
        };
        match inbox.recv_timeout(wait) {
            Ok(message) => return Next::Message(message),
            Err(RecvTimeoutError::Timeout) => {}
            // The listening thread says why before it ends; without it there is nothing to wait for.
            Err(RecvTimeoutError::Disconnected) => {
                return Next::Message(Message::Lost(Error::Io(io::ErrorKind::BrokenPipe.into())));
            }
        }
    }
}

/// Tells changes, and queues those that an operator must know.
fn changed(
    watch: &Watch,
    outbox: &mut Outbox<Letter>,
    changes: Vec<Change>,
    now: Duration,
    out: &mut dyn Write,
) -> Result<Option<End>, io::Error> {
    for change in changes {
        if watch.json {
            writeln!(out, "{}", change.json())?;
        } else {
            writeln!(out, "{change}")?;
        }
        out.flush()?;
        if matches!(change.kind, Kind::Link | Kind::Address | Kind::DefaultRoute) {
            outbox.hasten(now);
        }
        if change.alert {
            if watch.server.is_some() {
                outbox.feed(format!("{}  {change}", date()), now);
            } else if watch.once {
                return Ok(Some(End::Once(0)));
            }
        }
    }
    Ok(None)
}

/// Draws the consequences of an attempt; the exit code if the letter is settled.
fn settle(
    outbox: &mut Outbox<Letter>,
    outcome: Result<(), Failure>,
    now: Duration,
    err: &mut dyn Write,
) -> Result<Option<u8>, io::Error> {
    let failure = match outcome {
        Ok(()) => {
            outbox.done();
            return Ok(Some(0));
        }
        Err(failure) => failure,
    };
    if failure.is_final() {
        outbox.done();
        writeln!(err, "gatepost watch: alert given up: {failure}")?;
        return Ok(Some(failure.exit_code()));
    }
    if let (Some(remaining), Some(letter)) = (failure.remaining(), outbox.letter()) {
        letter.keep(&remaining);
    }
    let wait = outbox.failed(now).as_secs();
    writeln!(
        err,
        "gatepost watch: alert not mailed yet: {failure}; next attempt in {wait} s"
    )?;
    Ok(None)
}

fn letter(watch: &Watch, digest: Digest) -> Result<Letter, Failure> {
    let subject = match host_name() {
        Some(host) => format!("{host}: {}", digest.subject),
        None => digest.subject,
    };
    watch.options.letter(None, subject, digest.text, None)
}

/// Sends what the kernel tells to the inbox; a full inbox leaves it in the socket's buffer.
fn listen(neighbours: bool, inbox: SyncSender<Message>) -> Result<(), Error> {
    let mut groups = vec![
        group::LINK,
        group::IPV4_ADDRESS,
        group::IPV6_ADDRESS,
        group::IPV4_ROUTE,
        group::IPV6_ROUTE,
    ];
    if neighbours {
        groups.push(group::NEIGHBOUR);
    }
    let mut events = Events::open(&groups)?;
    thread::spawn(move || {
        loop {
            let message = match events.next(None) {
                Ok(Some(event)) => Message::Event(event),
                Ok(None) => continue,
                Err(error) => Message::Lost(error),
            };
            let last = matches!(message, Message::Lost(_));
            if inbox.send(message).is_err() || last {
                return;
            }
        }
    });
    Ok(())
}

/// Submits what it is sent, one after the other, and tells the inbox how it went.
fn deliver(server: Server, inbox: SyncSender<Message>) -> Sender<Letter> {
    let (letters, queue) = channel::<Letter>();
    thread::spawn(move || {
        for letter in queue {
            let outcome = submit(&server, &letter, &mut |report| {
                // Whom nobody listens to any more ends with the program.
                let _ = inbox.send(Message::Progress(report.to_string()));
            });
            if inbox.send(Message::Delivery(outcome)).is_err() {
                return;
            }
        }
    });
    letters
}

fn tell(as_json: bool, out: &mut dyn Write, kind: &str, what: &str) -> Result<(), io::Error> {
    if as_json {
        writeln!(
            out,
            "{}",
            json::Object::new().text("kind", kind).text("what", what).finish()
        )?;
    } else {
        writeln!(out, "{kind}: {what}")?;
    }
    out.flush()
}

/// All links and addresses, and the main table of both address families.
fn stock(connection: &mut Connection) -> Result<Stock, Error> {
    Ok(Stock {
        links: connection.dump(&Query::links())?,
        addresses: connection.dump(&Query::Addresses {
            family: family::UNSPEC,
            index: 0,
        })?,
        routes: routes(connection)?,
    })
}

/// The main table of both address families.
fn routes(connection: &mut Connection) -> Result<Vec<Object>, Error> {
    let mut routes = Vec::new();
    for family in [family::INET, family::INET6] {
        let table = connection.dump(&Query::Routes {
            family,
            table: route::table::MAIN,
            protocol: 0,
            oif: 0,
            cloned: false,
        });
        match table {
            Ok(table) => routes.extend(table),
            // The kernel makes a table with its first route.
            Err(Error::Refused(refusal)) if refusal.errno == errno::ENOENT => {}
            Err(error) => return Err(error),
        }
    }
    Ok(routes)
}

fn date() -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let date = i64::try_from(now)
        .ok()
        .and_then(|seconds| DateTime::from_unix(seconds, 0).ok());
    date.map_or_else(|| format!("{now} s"), |date| date.to_string())
}

fn host_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().replace(char::is_control, "?")).filter(|name| !name.is_empty())
}

/// How many events wait in memory before they wait in the socket.
const WAITING_EVENTS: usize = 1024;
/// EX_OSERR
const OS_ERROR: u8 = 71;
