//! The registers of the LAN9118 and of a timer: the only memory this crate reaches by address.

/// Registers by their address: SMSC LAN9118 data sheet, section 5; ARM CMSDK technical reference, APB timer.
#[derive(Clone, Copy)]
#[repr(usize)]
pub(super) enum Register {
    RxData = LAN9118,
    TxData = LAN9118 + 0x20,
    RxStatus = LAN9118 + 0x40,
    TxStatus = LAN9118 + 0x48,
    ByteTest = LAN9118 + 0x64,
    TxConfig = LAN9118 + 0x70,
    HardwareConfig = LAN9118 + 0x74,
    RxFifo = LAN9118 + 0x7c,
    TxFifo = LAN9118 + 0x80,
    MacCommand = LAN9118 + 0xa4,
    MacData = LAN9118 + 0xa8,
    TimerControl = TIMER,
    TimerValue = TIMER + 0x04,
    TimerReload = TIMER + 0x08,
}

/// Where mps2-an385 has the controller, and the first of its timers.
const LAN9118: usize = 0x4020_0000;
const TIMER: usize = 0x4000_0000;

#[allow(unsafe_code)]
pub(super) fn read(register: Register) -> u32 {
    // SAFETY: any `Register` is the address of an aligned device register of this board, mapped for its whole life.
    // Reading has no effect on memory.
    unsafe { core::ptr::read_volatile(register as usize as *const u32) }
}

#[allow(unsafe_code)]
pub(super) fn write(register: Register, value: u32) {
    // SAFETY: as in `read`. Neither device masters a bus, so no write makes one touch memory.
    unsafe { core::ptr::write_volatile(register as usize as *mut u32, value) }
}
