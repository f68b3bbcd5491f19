//! The clients that are compared, each as a program with the same arguments.

use super::super::child::{self, Cost};
use super::super::table::Report;
use super::sink::{Seen, Sink};
use harness::needs::{Need, program};
use harness::{Context, Result, packages, repository};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Where every client is.
pub(crate) struct Clients {
    pub(crate) sink: PathBuf,
    driver: PathBuf,
    raw: PathBuf,
    gatepost: PathBuf,
    /// Rust's other clients in one program, or why there are none.
    peers: std::result::Result<PathBuf, String>,
    /// A mail of 1 KB, for those that take it from a file.
    small: PathBuf,
    pub(crate) directory: PathBuf,
}

/// A client.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Client {
    /// The session of core over the transport of host; several mails on one connection.
    Driver,
    /// The octets of a client that are written without one, by DATA or BDAT: what machine and sink allow.
    Raw(&'static str),
    /// The `gatepost` binary, one mail.
    Gatepost,
    /// A peer written in Rust: lettre, mail-send or io-smtp.
    Rust(&'static str),
    Msmtp,
    Swaks,
    Curl,
    SmtpSource,
}

/// What a client has to do.
#[derive(Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) mails: u32,
    pub(crate) recipients: u32,
    pub(crate) attachment: Option<&'a Path>,
}

impl Client {
    /// What the table calls it.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Driver | Self::Gatepost => "gatepost".to_owned(),
            Self::Raw(_) => "prepared octets, no client".to_owned(),
            Self::Rust(name) => format!("{name}{}", version("tests/peers", name)),
            Self::Msmtp => "msmtp".to_owned(),
            Self::Swaks => "swaks --pipeline".to_owned(),
            Self::Curl => "curl".to_owned(),
            Self::SmtpSource => "smtp-source".to_owned(),
        }
    }

    fn need(self) -> Option<Need> {
        match self {
            Self::Driver | Self::Raw(_) | Self::Gatepost | Self::Rust(_) => None,
            Self::Msmtp => Some(Need::Program("msmtp", "msmtp")),
            Self::Swaks => Some(Need::Program("swaks", "swaks")),
            Self::Curl => Some(Need::Program("curl", "curl")),
            Self::SmtpSource => Some(Need::Program("smtp-source", "postfix")),
        }
    }
}

impl Clients {
    /// Builds ours, and the peers if that is possible.
    pub(crate) fn build(report: &Report) -> Result<Self> {
        let directory = repository::laboratory().join("bench");
        fs::create_dir_all(&directory).context(directory.display())?;
        report.note("building the sink, the driver and the gatepost binary, optimised");
        let tool = |name| {
            let arguments = [
                "build",
                "--profile",
                "bench",
                "--package",
                "gatepost-drivers",
                "--bin",
                name,
            ];
            repository::build(repository::root(), &arguments, name)
        };
        let (sink, driver, raw) = (tool("mail_sink")?, tool("mail_driver")?, tool("raw_octets")?);
        let gatepost = gatepost(report)?;
        report.note("building lettre, mail-send and io-smtp");
        let folder = repository::root().join("tests/peers");
        let peers = repository::build(&folder, &["build", "--release", "--locked"], "gatepost-peers")
            .map_err(|error| format!("needs the crates of tests/peers built: {error}"));
        let small = directory.join("small.eml");
        fs::write(&small, mail()).context(small.display())?;
        Ok(Self {
            sink,
            driver,
            raw,
            gatepost,
            peers,
            small,
            directory,
        })
    }

    /// Lets `client` do `task` against `sink`; an error if it could not, or if a mail is missing there.
    pub(crate) fn run(&self, client: Client, sink: &mut Sink, task: Task<'_>, watched: bool) -> Result<(Cost, Seen)> {
        if let Some(need) = client.need().filter(|need| !need.met()) {
            return Err(format!("needs {need}").into());
        }
        let command = self.command(client, sink, task)?;
        let cost = child::run(command, LIMIT, |process| {
            if watched {
                sink.watch(process)?;
            }
            Ok(())
        });
        let seen = match &cost {
            Ok(_) => sink.seen()?,
            // Whether it had connected is not known, nor of use.
            Err(_) => return Err(cost.err().unwrap_or_else(|| "no error".into())),
        };
        if seen.mails != u64::from(task.mails) {
            return Err(format!("{}: {} of {} mails arrived", client.name(), seen.mails, task.mails).into());
        }
        Ok((cost?, seen))
    }

    fn command(&self, client: Client, sink: &Sink, task: Task<'_>) -> Result<Command> {
        let address = sink.address.to_string();
        let port = sink.address.port().to_string();
        let recipients: Vec<String> = (0..task.recipients)
            .map(|number| format!("user{number}@server.test"))
            .collect();
        let numbers = [task.mails.to_string(), task.recipients.to_string()];
        let mut command;
        match client {
            Client::Driver => {
                command = Command::new(&self.driver);
                command.arg(address).args(numbers);
            }
            Client::Raw(how) => {
                command = Command::new(&self.raw);
                command.args([address, task.mails.to_string(), how.to_owned()]);
            }
            Client::Rust(name) => {
                command = Command::new(self.peers.as_ref().map_err(String::as_str)?);
                command.arg(name).arg(address).args(numbers).args(task.attachment);
            }
            Client::Gatepost => {
                command = Command::new(&self.gatepost);
                command.args(["mail", "send", "--security", "plain", "--client", "client.test"]);
                command.args(["--server", &address, "--from", FROM, "--subject", "A file"]);
                command.args(["--text", "The file is attached."]);
                recipients.iter().for_each(|recipient| {
                    command.args(["--to", recipient]);
                });
                if let Some(path) = task.attachment {
                    command.arg("--attach").arg(path);
                }
            }
            Client::Msmtp => {
                command = Command::new("msmtp");
                command.args(["--host=127.0.0.1", "--tls=off", "--auth=off", "--domain=client.test"]);
                command.args([&format!("--port={port}"), &format!("--from={FROM}")]);
                command.args(recipients).stdin(Stdio::from(File::open(&self.small)?));
            }
            Client::Swaks => {
                command = Command::new("swaks");
                command.args([
                    "--pipeline",
                    "--silent",
                    "3",
                    "--helo",
                    "client.test",
                    "--server",
                    &address,
                ]);
                command.args(["--from", FROM, "--to", &recipients.join(","), "--body", "A text."]);
            }
            Client::Curl => {
                command = Command::new("curl");
                command
                    .args(["--silent", "--show-error", "--mail-from", FROM, "--upload-file"])
                    .arg(&self.small);
                recipients.iter().for_each(|recipient| {
                    command.args(["--mail-rcpt", recipient]);
                });
                command.arg(format!("smtp://{address}/client.test"));
            }
            Client::SmtpSource => {
                let path = if program("smtp-source") {
                    "/usr/sbin/smtp-source"
                } else {
                    "smtp-source"
                };
                command = Command::new(path);
                command.args(["-4", "-d", "-s", "1", "-l", "1024", "-m", &task.mails.to_string()]);
                command.args(["-f", FROM, "-t", "user@server.test", &format!("inet:{address}")]);
            }
        }
        Ok(command)
    }
}

/// The version of a crate in the lock file of `folder`, with a space before it; nothing if it is not there.
pub(crate) fn version(folder: &str, name: &str) -> String {
    let lock = fs::read_to_string(repository::root().join(folder).join("Cargo.lock")).unwrap_or_default();
    let wanted = format!("name = \"{name}\"\nversion = \"");
    let version = lock
        .split_once(wanted.as_str())
        .and_then(|(_, rest)| rest.split_once('"'));
    version.map_or(String::new(), |(version, _)| format!(" {version}"))
}

/// The binary as a router has it, static, where that can be built; else for this machine.
fn gatepost(report: &Report) -> Result<PathBuf> {
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let arguments = ["build", "--release", "--package", "gatepost", "--bin", "gatepost"];
    if program("musl-gcc") && packages::has_target(&target)? {
        let arguments = [&arguments[..], &["--target", &target]].concat();
        return repository::build(repository::root(), &arguments, "gatepost");
    }
    report.note(&format!(
        "musl-gcc or the Rust target {target} is missing: gatepost is linked dynamically"
    ));
    repository::build(repository::root(), &arguments, "gatepost")
}

pub(crate) const FROM: &str = "bench@client.test";

/// Nothing here takes so long by itself.
const LIMIT: Duration = Duration::from_secs(40);

/// A mail of 1 KB.
fn mail() -> String {
    let header = format!(
        "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nFrom: <{FROM}>\r\nTo: <user0@server.test>\r\n\
        Message-ID: <1@client.test>\r\nSubject: A mail of one kilobyte\r\n\r\n"
    );
    let line = "The quick brown fox jumps over the lazy dog, and so on and so forth.\r\n";
    let lines = (1024 - header.len()) / line.len();
    header + &line.repeat(lines)
}
