//! What Nagle's algorithm and delayed acknowledgements cost a mail: nothing, if the end of the mail data leaves with
//! their last octets.

use super::super::table::{Goal, Peer, Report, Row};
use super::clients::{Client, Clients, Task};
use super::sink::Sink;
use harness::Result;

pub(crate) fn run(report: &mut Report, clients: &Clients) {
    let peers = [
        Client::Rust("lettre"),
        Client::Rust("mail-send"),
        Client::Rust("io-smtp"),
    ];
    let mut row = |what: &str, ours: Client, mails, peers: &[Client]| {
        report.row(&Row {
            what: format!("1 KB mail to a sink that delays ACKs, {what}"),
            unit: "ms",
            goal: Goal::Least,
            reach: Some(STALL / 4.0),
            ours: least(clients, ours, mails),
            peers: peers
                .iter()
                .map(|client| Peer::new(&client.name(), least(clients, *client, mails)))
                .collect(),
        });
    };
    row("connection kept", Client::Driver, 25, &peers);
    row("a process each", Client::Gatepost, 1, &[Client::Msmtp, Client::Curl]);
}

/// How long Linux delays an acknowledgement, in milliseconds: a client that stalls takes longer than that.
const STALL: f64 = 40.0;

/// How long a mail takes from the start of the process to its end, the best of five runs, in milliseconds.
fn least(clients: &Clients, client: Client, mails: u32) -> Result<f64> {
    let mut least = f64::INFINITY;
    for _ in 0..5 {
        let mut sink = Sink::start(&clients.sink, &[])?;
        let task = Task {
            mails,
            recipients: 1,
            attachment: None,
        };
        let (cost, _) = clients.run(client, &mut sink, task, false)?;
        least = least.min(cost.wall.as_secs_f64() * 1000.0 / f64::from(mails));
    }
    Ok(least)
}
