//! Exim as a submission server and relay, in a directory and processes of its own: the second opinion beside Postfix.
//!
//! Its Debian package cannot be installed beside another mail server's, so [`install`] only unpacks it. Needs root.

use super::mail::{Policy, Received};
use super::scripted::{Script, Scripted};
use super::{Port, Server, contained, free};
use crate::certificates::{Authority, ServerCertificate};
use crate::needs::Need;
use crate::process::{Process, until};
use crate::{Context, Result, packages, repository};
use std::fs;
use std::net::{SocketAddrV4, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The Debian package.
pub const PACKAGE: &str = "exim4-daemon-heavy";

/// What a test that starts it needs.
pub const NEEDS: [Need; 2] = [Need::Root, Need::Kept("exim/usr/sbin/exim4", PACKAGE)];

/// The running server; it ends with its guard.
pub struct Exim {
    directory: TempDir,
    process: Process,
    addresses: [SocketAddrV4; 3],
    behind: Scripted,
}

/// Unpacks the package, unless that was done before, and installs the libraries it needs. Needs root and Debian.
pub fn install() -> Result<()> {
    packages::unpack(PACKAGE, &repository::laboratory().join("exim"))
}

impl Exim {
    /// Serves mail on loopback ports; all of it goes on to a server that tells what it was given.
    ///
    /// The local-parts `reject` and `tempfail` are answered 550 and 450; `full` is refused behind the mail data, if the
    /// client asked for that (PRDR).
    ///
    /// EXTERNAL takes whom a certificate of `clients` names.
    pub fn start(certificate: &ServerCertificate, clients: &Authority, policy: &Policy) -> Result<Self> {
        let behind = Scripted::start(Script::default(), certificate)?;
        let addresses = free()?;
        let directory = tempfile::Builder::new()
            .prefix("gatepost-exim-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()?;
        let root = directory.path();
        certificate.write(root)?;
        clients.write(root)?;
        for name in ["spool", "log"] {
            fs::create_dir(root.join(name))?;
            chown(root.join(name), Some(NOBODY), Some(NOBODY))?;
        }
        for name in ["server.pem", "server.key"] {
            chown(root.join(name), Some(NOBODY), Some(NOBODY))?;
        }
        account(
            root,
            "passwd",
            &format!("Debian-exim:x:{NOBODY}:{NOBODY}::/nonexistent:/bin/false\n"),
        )?;
        account(root, "group", &format!("Debian-exim:x:{NOBODY}:\n"))?;
        let binary = repository::laboratory().join("exim/usr/sbin/exim4");
        fs::write(
            root.join("exim.conf"),
            configuration(root, &binary, addresses, policy, behind.address()),
        )?;

        // It asks for the user its package makes. This one exists for its processes alone.
        let mut command = Command::new("unshare");
        command.args(["--mount", "--", "sh", "-c"]).arg(
            "mount --bind \"$1/passwd\" /etc/passwd && mount --bind \"$1/group\" /etc/group && shift && exec \"$@\"",
        );
        command.arg("sh").arg(root);
        let daemon = contained(&binary.display().to_string());
        command.arg(daemon.get_program()).args(daemon.get_args());
        command.arg("-C").arg(root.join("exim.conf")).arg("-bdf");
        let process = Process::spawn("Exim", command)?;
        let server = Self {
            directory,
            process,
            addresses,
            behind,
        };
        for address in addresses {
            until("Exim", LIMIT, || TcpStream::connect(address).is_ok())
                .map_err(|error| format!("{error}; its log:\n{}", server.log()))?;
        }
        Ok(server)
    }
}

impl Server for Exim {
    fn address(&self, port: Port) -> Option<SocketAddrV4> {
        Port::ALL
            .iter()
            .zip(self.addresses)
            .find_map(|(own, address)| (*own == port).then_some(address))
    }

    fn mechanisms(&self) -> &str {
        "PLAIN LOGIN CRAM-MD5 EXTERNAL"
    }

    fn received(&self) -> Result<Vec<Received>> {
        Ok(self.behind.received()?.into_iter().map(Received::untraced).collect())
    }

    fn log(&self) -> String {
        let read = |name| fs::read_to_string(self.directory.path().join("log").join(name)).unwrap_or_default();
        let written = self.process.lines().join("\n");
        [read("mainlog"), read("rejectlog"), read("paniclog"), written].concat()
    }
}

/// `/etc/<name>` with one line more, below `root`.
fn account(root: &Path, name: &str, line: &str) -> Result<()> {
    let path = PathBuf::from("/etc").join(name);
    let present = fs::read_to_string(&path).context(path.display())?;
    fs::write(root.join(name), format!("{line}{present}"))?;
    Ok(())
}

fn configuration(
    root: &Path,
    binary: &Path,
    addresses: [SocketAddrV4; 3],
    policy: &Policy,
    onward: SocketAddrV4,
) -> String {
    let (directory, binary) = (root.display(), binary.display());
    let [open, submission, wrapped] = addresses.map(|address| address.port());
    let Policy {
        name, user, password, ..
    } = policy;
    format!(
        "exim_user = Debian-exim
exim_group = Debian-exim
exim_path = {binary}
spool_directory = {directory}/spool
log_file_path = {directory}/log/%slog
pid_file_path = {directory}/pid
primary_hostname = {name}
local_interfaces = 127.0.0.1
daemon_smtp_ports = {open} : {submission} : {wrapped}
tls_on_connect_ports = {wrapped}
tls_advertise_hosts = *
tls_certificate = {directory}/server.pem
tls_privatekey = {directory}/server.key
tls_try_verify_hosts = *
tls_verify_certificates = {directory}/ca.pem
chunking_advertise_hosts = *
pipelining_advertise_hosts = *
smtputf8_advertise_hosts = *
dsn_advertise_hosts = *
prdr_enable = true
message_size_limit = 20480000
host_lookup =
keep_environment =
smtp_accept_max_per_connection = 0
received_header_text = Received: ${{if def:tls_in_ver {{using $tls_in_ver ;}}}} ${{if def:authenticated_id {{Authenticated sender: $authenticated_id ;}}}} $tod_full
acl_smtp_rcpt = recipient
acl_smtp_data_prdr = each
acl_smtp_data = accept

begin acl
recipient:
  deny
    condition = ${{if !={{$received_port}}{{{open}}}}}
    !authenticated = *
    message = 5.7.0 authentication required
  deny
    local_parts = reject
    message = 5.1.1 no such user
  defer
    local_parts = tempfail
    message = 450 4.2.0 greylisted
  accept
each:
  deny
    local_parts = full
    message = 5.2.2 mailbox full
  accept

begin routers
onward:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = onward

begin transports
onward:
  driver = smtp
  port = {onward}
  allow_localhost
  hosts_avoid_tls = *
  message_linelength_limit = 1000000

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{{{eq{{$auth1}}{{{user}}}}}{{eq{{$auth2}}{{{password}}}}}}}}}
  server_set_id = $auth1
  server_advertise_condition = ${{if def:tls_in_cipher}}
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{{user}}}{{{password}}}fail}}
  server_set_id = $auth1
  server_advertise_condition = ${{if def:tls_in_cipher}}
external:
  driver = external
  public_name = EXTERNAL
  server_condition = ${{if and{{{{bool{{$tls_in_certificate_verified}}}}{{eq{{$auth1}}{{${{certextract{{subject,CN}}{{$tls_in_peercert}}}}}}}}}}}}
  server_set_id = $auth1
  server_advertise_condition = ${{if def:tls_in_cipher}}
",
        onward = onward.port(),
    )
}

/// The user and group that it runs as.
const NOBODY: u32 = 65534;

const LIMIT: Duration = Duration::from_secs(20);
