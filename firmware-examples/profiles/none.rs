//! The baseline of the profiles: the same board, transport and input, and the functions on memory that every C library
//! has. What the others have beyond it is the mail client.

#![no_std]
#![no_main]

mod wire;

use cortex_m_rt::entry;
use embedded_io::{Read, Write};
use gatepost_core::io::Wait;
use wire::Wire;

#[entry]
fn main() -> ! {
    let mut wire = Wire::open();
    let mut room = [0; 1024];
    let mut room = &mut room[..];
    let (one, other) = (wire.line(&mut room), wire.line(&mut room));
    // memcmp, memcpy, memmove, memset: lengths that are not known beforehand.
    if one == other {
        wire.secure();
    }
    let length = one.len().min(room.len());
    room[..length].copy_from_slice(&one.as_bytes()[..length]);
    room.copy_within(..length, room.len() - length);
    room[length..].fill(length as u8);
    wire.set_timeout(core::time::Duration::from_secs(length as u64));
    let _ = wire.wait();
    let _ = wire.read(room);
    let _ = wire.write(room);
    wire::stop()
}
