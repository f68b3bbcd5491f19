//! `cargo lab bench`: Gatepost measured beside other programs that do the same, in the same run on the same machine.
//!
//! An area is a folder of functions, each of which measures a few [`table::Row`]s and hands them to the [`table::Report`].

mod child;
mod image;
mod smtp;
mod table;

use harness::Result;
use table::Report;

/// What the command line asks for.
struct Options {
    area: String,
    json: bool,
    symbols: bool,
}

/// Measures an area and prints it row by row; true if everything of ours could be measured.
pub(crate) fn run(words: &[String]) -> Result<bool> {
    let options = parse(words)?;
    let report = Report::new(&options.area, options.json);
    match options.area.as_str() {
        "smtp" if options.symbols => smtp::symbols(),
        "smtp" => smtp::run(report),
        other => Err(format!("no area {other}: smtp").into()),
    }
}

fn parse(words: &[String]) -> Result<Options> {
    use lexopt::prelude::*;
    let (mut area, mut json, mut symbols) = (None, false, false);
    let mut parser = lexopt::Parser::from_args(words);
    while let Some(argument) = parser.next()? {
        match argument {
            Long("json") => json = true,
            Long("symbols") => symbols = true,
            Value(word) if area.is_none() => area = Some(word.string()?),
            _ => return Err(argument.unexpected().into()),
        }
    }
    let area = area.ok_or("cargo lab bench AREA [--json]: the area is smtp")?;
    Ok(Options { area, json, symbols })
}
