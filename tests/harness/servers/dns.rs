//! Real DNS on the loopback interface: Knot serves and signs zones, Unbound resolves and validates. An ordinary user will do.

use super::free;
use crate::needs::Need;
use crate::process::{Process, until};
use crate::{Context, Result};
use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The Debian packages.
pub const PACKAGES: &[&str] = &["knot", "unbound"];

/// What a test that starts them needs.
pub const NEEDS: [Need; 2] = [
    Need::Program("knotd", PACKAGES[0]),
    Need::Program("unbound", PACKAGES[1]),
];

/// Whether a zone is signed, and whether the resolver can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signed {
    /// By the key that the resolver trusts.
    Rightly,
    /// By another one.
    Wrongly,
    /// Not at all.
    Not,
}

/// The running servers; they end with their guard.
pub struct Dns {
    /// Where the resolver listens.
    pub resolver: SocketAddr,
    authority: Process,
    recursive: Process,
    _directory: TempDir,
}

impl Dns {
    /// Serves these zones: name, signature, and records as lines of a zone file.
    pub fn start(zones: &[(&str, Signed, &str)]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = directory.path();
        let [authority, recursive] = free()?;
        for (name, _, records) in zones {
            let head = format!(
                "$ORIGIN {name}.\n$TTL 60\n@ SOA ns admin 1 60 60 600 60\n@ NS ns\nns A {}\n",
                authority.ip()
            );
            fs::write(path.join(format!("{name}.zone")), head + records)?;
        }
        fs::create_dir(path.join("keys"))?;
        let configuration = path.join("knot.conf");
        fs::write(
            &configuration,
            knot(path, &authority.to_string().replace(':', "@"), zones),
        )?;
        let mut knotd = Command::new("knotd");
        knotd.arg("-c").arg(&configuration);
        let authority_process = Process::spawn("knotd", knotd)?;
        for (name, signed, _) in zones {
            let done = match signed {
                Signed::Not => format!("[{name}.] loaded"),
                _ => format!("[{name}.] DNSSEC, successfully signed"),
            };
            // They may come in any order, so all lines are looked at.
            let log = || authority_process.lines().iter().any(|line| line.contains(&done));
            until(&done, LIMIT, log).map_err(|error| format!("{error}:\n{}", authority_process.lines().join("\n")))?;
        }
        let mut anchors = String::new();
        let key = zones.iter().find(|(_, signed, _)| *signed == Signed::Rightly);
        for (name, signed, _) in zones {
            let signer = match signed {
                Signed::Not => continue,
                Signed::Rightly => name,
                // The key of another zone.
                Signed::Wrongly => {
                    key.ok_or("a zone that is wrongly signed needs one beside it that is not")?
                        .0
                }
            };
            let mut keymgr = Command::new("keymgr");
            keymgr.arg("-c").arg(&configuration).args([signer, "ds"]);
            let listed = keymgr.output().context("keymgr")?;
            let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
            let (_, record) = listed
                .lines()
                .next()
                .and_then(|line| line.split_once(' '))
                .ok_or_else(|| format!("keymgr knows no key of {signer}"))?;
            anchors += &format!("{name}. {record}\n");
        }
        fs::write(path.join("anchors"), anchors)?;
        let configuration = path.join("unbound.conf");
        fs::write(
            &configuration,
            unbound(path, recursive.port(), &authority.to_string().replace(':', "@"), zones),
        )?;
        let mut command = Command::new("unbound");
        command.arg("-d").arg("-c").arg(&configuration);
        let mut recursive_process = Process::spawn("unbound", command)?;
        recursive_process.wait_for("start", LIMIT, |line| line.contains("start of service"))?;
        let resolver = SocketAddr::from(recursive);
        until("the resolver", LIMIT, || answers(resolver)).map_err(|error| {
            let lines = [authority_process.lines(), recursive_process.lines()].concat();
            format!("{error}:\n{}", lines.join("\n"))
        })?;
        Ok(Self {
            resolver,
            authority: authority_process,
            recursive: recursive_process,
            _directory: directory,
        })
    }

    /// What both logged so far.
    pub fn log(&self) -> String {
        [self.authority.lines(), self.recursive.lines()].concat().join("\n")
    }
}

/// Whether it answers anything at all to the question for the root's name servers.
fn answers(resolver: SocketAddr) -> bool {
    let ask = || -> std::io::Result<usize> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        // The name localhost, which it knows without asking anybody.
        let query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x09localhost\x00\x00\x01\x00\x01";
        socket.send_to(query, resolver)?;
        socket.recv(&mut [0; 512])
    };
    ask().is_ok()
}

fn knot(path: &Path, listen: &str, zones: &[(&str, Signed, &str)]) -> String {
    let path = path.display();
    let mut text = format!(
        "server:
    rundir: {path}
    listen: {listen}
database:
    storage: {path}/keys
log:
  - target: stderr
    any: info
policy:
  - id: signed
    algorithm: ecdsap256sha256
    single-type-signing: on
template:
  - id: default
    storage: {path}
    file: %s.zone
    zonefile-sync: -1
    zonefile-load: difference-no-serial
    journal-content: all
zone:
"
    );
    for (name, signed, _) in zones {
        text += &format!("  - domain: {name}\n");
        if *signed != Signed::Not {
            text += "    dnssec-signing: on\n    dnssec-policy: signed\n";
        }
    }
    text
}

fn unbound(path: &Path, port: u16, authority: &str, zones: &[(&str, Signed, &str)]) -> String {
    let path = path.display();
    let mut text = format!(
        "server:
  interface: 127.0.0.1
  port: {port}
  directory: \"{path}\"
  chroot: \"\"
  username: \"\"
  pidfile: \"\"
  use-syslog: no
  logfile: \"\"
  do-daemonize: no
  do-not-query-localhost: no
  module-config: \"validator iterator\"
  trust-anchor-file: \"{path}/anchors\"
  local-zone: \"test.\" nodefault
remote-control:
  control-enable: no
"
    );
    for (name, ..) in zones {
        text += &format!("stub-zone:\n  name: \"{name}\"\n  stub-addr: {authority}\n");
    }
    text
}

const LIMIT: Duration = Duration::from_secs(30);
