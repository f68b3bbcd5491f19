//! What a test needs from the machine it runs on, and what happens when it is not there.
//!
//! A test says `if !needs::met("name", &[Need::Root]) { return }`. A need that is not met is said aloud, also under a
//! test harness that captures output, and recorded for the end of `cargo lab test`. With `CI=true` it is a failure.

use crate::repository;
use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

/// Where skipped tests are recorded, one line each, if the environment names a file.
pub const RECORD: &str = "GATEPOST_SKIPPED";

/// One thing that a test cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Run as root, with the right to create network namespaces.
    Root,
    /// `/dev/net/tun`, for a tap interface.
    Tun,
    /// A program, and the Debian package that brings it.
    Program(&'static str, &'static str),
    /// A file, by its full path, and the Debian package that brings it.
    File(&'static str, &'static str),
    /// A file below [`repository::laboratory`], and the package that `cargo lab set-up` puts it there from.
    Kept(&'static str, &'static str),
}

impl Need {
    /// QEMU for the Cortex-M3 board.
    pub const QEMU: Self = Self::Program("qemu-system-arm", "qemu-system-arm");

    /// Whether the machine has it.
    pub fn met(self) -> bool {
        match self {
            Self::Root => rustix::process::geteuid().is_root(),
            Self::Tun => OpenOptions::new().read(true).write(true).open("/dev/net/tun").is_ok(),
            Self::Program(name, _) => program(name),
            Self::File(path, _) => Path::new(path).is_file(),
            Self::Kept(path, _) => repository::laboratory().join(path).is_file(),
        }
    }
}

impl fmt::Display for Need {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("root"),
            Self::Tun => f.write_str("/dev/net/tun"),
            Self::Program(name, package) | Self::File(name, package) => write!(f, "{name} (Debian package {package})"),
            Self::Kept(path, package) => write!(f, "{path} of {package} (`cargo lab set-up` gets it)"),
        }
    }
}

/// Whether `name` is an executable on the path, or where Debian keeps what only root runs.
pub fn program(name: &str) -> bool {
    let path = std::env::var("PATH").unwrap_or_default();
    path.split(':')
        .chain(["/usr/sbin", "/sbin"])
        .any(|directory| Path::new(directory).join(name).is_file())
}

/// Whether every need is met; if not, says so and records it.
///
/// # Panics
/// With `CI=true`, where nothing may be skipped.
pub fn met(test: &str, needs: &[Need]) -> bool {
    let missing: Vec<String> = needs.iter().filter(|need| !need.met()).map(Need::to_string).collect();
    if missing.is_empty() {
        return true;
    }
    let line = format!("skipped: {test} needs {}", missing.join(", "));
    assert!(!ci(), "{line}; with CI=true nothing may be skipped");
    skipped(&line);
    false
}

/// Says that something was skipped, past any capture of output, and records it.
pub fn skipped(line: &str) {
    let line = format!("{line}\n");
    // The print macros would be captured. Nothing sensible can be done if stderr is closed.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os(RECORD) {
        let record = OpenOptions::new().create(true).append(true).open(&path);
        record
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// Whether `CI=true`: a skip is then a failure.
pub fn ci() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true")
}

/// Set in the environment of a process that is root only within a user namespace of its own.
pub const CONFINED: &str = "GATEPOST_CONFINED";

/// Whether this process is root only within a user namespace that the laboratory made for an ordinary user.
pub fn confined() -> bool {
    std::env::var_os(CONFINED).is_some()
}
