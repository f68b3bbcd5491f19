//! What a configuration says, whatever the format it was written in.

use super::{Aliases, Fault, Secret};
use crate::mail::{Credentials, Failure, Mechanism, Server};
use crate::net::{Endpoint, Roots};
use gatepost_core::smtp::{Notify, Protocol, Return, Security};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How mails are submitted, and what is added to them.
#[derive(Clone, Debug)]
pub struct Account {
    /// What it is called, empty if the format knows only one.
    pub name: String,
    /// The servers, of which the next is tried if one is out of reach or refuses for now.
    pub relays: Vec<Relay>,
    /// The reverse-path of mails that say none; a pattern with `*` and `?` only says for whom the account is.
    pub from: Option<String>,
    /// Whether who hands over a mail may give another one.
    pub from_override: bool,
    /// The name that is shown for it.
    pub full_name: Option<String>,
    /// What an address without a domain is completed by.
    pub domain: Option<String>,
    /// Who is meant by names without a domain.
    pub aliases: Aliases,
    /// Whether From is written.
    pub set_from: SetFrom,
    /// Whether a missing Date is added.
    pub set_date: bool,
    /// Whether a missing Message-ID is added.
    pub set_message_id: bool,
    /// Whether the header keeps silent about who receives the mail.
    pub undisclosed: bool,
    /// About what the originator is told, if the mail does not say.
    pub notify: Option<Notify>,
    /// How much of the mail comes with that.
    pub ret: Option<Return>,
    /// Where mails wait until they are delivered; without it, [`SPOOL`] if that is there.
    pub spool: Option<PathBuf>,
    /// Settings that have no effect here, each with its line.
    pub warnings: Vec<Fault>,
}

/// Whether the From field is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetFrom {
    /// Where there is none.
    Missing,
    /// Always, instead of the one that is there.
    Always,
    /// Never.
    Never,
}

/// A server, and who we are to it.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Everything but the credentials.
    pub server: Server,
    /// Who we are.
    pub login: Option<Login>,
}

/// Who we are to a server.
#[derive(Clone, Debug)]
pub struct Login {
    /// The name the server knows.
    pub user: String,
    /// The password; EXTERNAL needs none.
    pub secret: Option<Secret>,
    /// The only mechanism that may be used.
    pub mechanism: Option<Mechanism>,
}

impl Account {
    /// An account that says nothing beyond its relays.
    pub fn new(name: &str, relays: Vec<Relay>) -> Self {
        Self {
            name: name.to_owned(),
            relays,
            from: None,
            from_override: true,
            full_name: None,
            domain: None,
            aliases: Aliases::default(),
            set_from: SetFrom::Missing,
            set_date: true,
            set_message_id: true,
            undisclosed: false,
            notify: None,
            ret: None,
            spool: None,
            warnings: Vec::new(),
        }
    }

    /// Where mails wait, if they do.
    pub fn spool(&self) -> Option<&Path> {
        let usual = Path::new(SPOOL);
        self.spool.as_deref().or_else(|| usual.is_dir().then_some(usual))
    }

    /// Tries its servers in their order, until one takes the mail or refuses it for good.
    pub fn try_each(&self, attempt: &mut dyn FnMut(&Server) -> Result<(), Failure>) -> Result<(), Failure> {
        let mut outcome = Err(Failure::Config("no server".to_owned()));
        for relay in &self.relays {
            outcome = relay.server().and_then(|server| attempt(&server));
            match &outcome {
                Ok(()) => break,
                Err(failure) if failure.is_final() || failure.is_partial() => break,
                Err(_) => {}
            }
        }
        outcome
    }

    /// Whether it is the one for mails from this address.
    pub fn is_for(&self, address: &str) -> bool {
        let pattern = self.from.as_deref().unwrap_or_default();
        matches(pattern.as_bytes(), address.as_bytes())
    }

    /// The reverse-path it says, which a pattern is not.
    pub fn reverse_path(&self) -> Option<&str> {
        self.from.as_deref().filter(|from| !from.contains(['*', '?']))
    }
}

impl Relay {
    /// A server at this place, with what is usual where nothing is said.
    pub fn new(endpoint: Endpoint, security: Security) -> Self {
        let server = Server {
            endpoint,
            security,
            protocol: Protocol::Smtp,
            roots: Roots::System,
            name: None,
            identity: None,
            proxy: None,
            credentials: None,
            client: None,
            patience: None,
            deadline: DEADLINE,
        };
        Self { server, login: None }
    }

    /// The server with the password, which is read now.
    pub fn server(&self) -> Result<Server, Failure> {
        let credentials = match &self.login {
            Some(login) => Some(Credentials {
                user: login.user.clone(),
                secret: login.secret.as_ref().map_or(Ok(String::new()), Secret::read)?,
                mechanism: login.mechanism,
            }),
            None => None,
        };
        Ok(Server {
            credentials,
            ..self.server.clone()
        })
    }
}

/// Whether `text` is what `pattern` says, in any case: `*` stands for any octets, `?` for one.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Where to go on after the last `*`, if what follows it does not fit here.
    let mut again = None;
    let (mut at, mut from) = (0, 0);
    loop {
        match (pattern.get(at), text.get(from)) {
            (Some(b'*'), _) => {
                again = Some((at + 1, from));
                at += 1;
            }
            (Some(wanted), Some(octet)) if *wanted == b'?' || wanted.eq_ignore_ascii_case(octet) => {
                at += 1;
                from += 1;
            }
            (None, None) => return true,
            _ => match again {
                Some((behind, skipped)) if skipped < text.len() => {
                    again = Some((behind, skipped + 1));
                    (at, from) = (behind, skipped + 1);
                }
                _ => return false,
            },
        }
    }
}

/// The machine's own spool: whoever makes this directory has mails wait in it.
pub const SPOOL: &str = "/var/spool/gatepost";
/// No server may hold a client longer, one that speaks an octet now and then neither.
const DEADLINE: Duration = Duration::from_secs(2 * 60 * 60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, expected) in [
            ("a@b.test", "A@B.test", true),
            ("a@b.test", "a@b.tes", false),
            ("*@b.test", "anyone@b.test", true),
            ("*@b.test", "anyone@b.test.evil", false),
            ("a+*@*.test", "a+1@b.c.test", true),
            ("a?@b", "ab@b", true),
            ("a?@b", "a@b", false),
            ("", "a", false),
            ("*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), text.as_bytes()),
                expected,
                "{pattern} {text}"
            );
        }
    }
}
