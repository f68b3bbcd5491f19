//! Steps of a long run: each is announced, timed and remembered; the end says what ran, what failed, what was skipped.

use harness::{needs, repository};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The steps so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

struct Step {
    title: String,
    elapsed: Duration,
    outcome: Outcome,
}

enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
}

impl Steps {
    /// Runs a command whose success is the step's.
    pub(crate) fn command(&mut self, title: &str, mut command: Command) {
        self.step(title, || {
            let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
            if status.success() {
                Ok(())
            } else {
                Err(format!("{command:?}: {status}").into())
            }
        });
    }

    /// Runs anything; a failure does not keep the next steps from running.
    pub(crate) fn step(&mut self, title: &str, run: impl FnOnce() -> harness::Result<()>) {
        println!("\n== {title}");
        let start = Instant::now();
        let outcome = match run() {
            Ok(()) => Outcome::Passed,
            Err(error) => {
                eprintln!("failed: {title}: {error}");
                Outcome::Failed(error.to_string())
            }
        };
        self.done.push(Step {
            title: title.to_owned(),
            elapsed: start.elapsed(),
            outcome,
        });
    }

    /// Remembers that something was left out, which with `CI=true` is a failure.
    pub(crate) fn skip(&mut self, title: &str, why: &str) {
        println!("\nskipped: {title} needs {why}");
        let outcome = match needs::ci() {
            true => Outcome::Failed(format!("needs {why}; with CI=true nothing may be skipped")),
            false => Outcome::Skipped(why.to_owned()),
        };
        self.done.push(Step {
            title: title.to_owned(),
            elapsed: Duration::ZERO,
            outcome,
        });
    }

    /// Prints the summary, with the tests that recorded themselves as skipped in `record`; true if nothing failed.
    pub(crate) fn finish(self, record: &Path) -> bool {
        println!("\nWhat ran:");
        for step in &self.done {
            let seconds = step.elapsed.as_secs_f32();
            match &step.outcome {
                Outcome::Passed => println!("  passed  {:7.1} s  {}", seconds, step.title),
                Outcome::Failed(why) => println!("  FAILED  {:7.1} s  {}: {why}", seconds, step.title),
                Outcome::Skipped(why) => println!("  skipped            {}: needs {why}", step.title),
            }
        }
        let skipped = std::fs::read_to_string(record).unwrap_or_default();
        if skipped.is_empty() {
            println!("No test skipped itself.");
        } else {
            println!("Tests that skipped themselves:");
            skipped.lines().for_each(|line| println!("  {line}"));
        }
        let failed = self
            .done
            .iter()
            .filter(|step| matches!(step.outcome, Outcome::Failed(_)))
            .count();
        match failed {
            0 => println!("All passed."),
            1 => println!("One step failed."),
            _ => println!("{failed} steps failed."),
        }
        failed == 0
    }
}

/// A cargo command in `directory`.
pub(crate) fn cargo(directory: &Path, arguments: &[&str]) -> Command {
    let mut command = repository::cargo(directory);
    command.args(arguments);
    command
}
