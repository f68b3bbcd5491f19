//! Mail: flash, memory, turns, mails a second, a large attachment, and the stall of delayed acknowledgements.

mod attachment;
mod clients;
mod flash;
mod io_smtp;
mod lwip;
mod rate;
mod sink;
mod stall;
mod turns;

pub(crate) use flash::symbols;

use super::table::Report;
use clients::Clients;
use harness::Result;

/// Measures every row.
pub(crate) fn run(mut report: Report) -> Result<bool> {
    flash::run(&mut report)?;
    let clients = Clients::build(&report)?;
    turns::run(&mut report, &clients);
    rate::run(&mut report, &clients);
    stall::run(&mut report, &clients);
    attachment::run(&mut report, &clients)?;
    Ok(report.finish())
}
