//! The spool: a mail goes in as a whole or not at all; what is in can be looked at, locked, told of and removed.

use super::content::Survey;
use super::directory::{Directory, is_trusted};
use super::record::{LONGEST_RECORD, SEAL, decode_mail, decode_state, encode_mail, encode_state, seal_position};
use super::{Damage, EntryId, Envelope, Error, MailRecord, State, privilege};
use gatepost_core::smtp;
use rustix::rand::{GetRandomFlags, getrandom};
use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How much may wait. Beyond that, mails are refused; reports about mails that wait are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets on disk, of all mails together.
    pub octets: u64,
    /// Mails; each takes at most two inodes, the one that is being tried a third.
    pub mails: u32,
    /// Octets of one mail.
    pub message: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            octets: 64 << 20,
            mails: 1000,
            message: 32 << 20,
        }
    }
}

/// A directory full of mails. Any number of processes may have it open.
#[derive(Debug)]
pub struct Spool {
    pub(super) directory: Directory,
    limits: Limits,
}

impl Spool {
    /// Opens a directory that exists: with mode 0700 one's own, with mode 2770 that of a group.
    ///
    /// Anything else is refused. A process that is setgid has the group's rights from here on: see [`super::lower`].
    pub fn open(path: &Path, limits: Limits) -> Result<Self, Error> {
        let directory = Directory::open(path)?;
        Ok(Self { directory, limits })
    }

    /// Takes a mail over: when this returns `Ok`, it is on disk, and survives a power cut.
    ///
    /// `content` is read to its end, 64 KiB at a time; on an error nothing of it stays. `now` is since 1970.
    pub fn push(&self, envelope: &smtp::Envelope<'_>, content: &mut dyn Read, now: Duration) -> Result<EntryId, Error> {
        let envelope = Envelope::keep(envelope)?;
        let id = EntryId::new(now, random());
        self.write(id, envelope, content, now, true)?;
        Ok(id)
    }

    /// Writes a mail under this name; the limits hold for mails that are handed over, not for reports.
    pub(super) fn write(
        &self,
        id: EntryId,
        envelope: Envelope,
        content: &mut dyn Read,
        created: Duration,
        limited: bool,
    ) -> Result<(), Error> {
        let (new, mail) = (id.file(NEW), id.file(MAIL));
        let mut file = self.directory.create(&new)?;
        // Who holds the one name is alone in taking the other.
        if self.directory.look(&mail)?.is_some() {
            self.directory.remove(&new)?;
            return match limited {
                true => Err(Error::system("naming the mail")(rustix::io::Errno::EXIST)),
                // A report that a dead process has made.
                false => Ok(()),
            };
        }
        let written = self
            .fill(&mut file, envelope, content, created, limited)
            .and_then(|()| self.directory.rename(&new, &mail))
            .and_then(|()| self.directory.sync());
        if written.is_err() {
            // Nobody was told that it is taken: it must not be there, under either name.
            let _ = self.directory.remove(&new);
            let _ = self.directory.remove(&mail);
        }
        written
    }

    fn fill(
        &self,
        file: &mut File,
        envelope: Envelope,
        content: &mut dyn Read,
        created: Duration,
        limited: bool,
    ) -> Result<(), Error> {
        let failed = Error::system::<std::io::Error>;
        let admit = || if limited { self.admit() } else { Ok(()) };
        // A full spool says so before it reads.
        admit()?;
        let mut survey = Survey::new();
        let mut buffer = vec![0; 64 << 10];
        let mut admitted = 0;
        loop {
            let count = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::Input(error)),
            };
            let octets = buffer.get(..count).unwrap_or_default();
            survey.feed(octets);
            if limited && survey.length() > self.limits.message {
                return Err(Error::TooLarge(self.limits.message));
            }
            file.write_all(octets).map_err(failed("writing the mail"))?;
            if survey.length() - admitted > ADMITTED_UNSEEN {
                admitted = survey.length();
                admit()?;
            }
        }
        let record = encode_mail(&MailRecord {
            created: Duration::from_secs(created.as_secs()),
            facts: survey.finish(),
            envelope,
        });
        file.write_all(record.as_bytes()).map_err(failed("writing the mail"))?;
        admit()?;
        file.sync_all().map_err(failed("writing the mail to disk"))
    }

    /// Refuses if what is there, this mail included, is more than it may be.
    fn admit(&self) -> Result<(), Error> {
        let refused = self.check();
        if refused.is_err() {
            // Perhaps only dead processes' leavings take the room.
            self.clean()?;
            return self.check();
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        let (mut mails, mut octets) = (0, 0);
        for name in self.directory.names()? {
            if let Some(stat) = self.directory.look(&name)? {
                let size = u64::try_from(stat.st_size).unwrap_or_default();
                octets += size.next_multiple_of(BLOCK);
                mails += u32::from(name.ends_with(".mail") || name.ends_with(".new"));
            }
        }
        let limit = match self.limits {
            Limits { mails: limit, .. } if mails > limit => format!("{limit} mails"),
            Limits { octets: limit, .. } if octets > limit => format!("{limit} octets"),
            _ => return Ok(()),
        };
        Err(Error::Full { limit })
    }

    /// Every entry, in the order of arrival.
    pub(super) fn ids(&self) -> Result<Vec<EntryId>, Error> {
        let names = self.directory.names()?;
        let ids: BTreeSet<EntryId> = names
            .iter()
            .filter_map(|name| EntryId::parse(name.strip_suffix(".mail")?))
            .collect();
        Ok(ids.into_iter().collect())
    }

    /// Looks at an entry; `None` if it is gone.
    pub(super) fn look(&self, id: EntryId) -> Result<Option<Found>, Error> {
        let Some(stat) = self.directory.look(&id.file(MAIL))? else {
            return Ok(None);
        };
        let mut found = Found {
            file: None,
            owner: stat.st_uid,
            octets: u64::try_from(stat.st_size).unwrap_or_default(),
            mail: Err(Damage::Unreadable),
            state: Err(Damage::Unreadable),
        };
        if !is_trusted(&stat) {
            return Ok(Some(found));
        }
        if let Ok(file) = self.directory.read(&id.file(MAIL)) {
            let Some(file) = file else { return Ok(None) };
            found.mail = mail(&file);
            found.file = Some(Arc::new(file));
        }
        if let Ok(mail) = &found.mail {
            found.state = self.state(id, mail);
        }
        Ok(Some(found))
    }

    /// Looks at an entry and keeps everybody else from changing it until the result is dropped.
    pub(super) fn lock(&self, id: EntryId) -> Result<Found, Error> {
        let mut found = self.look(id)?.ok_or(Error::Unknown(id))?;
        // What cannot be opened cannot be locked, nor delivered, but removed.
        if let Some(file) = &found.file {
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Error::Busy(id)),
                Err(TryLockError::Error(error)) => return Err(Error::system("locking a file")(error)),
            }
            if self.directory.stat(file)?.st_nlink == 0 {
                return Err(Error::Unknown(id));
            }
            // It may have changed until it was locked.
            if let Ok(mail) = &found.mail {
                found.state = self.state(id, mail);
            }
        }
        Ok(found)
    }

    fn state(&self, id: EntryId, mail: &MailRecord) -> Result<State, Damage> {
        let recipients = mail.envelope.recipients.len();
        let file = match self.directory.read(&id.file(STATE)) {
            Ok(Some(file)) => file,
            Ok(None) => return Ok(State::fresh(mail.created, recipients)),
            Err(_) => return Err(Damage::Unreadable),
        };
        let mut record = Vec::new();
        let count = file.take(LONGEST_RECORD).read_to_end(&mut record);
        count.map_err(|_| Damage::Unreadable)?;
        let state = decode_state(&record)?;
        if state.recipients.len() == recipients {
            Ok(state)
        } else {
            Err(Damage::Incomplete)
        }
    }

    /// Makes sure that the state after the next attempt will have room on disk.
    pub(super) fn reserve(&self, id: EntryId, recipients: usize) -> Result<File, Error> {
        let file = self.directory.replace(&id.file(NEXT))?;
        let octets = 512 + 600 * recipients as u64;
        match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, octets) {
            // A file system that cannot promise.
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(file),
            Err(error) => {
                let _ = self.directory.remove(&id.file(NEXT));
                Err(Error::system("reserving room")(error))
            }
        }
    }

    /// Replaces an entry's state, into the file reserved for it if there is one. The entry is locked by the caller.
    pub(super) fn write_state(&self, id: EntryId, state: &State, reserved: Option<File>) -> Result<(), Error> {
        let failed = Error::system::<std::io::Error>;
        let next = id.file(NEXT);
        let file = match reserved {
            Some(file) => file,
            None => self.directory.replace(&next)?,
        };
        let record = encode_state(state);
        let written = file
            .write_all_at(record.as_bytes(), 0)
            .and_then(|()| file.set_len(record.len() as u64))
            .and_then(|()| file.sync_all())
            .map_err(failed("writing the state to disk"))
            .and_then(|()| self.directory.rename(&next, &id.file(STATE)));
        if written.is_err() {
            let _ = self.directory.remove(&next);
        }
        written?;
        self.directory.sync()
    }

    /// Removes an entry for good. The entry is locked by the caller.
    pub(super) fn remove(&self, id: EntryId) -> Result<(), Error> {
        self.directory.remove(&id.file(MAIL))?;
        // Without its state the mail would look as if nobody had it yet: first the one must be gone, then the other.
        self.directory.sync()?;
        for kind in [STATE, NEXT, ASIDE] {
            self.directory.remove(&id.file(kind))?;
        }
        Ok(())
    }

    /// Puts a damaged state aside, so that the entry begins anew. The entry is locked by the caller.
    pub(super) fn set_aside(&self, id: EntryId) -> Result<(), Error> {
        self.directory.rename(&id.file(STATE), &id.file(ASIDE))?;
        self.directory.sync()
    }

    /// Removes what dead processes have left.
    pub(super) fn clean(&self) -> Result<(), Error> {
        for name in self.directory.names()? {
            let Some((id, kind)) = name
                .split_once('.')
                .and_then(|(id, kind)| Some((EntryId::parse(id)?, kind)))
            else {
                continue;
            };
            // What is removed because nobody holds its lock, stays locked until it is removed.
            let (left, _locked) = match kind {
                // A living writer holds the lock.
                NEW => match self.directory.read(&name) {
                    Ok(Some(file)) => (file.try_lock().is_ok(), Some(Arc::new(file))),
                    _ => (false, None),
                },
                // A state begins later than its mail and ends with it, or is being written by who locked that.
                STATE | ASIDE => (self.directory.look(&id.file(MAIL))?.is_none(), None),
                NEXT => match self.lock(id) {
                    Ok(found) => (found.file.is_some(), found.file),
                    Err(error) => (matches!(error, Error::Unknown(_)), None),
                },
                _ => (false, None),
            };
            if left {
                self.directory.remove(&name)?;
            }
        }
        Ok(())
    }

    /// Whether this process may see and change an entry of this user: if it is setgid, only one's own.
    pub(super) fn is_mine(&self, owner: u32) -> bool {
        privilege::borrower().is_none_or(|borrower| borrower == owner)
    }
}

/// The directory, to be watched.
impl AsFd for Spool {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// An entry as it was found on disk.
#[derive(Debug)]
pub(super) struct Found {
    /// Its mail, open; the lock is on it.
    pub(super) file: Option<Arc<File>>,
    /// The user who handed it over.
    pub(super) owner: u32,
    /// Of its file.
    pub(super) octets: u64,
    pub(super) mail: Result<MailRecord, Damage>,
    /// A fresh one where no attempt was made; damaged if the mail is.
    pub(super) state: Result<State, Damage>,
}

/// Reads the record at the end of a mail's file.
fn mail(file: &File) -> Result<MailRecord, Damage> {
    let unreadable = |_| Damage::Unreadable;
    let length = file.metadata().map_err(unreadable)?.len();
    let mut seal = [0; SEAL];
    let at = length.checked_sub(SEAL as u64).ok_or(Damage::Cut)?;
    file.read_exact_at(&mut seal, at).map_err(unreadable)?;
    let position = seal_position(&seal)?;
    let octets = length.checked_sub(position).filter(|octets| *octets <= LONGEST_RECORD);
    let mut record = vec![
        0;
        octets
            .and_then(|octets| usize::try_from(octets).ok())
            .ok_or(Damage::Cut)?
    ];
    file.read_exact_at(&mut record, position).map_err(unreadable)?;
    decode_mail(&record, position)
}

/// From the kernel; only for names and for jitter.
pub(super) fn random() -> u32 {
    let mut octets = [0; 4];
    // Where there is none, the time alone tells names apart, and a name that is taken is refused.
    let _ = getrandom(&mut octets, GetRandomFlags::empty());
    u32::from_ne_bytes(octets)
}

/// A mail that is being written.
const NEW: &str = "new";
/// A mail.
const MAIL: &str = "mail";
/// A state that is being written.
const NEXT: &str = "next";
/// A state.
const STATE: &str = "state";
/// A damaged state.
const ASIDE: &str = "damaged";
/// So many octets are written before the limits are looked at again.
const ADMITTED_UNSEEN: u64 = 1 << 20;
/// What a file takes on disk is a multiple of this.
const BLOCK: u64 = 4096;
