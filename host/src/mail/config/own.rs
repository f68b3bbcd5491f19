//! Our own configuration, in TOML: the settings of an account at the top, those of further ones in `[accounts.NAME]`.

use super::account::{Login, SetFrom};
use super::text::{Arguments, fingerprint, notify, path, ret};
use super::{Account, Entry, Environment, Fault, Parsed, Relay, Secret};
use crate::mail::{Mechanism, options};
use crate::net::{Endpoint, Identity, Proxy, Roots};
use gatepost_core::smtp::{Protocol, Security};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use toml_span::value::{Table, Value, ValueInner};

/// The settings of an account by their names, each with its line; an account's own stand before those at the top.
#[derive(Clone, Default)]
struct Settings<'a>(BTreeMap<&'a str, (&'a Value<'a>, usize)>);

/// Reads a `mail.toml`.
pub(super) fn parse(text: &str, place: &Path, environment: &Environment) -> Result<Parsed, Fault> {
    let line_of = |at: usize| 1 + text.as_bytes().iter().take(at).filter(|octet| **octet == b'\n').count();
    let root = toml_span::parse(text).map_err(|mut error| {
        error.line_info = None;
        Fault::new(line_of(error.span.start), error.to_string())
    })?;
    let table = root.as_table().ok_or_else(|| Fault::whole("it is no table"))?;
    let mut top = Settings::default();
    top.take(table, &["account", "accounts"], &line_of)?;
    let mut accounts = Vec::new();
    let mut names = Vec::new();
    if let Some((_, value)) = table.get_key_value("accounts") {
        let line = line_of(value.span.start);
        let tables = value
            .as_table()
            .ok_or_else(|| Fault::new(line, "accounts: it is a table of accounts"))?;
        for (name, value) in tables {
            let line = line_of(name.span.start);
            let table = value.as_table();
            let table = table.ok_or_else(|| Fault::new(line, format!("accounts.{name}: it is a table of settings")))?;
            let mut settings = top.clone();
            settings.take(table, &[], &line_of)?;
            accounts.push((name.span.start, name.name.to_string(), settings));
        }
        // In the order in which they were written.
        accounts.sort_by_key(|(start, ..)| *start);
    }
    if top.0.contains_key("server") || accounts.is_empty() {
        accounts.insert(0, (0, String::new(), top));
    }
    names.extend(accounts.iter().map(|(_, name, _)| name.clone()));
    let default = match table.get("account") {
        Some(value) => {
            let line = line_of(value.span.start);
            let name = value
                .as_str()
                .ok_or_else(|| Fault::new(line, "account: it is a text"))?;
            if !names.iter().any(|known| known == name) {
                return Err(Fault::new(line, format!("account: no [accounts.{name}]")));
            }
            name.to_owned()
        }
        None => names.first().cloned().unwrap_or_default(),
    };
    let holds_secret = accounts
        .iter()
        .any(|(.., settings)| settings.0.contains_key("password"));
    let entries = accounts.into_iter().map(|(_, name, settings)| Entry {
        account: settings.account(&name, environment),
        name,
    });
    Ok(Parsed {
        accounts: entries.collect(),
        default,
        secret_file: holds_secret.then(|| place.to_path_buf()),
    })
}

impl<'a> Settings<'a> {
    fn take(&mut self, table: &'a Table<'a>, besides: &[&str], line_of: &dyn Fn(usize) -> usize) -> Result<(), Fault> {
        for (key, value) in table {
            let line = line_of(key.span.start);
            if besides.contains(&&*key.name) {
                continue;
            }
            if !KEYS.contains(&&*key.name) {
                return Err(Fault::new(line, format!("{key}: unknown setting")));
            }
            self.0.insert(&key.name, (value, line));
        }
        // Whoever says where the password is says all of it.
        let secrets = SECRETS.iter().filter(|name| table.contains_key(**name));
        match secrets.copied().collect::<Vec<_>>()[..] {
            [] => {}
            [only] => self.0.retain(|name, _| *name == only || !SECRETS.contains(name)),
            [first, second, ..] => {
                let line = self.line(second);
                return Err(Fault::new(
                    line,
                    format!("{first} and {second}: only one of them can be"),
                ));
            }
        }
        Ok(())
    }

    fn line(&self, name: &str) -> usize {
        self.0.get(name).map_or(0, |(_, line)| *line)
    }

    fn refuse<T>(&self, name: &str, why: &str) -> Result<T, Fault> {
        Err(Arguments(name, self.line(name)).refuse(why))
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, Fault> {
        match self.0.get(name) {
            None => Ok(None),
            Some((value, _)) => match value.as_str() {
                Some(text) if !text.contains(char::is_control) => Ok(Some(text)),
                _ => self.refuse(name, "it is a text without control characters"),
            },
        }
    }

    fn seconds(&self, name: &str) -> Result<Option<Duration>, Fault> {
        match self.0.get(name) {
            None => Ok(None),
            Some((value, _)) => match value.as_integer().and_then(|number| u32::try_from(number).ok()) {
                Some(seconds) => Ok(Some(Duration::from_secs(seconds.into()))),
                None => self.refuse(name, "it is a number of seconds"),
            },
        }
    }

    fn switch(&self, name: &str, default: bool) -> Result<bool, Fault> {
        match self.0.get(name) {
            None => Ok(default),
            Some((value, _)) => value
                .as_bool()
                .map_or_else(|| self.refuse(name, "it is true or false"), Ok),
        }
    }

    /// A text that `read` understands.
    fn read<T>(&self, name: &str, why: &str, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, Fault> {
        match self.text(name)? {
            None => Ok(None),
            Some(text) => read(text).map_or_else(|| self.refuse(name, why), |value| Ok(Some(value))),
        }
    }

    fn account(&self, name: &str, environment: &Environment) -> Result<Account, Fault> {
        let file = |name| Ok(self.text(name)?.map(|text| path(text, environment)));
        let security = self.read("security", options::SECURITY, options::security)?;
        let security = security.unwrap_or(Security::StartTls);
        let endpoint = self.read("server", "it is neither a host nor a host and a port", |text| {
            Endpoint::parse(text, options::port(security))
        })?;
        let endpoint = endpoint.ok_or_else(|| Fault::whole("server: missing"))?;
        let mut relay = Relay::new(endpoint, security);
        let server = &mut relay.server;
        let protocol = self.read("protocol", "it is smtp or lmtp", |text| match text {
            "smtp" => Some(Protocol::Smtp),
            "lmtp" => Some(Protocol::Lmtp),
            _ => None,
        })?;
        server.protocol = protocol.unwrap_or(Protocol::Smtp);
        match (self.text("fingerprint")?, file("ca")?) {
            (Some(_), Some(_)) => {
                return self.refuse("fingerprint", "beside ca it would be without effect, or ca would");
            }
            (Some(pin), None) => {
                server.roots =
                    fingerprint(pin).map_err(|why| Arguments("fingerprint", self.line("fingerprint")).refuse(why))?;
            }
            (None, Some(file)) => server.roots = Roots::File(file),
            (None, None) => {}
        }
        server.name = self.text("server-name")?.map(str::to_owned);
        server.identity = match (file("certificate")?, file("key")?) {
            (Some(certificate), Some(key)) => Some(Identity { certificate, key }),
            (None, None) => None,
            (Some(_), None) => return self.refuse("certificate", "it needs key beside it"),
            (None, Some(_)) => return self.refuse("key", "it needs certificate beside it"),
        };
        if let Some(text) = self.text("proxy")? {
            let proxy = Proxy::parse(text);
            server.proxy = Some(proxy.map_err(|why| Arguments("proxy", self.line("proxy")).refuse(why))?);
        }
        server.client = self.text("client")?.map(str::to_owned);
        server.patience = self.seconds("timeout")?;
        server.deadline = self.seconds("deadline")?.unwrap_or(server.deadline);
        relay.login = self.login(environment)?;

        let mut account = Account::new(name, vec![relay]);
        account.from = self.text("from")?.map(str::to_owned);
        account.from_override = self.switch("from-override", true)?;
        account.full_name = self.text("full-name")?.map(str::to_owned);
        account.domain = self.text("domain")?.map(str::to_owned);
        let set_from = self.read("set-from", "it is missing, always or never", |text| match text {
            "missing" => Some(SetFrom::Missing),
            "always" => Some(SetFrom::Always),
            "never" => Some(SetFrom::Never),
            _ => None,
        })?;
        account.set_from = set_from.unwrap_or(SetFrom::Missing);
        account.spool = file("spool")?;
        account.undisclosed = self.switch("undisclosed-recipients", false)?;
        account.notify = self.read("notify", "it is never, or some of success, failure and delay", notify)?;
        account.ret = self.read("ret", "it is full or headers", ret)?;
        if let Some((value, _)) = self.0.get("aliases") {
            let Some(table) = value.as_table() else {
                return self.refuse("aliases", "it is a table of names and addresses");
            };
            for (name, value) in table {
                let targets = match value.as_ref() {
                    ValueInner::String(target) => Some(vec![target.to_string()]),
                    ValueInner::Array(targets) => targets
                        .iter()
                        .map(|target| target.as_str().map(str::to_owned))
                        .collect(),
                    _ => None,
                };
                let Some(targets) = targets else {
                    return self.refuse("aliases", &format!("{name} leads to an address, or to a list of them"));
                };
                account.aliases.insert(&name.name, targets);
            }
        }
        if let Some(file) = file("aliases-file")? {
            let said = Arguments("aliases-file", self.line("aliases-file"));
            let text =
                (environment.file)(&file).map_err(|error| said.refuse(&format!("{}: {error}", file.display())))?;
            let read = account.aliases.read(&text);
            read.map_err(|fault| said.refuse(&format!("{}:{fault}", file.display())))?;
        }
        Ok(account)
    }

    fn login(&self, environment: &Environment) -> Result<Option<Login>, Fault> {
        let mechanism = self.read("auth", options::AUTH, Mechanism::parse)?;
        let text = |name| Ok::<_, Fault>(self.text(name)?.map(str::to_owned));
        let secret = match (
            text("password")?,
            text("password-file")?,
            text("password-env")?,
            text("password-command")?,
        ) {
            (Some(password), ..) => Some(Secret::Literal(password)),
            (_, Some(file), ..) => Some(Secret::File(path(&file, environment))),
            (_, _, Some(variable), _) => Some(Secret::Environment(variable.into())),
            (.., command) => command.map(Secret::Command),
        };
        let external = mechanism == Some(Mechanism::External);
        match (text("user")?, secret) {
            (None, None) if external => Ok(Some(Login {
                user: String::new(),
                secret: None,
                mechanism,
            })),
            (Some(user), secret) if secret.is_some() || external => Ok(Some(Login {
                user,
                secret,
                mechanism,
            })),
            (Some(_), _) => self.refuse(
                "user",
                "it needs password-file, password-env, password-command or password",
            ),
            (None, Some(_)) => {
                let name = SECRETS.iter().find(|name| self.0.contains_key(**name));
                self.refuse(name.copied().unwrap_or_default(), "it needs user")
            }
            (None, None) => Ok(None),
        }
    }
}

const SECRETS: [&str; 4] = ["password", "password-file", "password-env", "password-command"];

const KEYS: &[&str] = &[
    "aliases",
    "aliases-file",
    "auth",
    "ca",
    "certificate",
    "client",
    "deadline",
    "domain",
    "fingerprint",
    "from",
    "from-override",
    "full-name",
    "key",
    "notify",
    "password",
    "password-command",
    "password-env",
    "password-file",
    "protocol",
    "proxy",
    "ret",
    "security",
    "server",
    "server-name",
    "set-from",
    "spool",
    "timeout",
    "undisclosed-recipients",
    "user",
];
