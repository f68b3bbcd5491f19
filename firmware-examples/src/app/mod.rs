//! The application: an alert by mail, a stream by DASH, or one after the other.
//!
//! ```text
//! words -> Arguments -> Network (DHCP) -> mail:   TCP -> STARTTLS -> TLS, verified -> Session
//!                                      -> stream: TCP -> Exchange -> MPD -> Player -> segments
//! ```
//!
//! It owns no memory, no clock, no randomness and no device: a [`Platform`] and the caller's buffers bring them. What
//! happens is told on the console, one event a line; an error ends the run and is told by [`finish`].

mod arguments;
mod error;
mod fetch;
pub mod mail;
pub mod network;
pub mod stream;

pub use arguments::Arguments;
pub use error::{Error, MailError, Part, StreamError};

use core::fmt::Write;
use gatepost_core::io::smoltcp::Clock;
use network::Network;
use rand_core::{CryptoRng, RngCore};
use smoltcp::iface::SocketStorage;
use smoltcp::phy::Device;

/// What the application runs on, beside its Ethernet device and its clock.
pub struct Platform<'p, R, W> {
    /// The device's Ethernet address.
    pub hardware_address: [u8; 6],
    /// A cryptographic source of randomness.
    pub entropy: R,
    /// Where the lines go.
    pub console: W,
    /// Unix seconds at the zero of the clock.
    pub epoch: u64,
    /// The certificate (DER) of the authority that is trusted.
    pub authority: &'p [u8],
}

/// Submits an alert.
pub fn send_mail<D: Device, C: Clock, R: RngCore + CryptoRng, W: Write>(
    arguments: &Arguments<'_>,
    device: D,
    clock: C,
    mut platform: Platform<'_, R, W>,
    network: &mut network::Memory,
    mail: &mut mail::Memory,
) -> Result<(), Error> {
    let request = arguments.mail(platform.authority)?;
    let mut storage = [SocketStorage::EMPTY; network::SOCKETS];
    let fallback = arguments.fallback()?;
    let mut network = Network::start(device, clock, &mut platform, fallback, &mut storage, network)?;
    mail::send(&request, &mut network, &mut platform, mail)
}

/// Plays a stream.
pub fn play_dash<D: Device, C: Clock, R: RngCore + CryptoRng, W: Write>(
    arguments: &Arguments<'_>,
    device: D,
    clock: C,
    mut platform: Platform<'_, R, W>,
    network: &mut network::Memory,
    stream: &mut stream::Memory,
) -> Result<(), Error> {
    let url = arguments.stream()?;
    let mut storage = [SocketStorage::EMPTY; network::SOCKETS];
    let fallback = arguments.fallback()?;
    let mut network = Network::start(device, clock, &mut platform, fallback, &mut storage, network)?;
    stream::play(url, &mut network, &mut platform, stream)
}

/// Submits an alert, then plays a stream.
pub fn demo<D: Device, C: Clock, R: RngCore + CryptoRng, W: Write>(
    arguments: &Arguments<'_>,
    device: D,
    clock: C,
    mut platform: Platform<'_, R, W>,
    memory: &mut Memory,
) -> Result<(), Error> {
    let request = arguments.mail(platform.authority)?;
    let url = arguments.stream()?;
    let mut storage = [SocketStorage::EMPTY; network::SOCKETS];
    let fallback = arguments.fallback()?;
    let mut network = Network::start(
        device,
        clock,
        &mut platform,
        fallback,
        &mut storage,
        &mut memory.network,
    )?;
    mail::send(&request, &mut network, &mut platform, &mut memory.mail)?;
    stream::play(url, &mut network, &mut platform, &mut memory.stream)
}

/// The buffers of all that the application does.
#[derive(Default)]
pub struct Memory {
    network: network::Memory,
    mail: mail::Memory,
    stream: stream::Memory,
}

impl Memory {
    /// Zeroed.
    pub const fn new() -> Self {
        Self {
            network: network::Memory::new(),
            mail: mail::Memory::new(),
            stream: stream::Memory::new(),
        }
    }
}

/// Tells the end of a run on the console; returns the exit code.
pub fn finish(result: Result<(), Error>, console: &mut impl Write) -> i32 {
    let told = match &result {
        Ok(()) => writeln!(console, "done"),
        Err(error) => writeln!(console, "error: {error}"),
    };
    i32::from(result.is_err() || told.is_err())
}

/// How many recipients a mail may have.
const MAX_RECIPIENTS: usize = 4;
