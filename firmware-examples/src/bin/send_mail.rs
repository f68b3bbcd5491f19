//! Mails an alert over SMTP submission with STARTTLS and AUTH, the server verified.
//!
//! `cargo run --release --bin send_mail -- mail=ADDRESS:PORT mail-name=NAME ca=FILE.der from=ADDRESS to=ADDRESS[,...]
//! user=NAME password=WORD`, also `address=ADDRESS/PREFIX gateway=ADDRESS` for a network without DHCP.

#![no_std]
#![no_main]

use cortex_m_rt::entry;
use gatepost_firmware::{app, board};

#[entry]
fn main() -> ! {
    static mut NETWORK: app::network::Memory = app::network::Memory::new();
    static mut MAIL: app::mail::Memory = app::mail::Memory::new();
    board::run(|arguments, device, timer, platform| app::send_mail(arguments, device, timer, platform, NETWORK, MAIL))
}
