//! Picks the applet, also by the name it was called by, and sets the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let code = match arguments.next().as_deref().and_then(|applet| applet.to_str()) {
        Some("mail") => gatepost::mail::command::run(arguments.collect()),
        _ => {
            eprintln!("usage: gatepost ip|tc|watch|mail|dash ...");
            2
        }
    };
    ExitCode::from(code)
}
