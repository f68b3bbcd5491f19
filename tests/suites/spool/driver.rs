//! Hands a mail over to a spool, or delivers from one to a server that is a file: small enough to be killed at every
//! system call.
//!
//! `spool-driver push DIR ADDRESS...` takes the content from standard input and ends with 0 once it has the mail.
//! `spool-driver deliver DIR FILE SECONDS` delivers what is due at that time; what is accepted becomes lines of FILE, by
//! one system call a mail. The local-part decides: `5..` is refused, `4..` for now, all others are accepted.

use gatepost::spool::{Attempt, Content, Courier, Limits, Outcome, Schedule, Spool, Verdict};
use gatepost_core::message::Address;
use gatepost_core::smtp::{Envelope, Options, Recipient};
use std::error::Error;
use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["push", directory, addresses @ ..] => push(directory, addresses),
        ["deliver", directory, file, seconds] => deliver(directory, file, Duration::from_secs(seconds.parse()?)),
        _ => Err("usage: spool-driver push DIR ADDRESS... | deliver DIR FILE SECONDS".into()),
    }
}

fn push(directory: &str, addresses: &[&str]) -> Result<(), Box<dyn Error>> {
    let parsed: Result<Vec<_>, _> = addresses.iter().map(|address| Address::parse(address)).collect();
    let recipients: Vec<Recipient<'_>> = parsed?.into_iter().map(Recipient::from).collect();
    let envelope = Envelope {
        reverse_path: Some(Address::parse("alice@home.test")?),
        recipients: &recipients,
        options: Options::default(),
    };
    let spool = Spool::open(Path::new(directory), Limits::default())?;
    spool.push(&envelope, &mut std::io::stdin(), HANDED_OVER)?;
    Ok(())
}

fn deliver(directory: &str, file: &str, now: Duration) -> Result<(), Box<dyn Error>> {
    let mut server = Server(File::options().append(true).open(file)?);
    let spool = Spool::open(Path::new(directory), Limits::default())?;
    let delivery = spool.delivery(Schedule::default(), "gate.test")?;
    let mut delivery = delivery.ok_or("another process delivers")?;
    delivery.run(&mut server, &mut || now, &mut || 0, &mut |report| eprintln!("{report}"))?;
    Ok(())
}

/// A line for each recipient who got a mail: to whom, about whom if it is a report, and its Message-ID.
struct Server(File);

impl Courier for Server {
    fn deliver(&mut self, envelope: &Envelope<'_>, content: &mut Content) -> Attempt {
        let mut text = String::new();
        if let Err(error) = content.read_to_string(&mut text) {
            return Attempt::Unreachable(error.to_string());
        }
        let field = |name: &str| {
            let values = text.lines().filter_map(|line| line.strip_prefix(name));
            values.collect::<Vec<_>>().join(",")
        };
        let (mut lines, mut verdicts) = (String::new(), Vec::new());
        for recipient in envelope.recipients {
            let (outcome, reply) = match recipient.address.local_part().chars().next() {
                Some('5') => (Outcome::Permanent, "550 5.1.1 no such user"),
                Some('4') => (Outcome::Transient, "450 4.2.0 greylisted"),
                _ => (Outcome::Accepted, "250 2.0.0 queued"),
            };
            if outcome == Outcome::Accepted {
                let about = field("Final-Recipient: rfc822;");
                lines += &format!("{} {about} {}\n", recipient.address, field("Message-ID: "));
            }
            let reply = reply.to_owned();
            verdicts.push(Verdict { outcome, reply });
        }
        match self.0.write(lines.as_bytes()) {
            Ok(count) if count == lines.len() => Attempt::Verdicts(verdicts),
            _ => Attempt::Unreachable("the file of accepted mails cannot be written".to_owned()),
        }
    }
}

/// When every mail is handed over, since 1970.
const HANDED_OVER: Duration = Duration::from_secs(1_795_382_363);
