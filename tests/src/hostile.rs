//! `cargo lab hostile`: who does right by hostile and odd mail servers.

use harness::certificates::Authority;
use harness::hostile::peers::{self, Peer};
use harness::hostile::{self, Client, Gatepost, Story, matrix};
use harness::needs::Need;
use harness::{Result, packages, repository};

/// Tells every story that concerns a client of any kind, and prints a table.
pub(crate) fn run() -> Result<bool> {
    if Need::Root.met() {
        packages::install(peers::PACKAGES)?;
    }
    let stories: Vec<Story> = hostile::stories()?.into_iter().filter(Peer::is_told).collect();
    let authority = Authority::new("Gatepost Laboratory")?;
    let gatepost = Gatepost {
        binary: repository::gatepost()?,
    };
    let peers = peers::installed();
    let others = peers.iter().map(|peer| peer as &(dyn Client + Sync));
    let mut told = Vec::new();
    for client in [&gatepost as &(dyn Client + Sync)].into_iter().chain(others) {
        eprintln!("telling {} stories to {}", stories.len(), client.name());
        told.push((
            client.name().to_owned(),
            hostile::play_all(&stories, client, &authority)?,
        ));
    }
    print!("{}", matrix::comparison(&stories, &told));
    // What others make of it is theirs.
    let ours = told.first().map_or(&[][..], |(_, verdicts)| verdicts);
    Ok(ours.iter().all(|verdict| verdict.faults.is_empty()))
}
