//! The words of `gatepost mail send`.

use super::{Attachment, Failure, Options, queue, submit};
use lexopt::{Arg, Parser, ValueExt};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// What the words ask for.
#[derive(Default)]
struct Send {
    options: Options,
    subject: String,
    text: Option<String>,
    attach: Option<PathBuf>,
    media_type: Option<String>,
}

/// Runs `gatepost mail` with these arguments: reports to standard output, the one error line to standard error.
///
/// Returns 0 if every recipient was accepted, else a number of `sysexits.h`: [`Failure::exit_code`].
pub fn run(arguments: Vec<OsString>) -> u8 {
    if let Some(code) = queue::run(&arguments, &mut io::stdout(), &mut io::stderr()) {
        return code;
    }
    let outcome = parse(Parser::from_args(arguments)).and_then(|words| match words {
        Some(words) => send(words),
        None => {
            print(format_args!("{USAGE}{}", Options::HELP));
            Ok(())
        }
    });
    match outcome {
        Ok(()) => 0,
        Err(failure) => {
            eprintln!("gatepost mail: {failure}");
            failure.exit_code()
        }
    }
}

fn send(words: Send) -> Result<(), Failure> {
    let account = words
        .options
        .account(&mut |warning| eprintln!("gatepost mail: warning: {warning}"))?;
    let text = match words.text {
        Some(text) => text,
        None => {
            let mut octets = Vec::new();
            io::stdin()
                .read_to_end(&mut octets)
                .map_err(|error| Failure::Input(format!("the body on standard input: {error}")))?;
            String::from_utf8(octets).map_err(|error| {
                let place = error.utf8_error().valid_up_to();
                Failure::Input(format!("the body on standard input: it is not UTF-8 at octet {place}"))
            })?
        }
    };
    let attachment = words.attach.map(|path| Attachment {
        path,
        media_type: words
            .media_type
            .unwrap_or_else(|| "application/octet-stream".to_owned()),
    });
    let from = account.reverse_path().map(str::to_owned);
    let letter = words.options.letter(from, words.subject, text, attachment)?;
    account.try_each(&mut |server| submit(server, &letter, &mut |report| print(format_args!("mail: {report}\n"))))
}

/// `None`: help was asked for.
fn parse(mut parser: Parser) -> Result<Option<Send>, Failure> {
    let mut verb = false;
    let mut words = Send::default();
    let refuse = |error: lexopt::Error| Failure::Usage(format!("{error}; --help tells the flags"));
    while let Some(arg) = parser.next().map_err(refuse)? {
        let flag = match arg {
            Arg::Short('h') | Arg::Long("help") => return Ok(None),
            Arg::Value(word) if !verb && word == "send" => {
                verb = true;
                continue;
            }
            Arg::Long(flag) => flag.to_owned(),
            arg => return Err(refuse(arg.unexpected())),
        };
        if !words.options.take(&flag, &mut parser).map_err(refuse)? {
            words.take(&flag, &mut parser).map_err(refuse)?;
        }
    }
    if verb {
        Ok(Some(words))
    } else {
        Err(Failure::Usage(
            "the word after mail is send, queue, flush, hold, drop or deliver; --help tells the flags".to_owned(),
        ))
    }
}

impl Send {
    fn take(&mut self, flag: &str, parser: &mut Parser) -> Result<(), lexopt::Error> {
        match flag {
            "subject" => self.subject = parser.value()?.string()?,
            "text" => self.text = Some(parser.value()?.string()?),
            "attach" => self.attach = Some(parser.value()?.into()),
            "media-type" => self.media_type = Some(parser.value()?.string()?),
            _ => return Err(Arg::Long(flag).unexpected()),
        }
        Ok(())
    }
}

/// Prints, and goes on if nobody reads it: the mail matters more.
fn print(text: std::fmt::Arguments<'_>) {
    let _ = io::stdout().write_fmt(text);
}

const USAGE: &str = "\
usage: gatepost mail send --from ADDRESS --to ADDRESS ... [--subject TEXT] [--text TEXT] [--server HOST]

Submits one mail, its body from --text or from standard input, and prints each recipient's outcome.
Exit code 0: every recipient accepted; 64 usage, 65 an address or the subject is wrong, 66 a file cannot be
read, 69 refused for good, 75 try again later, 76 the server breaks the protocol, 77 certificate or password
refused, or no TLS where it is required, 78 the configuration is missing or wrong.

  --subject TEXT           what it is about
  --text TEXT              the body
  --attach FILE            a file to send with it
  --media-type TYPE        what the file is; application/octet-stream if absent
";
