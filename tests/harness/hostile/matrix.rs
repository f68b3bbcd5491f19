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

/// The same stories told to several clients, as a table in Markdown; what was wrong is set in bold.
pub fn comparison(stories: &[Story], clients: &[(String, Vec<Verdict>)]) -> String {
    let mut table = String::new();
    let mut row = |cells: &mut dyn Iterator<Item = String>| {
        for cell in cells {
            // A String takes everything.
            let _ = write!(table, "| {cell} ");
        }
        table.push_str("|\n");
    };
    let names = clients.iter().map(|(name, _)| name.clone());
    row(&mut ["the server".to_owned(), "right".to_owned()].into_iter().chain(names));
    row(&mut std::iter::repeat_n("---".to_owned(), clients.len() + 2));
    for (index, story) in stories.iter().enumerate() {
        let cells = clients.iter().map(|(_, verdicts)| cell(verdicts.get(index)));
        row(&mut [story.behaviour.clone(), story.right.clone()].into_iter().chain(cells));
    }
    let right = |verdicts: &[Verdict]| verdicts.iter().filter(|verdict| verdict.faults.is_empty()).count();
    let sums = clients
        .iter()
        .map(|(_, verdicts)| format!("{} of {}", right(verdicts), stories.len()));
    row(&mut ["all".to_owned(), String::new()].into_iter().chain(sums));
    table
}

fn cell(verdict: Option<&Verdict>) -> String {
    match verdict {
        None => String::new(),
        Some(verdict) if verdict.faults.is_empty() => "right".to_owned(),
        Some(verdict) => {
            // The first fault is the gravest; what it quotes has no place in a table.
            let fault = verdict.faults.first().map_or("", String::as_str);
            let fault = fault
                .split([':', '"', '|'])
                .next()
                .unwrap_or_default()
                .trim()
                .trim_end_matches(" in");
            format!("**{fault}**")
        }
    }
}
