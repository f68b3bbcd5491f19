//! The configuration of sSMTP: `name=value` lines, and whose mails come from where in `revaliases` beside it.

use super::account::Login;
use super::text::{Arguments, path};
use super::{Account, Environment, Fault, Parsed, Relay, Secret, SetFrom};
use crate::mail::Mechanism;
use crate::net::{Endpoint, Identity, Roots};
use gatepost_core::smtp::Security;
use std::path::Path;

/// Reads an ssmtp.conf, and of the `revaliases` beside it the user's line.
pub(super) fn parse(text: &str, place: &Path, environment: &Environment) -> Result<Parsed, Fault> {
    let mut settings: Vec<(String, &str, usize)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let (name, value) = line
            .split_once(['=', ' ', '\t'])
            .ok_or_else(|| Fault::new(index + 1, format!("{line}: no = behind it")))?;
        let name = name.trim().to_ascii_lowercase();
        if !KNOWN.contains(&name.as_str()) {
            return Err(Fault::new(index + 1, format!("{name}: unknown setting")));
        }
        let value = value
            .trim_start_matches(|c: char| c == '=' || c.is_ascii_whitespace())
            .trim_end();
        settings.push((name, value.trim_matches('"'), index + 1));
    }
    let value = |name: &'static str| {
        let found = settings
            .iter()
            .rev()
            .find(|(known, value, _)| known == name && !value.is_empty());
        found.map(|(_, value, number)| (*value, Arguments(name, *number)))
    };
    let switch = |name: &'static str| value(name).map_or(Ok(false), |(text, said)| said.switch(text));

    let (tls, starttls) = (switch("usetls")?, switch("usestarttls")?);
    let security = match (tls, starttls) {
        (_, true) => Security::StartTls,
        (true, false) => Security::Implicit,
        (false, false) => Security::Plain,
    };
    let own = environment.user.as_deref().unwrap_or_default();
    let reverse = (environment.file)(&place.with_file_name("revaliases")).unwrap_or_default();
    let reverse = reverse_alias(&reverse, own);
    let port = if security == Security::Implicit { 465 } else { 25 };
    let hub = value("mailhub").map(|(host, _)| host);
    let host = reverse
        .as_ref()
        .and_then(|(_, hub)| hub.as_deref())
        .or(hub)
        .unwrap_or("mailhub");
    let endpoint = Endpoint::parse(host, port).ok_or_else(|| Fault::whole(format!("mailhub: {host:?} is no host")))?;
    let mut relay = Relay::new(endpoint, security);
    for name in ["tls_ca_dir", "tlscadir"] {
        if let Some((_, said)) = value(name) {
            return Err(said.refuse("only a file of authorities is read: TLS_CA_File"));
        }
    }
    if let Some((file, _)) = value("tls_ca_file").or_else(|| value("tlscafile")) {
        relay.server.roots = Roots::File(path(file, environment));
    }
    if let Some((certificate, _)) = value("tlscert").filter(|_| switch("usetlscert").unwrap_or(true)) {
        let certificate = path(certificate, environment);
        relay.server.identity = Some(Identity {
            key: value("tlskey").map_or_else(|| certificate.clone(), |(key, _)| path(key, environment)),
            certificate,
        });
    }
    relay.login = match (value("authuser"), value("authpass")) {
        (Some((user, _)), Some((password, _))) => Some(Login {
            user: user.to_owned(),
            secret: Some(Secret::Literal(password.to_owned())),
            mechanism: match value("authmethod") {
                None => None,
                Some((name, said)) => {
                    Some(Mechanism::parse(name).ok_or_else(|| said.refuse("it is LOGIN, PLAIN or CRAM-MD5"))?)
                }
            },
        }),
        (None, None) => None,
        (Some((_, said)), None) | (None, Some((_, said))) => {
            return Err(said.refuse("AuthUser and AuthPass belong together"));
        }
    };
    let holds_secret = relay.login.is_some();
    let mut account = Account::new("", vec![relay]);
    let host = value("hostname").map(|(host, _)| host.to_owned());
    account.domain = value("rewritedomain").map(|(domain, _)| domain.to_owned()).or(host);
    if let Some((from, _)) = reverse {
        account.from = Some(from);
    }
    if !switch("fromlineoverride")? {
        account.set_from = SetFrom::Always;
        account.from_override = false;
    }
    if let Some((root, _)) = value("root") {
        for name in environment
            .system_users
            .iter()
            .map(String::as_str)
            .chain(["postmaster"])
        {
            account.aliases.insert(name, vec![root.to_owned()]);
        }
    }
    for name in ["debug", "minuserid", "logfile"] {
        if let Some((_, said)) = value(name) {
            account.warnings.push(said.refuse("ignored"));
        }
    }
    Ok(Parsed::one(account, holds_secret.then(|| place.to_path_buf())))
}

/// Of `user:address[:mailhub[:port]]` lines the one for this user.
fn reverse_alias(text: &str, own: &str) -> Option<(String, Option<String>)> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .find_map(|line| {
            let (user, rest) = line.trim().split_once(':')?;
            let (address, hub) = match rest.split_once(':') {
                Some((address, hub)) => (address, Some(hub.trim().to_owned())),
                None => (rest, None),
            };
            (user.trim() == own && !own.is_empty()).then(|| (address.trim().to_owned(), hub))
        })
}

const KNOWN: &[&str] = &[
    "authmethod",
    "authpass",
    "authuser",
    "debug",
    "fromlineoverride",
    "hostname",
    "logfile",
    "mailhub",
    "minuserid",
    "rewritedomain",
    "root",
    "tls_ca_dir",
    "tls_ca_file",
    "tlscadir",
    "tlscafile",
    "tlscert",
    "tlskey",
    "usestarttls",
    "usetls",
    "usetlscert",
];
