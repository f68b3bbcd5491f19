//! The configuration of msmtp: a command a line, gathered in accounts that inherit from one another.

use super::account::{Login, SetFrom};
use super::text::{Arguments, fingerprint, notify, path, ret};
use super::{Account, Entry, Environment, Fault, Parsed, Relay, Secret};
use crate::mail::Mechanism;
use crate::net::{Endpoint, Identity, Proxy, Roots};
use gatepost_core::smtp::{Protocol, Security};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A command, its argument, and its line.
type Line = (String, String, usize);

/// Reads an msmtprc. An account with something that cannot be done is one whose use fails, the others can be used.
pub(super) fn parse(text: &str, place: &Path, environment: &Environment) -> Result<Parsed, Fault> {
    let mut defaults: Vec<Line> = Vec::new();
    let mut accounts: Vec<(String, Vec<Line>)> = Vec::new();
    let mut in_defaults = false;
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let (mut command, mut argument) = words(line);
        let evaluated;
        if command == "eval" {
            let output = (environment.run)(argument).map_err(|error| Fault::new(number, format!("eval: {error}")))?;
            evaluated = output.lines().next().unwrap_or_default().to_owned();
            (command, argument) = words(&evaluated);
        }
        match command {
            "" => {}
            "defaults" => in_defaults = true,
            "account" => {
                in_defaults = false;
                let (name, bases) = argument.split_once(':').unwrap_or((argument, ""));
                let name = name.trim();
                if name.is_empty() {
                    return Err(Fault::new(number, "account: it needs a name"));
                }
                if accounts.iter().any(|(known, _)| known == name) {
                    return Err(Fault::new(number, format!("account {name}: there is one already")));
                }
                let others: usize = accounts.iter().map(|(_, lines)| lines.len()).sum();
                let mut lines = defaults.clone();
                for base in bases.split(',').map(str::trim).filter(|base| !base.is_empty()) {
                    let known = accounts.iter().find(|(known, _)| known == base);
                    let (_, inherited) = known
                        .ok_or_else(|| Fault::new(number, format!("account {name}: no account {base} before it")))?;
                    if others + lines.len() + inherited.len() > MOST {
                        return Err(Fault::new(number, format!("account {name}: it inherits too much")));
                    }
                    lines.extend_from_slice(inherited);
                }
                accounts.push((name.to_owned(), lines));
            }
            _ if !COMMANDS.contains(&command) => {
                return Err(Fault::new(number, format!("{command}: unknown command")));
            }
            _ => {
                let line = (command.to_owned(), argument.to_owned(), number);
                match accounts.last_mut() {
                    _ if in_defaults => defaults.push(line),
                    Some((_, lines)) => lines.push(line),
                    None => return Err(Fault::new(number, format!("{command}: before the first account"))),
                }
            }
        }
    }
    let mut all = accounts.iter().flat_map(|(_, lines)| lines).chain(&defaults);
    let holds_secret = all.any(|(command, argument, _)| command == "password" && !argument.is_empty());
    Ok(Parsed {
        secret_file: holds_secret.then(|| place.to_path_buf()),
        default: "default".to_owned(),
        accounts: accounts
            .iter()
            .map(|(name, lines)| Entry {
                name: name.clone(),
                account: account(name, lines, environment),
            })
            .collect(),
    })
}

/// The command and its argument, without the quotes around it.
fn words(line: &str) -> (&str, &str) {
    let line = line.trim();
    if line.starts_with('#') {
        return ("", "");
    }
    let (command, argument) = line.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((line, ""));
    let argument = argument.trim();
    let unquoted = argument.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    (command, unquoted.unwrap_or(argument))
}

fn account(name: &str, lines: &[Line], environment: &Environment) -> Result<Account, Fault> {
    let mut warnings = Vec::new();
    // The last of each counts.
    let last = |command: &str| lines.iter().rev().find(|(known, ..)| known == command);
    let said = |command: &str| {
        let found = last(command).map(|(_, argument, number)| (argument.as_str(), *number));
        found.filter(|(argument, _)| !argument.is_empty())
    };
    let switch = |command: &'static str, default: bool| match last(command) {
        None => Ok(default),
        Some((_, argument, number)) => Arguments(command, *number).switch(argument),
    };
    let refuse = |command: &str, number: usize, why: &str| Fault::new(number, format!("{command}: {why}"));

    for (command, why) in UNSUPPORTED {
        if let Some((_, number)) = said(command) {
            return Err(refuse(command, number, why));
        }
    }
    for (command, why) in IGNORED {
        if let Some((argument, number)) = said(command)
            && argument != "off"
        {
            warnings.push(refuse(command, number, why));
        }
    }
    if !switch("tls_certcheck", true)? {
        let number = last("tls_certcheck").map_or(0, |line| line.2);
        return Err(refuse("tls_certcheck", number, UNVERIFIED));
    }
    let (host, host_line) = said("host").ok_or_else(|| Fault::whole(format!("account {name}: it has no host")))?;
    let tls = switch("tls", false)?;
    let security = match (tls, switch("tls_starttls", true)?) {
        (false, _) => Security::Plain,
        (true, true) => Security::StartTls,
        (true, false) => Security::Implicit,
    };
    let port = match said("port") {
        Some((argument, number)) => Arguments("port", number).number(argument)?,
        None if security == Security::Implicit => 465,
        None => 25,
    };
    let endpoint = Endpoint::parse(host, port).filter(|endpoint| endpoint.port == port);
    let endpoint = endpoint.ok_or_else(|| refuse("host", host_line, "it is no host"))?;
    let mut relay = Relay::new(endpoint, security);
    let server = &mut relay.server;
    server.protocol = match said("protocol") {
        None | Some(("smtp", _)) => Protocol::Smtp,
        Some(("lmtp", _)) => Protocol::Lmtp,
        Some((_, number)) => return Err(refuse("protocol", number, "it is smtp or lmtp")),
    };
    if let Some((argument, number)) = said("tls_fingerprint") {
        server.roots = fingerprint(argument).map_err(|why| refuse("tls_fingerprint", number, why))?;
    } else if let Some((argument, _)) = said("tls_trust_file")
        && argument != "system"
    {
        server.roots = Roots::File(path(argument, environment));
    } else if tls
        && let Some((_, _, number)) = last("tls_trust_file")
        && said("tls_trust_file").is_none()
    {
        return Err(refuse("tls_trust_file", *number, UNVERIFIED));
    }
    server.name = said("tls_host_override").map(|(argument, _)| argument.to_owned());
    server.identity = match (said("tls_cert_file"), said("tls_key_file")) {
        (Some((certificate, _)), Some((key, _))) => Some(Identity {
            certificate: path(certificate, environment),
            key: path(key, environment),
        }),
        (None, None) => None,
        (Some((_, number)), None) => return Err(refuse("tls_cert_file", number, "it needs tls_key_file beside it")),
        (None, Some((_, number))) => return Err(refuse("tls_key_file", number, "it needs tls_cert_file beside it")),
    };
    server.client = match said("domain") {
        Some((argument, number)) => {
            let name = environment.substitute(argument);
            Some(name.ok_or_else(|| refuse("domain", number, "a substitution that is not known"))?)
        }
        None => None,
    };
    server.patience = match said("timeout") {
        None | Some(("off", _)) => None,
        Some((argument, number)) => Some(Duration::from_secs(
            Arguments("timeout", number).number::<u32>(argument)?.into(),
        )),
    };
    if let Some((host, number)) = said("proxy_host") {
        let port = match said("proxy_port") {
            Some((argument, number)) => Arguments("proxy_port", number).number(argument)?,
            None => 1080u16,
        };
        let host = if host.contains(':') {
            format!("[{host}]")
        } else {
            host.to_owned()
        };
        let proxy = Proxy::parse(&format!("socks5://{host}:{port}"));
        server.proxy = Some(proxy.map_err(|why| refuse("proxy_host", number, why))?);
    }
    relay.login = login(&last, &refuse)?;
    let mut account = Account::new(name, vec![relay]);
    if let Some((argument, number)) = said("from") {
        let from = environment.substitute(argument);
        let from = from.ok_or_else(|| refuse("from", number, "a substitution that is not known"))?;
        if from.contains('[') && from.contains(['*', '?', ']']) && !from.ends_with(']') {
            return Err(refuse("from", number, "of patterns only * and ? are known"));
        }
        account.from = Some(from);
    }
    account.from_override = switch("allow_from_override", true)?;
    account.full_name = said("from_full_name").map(|(argument, _)| argument.to_owned());
    account.domain = said("maildomain").map(|(argument, _)| argument.to_owned());
    account.set_from = match (last("set_from_header"), switch("add_missing_from_header", true)?) {
        (None, true) => SetFrom::Missing,
        (None, false) => SetFrom::Never,
        (Some((_, argument, number)), _) => match argument.as_str() {
            "auto" => SetFrom::Missing,
            _ if Arguments("set_from_header", *number).switch(argument)? => SetFrom::Always,
            _ => SetFrom::Never,
        },
    };
    let automatic = |command: &'static str, default: bool| match last(command) {
        None => Ok(default),
        Some((_, argument, _)) if argument == "auto" => Ok(true),
        Some((_, argument, number)) => Arguments(command, *number).switch(argument),
    };
    account.set_date = automatic("set_date_header", switch("add_missing_date_header", true)?)?;
    account.set_message_id = automatic("set_msgid_header", true)?;
    account.undisclosed = switch("undisclosed_recipients", false)?;
    if !switch("remove_bcc_headers", true)? {
        let number = last("remove_bcc_headers").map_or(0, |line| line.2);
        warnings.push(refuse(
            "remove_bcc_headers",
            number,
            "ignored: Bcc never leaves this machine",
        ));
    }
    if let Some((argument, number)) = said("dsn_notify").filter(|(argument, _)| *argument != "off") {
        account.notify = Some(notify(argument).ok_or_else(|| refuse("dsn_notify", number, NOTIFY))?);
    }
    if let Some((argument, number)) = said("dsn_return").filter(|(argument, _)| *argument != "off") {
        account.ret = Some(ret(argument).ok_or_else(|| refuse("dsn_return", number, "it is off, headers or full"))?);
    }
    if let Some((argument, number)) = said("aliases") {
        let file: PathBuf = path(argument, environment);
        let text = (environment.file)(&file)
            .map_err(|error| refuse("aliases", number, &format!("{}: {error}", file.display())))?;
        let read = account.aliases.read(&text);
        read.map_err(|fault| refuse("aliases", number, &format!("{}:{fault}", file.display())))?;
    }
    account.warnings = warnings;
    Ok(account)
}

fn login<'a>(
    last: &dyn Fn(&str) -> Option<&'a Line>,
    refuse: &dyn Fn(&str, usize, &str) -> Fault,
) -> Result<Option<Login>, Fault> {
    let said = |command: &str| last(command).filter(|(_, argument, _)| !argument.is_empty());
    let Some((_, argument, number)) = last("auth") else {
        return Ok(None);
    };
    let mechanism = match argument.to_ascii_lowercase().as_str() {
        "off" => return Ok(None),
        "on" | "" => None,
        "scram-sha-256-plus" => Some(Mechanism::ScramSha256),
        name => Some(Mechanism::parse(name).ok_or_else(|| {
            let why = format!("{name} is not supported; on, plain, login, cram-md5, scram-sha-256, xoauth2, oauthbearer and external are");
            refuse("auth", *number, &why)
        })?),
    };
    let external = mechanism == Some(Mechanism::External);
    let user = match said("user") {
        Some((_, user, _)) => user.clone(),
        None if external => String::new(),
        None => return Err(refuse("auth", *number, "it needs user")),
    };
    // Of password and passwordeval, msmtp takes the first that it has.
    let secret = match (said("password"), said("passwordeval")) {
        (Some((_, password, _)), _) => Some(Secret::Literal(password.clone())),
        (None, Some((_, command, _))) => Some(Secret::Command(command.clone())),
        (None, None) if external => None,
        (None, None) => {
            return Err(refuse(
                "auth",
                *number,
                "it needs passwordeval or password; key rings and ~/.netrc are not asked",
            ));
        }
    };
    Ok(Some(Login {
        user,
        secret,
        mechanism,
    }))
}

/// Every account may inherit the lines of those before it; so many together are no configuration any more.
const MOST: usize = 10_000;

const UNVERIFIED: &str = "a server that is not verified is not used; tls_fingerprint believes a single certificate";
const NOTIFY: &str = "it is off, never, or some of failure, delay and success";

const COMMANDS: &[&str] = &[
    "add_missing_date_header",
    "add_missing_from_header",
    "aliases",
    "allow_from_override",
    "auth",
    "auto_from",
    "domain",
    "dsn_notify",
    "dsn_return",
    "from",
    "from_full_name",
    "host",
    "keepbcc",
    "logfile",
    "logfile_time_format",
    "maildomain",
    "ntlmdomain",
    "password",
    "passwordeval",
    "port",
    "protocol",
    "proxy_host",
    "proxy_port",
    "remove_bcc_headers",
    "set_date_header",
    "set_from_header",
    "set_msgid_header",
    "socket",
    "source_ip",
    "syslog",
    "timeout",
    "tls",
    "tls_cert_file",
    "tls_certcheck",
    "tls_crl_file",
    "tls_fingerprint",
    "tls_force_sslv3",
    "tls_host_override",
    "tls_key_file",
    "tls_min_dh_prime_bits",
    "tls_nostarttls",
    "tls_priorities",
    "tls_starttls",
    "tls_trust_file",
    "undisclosed_recipients",
    "user",
];

/// What could not be left out without doing something else than was asked, and why it is not done.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("socket", "connections to a socket of this machine are not supported"),
    (
        "source_ip",
        "the source address cannot be chosen; a rule of `ip rule` can",
    ),
    (
        "tls_crl_file",
        "revocation lists are not supported; tls_fingerprint believes a single certificate",
    ),
    ("tls_force_sslv3", "only TLS 1.2 and 1.3 are spoken"),
    ("tls_nostarttls", "write tls_starttls off"),
];

const IGNORED: &[(&str, &str)] = &[
    ("auto_from", "ignored: from, or -f, says it"),
    ("keepbcc", "ignored: Bcc never leaves this machine"),
    ("logfile", "ignored: what happens is told on standard error"),
    ("logfile_time_format", "ignored: there is no log file"),
    ("ntlmdomain", "ignored: only NTLM uses it"),
    ("syslog", "ignored: what happens is told on standard error"),
    (
        "tls_min_dh_prime_bits",
        "ignored: keys are only exchanged on elliptic curves",
    ),
    (
        "tls_priorities",
        "ignored: TLS 1.2 and 1.3 are spoken, with forward secrecy and authenticated encryption only",
    ),
];
