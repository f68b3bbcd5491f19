//! Dovecot for nothing but SASL: the other half of a submission server made of Postfix.

use super::contained;
use super::mail::Policy;
use crate::namespace::Namespace;
use crate::process::{Process, until};
use crate::{Context, Result};
use base64::prelude::{BASE64_STANDARD as STANDARD, BASE64_URL_SAFE_NO_PAD as URL, Engine as _};
use ring::hmac;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The mechanisms it offers.
pub const MECHANISMS: &str = "PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256 XOAUTH2 OAUTHBEARER";

/// Starts it below `root`, with its socket at `socket`. Needs root.
pub fn start(namespace: &Namespace, root: &Path, socket: &Path, policy: &Policy) -> Result<Process> {
    let mut settings = settings(root, policy)?;
    settings += &format!(
        "protocols =
ssl = no
userdb {{
  driver = static
  args = uid=65534 gid=65534 home={directory}/users
}}
service auth {{
  unix_listener {socket} {{
    mode = 0666
  }}
}}
",
        directory = root.display(),
        socket = socket.display(),
    );
    fs::write(root.join("dovecot.conf"), settings)?;
    let mut command = contained("dovecot");
    command.arg("-F").arg("-c").arg(root.join("dovecot.conf"));
    let process = namespace.spawn("Dovecot", command)?;
    until("Dovecot's SASL socket", LIMIT, || socket.exists())
        .map_err(|error| format!("{error}; {}", process.lines().join("\n")))?;
    Ok(process)
}

/// The settings that every Dovecot needs: where it lives below `root`, and whom it authenticates by what.
pub(super) fn settings(root: &Path, policy: &Policy) -> Result<String> {
    let version = Command::new("dovecot").arg("--version").output().context("dovecot")?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if !version.starts_with("2.3") {
        return Err(format!("Dovecot {} is here; this configuration is for 2.3", version.trim()).into());
    }
    for name in ["run", "users", "tokens/default/HS256"] {
        fs::create_dir_all(root.join(name))?;
    }
    fs::write(
        root.join("users/passwd"),
        format!("{}:{{PLAIN}}{}\n", policy.user, policy.password),
    )?;
    fs::write(root.join("tokens/default/HS256/default"), STANDARD.encode(TOKEN_KEY))?;
    let directory = root.display();
    fs::write(
        root.join("tokens.conf"),
        format!(
            "introspection_mode = local
local_validation_key_dict = fs:posix:prefix={directory}/tokens/
username_attribute = sub
"
        ),
    )?;
    Ok(format!(
        "base_dir = {directory}/run
state_dir = {directory}/run
log_path = /dev/stderr
disable_plaintext_auth = no
auth_mechanisms = {mechanisms}
auth_failure_delay = 0
default_internal_user = nobody
default_internal_group = nogroup
default_login_user = nobody
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {directory}/users/passwd
}}
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {directory}/tokens.conf
}}
",
        mechanisms = MECHANISMS.to_lowercase(),
    ))
}

/// A bearer token for `user` (RFC 7519, HS256), valid for an hour.
pub fn token(user: &str) -> String {
    // A clock before 1970 gives a token that is refused, and the test says so.
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let header = URL.encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    let claims = format!(
        r#"{{"sub":"{user}","iat":{now},"nbf":{},"exp":{}}}"#,
        now.saturating_sub(60),
        now + 3600
    );
    let signed = format!("{header}.{}", URL.encode(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, TOKEN_KEY), signed.as_bytes());
    format!("{signed}.{}", URL.encode(signature))
}

const TOKEN_KEY: &[u8] = b"the key that signs the laboratory's tokens";

const LIMIT: Duration = Duration::from_secs(20);
