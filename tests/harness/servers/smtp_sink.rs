//! smtp-sink, which comes with Postfix: a server that lacks whatever its flags take away. An ordinary user will do.

use super::mail::Received;
use super::{Port, Server, free};
use crate::needs::Need;
use crate::process::{Process, until};
use crate::{Context, Result};
use std::fs;
use std::net::{SocketAddrV4, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// What a test that starts it needs.
pub const NEEDS: [Need; 1] = [Need::Program("smtp-sink", "postfix")];

/// The running server; it ends with its guard.
pub struct SmtpSink {
    directory: TempDir,
    process: Process,
    address: SocketAddrV4,
}

impl SmtpSink {
    /// Serves with these flags; `-e`: no EHLO, `-p`: no PIPELINING, `-8`, `-N`, `-L`: LMTP, `-r` and `-f`: refusals.
    pub fn start(flags: &[&str]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let [address] = free()?;
        let mut command = Command::new("smtp-sink");
        command.arg("-v").args(flags);
        if rustix::process::geteuid().is_root() {
            // It insists on other rights than root's, and must be able to write all the same.
            command.args(["-u", "nobody"]);
            std::os::unix::fs::chown(directory.path(), Some(NOBODY), Some(NOBODY))?;
        }
        command.current_dir(directory.path());
        command.args(["-d", "%s."]).arg(address.to_string()).arg("64");
        let process = Process::spawn("smtp-sink", command)?;
        until("smtp-sink", Duration::from_secs(10), || {
            TcpStream::connect(address).is_ok()
        })
        .map_err(|error| format!("{error}; it wrote:\n{}", process.lines().join("\n")))?;
        Ok(Self {
            directory,
            process,
            address,
        })
    }
}

impl Server for SmtpSink {
    fn address(&self, port: Port) -> Option<SocketAddrV4> {
        (port == Port::Relay).then_some(self.address)
    }

    /// It takes any user and password by these, in the clear; it knows no TLS.
    fn mechanisms(&self) -> &str {
        "PLAIN LOGIN"
    }

    /// The order of mails within one second is not known.
    fn received(&self) -> Result<Vec<Received>> {
        let mut paths: Vec<PathBuf> = fs::read_dir(self.directory.path())
            .context(self.directory.path().display())?
            .flatten()
            .map(|entry| entry.path())
            .collect();
        paths.sort_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok());
        paths.iter().map(|path| Ok(received(&fs::read(path)?))).collect()
    }

    fn log(&self) -> String {
        self.process.lines().join("\n")
    }
}

/// Reads a dump: lines on the envelope, a Received field, the mail data, an empty line; all with bare LF.
fn received(dump: &[u8]) -> Received {
    let mut mail = Received::default();
    let mut lines = dump.split_inclusive(|octet| *octet == b'\n').peekable();
    while let Some(line) = lines.peek() {
        let shown = String::from_utf8_lossy(line);
        let words = |rest: &str| {
            let mut words = rest.split_whitespace().map(str::to_owned);
            let path = words.next().unwrap_or_default();
            (path.trim_matches(['<', '>']).to_owned(), words.collect::<Vec<_>>())
        };
        if let Some(rest) = shown.strip_prefix("X-Mail-Args: ") {
            (mail.reverse_path, mail.parameters) = words(rest);
        } else if let Some(rest) = shown.strip_prefix("X-Rcpt-Args: ") {
            let (path, parameters) = words(rest);
            mail.recipients.push(path);
            mail.recipient_parameters.push(parameters);
        } else if !["X-Client-", "X-Helo-", "Received:", "\t", " "]
            .iter()
            .any(|own| shown.starts_with(own))
        {
            break;
        }
        lines.next();
    }
    // The dump ends in an empty line of its own.
    let lines: Vec<&[u8]> = lines.collect();
    for line in lines.split_last().map_or(&[][..], |(_, lines)| lines) {
        mail.data.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
        mail.data.extend_from_slice(b"\r\n");
    }
    mail
}

/// The user and group that it writes as.
const NOBODY: u32 = 65534;
