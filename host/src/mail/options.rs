//! The flags that say which server, from whom and to whom; shared by the applets that mail.

use super::config::{self, Account, Environment, Login, Relay, Secret};
use super::{Attachment, Failure, Letter, Mechanism, Server};
use crate::net::{Endpoint, Identity, Proxy, Roots};
use gatepost_core::smtp::{Protocol, Security};
use lexopt::{Parser, ValueExt};
use std::path::PathBuf;
use std::time::Duration;

/// What the flags said so far.
#[derive(Default)]
pub struct Options {
    config: Option<PathBuf>,
    account: Option<String>,
    server: Option<String>,
    security: Option<Security>,
    lmtp: bool,
    roots: Option<Roots>,
    name: Option<String>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
    proxy: Option<Proxy>,
    user: Option<String>,
    secret: Option<Secret>,
    mechanism: Option<Mechanism>,
    client: Option<String>,
    patience: Option<u32>,
    deadline: Option<u32>,
    from: Option<String>,
    to: Vec<String>,
}

impl Options {
    /// One line per flag, for the usage text of every applet that takes them.
    pub const HELP: &str = "\
  --config FILE            mail.toml, msmtprc, nullmailer, dma.conf or ssmtp.conf; else the usual places
  --account NAME           the account in it
  --server HOST[:PORT]     the submission server; port 587, 465 with tls, 25 with plain
  --security HOW           starttls (required, the default), starttls-if-offered, tls (from the start),
                           plain or plain-with-password
  --ca FILE                trust only the certificates of this PEM file, not the system's
  --fingerprint SHA256     trust only this certificate, whatever its name
  --server-name NAME       the name the server's certificate must be for, if not HOST (also --name)
  --certificate FILE       show this certificate (PEM) to a server that asks for one
  --key FILE               its key
  --proxy URL              go through socks5://[USER:PASSWORD@]HOST[:PORT] or http://...
  --lmtp                   speak LMTP
  --user USER              authenticate as USER
  --password-file FILE     with the password in the first line of FILE
  --password-env VARIABLE  or in this environment variable
  --password-command WORDS or in the first line that `sh -c WORDS` prints
  --auth MECHANISM         only by this one, such as scram-sha-256, xoauth2 or external
  --client NAME            say NAME in EHLO; otherwise the local address
  --timeout SECONDS        wait for no answer longer than this
  --deadline SECONDS       give up when all together takes longer; 7200
  --from ADDRESS           the originator (also --mail-from)
  --to ADDRESS             a recipient; may be repeated (also --mail-to)
";

    /// Takes `--flag` and its value if it is one of these; false if it is another applet's own.
    pub fn take(&mut self, flag: &str, parser: &mut Parser) -> Result<bool, lexopt::Error> {
        match flag {
            "config" => self.config = Some(parser.value()?.into()),
            "account" => self.account = Some(parser.value()?.string()?),
            "server" => self.server = Some(parser.value()?.string()?),
            "security" => self.security = Some(parser.value()?.parse_with(|word| security(word).ok_or(SECURITY))?),
            "lmtp" => self.lmtp = true,
            "ca" => self.roots = Some(Roots::File(parser.value()?.into())),
            "fingerprint" => self.roots = Some(parser.value()?.parse_with(config::fingerprint)?),
            "server-name" | "name" => self.name = Some(parser.value()?.string()?),
            "certificate" => self.certificate = Some(parser.value()?.into()),
            "key" => self.key = Some(parser.value()?.into()),
            "proxy" => self.proxy = Some(parser.value()?.parse_with(Proxy::parse)?),
            "user" => self.user = Some(parser.value()?.string()?),
            "password-file" => self.secret = Some(Secret::File(parser.value()?.into())),
            "password-env" => self.secret = Some(Secret::Environment(parser.value()?)),
            "password-command" => self.secret = Some(Secret::Command(parser.value()?.string()?)),
            "auth" => self.mechanism = Some(parser.value()?.parse_with(|name| Mechanism::parse(name).ok_or(AUTH))?),
            "client" => self.client = Some(parser.value()?.string()?),
            "timeout" => self.patience = Some(parser.value()?.parse()?),
            "deadline" => self.deadline = Some(parser.value()?.parse()?),
            "from" | "mail-from" => self.from = Some(parser.value()?.string()?),
            "to" | "mail-to" => self.to.push(parser.value()?.string()?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether any of these flags was given.
    pub fn any(&self) -> bool {
        self.server.is_some()
            || self.config.is_some()
            || self.account.is_some()
            || self.from.is_some()
            || !self.to.is_empty()
            || self.user.is_some()
    }

    /// The account that `--config` and `--account` name, or without `--server` the usual one; each flag stands before it.
    pub fn account(&self, warn: &mut dyn FnMut(&str)) -> Result<Account, Failure> {
        let configured = self.config.is_some() || self.account.is_some() || self.server.is_none();
        let mut account = if configured {
            let environment = Environment::system();
            let missing = "missing --server, and there is no configuration in any of the usual places";
            let place = self.config.clone().or_else(|| config::find(&environment));
            let place = place.ok_or_else(|| Failure::Config(missing.to_owned()))?;
            config::load(
                &place,
                self.account.as_deref(),
                self.from.as_deref(),
                &environment,
                warn,
            )?
        } else {
            Account::new("", Vec::new())
        };
        if let Some(text) = &self.server {
            let security = self.security.unwrap_or(Security::StartTls);
            let endpoint = Endpoint::parse(text, port(security))
                .ok_or_else(|| Failure::Usage(format!("--server {text:?}: neither a host nor a host and a port")))?;
            // Another server: nothing of what was said about the configured one holds for it.
            account.relays = vec![Relay::new(endpoint, security)];
        }
        for relay in &mut account.relays {
            self.apply(relay)?;
        }
        Ok(account)
    }

    fn apply(&self, relay: &mut Relay) -> Result<(), Failure> {
        let server = &mut relay.server;
        server.security = self.security.unwrap_or(server.security);
        if self.lmtp {
            server.protocol = Protocol::Lmtp;
        }
        if let Some(roots) = &self.roots {
            server.roots = roots.clone();
        }
        server.name = self.name.clone().or(server.name.take());
        server.proxy = self.proxy.clone().or(server.proxy.take());
        server.client = self.client.clone().or(server.client.take());
        server.identity = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some(Identity {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
            (None, None) => server.identity.take(),
            _ => return Err(missing("one of --certificate and --key beside the other")),
        };
        let seconds = |seconds: u32| Duration::from_secs(seconds.into());
        server.patience = self.patience.map(seconds).or(server.patience);
        server.deadline = self.deadline.map_or(server.deadline, seconds);
        let external = self.mechanism == Some(Mechanism::External);
        relay.login = match (&self.user, &self.secret, relay.login.take()) {
            (None, None, None) if external => Some(Login {
                user: String::new(),
                secret: None,
                mechanism: self.mechanism,
            }),
            (None, None, login) => login.map(|login| Login {
                mechanism: self.mechanism.or(login.mechanism),
                ..login
            }),
            (Some(user), secret, _) if secret.is_some() || external => Some(Login {
                user: user.clone(),
                secret: secret.clone(),
                mechanism: self.mechanism,
            }),
            (Some(_), ..) => {
                return Err(missing(
                    "--password-file, --password-env or --password-command beside --user",
                ));
            }
            (None, Some(secret), Some(login)) => Some(Login {
                secret: Some(secret.clone()),
                mechanism: self.mechanism.or(login.mechanism),
                ..login
            }),
            (None, Some(_), None) => return Err(missing("--user beside the password")),
        };
        Ok(())
    }

    /// The server, its password read from where it is.
    pub fn server(&self, warn: &mut dyn FnMut(&str)) -> Result<Server, Failure> {
        let account = self.account(warn)?;
        let relay = account.relays.first().ok_or_else(|| missing("--server"))?;
        relay.server()
    }

    /// A letter with this subject and text from and to whom the flags say; `from` is who it comes from otherwise.
    pub fn letter(
        &self,
        from: Option<String>,
        subject: String,
        text: String,
        attachment: Option<Attachment>,
    ) -> Result<Letter, Failure> {
        let from = self.from.clone().or(from).ok_or_else(|| missing("--from"))?;
        if self.to.is_empty() {
            return Err(missing("--to"));
        }
        Letter::new(from, self.to.clone(), subject, text, attachment)
    }
}

fn missing(what: &str) -> Failure {
    Failure::Usage(format!("missing {what}"))
}

/// The port where none is said.
pub(super) fn port(security: Security) -> u16 {
    match security {
        Security::Implicit => 465,
        Security::StartTls => 587,
        _ => 25,
    }
}

/// Reads the word for where TLS begins.
pub(super) fn security(word: &str) -> Option<Security> {
    Some(match word {
        "starttls" => Security::StartTls,
        "starttls-if-offered" => Security::StartTlsIfOffered,
        "tls" => Security::Implicit,
        "plain" => Security::Plain,
        "plain-with-password" => Security::PlainWithPassword,
        _ => return None,
    })
}

pub(super) const SECURITY: &str = "it is starttls, starttls-if-offered, tls, plain or plain-with-password";
pub(super) const AUTH: &str = "it is plain, login, cram-md5, scram-sha-256, xoauth2, oauthbearer or external";
