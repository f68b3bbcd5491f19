//! Where things stand in the repository, and what cargo builds from it.

use crate::{Context, Result};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The root of the repository.
pub fn root() -> &'static Path {
    // This package stands directly below it.
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."))
}

/// Where the laboratory keeps what it makes: below the target directory.
pub fn laboratory() -> PathBuf {
    target().join("lab")
}

/// The workspace's target directory.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// Builds the `gatepost` binary for this machine and returns where it is.
pub fn gatepost() -> Result<PathBuf> {
    build(
        root(),
        &["build", "--package", "gatepost", "--bin", "gatepost"],
        "gatepost",
    )
}

/// Runs a `cargo build` in `directory` and returns the executable of the binary `name`.
pub fn build(directory: &Path, arguments: &[&str], name: &str) -> Result<PathBuf> {
    let mut command = cargo(directory);
    command
        .args(arguments)
        .args(["--quiet", "--message-format=json-render-diagnostics"]);
    let output = command.stderr(Stdio::inherit()).output().context("cargo")?;
    if !output.status.success() {
        return Err(format!("{command:?} in {}: {}", directory.display(), output.status).into());
    }
    // One JSON object a line; that of an artifact with an executable ends in `"executable":"<path>","fresh":...`.
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages.lines().find_map(|line| {
        let path = Path::new(line.split_once("\"executable\":\"")?.1.split_once('"')?.0);
        (path.file_name()? == name).then(|| path.to_owned())
    });
    executable.ok_or_else(|| format!("{command:?}: it built no {name}").into())
}

/// cargo in `directory`, without the settings that `cargo run` and `cargo test` leave behind for their own package.
pub fn cargo(directory: &Path) -> Command {
    let mut command = Command::new("cargo");
    command.current_dir(directory);
    for (key, _) in std::env::vars_os() {
        let name = key.to_string_lossy();
        if name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&key);
        }
    }
    command
}

/// The target of this machine, as rustc names it.
pub fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("rustc")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc -vV names no host".into())
}

/// The workspace of the firmware.
pub fn firmware_directory() -> PathBuf {
    root().join("firmware-examples")
}

/// The target of the board `mps2-an385`.
pub const FIRMWARE_TARGET: &str = "thumbv7m-none-eabi";

/// The names of the firmware images for use, by their source files; the image that holds the unit tests is not one.
pub fn firmware_names() -> Result<Vec<String>> {
    let sources = firmware_directory().join("src/bin");
    let entries = std::fs::read_dir(&sources).context(sources.display())?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()))
        .filter(|name| name != "unit_tests")
        .collect();
    names.sort();
    Ok(names)
}

/// Builds a firmware image and returns where it is.
pub fn firmware(name: &str) -> Result<PathBuf> {
    let arguments = ["build", "--release", "--target", FIRMWARE_TARGET, "--bin", name];
    build(&firmware_directory(), &arguments, name)
}

/// Builds one of the profiles whose octets are counted, and returns where it is.
pub fn profile(name: &str) -> Result<PathBuf> {
    let arguments = ["build", "--profile", "size", "--target", FIRMWARE_TARGET, "--bin", name];
    build(&firmware_directory(), &arguments, name)
}
