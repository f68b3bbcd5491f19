//! The servers of the laboratory: its own, made of well-kept libraries, and the ones that the world runs.

pub mod aiosmtpd;
pub mod content;
pub mod deposit;
pub mod dhcp;
pub mod dns;
pub mod dovecot;
pub mod dovecot_mail;
pub mod exim;
pub mod film;
pub mod http;
pub mod mail;
pub mod nginx;
pub mod postfix;
mod sasl;
pub mod scripted;
pub mod smtp_server;
pub mod smtp_sink;

use crate::Result;
use crate::process::until;
use mail::Received;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What a port of a mail server is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Anybody may send, in the clear or with STARTTLS, with AUTH or without.
    Relay,
    /// STARTTLS and AUTH are required (RFC 6409).
    Submission,
    /// TLS from the first octet on (RFC 8314), and AUTH is required.
    Submissions,
}

impl Port {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Relay, Self::Submission, Self::Submissions];
}

/// A mail server on the loopback interface that tells what it was given.
pub trait Server {
    /// Where it listens for SMTP; `None` if it has no such port.
    fn address(&self, port: Port) -> Option<SocketAddrV4>;

    /// The mechanisms it offers under TLS, as its EHLO reply lists them.
    fn mechanisms(&self) -> &str;

    /// Whether it tells of a mail who authenticated, and by which TLS it came.
    fn traces(&self) -> bool {
        true
    }

    /// The mails taken so far, oldest first.
    fn received(&self) -> Result<Vec<Received>>;

    /// What it logged so far, for a person who wants to know why a test failed.
    fn log(&self) -> String;

    /// Waits until `count` mails have come.
    fn wait(&self, count: usize, limit: Duration) -> Result<Vec<Received>> {
        until(&format!("mail {count}"), limit, || {
            self.received().is_ok_and(|mails| mails.len() >= count)
        })
        .map_err(|error| format!("{error}; the server's log:\n{}", self.log()))?;
        self.received()
    }
}

/// Addresses on the loopback interface that were free a moment ago, for a server that opens its ports itself.
pub fn free<const COUNT: usize>() -> Result<[SocketAddrV4; COUNT]> {
    let mut addresses = [SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0); COUNT];
    // All are held until all are known, so that none comes twice.
    let mut held = Vec::new();
    for address in &mut addresses {
        let listener = TcpListener::bind(*address)?;
        if let SocketAddr::V4(found) = listener.local_addr()? {
            *address = found;
        }
        held.push(listener);
    }
    Ok(addresses)
}

/// A command whose whole tree of processes ends with it: they have process ids of their own, and when their init is
/// killed, the kernel kills them all. That init is a shell, because the kernel forgets what a daemon that changes its
/// user was to be sent at its parent's death. Needs root.
pub fn contained(program: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args([
        "--pid",
        "--fork",
        "--kill-child",
        "--",
        "sh",
        "-c",
        "\"$@\" & wait",
        "sh",
        program,
    ]);
    command
}

/// A thread that accepts connections until its guard goes.
pub struct Acceptor {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Acceptor {
    /// Serves each connection of `listener` on a thread of its own.
    pub fn start(listener: TcpListener, serve: impl Fn(TcpStream) + Clone + Send + 'static) -> std::io::Result<Self> {
        // A blocking accept could not be ended from another network namespace.
        listener.set_nonblocking(true)?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => {
                        let serve = serve.clone();
                        thread::spawn(move || {
                            // Sockets inherit nothing here, but a blocking one is what every server relies on.
                            if stream.set_nonblocking(false).is_ok() {
                                serve(stream);
                            }
                        });
                    }
                    Err(_) => thread::sleep(Duration::from_millis(5)),
                }
            }
        });
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It panics only if the system runs out of threads.
            let _ = thread.join();
        }
    }
}
