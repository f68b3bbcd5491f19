//! The npm package `smtp-server`: REQUIRETLS, and LMTP with an outcome for each recipient. An ordinary user will do.

use super::mail::{Policy, Received};
use super::{Port, Server, deposit, dovecot, free};
use crate::certificates::ServerCertificate;
use crate::needs::Need;
use crate::process::Process;
use crate::{Result, packages, repository};
use std::fs;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The Debian packages that bring node and npm.
pub const PACKAGES: &[&str] = &["nodejs", "npm"];

/// What a test that starts it needs.
pub const NEEDS: [Need; 2] = [
    Need::Program("node", PACKAGES[0]),
    Need::Kept(
        "smtp-server/node_modules/smtp-server/package.json",
        "the npm package smtp-server",
    ),
];

/// The running servers, of one process.
pub struct SmtpServer {
    directory: TempDir,
    process: Process,
    smtp: SocketAddrV4,
    submissions: SocketAddrV4,
    lmtp: SocketAddrV4,
    token: String,
}

/// Installs the package in the version that the lock file names, unless that was done before. Needs npm.
pub fn install() -> Result<()> {
    let directory = kept();
    let mut fresh = true;
    fs::create_dir_all(&directory)?;
    for name in ["package.json", "package-lock.json"] {
        let wanted = fs::read(sources().join(name))?;
        fresh &= fs::read(directory.join(name)).is_ok_and(|present| present == wanted);
        fs::write(directory.join(name), wanted)?;
    }
    if fresh && NEEDS[1].met() {
        return Ok(());
    }
    println!("installing the npm package smtp-server");
    let mut command = Command::new("npm");
    command.current_dir(&directory);
    packages::quiet(command.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]))
}

impl SmtpServer {
    /// Serves SMTP and LMTP with STARTTLS, and SMTP with TLS from the first octet on, on loopback ports.
    ///
    /// The local-parts `reject` and `tempfail` are answered 550 and 450; by LMTP, `full` is answered 452 after the data.
    pub fn start(certificate: &ServerCertificate, policy: &Policy) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let root = directory.path();
        certificate.write(root)?;
        fs::create_dir(root.join("deposit"))?;
        let [smtp, submissions, lmtp] = free()?;
        let token = dovecot::token(&policy.user);
        let settings = format!(
            r#"{{
  "listeners": [
    {{"port": {}, "lmtp": false, "secure": false}},
    {{"port": {}, "lmtp": false, "secure": true}},
    {{"port": {}, "lmtp": true, "secure": false}}
  ],
  "name": "{}", "user": "{}", "password": "{}", "token": "{token}",
  "certificate": "{root}/server.pem", "key": "{root}/server.key", "size": 20480000
}}"#,
            smtp.port(),
            submissions.port(),
            lmtp.port(),
            policy.name,
            policy.user,
            policy.password,
            root = root.display(),
        );
        let mut command = Command::new("node");
        command.arg(sources().join("smtp_server.js")).arg(kept());
        command.arg(root.join("deposit")).arg(settings);
        let mut process = Process::spawn("smtp-server", command)?;
        process.wait_for("listener", LIMIT, |line| line == "ready")?;
        Ok(Self {
            directory,
            process,
            smtp,
            submissions,
            lmtp,
            token,
        })
    }

    /// Where it listens for LMTP.
    pub fn lmtp(&self) -> SocketAddrV4 {
        self.lmtp
    }

    /// The bearer token that it takes.
    pub fn token(&self) -> &str {
        &self.token
    }
}

impl Server for SmtpServer {
    /// Its one port without implicit TLS is for anybody, and takes AUTH, too.
    fn address(&self, port: Port) -> Option<SocketAddrV4> {
        Some(match port {
            Port::Relay | Port::Submission => self.smtp,
            Port::Submissions => self.submissions,
        })
    }

    fn mechanisms(&self) -> &str {
        "PLAIN LOGIN CRAM-MD5 XOAUTH2"
    }

    fn received(&self) -> Result<Vec<Received>> {
        deposit::read(&self.directory.path().join("deposit"))
    }

    fn log(&self) -> String {
        self.process.lines().join("\n")
    }
}

fn kept() -> PathBuf {
    repository::laboratory().join("smtp-server")
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("harness/servers/peers")
}

const LIMIT: Duration = Duration::from_secs(20);
