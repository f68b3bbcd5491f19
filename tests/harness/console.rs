//! What the device writes on its console, one event a line.

/// A line of the device's console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The device has an address.
    Address {
        /// The address with its prefix length.
        address: String,
        /// `dhcp` or `fallback`.
        by: String,
    },
    /// TLS is up and the server's certificate verified.
    Secured {
        /// The version of TLS.
        version: String,
        /// The name that was verified.
        name: String,
    },
    /// The server answered for one recipient.
    Recipient {
        /// Position in the envelope.
        index: usize,
        /// The reply code.
        code: u16,
    },
    /// The server took the mail.
    Accepted {
        /// The reply code.
        code: u16,
    },
    /// The bandwidths of the stream, bit/s.
    Representations(Vec<u32>),
    /// A segment was downloaded.
    Segment(Segment),
    /// The stream has been played to its end.
    Played {
        /// Segments downloaded.
        segments: u32,
        /// How often the representation changed.
        switches: u32,
        /// Time without media after start-up.
        stalled_ms: u64,
    },
    /// All is done.
    Done,
    /// The device gave up: cause and place.
    Error(String),
    /// Anything else, kept for the reader.
    Other(String),
}

/// A downloaded segment, as the device reports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// Its number in the stream, as in its URL.
    pub number: u32,
    /// The representation chosen, 0 is the lowest.
    pub representation: usize,
    /// That representation's bandwidth, bit/s.
    pub bandwidth: u32,
    /// Its size.
    pub octets: u64,
    /// How long the download took.
    pub elapsed_ms: u64,
    /// The throughput measured, kbit/s.
    pub measured_kbps: u64,
    /// Media buffered after it.
    pub buffered_ms: u64,
    /// Time without media so far, after start-up.
    pub stalled_ms: u64,
}

impl Event {
    /// Reads one line.
    pub fn parse(line: &str) -> Self {
        known(line).unwrap_or_else(|| Self::Other(line.to_owned()))
    }
}

fn known(line: &str) -> Option<Event> {
    if line == "done" {
        return Some(Event::Done);
    }
    let (subject, rest) = line.split_once(": ")?;
    let words: Vec<&str> = rest.split(' ').collect();
    Some(match (subject, words.as_slice()) {
        ("error", _) => Event::Error(rest.to_owned()),
        ("net", ["address", address, .., "by", by]) => Event::Address {
            address: (*address).to_owned(),
            by: (*by).to_owned(),
        },
        ("mail", ["tls", version, "verified", name]) => Event::Secured {
            version: (*version).to_owned(),
            name: (*name).to_owned(),
        },
        ("mail", ["recipient", index, code, ..]) => Event::Recipient {
            index: index.parse().ok()?,
            code: code.parse().ok()?,
        },
        ("mail", ["accepted", code, ..]) => Event::Accepted {
            code: code.parse().ok()?,
        },
        ("stream", ["representations", bandwidths @ ..]) => {
            Event::Representations(bandwidths.iter().map(|word| word.parse().ok()).collect::<Option<_>>()?)
        }
        ("stream", ["done", fields @ ..]) => Event::Played {
            segments: number(fields, "segments")?,
            switches: number(fields, "switches")?,
            stalled_ms: number(fields, "stalled_ms")?,
        },
        ("segment", fields) => Event::Segment(Segment {
            number: number(fields, "number")?,
            representation: number(fields, "representation")?,
            bandwidth: number(fields, "bandwidth")?,
            octets: number(fields, "octets")?,
            elapsed_ms: number(fields, "elapsed_ms")?,
            measured_kbps: number(fields, "measured_kbps")?,
            buffered_ms: number(fields, "buffered_ms")?,
            stalled_ms: number(fields, "stalled_ms")?,
        }),
        _ => return None,
    })
}

/// The word after `name`, as a number.
fn number<T: std::str::FromStr>(fields: &[&str], name: &str) -> Option<T> {
    let place = fields.iter().position(|word| *word == name)?;
    fields.get(place + 1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_console_are_read() {
        let line = "segment: number 7 representation 2 bandwidth 1200000 octets 150000 elapsed_ms 420 \
                    measured_kbps 2857 buffered_ms 6200 stalled_ms 0";
        let Event::Segment(segment) = Event::parse(line) else {
            panic!("{line}");
        };
        assert_eq!((segment.number, segment.representation), (7, 2));
        assert_eq!((segment.measured_kbps, segment.buffered_ms), (2857, 6200));
        assert_eq!(
            Event::parse("net: address 192.168.77.10/24 gateway 192.168.77.1 by dhcp"),
            Event::Address {
                address: "192.168.77.10/24".into(),
                by: "dhcp".into()
            }
        );
        assert_eq!(
            Event::parse("mail: recipient 1 550 5.1.1 no such user"),
            Event::Recipient { index: 1, code: 550 }
        );
        assert_eq!(
            Event::parse("error: mail: tls: unknown issuer"),
            Event::Error("mail: tls: unknown issuer".into())
        );
    }

    #[test]
    fn a_cut_line_is_kept_as_it_is() {
        let line = "segment: number 7 representation";
        assert_eq!(Event::parse(line), Event::Other(line.into()));
    }
}
