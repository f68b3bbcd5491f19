//! `cargo lab sizes`: what a router and a microcontroller have to store.

use harness::needs::Need;
use harness::{Context, Result, packages, repository};
use object::{Object, ObjectSection, SectionFlags, SectionKind, elf};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

/// The router's targets.
const ROUTERS: [&str; 2] = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"];

/// C compilers and libraries for what `ring` holds of C and assembler.
const COMPILERS: &[&str] = &["musl-tools", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"];

/// Builds all and prints a table.
pub(crate) fn run() -> Result<bool> {
    packages::targets(&ROUTERS)?;
    if Need::Root.met() {
        packages::install(COMPILERS)?;
    }
    println!("{:42} {:>10}", "static router binary, stripped", "octets");
    for target in ROUTERS {
        let path = router(target)?;
        let size = fs::metadata(&path).context(path.display())?.len();
        println!("{:42} {size:>10}", format!("gatepost {target}"));
    }
    packages::targets(&[repository::FIRMWARE_TARGET])?;
    println!("\n{:42} {:>10} {:>10}", "firmware, thumbv7m-none-eabi", "flash", "RAM");
    for name in repository::firmware_names()? {
        let image = repository::firmware(&name)?;
        let (flash, ram) = image_size(&image)?;
        println!("{name:42} {flash:>10} {ram:>10}");
    }
    println!(
        "flash: code, constants and the image of initialized data; RAM: initialized and zeroed data, without stack"
    );
    Ok(true)
}

/// The `gatepost` binary for a router.
fn router(target: &str) -> Result<std::path::PathBuf> {
    let mut command = repository::cargo(repository::root());
    command.args([
        "build",
        "--release",
        "--package",
        "gatepost",
        "--bin",
        "gatepost",
        "--target",
        target,
    ]);
    // The target carries its own C runtime, so a linker is all that is missing; ring's sources need no C library.
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_MUSL_LINKER", "rust-lld");
    command.env("CC_aarch64_unknown_linux_musl", "aarch64-linux-gnu-gcc");
    quiet(&mut command)?;
    Ok(repository::target().join(target).join("release/gatepost"))
}

fn quiet(command: &mut Command) -> Result<()> {
    let status = command.arg("--quiet").stdout(Stdio::inherit()).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{command:?}: {status}").into())
    }
}

/// Octets of flash and of RAM that an ELF image takes.
fn image_size(image: &Path) -> Result<(u64, u64)> {
    let octets = fs::read(image).context(image.display())?;
    let file = object::File::parse(octets.as_slice()).context(image.display())?;
    let (mut flash, mut ram) = (0, 0);
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags } = section.flags() else {
            continue;
        };
        if sh_flags & u64::from(elf::SHF_ALLOC) == 0 {
            continue;
        }
        let zeroed = section.kind() == SectionKind::UninitializedData;
        let writable = sh_flags & u64::from(elf::SHF_WRITE) != 0;
        if !zeroed {
            flash += section.size();
        }
        if zeroed || writable {
            ram += section.size();
        }
    }
    Ok((flash, ram))
}
