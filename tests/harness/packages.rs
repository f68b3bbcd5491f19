//! Debian packages and Rust targets, installed when they are missing, and said aloud.

use crate::needs::program;
use crate::{Context, Result};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What QEMU for the Cortex-M3 board needs.
pub const QEMU: &[&str] = &["qemu-system-arm"];
/// What the fuzz targets are built with, beside Rust.
pub const FUZZER: &[&str] = &["g++"];
/// What `gatepost ip` and `gatepost tc` are compared with.
pub const PEERS: &[&str] = &["iproute2"];
/// What DKIM signatures are verified with.
pub const VERIFIERS: &[&str] = &["python3-dkim", "python3-nacl"];

/// What kills processes at their system calls.
pub const TRACER: &[&str] = &["strace"];

/// Installs the packages that are missing, starting no service. Needs root and Debian.
pub fn install(packages: &[&str]) -> Result<()> {
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !program("apt-get") {
        return Err(format!("no apt-get here; install these by hand: {}", missing.join(" ")).into());
    }
    println!("installing Debian packages: {}", missing.join(" "));
    let _policy = Policy::put()?;
    let mut install = apt();
    install
        .args(["install", "-y", "--no-install-recommends"])
        .args(&missing);
    if quiet(&mut install).is_err() {
        // The package lists may be old or absent.
        quiet(apt().arg("update"))?;
        quiet(&mut install)?;
    }
    Ok(())
}

/// Unpacks a package below `directory`, for a program whose package cannot be installed beside another one's, and
/// installs the libraries it needs. Nothing happens if that was done before. Needs root and Debian.
pub fn unpack(package: &str, directory: &Path) -> Result<()> {
    let done = directory.join("libraries");
    if !done.is_file() {
        println!("unpacking the Debian package {package}");
        let fetched = tempfile::tempdir()?;
        let mut download = apt();
        download.current_dir(fetched.path()).args(["download", package]);
        if quiet(&mut download).is_err() {
            quiet(apt().arg("update"))?;
            quiet(&mut download)?;
        }
        let file = fs::read_dir(fetched.path())?.next();
        let file = file
            .ok_or_else(|| format!("apt-get download {package} left no file"))??
            .path();
        fs::create_dir_all(directory)?;
        quiet(Command::new("dpkg-deb").arg("-x").arg(&file).arg(directory))?;
        let depends = Command::new("dpkg-deb").arg("-f").arg(&file).arg("Depends").output()?;
        fs::write(&done, libraries(&String::from_utf8_lossy(&depends.stdout)).join(" "))?;
    }
    let libraries = fs::read_to_string(&done)?;
    install(&libraries.split(' ').collect::<Vec<_>>())
}

/// Of a `Depends` field the libraries, of alternatives the first.
fn libraries(depends: &str) -> Vec<&str> {
    let first = depends.split(',').filter_map(|entry| entry.split_whitespace().next());
    first.filter(|name| name.starts_with("lib")).collect()
}

/// Adds Rust targets of the toolchain in use that are missing. Without rustup they must be there already.
pub fn targets(targets: &[&str]) -> Result<()> {
    if !program("rustup") {
        return Ok(());
    }
    let listed = installed_targets()?;
    let missing: Vec<&str> = targets
        .iter()
        .copied()
        .filter(|target| !listed.iter().any(|line| line == target))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("installing Rust targets: {}", missing.join(" "));
    quiet(Command::new("rustup").args(["target", "add"]).args(&missing))
}

fn apt() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive").arg("-q");
    command
}

/// Whether the toolchain in use has a Rust target, as far as rustup knows.
pub fn has_target(target: &str) -> Result<bool> {
    Ok(program("rustup") && installed_targets()?.iter().any(|line| line == target))
}

fn installed_targets() -> Result<Vec<String>> {
    let listed = Command::new("rustup")
        .args(["target", "list", "--installed"])
        .output()?;
    let listed = String::from_utf8_lossy(&listed.stdout);
    Ok(listed.lines().map(str::to_owned).collect())
}

fn installed(package: &str) -> bool {
    Command::new("dpkg-query")
        .args(["-W", "-f=${db:Status-Status}", package])
        .output()
        .is_ok_and(|output| output.stdout == b"installed")
}

/// Runs a command; an error holds the end of what it wrote.
pub(crate) fn quiet(command: &mut Command) -> Result<()> {
    let output = command.output().context(format_args!("{command:?}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let lines: Vec<&str> = said.lines().collect();
    let tail = lines[lines.len().saturating_sub(8)..].join("\n  ");
    Err(format!("{command:?}: {}\n  {tail}", output.status).into())
}

/// Keeps the package manager from starting services, unless the machine has a policy of its own.
struct Policy(bool);

const POLICY: &str = "/usr/sbin/policy-rc.d";

impl Policy {
    fn put() -> Result<Self> {
        use std::os::unix::fs::PermissionsExt;
        if Path::new(POLICY).exists() {
            return Ok(Self(false));
        }
        fs::write(POLICY, "#!/bin/sh\nexit 101\n").context(POLICY)?;
        fs::set_permissions(POLICY, fs::Permissions::from_mode(0o755)).context(POLICY)?;
        Ok(Self(true))
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        if self.0 {
            // A policy left behind keeps services from starting at installation; nothing worse.
            let _ = fs::remove_file(POLICY);
        }
    }
}
