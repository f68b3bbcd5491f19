//! The LAN9118 Ethernet controller as a smoltcp device, by programmed I/O.

use super::registers::{Register, read, write};
use crate::app::Error;
use core::sync::atomic::{AtomicBool, Ordering};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

/// The controller; there is one.
pub struct Lan9118 {
    frames: &'static mut Frames,
}

/// A frame that came and one that leaves; lent, so that the controller is cheap to hand on.
pub struct Frames {
    received: [u8; FRAME],
    transmit: [u8; FRAME],
}

impl Frames {
    /// Zeroed.
    pub const fn new() -> Self {
        Self {
            received: [0; FRAME],
            transmit: [0; FRAME],
        }
    }
}

impl Default for Frames {
    fn default() -> Self {
        Self::new()
    }
}

impl Lan9118 {
    /// Resets the controller and lets frames through.
    pub fn take(frames: &'static mut Frames) -> Result<Self, Error> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        if TAKEN.swap(true, Ordering::Relaxed) {
            return Err(Error::Board("the Ethernet controller is in use"));
        }
        if read(Register::ByteTest) != 0x8765_4321 {
            return Err(Error::Board("no LAN9118 Ethernet controller answers"));
        }
        write(Register::HardwareConfig, 1); // soft reset, clears itself
        for _ in 0..PATIENCE {
            if read(Register::HardwareConfig) & 1 == 0 {
                write(Register::TxConfig, 1 << 1); // TX_ON
                mac_write(MAC_CONTROL, 1 << 20 | 1 << 3 | 1 << 2); // full duplex, transmitter, receiver
                return Ok(Self { frames });
            }
        }
        Err(Error::Board("the Ethernet controller does not leave its reset"))
    }

    /// The address that the controller loaded at reset.
    pub fn mac_address(&self) -> [u8; 6] {
        let [a, b, c, d] = mac_read(ADDRESS_LOW).to_le_bytes();
        let [e, f, ..] = mac_read(ADDRESS_HIGH).to_le_bytes();
        [a, b, c, d, e, f]
    }

    /// Reads the next good frame into `received`; its length without the frame check sequence.
    fn next_frame(&mut self) -> Option<usize> {
        while read(Register::RxFifo) >> 16 & 0xff > 0 {
            let status = read(Register::RxStatus);
            let length = (status >> 16 & 0x3fff) as usize;
            let mut words = self.frames.received.chunks_exact_mut(4);
            for _ in 0..length.div_ceil(4) {
                // A frame longer than the buffer must leave the FIFO too.
                let word = read(Register::RxData);
                if let Some(octets) = words.next() {
                    octets.copy_from_slice(&word.to_le_bytes());
                }
            }
            let error = status & 1 << 15 != 0;
            if !error && (CHECK_SEQUENCE..=FRAME).contains(&length) {
                return Some(length - CHECK_SEQUENCE);
            }
        }
        None
    }

    /// Whether the transmit FIFO has room for any frame and its two command words.
    fn has_room(&self) -> bool {
        let state = read(Register::TxFifo);
        for _ in 0..state >> 16 & 0xff {
            // Nobody asks how a frame fared, but the FIFO of the answers must not fill up.
            read(Register::TxStatus);
        }
        (state & 0xffff) as usize >= FRAME + 8
    }
}

/// A frame that was received.
pub struct RxToken<'a>(&'a [u8]);

/// The right to send a frame.
pub struct TxToken<'a>(&'a mut [u8; FRAME]);

impl Device for Lan9118 {
    type RxToken<'a> = RxToken<'a>;
    type TxToken<'a> = TxToken<'a>;

    fn receive(&mut self, _: Instant) -> Option<(RxToken<'_>, TxToken<'_>)> {
        if !self.has_room() {
            return None;
        }
        let length = self.next_frame()?;
        Some((
            RxToken(self.frames.received.get(..length)?),
            TxToken(&mut self.frames.transmit),
        ))
    }

    fn transmit(&mut self, _: Instant) -> Option<TxToken<'_>> {
        self.has_room().then_some(TxToken(&mut self.frames.transmit))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        // The receive FIFO holds six full frames; smoltcp bounds its window by this.
        capabilities.max_burst_size = Some(6);
        capabilities
    }
}

impl phy::RxToken for RxToken<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        // smoltcp asks for no more than the maximum transmission unit.
        let length = length.min(FRAME);
        let result = f(&mut self.0[..length]);
        let command = length as u32;
        write(Register::TxData, 1 << 13 | 1 << 12 | command); // first and last segment
        write(Register::TxData, command);
        for octets in self.0[..length.next_multiple_of(4)].chunks_exact(4) {
            let mut word = [0; 4];
            word.copy_from_slice(octets);
            write(Register::TxData, u32::from_le_bytes(word));
        }
        result
    }
}

/// Registers of the MAC, which are reached through a command register.
const MAC_CONTROL: u32 = 1;
const ADDRESS_HIGH: u32 = 2;
const ADDRESS_LOW: u32 = 3;
const MAC_BUSY: u32 = 1 << 31;
const MAC_READ: u32 = 1 << 30;

fn mac_write(register: u32, value: u32) {
    write(Register::MacData, value);
    mac_command(register);
}

fn mac_read(register: u32) -> u32 {
    mac_command(MAC_READ | register);
    read(Register::MacData)
}

fn mac_command(command: u32) {
    write(Register::MacCommand, MAC_BUSY | command);
    // Bounded, since a controller that stays busy must not hang the boot.
    for _ in 0..PATIENCE {
        if read(Register::MacCommand) & MAC_BUSY == 0 {
            return;
        }
    }
}

/// How many reads the controller may take to do what it was told.
const PATIENCE: usize = 100_000;
const CHECK_SEQUENCE: usize = 4;
/// A full frame with its check sequence, in whole words.
const FRAME: usize = 1520;
