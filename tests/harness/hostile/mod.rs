//! Hostile and odd mail servers, each a story in a file that a person can read, played to a real client over loopback.
//!
//! A file has comments, a header of `key: value` lines, an empty line, and then turns.
//!
//! ```text
//! behaviour: closes the connection at the final dot       the row of the matrix
//! right: the mail is not called sent                      what a good client makes of it
//! outcome: retry                                          sent, or how `gatepost` fails: see [`Outcome`]
//! says: end of data: the server closed                    standard error holds this; may be repeated
//! reports: recipient bob@mail.test accepted               standard output holds this; may be repeated
//! hides: s3cret                                           neither holds this; may be repeated
//! security: starttls                                      plain (the default), starttls, tls
//! from: / to: / subject: / text: / attach:                the mail; `to` may be repeated, `many to: 1000` adds so many
//! user: / password:                                       who authenticates
//! arguments: --deadline 3                                 more words for `gatepost` alone
//! argument: a\r\nb                                        one more word, with escapes
//! alone: what others cannot be told       for `gatepost` alone: other clients are given a message ready-made
//! stuck after: 20                                         a client still running after so many seconds hangs; 20
//! memory: 24                                              the client's peak, MiB; 24
//! processor: 2                                            the client's processor time, seconds; 2
//!
//! S: 220 mail.test            the server says this line, CRLF included
//! S= 250 ok\n                 it says exactly these octets; \r \n \t \e \0 \xNN \\ are escapes
//! S+ 250 ok                   like S:, and in one write with what is before it
//! S* 250-again\r\n            it says these octets without end, until the client closes
//! S~ 250-again\r\n            the same, one octet a second
//! S# 1000 250-again\r\n       it says these octets so many times
//! C: MAIL FROM:               the client says a line that begins so
//! C# 1000 RCPT | 250 ok       so many lines that begin so, each answered before the next is read
//! C= 4000                     the client sends so many octets, whatever they are
//! data                        the client sends mail data to the final dot
//! bdat                        the client says BDAT with a number and LAST, and sends so many octets
//! D: ..dotted                 the mail data held this line
//! tls                         the server takes TLS
//! tls refused                 the same, and the client refuses its certificate and closes
//! still                       the client says nothing for a moment
//! silent                      the client says nothing more and closes
//! quit                        the same, but it may say QUIT; so every story ends that says nothing else
//! deaf                        the server reads and says nothing more, until the client closes
//! close                       the server closes the connection
//! linger                      the server closes for itself, and reads on until the client closes
//! reset                       the server resets it
//! next                        the server waits for another connection
//! ```
//!
//! A story without turns is one in which nobody connects. `STORY=name` in the environment plays those whose names hold it.
//!
//! Of every story it is also asserted that the client's lines and mail data hold no bare CR or LF, no NUL, no line over
//! 998 octets and, if the server does not offer 8BITMIME, nothing beyond ASCII, and that the client takes no more than a bounded number of octets before it ends.

pub mod client;
pub mod matrix;
mod measure;
pub mod peers;
mod server;
mod story;
mod turns;

pub use client::{Client, Gatepost};
pub use story::{Outcome, Story};

use crate::certificates::Authority;
use crate::{Context, Result, repository};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// What a story came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What the client did, in a few words.
    pub ours: String,
    /// Its peak resident set as it was last seen, octets.
    pub memory: u64,
    /// Its processor time, in hundredths of a second.
    pub processor: Duration,
    /// What it did wrong; nothing if it was right.
    pub faults: Vec<String>,
}

/// Every story of `tests/hostile`, by the name of its file.
pub fn stories() -> Result<Vec<Story>> {
    let directory = repository::root().join("tests/hostile");
    let entries = fs::read_dir(&directory).context(directory.display())?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let text = fs::read_to_string(path).context(path.display())?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        Story::parse(&name, &text).context(path.display())
    };
    paths.iter().map(read).collect()
}

/// Plays `stories` to `client`, a few at once, because most of them wait; in the order in which they were given.
pub fn play_all(stories: &[Story], client: &(dyn Client + Sync), authority: &Authority) -> Result<Vec<Verdict>> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut played = Vec::new();
        while let Some((index, story)) = stories.iter().enumerate().nth(next.fetch_add(1, Ordering::Relaxed)) {
            played.push((index, play(story, client, authority).context(&story.name)?));
        }
        Ok(played)
    };
    let played: Result<Vec<_>> = thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(work)).collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a story panicked".into())));
        joined.collect()
    });
    let mut played: Vec<_> = played?.into_iter().flatten().collect();
    played.sort_by_key(|(index, _)| *index);
    Ok(played.into_iter().map(|(_, verdict)| verdict).collect())
}

/// Plays `story` to `client` and judges what came of it.
pub fn play(story: &Story, client: &dyn Client, authority: &Authority) -> Result<Verdict> {
    let directory = tempfile::tempdir()?;
    authority.write(directory.path())?;
    for (name, octets) in &story.files {
        fs::write(directory.path().join(name), octets)?;
    }
    let certificate = authority.server(&["127.0.0.1", "localhost"])?;
    let server = server::Server::start(story, &certificate)?;
    let command = client.command(story, server.address(), directory.path());
    let run = measure::run(command, &client.input(story), story.stuck_after, client.memory(story))?;
    let heard = server.finish();
    Ok(client.judge(story, &run, &heard))
}
