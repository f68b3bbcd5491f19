//! The servers of the laboratory: its own, made of well-kept libraries, and the ones that the world runs.

pub mod content;
pub mod dhcp;
pub mod film;
pub mod http;
pub mod mail;
pub mod nginx;
pub mod postfix;

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

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
