//! Picks the applet, also by the name it was called by, and sets the exit code.

use std::ffi::OsString;
use std::io::{stderr, stdout};
use std::path::Path;
use std::process::ExitCode;

/// One row per applet: its name, also as `argv[0]`, what it is for, and what runs it with the words after its name.
type Applet = (&'static str, &'static str, fn(Vec<OsString>) -> u8);

const APPLETS: &[Applet] = &[
    ("ip", "links, addresses, routes, neighbours, namespaces", |words| {
        gatepost::ip::run(texts(words), &mut stdout().lock(), &mut stderr().lock())
    }),
    ("tc", "queueing disciplines", |words| {
        gatepost::tc::run(texts(words), &mut stdout().lock(), &mut stderr().lock())
    }),
    ("watch", "tell what changes, mail what matters", |words| {
        gatepost::alert::command::run(words, &mut stdout(), &mut stderr())
    }),
    ("mail", "submit a mail", gatepost::mail::command::run),
    (
        "sendmail",
        "submit a mail as other programs call it",
        gatepost::mail::sendmail::run,
    ),
    ("mailq", "list the mails that wait", gatepost::mail::sendmail::mailq),
    ("dash", "play a stream", |words| {
        gatepost::dash::command::run(words, &mut stdout(), &mut stderr())
    }),
];

fn main() -> ExitCode {
    // Where the binary is setgid, only the spool is worked on with its group's rights.
    if let Err(error) = gatepost::spool::lower() {
        eprintln!("gatepost: putting the group's rights away: {error}");
        return ExitCode::from(71);
    }
    let mut words = std::env::args_os();
    let called = words.next().unwrap_or_default();
    let own_name = Path::new(&called).file_name().and_then(|name| find(name.to_str()?));
    match own_name.or_else(|| find(words.next()?.to_str()?)) {
        Some((_, _, run)) => ExitCode::from(run(words.collect())),
        None => {
            let names: Vec<&str> = APPLETS.iter().map(|(name, _, _)| *name).collect();
            eprintln!("usage: gatepost {} ...", names.join("|"));
            for (name, purpose, _) in APPLETS {
                eprintln!("  {name:<10}{purpose}");
            }
            ExitCode::from(2)
        }
    }
}

fn find(name: &str) -> Option<&'static Applet> {
    APPLETS.iter().find(|(known, _, _)| *known == name)
}

/// A word that is no text becomes one that names nothing.
fn texts(words: Vec<OsString>) -> impl Iterator<Item = String> {
    words.into_iter().map(|word| word.to_string_lossy().into_owned())
}
