//! The envelope as it is kept: owned, and as good as the borrowed one of `core` that it was made from.

use super::Error;
use gatepost_core::message::Address;
use gatepost_core::smtp::{self, EnvelopeId, Notify, Priority, Return};

/// From whom and to whom; made from what `core` has checked, or read from a file and checked again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Envelope {
    pub(super) reverse_path: Option<String>,
    pub(super) recipients: Vec<Recipient>,
    pub(super) ret: Option<Return>,
    pub(super) envelope_id: Option<String>,
    pub(super) require_tls: bool,
    pub(super) priority: Option<i8>,
}

/// One recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recipient {
    pub(super) address: String,
    pub(super) notify: Option<Notify>,
    pub(super) original: Option<String>,
}

impl Envelope {
    /// Keeps an envelope; a recipient who is named twice gets the mail once.
    ///
    /// Time limits, holding and all-or-nothing cannot be kept: they mean the moment of submission.
    pub(super) fn keep(envelope: &smtp::Envelope<'_>) -> Result<Self, Error> {
        let options = &envelope.options;
        let refused = [
            (options.deliver_by.is_some(), "a time limit of the delivery"),
            (options.hold.is_some(), "holding by the server"),
            (options.all_or_nothing, "all recipients or none"),
        ];
        if let Some((_, what)) = refused.iter().find(|(asked, _)| *asked) {
            return Err(Error::NotKept(what));
        }
        let mut recipients: Vec<Recipient> = Vec::new();
        for recipient in envelope.recipients {
            let address = recipient.address.as_str();
            if !recipients.iter().any(|known| known.address == address) {
                recipients.push(Recipient {
                    address: address.to_owned(),
                    notify: recipient.notify,
                    original: recipient.original.map(|original| original.as_str().to_owned()),
                });
            }
        }
        if recipients.is_empty() || recipients.len() > MOST_RECIPIENTS {
            return Err(Error::Recipients(MOST_RECIPIENTS));
        }
        Ok(Self {
            reverse_path: envelope.reverse_path.map(|address| address.as_str().to_owned()),
            recipients,
            ret: options.ret,
            envelope_id: options.envelope_id.map(|id| id.as_str().to_owned()),
            require_tls: options.require_tls,
            priority: options.priority.map(Priority::value),
        })
    }

    /// Where failures are reported to; `None`: nowhere, because it is a report itself.
    pub fn reverse_path(&self) -> Option<&str> {
        self.reverse_path.as_deref()
    }

    /// The addresses of all recipients.
    pub fn recipients(&self) -> impl Iterator<Item = &str> {
        self.recipients.iter().map(|recipient| recipient.address.as_str())
    }

    /// Gives `act` the envelope for the recipients at these places.
    pub(super) fn lend<R>(&self, places: &[usize], act: impl FnOnce(&smtp::Envelope<'_>) -> R) -> R {
        let recipients: Vec<smtp::Recipient<'_>> = places
            .iter()
            .filter_map(|place| self.recipients.get(*place))
            .filter_map(|recipient| {
                Some(smtp::Recipient {
                    address: address(&recipient.address)?,
                    notify: recipient.notify,
                    original: recipient.original.as_deref().and_then(address),
                })
            })
            .collect();
        act(&smtp::Envelope {
            reverse_path: self.reverse_path.as_deref().and_then(address),
            recipients: &recipients,
            options: smtp::Options {
                ret: self.ret,
                envelope_id: self.envelope_id.as_deref().and_then(EnvelopeId::new),
                require_tls: self.require_tls,
                priority: self.priority.and_then(Priority::new),
                ..smtp::Options::default()
            },
        })
    }
}

/// An address as an envelope may hold it.
pub(super) fn address(text: &str) -> Option<Address<'_>> {
    Address::parse(text).ok()
}

/// So many recipients a mail may have; RFC 5321 4.5.3.1.8 asks for 100.
pub(super) const MOST_RECIPIENTS: usize = 1000;
