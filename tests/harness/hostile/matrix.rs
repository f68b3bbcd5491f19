//! The table of what was played: behaviour, what is right, what came of it.

use super::{Story, Verdict};
use std::fmt::Write;

/// A row per story: the behaviour, the right outcome, how a client did and what it took.
pub fn table(rows: &[(Story, Verdict)]) -> String {
    let width = |of: fn(&Story) -> &str| rows.iter().map(|(story, _)| of(story).len()).max().unwrap_or(0);
    let (behaviour, right) = (width(|story| &story.behaviour), width(|story| &story.right));
    let mut table = String::new();
    let mut row = |first: &str, second: &str, third: &str| {
        // A String takes everything.
        let _ = writeln!(table, "{first:behaviour$} | {second:right$} | {third}");
    };
    row("the server", "right", "ours, peak KiB, processor ms");
    for (story, verdict) in rows {
        let wrong = if verdict.faults.is_empty() { "" } else { ", WRONG" };
        let (memory, processor) = (verdict.memory >> 10, verdict.processor.as_millis());
        let ours = format!("{:8} {memory:6} {processor:4}{wrong}", verdict.ours);
        row(&story.behaviour, &story.right, &ours);
    }
    table
}
