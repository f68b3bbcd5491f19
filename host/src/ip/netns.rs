//! `ip netns`: named network namespaces.

use super::failure::Failure;
use super::print::Printer;
use super::words::{Words, matches};
use crate::netlink::namespace;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What is to be done with namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Tell their names.
    List,
    /// Make one.
    Add(String),
    /// Take a name away.
    Delete(String),
    /// Become this program in the namespace.
    Execute(String, Vec<String>),
}

/// What follows `netns`.
pub(super) fn parse(words: &mut Words<'_>) -> Result<Request, Failure> {
    let Some(verb) = words.next() else {
        return Ok(Request::List);
    };
    let name = |words: &mut Words<'_>| {
        words
            .next()
            .ok_or_else(|| Failure::inapplicable("No netns name specified"))
    };
    match verb.as_str() {
        verb if matches(verb, "list") || matches(verb, "show") || matches(verb, "lst") => Ok(Request::List),
        verb if matches(verb, "help") => Err(Failure::words(USAGE)),
        verb if matches(verb, "add") => Ok(Request::Add(name(words)?)),
        verb if matches(verb, "delete") => Ok(Request::Delete(name(words)?)),
        verb if matches(verb, "exec") => {
            let name = name(words)?;
            match words.rest() {
                program if program.is_empty() => Err(Failure::inapplicable("No command specified")),
                program => Ok(Request::Execute(name, program)),
            }
        }
        verb => Err(Failure::words(format!(
            "Command \"{verb}\" is unknown, try \"ip netns help\"."
        ))),
    }
}

/// Does it.
pub(super) fn execute(request: &Request, out: &mut Printer) -> Result<(), Failure> {
    let failure = |error: namespace::Error| Failure::inapplicable(error.to_string());
    match request {
        Request::List => {
            let names = namespace::names().map_err(|error| Failure::inapplicable(error.to_string()))?;
            out.begin();
            for name in names {
                out.open_object();
                out.string("name", &name, format_args!("{name}\n"));
                out.close_object();
            }
            Ok(())
        }
        Request::Add(name) => namespace::add(name).map_err(failure),
        Request::Delete(name) => namespace::delete(name).map_err(failure),
        Request::Execute(name, program) => {
            namespace::enter(name).map_err(|error| Failure {
                code: 255,
                ..failure(error)
            })?;
            let Some((path, arguments)) = program.split_first() else {
                return Err(Failure::inapplicable("No command specified"));
            };
            let error = Command::new(path).args(arguments).exec();
            let text = crate::netlink::errno::text_of(&error);
            Err(Failure::words(format!("exec of \"{path}\" failed: {text}")))
        }
    }
}

const USAGE: &str = "\
Usage: ip netns list
       ip netns add NAME
       ip netns delete NAME
       ip netns exec NAME cmd ...
";
