//! `gatepost tc`: queueing disciplines, in the vocabulary of iproute2.
//!
//! The words, tables and printer are those of [`crate::ip`]; what `tc` says otherwise than `ip` is here.

mod qdisc;
mod quantity;
mod show;
mod tbf;

use crate::ip::{Databases, Failure, LinkNames, Options, Words, extended, matches, refused};
use crate::netlink::{Connection, Query, namespace};
use crate::object::{Change, Object};
use std::collections::VecDeque;
use std::io::Write;

/// What the words ask for.
pub enum Command {
    /// Change something.
    Change(Change),
    /// Show queueing disciplines.
    Qdiscs(qdisc::Selector),
}

/// The command that words after the options ask for.
pub fn parse(words: &mut Words<'_>) -> Result<Command, Failure> {
    let object = words.next().unwrap_or_else(|| "help".to_owned());
    match object.as_str() {
        object if matches(object, "qdisc") => qdisc::parse(words),
        object if matches(object, "help") => Err(Failure {
            text: USAGE.to_owned(),
            code: 0,
        }),
        object => {
            let text = format!("Object \"{object}\" is unknown, try \"tc help\".\n");
            Err(Failure { text, code: 255 })
        }
    }
}

/// Runs `tc` with these words; returns the exit code.
pub fn run(words: impl IntoIterator<Item = String>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let mut warnings = String::new();
    let outcome = attempt(words.into_iter().collect(), &mut warnings);
    let failure = match outcome {
        Ok(said) => match out.write_all(said.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => Failure {
                text: String::new(),
                code: 0,
            },
            Err(error) => Failure {
                text: format!("Cannot write: {error}\n"),
                code: 1,
            },
        },
        Err(failure) => failure,
    };
    // There is nowhere to say that the error output is gone.
    let _ = err
        .write_all(warnings.as_bytes())
        .and_then(|()| err.write_all(failure.text.as_bytes()));
    failure.code
}

fn attempt(mut words: VecDeque<String>, warnings: &mut String) -> Result<String, Failure> {
    let options = options(&mut words)?;
    if words.is_empty() {
        return Err(Failure {
            text: USAGE.to_owned(),
            code: 0,
        });
    }
    if let Some(name) = &options.namespace {
        namespace::enter(name).map_err(|error| Failure {
            text: format!("{error}\n"),
            code: 255,
        })?;
    }
    let failed = |error: crate::netlink::Error| Failure {
        text: format!("Cannot open rtnetlink: {error}\n"),
        code: 1,
    };
    let mut connection = Connection::open().map_err(failed)?;
    let databases = Databases::default();
    let mut links = LinkNames::new(&mut connection);
    let command = parse(&mut Words::new(words, &mut links, &databases, 0))?;
    match command {
        Command::Change(change) => {
            let warning = links.connection.execute(&change).map_err(|error| refused(&error))?;
            if let Some(warning) = warning {
                warnings.push_str(&extended("Warning", &warning));
            }
            Ok(String::new())
        }
        Command::Qdiscs(selector) => {
            let query = Query::Qdiscs {
                index: selector.index,
                invisible: selector.invisible,
            };
            let objects = links.connection.dump(&query).map_err(|error| Failure {
                text: format!("{}Dump terminated\n", refused(&error).text),
                code: 1,
            })?;
            let mut out = options.printer();
            out.begin();
            for object in &objects {
                if let Object::Qdisc(qdisc) = object
                    && selector.selects(qdisc)
                {
                    show::show(qdisc, &selector, &options, &mut links, &mut out);
                }
            }
            Ok(out.finish())
        }
    }
}

/// Takes the options off the front of the words.
fn options(words: &mut VecDeque<String>) -> Result<Options, Failure> {
    let mut options = Options::default();
    while let Some(word) = words.front().filter(|word| word.starts_with('-')).cloned() {
        words.pop_front();
        match word.as_str() {
            word if matches(word, "-stats") || matches(word, "-statistics") => {
                options.statistics = options.statistics.saturating_add(1);
            }
            word if matches(word, "-details") => options.details = true,
            word if matches(word, "-raw") => options.raw = true,
            word if matches(word, "-pretty") => options.pretty = true,
            word if matches(word, "-iec") => options.iec = true,
            word if matches(word, "-help") => {
                return Err(Failure {
                    text: USAGE.to_owned(),
                    code: 0,
                });
            }
            word if matches(word, "-netns") => {
                let missing = || Failure {
                    text: "Command line is not complete. Try option \"help\"\n".into(),
                    code: 255,
                };
                options.namespace = Some(words.pop_front().ok_or_else(missing)?);
            }
            word if matches(word, "-json") => options.json = true,
            word if matches(word, "-oneline") => options.oneline = true,
            word => {
                let text = format!("Option \"{word}\" is unknown, try \"tc -help\".\n");
                return Err(Failure { text, code: 255 });
            }
        }
    }
    Ok(options)
}

const USAGE: &str = "\
Usage:	tc [ OPTIONS ] OBJECT { COMMAND | help }
where  OBJECT := { qdisc }
       OPTIONS := { -s[tatistics] | -d[etails] | -r[aw] | -o[neline] | -j[son] | -p[retty] | -iec |
                    -n[etns] name }
";
