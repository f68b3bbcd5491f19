//! The server that takes every mail, as a process.

use harness::{Context, Result};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A running sink; it ends with this.
pub(crate) struct Sink {
    child: Child,
    words: Option<ChildStdin>,
    lines: BufReader<ChildStdout>,
    pub(crate) address: SocketAddr,
}

/// What it saw on one connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) mails: u64,
    /// Of mail data, as they came.
    pub(crate) octets: u64,
    /// How often the client waited for an answer.
    pub(crate) turns: u64,
    /// The client's greatest resident memory, KiB; 0 if it was not watched.
    pub(crate) peak: u64,
}

impl Sink {
    /// Starts `program` with these options.
    pub(crate) fn start(program: &Path, options: &[&str]) -> Result<Self> {
        let mut child = Command::new(program)
            .args(options)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context(program.display())?;
        let words = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().ok_or("the sink has no output")?);
        let mut line = String::new();
        lines.read_line(&mut line)?;
        let port = line.trim().parse().context("the sink's port")?;
        Ok(Self {
            child,
            words,
            lines,
            address: (Ipv4Addr::LOCALHOST, port).into(),
        })
    }

    /// Tells a sink that watches which process its next client is.
    pub(crate) fn watch(&mut self, process: u32) -> Result<()> {
        let words = self.words.as_mut().ok_or("the sink has no input")?;
        writeln!(words, "{process}")?;
        Ok(())
    }

    /// What it saw on the next connection that ended.
    pub(crate) fn seen(&mut self) -> Result<Seen> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let number = |name: &str| {
            let value = words.windows(2).find_map(|pair| (pair[0] == name).then_some(pair[1]));
            value
                .and_then(|value| value.parse().ok())
                .ok_or(format!("the sink said {line:?}"))
        };
        Ok(Seen {
            mails: number("mails")?,
            octets: number("octets")?,
            turns: number("turns")?,
            peak: number("peak")?,
        })
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // It ends when its input does; this is for a sink that hangs, and nothing can be done if it fails.
        drop(self.words.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
