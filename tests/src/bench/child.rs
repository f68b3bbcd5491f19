//! Clients as child processes, and what they cost.

use harness::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};
use wait4::Wait4;

/// What a process took from its start to its end.
#[derive(Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// User and system, of all its threads.
    pub(crate) cpu: Duration,
}

/// Runs `command` to its end; `started` is told its process id. Failing or running past `limit` is an error.
pub(crate) fn run(mut command: Command, limit: Duration, started: impl FnOnce(u32) -> Result<()>) -> Result<Cost> {
    let what = command.get_program().to_string_lossy().into_owned();
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let start = Instant::now();
    let mut child = command.spawn().context(&what)?;
    let said = child.stderr.take().map(|mut stream| {
        thread::spawn(move || {
            let mut octets = Vec::new();
            // What could be read is all there is to show.
            let _ = stream.read_to_end(&mut octets);
            String::from_utf8_lossy(&octets).into_owned()
        })
    });
    let (done, ended) = channel::<()>();
    let pid = Pid::from_child(&child);
    let guard = thread::spawn(move || {
        let late = ended.recv_timeout(limit).is_err();
        if late {
            // It may have ended at this very moment.
            let _ = kill_process(pid, Signal::KILL);
        }
        late
    });
    let begun = started(child.id());
    let used = child.wait4().context(&what)?;
    let wall = start.elapsed();
    let _ = done.send(());
    let late = guard.join().unwrap_or(false);
    let said = said.and_then(|thread| thread.join().ok()).unwrap_or_default();
    begun?;
    if late {
        return Err(format!("{what}: still running after {limit:?}").into());
    }
    if !used.status.success() {
        let last = said.lines().last().unwrap_or("it said nothing");
        return Err(format!("{what}: {}: {last}", used.status).into());
    }
    Ok(Cost {
        wall,
        cpu: used.rusage.utime + used.rusage.stime,
    })
}
