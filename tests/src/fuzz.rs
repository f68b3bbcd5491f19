//! The fuzz targets, each for a bounded time, with the stable toolchain.
//!
//! `cargo fuzz` asks for nightly because of the sanitizers. `core` has no unsafe code for them to watch; coverage feedback,
//! which libFuzzer steers by, comes from an LLVM pass that the stable compiler has too.

use crate::steps::{Steps, cargo};
use harness::{Context, Result, repository};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The pass and its options, as cargo-fuzz sets them; overflow and debug assertions are failures to be found.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks";

/// Builds and runs every target of `core/fuzz` and `host/fuzz`.
pub(crate) fn run(steps: &mut Steps, seconds: u32) {
    for package in ["core/fuzz", "host/fuzz"] {
        run_all(steps, &repository::root().join(package), seconds);
    }
}

fn run_all(steps: &mut Steps, directory: &Path, seconds: u32) {
    let host = match repository::host() {
        Ok(host) => host,
        Err(error) => return steps.step("fuzz targets", || Err(error)),
    };
    // The target is named so that build scripts are built without the pass.
    let mut build = cargo(directory, &["build", "--quiet", "--release", "--target", &host]);
    build.env("RUSTFLAGS", FLAGS);
    steps.command("fuzz targets: build", build);
    let names = match names(directory) {
        Ok(names) => names,
        Err(error) => return steps.step("fuzz targets", || Err(error)),
    };
    for name in names {
        steps.step(&format!("fuzz target {name}, {seconds} s"), || {
            one(directory, &host, &name, seconds)
        });
    }
}

fn one(directory: &Path, host: &str, name: &str, seconds: u32) -> Result<()> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| directory.join("target"), PathBuf::from);
    // What it finds stays for the next run, and out of the repository.
    let corpus = repository::laboratory().join("corpus").join(name);
    fs::create_dir_all(&corpus)?;
    let mut command = Command::new(target.join(host).join("release").join(name));
    command.current_dir(repository::laboratory()).arg(&corpus);
    let seeds = directory.join("seeds").join(name);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg("-timeout=10")
        .arg("-rss_limit_mb=2048")
        .arg("-verbosity=0");
    let output = command.output().context(format_args!("{command:?}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("{}\n{said}", output.status).into())
}

/// The targets, by the files they are in.
fn names(directory: &Path) -> Result<Vec<String>> {
    let targets = directory.join("fuzz_targets");
    let entries = fs::read_dir(&targets).context(targets.display())?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    Ok(names)
}
