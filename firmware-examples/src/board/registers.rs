//! The LAN9118's registers: the only memory this crate reaches by address.

/// Registers of the LAN9118 by their offset (SMSC LAN9118 data sheet, section 5).
#[derive(Clone, Copy)]
#[repr(usize)]
pub(super) enum Register {
    RxData = 0x00,
    TxData = 0x20,
    RxStatus = 0x40,
    TxStatus = 0x48,
    ByteTest = 0x64,
    TxConfig = 0x70,
    HardwareConfig = 0x74,
    RxFifo = 0x7c,
    TxFifo = 0x80,
    MacCommand = 0xa4,
    MacData = 0xa8,
}

/// Where mps2-an385 has the controller.
const BASE: usize = 0x4020_0000;

#[allow(unsafe_code)]
pub(super) fn read(register: Register) -> u32 {
    // SAFETY: BASE plus any `Register` is an aligned device register of this board, mapped for its whole life.
    // Reading has no effect on memory.
    unsafe { core::ptr::read_volatile((BASE + register as usize) as *const u32) }
}

#[allow(unsafe_code)]
pub(super) fn write(register: Register, value: u32) {
    // SAFETY: as in `read`. The controller masters no bus, so no write makes it touch memory.
    unsafe { core::ptr::write_volatile((BASE + register as usize) as *mut u32, value) }
}
