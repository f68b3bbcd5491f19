//! Other mail clients, told the same stories as far as they concern a client at all.

use super::Verdict;
use super::client::{Client, bounds};
use super::measure::Run;
use super::server::Heard;
use super::story::{Outcome, Story};
use crate::needs::program;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

/// What brings them.
pub const PACKAGES: &[&str] = &["msmtp", "curl", "swaks", "libnet-ssleay-perl", "python3"];

/// Those that this machine has.
pub fn installed() -> Vec<Peer> {
    let all = [Peer::Msmtp, Peer::Curl, Peer::Swaks, Peer::Smtplib];
    all.into_iter().filter(|peer| program(peer.program())).collect()
}

/// A client of another project, called as its manual says, with nothing switched off or on for the occasion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// msmtp
    Msmtp,
    /// curl
    Curl,
    /// swaks
    Swaks,
    /// smtplib of Python's standard library
    Smtplib,
}

impl Peer {
    fn program(self) -> &'static str {
        match self {
            Self::Msmtp => "msmtp",
            Self::Curl => "curl",
            Self::Swaks => "swaks",
            Self::Smtplib => "python3",
        }
    }

    /// Whether a story is told to it: not those of `gatepost`'s own words and files, and not those of a server that waits
    /// for pipelined commands, which no client must send.
    pub fn is_told(story: &Story) -> bool {
        let ours = story.alone || matches!(story.outcome, Outcome::Usage | Outcome::Data);
        !ours && !story.is_pipelined() && story.arguments.is_empty() && story.attach.is_none() && story.to.len() <= 100
    }
}

impl Client for Peer {
    fn name(&self) -> &str {
        match self {
            Self::Smtplib => "smtplib",
            _ => self.program(),
        }
    }

    fn memory(&self, _: &Story) -> u64 {
        256 << 20
    }

    fn input(&self, story: &Story) -> Vec<u8> {
        let Story { from, to, subject, .. } = story;
        let mut input = format!("From: <{from}>\nTo: <{}>\nSubject: {subject}\n\n", to.join(">,\n <")).into_bytes();
        input.extend(&story.text);
        match self {
            // It sends what it reads, which therefore has the lines of a mail.
            Self::Curl => with_crlf(&input),
            _ => input,
        }
    }

    fn command(&self, story: &Story, server: SocketAddr, directory: &Path) -> Command {
        let mut command = Command::new(self.program());
        command.current_dir(directory).env("HOME", directory);
        let (host, port) = (server.ip().to_string(), server.port().to_string());
        let (tls, starttls) = (story.security == "tls", story.security == "starttls");
        let user = story.user.as_ref();
        match self {
            Self::Msmtp => {
                let switch = |on| if on { "on" } else { "off" };
                command.args([
                    "--host",
                    &host,
                    "--port",
                    &port,
                    "--domain=gate.test",
                    "--tls-trust-file=ca.pem",
                    "--from",
                    &story.from,
                ]);
                command.arg(format!("--tls={}", switch(tls || starttls)));
                command.arg(format!("--tls-starttls={}", switch(starttls)));
                if let Some((user, password)) = user {
                    let print = format!("--passwordeval=printf %s {password}");
                    command.args(["--auth=on", "--user", user, &print]);
                }
                command.arg("--").args(&story.to);
            }
            Self::Curl => {
                let scheme = if tls { "smtps" } else { "smtp" };
                let url = format!("{scheme}://{server}/gate.test");
                command.args([
                    "--silent",
                    "--show-error",
                    "--cacert",
                    "ca.pem",
                    "--upload-file",
                    "-",
                    "--url",
                    &url,
                ]);
                command.args(["--mail-from", &story.from]);
                for recipient in &story.to {
                    command.args(["--mail-rcpt", recipient]);
                }
                if starttls {
                    command.arg("--ssl-reqd");
                }
                if let Some((user, password)) = user {
                    command.args(["--user", &format!("{user}:{password}")]);
                }
            }
            Self::Swaks => {
                command.args([
                    "--server",
                    &host,
                    "--port",
                    &port,
                    "--ehlo",
                    "gate.test",
                    "--from",
                    &story.from,
                ]);
                command.args(["--to", &story.to.join(","), "--data", "-"]);
                if tls || starttls {
                    command.args([if tls { "--tls-on-connect" } else { "--tls" }, "--tls-verify"]);
                    command.args(["--tls-ca-path", "ca.pem"]);
                }
                if let Some((user, password)) = user {
                    command.args(["--auth", "--auth-user", user, "--auth-password", password]);
                }
            }
            Self::Smtplib => {
                let (user, password) = user.map_or(("", ""), |(user, password)| (user, password));
                command.args([
                    "-c",
                    SMTPLIB,
                    &host,
                    &port,
                    &story.security,
                    user,
                    password,
                    &story.from,
                ]);
                command.args(&story.to);
            }
        }
        command
    }

    fn judge(&self, story: &Story, run: &Run, heard: &Heard) -> Verdict {
        let mut faults = bounds(self, story, run, heard);
        let (sent, right) = (run.code == Some(0), story.outcome == Outcome::Sent);
        if sent != right && !run.stuck {
            faults.push(if sent { "called sent" } else { "not called sent" }.to_owned());
        }
        let accepted = story.reports.iter().any(|report| report.starts_with("accepted"));
        if accepted && heard.data.is_empty() {
            faults.push("delivered to nobody".to_owned());
        }
        // How it speaks is its own affair, but not what could be misunderstood, or heard by others.
        let impure = |fault: &&String| IMPURE.iter().any(|start| fault.starts_with(start));
        faults.extend(heard.faults.iter().filter(impure).cloned());
        let ours = match run.code {
            _ if run.stuck => "hangs",
            Some(0) => "sent",
            Some(_) => "fails",
            None => "crashes",
        };
        Verdict {
            ours: ours.to_owned(),
            memory: run.memory,
            processor: run.processor,
            faults,
        }
    }
}

/// The same octets, a CR before each LF that has none.
fn with_crlf(octets: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for octet in octets {
        if *octet == b'\n' && !out.ends_with(b"\r") {
            out.push(b'\r');
        }
        out.push(*octet);
    }
    out
}

/// What no client may say, whatever it is.
const IMPURE: [&str; 6] = [
    "a bare CR or LF",
    "a NUL",
    "a line of",
    "octets beyond ASCII",
    "the client went on with TLS",
    "the mail data lack",
];

/// As the documentation of smtplib shows it; refused recipients are told by the exit code.
const SMTPLIB: &str = "
import smtplib, ssl, sys
host, port, security, user, password, sender, *recipients = sys.argv[1:]
context = ssl.create_default_context(cafile='ca.pem')
if security == 'tls':
    client = smtplib.SMTP_SSL(host, int(port), context=context, local_hostname='gate.test')
else:
    client = smtplib.SMTP(host, int(port), local_hostname='gate.test')
if security == 'starttls':
    client.starttls(context=context)
if user:
    client.login(user, password)
refused = client.sendmail(sender, recipients, sys.stdin.buffer.read().decode('ascii'))
client.quit()
sys.exit(1 if refused else 0)
";
