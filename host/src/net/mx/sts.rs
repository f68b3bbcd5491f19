//! MTA-STS (RFC 8461): a domain publishes over https which hosts take its mail, and that they have valid certificates.

use super::{Error, Resolver, is_host};
use crate::net::{Roots, Transport};
use domain::base::iana::Rtype;
use domain::rdata::Txt;
use gatepost_core::http::{Event, Exchange, Request, Url};
use gatepost_core::io::blocking;
use std::fmt::Display;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What a domain asks of who sends to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Changes whenever the policy does.
    pub id: String,
    /// Whether it is meant.
    pub mode: Mode,
    /// How long it may be kept.
    pub max_age: Duration,
    /// Host names, or `*.` and the rest of them.
    pub mx: Vec<String>,
}

/// Whether a policy is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Hosts that fail it get no mail.
    Enforce,
    /// They get it, and a report that we do not write.
    Testing,
    /// No policy any more.
    None,
}

impl Policy {
    /// Reads the text of a policy (RFC 8461 3.2); the error says what is wrong.
    pub fn parse(id: &str, text: &str) -> Result<Self, &'static str> {
        let (mut version, mut mode, mut max_age, mut mx) = (None, None, None, Vec::new());
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (key, value) = line.split_once(':').ok_or("a line without a colon")?;
            let value = value.trim();
            match key.trim_end() {
                // The first of those that stand there twice counts.
                "version" => version = version.or(Some(value)),
                "mode" => mode = mode.or(Some(value)),
                "max_age" => max_age = max_age.or(Some(value)),
                "mx" if is_host(value.strip_prefix("*.").unwrap_or(value)) => {
                    mx.push(value.trim_end_matches('.').to_ascii_lowercase());
                }
                "mx" => return Err("an mx that is no host"),
                _ => {}
            }
        }
        if version != Some("STSv1") {
            return Err("not version STSv1");
        }
        let mode = match mode {
            Some("enforce") => Mode::Enforce,
            Some("testing") => Mode::Testing,
            Some("none") => Mode::None,
            _ => return Err("no mode that is known"),
        };
        let seconds = max_age.filter(|digits| digits.bytes().all(|octet| octet.is_ascii_digit()));
        let seconds = seconds.and_then(|digits| digits.parse().ok()).ok_or("no max_age")?;
        if mx.is_empty() && mode != Mode::None {
            return Err("no mx");
        }
        Ok(Self {
            id: id.to_owned(),
            mode,
            max_age: Duration::from_secs(seconds).min(MAX_AGE),
            mx,
        })
    }

    /// Whether `host` may take the mail; a `*` stands for one label (RFC 8461 4.1).
    pub fn names(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        let parent = host.split_once('.').map(|(_, parent)| parent);
        self.mx.iter().any(|pattern| match pattern.strip_prefix("*.") {
            Some(rest) => parent == Some(rest),
            None => *pattern == host,
        })
    }
}

/// Asks whether `domain` has a policy, and fetches it from its https server, port `https` (443), verified against `roots`.
///
/// `known` is an earlier one that is not older than its [`Policy::max_age`]: it stays while DNS does not name another
/// (RFC 8461 5.1). The error says why a policy that is announced cannot be had; mail goes on without it (3.3).
pub fn discover(
    resolver: &Resolver,
    domain: &str,
    roots: &Roots,
    https: u16,
    known: Option<&Policy>,
    end: Instant,
) -> Result<Option<Policy>, String> {
    if !is_host(domain) {
        return Ok(None);
    }
    match announced(resolver, domain, end) {
        Ok(Some(id)) if known.is_none_or(|known| known.id != id) => {
            match fetch(resolver, domain, roots, https, &id, end) {
                Ok(policy) => Ok(Some(policy)),
                Err(cause) => known.map(|known| Some(known.clone())).ok_or(cause),
            }
        }
        _ => Ok(known.cloned()),
    }
}

/// The id of the policy that DNS tells of (RFC 8461 3.1).
fn announced(resolver: &Resolver, domain: &str, end: Instant) -> Result<Option<String>, Error> {
    let reply = resolver.query(&format!("_mta-sts.{domain}"), Rtype::TXT, end)?;
    let texts = reply.records(|record: Txt<&[u8]>| {
        let text = String::from_utf8(record.iter().flatten().copied().collect()).ok()?;
        text.starts_with("v=STSv1").then_some(text)
    })?;
    // More than one is as none.
    let [text] = texts.records.as_slice() else {
        return Ok(None);
    };
    let mut fields = text.split(';').map(str::trim);
    if fields.next() != Some("v=STSv1") {
        return Ok(None);
    }
    let id = fields.find_map(|field| field.strip_prefix("id="));
    let id = id.filter(|id| (1..=32).contains(&id.len()) && id.bytes().all(|octet| octet.is_ascii_alphanumeric()));
    Ok(id.map(str::to_owned))
}

fn fetch(
    resolver: &Resolver,
    domain: &str,
    roots: &Roots,
    https: u16,
    id: &str,
    end: Instant,
) -> Result<Policy, String> {
    let host = format!("mta-sts.{domain}");
    let failed = |cause: &dyn Display| format!("{host}: {cause}");
    let end = end.min(Instant::now() + FETCH);
    let limit = || end.saturating_duration_since(Instant::now());
    let addresses = resolver
        .addresses(&host, end)
        .map_err(|error| error.to_string())?
        .records;
    let addresses: Vec<_> = addresses
        .into_iter()
        .map(|address| SocketAddr::new(address, https))
        .collect();
    let mut transport = Transport::connect_to(&addresses, limit()).map_err(|error| failed(&error))?;
    transport.deadline(end);
    let secured = roots.load().and_then(|trust| transport.secure(&trust, &host, limit()));
    secured.map_err(|error| failed(&error))?;
    let authority = match https {
        443 => host.clone(),
        port => format!("{host}:{port}"),
    };
    let url = format!("https://{authority}/.well-known/mta-sts.txt");
    let url = Url::parse(&url).map_err(|error| failed(&error))?;
    let mut buffer = vec![0; BUFFER];
    let mut exchange = Exchange::new(&Request::get(&url), &mut buffer).map_err(|error| failed(&error))?;
    let mut text = Vec::new();
    loop {
        match blocking::next_event(&mut exchange, &mut transport).map_err(|error| failed(&error))? {
            // RFC 8461 3.3: redirections are not followed.
            Event::Head if exchange.status() != 200 => {
                return Err(failed(&format_args!("it answered with status {}", exchange.status())));
            }
            Event::Head => {}
            Event::Body if text.len() + exchange.body().len() > LENGTH => {
                return Err(failed(&"its policy is too long"));
            }
            Event::Body => text.extend_from_slice(exchange.body()),
            Event::Done { .. } => break,
        }
    }
    let text = String::from_utf8(text).map_err(|_| failed(&"its policy is not text"))?;
    Policy::parse(id, &text).map_err(|cause| failed(&format_args!("its policy is not understood: {cause}")))
}

/// The longest policy that is read, octets (RFC 8461 3.3).
const LENGTH: usize = 64 * 1024;
/// Room for the head of the response, octets.
const BUFFER: usize = 8192;
/// How long the policy may take (RFC 8461 3.3).
const FETCH: Duration = Duration::from_secs(60);
/// No policy is kept longer (RFC 8461 3.2).
const MAX_AGE: Duration = Duration::from_secs(31_557_600);

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: &str = "version: STSv1\r\nmode: enforce\r\nmx: Mail.test\r\nmx: *.mx.test\nmax_age: 604800\r\n";

    #[test]
    fn policies() {
        let policy = Policy::parse("1", POLICY).unwrap();
        assert_eq!(
            (policy.mode, policy.max_age),
            (Mode::Enforce, Duration::from_secs(604_800))
        );
        for (host, named) in [
            ("mail.test", true),
            ("MAIL.test.", true),
            ("a.mx.test", true),
            ("mx.test", false),
            ("a.b.mx.test", false),
            ("amx.test", false),
            ("", false),
        ] {
            assert_eq!(policy.names(host), named, "{host}");
        }
        let policy = Policy::parse(
            "1",
            "version:STSv1\nmode:none\nmode: enforce\nmax_age:99999999999\nfuture: x\n",
        )
        .unwrap();
        assert_eq!((policy.mode, policy.max_age), (Mode::None, MAX_AGE));
    }

    #[test]
    fn what_is_no_policy() {
        for (text, cause) in [
            ("", "not version STSv1"),
            (&POLICY.replace("STSv1", "STSv2"), "not version STSv1"),
            (&POLICY.replace("enforce", "force"), "no mode that is known"),
            (&POLICY.replace("604800", "-1"), "no max_age"),
            (&POLICY.replace("604800", "+1"), "no max_age"),
            (&POLICY.replace("604800", &"9".repeat(30)), "no max_age"),
            (&POLICY.replace("mx:", "xm:"), "no mx"),
            (&POLICY.replace("*.mx", "a.*"), "an mx that is no host"),
            (&POLICY.replace("mode:", "mode"), "a line without a colon"),
        ] {
            assert_eq!(Policy::parse("1", text), Err(cause), "{text}");
        }
    }
}
