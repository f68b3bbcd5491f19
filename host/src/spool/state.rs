//! What became of an entry so far.

use std::time::Duration;

/// The part of an entry that changes: an attempt, a word of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    /// How often it was tried.
    pub attempts: u32,
    /// When it is to be tried again, since 1970; whole seconds.
    pub next: Duration,
    /// Since when it waits, since 1970; later than its arrival if the clock was set meanwhile. Whole seconds.
    pub since: Duration,
    /// It waits until the operator says otherwise.
    pub held: bool,
    /// How many reports about it were written.
    pub reports: u32,
    /// Why the last attempt reached nobody, if that was not a recipient's fault; one line of printable ASCII.
    pub reason: String,
    /// What became of each recipient, in the envelope's order.
    pub recipients: Vec<RecipientState>,
}

/// What became of one recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientState {
    /// How far it got.
    pub status: Status,
    /// The server's last words; one line of printable ASCII.
    pub reply: String,
}

/// How far a recipient got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// No verdict, or a transient one.
    Pending,
    /// The same; the originator is to be told that it is late.
    Late,
    /// The same; the originator was told.
    Told,
    /// The server took the mail.
    Delivered,
    /// It failed for good; the originator is to be told.
    Failed,
    /// It failed for good, and nobody is to be told any more.
    Reported,
}

impl Status {
    /// Every status, with its word in the file.
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("pending", Self::Pending),
        ("late", Self::Late),
        ("told", Self::Told),
        ("delivered", Self::Delivered),
        ("failed", Self::Failed),
        ("reported", Self::Reported),
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        let row = Self::ALL.iter().find(|(_, status)| *status == self);
        row.map_or("", |(word, _)| word)
    }

    /// Whether the mail is still to be delivered.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Late | Self::Told)
    }

    /// Whether a report is due.
    pub(super) fn is_unreported(self) -> bool {
        matches!(self, Self::Late | Self::Failed)
    }
}

impl State {
    /// Of an entry that came at `created` for so many recipients: due at once.
    pub(super) fn fresh(created: Duration, recipients: usize) -> Self {
        let recipient = RecipientState {
            status: Status::Pending,
            reply: String::new(),
        };
        Self {
            attempts: 0,
            next: created,
            since: created,
            held: false,
            reports: 0,
            reason: String::new(),
            recipients: vec![recipient; recipients],
        }
    }

    /// The places of those who still wait for the mail.
    pub(super) fn open(&self) -> Vec<usize> {
        self.places(Status::is_open)
    }

    /// The places of those about whom a report is due.
    pub(super) fn unreported(&self) -> Vec<usize> {
        self.places(Status::is_unreported)
    }

    /// Why it waits: what the server said, or why none was reached.
    pub fn why(&self) -> &str {
        let open = self.recipients.iter().filter(|recipient| recipient.status.is_open());
        let mut replies = open.map(|recipient| recipient.reply.as_str());
        match replies.find(|reply| !reply.is_empty()) {
            Some(reply) if self.reason.is_empty() => reply,
            _ => &self.reason,
        }
    }

    fn places(&self, wanted: impl Fn(Status) -> bool) -> Vec<usize> {
        let places = self.recipients.iter().enumerate();
        let places = places.filter(|(_, recipient)| wanted(recipient.status));
        places.map(|(place, _)| place).collect()
    }
}
