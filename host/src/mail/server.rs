//! The submission server: where it is, how TLS begins, who we are to it.

use super::{Credentials, Failure, Stage};
use crate::net::{self, Endpoint, Roots};
use gatepost_core::smtp::{Phase, Protocol, Security};
use std::fmt;
use std::time::Duration;

/// Where mails are submitted, and how.
#[derive(Clone)]
pub struct Server {
    /// Host and port.
    pub endpoint: Endpoint,
    /// Where TLS begins.
    pub security: Security,
    /// Whose certificates are believed.
    pub roots: Roots,
    /// The name its certificate must be for; the endpoint's host if absent.
    pub name: Option<String>,
    /// What it speaks: LMTP is for the final delivery to mailboxes.
    pub protocol: Protocol,
    /// Who we are to it, if it wants to know.
    pub credentials: Option<Credentials>,
    /// The argument of EHLO; the local address as an address literal if absent.
    pub client: Option<String>,
    /// How long all may take, from the connection to the end.
    pub deadline: Duration,
}

impl Server {
    /// The name that TLS verifies.
    pub fn tls_name(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.endpoint.host)
    }

    /// Loads the trusted roots, to tell early whether they can be.
    pub fn check(&self) -> Result<(), Failure> {
        if self.security == Security::Plain {
            return Ok(());
        }
        let loaded = self.roots.load().map(|_| ());
        loaded.map_err(|error| self.failed(Stage::Handshake, error))
    }

    pub(super) fn failed(&self, stage: Stage, error: net::Error) -> Failure {
        Failure::Transport {
            server: self.endpoint.to_string(),
            stage,
            error,
        }
    }

    pub(super) fn lost(&self, phase: Phase, error: net::Error) -> Failure {
        self.failed(Stage::Session(phase), error)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("endpoint", &self.endpoint)
            .field("security", &self.security)
            .field("roots", &self.roots)
            .field("name", &self.name)
            .field("protocol", &self.protocol)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
