//! The server's side of a story: where it stands, and how much of that turn is done.

use super::story::Turn;
use std::collections::VecDeque;
use std::time::Duration;

pub(crate) struct Peer<'a> {
    place: String,
    turns: &'a [Turn],
    offset: usize,
    /// All that the server says between two lines of the client comes together.
    joined: bool,
    /// Events of turns that were read already.
    due: VecDeque<&'a str>,
    said: usize,
    events: usize,
    /// A mail was accepted or failed.
    settled: bool,
    heard: Vec<u8>,
}

impl<'a> Peer<'a> {
    pub(crate) fn new(place: String, turns: &'a [Turn], joined: bool) -> Self {
        Self {
            place,
            turns,
            offset: 0,
            joined,
            due: VecDeque::new(),
            said: 0,
            events: 0,
            settled: false,
            heard: Vec::new(),
        }
    }

    /// Whether it is the server's turn.
    pub(crate) fn speaks(&self) -> bool {
        matches!(self.turns, [Turn::Server { .. } | Turn::Close | Turn::Gone, ..])
    }

    /// Whether the connection is gone, and the client does what it wants.
    pub(crate) fn is_gone(&self) -> bool {
        matches!(self.turns, [Turn::Gone])
    }

    /// Lets the pause pass; whether a client that waits for `timeout` is still there.
    pub(crate) fn pause(&mut self, timeout: Duration) -> bool {
        let [Turn::Pause(seconds), turns @ ..] = self.turns else {
            return true;
        };
        self.turns = turns;
        Duration::from_secs(*seconds) <= timeout
    }

    /// Whether the server is silent.
    pub(crate) fn pauses(&self) -> bool {
        matches!(self.turns, [Turn::Pause(_), ..])
    }

    /// What the caller does at this place.
    pub(crate) fn act(&mut self) -> Option<&'a str> {
        let [Turn::Act(act), turns @ ..] = self.turns else {
            return None;
        };
        self.turns = turns;
        Some(act)
    }

    /// Takes octets of the client, and says how many.
    pub(crate) fn hear(&mut self, heard: &[u8]) -> usize {
        assert!(!heard.is_empty(), "{}: an empty transmission", self.place);
        if self.is_gone() {
            return heard.len();
        }
        let [Turn::Client(octets), turns @ ..] = self.turns else {
            let (heard, left) = (String::from_utf8_lossy(heard), self.left());
            panic!("{}: the client says {heard:?} instead of {left}", self.place);
        };
        let event = self.due.front();
        assert!(event.is_none(), "{}: the client goes on before {event:?}", self.place);
        let expected = &octets[self.offset..];
        // Nothing more gets through before an urgent word of the server, or where the story stops amid a line.
        let urgent = matches!(turns, [Turn::Server { urgent: true, .. }, ..] | [Turn::Gone]);
        let heard = if urgent || !expected.ends_with(b"\n") {
            &heard[..heard.len().min(expected.len())]
        } else {
            heard
        };
        assert!(
            expected.starts_with(heard),
            "{}: the client says {:?} instead of {:?}",
            self.place,
            String::from_utf8_lossy(heard),
            String::from_utf8_lossy(expected)
        );
        self.heard.extend(heard);
        self.offset += heard.len();
        if self.offset == octets.len() {
            (self.turns, self.offset) = (turns, 0);
        }
        heard.len()
    }

    pub(crate) fn say(&mut self, room: &mut [u8], size: usize) -> usize {
        assert!(!room.is_empty(), "{}: no room to receive", self.place);
        if self.is_gone() {
            return 0;
        }
        if let [Turn::Close, turns @ ..] = self.turns {
            self.turns = turns;
            return 0;
        }
        let mut count = 0;
        let mut limit = room.len().min(size);
        while let [Turn::Server { octets, endless, .. }, turns @ ..] = self.turns
            && count < limit
        {
            let piece = &octets[self.offset..];
            let piece = &piece[..piece.len().min(limit - count)];
            room[count..count + piece.len()].copy_from_slice(piece);
            count += piece.len();
            self.offset += piece.len();
            if self.offset < octets.len() {
                continue;
            }
            self.offset = 0;
            if !endless {
                self.turns = turns;
                self.join();
            }
            if let [Turn::Server { joined: true, .. }, ..] = self.turns
                && count == limit
                && count < room.len()
            {
                limit += 1;
            }
        }
        assert!(count > 0, "{}: the client waits instead of {}", self.place, self.left());
        self.said += count;
        assert!(self.said <= MOST, "{}: the client listens without end", self.place);
        count
    }

    /// Puts the events off for which the server does not wait before it speaks on.
    fn join(&mut self) {
        let is_event = |turn: &&Turn| matches!(turn, Turn::Expect(_));
        let events = self.turns.iter().take_while(is_event).count();
        let wanted = match self.turns.get(events) {
            Some(Turn::Server { joined, .. }) => *joined || self.joined,
            _ => false,
        };
        if wanted {
            for turn in &self.turns[..events] {
                if let Turn::Expect(event) = turn {
                    self.due.push_back(event);
                }
            }
            self.turns = &self.turns[events..];
        }
    }

    /// Whether this event is told at this place.
    pub(crate) fn tells(&self, event: &str) -> bool {
        matches!(self.turns, [Turn::Expect(expected), ..] if self.due.is_empty() && expected == event)
    }

    pub(crate) fn expect(&mut self, event: &str) {
        self.events += 1;
        assert!(self.events <= 64, "{}: events without end", self.place);
        if self.is_gone() && self.due.is_empty() {
            let accepted = event.starts_with("accepted") || event.starts_with("delivered") && event.contains(" 2");
            assert!(!accepted, "{}: {event:?} though the connection was closed", self.place);
            self.settled |= event.starts_with("failed");
            let over = event != "closed" || self.settled && self.heard.ends_with(b"QUIT\r\n");
            assert!(over, "{}: {event:?}, and no fate of the mail", self.place);
            return;
        }
        // Whoever speaks without end need not be listened to.
        if let [Turn::Server { endless: true, .. }, turns @ ..] = self.turns {
            self.turns = turns;
        }
        let expected = match (self.due.pop_front(), self.turns) {
            (Some(expected), _) => expected,
            (None, [Turn::Expect(expected), turns @ ..]) => {
                self.turns = turns;
                expected
            }
            (None, _) => panic!("{}: {event:?} instead of {}", self.place, self.left()),
        };
        assert_eq!(event, expected, "{}", self.place);
        self.settled |= event.starts_with("accepted") || event.starts_with("failed");
    }

    /// A session that failed leaves the rest of what the server says unread.
    pub(crate) fn skip_unheard(&mut self) {
        while let [
            Turn::Server {
                octets,
                joined,
                endless,
                ..
            },
            turns @ ..,
        ] = self.turns
        {
            let last = matches!(turns, [Turn::Gone]);
            let begun = self.offset > 0 || *joined || *endless || last;
            assert!(
                begun,
                "{}: {:?} was not read",
                self.place,
                String::from_utf8_lossy(octets)
            );
            (self.turns, self.offset) = (turns, 0);
        }
    }

    /// What should come next, for a person.
    fn left(&self) -> String {
        let text = |octets: &[u8]| String::from_utf8_lossy(&octets[self.offset..]).into_owned();
        match self.turns.first() {
            Some(Turn::Client(octets)) => format!("C: {:?}", text(octets)),
            Some(Turn::Server { octets, .. }) => format!("S: {:?}", text(octets)),
            turn => format!("{turn:?}"),
        }
    }

    pub(crate) fn end(&self) {
        if !self.is_gone() {
            let over = self.turns.is_empty();
            assert!(over, "{}: the session ends before {}", self.place, self.left());
        }
        let due = self.due.front();
        assert!(due.is_none(), "{}: the session ends before {due:?}", self.place);
    }
}

/// Octets that no session may need to tell that a server speaks without end.
const MOST: usize = 32 * 1024;
