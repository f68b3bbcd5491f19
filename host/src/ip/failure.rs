//! What goes wrong with a command: the line on the error output and the exit code, as `ip` has them.

use crate::netlink::{Error, errno};

/// Why a command failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What to print on the error output, lines with their ends; may be empty.
    pub text: String,
    /// The exit code: 1 what was said makes no sense here, 2 the kernel refused, 255 the words make no sense at all.
    pub code: u8,
}

impl Failure {
    /// The words are understood but do not apply.
    pub(crate) fn inapplicable(text: impl Into<String>) -> Failure {
        Failure {
            text: line(text.into()),
            code: 1,
        }
    }

    /// The words are not understood.
    pub(crate) fn words(text: impl Into<String>) -> Failure {
        Failure {
            text: line(text.into()),
            code: 255,
        }
    }

    /// An argument has a value that it cannot have.
    pub(crate) fn invalid(message: &str, argument: &str) -> Failure {
        Failure::words(format!("Error: argument \"{argument}\" is wrong: {message}\n"))
    }

    /// An argument is there twice.
    pub(crate) fn duplicate(keyword: &str, argument: &str) -> Failure {
        Failure::words(format!(
            "Error: duplicate \"{keyword}\": \"{argument}\" is the second value."
        ))
    }

    /// A word with no keyword before it is there twice, or is not a word that belongs here.
    pub(crate) fn garbage(keyword: &str, argument: &str) -> Failure {
        Failure::words(format!(
            "Error: either \"{keyword}\" is duplicate, or \"{argument}\" is a garbage."
        ))
    }

    /// A word is missing at the end.
    pub(crate) fn incomplete() -> Failure {
        Failure::words("Command line is not complete. Try option \"help\"")
    }

    /// There is no such link.
    pub(crate) fn no_device(name: &str) -> Failure {
        Failure::inapplicable(format!("Cannot find device \"{name}\""))
    }
}

fn line(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}

/// What is said of a change or query that failed.
pub(crate) fn refused(error: &Error) -> Failure {
    let text = match error {
        Error::Refused(refusal) => match &refusal.message {
            Some(message) => extended("Error", message),
            None => format!("RTNETLINK answers: {}", errno::text(refusal.errno)),
        },
        error => format!("Error: {error}."),
    };
    Failure {
        text: line(text),
        code: 2,
    }
}

/// The words of an extended acknowledgement as a sentence.
pub(crate) fn extended(severity: &str, message: &str) -> String {
    let stop = if message.ends_with('.') { "" } else { "." };
    format!("{severity}: {message}{stop}\n")
}
