//! An Ethernet in memory: two ports joined by queues, one direction limited in rate, for runs without any privilege.
//!
//! The near [`Port`] is the device's; [`far::Far`] answers at the other end for the gateway and the servers.

pub mod far;

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant as Time;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One end of the cable, a device for smoltcp.
pub struct Port {
    receive: Arc<Line>,
    transmit: Arc<Line>,
}

/// The rate of one direction, to be changed while it runs.
#[derive(Clone)]
pub struct Rate(Arc<AtomicU64>);

impl Rate {
    /// Sets it, in bit/s.
    pub fn set(&self, bps: u64) {
        self.0.store(bps.max(1), Ordering::Relaxed);
    }

    /// What it is, in bit/s.
    pub fn bps(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A cable between the device and the rest of the world; towards the device it carries as much as the [`Rate`] allows.
pub fn cable(bps: u64) -> (Port, Port, Rate) {
    let rate = Rate(Arc::new(AtomicU64::new(bps.max(1))));
    let down = Arc::new(Line::new(Some(rate.clone())));
    let up = Arc::new(Line::new(None));
    let device = Port {
        receive: Arc::clone(&down),
        transmit: Arc::clone(&up),
    };
    let far = Port {
        receive: up,
        transmit: down,
    };
    (device, far, rate)
}

/// One direction: frames, each with the time it has passed through.
struct Line {
    rate: Option<Rate>,
    frames: Mutex<Frames>,
}

#[derive(Default)]
struct Frames {
    queue: VecDeque<(Instant, Vec<u8>)>,
    /// When the last frame will have passed.
    busy_until: Option<Instant>,
}

impl Line {
    fn new(rate: Option<Rate>) -> Self {
        Self {
            rate,
            frames: Mutex::default(),
        }
    }

    /// Puts a frame on the line; one that would have to wait longer than a shaper lets it is dropped.
    fn put(&self, frame: Vec<u8>) {
        let now = Instant::now();
        let mut frames = self.frames();
        let Some(rate) = &self.rate else {
            frames.queue.push_back((now, frame));
            return;
        };
        let start = frames.busy_until.map_or(now, |busy| busy.max(now));
        let passage = |octets: usize| Duration::from_secs_f64(octets as f64 * 8.0 / rate.bps() as f64);
        if start.saturating_duration_since(now) > LATENCY + passage(BURST) {
            return;
        }
        let passage = passage(frame.len());
        frames.busy_until = Some(start + passage);
        frames.queue.push_back((start + passage, frame));
    }

    fn take(&self) -> Option<Vec<u8>> {
        let mut frames = self.frames();
        let arrived = frames.queue.front().is_some_and(|(when, _)| *when <= Instant::now());
        if arrived {
            frames.queue.pop_front().map(|(_, frame)| frame)
        } else {
            None
        }
    }

    fn frames(&self) -> MutexGuard<'_, Frames> {
        self.frames.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The shaper's queue, as of `tbf ... burst 8kb latency 100ms`: what passes in that time, and the burst.
const LATENCY: Duration = Duration::from_millis(100);
const BURST: usize = 8 * 1024;

impl Device for Port {
    type RxToken<'a> = Received;
    type TxToken<'a> = Transmit<'a>;

    fn receive(&mut self, _: Time) -> Option<(Received, Transmit<'_>)> {
        let frame = self.receive.take()?;
        Some((Received(frame), Transmit(&self.transmit)))
    }

    fn transmit(&mut self, _: Time) -> Option<Transmit<'_>> {
        Some(Transmit(&self.transmit))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

/// A frame that has arrived.
pub struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

/// The right to send one frame.
pub struct Transmit<'a>(&'a Line);

impl TxToken for Transmit<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut frame = vec![0; length];
        let result = write(&mut frame);
        self.0.put(frame);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_arrives_in_order_and_a_full_line_drops() {
        // The queue holds 100 ms at 100 kbit/s, 1250 octets, and 8192 more: the tenth frame finds 9000 before it.
        let (device, far, _rate) = cable(100_000);
        for number in 0..20u8 {
            far.transmit.put(vec![number; 1000]);
        }
        assert_eq!(device.receive.frames().queue.len(), 10);
        assert_eq!(device.receive.take(), None, "it is still on its way");
        crate::process::until("the frames", Duration::from_secs(5), || {
            device
                .receive
                .frames()
                .queue
                .iter()
                .all(|(when, _)| *when <= Instant::now())
        })
        .expect("they pass in 800 ms");
        for number in 0..10u8 {
            assert_eq!(device.receive.take(), Some(vec![number; 1000]));
        }
        assert_eq!(device.receive.take(), None);
    }
}
