//! Picks the applet, also by the name it was called by, and sets the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    eprintln!("usage: gatepost ip|tc|watch|mail|dash ...");
    ExitCode::from(2)
}
