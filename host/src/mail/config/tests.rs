//! Configurations as they are found on machines, and what is made of them.

use super::*;
use crate::mail::Mechanism;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A machine with these files.
fn environment(files: &[(&str, &str)]) -> Environment {
    let files: BTreeMap<PathBuf, String> = files
        .iter()
        .map(|(path, text)| (PathBuf::from(path), (*text).to_owned()))
        .collect();
    Environment {
        home: Some("/home/alice".into()),
        user: Some("alice".into()),
        full_name: Some("Alice".into()),
        host: "gate".into(),
        mail_name: Some("home.test".into()),
        system_users: vec!["root".into(), "daemon".into()],
        run: Box::new(|command| match command {
            "print host" => Ok("host evaluated.test\nport 99\n".into()),
            _ => Err("it failed".into()),
        }),
        file: Box::new(move |path| files.get(path).cloned().ok_or_else(|| "No such file".to_owned())),
    }
}

fn parse(format: Format, text: &str, more: &[(&str, &str)]) -> Result<Parsed, Fault> {
    let mut files = vec![("/etc/config", text)];
    files.extend(more);
    format.parse(Path::new("/etc/config"), &environment(&files))
}

/// The server and the rest of an account in words, as far as they are said.
fn show(account: &Account) -> String {
    let mut text = String::new();
    for relay in &account.relays {
        let server = &relay.server;
        let _ = write!(text, "{} {:?}", server.endpoint, server.security);
        for (name, value) in [
            (
                "roots",
                (server.roots != crate::net::Roots::System).then(|| format!("{:?}", server.roots)),
            ),
            ("name", server.name.clone()),
            ("client", server.client.clone()),
            (
                "identity",
                server
                    .identity
                    .as_ref()
                    .map(|identity| format!("{}+{}", identity.certificate.display(), identity.key.display())),
            ),
            ("proxy", server.proxy.as_ref().map(|proxy| proxy.endpoint.to_string())),
            (
                "patience",
                server.patience.map(|patience| patience.as_secs().to_string()),
            ),
            (
                "lmtp",
                (server.protocol == gatepost_core::smtp::Protocol::Lmtp).then(String::new),
            ),
        ] {
            if let Some(value) = value {
                let _ = write!(text, " {name}={value}");
            }
        }
        if let Some(Login {
            user,
            secret,
            mechanism,
        }) = &relay.login
        {
            let secret = match secret {
                Some(Secret::Literal(secret)) => secret.clone(),
                Some(secret) => format!("{secret:?}"),
                None => "-".into(),
            };
            let _ = write!(text, " {user}:{secret}");
            if let Some(mechanism) = mechanism {
                let _ = write!(text, " by {mechanism:?}");
            }
        }
        text.push('\n');
    }
    for (name, value) in [
        ("from", account.from.clone()),
        ("no override", (!account.from_override).then(String::new)),
        ("name", account.full_name.clone()),
        ("domain", account.domain.clone()),
        (
            "set",
            (account.set_from != SetFrom::Missing).then(|| format!("{:?}", account.set_from)),
        ),
        ("no date", (!account.set_date).then(String::new)),
        ("no id", (!account.set_message_id).then(String::new)),
        ("undisclosed", account.undisclosed.then(String::new)),
        ("notify", account.notify.map(|notify| format!("{notify:?}"))),
        ("ret", account.ret.map(|ret| format!("{ret:?}"))),
    ] {
        if let Some(value) = value {
            let _ = writeln!(text, "{name} {value}");
        }
    }
    for warning in &account.warnings {
        let _ = writeln!(text, "warning {warning}");
    }
    text
}

fn check(format: Format, name: Option<&str>, text: &str, more: &[(&str, &str)], expected: &str) {
    let account = parse(format, text, more).and_then(|parsed| parsed.choose(name, None));
    let shown = account.map_or_else(|fault| format!("fault {fault}\n"), |account| show(&account));
    assert_eq!(shown, expected, "{text}");
}

fn check_fault(format: Format, text: &str, more: &[(&str, &str)], expected: &str) {
    let fault = parse(format, text, more)
        .and_then(|parsed| parsed.choose(None, None))
        .unwrap_err();
    assert!(fault.to_string().starts_with(expected), "{text}: {fault}");
    assert!(!fault.to_string().contains("s3cret"), "{fault}");
}

const MSMTPRC: &str = "\
# Example for a user configuration file ~/.msmtprc

# Set default values for all following accounts.
defaults
port 587
tls on
tls_trust_file /etc/ssl/certs/ca-certificates.crt
logfile ~/.msmtp.log

# A freemail service
account freemail
host smtp.freemail.example
from joe_smith@freemail.example
auth on
user \"joe smith\"
passwordeval \"gpg --no-tty -q -d ~/.msmtp-password.gpg\"

# A second mail address at the same freemail service
account freemail2 : freemail
from joey@freemail.example

# The SMTP server of your ISP
account isp
host mail.isp.example
from smithjoe@isp.example
tls_starttls off
port 465
auth plain
user 12345
password s3cret
tls_fingerprint 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF

account old
host old.example
auth ntlm
user x
password s3cret

account sub
host sub.example
from *@sub.example
auth off
tls off
timeout 30
domain %M
proxy_host 127.0.0.1
proxy_port 9050
protocol lmtp

# Set a default account
account default : freemail
";

#[test]
fn msmtp_accounts_inherit() {
    let trust = "roots=File(\"/etc/ssl/certs/ca-certificates.crt\")";
    let eval = "joe smith:Command(..)";
    let log = "warning 8: logfile: ignored: what happens is told on standard error\n";
    let check = |name, expected: &str| check(Format::Msmtp, name, MSMTPRC, &[], expected);
    for (name, from) in [
        (None, "joe_smith"),
        (Some("freemail"), "joe_smith"),
        (Some("freemail2"), "joey"),
    ] {
        check(
            name,
            &format!("smtp.freemail.example:587 StartTls {trust} {eval}\nfrom {from}@freemail.example\n{log}"),
        );
    }
    let parsed = parse(Format::Msmtp, MSMTPRC, &[]).unwrap();
    assert_eq!(parsed.secret_file, Some("/etc/config".into()));
    let isp = parsed.clone().choose(Some("isp"), None).unwrap();
    assert!(matches!(isp.relays[0].server.roots, crate::net::Roots::Pin(_)));
    assert!(
        show(&isp).starts_with("mail.isp.example:465 Implicit"),
        "{}",
        show(&isp)
    );
    assert!(show(&isp).contains(" 12345:s3cret by Plain\n"));
    check(
        Some("sub"),
        &format!(
            "sub.example:587 Plain {trust} client=home.test proxy=127.0.0.1:9050 patience=30 lmtp=\nfrom *@sub.example\n{log}"
        ),
    );
    check(
        Some("old"),
        "fault 35: auth: ntlm is not supported; on, plain, login, cram-md5, scram-sha-256, xoauth2, oauthbearer and \
         external are\n",
    );
    check(Some("none"), "fault  no account none\n");
    for (from, expected) in [
        ("JOEY@freemail.example", "freemail2"),
        ("anyone@sub.example", "sub"),
        ("anyone@else.example", "default"),
    ] {
        assert_eq!(parsed.clone().choose(None, Some(from)).unwrap().name, expected);
    }
    assert_eq!(
        parsed.choose(Some("isp"), Some("joey@freemail.example")).unwrap().name,
        "isp"
    );
}

#[test]
fn msmtp_on_one_account_as_installers_write_it() {
    check(
        Format::Msmtp,
        None,
        "account default\r\nhost localhost\r\nauth external\r\ntls\r\ntls_cert_file ~/c.pem\r\ntls_key_file ~/k.pem\r\n\
         tls_host_override mail.test\r\ndsn_notify failure,delay\r\ndsn_return headers\r\nset_from_header on\r\n\
         set_date_header off\r\nset_msgid_header off\r\nundisclosed_recipients on\r\nremove_bcc_headers off\r\n\
         allow_from_override off\r\nfrom %U@%H\r\nfrom_full_name \"Gate way\"\r\nmaildomain x.test\r\nsyslog off\r\n",
        &[],
        "localhost:25 StartTls name=mail.test identity=/home/alice/c.pem+/home/alice/k.pem :- by External\n\
         from alice@gate\nno override \nname Gate way\ndomain x.test\nset Always\nno date \nno id \nundisclosed \n\
         notify Notify { success: false, failure: true, delay: true }\nret Headers\n\
         warning 14: remove_bcc_headers: ignored: Bcc never leaves this machine\n",
    );
    check(
        Format::Msmtp,
        None,
        "account a\neval print host\ntls_starttls off",
        &[],
        "evaluated.test:25 Plain\n",
    );
    check(
        Format::Msmtp,
        None,
        "account a\nhost h\ntls on\ntls_starttls off\nadd_missing_from_header off\naliases ~/aliases",
        &[("/home/alice/aliases", "root: a@b.test")],
        "h:465 Implicit\nset Never\n",
    );
}

#[test]
fn what_msmtp_would_do_and_we_do_not() {
    for (text, expected) in [
        ("host a", "1: host: before the first account"),
        ("account a\nhost a\nbogus 1", "3: bogus: unknown command"),
        ("account a\nhost a\naccount a", "3: account a: there is one already"),
        ("account", "1: account: it needs a name"),
        ("account a : b", "1: account a: no account b before it"),
        ("account a", " account a: it has no host"),
        ("account a\nhost a b", "2: host: it is no host"),
        ("account a\nhost a\nport 65536", "3: port: it is no number"),
        ("account a\nhost a\ntls maybe", "3: tls: it is on or off"),
        (
            "account a\nhost a\ntls on\ntls_certcheck off",
            "4: tls_certcheck: a server that is not verified is not used",
        ),
        (
            "account a\nhost a\ntls on\ntls_trust_file",
            "4: tls_trust_file: a server that is not verified is not used",
        ),
        ("account a\nhost a\ntls_crl_file x", "3: tls_crl_file: revocation lists"),
        (
            "account a\nhost a\ntls_nostarttls on",
            "3: tls_nostarttls: write tls_starttls off",
        ),
        ("account a\nhost a\nsource_ip 192.0.2.1", "3: source_ip: "),
        ("account a\nhost a\nsocket /run/x", "3: socket: "),
        (
            "account a\nhost a\ntls_cert_file x",
            "3: tls_cert_file: it needs tls_key_file",
        ),
        (
            "account a\nhost a\ntls on\ntls_fingerprint 00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00:11:22:33",
            "4: tls_fingerprint: MD5 and SHA-1 can be forged",
        ),
        (
            "account a\nhost a\ntls_fingerprint x",
            "3: tls_fingerprint: it is neither",
        ),
        ("account a\nhost a\nauth on\npassword s3cret", "3: auth: it needs user"),
        (
            "account a\nhost a\nauth on\nuser s3cre",
            "3: auth: it needs passwordeval",
        ),
        (
            "account a\nhost a\nauth gssapi\nuser a",
            "3: auth: gssapi is not supported",
        ),
        ("account a\nhost a\ndsn_notify sometimes", "3: dsn_notify: "),
        ("account a\nhost a\ndsn_return some", "3: dsn_return: "),
        ("account a\nhost a\ntimeout -1", "3: timeout: "),
        ("account a\nhost a\nprotocol uucp", "3: protocol: "),
        ("account a\nhost a\nproxy_host a b", "3: proxy_host: "),
        ("account a\nhost a\naliases /none", "3: aliases: /none: No such file"),
        ("account a\neval s3cret", "2: eval: it failed"),
    ] {
        check_fault(Format::Msmtp, text, &[], expected);
    }
    // Doubling what is inherited comes to an end.
    let mut text = "account a0\nhost h\nport 1\n".to_owned();
    for index in 1..40 {
        let _ = writeln!(text, "account a{index} : a{0},a{0}", index - 1);
    }
    check_fault(Format::Msmtp, &text, &[], "15: account a12: it inherits too much");
}

#[test]
fn nullmailer_directories() {
    let remotes = "\
smtp.provider.test smtp --port=587 --starttls --user=alice@provider.test --pass='s3cret word'
# another
backup.test --ssl --x509cafile=/etc/ca.pem --x509certfile=/etc/c.pem -p 4650
192.0.2.1
";
    check(
        Format::Nullmailer,
        None,
        "",
        &[
            ("/etc/config/remotes", remotes),
            ("/etc/config/me", "gate\n"),
            ("/etc/config/defaultdomain", "home.test\n"),
            ("/etc/config/adminaddr", "admin@home.test\n"),
            ("/etc/config/helohost", "gate.home.test\n"),
            ("/etc/config/allmailfrom", "gate@home.test\n"),
            ("/etc/config/pausetime", "60\n"),
        ],
        "smtp.provider.test:587 StartTls client=gate.home.test alice@provider.test:s3cret word\n\
         backup.test:4650 Implicit roots=File(\"/etc/ca.pem\") client=gate.home.test identity=/etc/c.pem+/etc/c.pem\n\
         192.0.2.1:25 Plain client=gate.home.test\n\
         from gate@home.test\nno override \ndomain gate.home.test\nwarning  pausetime: ignored\n",
    );
    let files = [
        ("/etc/config/remotes", "a --user=b --pass=c\n"),
        ("/etc/config/adminaddr", "admin@home.test"),
    ];
    let parsed = parse(Format::Nullmailer, "", &files).unwrap();
    assert_eq!(parsed.secret_file, Some("/etc/config/remotes".into()));
    let account = parsed.choose(None, None).unwrap();
    for (recipient, expected) in [
        ("root", "admin@home.test"),
        ("root@localhost", "admin@home.test"),
        ("root@home.test", "admin@home.test"),
        ("root@mail.test", "root@mail.test"),
    ] {
        assert_eq!(account.aliases.expand(recipient).unwrap(), [expected]);
    }
    for (remotes, expected) in [
        ("", " remotes: no server in it"),
        ("a qmqp", "1: qmqp: only smtp is spoken"),
        (
            "\na --insecure",
            "2: --insecure: a server that is not verified is not used",
        ),
        ("a --tls-anon-auth", "1: --tls-anon-auth: a server that is not verified"),
        ("a --x509crlfile=/x", "1: --x509crlfile: revocation lists"),
        ("a --port=x", "1: --port: it is no number"),
        ("a --port", "1: --port: it needs a value"),
        ("a --user=x", "1: --user and --pass belong together"),
        ("a --frob", "1: --frob: unknown option"),
        ("a --pass='s3cret", "1: a quote without its end"),
        ("a/b", "1: \"a/b\": it is no host"),
    ] {
        check_fault(Format::Nullmailer, "", &[("/etc/config/remotes", remotes)], expected);
    }
    check_fault(Format::Nullmailer, "", &[], " remotes: No such file");
}

const DMA: &str = "\
# $DragonFly: src/etc/dma/dma.conf,v 1.2
SMARTHOST smtp.provider.test
PORT 587
#ALIASES /etc/aliases
#SPOOLDIR /var/spool/dma
AUTHPATH /etc/dma/auth.conf
SECURETRANSFER
STARTTLS
#OPPORTUNISTIC_TLS
MAILNAME /etc/mailname
MASQUERADE gate@home.test
DEFER
";

#[test]
fn dma_with_its_passwords_beside_it() {
    let files = [
        (
            "/etc/dma/auth.conf",
            "# users\nbob|other.test:no\nalice@provider.test|smtp.provider.test:s3c:ret|\n",
        ),
        ("/etc/mailname", "gate.home.test\n"),
    ];
    check(
        Format::Dma,
        None,
        DMA,
        &files,
        "smtp.provider.test:587 StartTls alice@provider.test:s3c:ret|\nfrom gate@home.test\nno override \n\
         domain home.test\nwarning 12: DEFER: ignored\n",
    );
    assert_eq!(
        parse(Format::Dma, DMA, &files).unwrap().secret_file,
        Some("/etc/dma/auth.conf".into())
    );
    for (text, expected) in [
        ("SMARTHOST a", "a:25 Plain\n"),
        ("SMARTHOST a\nSECURETRANSFER\nPORT 465", "a:465 Implicit\n"),
        (
            "SMARTHOST a\nSECURETRANSFER\nSTARTTLS\nOPPORTUNISTIC_TLS",
            "a:25 StartTlsIfOffered\n",
        ),
        (
            "SMARTHOST a\nINSECURE\nMASQUERADE b.test",
            "a:25 PlainWithPassword\ndomain b.test\n",
        ),
        (
            "SMARTHOST a\nCERTFILE /c\nMAILNAME m.test",
            "a:25 Plain identity=/c+/c\ndomain m.test\n",
        ),
        (
            "SMARTHOST a\nSTARTTLS",
            "fault 2: STARTTLS: it is without effect unless SECURETRANSFER stands beside it\n",
        ),
        (
            "SMARTHOST",
            "fault  SMARTHOST: missing, and mails are not delivered to each domain's own servers\n",
        ),
        (
            "SMARTHOST a\nFINGERPRINT 00",
            "fault 2: FINGERPRINT: it is neither 64 hexadecimal digits nor sha256// and base64\n",
        ),
        ("BOGUS a", "fault 1: BOGUS: unknown setting\n"),
        (
            "SMARTHOST a\nAUTHPATH /none",
            "fault 2: AUTHPATH: /none: No such file\n",
        ),
        (
            "SMARTHOST a\nAUTHPATH /bad",
            "fault 2: AUTHPATH: /bad:1: it is not user|host:password\n",
        ),
    ] {
        check(Format::Dma, None, text, &[("/bad", "s3cret")], expected);
    }
}

const SSMTP: &str = "\
#
# Config file for sSMTP sendmail
#
root=postmaster@home.test
mailhub=smtp.provider.test:587
rewriteDomain=home.test
hostname=gate.home.test
AuthUser=alice
AuthPass=s3cret
UseTLS=YES
UseSTARTTLS=YES
FromLineOverride=YES
";

#[test]
fn ssmtp_with_its_reverse_aliases() {
    check(
        Format::Ssmtp,
        None,
        SSMTP,
        &[(
            "/etc/revaliases",
            "# comment\nroot:root@home.test\nalice:gate@home.test:hub.test:2525\n",
        )],
        "hub.test:2525 StartTls alice:s3cret\nfrom gate@home.test\ndomain home.test\n",
    );
    let parsed = parse(Format::Ssmtp, SSMTP, &[]).unwrap();
    assert_eq!(parsed.secret_file, Some("/etc/config".into()));
    let account = parsed.choose(None, None).unwrap();
    assert_eq!(account.aliases.expand("root").unwrap(), ["postmaster@home.test"]);
    assert_eq!(account.aliases.expand("alice").unwrap(), ["alice"]);
    for (text, expected) in [
        ("mailhub=mail", "mail:25 Plain\nno override \nset Always\n"),
        (
            "mailhub=mail\nUseTLS=yes\nAuthMethod=CRAM-MD5\nAuthUser=a\nAuthPass=b",
            "mail:465 Implicit a:b by CramMd5\nno override \nset Always\n",
        ),
        (
            "mailhub mail\nUseTLS=Yes\nTLS_CA_File=/ca\nTLSCert=/c\nTLSKey=/k\nUseTLSCert=YES\nDebug=YES\nFromLineOverride=yes",
            "mail:465 Implicit roots=File(\"/ca\") identity=/c+/k\nwarning 7: debug: ignored\n",
        ),
        (
            "AuthUser=a",
            "fault 1: authuser: AuthUser and AuthPass belong together\n",
        ),
        (
            "TLS_CA_Dir=/etc/ssl",
            "fault 1: tls_ca_dir: only a file of authorities is read: TLS_CA_File\n",
        ),
        (
            "AuthUser=a\nAuthPass=b\nAuthMethod=NTLM",
            "fault 3: authmethod: it is LOGIN, PLAIN or CRAM-MD5\n",
        ),
        ("frob=1", "fault 1: frob: unknown setting\n"),
        ("UseTLS=maybe", "fault 1: usetls: it is on or off\n"),
    ] {
        check(Format::Ssmtp, None, text, &[], expected);
    }
}

const OWN: &str = r#"
# The gateway's mails
account = "backup"
from = "gate@home.test"
domain = "home.test"
user = "gate"
password-file = "~/.password"

[aliases]
root = "admin@home.test"
staff = ["a@home.test", "b@home.test"]

[accounts.provider]
server = "smtp.provider.test"
auth = "scram-sha-256"
timeout = 60

[accounts.backup]
server = "[2001:db8::1]:4650"
security = "tls"
server-name = "mail.backup.test"
password-command = "pass show mail"
ca = "/etc/ca.pem"
proxy = "socks5://127.0.0.1"
client = "gate.home.test"
notify = "failure,delay"
ret = "headers"
set-from = "always"
from-override = false
full-name = "The gate"
undisclosed-recipients = true
"#;

#[test]
fn our_own() {
    let provider = "smtp.provider.test:587 StartTls patience=60 gate:File(\"/home/alice/.password\") by ScramSha256\n\
                    from gate@home.test\ndomain home.test\n";
    check(Format::Own, Some("provider"), OWN, &[], provider);
    let backup = "[2001:db8::1]:4650 Implicit roots=File(\"/etc/ca.pem\") name=mail.backup.test client=gate.home.test \
                  proxy=127.0.0.1:1080 gate:Command(..)\nfrom gate@home.test\nno override \nname The gate\n\
                  domain home.test\nset Always\nundisclosed \n\
                  notify Notify { success: false, failure: true, delay: true }\nret Headers\n";
    check(Format::Own, None, OWN, &[], backup);
    let account = parse(Format::Own, OWN, &[]).unwrap().choose(None, None).unwrap();
    assert_eq!(account.aliases.expand("staff").unwrap(), ["a@home.test", "b@home.test"]);
    check(
        Format::Own,
        None,
        "server = \"a:26\"\nsecurity = \"plain\"",
        &[],
        "a:26 Plain\n",
    );
    let external = "server = \"a\"\nauth = \"external\"\ncertificate = \"/c\"\nkey = \"/k\"";
    check(
        Format::Own,
        None,
        external,
        &[],
        "a:587 StartTls identity=/c+/k :- by External\n",
    );
    assert_eq!(Mechanism::parse("external"), Some(Mechanism::External));
}

#[test]
fn our_own_names_what_is_wrong() {
    for (text, expected) in [
        ("", " server: missing"),
        ("\n\nserver = ", "3: "),
        ("server = \"a\"\nserver = \"b\"", "2: "),
        ("server = \"a\"\nfrob = 1", "2: frob: unknown setting"),
        ("[accounts.a]\nserver = \"a\"\nfrob = 1", "3: frob: unknown setting"),
        ("accounts = 1", "1: accounts: "),
        ("[accounts]\na = 1", "2: accounts.a: "),
        (
            "account = \"b\"\n[accounts.a]\nserver = \"a\"",
            "1: account: no [accounts.b]",
        ),
        ("server = 1", "1: server: it is a text"),
        ("server = \"a b\"", "1: server: it is neither"),
        ("server = \"a\"\nsecurity = \"ssl\"", "2: security: it is starttls,"),
        ("server = \"a\"\nuser = \"u\"", "2: user: it needs password-file"),
        ("server = \"a\"\npassword = \"s3cret\"", "2: password: it needs user"),
        (
            "server = \"a\"\nuser = \"u\"\npassword = \"s3cret\"\npassword-file = \"x\"",
            "4: password and password-file: only one",
        ),
        ("server = \"a\"\nauth = \"ntlm\"", "2: auth: it is plain,"),
        ("server = \"a\"\nfingerprint = \"00\"", "2: fingerprint: it is neither"),
        ("server = \"a\"\nproxy = \"s3cret\"", "2: proxy: it does not begin"),
        ("server = \"a\"\nkey = \"x\"", "2: key: it needs certificate"),
        ("server = \"a\"\ntimeout = \"1\"", "2: timeout: it is a number"),
        ("server = \"a\"\nfrom = \"a\\r\\nb\"", "2: from: it is a text without"),
        (
            "server = \"a\"\nundisclosed-recipients = \"yes\"",
            "2: undisclosed-recipients: it is true or false",
        ),
        ("server = \"a\"\n[aliases]\nroot = 1", "2: aliases: root leads to"),
    ] {
        check_fault(Format::Own, text, &[], expected);
    }
}

#[test]
fn the_first_place_that_exists_is_the_one() {
    let places: Vec<String> = places(Some(Path::new("/home/alice")), None)
        .iter()
        .map(|place| place.display().to_string())
        .collect();
    assert_eq!(
        places[..5],
        [
            "/home/alice/.config/gatepost/mail.toml",
            "/home/alice/.msmtprc",
            "/home/alice/.config/msmtp/config",
            "/etc/gatepost/mail.toml",
            "/etc/msmtprc",
        ]
    );
    let formats: Vec<_> = places
        .iter()
        .map(|place| Format::of(Path::new(place)).unwrap())
        .collect();
    use Format::{Dma, Msmtp, Nullmailer, Own, Ssmtp};
    assert_eq!(formats, [Own, Msmtp, Msmtp, Own, Msmtp, Nullmailer, Dma, Ssmtp]);
}
