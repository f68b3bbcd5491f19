//! What the profiles share: the first serial port of the board as their only input, and nothing that needs formatting.
//!
//! Every octet comes from a register, so the compiler knows none of them and must keep all code they may reach.

use core::panic::PanicInfo;
use core::time::Duration;
use embedded_io::{ErrorKind, ErrorType, Read, Write};
use gatepost_core::io::{Ready, Wait};

/// The serial port as a transport; its octets are never lost, as under QEMU.
pub(crate) struct Wire(());

impl Wire {
    /// Switches the port on.
    pub(crate) fn open() -> Self {
        write(BAUD_DIVIDER, 16);
        write(CONTROL, TRANSMIT | RECEIVE);
        Self(())
    }

    /// The next line, without its line feed, cut off the front of `room`; what is not ASCII becomes `?`.
    pub(crate) fn line<'a>(&mut self, room: &mut &'a mut [u8]) -> &'a str {
        let mut length = 0;
        loop {
            match self.octet() {
                b'\n' => break,
                octet => {
                    if let Some(place) = room.get_mut(length) {
                        *place = if octet.is_ascii() { octet } else { b'?' };
                        length += 1;
                    }
                }
            }
        }
        let (line, rest) = core::mem::take(room).split_at_mut(length);
        *room = rest;
        // SAFETY: every octet of it was checked to be ASCII. The checked conversion would be one part of the profiles
        // that the baseline holds, too, and so be missing in their difference.
        unsafe { core::str::from_utf8_unchecked(line) }
    }

    /// Tells the outside that TLS, which the profiles do not hold, is to begin.
    pub(crate) fn secure(&mut self) {
        write(LEDS, 1);
    }

    /// The next two octets as a number, the lower first.
    #[allow(dead_code, reason = "not every profile needs it")]
    pub(crate) fn number(&mut self) -> u16 {
        u16::from_le_bytes([self.octet(), self.octet()])
    }

    /// Octets that nobody can predict: on this board, those that come next.
    #[allow(dead_code, reason = "not every profile needs it")]
    pub(crate) fn random(&mut self, octets: &mut [u8]) {
        octets.fill_with(|| self.octet());
    }

    fn octet(&mut self) -> u8 {
        while read(STATE) & RECEIVE_FULL == 0 {}
        read(DATA) as u8
    }
}

impl ErrorType for Wire {
    type Error = ErrorKind;
}

impl Read for Wire {
    #[inline(never)]
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        if let Some(first) = buffer.first_mut() {
            *first = self.octet();
        }
        Ok(1)
    }
}

impl Write for Wire {
    #[inline(never)]
    fn write(&mut self, octets: &[u8]) -> Result<usize, ErrorKind> {
        for octet in octets {
            while read(STATE) & TRANSMIT_FULL != 0 {}
            write(DATA, u32::from(*octet));
        }
        Ok(octets.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Wait for Wire {
    #[inline(never)]
    fn set_timeout(&mut self, timeout: Duration) {
        write(TIMER, timeout.as_secs() as u32);
    }

    #[inline(never)]
    fn wait(&mut self) -> Result<Ready, ErrorKind> {
        if read(STATE) & RECEIVE_FULL != 0 {
            Ok(Ready::Read)
        } else {
            Ok(Ready::Write)
        }
    }
}

/// Nothing more happens.
pub(crate) fn stop() -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    stop()
}

fn read(register: *const u32) -> u32 {
    // SAFETY: it is one of the registers below, all of them readable and aligned.
    unsafe { register.read_volatile() }
}

fn write(register: *const u32, value: u32) {
    // SAFETY: it is one of the registers below; none of them moves octets in memory.
    unsafe { register.cast_mut().write_volatile(value) }
}

/// UART0, a CMSDK APB UART.
const DATA: *const u32 = 0x4000_4000 as *const u32;
const STATE: *const u32 = 0x4000_4004 as *const u32;
const CONTROL: *const u32 = 0x4000_4008 as *const u32;
const BAUD_DIVIDER: *const u32 = 0x4000_4010 as *const u32;
/// The reload value of TIMER0, which is not running.
const TIMER: *const u32 = 0x4000_0008 as *const u32;
/// The LEDs of the board.
const LEDS: *const u32 = 0x4002_8000 as *const u32;

const TRANSMIT_FULL: u32 = 1 << 0;
const RECEIVE_FULL: u32 = 1 << 1;
const TRANSMIT: u32 = 1 << 0;
const RECEIVE: u32 = 1 << 1;
