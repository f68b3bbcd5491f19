//! From reset to the application, and from its result to the exit code.

use super::clock::{self, Timer};
use super::console::Console;
use super::lan9118::{Frames, Lan9118};
use super::{entropy, exit, files};
use crate::app::{self, Arguments, Error, Platform};
use core::ffi::CStr;
use gatepost_core::io::smoltcp::Clock;
use heapless::Vec;
use rand_chacha::ChaCha20Rng;

/// Runs `application` with what the board has, and ends the run: 0, or 1 after an error, which the console names.
pub fn run(
    application: impl FnOnce(&Arguments<'_>, Lan9118, Timer, Platform<'_, ChaCha20Rng, &mut Console>) -> Result<(), Error>,
) -> ! {
    let mut console = Console::default();
    let result = prepare(application, &mut console);
    exit(app::finish(result, &mut console))
}

fn prepare(
    application: impl FnOnce(&Arguments<'_>, Lan9118, Timer, Platform<'_, ChaCha20Rng, &mut Console>) -> Result<(), Error>,
    console: &mut Console,
) -> Result<(), Error> {
    let peripherals = cortex_m::Peripherals::take().ok_or(Error::Board("it was started before"))?;
    let timer = Timer::start(peripherals.SYST);
    let words = semihosting::experimental::env::args::<COMMAND_LINE>()
        .map_err(|_| Error::Board("no command line, or a longer one than 1024 octets"))?;
    // The first word is the program's name.
    let arguments = Arguments::parse((&words).skip(1).map(|word| word.unwrap_or_default()))?;
    let mut authority = [0; AUTHORITY];
    let authority = match arguments.ca {
        Some(path) => certificate(path, &mut authority)?,
        None => &[],
    };
    let frames = cortex_m::singleton!(: Frames = Frames::new()).ok_or(Error::Board("it was started before"))?;
    let device = Lan9118::take(frames)?;
    let date = clock::date().ok_or(Error::Board("no date"))?;
    let platform = Platform {
        hardware_address: device.mac_address(),
        entropy: entropy::seeded().ok_or(Error::Board("no entropy"))?,
        console,
        epoch: date.saturating_sub(timer.now().as_secs()),
        authority,
    };
    application(&arguments, device, timer, platform)
}

/// The octets of the file at `path`.
fn certificate<'b>(path: &str, buffer: &'b mut [u8; AUTHORITY]) -> Result<&'b [u8], Error> {
    let refused = |why| Error::Argument { key: "ca", why };
    let mut terminated = Vec::<u8, 256>::new();
    if terminated.extend_from_slice(path.as_bytes()).is_err() || terminated.push(0).is_err() {
        return Err(refused("a path longer than 255 octets"));
    }
    let path = CStr::from_bytes_with_nul(&terminated).map_err(|_| refused("a path with a NUL"))?;
    let length = files::read(path, buffer).map_err(|_| refused("the file cannot be read"))?;
    match buffer.get(..length) {
        Some(octets) if length < AUTHORITY => Ok(octets),
        _ => Err(refused("the file is longer than a certificate")),
    }
}

const COMMAND_LINE: usize = 1024;
/// Those of public authorities have 0.5 to 1.5 KB.
const AUTHORITY: usize = 2048;
