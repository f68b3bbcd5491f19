//! What changed, as a person reads it and as a program does.

use crate::json;
use std::fmt;

/// What kind of thing changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A network interface.
    Link,
    /// An address on a link.
    Address,
    /// A route that is no default route.
    Route,
    /// The best route to everywhere, of one address family.
    DefaultRoute,
    /// A neighbour.
    Neighbour,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Of what.
    pub kind: Kind,
    /// Which one: a link's name, an address and its link, a route's destination.
    pub subject: String,
    /// What became of it.
    pub what: String,
    /// Whether an operator must know.
    pub alert: bool,
}

impl Change {
    /// The change as one JSON object.
    pub fn json(&self) -> String {
        json::Object::new()
            .text("kind", &self.kind.to_string())
            .text("subject", &self.subject)
            .text("what", &self.what)
            .plain("alert", self.alert)
            .finish()
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.kind, self.subject, self.what)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link => "link",
            Self::Address => "address",
            Self::Route => "route",
            Self::DefaultRoute => "default route",
            Self::Neighbour => "neighbour",
        })
    }
}
