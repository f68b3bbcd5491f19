//! The last part of the demo: the gateway's uplink goes down, and the gateway mails it.

use super::Teller;
use super::ends::Ends;
use crate::Result;
use crate::device::SUBMISSION;
use crate::network::{Network, SERVER};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// What became of the uplink's alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alert {
    /// It was mailed.
    Mailed {
        /// The mail's subject.
        subject: String,
        /// From the uplink's end to the mail in the mailbox.
        after: Duration,
    },
    /// No namespace could be made for it, and why.
    Impossible(String),
}

/// Takes the uplink's far end down while `gatepost watch` runs on the gateway, and waits for its mail.
pub(super) fn raise(network: &Network, ends: &Ends, directory: &Path, teller: &mut Teller<'_>) -> Result<Alert> {
    let before = ends.received()?.len();
    // A password on the command line could be read by everyone on the gateway.
    let password = directory.join("password");
    fs::write(&password, format!("{}\n", ends.policy.password))?;
    let words = format!(
        "watch --mail-to operator@{name} --mail-from gateway@{name} --server {SERVER}:{} --server-name {name} \
         --ca {} --user {} --password-file {}",
        SUBMISSION,
        directory.join("ca.pem").display(),
        ends.policy.user,
        password.display(),
        name = ends.policy.name,
    );
    let mut watch = network.gateway.spawn("gatepost watch", network.command(&words))?;
    watch.wait_for("readiness", Duration::from_secs(10), |line| {
        line.starts_with("watching")
    })?;
    let down = Instant::now();
    network.on_servers("ip link set wan-peer down")?;
    teller.tell("gateway: the far end of the uplink wan0 went down");
    let mails = ends
        .mails(before + 1)
        .map_err(|error| format!("{error}; gatepost watch wrote:\n  {}", watch.lines().join("\n  ")))?;
    let after = down.elapsed();
    for line in watch.lines() {
        teller.tell(&format!("gateway: {line}"));
    }
    let subject = mails
        .get(before)
        .map(|mail| super::subject(&mail.data))
        .unwrap_or_default();
    Ok(Alert::Mailed { subject, after })
}
