//! How mails are submitted, as a file says it: our own, or that of msmtp, nullmailer, dma or ssmtp.
//!
//! ```text
//! file --Format::parse--> Parsed: accounts --choose--> Account --Relay::server (reads the password)--> Server
//! ```
//!
//! Nothing here is silently weaker than what was written: a setting that cannot be kept is refused with its line, one
//! that has no effect is a warning, and an unknown one an error.

mod account;
mod aliases;
mod dma;
mod environment;
mod msmtprc;
mod nullmailer;
mod own;
mod secret;
mod ssmtp;
mod text;

pub use account::{Account, Login, Relay, SPOOL, SetFrom};
pub use aliases::Aliases;
pub use environment::{Ask, Environment};
pub use secret::Secret;
pub(super) use text::{fingerprint, notify, ret};

use super::Failure;
use std::fmt;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// In whose words a configuration is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `mail.toml`, ours.
    Own,
    /// `msmtprc` of msmtp.
    Msmtp,
    /// The directory of nullmailer.
    Nullmailer,
    /// `dma.conf` of the DragonFly Mail Agent.
    Dma,
    /// `ssmtp.conf` of sSMTP.
    Ssmtp,
}

/// What is wrong with a configuration, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1 on; 0 if it is the whole.
    pub line: usize,
    /// What is wrong there; never with a password.
    pub what: String,
}

impl Fault {
    fn new(line: usize, what: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
        }
    }

    fn whole(what: impl Into<String>) -> Self {
        Self::new(0, what)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, " {}", self.what),
            line => write!(f, "{line}: {}", self.what),
        }
    }
}

/// What a configuration holds.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// The accounts in their order.
    pub accounts: Vec<Entry>,
    /// What the account is called that is used where none is asked for.
    pub default: String,
    /// The file in which a password stands.
    pub secret_file: Option<PathBuf>,
}

/// An account by its name, or why it cannot be used.
#[derive(Clone, Debug)]
pub struct Entry {
    /// What it is called.
    pub name: String,
    /// The account.
    pub account: Result<Account, Fault>,
}

impl Parsed {
    /// A configuration that knows one account.
    fn one(account: Account, secret_file: Option<PathBuf>) -> Self {
        Self {
            default: account.name.clone(),
            secret_file,
            accounts: vec![Entry {
                name: account.name.clone(),
                account: Ok(account),
            }],
        }
    }

    /// The account of this name; otherwise the first for mails from `from`; otherwise the default one, or the only one.
    pub fn choose(self, name: Option<&str>, from: Option<&str>) -> Result<Account, Fault> {
        let wanted = name.unwrap_or(&self.default);
        let named = |entry: &Entry| entry.name == wanted;
        let is_for = |entry: &Entry| {
            let account = entry.account.as_ref().ok();
            account.zip(from).is_some_and(|(account, from)| account.is_for(from))
        };
        let chosen = match name {
            Some(_) => self.accounts.iter().position(named),
            None => {
                let by_address = self.accounts.iter().position(is_for);
                let only = (self.accounts.len() == 1).then_some(0);
                by_address.or_else(|| self.accounts.iter().position(named)).or(only)
            }
        };
        match chosen {
            Some(index) => self
                .accounts
                .into_iter()
                .nth(index)
                .map_or_else(|| unknown(wanted), |entry| entry.account),
            None => unknown(wanted),
        }
    }
}

fn unknown(wanted: &str) -> Result<Account, Fault> {
    Err(Fault::whole(format!("no account {wanted}")))
}

impl Format {
    /// Reads the configuration at `path`, which is a directory for nullmailer; everything else comes from `environment`.
    pub fn parse(self, path: &Path, environment: &Environment) -> Result<Parsed, Fault> {
        let text = || (environment.file)(path).map_err(Fault::whole);
        match self {
            Self::Own => own::parse(&text()?, path, environment),
            Self::Msmtp => msmtprc::parse(&text()?, path, environment),
            Self::Nullmailer => nullmailer::parse(path, environment),
            Self::Dma => dma::parse(&text()?, environment),
            Self::Ssmtp => ssmtp::parse(&text()?, path, environment),
        }
    }

    /// What the name of a file says it is written in.
    fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.to_str()?;
        Some(match name {
            "nullmailer" => Self::Nullmailer,
            "dma.conf" => Self::Dma,
            "ssmtp.conf" => Self::Ssmtp,
            _ if name.contains("msmtp") || path.ends_with("msmtp/config") => Self::Msmtp,
            _ if name.ends_with(".toml") => Self::Own,
            _ => return None,
        })
    }
}

/// Where a configuration is looked for, in this order; the first that exists is the one.
pub fn places(home: Option<&Path>, xdg: Option<&Path>) -> Vec<PathBuf> {
    let xdg = xdg
        .map(Path::to_path_buf)
        .or_else(|| home.map(|home| home.join(".config")));
    let mut places = Vec::new();
    places.extend(xdg.as_ref().map(|xdg| xdg.join("gatepost/mail.toml")));
    places.extend(home.map(|home| home.join(".msmtprc")));
    places.extend(xdg.map(|xdg| xdg.join("msmtp/config")));
    for place in SYSTEM {
        places.push(PathBuf::from(place));
    }
    places
}

/// The first of the [`places`] where there is a configuration.
pub fn find(environment: &Environment) -> Option<PathBuf> {
    let xdg = std::env::var_os("XDG_CONFIG_HOME").filter(|path| !path.is_empty());
    let mut places = places(environment.home.as_deref(), xdg.as_deref().map(Path::new)).into_iter();
    places.find(|place| match Format::of(place) {
        Some(Format::Nullmailer) => place.join("remotes").exists(),
        _ => place.exists(),
    })
}

/// Reads the configuration at `place` and picks the account; warnings are told.
pub fn load(
    place: &Path,
    account: Option<&str>,
    from: Option<&str>,
    environment: &Environment,
    warn: &mut dyn FnMut(&str),
) -> Result<Account, Failure> {
    let refuse = |fault: Fault| Failure::Config(format!("{}:{fault}", place.display()));
    let format = Format::of(place).ok_or_else(|| {
        refuse(Fault::whole(
            "its name tells no format: .toml, msmtprc, nullmailer, dma.conf and ssmtp.conf do",
        ))
    })?;
    let file = match format {
        Format::Nullmailer => place.join("remotes"),
        _ => place.to_path_buf(),
    };
    let metadata = std::fs::metadata(&file).map_err(|error| refuse(Fault::whole(error.to_string())))?;
    untouched(&metadata).map_err(|why| refuse(Fault::whole(why)))?;
    let parsed = format.parse(place, environment).map_err(refuse)?;
    if let Some(file) = &parsed.secret_file
        && std::fs::metadata(file).is_ok_and(|metadata| metadata.mode() & 0o004 != 0)
    {
        let advice = format!("everyone can read the password in {0}; chmod 640 {0}", file.display());
        return Err(refuse(Fault::whole(advice)));
    }
    let account = parsed.choose(account, from).map_err(refuse)?;
    for warning in &account.warnings {
        warn(&format!("{}:{warning}", place.display()));
    }
    Ok(account)
}

/// A configuration may name commands: nobody else may have written it.
fn untouched(metadata: &Metadata) -> Result<(), &'static str> {
    let own = rustix::process::geteuid().as_raw();
    if metadata.uid() != 0 && metadata.uid() != own {
        return Err("it is somebody else's file, neither yours nor root's");
    }
    if metadata.mode() & 0o002 != 0 {
        return Err("everyone can write to it");
    }
    Ok(())
}

/// A file of a configuration as text, at most [`LARGEST`] octets.
fn read(path: &Path) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    let read = file.take(LARGEST + 1).read_to_string(&mut text);
    match read {
        Err(error) => Err(error.to_string()),
        Ok(_) if text.len() as u64 > LARGEST => Err(format!("it is larger than {LARGEST} octets")),
        Ok(_) => Ok(text),
    }
}

/// The places of the machine's own configuration.
const SYSTEM: [&str; 5] = [
    "/etc/gatepost/mail.toml",
    "/etc/msmtprc",
    "/etc/nullmailer",
    "/etc/dma/dma.conf",
    "/etc/ssmtp/ssmtp.conf",
];
/// No configuration is larger, and no file of aliases.
const LARGEST: u64 = 1 << 20;

#[cfg(test)]
mod tests;
