//! The options before the object: what family, how much, and in which form.

use super::failure::Failure;
use super::prefix::family_named;
use super::print::Printer;
use super::words::matches;
use crate::object::family;

/// How a command is to be understood and its answer shown.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// AF_UNSPEC for any.
    pub family: u8,
    /// JSON, not text.
    pub json: bool,
    /// JSON with line ends.
    pub pretty: bool,
    /// One line per object.
    pub oneline: bool,
    /// Only names, states and addresses.
    pub brief: bool,
    /// More of each object.
    pub details: bool,
    /// Counters; twice: those of errors too.
    pub statistics: u8,
    /// Counters with units.
    pub human: bool,
    /// Units of 1024.
    pub iec: bool,
    /// Numbers as they are, for tc.
    pub raw: bool,
    /// The network namespace to work in.
    pub namespace: Option<String>,
}

/// What the options before the object ask for beside a way to show.
pub(crate) enum Asked {
    /// The command that follows.
    Command,
    /// Which version this is.
    Version,
    /// How to use it.
    Help,
}

/// Takes the options off the front of the words.
pub(crate) fn options(words: &mut std::collections::VecDeque<String>) -> Result<(Options, Asked), Failure> {
    let mut options = Options::default();
    while let Some(word) = words.front().filter(|word| word.starts_with('-')).cloned() {
        words.pop_front();
        if word == "--" {
            break;
        }
        let option = word
            .strip_prefix('-')
            .filter(|rest| rest.starts_with('-'))
            .unwrap_or(&word);
        // As in every table here, the order decides between abbreviations.
        match option {
            _ if matches(option, "-family") => {
                let name = words.pop_front().ok_or_else(|| Failure::words(USAGE))?;
                options.family =
                    family_named(&name).ok_or_else(|| Failure::invalid("invalid protocol family", &name))?;
            }
            "-4" => options.family = family::INET,
            "-6" => options.family = family::INET6,
            "-0" => options.family = family::PACKET,
            "-M" => options.family = family::MPLS,
            "-B" => options.family = family::BRIDGE,
            _ if matches(option, "-human-readable") => options.human = true,
            _ if matches(option, "-iec") => options.iec = true,
            _ if matches(option, "-stats") || matches(option, "-statistics") => {
                options.statistics = options.statistics.saturating_add(1);
            }
            _ if matches(option, "-details") => options.details = true,
            _ if matches(option, "-oneline") => options.oneline = true,
            _ if matches(option, "-Version") => return Ok((options, Asked::Version)),
            _ if matches(option, "-brief") => options.brief = true,
            _ if matches(option, "-json") => options.json = true,
            _ if matches(option, "-pretty") => options.pretty = true,
            _ if matches(option, "-help") => return Ok((options, Asked::Help)),
            _ if matches(option, "-netns") => {
                options.namespace = Some(words.pop_front().ok_or_else(Failure::incomplete)?);
            }
            _ => {
                return Err(Failure::words(format!(
                    "Option \"{option}\" is unknown, try \"ip -help\"."
                )));
            }
        }
    }
    Ok((options, Asked::Command))
}

impl Options {
    /// A printer in the form asked for.
    pub(crate) fn printer(&self) -> Printer {
        Printer::new(self.json, self.pretty, self.oneline)
    }
}

/// How to use it.
pub(crate) const USAGE: &str = "\
Usage: ip [ OPTIONS ] OBJECT { COMMAND | help }
where  OBJECT := { address | link | neighbour | netns | route | tuntap }
       OPTIONS := { -V[ersion] | -s[tatistics] | -d[etails] | -h[uman-readable] | -iec |
                    -j[son] | -p[retty] | -f[amily] { inet | inet6 | mpls | bridge | link } |
                    -4 | -6 | -M | -B | -0 | -o[neline] | -br[ief] | -n[etns] name }
";
