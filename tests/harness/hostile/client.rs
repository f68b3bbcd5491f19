//! The clients that stories are told to.

use super::Verdict;
use super::measure::Run;
use super::server::Heard;
use super::story::{Outcome, Story};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mail client on the command line.
pub trait Client {
    /// Its name in a table.
    fn name(&self) -> &str;

    /// How it is told to send the mail of `story` to `server`; `directory` is its own, with `ca.pem` and the story's files.
    fn command(&self, story: &Story, server: SocketAddr, directory: &Path) -> Command;

    /// What it reads on its standard input.
    fn input(&self, story: &Story) -> Vec<u8> {
        story.text.clone()
    }

    /// The most memory it may take, octets.
    fn memory(&self, story: &Story) -> u64 {
        story.memory
    }

    /// What it made of the story.
    fn judge(&self, story: &Story, run: &Run, heard: &Heard) -> Verdict;
}

/// `gatepost mail send`, held to every word of a story.
pub struct Gatepost {
    /// The binary.
    pub binary: PathBuf,
}

impl Client for Gatepost {
    fn name(&self) -> &str {
        "gatepost"
    }

    fn command(&self, story: &Story, server: SocketAddr, directory: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command.current_dir(directory).args(["mail", "send", "--server"]);
        command.arg(server.to_string());
        command.args(["--security", &story.security, "--ca", "ca.pem", "--client", "gate.test"]);
        command.args(["--from", &story.from, "--subject", &story.subject]);
        for recipient in &story.to {
            command.args(["--to", recipient]);
        }
        if let Some((user, password)) = &story.user {
            // Written anew for each run; a failure shows as the client's own.
            let _ = fs::write(directory.join("password"), password);
            command.args(["--user", user, "--password-file", "password"]);
        }
        if let Some(name) = &story.attach {
            command.args(["--attach", name]);
        }
        command.args(&story.arguments);
        command
    }

    fn judge(&self, story: &Story, run: &Run, heard: &Heard) -> Verdict {
        let mut faults = bounds(self, story, run, heard);
        faults.extend(heard.faults.iter().cloned());
        if run.code != Some(story.outcome.exit_code()) && !run.stuck {
            faults.push(format!("exit code {:?} instead of {:?}", run.code, story.outcome));
        }
        let lacks = |output: &str, text: &String| (!output.contains(text)).then(|| text.clone());
        for text in story.says.iter().filter_map(|text| lacks(&run.stderr, text)) {
            faults.push(format!("standard error lacks {text:?}: {:?}", run.stderr));
        }
        for text in story.reports.iter().filter_map(|text| lacks(&run.stdout, text)) {
            faults.push(format!("standard output lacks {text:?}: {:?}", run.stdout));
        }
        for output in [&run.stdout, &run.stderr] {
            for text in story.hides.iter().filter(|text| output.contains(*text)) {
                faults.push(format!("{text:?} is shown: {output:?}"));
            }
            // Whatever a server says, a terminal is not written to by it.
            if let Some(octet) = output.chars().find(|octet| octet.is_control() && *octet != '\n') {
                faults.push(format!("{octet:?} is shown: {output:?}"));
            }
        }
        if !run.stderr.is_empty() && run.stderr.lines().count() != 1 {
            faults.push(format!("standard error is not one line: {:?}", run.stderr));
        }
        Verdict {
            ours: how(run),
            memory: run.memory,
            processor: run.processor,
            faults,
        }
    }
}

/// What is asked of every client: an end, in bounded memory, time and octets.
pub(super) fn bounds(client: &impl Client, story: &Story, run: &Run, heard: &Heard) -> Vec<String> {
    let mut faults = Vec::new();
    if run.stuck {
        faults.push(format!("still running after {} s", story.stuck_after.as_secs()));
    }
    if run.memory > client.memory(story) {
        faults.push(format!("took {} KiB of memory", run.memory >> 10));
    }
    if run.processor > story.processor {
        faults.push(format!("took {:?} of processor time", run.processor));
    }
    if heard.swallowed > SWALLOWED {
        faults.push(format!("listened to {} KiB without end", heard.swallowed >> 10));
    }
    faults
}

/// How a run of `gatepost` ended, in a word.
fn how(run: &Run) -> String {
    match run.code {
        _ if run.stuck => "hangs".to_owned(),
        Some(code) => Outcome::name(code).map_or_else(|| format!("exit {code}"), str::to_owned),
        None => "crashed".to_owned(),
    }
}

/// Octets of an endless reply that may be on the way, in the buffers of both sockets and in the client.
const SWALLOWED: usize = 2 << 20;
