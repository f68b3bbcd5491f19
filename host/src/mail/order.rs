//! An envelope that is owned: from whom, to whom, and what is asked of the servers on the way.

use super::Failure;
use gatepost_core::message::{self, Address};
use gatepost_core::smtp::{Date, DeliverBy, Envelope, EnvelopeId, Hold, Notify, Options, Priority, Recipient, Return};

/// What goes into an [`Envelope`]; addresses and values are checked when it is lent.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// Where failures are reported to; `None`: nowhere.
    pub reverse_path: Option<String>,
    /// Who receives the mail.
    pub recipients: Vec<To>,
    /// How much of the mail a notification returns.
    pub ret: Option<Return>,
    /// What it calls the envelope.
    pub envelope_id: Option<String>,
    /// Only over TLS, all the way.
    pub require_tls: bool,
    /// -9 to 9.
    pub priority: Option<i8>,
    /// Until when it is of use.
    pub deliver_by: Option<DeliverBy>,
    /// Since when: seconds, or a date-time of RFC 3339.
    pub hold: Option<Since>,
    /// To all recipients or to none.
    pub all_or_nothing: bool,
}

/// A recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct To {
    /// The forward-path.
    pub address: String,
    /// About what the originator is told.
    pub notify: Option<Notify>,
    /// Whom the originator named.
    pub original: Option<String>,
}

/// From when on a server may pass a mail on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Since {
    /// In so many seconds.
    In(u32),
    /// At this moment, as RFC 3339 writes it.
    At(String),
}

impl From<String> for To {
    fn from(address: String) -> Self {
        Self {
            address,
            notify: None,
            original: None,
        }
    }
}

impl Order {
    /// Gives `act` the envelope, if all of it can be said.
    pub fn lend<R>(&self, act: impl FnOnce(&Envelope<'_>) -> Result<R, Failure>) -> Result<R, Failure> {
        let mut recipients = Vec::with_capacity(self.recipients.len());
        for to in &self.recipients {
            recipients.push(Recipient {
                address: address(&to.address)?,
                notify: to.notify,
                original: to.original.as_deref().map(address).transpose()?,
            });
        }
        let refuse = |what: &str| Failure::Usage(what.to_owned());
        let envelope_id = self
            .envelope_id
            .as_deref()
            .map(|id| EnvelopeId::new(id).ok_or_else(|| refuse(ENVELOPE_ID)));
        let priority = self
            .priority
            .map(|value| Priority::new(value).ok_or_else(|| refuse("the priority is -9 to 9")));
        let hold = match &self.hold {
            None => None,
            Some(Since::In(seconds)) => Some(Hold::For(*seconds)),
            Some(Since::At(text)) => Some(Hold::Until(Date::new(text).ok_or_else(|| refuse(MOMENT))?)),
        };
        let envelope = Envelope {
            reverse_path: self.reverse_path.as_deref().map(address).transpose()?,
            recipients: &recipients,
            options: Options {
                ret: self.ret,
                envelope_id: envelope_id.transpose()?,
                require_tls: self.require_tls,
                priority: priority.transpose()?,
                deliver_by: self.deliver_by,
                hold,
                all_or_nothing: self.all_or_nothing,
            },
        };
        act(&envelope)
    }
}

/// An address, of UTF-8 if it must be; the failure shows it.
pub(super) fn address(text: &str) -> Result<Address<'_>, Failure> {
    let parsed = Address::parse(text).or_else(|error| match text.is_ascii() {
        true => Err(error),
        false => Address::parse_utf8(text),
    });
    parsed.map_err(|error: message::Error| Failure::Letter {
        part: format!("{text:?}"),
        error,
    })
}

const ENVELOPE_ID: &str = "the envelope identifier is printable ASCII of at most 100 octets";
const MOMENT: &str = "a moment is written as 2026-11-22T10:00:00Z";
