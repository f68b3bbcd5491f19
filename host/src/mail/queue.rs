//! The words of `gatepost mail` about the spool: queue, flush, hold, drop, deliver.

use super::{Failure, Options, Submission};
use crate::json;
use crate::spool::{EntryId, Error, Limits, Listed, Schedule, Spool};
use lexopt::{Arg, Parser, ValueExt};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use rustix::rand::{GetRandomFlags, getrandom};
use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What the words are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Queue,
    Flush,
    Hold,
    Drop,
    Deliver,
}

impl Verb {
    fn named(word: &str) -> Option<Self> {
        Some(match word {
            "queue" => Self::Queue,
            "flush" => Self::Flush,
            "hold" => Self::Hold,
            "drop" => Self::Drop,
            "deliver" => Self::Deliver,
            _ => return None,
        })
    }
}

/// Where the spool is and what it may hold; shared with the words that hand mails over.
#[derive(Clone, Debug)]
pub struct Place {
    directory: PathBuf,
    limits: Limits,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            directory: DIRECTORY.into(),
            limits: Limits::default(),
        }
    }
}

impl Place {
    /// One line per flag, for the usage text of every applet that takes them.
    pub const HELP: &str = "\
  --spool DIR              where mails wait; /var/spool/gatepost
  --spool-octets COUNT     how many octets may wait there; 67108864
  --spool-mails COUNT      how many mails; 1000
  --spool-message COUNT    how many octets one mail may have; 33554432
";

    /// Takes `--flag` and its value if it is one of these; false if it is another's.
    pub fn take(&mut self, flag: &str, parser: &mut Parser) -> Result<bool, lexopt::Error> {
        match flag {
            "spool" => self.directory = parser.value()?.into(),
            "spool-octets" => self.limits.octets = parser.value()?.parse()?,
            "spool-mails" => self.limits.mails = parser.value()?.parse()?,
            "spool-message" => self.limits.message = parser.value()?.parse()?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Opens the spool.
    pub fn open(&self) -> Result<Spool, Error> {
        Spool::open(&self.directory, self.limits)
    }
}

/// What the words ask for.
struct Words {
    verb: Verb,
    place: Place,
    options: Options,
    ids: Vec<EntryId>,
    all: bool,
    json: bool,
    once: bool,
    schedule: Schedule,
    host: Option<String>,
}

/// Runs the words behind `gatepost mail` if they are about the spool: exit code, or `None` if they are not.
pub(super) fn run(arguments: &[OsString], out: &mut dyn Write, err: &mut dyn Write) -> Option<u8> {
    let verb = Verb::named(arguments.first()?.to_str()?)?;
    let parser = Parser::from_args(arguments.get(1..).unwrap_or_default());
    let outcome = match parse(verb, parser) {
        Ok(Some(words)) => act(&words, out, err),
        Ok(None) => {
            // Who asked for help and does not read it needs no error.
            let _ = write!(out, "{USAGE}{}{}", Place::HELP, Options::HELP);
            Ok(0)
        }
        Err(error) => Err((64, format!("{error}; --help tells the flags"))),
    };
    Some(outcome.unwrap_or_else(|(code, error)| {
        let _ = writeln!(err, "gatepost mail: {error}");
        code
    }))
}

/// An exit code, or another one with the line that says why.
type Outcome = Result<u8, (u8, String)>;

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(error.exit_code(), error.to_string())
    }
}

impl From<Failure> for Failed {
    fn from(failure: Failure) -> Self {
        Self(failure.exit_code(), failure.to_string())
    }
}

/// The exit code, and why.
struct Failed(u8, String);

impl From<Failed> for (u8, String) {
    fn from(Failed(code, why): Failed) -> Self {
        (code, why)
    }
}

fn failed<E: Into<Failed>>(error: E) -> (u8, String) {
    error.into().into()
}

fn act(words: &Words, out: &mut dyn Write, err: &mut dyn Write) -> Outcome {
    // What the configuration says is read with the user's own rights: opening the spool may add the group's.
    let account = match words.verb {
        Verb::Deliver => {
            let warn = &mut |warning: &str| drop(writeln!(err, "gatepost mail: warning: {warning}"));
            Some(words.options.account(warn).map_err(failed)?)
        }
        _ => None,
    };
    let spool = words.place.open().map_err(failed)?;
    match (words.verb, &account) {
        (Verb::Deliver, Some(account)) => return deliver(words, &spool, &mut Submission::new(account), out, err),
        (Verb::Queue, _) => list(&spool, words.json, out).map_err(failed)?,
        (Verb::Flush, _) if words.ids.is_empty() => {
            let count = spool.flush_all(now()).map_err(failed)?;
            tell(out, format_args!("{count} made due"));
        }
        _ => {
            let mut ids = words.ids.clone();
            if words.all {
                ids = spool.list().map_err(failed)?.iter().map(|listed| listed.id).collect();
            }
            for id in ids {
                let (done, what) = match words.verb {
                    Verb::Hold => (spool.hold(id), "held"),
                    Verb::Drop => (spool.discard(id), "dropped"),
                    _ => (spool.flush(id, now()), "made due"),
                };
                match done {
                    Ok(()) => tell(out, format_args!("{id} {what}")),
                    // Of all entries it may just have been delivered.
                    Err(Error::Unknown(_)) if words.all => {}
                    Err(error) => return Err(failed(error)),
                }
            }
        }
    }
    Ok(0)
}

/// Delivers: once what is due, or until it is ended.
fn deliver(
    words: &Words,
    spool: &Spool,
    courier: &mut Submission<'_>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Outcome {
    let host = words.host.clone().unwrap_or_else(host_name);
    let Some(mut delivery) = spool.delivery(words.schedule, &host).map_err(failed)? else {
        return Err((75, "spool: another process delivers from it".to_owned()));
    };
    // Before the first look, so that nothing slips in between.
    let watch = (!words.once)
        .then(|| watch(spool))
        .transpose()
        .map_err(|error| (71, error.to_string()))?;
    loop {
        let report = &mut |report| tell(out, format_args!("{report}"));
        let wake = match delivery.run(courier, &mut now, &mut random, report) {
            Ok(wake) => wake,
            Err(error) if words.once => return Err(failed(error)),
            // A disk that is full or failing may recover; the mails are where they are.
            Err(error) => {
                let _ = writeln!(err, "gatepost mail: {error}");
                Some(now() + RETRY)
            }
        };
        let Some(watch) = &watch else { return Ok(0) };
        let wait = wake.map_or(LONGEST_WAIT, |wake| wake.saturating_sub(now()).min(LONGEST_WAIT));
        settle(watch, wait.max(SHORTEST_WAIT)).map_err(|error| (71, error.to_string()))?;
    }
}

/// A descriptor that has something to read when files of the spool come under their names.
fn watch(spool: &Spool) -> Result<OwnedFd, rustix::io::Errno> {
    use std::os::fd::AsFd;
    let watch = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
    let path = format!("/proc/self/fd/{}", spool.as_fd().as_raw_fd());
    inotify::add_watch(&watch, path, WatchFlags::MOVED_TO)?;
    Ok(watch)
}

/// Waits until a mail comes, or for so long.
fn settle(watch: &OwnedFd, wait: Duration) -> Result<(), rustix::io::Errno> {
    // At most an hour.
    let limit = Timespec {
        tv_sec: wait.as_secs().try_into().unwrap_or(i64::from(u16::MAX)),
        tv_nsec: wait.subsec_nanos().into(),
    };
    match poll(&mut [PollFd::new(watch, PollFlags::IN)], Some(&limit)) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(error) => return Err(error),
    }
    // What came is looked for in the directory; here it is only put away.
    let mut events = [0; 4096];
    while matches!(rustix::io::read(watch, &mut events), Ok(1..)) {}
    Ok(())
}

/// One entry after the other: what it is, and what each recipient waits for.
fn list(spool: &Spool, as_json: bool, out: &mut dyn Write) -> Result<(), Error> {
    let (list, now) = (spool.list()?, now());
    // Nobody may read it to its end.
    let mut write = |line: std::fmt::Arguments<'_>| drop(writeln!(out, "{line}"));
    for Listed { id, octets, content } in &list {
        let mail = match content {
            Ok(mail) => mail,
            Err(damage) if as_json => {
                let object = json::Object::new().text("id", id.as_str()).plain("octets", octets);
                write(format_args!("{}", object.text("damage", &damage.to_string()).finish()));
                continue;
            }
            Err(damage) => {
                write(format_args!("{id}  {octets} octets, damaged: {damage}"));
                continue;
            }
        };
        let record = &mail.record;
        let from = record.envelope.reverse_path().unwrap_or("<>");
        let age = now.saturating_sub(record.created);
        if as_json {
            let object = json::Object::new()
                .text("id", id.as_str())
                .plain("octets", octets)
                .plain("created", record.created.as_secs())
                .text("from", from);
            let head = match &mail.state {
                Ok(state) => object
                    .plain("attempts", state.attempts)
                    .plain("next", state.next.as_secs())
                    .plain("held", state.held)
                    .text("why", state.why()),
                Err(damage) => object.text("damage", &damage.to_string()),
            };
            let recipients = record.envelope.recipients().enumerate().map(|(place, address)| {
                let state = mail.state.as_ref().ok().and_then(|state| state.recipients.get(place));
                let object = json::Object::new().text("address", address);
                state
                    .map(|state| (state.status.as_str(), state.reply.as_str()))
                    .into_iter()
                    .fold(object, |object, (status, reply)| {
                        object.text("status", status).text("reply", reply)
                    })
                    .finish()
            });
            let recipients = format!("[{}]", recipients.collect::<Vec<_>>().join(","));
            write(format_args!("{}", head.plain("recipients", recipients).finish()));
            continue;
        }
        let when = match &mail.state {
            Ok(state) if state.held => format!("held after {}", attempts(state.attempts)),
            Ok(state) => {
                let wait = state.next.saturating_sub(now);
                let next = if wait.is_zero() {
                    "due now".to_owned()
                } else {
                    format!("next in {}", span(wait))
                };
                format!("{}, {next}", attempts(state.attempts))
            }
            Err(damage) => format!("its state is damaged, so it waits to be flushed or dropped: {damage}"),
        };
        write(format_args!(
            "{id}  {octets} octets, {} old, from {from}; {when}",
            span(age)
        ));
        if let Ok(state) = &mail.state {
            for (address, recipient) in record.envelope.recipients().zip(&state.recipients) {
                let why = match recipient.reply.as_str() {
                    "" if recipient.status.is_open() => &state.reason,
                    reply => reply,
                };
                let gap = if why.is_empty() { "" } else { ": " };
                write(format_args!("    {address}  {}{gap}{why}", recipient.status.as_str()));
            }
        }
    }
    if !as_json {
        write(format_args!("{} waiting", mails(list.len())));
    }
    Ok(())
}

fn mails(count: usize) -> String {
    if count == 1 {
        "1 mail".to_owned()
    } else {
        format!("{count} mails")
    }
}

fn attempts(count: u32) -> String {
    match count {
        0 => "not tried yet".to_owned(),
        1 => "tried once".to_owned(),
        count => format!("tried {count} times"),
    }
}

/// A span of time in its largest unit.
fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86400),
    }
}

/// `None`: help was asked for.
fn parse(verb: Verb, mut parser: Parser) -> Result<Option<Words>, lexopt::Error> {
    let mut words = Words {
        verb,
        place: Place::default(),
        options: Options::default(),
        ids: Vec::new(),
        all: false,
        json: false,
        once: false,
        schedule: Schedule::default(),
        host: None,
    };
    while let Some(arg) = parser.next()? {
        let flag = match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Value(word) if matches!(verb, Verb::Flush | Verb::Hold | Verb::Drop) => {
                let id = word.to_str().and_then(EntryId::parse);
                words
                    .ids
                    .push(id.ok_or_else(|| format!("{word:?} is no name of an entry; `queue` tells them"))?);
                continue;
            }
            Arg::Long(flag) => flag.to_owned(),
            arg => return Err(arg.unexpected()),
        };
        match (flag.as_str(), verb) {
            ("json", Verb::Queue) => words.json = true,
            ("all", Verb::Hold | Verb::Drop) => words.all = true,
            ("once", Verb::Deliver) => words.once = true,
            ("retry-first", Verb::Deliver) => words.schedule.first = seconds(&mut parser)?,
            ("retry-longest", Verb::Deliver) => words.schedule.longest = seconds(&mut parser)?,
            ("lifetime", Verb::Deliver) => words.schedule.lifetime = seconds(&mut parser)?,
            ("late", Verb::Deliver) => words.schedule.late = seconds(&mut parser)?,
            ("host", Verb::Deliver) => words.host = Some(parser.value()?.string()?),
            (flag, _) if words.place.take(flag, &mut parser)? => {}
            (flag, Verb::Deliver) if words.options.take(flag, &mut parser)? => {}
            (flag, _) => return Err(Arg::Long(flag).unexpected()),
        }
    }
    if matches!(verb, Verb::Hold | Verb::Drop) && words.ids.is_empty() && !words.all {
        return Err("name entries, or say --all".into());
    }
    if let Some(host) = &words.host
        && !is_host(host)
    {
        return Err(format!("--host {host:?} is no domain name").into());
    }
    Ok(Some(words))
}

/// 1 second to a year.
fn seconds(parser: &mut Parser) -> Result<Duration, lexopt::Error> {
    let seconds: u64 = parser.value()?.parse()?;
    match seconds {
        1..=31_536_000 => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("{seconds} seconds are none or more than a year").into()),
    }
}

/// The machine's name if it can stand in an address.
fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if is_host(name) {
        name.to_owned()
    } else {
        "localhost".to_owned()
    }
}

fn is_host(name: &str) -> bool {
    gatepost_core::message::Address::parse(&format!("MAILER-DAEMON@{name}")).is_ok() && !name.contains('[')
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn random() -> u32 {
    let mut octets = [0; 4];
    // Without it the waits have no jitter, and nothing else is lost.
    let _ = getrandom(&mut octets, GetRandomFlags::empty());
    u32::from_ne_bytes(octets)
}

/// Prints, and goes on if nobody reads it: the mail matters more.
fn tell(out: &mut dyn Write, what: impl Display) {
    let _ = writeln!(out, "spool: {what}");
    let _ = out.flush();
}

/// The system's spool.
const DIRECTORY: &str = "/var/spool/gatepost";
/// How long to wait after the spool itself failed.
const RETRY: Duration = Duration::from_secs(60);
/// The spool is looked at so often, also if nothing is known to be due: the clock may be set.
const LONGEST_WAIT: Duration = Duration::from_secs(60 * 60);
/// And never more often, unless a mail comes.
const SHORTEST_WAIT: Duration = Duration::from_millis(100);

const USAGE: &str = "\
usage: gatepost mail queue [--json]            what waits, and why
       gatepost mail flush [ID ...]            try again now: these, or all that are not held
       gatepost mail hold ID ... | --all       do not try these until they are flushed by their name
       gatepost mail drop ID ... | --all       remove these, undelivered, and tell nobody
       gatepost mail deliver [--once] [--server HOST ...]

deliver is the one process that delivers what waits, as it comes and as it becomes due; with --once only what is
due now. Who waited too long, or was refused, is reported to the originator; a report that fails, to nobody.

  --once                   end when nothing is due
  --retry-first SECONDS    before the second attempt; 60. Each further wait is twice as long
  --retry-longest SECONDS  between attempts at most; 3600
  --lifetime SECONDS       give up then; 432000, which is 5 days
  --late SECONDS           report the delay then to who asked for it (NOTIFY=DELAY); 14400
  --host NAME              the name in reports; else the machine's
";
