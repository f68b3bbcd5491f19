//! Time since start-up, by the first CMSDK timer; the date, by semihosting.

use super::registers::{Register, read, write};
use core::cell::Cell;
use core::time::Duration;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::exception;
use critical_section::Mutex;
use gatepost_core::io::smoltcp::Clock;
use semihosting::experimental::time::SystemTime;

/// The board's clock.
///
/// The timer runs freely and is read, so that no tick is ever missed; an interrupt each millisecond only ends a sleep.
pub struct Timer(());

const HERTZ: u32 = 25_000_000;

/// The timer's ticks since the start, extended from the 32 bits that it has.
static TICKS: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

impl Timer {
    /// Starts the timer and the interrupts.
    pub fn start(mut interrupts: SYST) -> Self {
        // It counts down, and starts over after 171 s.
        write(Register::TimerReload, u32::MAX);
        write(Register::TimerValue, u32::MAX);
        write(Register::TimerControl, 1); // enable
        interrupts.set_clock_source(SystClkSource::Core);
        interrupts.set_reload(HERTZ / 1000 - 1);
        interrupts.clear_current();
        interrupts.enable_counter();
        interrupts.enable_interrupt();
        Self(())
    }
}

impl Clock for Timer {
    fn now(&self) -> Duration {
        let ticks = ticks();
        let hertz = u64::from(HERTZ);
        let rest = (ticks % hertz) as u32;
        Duration::new(ticks / hertz, rest * NANOSECONDS_PER_TICK)
    }

    fn idle(&self) {
        // The next tick ends the sleep.
        cortex_m::asm::wfi();
    }
}

const NANOSECONDS_PER_TICK: u32 = 1_000_000_000 / HERTZ;

fn ticks() -> u64 {
    critical_section::with(|section| {
        let ticks = TICKS.borrow(section);
        let before = ticks.get();
        let passed = (u32::MAX - read(Register::TimerValue)).wrapping_sub(before as u32);
        ticks.set(before + u64::from(passed));
        ticks.get()
    })
}

#[exception]
fn SysTick() {
    // Read often enough to see the timer start over.
    ticks();
}

/// Seconds since 1970-01-01 00:00:00 UTC by the host's clock; `None` if it has none.
pub fn date() -> Option<u64> {
    Some(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs())
}
