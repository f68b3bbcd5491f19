//! The submission server: where it is, how TLS begins, who we are to it.

use super::{Credentials, Failure, Stage};
use crate::net::{self, Endpoint, Identity, Proxy, Roots, Trust};
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
    /// The certificate we show if it asks for one.
    pub identity: Option<Identity>,
    /// What it is reached through.
    pub proxy: Option<Proxy>,
    /// What it speaks: LMTP is for the final delivery to mailboxes.
    pub protocol: Protocol,
    /// Who we are to it, if it wants to know.
    pub credentials: Option<Credentials>,
    /// The argument of EHLO; the local address as an address literal if absent.
    pub client: Option<String>,
    /// How long an answer is waited for at most, if that is less than RFC 5321 gives it.
    pub patience: Option<Duration>,
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
        self.trust().map(|_| ())
    }

    /// Whose certificates are believed, and which one we show.
    pub(super) fn trust(&self) -> Result<Trust, Failure> {
        let trust = self.roots.load().and_then(|trust| match &self.identity {
            Some(identity) => trust.identify(identity),
            None => Ok(trust),
        });
        trust.map_err(|error| self.failed(Stage::Handshake, error))
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
            .field("identity", &self.identity)
            .field("proxy", &self.proxy)
            .field("protocol", &self.protocol)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
