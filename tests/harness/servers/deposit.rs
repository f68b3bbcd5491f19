//! A directory in which a server leaves its mails: `<name>.eml` with the mail data, then `<name>.envelope`.
//!
//! The envelope is lines of words that tabs separate: `tls`, `user`, `from` and `to`, each with its value; `from` and
//! `to` are followed by the parameters of the command.

use super::mail::Received;
use crate::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The mails in `directory`, in the order of their names.
pub fn read(directory: &Path) -> Result<Vec<Received>> {
    let mut envelopes: Vec<PathBuf> = fs::read_dir(directory)
        .context(directory.display())?
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "envelope"))
        .collect();
    envelopes.sort();
    envelopes.iter().map(|path| mail(path)).collect()
}

fn mail(envelope: &Path) -> Result<Received> {
    let mut mail = Received {
        data: fs::read(envelope.with_extension("eml")).context(envelope.display())?,
        ..Received::default()
    };
    for line in fs::read_to_string(envelope).context(envelope.display())?.lines() {
        let mut words = line.split('\t').map(str::to_owned);
        let (key, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        match key.as_str() {
            "tls" => mail.tls = Some(value),
            "user" => mail.user = Some(value),
            "from" => {
                mail.reverse_path = value;
                mail.parameters = words.collect();
            }
            "to" => {
                mail.recipients.push(value);
                mail.recipient_parameters.push(words.collect());
            }
            _ => return Err(format!("{}: {key}: what is that?", envelope.display()).into()),
        }
    }
    Ok(mail)
}
