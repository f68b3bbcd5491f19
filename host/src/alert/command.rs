//! The words of `gatepost watch`.

use super::run;
use crate::mail::{Failure, Options, Server};
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsString;
use std::io::Write;
use std::time::Duration;

/// What the words ask for.
pub(super) struct Watch {
    /// End with the first alert.
    pub(super) once: bool,
    pub(super) json: bool,
    pub(super) neighbours: bool,
    pub(super) settle: Duration,
    pub(super) options: Options,
    pub(super) server: Option<Server>,
}

/// Runs `gatepost watch` with these words: changes to `out`, failures to `err`.
///
/// Returns 0 after `--once`, 71 if the kernel cannot be watched, else a number of [`Failure::exit_code`].
pub fn run(words: Vec<OsString>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let failure = match parse(Parser::from_args(words)) {
        Ok(Some(watch)) => match ready(watch, err) {
            Ok(watch) => return run::run(&watch, out, err),
            Err(failure) => failure,
        },
        Ok(None) => {
            // Who asked for help and does not read it needs no error.
            let _ = write!(out, "{USAGE}{}", Options::HELP);
            return 0;
        }
        Err(error) => Failure::Usage(format!("{error}; --help tells the flags")),
    };
    let _ = writeln!(err, "gatepost watch: {failure}");
    failure.exit_code()
}

/// Checks now what would otherwise fail when the first alert is due.
fn ready(mut watch: Watch, err: &mut dyn Write) -> Result<Watch, Failure> {
    if watch.options.any() {
        let server = watch.options.server(&mut |warning| {
            let _ = writeln!(err, "gatepost watch: warning: {warning}");
        })?;
        server.check()?;
        watch.options.letter(None, "Alert".to_owned(), String::new(), None)?;
        watch.server = Some(server);
    }
    Ok(watch)
}

/// `None`: help was asked for.
fn parse(mut parser: Parser) -> Result<Option<Watch>, lexopt::Error> {
    let mut watch = Watch {
        once: false,
        json: false,
        neighbours: false,
        settle: Duration::from_secs(1),
        options: Options::default(),
        server: None,
    };
    while let Some(arg) = parser.next()? {
        let flag = match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Long(flag) => flag.to_owned(),
            arg => return Err(arg.unexpected()),
        };
        match flag.as_str() {
            "once" => watch.once = true,
            "json" => watch.json = true,
            "neighbours" => watch.neighbours = true,
            "settle" => watch.settle = Duration::from_secs(parser.value()?.parse::<u16>()?.into()),
            flag if watch.options.take(flag, &mut parser)? => {}
            flag => return Err(Arg::Long(flag).unexpected()),
        }
    }
    Ok(Some(watch))
}

const USAGE: &str = "\
usage: gatepost watch [--once] [--json] [--server HOST --from ADDRESS --to ADDRESS ...]

Prints a line for each change of links, addresses and routes; with a server also mails an alert when a link
goes down or up, or when the default route changes. Alerts that come together are one mail. A mail that does
not arrive is tried again until it does, at the latest every minute.

  --once                   end with the first alert, once it is mailed
  --json                   a JSON object per line
  --neighbours             also tell changes of neighbours
  --settle SECONDS         mail when no further alert came for so long; 1 if absent
";
