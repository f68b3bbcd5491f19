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
    let quick = &["--quick-ack"][..];
    let chunks = &["--quick-ack", "--chunking"][..];
    let mut runs = vec![
        Run::new(Client::Driver, quick, 100_000),
        Run::new(Client::Driver, chunks, 100_000),
        Run::new(Client::Raw("data"), quick, 100_000),
        Run::new(Client::Raw("bdat"), chunks, 100_000),
    ];
    runs.extend(PEERS.map(|client| Run::new(client, quick, 20_000)));
    best(clients, &mut runs);
    if let [data, bdat, raw_data, raw_bdat, peers @ ..] = runs.as_slice() {
        let with = |raw| peers.iter().chain([raw]).collect::<Vec<_>>();
        rows(report, "DATA", 80_000.0, data, &with(raw_data));
        rows(report, "BDAT (peers: DATA)", 100_000.0, bdat, &with(raw_bdat));
    }

    report.note("mails a second, against a sink that delays acknowledgements");
    let mut runs = vec![Run::new(Client::Driver, &[], 100_000)];
    runs.extend(PEERS.map(|client| {
        // Those that stall would take minutes for as many.
        let stalls = matches!(client, Client::Rust("lettre" | "mail-send"));
        Run::new(client, &[], if stalls { 25 } else { 20_000 })
    }));
    best(clients, &mut runs);
    if let [ours, peers @ ..] = runs.as_slice() {
        report.row(&Row {
            what: "1 KB mails on a connection, DATA, delayed ACK".to_owned(),
            unit: "mails/s",
            goal: Goal::Most,
            reach: Some(80_000.0),
            ours: ours.value(|rate| rate.mails),
            peers: peers
                .iter()
                .map(|run| Peer::new(&run.client.name(), run.value(|rate| rate.mails)))
                .collect(),
        });
    }
}

/// One client against one sink, and its best so far.
struct Run {
    client: Client,
    options: &'static [&'static str],
    mails: u32,
    best: Result<Rate>,
}

impl Run {
    fn new(client: Client, options: &'static [&'static str], mails: u32) -> Self {
        Self {
            client,
            options,
            mails,
            best: Err("not run".into()),
        }
    }

    fn value(&self, value: fn(&Rate) -> f64) -> Result<f64> {
        match &self.best {
            Ok(rate) => Ok(value(rate)),
            Err(error) => Err(error.to_string().into()),
        }
    }
}

fn rows(report: &mut Report, how: &str, reach: f64, ours: &Run, peers: &[&Run]) {
    let mut row = |what: &str, unit, goal, reach, value: fn(&Rate) -> f64| {
        report.row(&Row {
            what: format!("{what}, {how}"),
            unit,
            goal,
            reach: Some(reach),
            ours: ours.value(value),
            peers: peers
                .iter()
                .map(|run| Peer::new(&run.client.name(), run.value(value)))
                .collect(),
        });
    };
    row("1 KB mails on a connection", "mails/s", Goal::Most, reach, |rate| {
        rate.mails
    });
    row("CPU of the client a mail", "us", Goal::Least, 10.0, |rate| rate.cpu);
}

/// Keeps the best of three for each run, one after the other and then again: other work on the machine only ever makes
/// a run worse, and comes and goes.
fn best(clients: &Clients, runs: &mut [Run]) {
    for _ in 0..3 {
        for run in &mut *runs {
            run.best = match (once(clients, run), &run.best) {
                (Ok(rate), Ok(best)) => Ok(Rate {
                    mails: best.mails.max(rate.mails),
                    cpu: best.cpu.min(rate.cpu),
                }),
                (outcome, _) => outcome,
            };
        }
    }
}

fn once(clients: &Clients, run: &Run) -> Result<Rate> {
    let mut sink = Sink::start(&clients.sink, run.options)?;
    let task = Task {
        mails: run.mails,
        recipients: 1,
        attachment: None,
    };
    let (cost, seen) = clients.run(run.client, &mut sink, task, false)?;
    if seen.octets < 900 * u64::from(run.mails) {
        return Err(format!("{}: mails of less than 1 KB", run.client.name()).into());
    }
    Ok(Rate {
        mails: f64::from(run.mails) / cost.wall.as_secs_f64(),
        cpu: cost.cpu.as_secs_f64() * 1e6 / f64::from(run.mails),
    })
}
