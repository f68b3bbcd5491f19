//! The laboratory: namespaces, processes, servers, certificates and QEMU for the tests and the demo.
//!
//! Everything it starts ends with a guard, at the latest with the process that holds it: a namespace lives as long as
//! its [`namespace::Namespace`], a process as long as its [`process::Process`], a server as long as the value returned.

#![warn(missing_docs)]

pub mod certificates;
pub mod console;

pub mod demo;
pub mod device;
pub mod ethernet;
pub mod hostile;
pub mod memory;
pub mod namespace;
pub mod needs;
pub mod network;
pub mod packages;
pub mod process;
pub mod qemu;
pub mod repository;
pub mod servers;
pub mod tls_server;

/// What the laboratory's own steps return: an error is a line for a person.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Says what was being done when an error came.
pub trait Context<T> {
    /// Puts `what` and a colon before the error.
    fn context(self, what: impl std::fmt::Display) -> Result<T>;
}

impl<T, E: std::fmt::Display> Context<T> for std::result::Result<T, E> {
    fn context(self, what: impl std::fmt::Display) -> Result<T> {
        self.map_err(|error| format!("{what}: {error}").into())
    }
}
