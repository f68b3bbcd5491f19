//! `cargo lab demo`: the whole product at work on this machine.

use harness::demo::{self, Servers};
use harness::needs::{self, Need};
use harness::{Result, repository};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// What the command line asks for.
pub(crate) struct Options {
    servers: Servers,
    report: PathBuf,
}

impl Options {
    /// Reads `[--servers embedded|real] [--report DIR]`.
    pub(crate) fn parse(words: &[String]) -> Result<Self> {
        use lexopt::prelude::*;
        let mut options = Self {
            servers: Servers::Embedded,
            report: repository::laboratory().join("demo"),
        };
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("servers") => {
                    options.servers = match parser.value()?.string()?.as_str() {
                        "embedded" => Servers::Embedded,
                        "real" => Servers::Real,
                        other => return Err(format!("--servers {other}: it is embedded or real").into()),
                    }
                }
                Long("report") => options.report = parser.value()?.into(),
                _ => return Err(argument.unexpected().into()),
            }
        }
        Ok(options)
    }
}

/// Runs the demo and prints what happened; true if everything did as it must.
pub(crate) fn run(words: &[String]) -> Result<bool> {
    let options = Options::parse(words)?;
    if !Need::Root.met() && !needs::confined() {
        confine(words);
    }
    let machine = demo::machine(options.servers)?;
    if let demo::Machine::Memory(why) = &machine {
        println!("no QEMU here, because {why}: the same firmware application runs on an in-memory Ethernet");
    }
    let record = demo::run(machine, options.servers, &mut |time, line| {
        println!("{:6.1} s  {line}", time.as_secs_f64());
    })?;

    println!("\nMails as received:");
    for mail in &record.mails {
        println!("{}", "-".repeat(72));
        print!("{}", String::from_utf8_lossy(&mail.data).replace('\r', ""));
    }
    println!("{}\n\nSegments:\n{}", "-".repeat(72), record.segments_text());
    print!("What happened:\n{}", record.summary());
    let page = record.report(&options.report)?;
    println!("Link rate, chosen bitrate and buffer over time: {}", page.display());
    let faults = record.faults();
    for fault in &faults {
        eprintln!("failed: {fault}");
    }
    Ok(faults.is_empty())
}

/// Starts over in a user namespace, where an ordinary user may have network namespaces; returns if that is not allowed.
fn confine(words: &[String]) {
    let unshare = || {
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--"]);
        command
    };
    let allowed = unshare().arg("true").stderr(Stdio::null()).status();
    if !allowed.is_ok_and(|status| status.success()) {
        return;
    }
    if let Ok(program) = std::env::current_exe() {
        // It returns only if it failed, and then the demo goes on without.
        let _ = unshare()
            .arg(program)
            .arg("demo")
            .args(words)
            .env(needs::CONFINED, "true")
            .exec();
    }
}
