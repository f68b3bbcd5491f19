//! The demo: the whole product at work, and a record of what happened.

mod alert;
mod ends;
mod picture;
mod record;
mod summary;

use crate::console::Event;
use crate::device::{self, Board, Device, TAP};
use crate::memory::Memory;
use crate::needs::Need;
use crate::network::{LEASE, Network};
use crate::servers::content::Content;
use crate::servers::dhcp::DhcpServer;
use crate::servers::film;
use crate::servers::{nginx, postfix};
use crate::{Result, needs, packages, repository};
use ends::Ends;
use std::path::Path;
use std::time::{Duration, Instant};

pub use alert::Alert;
pub use record::Record;

/// Which servers the demo uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Servers {
    /// The laboratory's own.
    Embedded,
    /// Postfix with Dovecot, nginx, and a film made by ffmpeg.
    Real,
}

/// Where the device runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Machine {
    /// The Cortex-M3 board in QEMU, behind a gateway of namespaces.
    Qemu,
    /// A thread of this process on an in-memory Ethernet, and why.
    Memory(String),
}

/// Where the device will run on this machine, and what is installed for it; says what it does.
pub fn machine(servers: Servers) -> Result<Machine> {
    if needs::confined() {
        return Ok(Machine::Memory("this user is not root".into()));
    }
    if !Need::Root.met() {
        return Ok(Machine::Memory(
            "this user is not root, and may not have namespaces of its own".into(),
        ));
    }
    if servers == Servers::Real {
        packages::install(&[packages::QEMU, postfix::PACKAGES, nginx::PACKAGES, film::PACKAGES].concat())?;
    } else if !Need::QEMU.met()
        && let Err(error) = packages::install(packages::QEMU)
    {
        return Ok(Machine::Memory(format!("QEMU is missing: {error}")));
    }
    if !Need::Tun.met() {
        return Ok(Machine::Memory("/dev/net/tun is missing".into()));
    }
    packages::targets(&[repository::FIRMWARE_TARGET])?;
    Ok(Machine::Qemu)
}

/// Is told each thing that happens, and when, counted from the start.
pub type Say<'a> = &'a mut dyn FnMut(Duration, &str);

/// Tells what happens, with the time.
pub(crate) struct Teller<'a> {
    start: Instant,
    say: Say<'a>,
}

impl Teller<'_> {
    pub(crate) fn tell(&mut self, line: &str) {
        let now = self.now();
        (self.say)(now, line);
    }

    pub(crate) fn now(&self) -> Duration {
        self.start.elapsed()
    }
}

/// Builds what it needs and runs the whole demo.
pub fn run(machine: Machine, servers: Servers, say: Say<'_>) -> Result<Record> {
    say(Duration::ZERO, "building gatepost and the firmware");
    let gatepost = repository::gatepost()?;
    match machine {
        Machine::Qemu => {
            let image = repository::firmware("demo")?;
            on_qemu(
                servers,
                &gatepost,
                &image,
                Teller {
                    start: Instant::now(),
                    say,
                },
            )
        }
        Machine::Memory(_) if servers == Servers::Real => {
            Err("the real servers need root, QEMU and namespaces; without them use the laboratory's own".into())
        }
        Machine::Memory(_) => in_memory(
            machine,
            &gatepost,
            Teller {
                start: Instant::now(),
                say,
            },
        ),
    }
}

fn on_qemu(servers: Servers, gatepost: &Path, image: &Path, mut teller: Teller<'_>) -> Result<Record> {
    teller.tell("gateway: building the network with gatepost");
    let network = Network::new(gatepost)?;
    let _dhcp = DhcpServer::start(&network.gateway, "br-lan", LEASE)?;
    teller.tell(&format!("servers: starting {}", name(servers)));
    let directory = tempfile::tempdir()?;
    let ends = Ends::start(servers, &network, directory.path())?;

    teller.tell("device: booting the Cortex-M3 board mps2-an385 in QEMU");
    let arguments = [
        device::mail_arguments(&ends.policy, &directory.path().join("ca.der")),
        device::stream_arguments("/stream.mpd"),
        device::address_arguments(),
    ]
    .concat();
    let mut device = Board::boot(&network, image, &arguments, &rate_word(FAST))?;
    let mut rates = vec![(teller.now(), FAST)];
    let (events, status) = follow(&mut device, &mut teller, |bps, now| {
        network.limit("change", TAP, &rate_word(bps))?;
        rates.push((now, bps));
        Ok(())
    })?;
    ends.mails(1)?;
    let alert = alert::raise(&network, &ends, directory.path(), &mut teller)?;
    Ok(Record {
        machine: Machine::Qemu,
        servers,
        commands: network.said(),
        events,
        status,
        rates,
        alert,
        mails: ends.received()?,
    })
}

fn in_memory(machine: Machine, gatepost: &Path, mut teller: Teller<'_>) -> Result<Record> {
    teller.tell("device: running the firmware application as a thread on an in-memory Ethernet");
    let directory = tempfile::tempdir()?;
    let mut device = Memory::start(FAST, Content::default())?;
    let mut rates = vec![(teller.now(), FAST)];
    let rate = device.rate();
    let (events, status) = follow(&mut device, &mut teller, |bps, now| {
        rate.set(bps);
        rates.push((now, bps));
        Ok(())
    })?;
    let mut mails = device.mails(1)?;
    let (alert, commands, alerts) = match Network::new(gatepost) {
        Ok(network) => {
            teller.tell("gateway: a network of namespaces, for the uplink that goes down");
            let ends = Ends::start(Servers::Embedded, &network, directory.path())?;
            let alert = alert::raise(&network, &ends, directory.path(), &mut teller)?;
            (alert, network.said(), ends.received()?)
        }
        Err(error) => {
            teller.tell(&format!("gateway: no namespace for the uplink: {error}"));
            (Alert::Impossible(error.to_string()), Vec::new(), Vec::new())
        }
    };
    mails.extend(alerts);
    Ok(Record {
        machine,
        servers: Servers::Embedded,
        commands,
        events,
        status,
        rates,
        alert,
        mails,
    })
}

/// Reads the device's console to its end and changes the link's rate on the way.
fn follow(
    device: &mut dyn Device,
    teller: &mut Teller<'_>,
    mut set_rate: impl FnMut(u64, Duration) -> Result<()>,
) -> Result<(Vec<(Duration, Event)>, i32)> {
    let mut events = Vec::new();
    while let Some(line) = device.next_line(SILENCE)? {
        let event = Event::parse(&line);
        teller.tell(&format!("device: {line}"));
        if let Event::Segment(segment) = event {
            let change = STEPS.iter().find(|(after, _)| *after == segment.number);
            if let Some((_, bps)) = change {
                set_rate(*bps, teller.now())?;
                teller.tell(&format!(
                    "gateway: the link towards the device now carries {}",
                    rate_word(*bps)
                ));
            }
        }
        events.push((teller.now(), event));
    }
    let status = device.wait(Duration::from_secs(10))?;
    Ok((events, status))
}

fn name(servers: Servers) -> &'static str {
    match servers {
        Servers::Embedded => "the laboratory's own mail and HTTP servers",
        Servers::Real => "Postfix with Dovecot SASL, nginx, and a film made by ffmpeg",
    }
}

/// A rate as `tc` says it.
fn rate_word(bps: u64) -> String {
    format!("{}kbit", bps / 1000)
}

const FAST: u64 = 4_000_000;
const SLOW: u64 = 500_000;
/// After which segments the link's rate changes, and to what.
const STEPS: [(u32, u64); 2] = [(14, SLOW), (24, FAST)];

/// How long the device may say nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// The subject field of a mail, unfolded.
fn subject(data: &[u8]) -> String {
    let text = String::from_utf8_lossy(data).replace("\r\n ", " ");
    let field = text.lines().find_map(|line| line.strip_prefix("Subject: "));
    field.unwrap_or_default().to_owned()
}
