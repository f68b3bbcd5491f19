//! Whatever stands in a configuration: it is read or refused by a line of it, and never made weaker than it was written.
#![no_main]

use gatepost::mail::config::{Environment, Format, Secret};
use gatepost_core::smtp::Security;
use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|text: &str| {
    let content = text.to_owned();
    let environment = Environment {
        home: Some("/home/alice".into()),
        user: Some("alice".into()),
        full_name: None,
        host: "gate".into(),
        mail_name: None,
        system_users: vec!["root".into()],
        // What a command prints may be anything, too.
        run: Box::new(|command| Ok(command.to_owned())),
        file: Box::new(move |_| Ok(content.clone())),
    };
    for format in [
        Format::Msmtp,
        Format::Own,
        Format::Nullmailer,
        Format::Dma,
        Format::Ssmtp,
    ] {
        let lines = text.lines().count();
        let parsed = match format.parse(Path::new("/etc/config"), &environment) {
            Ok(parsed) => parsed,
            Err(fault) => {
                assert!(fault.line <= lines + 1, "{fault}");
                continue;
            }
        };
        for entry in &parsed.accounts {
            let account = match &entry.account {
                Ok(account) => account,
                Err(fault) => {
                    assert!(fault.line <= lines + 1, "{fault}");
                    continue;
                }
            };
            assert!(!account.relays.is_empty());
            for relay in &account.relays {
                // Nobody gets less than was asked for: what takes TLS away stands there as such.
                assert!(server_is_as_written(format, relay.server.security, text));
                let shown = format!("{relay:?}");
                if let Some(Secret::Literal(secret)) = relay.login.as_ref().and_then(|login| login.secret.as_ref())
                    && secret.len() > 40
                {
                    assert!(!shown.contains(secret.as_str()));
                }
            }
            let _ = account.aliases.expand("root");
            let _ = account.is_for(text);
        }
        let _ = parsed.choose(None, Some("root@home.test"));
    }
});

fn server_is_as_written(format: Format, security: Security, text: &str) -> bool {
    match (format, security) {
        (_, Security::StartTls | Security::Implicit) => true,
        (Format::Own, _) => text.contains("plain") || text.contains("starttls-if-offered") || text.contains('\\'),
        (Format::Dma, Security::PlainWithPassword) => text.contains("INSECURE"),
        (Format::Dma, Security::StartTlsIfOffered) => text.contains("OPPORTUNISTIC_TLS"),
        (_, Security::Plain) => true,
        _ => false,
    }
}
