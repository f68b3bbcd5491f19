//! Carries mails from the spool to the servers of an account: what a session said, as verdicts.

use super::config::Account;
use super::submit::{Report, deliver};
use super::{Failure, Refused};
use crate::spool::{Attempt, Content, Courier, Outcome, Verdict};
use gatepost_core::smtp::{self, Envelope, Keyword, Phase};

/// Submits to the first server of an account that answers; one connection a mail.
pub struct Submission<'a> {
    account: &'a Account,
}

impl<'a> Submission<'a> {
    /// By this account; its password is read for each mail, so that it can be replaced.
    pub fn new(account: &'a Account) -> Self {
        Self { account }
    }
}

impl Courier for Submission<'_> {
    fn deliver(&mut self, envelope: &Envelope<'_>, content: &mut Content) -> Attempt {
        let (mut said, mut accepted) = (Vec::new(), None);
        let outcome = self.account.try_each(&mut |server| {
            content.rewind();
            said.clear();
            deliver(server, envelope, content, &mut |report| match report {
                Report::Recipient {
                    address,
                    accepted: false,
                    reply,
                } => said.push(Refused {
                    address: address.to_owned(),
                    reply: reply.to_owned(),
                    transient: !reply.starts_with('5'),
                }),
                Report::Recipient { .. } | Report::Secured { .. } => {}
                Report::Accepted(reply) => accepted = Some(reply.to_owned()),
            })
        });
        let others = match (accepted, &outcome) {
            (Some(reply), _) => Some(Verdict {
                outcome: Outcome::Accepted,
                reply,
            }),
            (None, Err(failure)) => verdict(failure),
            // Not without a report of its acceptance.
            (None, Ok(())) => None,
        };
        let recipients = envelope.recipients.iter().map(|recipient| recipient.address.as_str());
        attempt(recipients, &said, others, outcome.err())
    }
}

/// What came of it for each recipient: what was said to him, or to the others.
fn attempt<'a>(
    recipients: impl Iterator<Item = &'a str>,
    said: &[Refused],
    others: Option<Verdict>,
    failure: Option<Failure>,
) -> Attempt {
    let why = failure.map_or_else(|| "no verdict".to_owned(), |failure| failure.to_string());
    if said.is_empty() && others.is_none() {
        return Attempt::Unreachable(why);
    }
    let others = others.unwrap_or(Verdict {
        outcome: Outcome::Transient,
        reply: why,
    });
    let verdicts = recipients.map(|address| {
        let refused = said.iter().rfind(|refused| refused.address == address);
        refused.map_or_else(
            || others.clone(),
            |refused| Verdict {
                outcome: match refused.transient {
                    true => Outcome::Transient,
                    false => Outcome::Permanent,
                },
                reply: refused.reply.clone(),
            },
        )
    });
    Attempt::Verdicts(verdicts.collect())
}

/// What a failed session says about the mail; `None`: nothing, only about the server, the way to it, or us.
fn verdict(failure: &Failure) -> Option<Verdict> {
    let Failure::Session { error, reply, .. } = failure else {
        return None;
    };
    // A code of RFC 3463 of our own where the server could not judge: RFC 5321 has no other word for it than 554.
    let local = |status: &str| {
        Some(Verdict {
            outcome: Outcome::Permanent,
            reply: format!("554 {status} {error}"),
        })
    };
    match error {
        smtp::Error::Refused { phase, code } => {
            let about_the_mail = matches!(
                phase,
                Phase::Mail | Phase::Recipient | Phase::Data | Phase::MailData | Phase::EndOfData
            );
            // 530, 535, 538: it wants a password, or a better one.
            let about_us = matches!(code.value(), 421 | 530 | 535 | 538);
            (about_the_mail && !about_us).then(|| Verdict {
                outcome: match code.is_permanent_negative() {
                    true => Outcome::Permanent,
                    false => Outcome::Transient,
                },
                reply: match reply {
                    Some(text) => format!("{code} {text}"),
                    None => code.to_string(),
                },
            })
        }
        smtp::Error::TooLarge => local("5.3.4"),
        smtp::Error::NotOffered(Keyword::EightBitMime | Keyword::BinaryMime) => local("5.6.3"),
        smtp::Error::NotOffered(Keyword::SmtpUtf8) => local("5.6.7"),
        smtp::Error::NotOffered(Keyword::RequireTls) => local("5.7.30"),
        _ => None,
    }
}
