//! nginx as the content server, in a directory of its own. Needs the Debian package [`PACKAGES`].

use crate::namespace::Namespace;
use crate::process::{Process, until};
use crate::{Context, Result};
use std::fs;
use std::net::SocketAddrV4;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tempfile::TempDir;

/// The Debian packages it is made of.
pub const PACKAGES: &[&str] = &["nginx-light"];

/// The running server; it ends with its guard.
pub struct Nginx {
    directory: TempDir,
    _process: Process,
}

impl Nginx {
    /// Serves the files below `content` on `address` in `namespace`.
    pub fn start(namespace: &Namespace, address: SocketAddrV4, content: &Path) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("gatepost-nginx-")
            .permissions(fs::Permissions::from_mode(0o755))
            .tempdir()?;
        let root = directory.path().display();
        // One process: what the guard kills is all there is.
        let configuration = format!(
            "daemon off;
master_process off;
pid {root}/pid;
error_log {root}/error.log;
events {{}}
http {{
  types {{ application/dash+xml mpd; video/iso.segment m4s; video/mp4 mp4; }}
  access_log {root}/access.log;
  client_body_temp_path {root}/body;
  proxy_temp_path {root}/proxy;
  fastcgi_temp_path {root}/fastcgi;
  uwsgi_temp_path {root}/uwsgi;
  scgi_temp_path {root}/scgi;
  sendfile on;
  tcp_nodelay on;
  keepalive_requests 10000;
  server {{
    listen {address};
    root {};
  }}
}}
",
            content.display()
        );
        let file = directory.path().join("nginx.conf");
        fs::write(&file, configuration)?;
        let mut command = Command::new("nginx");
        command.arg("-p").arg(directory.path()).arg("-c").arg(&file);
        command.arg("-e").arg(directory.path().join("error.log"));
        let process = namespace.spawn("nginx", command)?;
        let ready = until("nginx", Duration::from_secs(10), || {
            namespace.run(move || std::net::TcpStream::connect(address)).is_ok()
        });
        ready.map_err(|error| format!("{error}; it wrote:\n{}", process.lines().join("\n")))?;
        Ok(Self {
            directory,
            _process: process,
        })
    }

    /// What was asked for, a line a request.
    pub fn log(&self) -> Result<String> {
        let path = self.directory.path().join("access.log");
        fs::read_to_string(&path).context(path.display())
    }
}
