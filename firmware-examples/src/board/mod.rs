//! The board `mps2-an385`: a Cortex-M3 at 25 MHz with a LAN9118 Ethernet controller.
//!
//! Console, arguments, files, the date and entropy come from the host by semihosting; a real board has flash and a
//! random number generator for these.

pub mod clock;
pub mod console;
pub mod entropy;
pub mod files;
pub mod lan9118;
mod registers;
mod start;

pub use start::run;

use core::fmt::Write;
use core::panic::PanicInfo;

/// Ends the run with `code`, which QEMU passes on.
pub fn exit(code: i32) -> ! {
    semihosting::process::exit(code)
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    // Nothing can be done if the console fails too.
    let mut console = console::Console::default();
    let _ = match info.location() {
        Some(place) => writeln!(console, "panic: {} at {place}", info.message()),
        None => writeln!(console, "panic: {}", info.message()),
    };
    exit(101)
}
