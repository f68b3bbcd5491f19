//! Network namespaces that end with their guard.
//!
//! A namespace is held by a thread that lives in it, not by a name below `/run/netns`: nothing is left behind, even if
//! the laboratory is killed.

use crate::process::Process;
use crate::{Context, Result};
use rustix::thread::{UnshareFlags, gettid, unshare_unsafe};
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::mpsc::{Sender, channel};
use std::thread;

type Job = Box<dyn FnOnce() + Send>;

/// A network namespace of its own, with a thread in it. Needs the right to create one.
pub struct Namespace {
    name: String,
    jobs: Sender<Job>,
    /// Keeps the namespace reachable by [`Namespace::path`].
    file: fs::File,
}

impl Namespace {
    /// Creates a namespace that holds nothing but a loopback interface which is down. `name` is for messages.
    pub fn new(name: &str) -> Result<Self> {
        Self::on_thread(name, true)
    }

    /// The namespace that this process is in already, for a server that needs none of its own. Needs no right.
    pub fn here() -> Result<Self> {
        Self::on_thread("here", false)
    }

    fn on_thread(name: &str, fresh: bool) -> Result<Self> {
        let (jobs, queue) = channel::<Job>();
        let (ready, opened) = channel();
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _ = ready.send(if fresh { enter() } else { current() });
            for job in queue {
                job();
            }
        })?;
        let file = opened.recv()?.context(format_args!("network namespace {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            jobs,
            file,
        })
    }

    /// What it is called in messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A file that stands for the namespace, for `ip link set ... netns <path>`; valid while this process holds it.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()))
    }

    /// Runs `job` on the namespace's thread. What it opens or spawns stays in the namespace.
    ///
    /// # Panics
    /// If the job panicked.
    pub fn run<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (send, receive) = channel();
        let job = Box::new(move || {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
            let _ = send.send(outcome);
        });
        self.jobs
            .send(job)
            .expect("the namespace's thread lives as long as its guard");
        match receive.recv().expect("the namespace's thread answers every job") {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Runs a command in the namespace to its end.
    pub fn output(&self, mut command: Command) -> Result<Output> {
        let what = format!("{command:?} in {}", self.name);
        self.run(move || command.output()).context(what)
    }

    /// Runs a command in the namespace; an error holds what it wrote if it did not succeed.
    pub fn check(&self, command: Command) -> Result<String> {
        let what = format!("{command:?} in {}", self.name);
        let output = self.output(command)?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let said = [output.stderr, output.stdout].concat();
        Err(format!("{what}: {}: {}", output.status, String::from_utf8_lossy(&said).trim()).into())
    }

    /// Starts a process in the namespace; it ends with its guard.
    pub fn spawn(&self, name: &str, command: Command) -> Result<Process> {
        let name = name.to_owned();
        self.run(move || Process::spawn(&name, command))
    }

    /// A listening socket in the namespace; who accepts may be anywhere.
    pub fn listen(&self, address: SocketAddr) -> Result<TcpListener> {
        self.run(move || TcpListener::bind(address))
            .context(format_args!("{address} in {}", self.name))
    }

    /// Sets `net.<key>` of this namespace.
    pub fn sysctl(&self, key: &str, value: &str) -> Result<()> {
        let path = format!("/proc/sys/net/{}", key.replace('.', "/"));
        let (target, value) = (path.clone(), value.to_owned());
        self.run(move || fs::write(target, value)).context(path)
    }
}

/// Moves the calling thread into a new network namespace and opens it.
fn enter() -> std::io::Result<fs::File> {
    // SAFETY: only the network namespace is unshared. File descriptors, memory and everything else that threads of one
    // process rely on stay shared.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET)? };
    current()
}

/// Opens the network namespace of the calling thread.
fn current() -> std::io::Result<fs::File> {
    fs::File::open(format!("/proc/self/task/{}/ns/net", gettid().as_raw_nonzero()))
}
