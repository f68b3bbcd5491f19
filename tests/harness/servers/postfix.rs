//! Postfix with Dovecot SASL: the submission server that the world runs, in a directory and processes of its own.
//!
//! Needs root and the packages [`PACKAGES`]. It shares nothing with a Postfix that the machine may run.

use super::mail::{Policy, Received};
use crate::certificates::ServerCertificate;
use crate::namespace::Namespace;
use crate::process::{Process, until};
use crate::{Context, Result};
use std::fs;
use std::net::SocketAddrV4;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The Debian packages it is made of.
pub const PACKAGES: &[&str] = &["postfix", "dovecot-core"];

/// The running servers; they end with their guard.
pub struct Postfix {
    directory: TempDir,
    postfix: Process,
    _dovecot: Process,
}

impl Postfix {
    /// Serves submission with STARTTLS (TLS 1.3 and 1.2) and AUTH on `address` in `namespace`.
    ///
    /// Mail for the domain `policy.name` is kept, `policy.refused` is answered 550.
    pub fn start(
        namespace: &Namespace,
        address: SocketAddrV4,
        certificate: &ServerCertificate,
        policy: &Policy,
    ) -> Result<Self> {
        // The daemons' users must be able to enter it.
        let directory = tempfile::Builder::new()
            .prefix("gatepost-postfix-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()?;
        let root = directory.path();
        for name in ["etc", "spool", "data", "mail", "run", "users"] {
            fs::create_dir(root.join(name))?;
        }
        certificate.write(root)?;
        let dovecot = dovecot(namespace, root, policy)?;
        until("Dovecot's SASL socket", LIMIT, || root.join("spool/auth").exists())
            .map_err(|error| format!("{error}; {}", dovecot.lines().join("\n")))?;
        let postfix = postfix(namespace, root, address, policy)?;
        let server = Self {
            directory,
            postfix,
            _dovecot: dovecot,
        };
        let ready = until("Postfix", LIMIT, || {
            namespace.run(move || std::net::TcpStream::connect(address)).is_ok()
        });
        ready.map_err(|error| format!("{error}; its log:\n{}", server.log()))?;
        Ok(server)
    }

    /// What Postfix logged so far.
    pub fn log(&self) -> String {
        let logged = fs::read_to_string(self.directory.path().join("mail.log")).unwrap_or_default();
        format!("{logged}{}", self.postfix.lines().join("\n"))
    }

    /// The mails delivered so far, oldest first.
    pub fn received(&self) -> Result<Vec<Received>> {
        let new = self.directory.path().join("mail/inbox/new");
        let Ok(entries) = fs::read_dir(&new) else {
            return Ok(Vec::new());
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok());
        paths.iter().map(|path| Ok(received(&fs::read(path)?))).collect()
    }

    /// Waits until `count` mails were delivered.
    pub fn wait(&self, count: usize, limit: Duration) -> Result<Vec<Received>> {
        until(&format!("mail {count} in Postfix"), limit, || {
            self.received().is_ok_and(|mails| mails.len() >= count)
        })
        .map_err(|error| format!("{error}; its log:\n{}", self.log()))?;
        self.received()
    }
}

/// Starts Dovecot for nothing but SASL.
fn dovecot(namespace: &Namespace, root: &Path, policy: &Policy) -> Result<Process> {
    let version = Command::new("dovecot").arg("--version").output().context("dovecot")?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if !version.starts_with("2.3") {
        return Err(format!("Dovecot {} is here; this configuration is for 2.3", version.trim()).into());
    }
    let directory = root.display();
    fs::write(
        root.join("users/passwd"),
        format!("{}:{{PLAIN}}{}\n", policy.user, policy.password),
    )?;
    fs::write(
        root.join("dovecot.conf"),
        format!(
            "base_dir = {directory}/run
state_dir = {directory}/run
log_path = /dev/stderr
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {directory}/users/passwd
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={directory}/users
}}
service auth {{
  unix_listener {directory}/spool/auth {{
    mode = 0666
  }}
}}
"
        ),
    )?;
    let mut command = contained("dovecot");
    command.arg("-F").arg("-c").arg(root.join("dovecot.conf"));
    namespace.spawn("Dovecot", command)
}

fn postfix(namespace: &Namespace, root: &Path, address: SocketAddrV4, policy: &Policy) -> Result<Process> {
    let directory = root.display();
    let etc = root.join("etc");
    let mut places = String::new();
    for name in ["daemon_directory", "command_directory", "shlib_directory"] {
        places += &format!("{name} = {}\n", postconf(name)?);
    }
    let meta = postconf("meta_directory")?;
    for name in ["postfix-files", "postfix-files.d", "dynamicmaps.cf", "dynamicmaps.cf.d"] {
        copy(&Path::new(&meta).join(name), &etc.join(name))?;
    }
    fs::write(
        etc.join("main.cf"),
        format!(
            "compatibility_level = 3.6
queue_directory = {directory}/spool
data_directory = {directory}/data
{places}meta_directory = {directory}/etc
maillog_file = {directory}/mail.log
maillog_file_prefixes = {directory}
myhostname = {name}
mydestination =
inet_interfaces = {ip}
inet_protocols = ipv4
mynetworks =
alias_maps =
alias_database =
local_recipient_maps =
default_transport = discard
relay_transport = discard
local_transport = discard
virtual_mailbox_domains = {name}
virtual_mailbox_base = {directory}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtputf8_enable = yes
smtpd_peername_lookup = no
smtpd_tls_cert_file = {directory}/server.pem
smtpd_tls_key_file = {directory}/server.key
smtpd_tls_security_level = encrypt
smtpd_tls_received_header = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = auth
smtpd_sasl_security_options = noanonymous
smtpd_sasl_authenticated_header = yes
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access inline:{{{{{refused}=550 5.1.1 no such user}}}}, permit_sasl_authenticated, reject
message_size_limit = 20480000
",
            name = policy.name,
            ip = address.ip(),
            refused = policy.refused,
        ),
    )?;
    fs::write(
        etc.join("master.cf"),
        format!("{}:{} inet n - n - - smtpd\n{SERVICES}", address.ip(), address.port()),
    )?;
    chown(root.join("data"), Some(id("-u", "postfix")?), None)?;
    chown(root.join("mail"), Some(NOBODY), Some(NOBODY))?;
    let mut command = contained("postfix");
    command.arg("-c").arg(&etc).arg("start-fg");
    namespace.spawn("Postfix", command)
}

/// A command whose whole tree of processes ends with it: they have process ids of their own, and when their init is
/// killed, the kernel kills them all. That init is a shell, because the kernel forgets what a daemon that changes its
/// user was to be sent at its parent's death.
fn contained(program: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args([
        "--pid",
        "--fork",
        "--kill-child",
        "--",
        "sh",
        "-c",
        "\"$@\" & wait",
        "sh",
        program,
    ]);
    command
}

fn postconf(name: &str) -> Result<String> {
    let output = Command::new("postconf")
        .args(["-dh", name])
        .output()
        .context("postconf")?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn id(kind: &str, name: &str) -> Result<u32> {
    let output = Command::new("id").args([kind, name]).output().context("id")?;
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().context(format_args!("the id of {name}"))
}

/// Copies a file or the files of a directory, if there is one.
fn copy(from: &Path, to: &Path) -> Result<()> {
    if from.is_dir() {
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            copy(&entry.path(), &to.join(entry.file_name()))?;
        }
    } else if from.is_file() {
        fs::copy(from, to).context(from.display())?;
    }
    Ok(())
}

/// Reads a delivered mail: what Postfix wrote on top of it, and the mail as it was sent.
fn received(delivered: &[u8]) -> Received {
    // A maildir has bare LF; RFC 5322 has CRLF, and so had the mail on the wire.
    let text: Vec<u8> = delivered
        .split_inclusive(|octet| *octet == b'\n')
        .flat_map(|line| {
            let body = line.strip_suffix(b"\n").unwrap_or(line);
            let end: &[u8] = if body.len() < line.len() { b"\r\n" } else { b"" };
            body.iter().chain(end).copied().collect::<Vec<u8>>()
        })
        .collect();
    let mut mail = Received::default();
    let mut trace = String::new();
    let mut start = 0;
    let mut traced = false;
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        let shown = String::from_utf8_lossy(line);
        if let Some(path) = shown.strip_prefix("Return-Path: ") {
            mail.reverse_path = path.trim().trim_matches(['<', '>']).to_owned();
        } else if let Some(recipient) = shown.strip_prefix("Delivered-To: ") {
            mail.recipients.push(recipient.trim().to_owned());
        } else if shown.starts_with("Received: ") {
            traced = true;
            trace.push_str(&shown);
        } else if traced && shown.starts_with(['\t', ' ']) {
            trace.push_str(&shown);
        } else if !shown.starts_with("X-Original-To: ") {
            // The first field that Postfix did not add.
            break;
        }
        start += line.len();
    }
    let word = |after: &str| {
        let rest = trace.split_once(after)?.1;
        Some(rest.split([' ', ')', '\r']).next()?.to_owned())
    };
    mail.tls = word("using ");
    mail.user = word("Authenticated sender: ");
    mail.data = text.get(start..).unwrap_or_default().to_vec();
    mail
}

/// The user and group that mail is delivered as.
const NOBODY: u32 = 65534;

const LIMIT: Duration = Duration::from_secs(20);

/// The services of a Postfix without chroot, besides smtpd.
const SERVICES: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";
