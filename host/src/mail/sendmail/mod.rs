//! `sendmail`, as the programs of a machine call it: a mail on standard input, recipients as words or in its header.
//!
//! ```text
//! Words + octets --Intake--> Draft --recipients, aliases, complete--> Order + Draft --> the spool, or the account's servers
//! ```
//!
//! With a spool, a mail is taken when it is on disk; without one, when a server has it.

mod dialogue;
mod words;

pub use dialogue::{Dialogue, Takes};
pub use words::{Mode, Words};

use super::config::{self, Account, Environment, SPOOL};
use super::order::address;
use super::{Completion, Draft, Failure, Intake, LoneDot, Order, Report, To, address_list, deliver, queue};
use crate::spool::{Limits, Spool};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Runs `sendmail` with the words behind its name; nothing is said where nothing is wrong, unless `-v` asks for it.
///
/// Returns 0 once the mail is taken for every recipient, else a number of `sysexits.h`: [`Failure::exit_code`].
pub fn run(words: Vec<OsString>) -> u8 {
    let parsed = Words::parse(words).map_err(Failure::Usage);
    match parsed.and_then(|words| act(&words)) {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("sendmail: {failure}");
            failure.exit_code()
        }
    }
}

/// Lists what waits, as `sendmail -bp`.
pub fn mailq(words: Vec<OsString>) -> u8 {
    run([OsString::from("-bp")].into_iter().chain(words).collect())
}

fn act(words: &Words) -> Result<u8, Failure> {
    let sender = || {
        let mut warn = |warning: &str| {
            if words.verbose {
                eprintln!("sendmail: warning: {warning}");
            }
        };
        let environment = Environment::system();
        let (given, from) = (words.config.as_deref(), words.from.as_deref());
        let account = match given.map(Path::to_path_buf).or_else(|| config::find(&environment)) {
            Some(place) => config::load(&place, words.account.as_deref(), from, &environment, &mut warn)?,
            // Whoever delivers from the spool knows the way.
            None if Path::new(SPOOL).is_dir() => Account::new("", Vec::new()),
            None => {
                return Err(Failure::Config(
                    "there is no configuration in any of the usual places".to_owned(),
                ));
            }
        };
        Ok(Sender {
            account,
            environment,
            words,
        })
    };
    match &words.mode {
        Mode::Nothing => {}
        Mode::Version => print(format_args!("gatepost {}\n", env!("CARGO_PKG_VERSION"))),
        Mode::Submit => sender()?.submit()?,
        Mode::Dialogue => sender()?.converse()?,
        Mode::List => return waiting(&sender()?.account, ["queue", "", ""]),
        Mode::Flush(None) => return waiting(&sender()?.account, ["flush", "", ""]),
        Mode::Flush(Some(id)) => return waiting(&sender()?.account, ["flush", "--", id]),
    }
    Ok(0)
}

/// `gatepost mail` about the account's spool.
fn waiting(account: &Account, words: [&str; 3]) -> Result<u8, Failure> {
    let Some(spool) = account.spool() else {
        print(format_args!("nothing waits: there is no spool\n"));
        return Ok(0);
    };
    let [verb, more @ ..] = words.map(OsString::from);
    let mut all = vec![verb, "--spool".into(), spool.into()];
    all.extend(more.into_iter().filter(|word| !word.is_empty()));
    let code = queue::run(&all, &mut io::stdout(), &mut io::stderr());
    Ok(code.unwrap_or_default())
}

/// Who hands over mails, and how.
struct Sender<'a> {
    account: Account,
    environment: Environment,
    words: &'a Words,
}

impl Sender<'_> {
    /// One mail from standard input.
    fn submit(&self) -> Result<(), Failure> {
        let mut intake = Intake::new(u64::MAX);
        let mut dot = LoneDot::default();
        let mut input = io::stdin().lock();
        let mut room = vec![0; 64 * 1024];
        loop {
            let octets = match input.read(&mut room) {
                Ok(0) => break,
                Ok(count) => &room[..count],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Failure::Input(format!("the mail on standard input: {error}"))),
            };
            if self.words.ignore_dots {
                intake.feed(octets)?;
            } else if dot.feed(octets, &mut intake)? {
                break;
            }
        }
        if !self.words.ignore_dots {
            dot.finish(&mut intake)?;
        }
        let mut draft = intake.finish()?;
        let mut named = Vec::new();
        for recipient in &self.words.recipients {
            let listed = address_list::addresses(recipient.as_bytes());
            let listed = listed.map_err(|error| Failure::Header(format!("{recipient:?}: {error}")))?;
            named.extend(listed.into_iter().map(|listed| listed.address));
        }
        if self.words.recipients_in_header {
            named.extend(draft.recipients()?);
        }
        let order = Order {
            reverse_path: self.reverse_path()?,
            recipients: named.into_iter().map(To::from).collect(),
            ret: self.words.ret,
            envelope_id: self.words.envelope_id.clone(),
            ..Order::default()
        };
        self.hand_over(order, &mut draft).map(|_| ())
    }

    /// SMTP on standard input and output.
    fn converse(&self) -> Result<(), Failure> {
        let mut dialogue = Dialogue::new(&self.environment.host, LARGEST);
        let mut takes = |order: &Order, mut draft: Draft| self.hand_over(order.clone(), &mut draft);
        let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
        let lost = |error: io::Error| Failure::Input(format!("the client: {error}"));
        let mut room = vec![0; 64 * 1024];
        loop {
            let words = dialogue.output();
            output.write_all(&words).and_then(|()| output.flush()).map_err(lost)?;
            if dialogue.is_over() {
                return Ok(());
            }
            match input.read(&mut room) {
                Ok(0) => return Ok(()),
                Ok(count) => dialogue.feed(&room[..count], &mut takes),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(lost(error)),
            }
        }
    }

    /// Completes the mail and its envelope, and has it taken; says by whom.
    fn hand_over(&self, mut order: Order, draft: &mut Draft) -> Result<String, Failure> {
        let account = &self.account;
        order.recipients = self.resolve(&order.recipients)?;
        order.ret = order.ret.or(account.ret);
        let originator = match (&order.reverse_path, account.reverse_path()) {
            (Some(own), _) => own.clone(),
            (None, Some(usual)) => self.qualified(usual),
            (None, None) => self.qualified(self.user()),
        };
        let full_name = self.words.full_name.as_deref().or(account.full_name.as_deref());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        draft.complete(&Completion {
            account,
            originator: &originator,
            full_name: full_name.or(self.environment.full_name.as_deref()),
            domain: self.domain(),
            now,
        })?;
        match account.spool() {
            Some(spool) => self.keep(spool, &order, draft, now),
            None => self.deliver(&order, draft),
        }
    }

    fn keep(&self, place: &Path, order: &Order, draft: &Draft, now: Duration) -> Result<String, Failure> {
        let spool = Spool::open(place, Limits::default()).map_err(Failure::Spool)?;
        let id = order.lend(|envelope| {
            let taken = spool.push(envelope, &mut draft.reading(), now);
            taken.map_err(Failure::Spool)
        })?;
        self.tell(format_args!("queued as {id}"));
        Ok(format!("queued as {id}"))
    }

    fn deliver(&self, order: &Order, draft: &Draft) -> Result<String, Failure> {
        let mut said = String::new();
        order.lend(|envelope| {
            self.account.try_each(&mut |server| {
                deliver(server, envelope, &mut draft.reading(), &mut |report| {
                    if let Report::Accepted(reply) = report {
                        said = reply.to_owned();
                    }
                    self.tell(format_args!("{report}"));
                })
            })
        })?;
        Ok(said)
    }

    /// Who is meant by these names, each once.
    fn resolve(&self, named: &[To]) -> Result<Vec<To>, Failure> {
        let mut resolved: Vec<To> = Vec::new();
        for to in named {
            let meant = self.account.aliases.expand(&to.address).map_err(Failure::Header)?;
            for target in meant {
                let whole = self.qualified(&target);
                address(&whole)?;
                // An alias changes who gets it, not who was meant (RFC 3461 5.2.7.1).
                let original = (target != to.address).then(|| self.qualified(&to.address));
                if !resolved.iter().any(|known| known.address == whole) {
                    resolved.push(To {
                        address: whole,
                        notify: to.notify.or(self.words.notify).or(self.account.notify),
                        original: to
                            .original
                            .clone()
                            .or(original)
                            .filter(|original| address(original).is_ok()),
                    });
                }
            }
        }
        if resolved.is_empty() {
            return Err(Failure::Usage(
                "no recipient, neither as a word nor, with -t, in the header".to_owned(),
            ));
        }
        Ok(resolved)
    }

    /// What `-f` says, if it may; else what the configuration says; else the user.
    fn reverse_path(&self) -> Result<Option<String>, Failure> {
        let text = match (&self.words.from, self.account.reverse_path()) {
            (Some(own), _) if self.account.from_override => own,
            (_, Some(usual)) => usual,
            (_, None) => self.user(),
        };
        if matches!(text.trim(), "" | "<>") {
            return Ok(None);
        }
        let listed = address_list::addresses(text.as_bytes());
        let listed = listed.map_err(|error| Failure::Header(format!("{text:?}: {error}")))?;
        let [only] = &listed[..] else {
            return Err(Failure::Usage(format!("{text:?}: one address is the reverse-path")));
        };
        let whole = self.qualified(&only.address);
        address(&whole)?;
        Ok(Some(whole))
    }

    /// A name without a domain gets ours.
    fn qualified(&self, name: &str) -> String {
        // A quoted local-part may hold an `@` of its own.
        match name.rsplit_once('@') {
            Some((_, domain)) if !domain.ends_with('"') => name.to_owned(),
            _ => format!("{name}@{}", self.domain()),
        }
    }

    fn domain(&self) -> &str {
        let known = self.account.domain.as_deref().or(self.environment.mail_name.as_deref());
        known.unwrap_or(&self.environment.host)
    }

    fn user(&self) -> &str {
        self.environment.user.as_deref().unwrap_or("nobody")
    }

    fn tell(&self, line: std::fmt::Arguments<'_>) {
        // Standard output is the conversation's with -bs.
        if self.words.verbose && self.words.mode == Mode::Submit {
            print(format_args!("{line}\n"));
        }
    }
}

/// Prints, and goes on if nobody reads it: the mail matters more.
fn print(text: std::fmt::Arguments<'_>) {
    let _ = io::stdout().write_fmt(text);
}

/// What `-bs` takes, octets; without a spool a server says what it takes.
const LARGEST: u64 = 64 << 20;
