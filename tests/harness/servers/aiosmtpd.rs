//! aiosmtpd, a server without PIPELINING. An ordinary user will do.

use super::mail::{Policy, Received};
use super::{Port, Server, deposit, free};
use crate::Result;
use crate::certificates::ServerCertificate;
use crate::needs::Need;
use crate::process::Process;
use std::fs;
use std::net::SocketAddrV4;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The Debian packages it is made of.
pub const PACKAGES: &[&str] = &["python3-aiosmtpd"];

/// What a test that starts it needs.
pub const NEEDS: [Need; 1] = [Need::Program("aiosmtpd", PACKAGES[0])];

/// The running server; it ends with its guard.
pub struct Aiosmtpd {
    directory: TempDir,
    process: Process,
    addresses: [SocketAddrV4; 3],
}

impl Aiosmtpd {
    /// Serves mail on three loopback ports. The local-parts `reject` and `tempfail` are answered 550 and 450.
    pub fn start(certificate: &ServerCertificate, policy: &Policy) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let root = directory.path();
        certificate.write(root)?;
        fs::create_dir(root.join("deposit"))?;
        let addresses = free()?;
        // The interpreter that the package is for.
        let mut command = Command::new("/usr/bin/python3");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("harness/servers/peers/aiosmtpd_server.py"));
        command.arg(root.join("deposit"));
        command.args([&policy.name, &policy.user, &policy.password]);
        command.args([root.join("server.pem"), root.join("server.key")]);
        command.args(addresses.map(|address| address.port().to_string()));
        let mut process = Process::spawn("aiosmtpd", command)?;
        process.wait_for("listener", LIMIT, |line| line == "ready")?;
        Ok(Self {
            directory,
            process,
            addresses,
        })
    }
}

impl Server for Aiosmtpd {
    fn address(&self, port: Port) -> Option<SocketAddrV4> {
        Port::ALL
            .iter()
            .zip(self.addresses)
            .find_map(|(own, address)| (*own == port).then_some(address))
    }

    fn mechanisms(&self) -> &str {
        "LOGIN PLAIN"
    }

    /// Parameters of MAIL are in upper case; those of RCPT are not known.
    fn received(&self) -> Result<Vec<Received>> {
        deposit::read(&self.directory.path().join("deposit"))
    }

    fn log(&self) -> String {
        self.process.lines().join("\n")
    }
}

const LIMIT: Duration = Duration::from_secs(20);
