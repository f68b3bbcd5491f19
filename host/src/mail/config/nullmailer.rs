//! The configuration of nullmailer: a directory with a file for each setting.

use super::account::Login;
use super::text::Arguments;
use super::{Account, Environment, Fault, Parsed, Relay, Secret};
use crate::mail::Mechanism;
use crate::net::{Endpoint, Identity, Roots};
use gatepost_core::smtp::Security;
use std::path::Path;

/// Reads the files in `directory`; a line number is one of `remotes`.
pub(super) fn parse(directory: &Path, environment: &Environment) -> Result<Parsed, Fault> {
    let file = |name: &str| (environment.file)(&directory.join(name)).ok();
    let setting = |name: &str| {
        let text = file(name)?;
        let line = text.lines().next()?.trim();
        (!line.is_empty()).then(|| line.to_owned())
    };
    let remotes =
        (environment.file)(&directory.join("remotes")).map_err(|error| Fault::whole(format!("remotes: {error}")))?;
    let mut warnings = Vec::new();
    let mut relays = Vec::new();
    for (index, line) in remotes.lines().enumerate() {
        let words = split(line).ok_or_else(|| Fault::new(index + 1, "a quote without its end"))?;
        // An empty first line is how packages write "nothing configured".
        if words.is_empty() || words[0].starts_with('#') {
            continue;
        }
        relays.push(remote(&words, index + 1, environment, &mut warnings)?);
    }
    if relays.is_empty() {
        return Err(Fault::whole("remotes: no server in it"));
    }
    let hello = setting("helohost");
    for relay in &mut relays {
        relay.server.client.clone_from(&hello);
    }
    let holds_secret = relays
        .iter()
        .any(|relay| matches!(&relay.login, Some(Login { secret: Some(_), .. })));
    let mut account = Account::new("", relays);
    let me = setting("me").or_else(|| environment.mail_name.clone());
    account.aliases.default = setting("adminaddr");
    account.aliases.local = ["localhost".to_owned()].into_iter().chain(me.clone()).collect();
    // `defaulthost` is what a name lacks; `defaultdomain`, what a host without a dot lacks.
    let host = setting("defaulthost").or(me);
    account.domain = match (host, setting("defaultdomain")) {
        (Some(host), Some(domain)) if !host.contains('.') => Some(format!("{host}.{domain}")),
        (Some(host), _) => Some(host),
        (None, domain) => domain,
    };
    account.from = setting("allmailfrom");
    account.from_override = account.from.is_none();
    for name in [
        "pausetime",
        "maxpause",
        "queuelifetime",
        "sendtimeout",
        "doublebounceto",
        "idhost",
    ] {
        if file(name).is_some() {
            warnings.push(Fault::whole(format!("{name}: ignored")));
        }
    }
    account.warnings = warnings;
    Ok(Parsed::one(account, holds_secret.then(|| directory.join("remotes"))))
}

fn remote(
    words: &[String],
    number: usize,
    environment: &Environment,
    warnings: &mut Vec<Fault>,
) -> Result<Relay, Fault> {
    let host = &words[0];
    let mut options = words[1..].iter().map(String::as_str).peekable();
    let protocol = options.next_if(|word| !word.starts_with('-')).unwrap_or("smtp");
    if protocol != "smtp" {
        return Err(Fault::new(number, format!("{protocol}: only smtp is spoken")));
    }
    let (mut security, mut port) = (Security::Plain, None);
    let (mut user, mut secret, mut mechanism) = (None, None, None);
    let (mut roots, mut certificate, mut key) = (Roots::System, None, None);
    while let Some(option) = options.next() {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (option, None),
        };
        let said = Arguments(name, number);
        let mut value = || {
            value
                .or_else(|| options.next())
                .ok_or_else(|| said.refuse("it needs a value"))
        };
        match name {
            "--port" | "-p" => port = Some(said.number(value()?)?),
            "--starttls" => security = Security::StartTls,
            "--ssl" | "--tls" => security = Security::Implicit,
            "--user" => user = Some(value()?.to_owned()),
            "--pass" => secret = Some(Secret::Literal(value()?.to_owned())),
            "--auth-login" => mechanism = Some(Mechanism::Login),
            "--x509cafile" => roots = Roots::File(super::text::path(value()?, environment)),
            "--x509certfile" => {
                let path = super::text::path(value()?, environment);
                (key, certificate) = (key.or_else(|| Some(path.clone())), Some(path));
            }
            "--x509keyfile" => key = Some(super::text::path(value()?, environment)),
            "--daemon" | "-d" | "--syslog" | "-s" => warnings.push(said.refuse("ignored")),
            "--insecure" | "--tls-anon-auth" => {
                return Err(
                    said.refuse("a server that is not verified is not used; --x509cafile believes its authority")
                );
            }
            "--x509crlfile" => return Err(said.refuse("revocation lists are not supported")),
            "--x509fmtder" => return Err(said.refuse("certificates are read as PEM")),
            "--source" => return Err(said.refuse("the source address cannot be chosen; a rule of `ip rule` can")),
            _ => return Err(said.refuse("unknown option")),
        }
    }
    let port = port.unwrap_or(if security == Security::Implicit { 465 } else { 25 });
    let endpoint = Endpoint::parse(host, port).filter(|endpoint| endpoint.port == port);
    let endpoint = endpoint.ok_or_else(|| Fault::new(number, format!("{host:?}: it is no host")))?;
    let mut relay = Relay::new(endpoint, security);
    relay.server.roots = roots;
    relay.server.identity = certificate
        .zip(key)
        .map(|(certificate, key)| Identity { certificate, key });
    relay.login = match (user, secret) {
        (Some(user), Some(secret)) => Some(Login {
            user,
            secret: Some(secret),
            mechanism,
        }),
        (None, None) => None,
        _ => return Err(Fault::new(number, "--user and --pass belong together")),
    };
    Ok(relay)
}

/// Words between white space; quotes of either kind hold it together, and a backslash takes what follows as it is.
fn split(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (None::<String>, None);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (Some(opening), _) if character == opening => quote = None,
            (None | Some('"'), '\\') => word.get_or_insert_default().push(characters.next()?),
            (None, _) if character.is_ascii_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}
