//! Dovecot as a mail server of its own: LMTP into mailboxes, and submission, which hands on to another server.
//!
//! Needs root and the packages [`PACKAGES`].

use super::mail::{Policy, Received};
use super::scripted::{Script, Scripted};
use super::{Port, Server, contained, dovecot, free};
use crate::Result;
use crate::certificates::ServerCertificate;
use crate::needs::Need;
use crate::process::{Process, until};
use std::fs;
use std::net::{SocketAddrV4, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::time::Duration;
use tempfile::TempDir;

/// The Debian packages it is made of.
pub const PACKAGES: &[&str] = &["dovecot-core", "dovecot-lmtpd", "dovecot-submissiond"];

/// What a test that starts it needs.
pub const NEEDS: [Need; 4] = [
    Need::Root,
    Need::Program("dovecot", PACKAGES[0]),
    Need::File("/usr/lib/dovecot/lmtp", PACKAGES[1]),
    Need::File("/usr/lib/dovecot/submission", PACKAGES[2]),
];

/// The running server; it ends with its guard.
pub struct DovecotMail {
    directory: TempDir,
    process: Process,
    lmtp: SocketAddrV4,
    submission: [SocketAddrV4; 2],
    behind: Scripted,
}

impl DovecotMail {
    /// Serves on loopback ports. By LMTP it knows the users `a`, `b` and `full`, whose mailbox is.
    pub fn start(certificate: &ServerCertificate, policy: &Policy) -> Result<Self> {
        let behind = Scripted::start(Script::default(), certificate)?;
        let [lmtp, submission, submissions] = free()?;
        // The daemons' users must be able to enter it.
        let directory = tempfile::Builder::new()
            .prefix("gatepost-dovecot-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()?;
        let root = directory.path();
        certificate.write(root)?;
        fs::create_dir(root.join("mail"))?;
        chown(root.join("mail"), Some(NOBODY), Some(NOBODY))?;
        let mut settings = dovecot::settings(root, policy)?;
        settings += &format!(
            "protocols = lmtp submission
auth_username_format = %Ln
listen = 127.0.0.1
hostname = {name}
ssl = yes
ssl_cert = <{root}/server.pem
ssl_key = <{root}/server.key
mail_location = maildir:{root}/mail/%n/box
mail_plugins = quota
plugin {{
  quota = maildir:all
}}
userdb {{
  driver = passwd-file
  args = {root}/mailboxes
  default_fields = uid=65534 gid=65534 home={root}/mail/%n
}}
submission_relay_host = 127.0.0.1
submission_relay_port = {onward}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
service submission-login {{
  inet_listener submission {{
    address = 127.0.0.1
    port = {submission}
  }}
  inet_listener submissions {{
    address = 127.0.0.1
    port = {submissions}
    ssl = yes
  }}
}}
",
            name = policy.name,
            root = root.display(),
            onward = behind.address().port(),
            lmtp = lmtp.port(),
            submission = submission.port(),
            submissions = submissions.port(),
        );
        let full = "full:::::::userdb_quota_rule=*:bytes=1";
        fs::write(
            root.join("mailboxes"),
            format!("a:::::::\nb:::::::\n{full}\n{}:::::::\n", policy.user),
        )?;
        fs::write(root.join("dovecot.conf"), settings)?;
        let mut command = contained("dovecot");
        command.arg("-F").arg("-c").arg(root.join("dovecot.conf"));
        let server = Self {
            process: Process::spawn("Dovecot", command)?,
            directory,
            lmtp,
            submission: [submission, submissions],
            behind,
        };
        for address in [lmtp, submission, submissions] {
            until("Dovecot", LIMIT, || TcpStream::connect(address).is_ok())
                .map_err(|error| format!("{error}; its log:\n{}", server.log()))?;
        }
        Ok(server)
    }

    /// Where it listens for LMTP.
    pub fn lmtp(&self) -> SocketAddrV4 {
        self.lmtp
    }

    /// What is in the mailbox of a user, oldest first, without the trace on top.
    pub fn mailbox(&self, user: &str) -> Result<Vec<Received>> {
        let directory = self.directory.path().join("mail").join(user).join("box/new");
        super::postfix::maildir(&directory)
    }
}

impl Server for DovecotMail {
    fn address(&self, port: Port) -> Option<SocketAddrV4> {
        match port {
            Port::Relay => None,
            Port::Submission => Some(self.submission[0]),
            Port::Submissions => Some(self.submission[1]),
        }
    }

    fn mechanisms(&self) -> &str {
        dovecot::MECHANISMS
    }

    fn traces(&self) -> bool {
        false
    }

    /// What was submitted.
    fn received(&self) -> Result<Vec<Received>> {
        Ok(self.behind.received()?.into_iter().map(Received::untraced).collect())
    }

    fn log(&self) -> String {
        self.process.lines().join("\n")
    }
}

/// The user and group that mail is kept as.
const NOBODY: u32 = 65534;

const LIMIT: Duration = Duration::from_secs(20);
