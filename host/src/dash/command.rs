//! The words of `gatepost dash play`.

use super::report::Report;
use super::{Cause, Failure, play};
use crate::net::Roots;
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Write};

/// What the words ask for.
struct Play {
    url: String,
    roots: Roots,
    fast: bool,
    json: bool,
    output: Option<OsString>,
}

/// Runs `gatepost dash` with these words: the report to `out`, or to `err` if the stream itself goes to `out`.
///
/// Returns 0 after the last segment, else a number of `sysexits.h`: [`Failure::exit_code`].
pub fn run(words: Vec<OsString>, out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let outcome = match parse(Parser::from_args(words)) {
        Ok(Some(words)) => perform(&words, out, err),
        // Who asked for help and does not read it needs no error.
        Ok(None) => {
            let _ = out.write_all(USAGE.as_bytes());
            Ok(())
        }
        Err(error) => Err(Cause::Usage(format!("{error}; --help tells the flags")).at("")),
    };
    match outcome {
        Ok(()) => 0,
        Err(failure) => {
            let _ = writeln!(err, "gatepost dash: {failure}");
            failure.exit_code()
        }
    }
}

fn perform(words: &Play, out: &mut dyn Write, err: &mut dyn Write) -> Result<(), Failure> {
    let tell = |to: &mut dyn Write, report: Report<'_>| {
        let written = match words.json {
            true => writeln!(to, "{}", report.json()),
            false => writeln!(to, "{report}"),
        };
        written
            .and_then(|()| to.flush())
            .map_err(|error| Cause::Output(error).at("the report"))
    };
    let play = |output: &mut dyn Write, name: &str, to: &mut dyn Write| {
        let failed = |error| Cause::Output(error).at(name);
        let mut sink = |octets: &[u8]| output.write_all(octets).map_err(failed);
        play(&words.url, words.roots.clone(), words.fast, &mut sink, &mut |report| {
            tell(to, report)
        })?;
        output.flush().map_err(failed)
    };
    match &words.output {
        None => play(&mut io::sink(), "", out),
        Some(name) if name == "-" => play(out, "standard output", err),
        Some(name) => {
            let text = name.to_string_lossy();
            let file = File::create(name).map_err(|error| Cause::Output(error).at(text.as_ref()))?;
            play(&mut BufWriter::new(file), &text, out)
        }
    }
}

/// `None`: help was asked for.
fn parse(mut parser: Parser) -> Result<Option<Play>, lexopt::Error> {
    let mut verb = false;
    let mut url = None;
    let (mut fast, mut json, mut roots, mut output) = (false, false, Roots::System, None);
    while let Some(arg) = parser.next()? {
        match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Long("fast") => fast = true,
            Arg::Long("json") => json = true,
            Arg::Long("ca") => roots = Roots::File(parser.value()?.into()),
            Arg::Long("output") => output = Some(parser.value()?),
            Arg::Value(word) if !verb && word == "play" => verb = true,
            Arg::Value(word) if verb && url.is_none() => url = Some(word.string()?),
            arg => return Err(arg.unexpected()),
        }
    }
    match url {
        Some(url) => Ok(Some(Play {
            url,
            roots,
            fast,
            json,
            output,
        })),
        None if verb => Err("missing the URL of the manifest".into()),
        None => Err("the word after dash is play".into()),
    }
}

const USAGE: &str = "\
usage: gatepost dash play URL [--fast] [--output FILE|-] [--json] [--ca FILE]

Plays the DASH stream whose manifest is at URL, http or https: fetches every segment in order, at the bitrate
that the network carries, as fast as a player would. Prints a line per segment and a summary.
Exit code 0: played to its end; 64 usage, 65 the manifest is malformed, cut or of an unsupported kind, 66 a file
cannot be read, 69 the server has no such content, 74 the output cannot be written, 75 the network failed,
76 the server breaks the protocol, 77 its certificate was refused.

  --fast           do not wait where a player would play; the whole stream as fast as it comes
  --output FILE    write initialization and media segments to FILE; - is standard output
  --json           a JSON object per line
  --ca FILE        trust only the certificates of this PEM file, not the system's
";
