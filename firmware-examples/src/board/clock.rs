//! Time since start-up, by SysTick; the date, by semihosting.

use core::cell::Cell;
use core::time::Duration;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{SCB, SYST};
use cortex_m_rt::exception;
use critical_section::Mutex;
use gatepost_core::io::smoltcp::Clock;
use semihosting::experimental::time::SystemTime;

/// The board's clock.
pub struct Timer(());

const HERTZ: u32 = 25_000_000;
const TICKS_PER_MILLISECOND: u32 = HERTZ / 1000;

static MILLISECONDS: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

impl Timer {
    /// Starts the timer: one interrupt a millisecond.
    pub fn start(mut timer: SYST) -> Self {
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(TICKS_PER_MILLISECOND - 1);
        timer.clear_current();
        timer.enable_counter();
        timer.enable_interrupt();
        Self(())
    }
}

impl Clock for Timer {
    fn now(&self) -> Duration {
        critical_section::with(|section| {
            let before = SYST::get_current();
            // With the interrupt held back, the counter may have wrapped and not been counted yet.
            let wrapped = SCB::is_pendst_pending();
            let left = if wrapped { SYST::get_current() } else { before };
            let milliseconds = MILLISECONDS.borrow(section).get() + u64::from(wrapped);
            let ticks = (TICKS_PER_MILLISECOND - 1).saturating_sub(left);
            Duration::from_millis(milliseconds) + Duration::from_nanos(u64::from(ticks) * NANOSECONDS_PER_TICK)
        })
    }

    fn idle(&self) {
        // The next tick ends the sleep.
        cortex_m::asm::wfi();
    }
}

const NANOSECONDS_PER_TICK: u64 = 1_000_000_000 / HERTZ as u64;

#[exception]
fn SysTick() {
    critical_section::with(|section| {
        let milliseconds = MILLISECONDS.borrow(section);
        milliseconds.set(milliseconds.get() + 1);
    });
}

/// Seconds since 1970-01-01 00:00:00 UTC by the host's clock; `None` if it has none.
pub fn date() -> Option<u64> {
    Some(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?.as_secs())
}
