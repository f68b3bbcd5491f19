//! The device, wherever it runs: its console and its end.

use crate::Result;
use crate::console::Event;
use crate::network::{DEVICE, GATEWAY, Network, SERVER};
use crate::process::Process;
use crate::servers::mail::Policy;
use crate::{needs::Need, qemu};
use std::path::Path;
use std::time::Duration;

/// A running device.
pub trait Device {
    /// The next line of its console; `None` when it has ended.
    fn next_line(&mut self, limit: Duration) -> Result<Option<String>>;
    /// Its exit code.
    fn wait(&mut self, limit: Duration) -> Result<i32>;

    /// Its whole console and its exit code, when no line may take longer than `silence`.
    fn finish(&mut self, silence: Duration) -> Result<(Vec<Event>, i32)> {
        let mut events = Vec::new();
        while let Some(line) = self.next_line(silence)? {
            events.push(Event::parse(&line));
        }
        Ok((events, self.wait(Duration::from_secs(10))?))
    }
}

/// What the board needs.
pub const NEEDS: [Need; 3] = [Need::Root, Need::Tun, Need::QEMU];

/// The Cortex-M3 board in QEMU.
pub struct Board(Process);

impl Board {
    /// Boots `image` on the gateway's bridge, with a link of `rate` towards it.
    pub fn boot(network: &Network, image: &Path, arguments: &[String], rate: &str) -> Result<Self> {
        let board = Self(qemu::start(&network.gateway, image, TAP, arguments)?);
        let attached = network.attach(TAP, rate);
        attached.map_err(|error| format!("{error}; the device wrote: {}", board.0.lines().join("\n")))?;
        Ok(board)
    }
}

impl Device for Board {
    fn next_line(&mut self, limit: Duration) -> Result<Option<String>> {
        self.0.next_line(limit)
    }

    fn wait(&mut self, limit: Duration) -> Result<i32> {
        let status = self.0.wait(limit)?;
        status
            .code()
            .ok_or_else(|| format!("the device was ended: {status}").into())
    }
}

/// The arguments with which the firmware mails.
pub fn mail_arguments(policy: &Policy, authority: &Path) -> Vec<String> {
    let name = &policy.name;
    vec![
        format!("mail={SERVER}:{SUBMISSION}"),
        format!("mail-name={name}"),
        format!("user={}", policy.user),
        format!("password={}", policy.password),
        format!("from=device@{name}"),
        format!("to=operator@{name}"),
        format!("ca={}", authority.display()),
    ]
}

/// The arguments with which the firmware plays the stream at `path`.
pub fn stream_arguments(path: &str) -> Vec<String> {
    vec![format!("stream=http://{SERVER}:{HTTP}{path}")]
}

/// The address the firmware falls back to.
pub fn address_arguments() -> Vec<String> {
    vec![format!("address={DEVICE}/24"), format!("gateway={GATEWAY}")]
}

/// The tap interface of the board.
pub const TAP: &str = "tap0";
/// Where the mail server listens.
pub const SUBMISSION: u16 = 587;
/// Where the HTTP server listens.
pub const HTTP: u16 = 8080;
