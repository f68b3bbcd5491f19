//! `cargo lab test`: everything that can be tested on this machine, with its own set-up.

use crate::fuzz;
use crate::steps::{Steps, cargo};
use harness::needs::{self, Need};
use harness::servers::smtp_server;
use harness::{Result, packages, repository, servers};
use std::fs;
use std::path::{Path, PathBuf};

/// The targets that `core` must build for.
const TARGETS: [&str; 4] = [
    "thumbv6m-none-eabi",
    "thumbv7m-none-eabi",
    "thumbv7em-none-eabihf",
    "riscv32imac-unknown-none-elf",
];

/// How long each fuzz target runs.
const FUZZ_SECONDS: u32 = 6;

/// Sets up, runs all, says what ran and what did not.
pub(crate) fn run() -> Result<bool> {
    let mut steps = Steps::default();
    let record = record()?;
    set_up(&mut steps)?;
    self::steps(&mut steps, &record);
    Ok(steps.finish(&record))
}

/// Sets up and runs nothing.
pub(crate) fn prepare() -> Result<bool> {
    let mut steps = Steps::default();
    let record = record()?;
    set_up(&mut steps)?;
    Ok(steps.finish(&record))
}

/// Every test, without the set-up.
pub(crate) fn steps(steps: &mut Steps, record: &Path) {
    rings(steps, record);
    firmware(steps);
    fuzz::run(steps, FUZZ_SECONDS);
    targets(steps);
}

/// A fresh file for the tests that skip themselves.
pub(crate) fn record() -> Result<PathBuf> {
    let directory = repository::laboratory();
    fs::create_dir_all(&directory)?;
    let record = directory.join("skipped.txt");
    fs::write(&record, "")?;
    Ok(record)
}

/// Installs what the steps need, where that is allowed.
pub(crate) fn set_up(steps: &mut Steps) -> Result<()> {
    packages::targets(&TARGETS)?;
    let node = match needs::program("node") && needs::program("npm") {
        true => &[], // wherever they come from
        false => smtp_server::PACKAGES,
    };
    let wanted = [
        node,
        packages::QEMU,
        packages::FUZZER,
        packages::PEERS,
        packages::VERIFIERS,
        packages::TRACER,
        servers::postfix::PACKAGES,
        servers::aiosmtpd::PACKAGES,
        servers::dovecot_mail::PACKAGES,
        servers::dns::PACKAGES,
        servers::nginx::PACKAGES,
        servers::film::PACKAGES,
    ]
    .concat();
    if Need::Root.met() {
        steps.step("set-up: Debian packages", || packages::install(&wanted));
        steps.step("set-up: Exim", servers::exim::install);
    } else {
        println!("not root: no Debian package is installed; what needs root, QEMU or real servers may be skipped");
    }
    if needs::program("npm") {
        steps.step("set-up: smtp-server", smtp_server::install);
    }
    Ok(())
}

/// The three rings: unit tests, `core`'s own suites, and `tests/`.
fn rings(steps: &mut Steps, record: &Path) {
    let mut command = cargo(repository::root(), &["test", "--workspace", "--all-features"]);
    command.env(needs::RECORD, record);
    steps.command("unit tests and suites on this machine", command);
}

/// `core` for microcontrollers.
fn targets(steps: &mut Steps) {
    for target in TARGETS {
        let arguments = [
            "build",
            "--package",
            "gatepost-core",
            "--all-features",
            "--target",
            target,
        ];
        steps.command(&format!("core for {target}"), cargo(repository::root(), &arguments));
    }
}

/// The firmware images, and the unit tests of `core` on the microcontroller itself.
fn firmware(steps: &mut Steps) {
    let directory = repository::firmware_directory();
    steps.command("firmware images", cargo(&directory, &["build", "--release"]));
    if Need::QEMU.met() {
        steps.command(
            "unit tests of core on the Cortex-M3 in QEMU",
            cargo(&directory, &["unit-tests"]),
        );
    } else {
        steps.skip("unit tests of core on the Cortex-M3 in QEMU", &Need::QEMU.to_string());
    }
}
