//! Where a password is. Never on a command line: everyone on the machine can read that.

use crate::mail::Failure;
use std::env::VarError;
use std::ffi::OsString;
use std::fmt::{self, Display};
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Where a password, or a token, is to be had.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// Here: it stands in the configuration.
    Literal(String),
    /// In the first line of a file.
    File(PathBuf),
    /// In an environment variable.
    Environment(OsString),
    /// In the first line that `sh -c` of this prints.
    Command(String),
}

impl Secret {
    /// The password, or the token; a failure names the place, never the content.
    pub fn read(&self) -> Result<String, Failure> {
        match self {
            Self::Literal(secret) => Ok(secret.clone()),
            Self::File(path) => {
                let refuse = |cause: &dyn Display| Failure::Input(format!("password file {}: {cause}", path.display()));
                let text = std::fs::read_to_string(path).map_err(|error| refuse(&error))?;
                first_line(&text).ok_or_else(|| refuse(&"its first line is empty"))
            }
            Self::Environment(variable) => {
                let refuse =
                    |cause: &dyn Display| Failure::Input(format!("password in {}: {cause}", variable.display()));
                std::env::var(variable).map_err(|error| match error {
                    VarError::NotPresent => refuse(&"no such environment variable"),
                    VarError::NotUnicode(_) => refuse(&"it is not UTF-8"),
                })
            }
            Self::Command(command) => {
                // Not even its words are shown: people write `echo` and the password.
                let refuse = |cause: &dyn Display| Failure::Input(format!("password command: {cause}"));
                let output = run(command).map_err(|error| refuse(&error))?;
                first_line(&output).ok_or_else(|| refuse(&"the first line that it printed is empty"))
            }
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(_) => f.write_str("Literal(..)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Environment(variable) => f.debug_tuple("Environment").field(variable).finish(),
            Self::Command(_) => f.write_str("Command(..)"),
        }
    }
}

/// What `sh -c` of this prints, at most [`MOST`] octets; the error does not show the command.
pub(super) fn run(command: &str) -> Result<String, String> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| error.to_string())?;
    let mut octets = Vec::new();
    let read = match child.stdout.take() {
        Some(output) => output.take(MOST).read_to_end(&mut octets),
        None => Ok(0),
    };
    let status = child.wait().map_err(|error| error.to_string())?;
    read.map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("it failed: {status}"));
    }
    String::from_utf8(octets).map_err(|_| "what it printed is not UTF-8".to_owned())
}

fn first_line(text: &str) -> Option<String> {
    text.lines().next().filter(|line| !line.is_empty()).map(str::to_owned)
}

/// No token is longer; what a command prints beyond is not read.
const MOST: u64 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_prints_it_in_its_first_line() {
        let read = |command: &str| Secret::Command(command.to_owned()).read();
        assert_eq!(read("printf 's3cr\\303\\251t\\nmore\\n'").unwrap(), "s3cr\u{e9}t");
        assert_eq!(read("cat; echo nobody is asked").unwrap(), "nobody is asked");
        for (command, expected) in [
            ("echo s3cret; exit 3", "password command: it failed: exit status: 3"),
            (
                "echo; echo s3cret",
                "password command: the first line that it printed is empty",
            ),
            ("true", "password command: the first line that it printed is empty"),
            ("printf '\\377'", "password command: what it printed is not UTF-8"),
        ] {
            assert_eq!(read(command).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn it_is_not_shown() {
        for secret in [Secret::Literal("s3cret".into()), Secret::Command("echo s3cret".into())] {
            assert!(!format!("{secret:?}").contains("s3cret"));
        }
    }
}
