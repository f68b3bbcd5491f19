//! A file of 10 MB, composed and sent by a process of its own, from its start to its end.

use super::super::table::{Goal, Peer, Report, Row};
use super::clients::{Client, Clients, Task};
use super::sink::Sink;
use harness::{Context, Result};
use std::fs;
use std::path::Path;

const OCTETS: usize = 10 * 1024 * 1024;

pub(crate) fn run(report: &mut Report, clients: &Clients) -> Result<()> {
    report.note("an attachment of 10 MB");
    let path = clients.directory.join("attachment.bin");
    fs::write(&path, noise()).context(path.display())?;
    let ours = measure(clients, Client::Gatepost, &path);
    let peers = [Client::Rust("lettre"), Client::Rust("mail-send")];
    let peers = peers.map(|client| (client.name(), measure(clients, client, &path)));
    let mut row = |what: &str, unit, goal, reach, value: fn(&Measured) -> f64| {
        let of = |measured: &Result<Measured>| match measured {
            Ok(measured) => Ok(value(measured)),
            Err(error) => Err(error.to_string().into()),
        };
        report.row(&Row {
            what: format!("10 MB attachment, {what}"),
            unit,
            goal,
            reach,
            ours: of(&ours),
            peers: peers
                .iter()
                .map(|(name, measured)| Peer::new(name, of(measured)))
                .collect(),
        });
    };
    row("composed and sent", "MB/s", Goal::Most, Some(500.0), |measured| {
        measured.rate
    });
    row("peak resident memory", "MB", Goal::Least, Some(4.0), |measured| {
        measured.memory
    });
    row("CPU of the client", "ms", Goal::Least, None, |measured| measured.cpu);
    Ok(())
}

struct Measured {
    /// MB of the file a second.
    rate: f64,
    memory: f64,
    cpu: f64,
}

/// The best of five runs.
fn measure(clients: &Clients, client: Client, path: &Path) -> Result<Measured> {
    let task = Task {
        mails: 1,
        recipients: 1,
        attachment: Some(path),
    };
    let mut best = Measured {
        rate: 0.0,
        memory: f64::INFINITY,
        cpu: f64::INFINITY,
    };
    for _ in 0..5 {
        let mut sink = Sink::start(&clients.sink, &["--quick-ack", "--chunking", "--watch"])?;
        let (cost, seen) = clients.run(client, &mut sink, task, true)?;
        if seen.octets < OCTETS as u64 || seen.peak == 0 {
            return Err(format!("{}: the sink saw {seen:?}", client.name()).into());
        }
        best.rate = best.rate.max(OCTETS as f64 / 1e6 / cost.wall.as_secs_f64());
        best.memory = best.memory.min(seen.peak as f64 / 1024.0);
        best.cpu = best.cpu.min(cost.cpu.as_secs_f64() * 1000.0);
    }
    Ok(best)
}

/// Octets without a pattern.
fn noise() -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut octets = Vec::with_capacity(OCTETS);
    while octets.len() < OCTETS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        octets.extend(state.to_le_bytes());
    }
    octets
}
