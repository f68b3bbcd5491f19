//! The configuration of dma, the DragonFly Mail Agent: a setting a line, and passwords in a file beside it.

use super::account::Login;
use super::text::{Arguments, fingerprint, path};
use super::{Account, Environment, Fault, Parsed, Relay, Secret};
use crate::net::{Endpoint, Identity};
use gatepost_core::smtp::Security;

/// Reads a dma.conf and the files that it names.
pub(super) fn parse(text: &str, environment: &Environment) -> Result<Parsed, Fault> {
    let mut settings: Vec<(&str, &str, usize)> = Vec::new();
    let mut warnings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let (name, value) = line.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((line, ""));
        match name {
            "" => {}
            "SPOOLDIR" | "DEFER" | "FULLBOUNCE" | "DBOUNCEPROG" => {
                warnings.push(Fault::new(index + 1, format!("{name}: ignored")));
            }
            _ if KNOWN.contains(&name) => settings.push((name, value.trim(), index + 1)),
            _ => return Err(Fault::new(index + 1, format!("{name}: unknown setting"))),
        }
    }
    let said = |name: &str| settings.iter().rev().find(|(known, ..)| *known == name).copied();
    let value = |name: &str| said(name).filter(|(_, value, _)| !value.is_empty());
    let on = |name: &str| said(name).is_some();
    let file = |name: &str, number: usize, path: &str| {
        let path = super::text::path(path, environment);
        let text = (environment.file)(&path);
        text.map_err(|error| Fault::new(number, format!("{name}: {}: {error}", path.display())))
    };

    let (_, host, number) = value("SMARTHOST")
        .ok_or_else(|| Fault::whole("SMARTHOST: missing, and mails are not delivered to each domain's own servers"))?;
    let security = match (
        on("SECURETRANSFER"),
        on("STARTTLS"),
        on("OPPORTUNISTIC_TLS"),
        on("INSECURE"),
    ) {
        (true, false, ..) => Security::Implicit,
        (true, true, false, _) => Security::StartTls,
        (true, true, true, _) => Security::StartTlsIfOffered,
        (false, _, _, false) => Security::Plain,
        (false, _, _, true) => Security::PlainWithPassword,
    };
    if let Some((name, _, number)) = said("STARTTLS").or_else(|| said("OPPORTUNISTIC_TLS"))
        && !on("SECURETRANSFER")
    {
        return Err(Fault::new(
            number,
            format!("{name}: it is without effect unless SECURETRANSFER stands beside it"),
        ));
    }
    if let Some((name, _, number)) = said("VERIFYCERT") {
        warnings.push(Fault::new(number, format!("{name}: servers are always verified")));
    }
    let port = match value("PORT") {
        Some((name, port, number)) => Arguments(name, number).number(port)?,
        None => 25,
    };
    let endpoint = Endpoint::parse(host, port).filter(|endpoint| endpoint.port == port);
    let endpoint = endpoint.ok_or_else(|| Fault::new(number, "SMARTHOST: it is no host"))?;
    let mut relay = Relay::new(endpoint, security);
    if let Some((name, pin, number)) = value("FINGERPRINT") {
        relay.server.roots =
            fingerprint(&pin.to_ascii_lowercase()).map_err(|why| Arguments(name, number).refuse(why))?;
    }
    if let Some((_, certificate, _)) = value("CERTFILE") {
        let certificate = path(certificate, environment);
        relay.server.identity = Some(Identity {
            key: certificate.clone(),
            certificate,
        });
    }
    if let Some((name, at, number)) = value("AUTHPATH") {
        relay.login = login(&file(name, number, at)?, host)
            .map_err(|fault| Fault::new(number, format!("{name}: {at}:{fault}")))?;
    }
    let secret_file = value("AUTHPATH")
        .filter(|_| relay.login.is_some())
        .map(|(_, at, _)| path(at, environment));
    let mut account = Account::new("", vec![relay]);
    account.domain = match (value("MAILNAME"), value("MAILNAMEFILE")) {
        (Some((_, name, _)), _) if !name.starts_with('/') => Some(name.to_owned()),
        // Older ones write the file here.
        (Some((name, at, number)), _) | (None, Some((name, at, number))) => {
            let text = file(name, number, at)?;
            text.lines()
                .next()
                .map(|line| line.trim().to_owned())
                .filter(|line| !line.is_empty())
        }
        (None, None) => None,
    };
    if let Some((_, masquerade, _)) = value("MASQUERADE") {
        match masquerade.split_once('@') {
            Some(("", domain)) => account.domain = Some(domain.to_owned()),
            Some((_, domain)) => {
                account.domain = Some(domain.to_owned());
                account.from = Some(masquerade.to_owned());
                account.from_override = false;
            }
            None => account.domain = Some(masquerade.to_owned()),
        }
    }
    if let Some((name, at, number)) = value("ALIASES").filter(|_| !on("NULLCLIENT")) {
        // dma goes on without it, too.
        if let Ok(text) = file(name, number, at) {
            let read = account.aliases.read(&text);
            read.map_err(|fault| Fault::new(number, format!("{name}: {at}:{fault}")))?;
        }
        account.aliases.local = vec!["localhost".to_owned()];
    }
    account.warnings = warnings;
    Ok(Parsed::one(account, secret_file))
}

/// Of `user|host:password` lines the one for this host.
fn login(text: &str, host: &str) -> Result<Option<Login>, Fault> {
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let parts = line
            .split_once('|')
            .and_then(|(user, rest)| Some((user, rest.split_once(':')?)));
        let (user, (server, password)) = parts.ok_or_else(|| Fault::new(index + 1, "it is not user|host:password"))?;
        if server.eq_ignore_ascii_case(host) {
            return Ok(Some(Login {
                user: user.to_owned(),
                secret: Some(Secret::Literal(password.to_owned())),
                mechanism: None,
            }));
        }
    }
    Ok(None)
}

const KNOWN: &[&str] = &[
    "ALIASES",
    "AUTHPATH",
    "CERTFILE",
    "FINGERPRINT",
    "INSECURE",
    "MAILNAME",
    "MAILNAMEFILE",
    "MASQUERADE",
    "NULLCLIENT",
    "OPPORTUNISTIC_TLS",
    "PORT",
    "SECURE",
    "SECURETRANSFER",
    "SMARTHOST",
    "STARTTLS",
    "VERIFYCERT",
];
