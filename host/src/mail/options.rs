//! The flags that say which server, from whom and to whom; shared by the applets that mail.

use super::{Attachment, Credentials, Failure, Letter, Server};
use crate::net::{Endpoint, Roots};
use gatepost_core::smtp::{Protocol, Security};
use lexopt::{Parser, ValueExt};
use std::env::VarError;
use std::ffi::OsString;
use std::fmt::Display;
use std::path::PathBuf;
use std::time::Duration;

/// What the flags said so far.
#[derive(Default)]
pub struct Options {
    server: Option<String>,
    security: Option<Security>,
    ca: Option<PathBuf>,
    name: Option<String>,
    user: Option<String>,
    password: Option<Secret>,
    client: Option<String>,
    deadline: Option<u32>,
    from: Option<String>,
    to: Vec<String>,
}

/// Where the password is. Never the command line: everyone on the machine can read that.
enum Secret {
    File(PathBuf),
    Environment(OsString),
}

impl Options {
    /// One line per flag, for the usage text of every applet that takes them.
    pub const HELP: &str = "\
  --server HOST[:PORT]     the submission server; port 587, 465 with tls, 25 with plain
  --security HOW           starttls (required, the default), tls (from the start) or plain
  --ca FILE                trust only the certificates of this PEM file, not the system's
  --server-name NAME       the name the server's certificate must be for, if not HOST (also --name)
  --user USER              authenticate as USER
  --password-file FILE     with the password in the first line of FILE
  --password-env VARIABLE  or in this environment variable
  --client NAME            say NAME in EHLO; otherwise the local address
  --deadline SECONDS       give up when all together takes longer; 7200
  --from ADDRESS           the originator (also --mail-from)
  --to ADDRESS             a recipient; may be repeated (also --mail-to)
";

    /// Takes `--flag` and its value if it is one of these; false if it is another applet's own.
    pub fn take(&mut self, flag: &str, parser: &mut Parser) -> Result<bool, lexopt::Error> {
        match flag {
            "server" => self.server = Some(parser.value()?.string()?),
            "security" => self.security = Some(parser.value()?.parse_with(security)?),
            "ca" => self.ca = Some(parser.value()?.into()),
            "server-name" | "name" => self.name = Some(parser.value()?.string()?),
            "user" => self.user = Some(parser.value()?.string()?),
            "password-file" => self.password = Some(Secret::File(parser.value()?.into())),
            "password-env" => self.password = Some(Secret::Environment(parser.value()?)),
            "client" => self.client = Some(parser.value()?.string()?),
            "deadline" => self.deadline = Some(parser.value()?.parse()?),
            "from" | "mail-from" => self.from = Some(parser.value()?.string()?),
            "to" | "mail-to" => self.to.push(parser.value()?.string()?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether any of these flags was given.
    pub fn any(&self) -> bool {
        self.server.is_some() || self.from.is_some() || !self.to.is_empty() || self.user.is_some()
    }

    /// The server, its password read from where it is.
    pub fn server(&self) -> Result<Server, Failure> {
        let text = self.server.as_deref().ok_or_else(|| missing("--server"))?;
        let security = self.security.unwrap_or(Security::StartTls);
        let port = match security {
            Security::Implicit => 465,
            Security::StartTls => 587,
            _ => 25,
        };
        let endpoint = Endpoint::parse(text, port)
            .ok_or_else(|| Failure::Usage(format!("--server {text:?}: neither a host nor a host and a port")))?;
        let credentials = match (&self.user, &self.password) {
            (Some(user), Some(password)) => Some(Credentials {
                user: user.clone(),
                secret: password.read()?,
                mechanism: None,
            }),
            (None, None) => None,
            (Some(_), None) => return Err(missing("--password-file or --password-env beside --user")),
            (None, Some(_)) => return Err(missing("--user beside the password")),
        };
        Ok(Server {
            endpoint,
            security,
            protocol: Protocol::Smtp,
            roots: self.ca.clone().map_or(Roots::System, Roots::File),
            name: self.name.clone(),
            credentials,
            client: self.client.clone(),
            deadline: self
                .deadline
                .map_or(DEADLINE, |seconds| Duration::from_secs(seconds.into())),
        })
    }

    /// A letter with this subject and text from and to whom the flags say.
    pub fn letter(&self, subject: String, text: String, attachment: Option<Attachment>) -> Result<Letter, Failure> {
        let from = self.from.clone().ok_or_else(|| missing("--from"))?;
        if self.to.is_empty() {
            return Err(missing("--to"));
        }
        Letter::new(from, self.to.clone(), subject, text, attachment)
    }
}

impl Secret {
    /// The password; a failure names the place, never the content.
    fn read(&self) -> Result<String, Failure> {
        match self {
            Self::File(path) => {
                let refuse = |cause: &dyn Display| Failure::Input(format!("password file {}: {cause}", path.display()));
                let text = std::fs::read_to_string(path).map_err(|error| refuse(&error))?;
                let password = text.lines().next().filter(|line| !line.is_empty());
                password
                    .map(str::to_owned)
                    .ok_or_else(|| refuse(&"its first line is empty"))
            }
            Self::Environment(variable) => {
                let refuse =
                    |cause: &dyn Display| Failure::Input(format!("password in {}: {cause}", variable.display()));
                std::env::var(variable).map_err(|error| match error {
                    VarError::NotPresent => refuse(&"no such environment variable"),
                    VarError::NotUnicode(_) => refuse(&"it is not UTF-8"),
                })
            }
        }
    }
}

fn missing(what: &str) -> Failure {
    Failure::Usage(format!("missing {what}"))
}

fn security(word: &str) -> Result<Security, &'static str> {
    match word {
        "starttls" => Ok(Security::StartTls),
        "tls" => Ok(Security::Implicit),
        "plain" => Ok(Security::Plain),
        _ => Err("--security is starttls, tls or plain"),
    }
}

/// No server may hold a client longer, one that speaks an octet now and then neither.
const DEADLINE: Duration = Duration::from_secs(2 * 60 * 60);
