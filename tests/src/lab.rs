//! `cargo lab`: the laboratory on the command line.

mod bench;
mod ci;
mod demo;
mod fuzz;
mod hostile;
mod sizes;
mod steps;
mod test;

use std::process::ExitCode;

const USAGE: &str = "\
usage: cargo lab demo [--servers embedded|real] [--report DIR]
                          the whole product at work: gateway, device, mail, stream, alert
       cargo lab set-up   install what the tests need, and run none
       cargo lab test     run every test, after installing what is needed
       cargo lab hostile  tell the stories of hostile mail servers to gatepost and to other clients, print a table
       cargo lab sizes    build for routers and microcontrollers, print what they have to store
       cargo lab bench AREA [--json]
                          measure beside other programs and print the ratios; the area is smtp.
                          With --symbols instead: what takes the flash
       cargo lab ci       what must hold before a change lands: formatting, lints, documentation, tests, licences, sizes";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["demo", ..] => demo::run(&arguments[1..]),
        ["set-up"] => test::prepare(),
        ["test"] => test::run(),
        ["hostile"] => hostile::run(),
        ["sizes"] => sizes::run(),
        ["bench", ..] => bench::run(&arguments[1..]),
        ["ci"] => ci::run(),
        ["help" | "-h" | "--help"] => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
