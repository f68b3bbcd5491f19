//! Mails of 1 KB on one connection: how many a second, and what each costs the processor.

use super::super::table::{Goal, Peer, Report, Row};
use super::clients::{Client, Clients, Task};
use super::sink::Sink;
use harness::Result;

/// Mails a second, and microseconds of processor time for each.
#[derive(Clone, Copy)]
struct Rate {
    mails: f64,
    cpu: f64,
}

const PEERS: [Client; 4] = [
    Client::Rust("lettre"),
    Client::Rust("mail-send"),
    Client::Rust("io-smtp"),
    Client::SmtpSource,
];

pub(crate) fn run(report: &mut Report, clients: &Clients) {
    report.note("mails a second, against a sink that acknowledges at once");
    let peers = PEERS.map(|client| (client.name(), best(clients, client, &["--quick-ack"], 20_000)));
    let mut peers = Vec::from(peers);
    for (how, reach, options) in [
        ("data", 80_000.0, &["--quick-ack"][..]),
        ("bdat", 100_000.0, &["--quick-ack", "--chunking"]),
    ] {
        let ours = best(clients, Client::Driver, options, 100_000);
        let raw = Client::Raw(how);
        peers.push((raw.name(), best(clients, raw, options, 100_000)));
        let what = if how == "data" { "DATA" } else { "BDAT (peers: DATA)" };
        rows(report, what, reach, &ours, &peers);
        peers.pop();
    }

    report.note("mails a second, against a sink that delays acknowledgements");
    let delayed = best(clients, Client::Driver, &[], 100_000);
    report.row(&Row {
        what: "1 KB mails on a connection, DATA, delayed ACK".to_owned(),
        unit: "mails/s",
        goal: Goal::Most,
        reach: Some(80_000.0),
        ours: delayed.map(|rate| rate.mails),
        peers: PEERS
            .map(|client| {
                // Those that stall would take minutes for as many.
                let stalls = matches!(client, Client::Rust("lettre" | "mail-send"));
                let rate = best(clients, client, &[], if stalls { 25 } else { 20_000 });
                Peer::new(&client.name(), rate.map(|rate| rate.mails))
            })
            .into(),
    });
}

fn rows(report: &mut Report, how: &str, reach: f64, ours: &Result<Rate>, peers: &[(String, Result<Rate>)]) {
    let mut row = |what: &str, unit, goal, reach, value: fn(&Rate) -> f64| {
        let of = |rate: &Result<Rate>| match rate {
            Ok(rate) => Ok(value(rate)),
            Err(error) => Err(error.to_string().into()),
        };
        report.row(&Row {
            what: format!("{what}, {how}"),
            unit,
            goal,
            reach: Some(reach),
            ours: of(ours),
            peers: peers.iter().map(|(name, rate)| Peer::new(name, of(rate))).collect(),
        });
    };
    row("1 KB mails on a connection", "mails/s", Goal::Most, reach, |rate| {
        rate.mails
    });
    row("CPU of the client a mail", "us", Goal::Least, 10.0, |rate| rate.cpu);
}

/// The best of three runs: other work on the machine only ever makes it worse.
fn best(clients: &Clients, client: Client, options: &[&str], mails: u32) -> Result<Rate> {
    let mut best: Option<Rate> = None;
    for _ in 0..3 {
        let mut sink = Sink::start(&clients.sink, options)?;
        let task = Task {
            mails,
            recipients: 1,
            attachment: None,
        };
        let (cost, seen) = clients.run(client, &mut sink, task, false)?;
        if seen.octets < 900 * u64::from(mails) {
            return Err(format!("{}: mails of less than 1 KB", client.name()).into());
        }
        let rate = Rate {
            mails: f64::from(mails) / cost.wall.as_secs_f64(),
            cpu: cost.cpu.as_secs_f64() * 1e6 / f64::from(mails),
        };
        best = Some(best.map_or(rate, |best| Rate {
            mails: best.mails.max(rate.mails),
            cpu: best.cpu.min(rate.cpu),
        }));
    }
    best.ok_or_else(|| "no run".into())
}
