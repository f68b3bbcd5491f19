//! `cargo lab ci`: what must hold before a change lands; `.ci/run` calls it with `CI=true`.

use crate::steps::{Steps, cargo};
use crate::{sizes, test};
use harness::{Result, needs, repository};
use std::process::Command;

/// Runs everything; true if nothing failed.
pub(crate) fn run() -> Result<bool> {
    let mut steps = Steps::default();
    let record = test::record()?;
    let (root, firmware) = (repository::root(), repository::firmware_directory());
    test::set_up(&mut steps)?;

    steps.command("formatting", cargo(root, &["fmt", "--all", "--check"]));
    steps.command(
        "formatting of the firmware",
        cargo(&firmware, &["fmt", "--all", "--check"]),
    );
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--all-features",
        "--",
        "-D",
        "warnings",
    ];
    steps.command("clippy", cargo(root, &clippy));
    let clippy = ["clippy", "--workspace", "--all-features", "--", "-D", "warnings"];
    steps.command("clippy of the firmware", cargo(&firmware, &clippy));
    let mut doc = cargo(root, &["doc", "--workspace", "--no-deps", "--all-features"]);
    doc.env("RUSTDOCFLAGS", "-D warnings");
    steps.command("documentation", doc);
    steps.step("licences, bans and sources of the dependencies", deny);

    test::steps(&mut steps, &record);
    steps.step("core's unit tests of mail in Miri", miri);
    steps.step("sizes", || sizes::run().map(|_| ()));
    Ok(steps.finish(&record))
}

/// cargo-deny, installed if it is missing.
fn deny() -> Result<()> {
    if !needs::program("cargo-deny") {
        println!("installing cargo-deny");
        check(cargo(
            repository::root(),
            &["install", "--locked", "--quiet", "cargo-deny"],
        ))?;
    }
    check(cargo(
        repository::root(),
        &["deny", "check", "licenses", "bans", "sources"],
    ))
}

/// The interpreter that sees undefined behaviour, also that of the crates `core` is built on; installed if it is missing.
///
/// The modules of mail, in which those crates do the most; each test that tries every size tries some.
fn miri() -> Result<()> {
    let nightly = |arguments: &[&str]| {
        let mut command = Command::new("rustup");
        command
            .current_dir(repository::root())
            .args(["run", "nightly", "cargo", "miri"])
            .args(arguments);
        // The interpreter's own flags, and no wrapper's.
        command
            .env_remove("CARGO")
            .env_remove("RUSTUP_TOOLCHAIN")
            .env("MIRIFLAGS", "-Zmiri-disable-isolation");
        command
    };
    let there = nightly(&["--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        println!("installing Miri: rustup toolchain install nightly --component miri,rust-src");
        let mut install = Command::new("rustup");
        install.args([
            "toolchain",
            "install",
            "nightly",
            "--profile",
            "minimal",
            "--component",
            "miri,rust-src",
        ]);
        check(install)?;
    }
    check(nightly(&[
        "test",
        "--quiet",
        "--package",
        "gatepost-core",
        "--lib",
        "--",
        "smtp::",
        "message::",
        "io::",
        "ascii::",
    ]))
}

fn check(mut command: Command) -> Result<()> {
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}
