//! The delivery process: takes what is due, has it carried away, and records what became of it. Time is an argument.

use super::bounce::{self, wants_delay, wants_failure};
use super::record::one_line;
use super::state::Status;
use super::store::Spool;
use super::{Attempt, Content, Courier, Damage, EntryId, Error, MailRecord, Outcome, Schedule, State, privilege};
use rustix::io::Errno;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::fs::{File, TryLockError};
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

/// The one process that delivers from a spool; the kernel ends its claim with the process.
pub struct Delivery<'a> {
    spool: &'a Spool,
    schedule: Schedule,
    /// Who reports: a domain name.
    host: String,
    _lock: File,
    /// What the last look found due, the longest due first.
    due: VecDeque<EntryId>,
    /// When the next one is due that was not; `None`: nothing waits.
    wake: Option<Duration>,
    /// Outcomes that could not be written: such entries are not delivered again, as long as this process lives.
    unrecorded: BTreeMap<EntryId, State>,
    /// Entries that could not be tried for a reason of ours, until when.
    postponed: BTreeMap<EntryId, Duration>,
    /// What was reported as damaged already.
    damaged: BTreeSet<EntryId>,
}

/// An entry that is due, locked until it is fed back or dropped.
pub struct Entry {
    id: EntryId,
    file: Arc<File>,
    mail: MailRecord,
    state: State,
    /// The recipients that are to be tried.
    places: Vec<usize>,
    /// Room for the state after the attempt.
    reserved: Option<File>,
}

/// What happened to an entry, for a person to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A recipient's mail was taken, or will never be.
    Settled {
        /// The entry.
        id: EntryId,
        /// The recipient.
        recipient: String,
        /// Whether the server took the mail.
        delivered: bool,
        /// In what words, escaped.
        reply: String,
    },
    /// Somebody still waits.
    Waits {
        /// The entry.
        id: EntryId,
        /// Why, escaped.
        why: String,
        /// For how long.
        wait: Duration,
    },
    /// A report to the originator was spooled.
    Reported {
        /// The entry.
        id: EntryId,
        /// The report's own name.
        report: EntryId,
    },
    /// A failure of which nobody is told: the mail is a report itself, or its originator does not want to know.
    Untold {
        /// The entry.
        id: EntryId,
        /// Who does not get it.
        recipient: String,
    },
    /// The entry cannot be read, and waits for the operator.
    Damaged {
        /// The entry.
        id: EntryId,
        /// What is wrong.
        damage: Damage,
    },
    /// What became of the entry, or that it will be tried, could not be written.
    Unrecorded {
        /// The entry.
        id: EntryId,
        /// Why not.
        why: String,
    },
}

impl Spool {
    /// Becomes the delivery process; `None` if another one is.
    ///
    /// Reports are made in the name of `host`.
    pub fn delivery(&self, schedule: Schedule, host: &str) -> Result<Option<Delivery<'_>>, Error> {
        if privilege::borrower().is_some() {
            return Err(Error::Borrowed);
        }
        let lock = self.directory.lock_file(LOCK)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(Error::system("locking the spool")(error)),
        }
        Ok(Some(Delivery {
            spool: self,
            schedule,
            host: host.to_owned(),
            _lock: lock,
            due: VecDeque::new(),
            wake: None,
            unrecorded: BTreeMap::new(),
            postponed: BTreeMap::new(),
            damaged: BTreeSet::new(),
        }))
    }
}

impl Delivery<'_> {
    /// Has everything delivered that is due, and says when the next mail will be; `None`: nothing waits.
    pub fn run(
        &mut self,
        courier: &mut dyn Courier,
        clock: &mut dyn FnMut() -> Duration,
        random: &mut dyn FnMut() -> u32,
        report: &mut dyn FnMut(Report),
    ) -> Result<Option<Duration>, Error> {
        let mut unreachable = None;
        while let Some(mut entry) = self.poll(clock(), report)? {
            let attempt = match &unreachable {
                // As good as tried.
                Some(why) => Attempt::Unreachable(String::clone(why)),
                None => entry.deliver(courier),
            };
            if let Attempt::Unreachable(why) = &attempt {
                unreachable = Some(why.clone());
            }
            self.feed(entry, &attempt, clock(), random(), report);
        }
        Ok(self.wake)
    }

    /// The next entry that is due; `None` if none is. What was left undone before is done first.
    pub fn poll(&mut self, now: Duration, report: &mut dyn FnMut(Report)) -> Result<Option<Entry>, Error> {
        loop {
            while let Some(id) = self.due.pop_front() {
                match self.take(id, now) {
                    Ok(entry @ Some(_)) => return Ok(entry),
                    Ok(None) => {}
                    Err(error) => self.postpone(id, &error, now, report),
                }
            }
            self.look(now, report)?;
            if self.due.is_empty() {
                return Ok(None);
            }
        }
    }

    /// When the next entry is due, after [`Self::poll`] found none; `None`: nothing waits.
    pub fn wake(&self) -> Option<Duration> {
        self.wake
    }

    /// Records what came of an attempt, and spools a report if one is due.
    ///
    /// `random` spreads the next attempts.
    pub fn feed(
        &mut self,
        entry: Entry,
        attempt: &Attempt,
        now: Duration,
        random: u32,
        report: &mut dyn FnMut(Report),
    ) {
        let Entry {
            id,
            file,
            mail,
            mut state,
            places,
            reserved,
        } = entry;
        let mut news = self.judge(id, &mail, &mut state, &places, attempt, now);
        let wait = self.schedule.wait(state.attempts, random);
        // In whole seconds, as it is written; never at once.
        state.next = Duration::from_secs((now + wait).as_secs().max(now.as_secs() + 1));
        if !state.open().is_empty() {
            news.push(Report::Waits {
                id,
                why: state.why().to_owned(),
                wait: state.next.saturating_sub(now),
            });
        }
        let told = &mut |report| news.push(report);
        // Nothing is done between the server's word and the record of it, not even told.
        let settled = self.settle(id, &file, &mail, &mut state, reserved, true, now, told);
        news.into_iter().for_each(&mut *report);
        if let Err(error) = settled {
            self.unrecorded.insert(id, state);
            self.postpone(id, &error, now, report);
        }
    }

    /// Draws the consequences of an attempt, and says which.
    fn judge(
        &self,
        id: EntryId,
        mail: &MailRecord,
        state: &mut State,
        places: &[usize],
        attempt: &Attempt,
        now: Duration,
    ) -> Vec<Report> {
        let mut news = Vec::new();
        state.attempts = state.attempts.saturating_add(1);
        // A clock that was never set, or was set back, tells no age: it begins now.
        if state.since > now || (state.since < CLOCK_SET && now >= CLOCK_SET) {
            state.since = Duration::from_secs(now.as_secs());
        }
        state.reason = match attempt {
            Attempt::Verdicts(_) => String::new(),
            Attempt::Unreachable(why) => one_line(why),
        };
        let over = self.schedule.is_over(state.since, state.attempts, now);
        let late = now.saturating_sub(state.since) >= self.schedule.late;
        for (index, place) in places.iter().enumerate() {
            let (Some(recipient), Some(known)) =
                (state.recipients.get_mut(*place), mail.envelope.recipients.get(*place))
            else {
                continue;
            };
            let verdict = match attempt {
                Attempt::Verdicts(verdicts) => verdicts.get(index),
                Attempt::Unreachable(_) => None,
            };
            if let Some(verdict) = verdict {
                recipient.reply = one_line(&verdict.reply);
            }
            let failed = match verdict.map(|verdict| verdict.outcome) {
                Some(Outcome::Accepted) => {
                    recipient.status = Status::Delivered;
                    false
                }
                Some(Outcome::Permanent) => true,
                Some(Outcome::Transient) | None => over,
            };
            if failed && wants_failure(&mail.envelope, known) {
                recipient.status = Status::Failed;
            } else if failed {
                recipient.status = Status::Reported;
            } else if recipient.status == Status::Pending && late && wants_delay(&mail.envelope, known) {
                recipient.status = Status::Late;
            }
            if !recipient.status.is_open() {
                let reply = if recipient.reply.is_empty() {
                    &state.reason
                } else {
                    &recipient.reply
                };
                news.push(Report::Settled {
                    id,
                    recipient: known.address.clone(),
                    delivered: recipient.status == Status::Delivered,
                    reply: reply.clone(),
                });
            }
            if recipient.status == Status::Reported {
                let recipient = known.address.clone();
                news.push(Report::Untold { id, recipient });
            }
        }
        news
    }

    /// Looks at all entries: what is due, and what was left undone.
    fn look(&mut self, now: Duration, report: &mut dyn FnMut(Report)) -> Result<(), Error> {
        self.spool.clean()?;
        self.wake = None;
        let ids = self.spool.ids()?;
        self.unrecorded.retain(|id, _| ids.contains(id));
        self.damaged.retain(|id| ids.contains(id));
        self.postponed
            .retain(|_, until| *until > now && *until <= now + POSTPONED);
        let mut due = Vec::new();
        let mut blocked = false;
        for id in ids {
            if let Some(until) = self.postponed.get(&id) {
                blocked |= self.unrecorded.contains_key(&id);
                self.wake = earlier(self.wake, *until);
                continue;
            }
            match self.resume(id, now, report) {
                Ok(Some((next, is_report))) if self.schedule.is_due(next, now) => due.push((next, id, is_report)),
                Ok(Some((next, _))) => self.wake = earlier(self.wake, next),
                Ok(None) => {}
                Err(error) => {
                    blocked = true;
                    self.postpone(id, &error, now, report);
                    self.wake = earlier(self.wake, now + BUSY);
                }
            }
        }
        due.sort();
        // A report may belong to an entry that does not know yet that it was made: it would be made again.
        let due = due.into_iter().filter(|(_, _, is_report)| !(blocked && *is_report));
        self.due = due.map(|(_, id, _)| id).collect();
        Ok(())
    }

    /// Finishes what a process that died, or a full disk, left unfinished; when the entry is to be tried, if ever, and
    /// whether it is a report.
    fn resume(
        &mut self,
        id: EntryId,
        now: Duration,
        report: &mut dyn FnMut(Report),
    ) -> Result<Option<(Duration, bool)>, Error> {
        let Some(mut found) = self.spool.look(id)? else {
            return Ok(None);
        };
        let unrecorded = self.unrecorded.get(&id).cloned();
        let unfinished = |state: &State| state.open().is_empty() || !state.unreported().is_empty();
        if unrecorded.is_some() || found.state.as_ref().is_ok_and(unfinished) {
            found = self.spool.lock(id)?;
            if let (Some(file), Ok(mail), Ok(state)) = (&found.file, &found.mail, &found.state) {
                let fresh = unrecorded.is_some();
                let mut state = unrecorded.unwrap_or_else(|| state.clone());
                let settled = self.settle(id, file, mail, &mut state, None, fresh, now, report);
                if settled.is_err() {
                    self.unrecorded.insert(id, state);
                    return settled.map(|()| None);
                }
                self.unrecorded.remove(&id);
                found.state = Ok(state);
            }
        }
        match (&found.mail, &found.state) {
            (Ok(_), Ok(state)) if state.held || state.open().is_empty() => Ok(None),
            (Ok(mail), Ok(state)) => Ok(Some((state.next, mail.envelope.reverse_path.is_none()))),
            (Err(damage), _) | (_, Err(damage)) => {
                if self.damaged.insert(id) {
                    report(Report::Damaged { id, damage: *damage });
                }
                Ok(None)
            }
        }
    }

    /// Locks an entry that was found due, and makes sure that what becomes of it can be written.
    fn take(&mut self, id: EntryId, now: Duration) -> Result<Option<Entry>, Error> {
        let found = match self.spool.lock(id) {
            Ok(found) => found,
            Err(Error::Unknown(_)) => return Ok(None),
            Err(error) => return Err(error),
        };
        let (Some(file), Ok(mail), Ok(state)) = (found.file, found.mail, found.state) else {
            return Ok(None);
        };
        let places = state.open();
        // It may have been held meanwhile.
        if state.held || places.is_empty() || !self.schedule.is_due(state.next, now) {
            return Ok(None);
        }
        let reserved = match self.spool.reserve(id, state.recipients.len()) {
            Ok(file) => Some(file),
            // Where one recipient is left, either nothing changes or the entry goes: that needs no room, but makes some.
            Err(Error::System { error, .. }) if places.len() == 1 && is_full(&error) => None,
            Err(error) => return Err(error),
        };
        Ok(Some(Entry {
            id,
            file,
            mail,
            state,
            places,
            reserved,
        }))
    }

    /// Writes what became of an entry: spools the report that is due, then keeps the state or removes the entry.
    ///
    /// `changed`: the disk does not know the state yet. The entry is locked by the caller.
    #[expect(clippy::too_many_arguments)] // it is one thing: the entry, its state, and when
    fn settle(
        &self,
        id: EntryId,
        file: &Arc<File>,
        mail: &MailRecord,
        state: &mut State,
        mut reserved: Option<File>,
        changed: bool,
        now: Duration,
        report: &mut dyn FnMut(Report),
    ) -> Result<(), Error> {
        let places = state.unreported();
        if let (false, Some(envelope)) = (places.is_empty(), bounce::envelope(mail)) {
            // That it failed must be known before the report is: else it could be delivered after all.
            if changed {
                self.spool.write_state(id, state, reserved.take())?;
            }
            let own = id.report(state.reports);
            let text = self.compose(own, file, mail, state, &places, now);
            self.spool.write(own, envelope, &mut text.as_bytes(), now, false)?;
            report(Report::Reported { id, report: own });
        }
        for place in places {
            if let Some(recipient) = state.recipients.get_mut(place) {
                recipient.status = match recipient.status {
                    Status::Late => Status::Told,
                    _ => Status::Reported,
                };
            }
        }
        state.reports = state.reports.saturating_add(1);
        match state.open().is_empty() {
            true => self.spool.remove(id),
            false => self.spool.write_state(id, state, reserved),
        }
    }

    fn compose(
        &self,
        own: EntryId,
        file: &Arc<File>,
        mail: &MailRecord,
        state: &State,
        places: &[usize],
        now: Duration,
    ) -> String {
        let mut original = Vec::new();
        // What cannot be read is not returned; the report itself matters more.
        let _ = Content::new(Arc::clone(file), mail.facts.clone())
            .take(bounce::MOST_RETURNED as u64)
            .read_to_end(&mut original);
        bounce::compose(&bounce::Report {
            id: own,
            host: &self.host,
            mail,
            state,
            places,
            until: state.since + self.schedule.lifetime,
            now,
            original: &original,
        })
    }

    fn postpone(&mut self, id: EntryId, error: &Error, now: Duration, report: &mut dyn FnMut(Report)) {
        // Its writer is not quite done, or the operator has it in hand: nothing to report.
        if matches!(error, Error::Busy(_)) {
            self.postponed.insert(id, now + BUSY);
            return;
        }
        self.postponed.insert(id, now + POSTPONED);
        let why = error.to_string();
        report(Report::Unrecorded { id, why });
    }
}

impl Entry {
    /// Its name.
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// Has it carried to those who still wait for it.
    pub fn deliver(&mut self, courier: &mut dyn Courier) -> Attempt {
        let mut content = Content::new(Arc::clone(&self.file), self.mail.facts.clone());
        let attempt = self
            .mail
            .envelope
            .lend(&self.places, |envelope| courier.deliver(envelope, &mut content));
        // No verdict on what was not said to the end; and there is no use in saying it again.
        if let Some(error) = content.failure() {
            self.state.held = true;
            return Attempt::Verdicts(vec![
                super::Verdict {
                    outcome: Outcome::Transient,
                    reply: error.to_string(),
                };
                self.places.len()
            ]);
        }
        attempt
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settled {
                id,
                recipient,
                delivered,
                reply,
            } => {
                let what = if *delivered { "delivered to" } else { "failed for" };
                write!(f, "{id} {what} {recipient}: {reply}")
            }
            Self::Waits { id, why, wait } => write!(f, "{id} waits {} s: {why}", wait.as_secs()),
            Self::Reported { id, report } => write!(f, "{id} reported to its originator by {report}"),
            Self::Untold { id, recipient } => write!(f, "{id} dropped for {recipient}: nobody is to be told"),
            Self::Damaged { id, damage } => write!(f, "{id} set aside: {damage}"),
            Self::Unrecorded { id, why } => write!(f, "{id} put off: {why}"),
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("id", &self.id).finish_non_exhaustive()
    }
}

fn earlier(known: Option<Duration>, other: Duration) -> Option<Duration> {
    Some(known.map_or(other, |known| known.min(other)))
}

fn is_full(error: &std::io::Error) -> bool {
    let full = [Errno::NOSPC, Errno::DQUOT].map(Errno::raw_os_error);
    error.raw_os_error().is_some_and(|error| full.contains(&error))
}

/// Locked by the delivery process.
const LOCK: &str = "delivery.lock";
/// How long an entry is left alone that could not be tried, or whose state could not be written.
const POSTPONED: Duration = Duration::from_secs(60);
/// How long an entry is left alone that somebody else has locked.
const BUSY: Duration = Duration::from_secs(1);
/// 2025-01-01: no mail was handed over before, and no clock that says so was set.
const CLOCK_SET: Duration = Duration::from_secs(1_735_689_600);
