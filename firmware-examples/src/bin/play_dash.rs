//! Plays a DASH stream: reads its MPD in a fixed buffer, chooses bitrates, fetches every segment in order.
//!
//! `cargo run --release --bin play_dash -- stream=http://ADDRESS:PORT/PATH`, also `address=ADDRESS/PREFIX
//! gateway=ADDRESS` for a network without DHCP.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use gatepost_firmware::{app, board};

#[entry]
fn main() -> ! {
    static mut NETWORK: app::network::Memory = app::network::Memory::new();
    static mut STREAM: app::stream::Memory = app::stream::Memory::new();
    board::run(|arguments, device, timer, platform| app::play_dash(arguments, device, timer, platform, NETWORK, STREAM))
}
