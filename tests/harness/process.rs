//! Processes that end with their guard, with what they write kept line by line.

use crate::{Context, Result};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A running process. Dropping it kills it; so does the end of the thread that started it.
pub struct Process {
    name: String,
    child: Child,
    log: Arc<Log>,
    /// How many lines [`Process::next_line`] has handed out.
    read: usize,
}

#[derive(Default)]
struct Log {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<String>,
    /// Of standard output and standard error, how many have ended.
    ended: usize,
}

impl Process {
    /// Starts `command`; standard output and error go to one log.
    pub fn spawn(name: &str, command: Command) -> Result<Self> {
        let mut command = bound_to_parent(command);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().context(format_args!("{name}: {command:?}"))?;
        let log = Arc::new(Log::default());
        // Both were asked for above.
        if let Some(stdout) = child.stdout.take() {
            keep(stdout, Arc::clone(&log));
        }
        if let Some(stderr) = child.stderr.take() {
            keep(stderr, Arc::clone(&log));
        }
        Ok(Self {
            name: name.to_owned(),
            child,
            log,
            read: 0,
        })
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Every line written so far.
    pub fn lines(&self) -> Vec<String> {
        self.log.state().lines.clone()
    }

    /// The next line not yet handed out; `None` once the process closed its output.
    pub fn next_line(&mut self, limit: Duration) -> Result<Option<String>> {
        let end = Instant::now() + limit;
        let mut state = self.log.state();
        loop {
            if let Some(line) = state.lines.get(self.read) {
                self.read += 1;
                return Ok(Some(line.clone()));
            }
            if state.ended == 2 {
                return Ok(None);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let last = state.lines.last().map_or("nothing", String::as_str);
                return Err(format!("{}: silent for {limit:?}; its last line: {last}", self.name).into());
            }
            state = self.log.wait(state, left);
        }
    }

    /// Waits for a line that `wanted` accepts; an error holds the whole log.
    pub fn wait_for(&mut self, what: &str, limit: Duration, wanted: impl Fn(&str) -> bool) -> Result<String> {
        let end = Instant::now() + limit;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            match self.next_line(left) {
                Ok(Some(line)) if wanted(&line) => return Ok(line),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => {
                    let log = self.lines().join("\n  ");
                    return Err(format!("{}: no {what} within {limit:?}; it wrote:\n  {log}", self.name).into());
                }
            }
        }
    }

    /// Waits for its end; past `limit` it is killed and that is an error.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let end = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() >= end {
                self.kill();
                return Err(format!("{}: still running after {limit:?}", self.name).into());
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it at once.
    pub fn kill(&mut self) {
        // It may have ended already; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Log {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: std::sync::MutexGuard<'a, State>, limit: Duration) -> std::sync::MutexGuard<'a, State> {
        self.changed
            .wait_timeout(state, limit)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }
}

/// Waits until `done` holds, asking every few milliseconds.
pub fn until(what: &str, limit: Duration, mut done: impl FnMut() -> bool) -> Result<()> {
    let end = Instant::now() + limit;
    while !done() {
        if Instant::now() >= end {
            return Err(format!("{what}: not within {limit:?}").into());
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// The same command under `setpriv`, so that the kernel kills it if the laboratory dies before its guard.
fn bound_to_parent(command: Command) -> Command {
    if !crate::needs::program("setpriv") {
        return command;
    }
    let mut bound = Command::new("setpriv");
    bound
        .args(["--pdeathsig", "KILL", "--"])
        .arg(command.get_program())
        .args(command.get_args());
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => bound.env(key, value),
            None => bound.env_remove(key),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        bound.current_dir(directory);
    }
    bound
}

fn keep(stream: impl Read + Send + 'static, log: Arc<Log>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(stream);
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let text = String::from_utf8_lossy(&line);
            log.state().lines.push(text.trim_end_matches(['\r', '\n']).to_owned());
            log.changed.notify_all();
            line.clear();
        }
        log.state().ended += 1;
        log.changed.notify_all();
    });
}
