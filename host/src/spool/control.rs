//! What the operator sees, and says: list, hold, flush, drop.

use super::store::Spool;
use super::{Damage, EntryId, Error, MailRecord, State};
use std::time::Duration;

/// One line of the list.
#[derive(Debug)]
pub struct Listed {
    /// Its name.
    pub id: EntryId,
    /// On disk, envelope included.
    pub octets: u64,
    /// What is in it, or why that cannot be told.
    pub content: Result<Mail, Damage>,
}

/// A mail that waits.
#[derive(Debug)]
pub struct Mail {
    /// When it came, and from whom to whom.
    pub record: MailRecord,
    /// What became of it; damaged: it waits until it is flushed by its name or dropped.
    pub state: Result<State, Damage>,
}

impl Spool {
    /// Everything that waits, the oldest first; for who is only lent the group's rights, his own.
    pub fn list(&self) -> Result<Vec<Listed>, Error> {
        let mut list = Vec::new();
        for id in self.ids()? {
            // It may be delivered meanwhile.
            let Some(found) = self.look(id)? else { continue };
            if self.is_mine(found.owner) {
                let state = found.state;
                list.push(Listed {
                    id,
                    octets: found.octets,
                    content: found.mail.map(|record| Mail { record, state }),
                });
            }
        }
        Ok(list)
    }

    /// Keeps an entry from being delivered until it is flushed by its name.
    pub fn hold(&self, id: EntryId) -> Result<(), Error> {
        self.change(id, |state| !std::mem::replace(&mut state.held, true))
    }

    /// Makes an entry due, whether it is held or its state is damaged.
    ///
    /// With a damaged state it is not known who has the mail already: all get it.
    pub fn flush(&self, id: EntryId, now: Duration) -> Result<(), Error> {
        let found = self.lock(id)?;
        if !self.is_mine(found.owner) {
            return Err(Error::Foreign(id));
        }
        if found.mail.is_ok() && found.state.is_err() {
            self.set_aside(id)?;
        }
        drop(found);
        self.change(id, |state| {
            let held = std::mem::replace(&mut state.held, false);
            held | hasten(state, now)
        })
    }

    /// Makes everything due that is not held, and says how many entries were not.
    pub fn flush_all(&self, now: Duration) -> Result<usize, Error> {
        let mut count = 0;
        for listed in self.list()? {
            let waits = |mail: &Mail| mail.state.as_ref().is_ok_and(|state| !state.held && state.next > now);
            if listed.content.as_ref().is_ok_and(waits) {
                match self.change(listed.id, |state| !state.held && hasten(state, now)) {
                    Ok(()) => count += 1,
                    // Delivered, or under way, at this moment: what else could one want.
                    Err(Error::Unknown(_) | Error::Busy(_)) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(count)
    }

    /// Removes an entry, undelivered, and tells nobody.
    pub fn discard(&self, id: EntryId) -> Result<(), Error> {
        let found = self.lock(id)?;
        if !self.is_mine(found.owner) {
            return Err(Error::Foreign(id));
        }
        self.remove(id)
    }

    /// Lets `act` change a state; it says whether it did.
    fn change(&self, id: EntryId, act: impl FnOnce(&mut State) -> bool) -> Result<(), Error> {
        let found = self.lock(id)?;
        if !self.is_mine(found.owner) {
            return Err(Error::Foreign(id));
        }
        let damaged = |damage: Damage| Error::System {
            doing: "reading the entry",
            error: std::io::Error::other(damage),
        };
        let mut state = found.state.map_err(damaged)?;
        if act(&mut state) {
            self.write_state(id, &state, None)?;
        }
        Ok(())
    }
}

/// Makes the next attempt due, if it is not; says whether it was not.
fn hasten(state: &mut State, now: Duration) -> bool {
    let later = state.next > now;
    if later {
        state.next = Duration::from_secs(now.as_secs());
    }
    later
}
