//! The Cortex-M3 board `mps2-an385` in QEMU: a firmware image on a tap interface, its console line by line.

use crate::Result;
use crate::namespace::Namespace;
use crate::process::Process;
use std::path::Path;
use std::process::Command;

/// The program.
pub const PROGRAM: &str = "qemu-system-arm";

/// Starts `image` in `namespace` with `arguments` as its command line; its Ethernet is the tap interface `tap`, which
/// QEMU creates if there is none and which goes with it.
///
/// The exit code of the firmware is the process's.
pub fn start(namespace: &Namespace, image: &Path, tap: &str, arguments: &[String]) -> Result<Process> {
    let mut semihosting = "enable=on,target=native,arg=firmware".to_owned();
    for argument in arguments {
        // QEMU writes a comma within a value as two.
        semihosting += &format!(",arg={}", argument.replace(',', ",,"));
    }
    let mut command = Command::new(PROGRAM);
    command.args([
        "-machine",
        "mps2-an385",
        "-nographic",
        "-monitor",
        "none",
        "-serial",
        "none",
    ]);
    command.args([
        "-nic",
        &format!("tap,ifname={tap},script=no,downscript=no,model=lan9118,mac=02:00:00:00:00:02"),
    ]);
    command
        .args(["-semihosting-config", &semihosting])
        .arg("-kernel")
        .arg(image);
    namespace.spawn("device", command)
}
