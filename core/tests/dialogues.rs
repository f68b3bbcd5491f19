//! Sessions as stories: each file in `dialogues/` is one, told at every read and write size.
//!
//! A file has a header of `key: value` lines, an empty line, and then turns. Lines that begin with `#` say what the
//! story is about. The header:
//!
//! ```text
//! client: gate.test             how the client calls itself; this is the default
//! protocol: lmtp                the default is smtp
//! profile: basic                which parts of the session are linked; the default is full
//! security: starttls            starttls if offered, implicit, plain (the default), plain with password
//! storage: 256 96               octets to receive and to transmit; these are the defaults
//! mechanism: PLAIN tim secret   LOGIN, XOAUTH2, OAUTHBEARER, EXTERNAL; may be repeated, the preferred first
//! mechanism: scripted X-ONE a b one of this name (or X-TWO, X-THREE) with the initial response a (`-`: none), then b to
//!                               any challenge, then it cancels; `revealing X-ONE ..` needs TLS, and `unproven X-ONE ..`
//!                               never believes a 235
//! user: / password:             short for a mechanism PLAIN
//!
//! from: / to: / data:           a mail; the last two may be repeated, data has escapes
//! to: a@b notify=never,success,failure,delay original=c@d
//! return: full                  or headers
//! envelope: QQ314159            its identifier
//! require: tls
//! priority: -9
//! deliver by: 120 return trace  or notify
//! hold: 3600                    or until a date
//! policy: all or nothing
//! transfer: 8bit                what the content needs instead of what it looks like: 7bit, 8bit, binary
//! header: utf8                  it needs SMTPUTF8
//! octets: 100                   how long the source says it is, whatever it is; or unknown
//! breaks after: 10              the source fails after so many octets
//! mail: next                    what follows is another mail, given as soon as the session is ready for it
//! ```
//!
//! The turns:
//!
//! ```text
//! S: 220 mail.test              the server says this line, CRLF included
//! S= 250 ok\n                   the server says exactly these octets; \r \n \0 \xNN \\ are escapes
//! S+ 250 ok                     like S:, and it comes in one read with what the server said before it
//! S! 552 no                     like S:, whatever the client still wants to say: no octet more of that gets through
//! S* 250-x\r\n                  the server says exactly these octets, without end
//! C: EHLO gate.test             the client says this line, CRLF included
//! C= hel                        the client says exactly these octets
//! close                         the server closes the connection
//! pause 300                     the server is silent for so many seconds, and neither speaks nor reads
//! E: accepted 250 ok            the session reports this event with this reply
//! E: failed smtp: RCPT: ...     this mail is not taken
//! E: error smtp: RCPT: ...      the session ends with this error
//! E: time-out EHLO              the driver gives up, because the pause was longer than the standard allows
//! E: ready                      told only where the story wants to act on it, by one of these:
//! A: mail                       the next mail is given
//! A: wait                       there is none for now
//! A: quit                       there is none any more
//! L: > EHLO gate.test           a line of the transcript; if there is one, all are told, at the end
//! L: < 250 mail.test
//! L: > (secret)
//! L: > (7 octets)
//! ```
//!
//! Where the client may write or read, it reads if the server's turn is next. Each story is told once more with all
//! that the server says between two lines of the client in as few reads as its buffer allows.
//!
//! Of every story it is also asserted that no step is empty, that its events are few, that it reads a bounded number of
//! octets, and that no password stands in its transcript.

mod dialogue;

use dialogue::{Story, Turn, read_all, tell};

#[test]
fn every_dialogue_at_every_read_and_write_size() {
    let stories = read_all();
    assert!(stories.len() > 150, "only {} dialogues were found", stories.len());
    let sizes = || (1..=64).chain([usize::MAX]);
    for story in &stories {
        for joined in [false, true] {
            for few in [1, 7, usize::MAX] {
                for size in sizes() {
                    tell(story, size, few, joined);
                    tell(story, few, size, joined);
                }
            }
        }
    }
}

#[test]
fn a_connection_that_closes_anywhere_is_never_an_acceptance() {
    for story in &read_all() {
        for (index, turn) in story.turns.iter().enumerate() {
            let Turn::Server {
                octets, joined: false, ..
            } = turn
            else {
                continue;
            };
            for cut in [0, 1, octets.len() - 1] {
                let story = closed(story, index, cut);
                for size in [1, 2, 3, 64, usize::MAX] {
                    tell(&story, size, size, false);
                }
            }
        }
    }
}

/// The same story up to some octets of the server's turn at `index`; then it closes the connection.
fn closed(story: &Story, index: usize, cut: usize) -> Story {
    let mut story = story.clone();
    story.name = format!("{}, closed at turn {index} after {cut} octets", story.name);
    story.transcript.clear();
    story.turns.truncate(index + 1);
    if let Some(Turn::Server { octets, endless, .. }) = story.turns.last_mut() {
        octets.truncate(cut);
        *endless = false;
    }
    story
        .turns
        .retain(|turn| !matches!(turn, Turn::Server { octets, .. } if octets.is_empty()));
    story.turns.push(Turn::Gone);
    story
}
