//! Runs the unit tests of `gatepost-core` on the bare board: `cargo unit-tests [WORD...]` in `firmware-examples`.
//!
//! One line a test. A word selects the tests whose name holds it. The first test that fails panics, which ends the run
//! with exit code 101: there is no unwinding here.

#![no_std]
#![no_main]

use core::fmt::Write;
use cortex_m_rt::entry;
use gatepost_firmware::board::{console::Console, exit};
#[cfg(gatepost_unit_tests)]
use heapless::Vec;

#[entry]
fn main() -> ! {
    let mut console = Console::default();
    exit(match run(&mut console) {
        Ok(true) => 0,
        Ok(false) | Err(core::fmt::Error) => 2,
    })
}

#[cfg(gatepost_unit_tests)]
fn run(console: &mut Console) -> Result<bool, core::fmt::Error> {
    let Ok(words) = semihosting::experimental::env::args::<1024>() else {
        writeln!(console, "error: no command line")?;
        return Ok(false);
    };
    // The words can be gone through once only; the first is the program's name.
    let mut filters = Vec::<&str, 8>::new();
    for word in (&words).skip(1) {
        let kept = word.is_ok_and(|word| filters.push(word).is_ok());
        if !kept {
            writeln!(console, "error: more than 8 words, or one that is not UTF-8")?;
            return Ok(false);
        }
    }
    let selected = |path: &str| filters.is_empty() || filters.iter().any(|word| path.contains(word));
    let mut count = 0;
    for test in gatepost_core::unit_tests::ALL.iter().copied().flatten() {
        let mut path = heapless::String::<192>::new();
        write!(path, "{}::{}", test.module, test.name)?;
        if !selected(&path) {
            continue;
        }
        write!(console, "test {path} ... ")?;
        (test.run)();
        writeln!(console, "ok")?;
        count += 1;
    }
    writeln!(console, "{count} tests passed on the device")?;
    Ok(count > 0)
}

#[cfg(not(gatepost_unit_tests))]
fn run(console: &mut Console) -> Result<bool, core::fmt::Error> {
    writeln!(console, "error: built without the tests; use `cargo unit-tests`")?;
    Ok(false)
}
