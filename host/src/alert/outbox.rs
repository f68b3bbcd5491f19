//! Alerts that wait: gathered into one mail, kept until it is delivered. Time is an argument.

use std::fmt::Write;
use std::time::Duration;

/// Lines that become the next mail, and the mail `L` that is not delivered yet.
///
/// Nothing is dropped while the network is dead: what happens meanwhile gathers for the mail after this one.
pub struct Outbox<L> {
    settle: Duration,
    gathered: Vec<String>,
    /// Lines beyond [`MOST`] that were only counted.
    omitted: usize,
    /// When the first and the last of them came; both are 0 if there is none.
    first: Duration,
    last: Duration,
    letter: Option<L>,
    /// The delivery's outcome is awaited.
    under_way: bool,
    attempts: u32,
    next_attempt: Duration,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Make a letter of this and hand it to [`Outbox::hold`].
    Compose(Digest),
    /// Deliver [`Outbox::letter`], and tell the outcome.
    Deliver,
    /// Nothing for this long; `None`: until something comes.
    Wait(Option<Duration>),
}

/// Several alerts as one mail.
#[derive(Debug, PartialEq, Eq)]
pub struct Digest {
    /// The first of them, and how many more.
    pub subject: String,
    /// All of them, a line each.
    pub text: String,
}

impl<L> Outbox<L> {
    /// Alerts are mailed once none came for `settle`, or ten times that after the first.
    pub fn new(settle: Duration) -> Self {
        Self {
            settle,
            gathered: Vec::new(),
            omitted: 0,
            first: Duration::ZERO,
            last: Duration::ZERO,
            letter: None,
            under_way: false,
            attempts: 0,
            next_attempt: Duration::ZERO,
        }
    }

    /// Takes an alert.
    pub fn feed(&mut self, line: String, now: Duration) {
        if self.gathered.is_empty() {
            self.first = now;
        }
        self.last = now;
        if self.gathered.len() < MOST {
            self.gathered.push(line);
        } else {
            self.omitted += 1;
        }
    }

    /// What is next. `Deliver` is told once per attempt.
    pub fn poll(&mut self, now: Duration) -> Step {
        if self.under_way {
            return Step::Wait(None);
        }
        if self.letter.is_some() {
            let wait = self.next_attempt.saturating_sub(now);
            if !wait.is_zero() {
                return Step::Wait(Some(wait));
            }
            self.under_way = true;
            return Step::Deliver;
        }
        if self.gathered.is_empty() {
            return Step::Wait(None);
        }
        let due = (self.last + self.settle).min(self.first + self.settle * 10);
        match due.saturating_sub(now) {
            Duration::ZERO => Step::Compose(self.digest()),
            wait => Step::Wait(Some(wait)),
        }
    }

    /// Keeps the letter until it is delivered; its first attempt is due at once.
    pub fn hold(&mut self, letter: L, now: Duration) {
        self.letter = Some(letter);
        self.attempts = 0;
        self.next_attempt = now;
    }

    /// The letter that is not delivered yet.
    pub fn letter(&mut self) -> Option<&mut L> {
        self.letter.as_mut()
    }

    /// The letter has arrived, or will never: it is forgotten.
    pub fn done(&mut self) -> Option<L> {
        self.under_way = false;
        self.letter.take()
    }

    /// The attempt failed; says how long the next one waits: twice as long each time, up to a minute.
    pub fn failed(&mut self, now: Duration) -> Duration {
        self.under_way = false;
        let wait = SHORTEST.saturating_mul(1 << self.attempts.min(16)).min(LONGEST);
        self.attempts += 1;
        self.next_attempt = now + wait;
        wait
    }

    /// The network has changed for the better: what waits tries again soon.
    pub fn hasten(&mut self, now: Duration) {
        self.attempts = 0;
        self.next_attempt = self.next_attempt.min(now + SHORTEST);
    }

    fn digest(&mut self) -> Digest {
        let lines = std::mem::take(&mut self.gathered);
        let omitted = std::mem::take(&mut self.omitted);
        // The line begins with its date, the subject does not need it.
        let first = lines
            .first()
            .map_or("", |line| line.split_once("  ").map_or(line, |(_, what)| what));
        let mut subject = first.to_owned();
        let more = lines.len().saturating_sub(1) + omitted;
        // Writing to a String cannot fail.
        if more > 0 {
            let _ = write!(subject, " (and {more} more)");
        }
        let mut text = lines.join("\n") + "\n";
        if omitted > 0 {
            let _ = writeln!(text, "{omitted} further changes are not listed.");
        }
        Digest { subject, text }
    }
}

/// The most lines of one mail.
const MOST: usize = 500;
/// Before the second attempt.
const SHORTEST: Duration = Duration::from_secs(1);
/// Between attempts, however many failed.
const LONGEST: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn wait(seconds: u64) -> Step {
        Step::Wait(Some(SECOND * seconds as u32))
    }

    #[test]
    fn alerts_of_one_moment_are_one_mail() {
        let mut outbox = Outbox::<&str>::new(SECOND * 2);
        assert_eq!(outbox.poll(SECOND), Step::Wait(None));
        outbox.feed("Mon  link wan0: down".to_owned(), SECOND);
        assert_eq!(outbox.poll(SECOND), wait(2));
        outbox.feed("Mon  default route IPv4: gone".to_owned(), SECOND * 2);
        assert_eq!(outbox.poll(SECOND * 3), wait(1));
        assert_eq!(
            outbox.poll(SECOND * 4),
            Step::Compose(Digest {
                subject: "link wan0: down (and 1 more)".to_owned(),
                text: "Mon  link wan0: down\nMon  default route IPv4: gone\n".to_owned(),
            })
        );
    }

    #[test]
    fn alerts_that_never_settle_are_mailed_all_the_same() {
        let mut outbox = Outbox::<&str>::new(SECOND);
        let mut composed = None;
        for second in 0..30 {
            outbox.feed(format!("x  flap {second}"), SECOND * second);
            if let Step::Compose(digest) = outbox.poll(SECOND * second) {
                composed.get_or_insert((second, digest.subject));
            }
        }
        assert_eq!(composed, Some((10, "flap 0 (and 10 more)".to_owned())));
    }

    #[test]
    fn a_letter_waits_longer_each_time_and_is_never_lost() {
        let mut outbox = Outbox::new(SECOND);
        outbox.hold("letter", Duration::ZERO);
        let mut now = Duration::ZERO;
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(outbox.poll(now), Step::Deliver);
            assert_eq!(outbox.poll(now), Step::Wait(None), "one attempt at a time");
            assert_eq!(outbox.failed(now), SECOND * expected);
            assert_eq!(outbox.poll(now), wait(expected.into()));
            now += SECOND * expected;
        }
        // What comes meanwhile waits for its own mail.
        outbox.feed("x  link wan0: up".to_owned(), now);
        assert_eq!(outbox.poll(now), Step::Deliver);
        assert_eq!(outbox.done(), Some("letter"));
        assert!(matches!(outbox.poll(now + SECOND), Step::Compose(_)));
    }

    #[test]
    fn a_better_network_hastens_the_next_attempt() {
        let mut outbox = Outbox::new(SECOND);
        outbox.hold("letter", Duration::ZERO);
        for _ in 0..20 {
            outbox.failed(Duration::ZERO);
        }
        assert_eq!(outbox.poll(Duration::ZERO), wait(60));
        outbox.hasten(SECOND * 5);
        assert_eq!(outbox.poll(SECOND * 5), wait(1));
    }

    #[test]
    fn a_flood_is_counted_not_kept() {
        let mut outbox = Outbox::<&str>::new(SECOND);
        for number in 0..MOST + 7 {
            outbox.feed(format!("x  change {number}"), Duration::ZERO);
        }
        let Step::Compose(digest) = outbox.poll(SECOND) else {
            panic!("it is due");
        };
        assert_eq!(digest.subject, format!("change 0 (and {} more)", MOST + 6));
        assert_eq!(digest.text.lines().count(), MOST + 1);
        assert!(digest.text.ends_with("7 further changes are not listed.\n"));
    }
}
