//! How often a client waits for the server.

use super::super::table::{Goal, Peer, Report, Row};
use super::clients::{Client, Clients, Task};
use super::sink::Sink;
use harness::Result;

/// Greeting, EHLO, and all the rest.
const NEW: f64 = 3.0;

pub(crate) fn run(report: &mut Report, clients: &Clients) {
    for recipients in [1, 10] {
        let one = |client| count(clients, client, recipients, 1);
        let peers = [
            Client::Rust("lettre"),
            Client::Rust("mail-send"),
            Client::Rust("io-smtp"),
            Client::Msmtp,
            Client::Swaks,
            Client::Curl,
        ];
        report.row(&Row {
            what: format!("turns, new connection, {recipients} recipients"),
            unit: "turns",
            goal: Goal::Least,
            reach: Some(NEW),
            ours: one(Client::Gatepost),
            peers: peers.map(|client| Peer::new(&client.name(), one(client))).into(),
        });
    }
    let reused = |client| Ok((count(clients, client, 1, 11)? - count(clients, client, 1, 1)?) / 10.0);
    let peers = [
        Client::Rust("lettre"),
        Client::Rust("mail-send"),
        Client::Rust("io-smtp"),
    ];
    report.row(&Row {
        what: "turns, each further mail on a connection".to_owned(),
        unit: "turns",
        goal: Goal::Least,
        reach: Some(1.0),
        ours: reused(Client::Driver),
        peers: peers.map(|client| Peer::new(&client.name(), reused(client))).into(),
    });
}

fn count(clients: &Clients, client: Client, recipients: u32, mails: u32) -> Result<f64> {
    let mut sink = Sink::start(&clients.sink, &["--patient", "--chunking"])?;
    let task = Task {
        mails,
        recipients,
        attachment: None,
    };
    let (_, seen) = clients.run(client, &mut sink, task, false)?;
    Ok(seen.turns as f64)
}
