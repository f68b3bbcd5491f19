//! Postfix with Dovecot SASL: the submission server that the world runs, in a directory and processes of its own.
//!
//! Needs root and the packages [`PACKAGES`]. It shares nothing with a Postfix that the machine may run.

use super::mail::{Policy, Received};
use super::scripted::{Script, Scripted};
use super::{Port, Server, contained, dovecot, free};
use crate::certificates::ServerCertificate;
use crate::namespace::Namespace;
use crate::needs::Need;
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

/// What a test that starts it needs.
pub const NEEDS: [Need; 3] = [
    Need::Root,
    Need::Program("postfix", PACKAGES[0]),
    Need::Program("dovecot", PACKAGES[1]),
];

/// The running servers; they end with their guard.
pub struct Postfix {
    directory: TempDir,
    postfix: Process,
    dovecot: Process,
    ports: Vec<(Port, SocketAddrV4)>,
    behind: Option<Scripted>,
    /// Its thread started the processes, which end with it.
    here: Option<Namespace>,
}

/// What Postfix is to do.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// Where it listens, and what for.
    pub ports: &'a [(Port, SocketAddrV4)],
    /// What it proves its name with.
    pub certificate: &'a ServerCertificate,
    /// Mail for the domain `policy.name` is kept, other mail is thrown away; `policy.refused` and the local-part `reject`
    /// are answered 550, the local-part `tempfail` 450.
    pub policy: &'a Policy,
}

impl Postfix {
    /// Serves mail over TLS 1.3 and 1.2 in `namespace`, with the mechanisms of [`dovecot::MECHANISMS`].
    pub fn start(namespace: &Namespace, setup: Setup) -> Result<Self> {
        Self::before(None, namespace, setup)
    }

    /// Serves mail on loopback ports; all of it goes on to a server that tells what it was given.
    pub fn relay(certificate: &ServerCertificate, policy: &Policy) -> Result<Self> {
        let behind = Scripted::start(Script::default(), certificate)?;
        let addresses: [SocketAddrV4; 3] = free()?;
        let ports: Vec<_> = Port::ALL.into_iter().zip(addresses).collect();
        let setup = Setup {
            ports: &ports,
            certificate,
            policy,
        };
        let here = Namespace::here()?;
        let mut server = Self::before(Some(behind), &here, setup)?;
        server.here = Some(here);
        Ok(server)
    }

    fn before(behind: Option<Scripted>, namespace: &Namespace, setup: Setup) -> Result<Self> {
        // The daemons' users must be able to enter it.
        let directory = tempfile::Builder::new()
            .prefix("gatepost-postfix-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()?;
        let root = directory.path();
        for name in ["etc", "spool", "data", "mail"] {
            fs::create_dir(root.join(name))?;
        }
        setup.certificate.write(root)?;
        let dovecot = dovecot::start(namespace, root, &root.join("spool/auth"), setup.policy)?;
        let onward = behind.as_ref().map(Scripted::address);
        let postfix = postfix(namespace, root, setup, onward)?;
        let server = Self {
            directory,
            postfix,
            dovecot,
            ports: setup.ports.to_vec(),
            behind,
            here: None,
        };
        for (_, address) in setup.ports.iter().copied() {
            let ready = until("Postfix", LIMIT, || {
                namespace.run(move || std::net::TcpStream::connect(address)).is_ok()
            });
            ready.map_err(|error| format!("{error}; its log:\n{}", server.log()))?;
        }
        Ok(server)
    }
}

impl Server for Postfix {
    fn address(&self, port: Port) -> Option<SocketAddrV4> {
        self.ports
            .iter()
            .find_map(|(own, address)| (*own == port).then_some(*address))
    }

    fn mechanisms(&self) -> &str {
        dovecot::MECHANISMS
    }

    /// The mails kept, or those that went on, if there is a server behind.
    fn received(&self) -> Result<Vec<Received>> {
        match &self.behind {
            Some(behind) => Ok(behind.received()?.into_iter().map(Received::untraced).collect()),
            None => maildir(&self.directory.path().join("mail/inbox/new")),
        }
    }

    fn log(&self) -> String {
        let logged = fs::read_to_string(self.directory.path().join("mail.log")).unwrap_or_default();
        let (postfix, dovecot) = (self.postfix.lines().join("\n"), self.dovecot.lines().join("\n"));
        format!("{logged}{postfix}\n{dovecot}")
    }
}

fn postfix(namespace: &Namespace, root: &Path, setup: Setup, onward: Option<SocketAddrV4>) -> Result<Process> {
    let Setup { ports, policy, .. } = setup;
    let directory = root.display();
    let transport = onward.map_or("discard".to_owned(), |onward| {
        format!("smtp:[{}]:{}", onward.ip(), onward.port())
    });
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
inet_interfaces = all
inet_protocols = ipv4
mynetworks =
alias_maps =
alias_database =
local_recipient_maps =
default_transport = {transport}
relay_transport = {transport}
local_transport = discard
smtp_tls_security_level = none
smtp_line_length_limit = 0
local_header_rewrite_clients =
virtual_mailbox_domains = {kept}
virtual_mailbox_base = {directory}/mail
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:65534
virtual_gid_maps = static:65534
smtputf8_enable = yes
smtpd_peername_lookup = no
smtpd_tls_cert_file = {directory}/server.pem
smtpd_tls_key_file = {directory}/server.key
smtpd_tls_security_level = may
smtpd_tls_received_header = yes
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = auth
smtpd_sasl_security_options = noanonymous
smtpd_sasl_authenticated_header = yes
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject
smtpd_recipient_restrictions = check_recipient_access inline:{{{{{refused}=550 5.1.1 no such user}},{{reject@=550 5.1.1 no such user}},{{tempfail@=450 4.2.0 greylisted}}}}, permit_mynetworks, permit_sasl_authenticated, reject
message_size_limit = 20480000
",
            name = policy.name,
            kept = if onward.is_none() { &policy.name } else { "" },
            refused = policy.refused,
        ),
    )?;
    let mut services = SERVICES.to_owned();
    for (port, address) in ports {
        let settings = match port {
            Port::Relay => "mynetworks=0.0.0.0/0",
            Port::Submission => "smtpd_tls_security_level=encrypt",
            Port::Submissions => "smtpd_tls_wrappermode=yes",
        };
        services += &format!("{address} inet n - n - - smtpd -o {settings}\n");
    }
    fs::write(etc.join("master.cf"), services)?;
    chown(root.join("data"), Some(id("-u", "postfix")?), None)?;
    chown(root.join("mail"), Some(NOBODY), Some(NOBODY))?;
    let mut command = contained("postfix");
    command.arg("-c").arg(&etc).arg("start-fg");
    namespace.spawn("Postfix", command)
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

/// The mails in this folder of a maildir, oldest first, without what a server put on top of them.
pub(super) fn maildir(folder: &Path) -> Result<Vec<Received>> {
    // It comes with its first mail.
    let Ok(entries) = fs::read_dir(folder) else {
        return Ok(Vec::new());
    };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort_by_key(|path| fs::metadata(path).and_then(|data| data.modified()).ok());
    paths.iter().map(|path| Ok(received(&fs::read(path)?))).collect()
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
    let mut start = 0;
    for line in text.split_inclusive(|octet| *octet == b'\n') {
        let shown = String::from_utf8_lossy(line);
        if let Some(path) = shown.strip_prefix("Return-Path: ") {
            mail.reverse_path = path.trim().trim_matches(['<', '>']).to_owned();
        } else if let Some(recipient) = shown.strip_prefix("Delivered-To: ") {
            mail.recipients.push(recipient.trim().to_owned());
        } else if !shown.starts_with("X-Original-To: ") {
            break;
        }
        start += line.len();
    }
    mail.data = text.get(start..).unwrap_or_default().to_vec();
    mail.untraced()
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
smtp unix - - n - - smtp
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
";
