//! Runs a client, with its memory and its processor time.

use crate::{Context, Result};
use rustix::process::{Pid, Resource, Rlimit, WaitId, WaitIdOptions, prlimit, waitid};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How a client ran.
#[derive(Clone, Debug)]
pub struct Run {
    /// Its exit code; `None` if a signal ended it.
    pub code: Option<i32>,
    /// It had to be killed.
    pub stuck: bool,
    /// What it wrote.
    pub stdout: String,
    /// The same to standard error.
    pub stderr: String,
    /// Its peak resident set as it was last seen, octets.
    pub memory: u64,
    /// Its processor time, user and system; in hundredths of a second.
    pub processor: Duration,
}

/// Runs `command` with `input` until it ends, or kills it after `limit`. More than `memory` it does not get.
pub(super) fn run(mut command: Command, input: &[u8], limit: Duration, memory: u64) -> Result<Run> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().context(format_args!("{command:?}"))?;
    // Its peak can be read only while it runs, and it may end too fast; the kernel misses nothing.
    let ceiling = Rlimit {
        current: Some(memory),
        maximum: Some(memory),
    };
    prlimit(Some(Pid::from_child(&child)), Resource::Data, ceiling)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        if let Some(mut stdin) = stdin {
            // A client that ends before it has read everything is for the story to judge.
            scope.spawn(move || stdin.write_all(input));
        }
        let stdout = scope.spawn(move || text(stdout));
        let stderr = scope.spawn(move || text(stderr));
        let (stuck, memory) = watch(&mut child, limit)?;
        // The process has ended and was not waited for, so its entry in /proc still counts its time.
        let processor = processor(child.id())?;
        let code = child.wait()?.code();
        Ok(Run {
            code,
            stuck,
            stdout: stdout.join().unwrap_or_default(),
            stderr: stderr.join().unwrap_or_default(),
            memory,
            processor,
        })
    })
}

/// Waits for the end without reaping it; whether it had to be killed, and the highest peak that was seen.
fn watch(child: &mut Child, limit: Duration) -> Result<(bool, u64)> {
    let pid = Pid::from_child(child);
    let end = Instant::now() + limit;
    let (mut stuck, mut memory) = (false, 0);
    loop {
        memory = memory.max(peak(child.id()));
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        if waitid(WaitId::Pid(pid), options)?.is_some() {
            return Ok((stuck, memory));
        }
        if !stuck && Instant::now() > end {
            stuck = true;
            child.kill()?;
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// `VmHWM` of a process that runs; 0 of one that has ended, or is not yet the program it will be.
fn peak(id: u32) -> u64 {
    // A process just begun still has our memory for a moment.
    let program = |id: &str| std::fs::read_link(format!("/proc/{id}/exe")).ok();
    if program(&id.to_string()) == program("self") {
        return 0;
    }
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB"));
    number.and_then(|number| number.parse::<u64>().ok()).unwrap_or(0) << 10
}

/// User and system time of a process (proc(5): fields 14 and 15 of `stat`).
fn processor(id: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The second field is the name in parentheses, and may hold anything.
    let rest = stat.rsplit_once(") ").ok_or("no stat")?.1;
    let ticks: u64 = rest.split(' ').skip(11).take(2).flat_map(str::parse::<u64>).sum();
    Ok(Duration::from_millis(
        ticks * 1000 / rustix::param::clock_ticks_per_second(),
    ))
}

fn text(stream: Option<impl Read>) -> String {
    let mut octets = Vec::new();
    if let Some(mut stream) = stream {
        // What was read until an error is what there is.
        let _ = stream.read_to_end(&mut octets);
    }
    String::from_utf8_lossy(&octets).into_owned()
}
