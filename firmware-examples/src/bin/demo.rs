//! Mails an alert, then plays a stream; the arguments are those of `send_mail` and of `play_dash`.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use gatepost_firmware::{app, board};

#[entry]
fn main() -> ! {
    static mut MEMORY: app::Memory = app::Memory::new();
    board::run(|arguments, device, timer, platform| app::demo(arguments, device, timer, platform, MEMORY))
}
