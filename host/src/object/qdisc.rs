//! A queueing discipline: `struct tcmsg` and TCA attributes (linux/rtnetlink.h, linux/pkt_sched.h).

use super::attribute::{AttributeSet, Attributes, Encoder, Malformed, text_of};
use super::tbf::Tbf;
use super::{split_body, u32_at};

/// TCA attribute types.
pub mod tca {
    #![allow(missing_docs)] // the names of linux/rtnetlink.h
    pub const KIND: u16 = 1;
    pub const OPTIONS: u16 = 2;
    pub const STATS: u16 = 3;
    pub const XSTATS: u16 = 4;
    pub const STATS2: u16 = 7;
    pub const DUMP_INVISIBLE: u16 = 10;
    pub const HW_OFFLOAD: u16 = 12;
    pub const INGRESS_BLOCK: u16 = 13;
    pub const EGRESS_BLOCK: u16 = 14;
}

/// Handles with a meaning of their own (TC_H_*).
pub mod handle {
    #![allow(missing_docs)]
    pub const UNSPEC: u32 = 0;
    pub const ROOT: u32 = 0xffff_ffff;
    pub const INGRESS: u32 = 0xffff_fff1;
}

/// The options of a queueing discipline's kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Options {
    /// A token bucket filter.
    Tbf(Tbf),
    /// Those of another kind, as they came.
    Other(Vec<u8>),
}

/// A queueing discipline. Its key is index and parent; its handle is its name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Qdisc {
    /// AF_UNSPEC.
    pub family: u8,
    /// The link it is on.
    pub index: u32,
    /// Its name, major number in the upper half; 0: the kernel picks one.
    pub handle: u32,
    /// Where it hangs.
    pub parent: u32,
    /// How often it is referred to.
    pub info: u32,
    /// tbf, fq_codel, ingress ...
    pub kind: Option<String>,
    /// The options of its kind.
    pub options: Option<Options>,
    /// Every other attribute.
    pub others: AttributeSet,
}

impl Qdisc {
    /// Reads the body of RTM_NEWQDISC or RTM_DELQDISC.
    pub fn decode(body: &[u8]) -> Result<Qdisc, Malformed> {
        let (header, attributes) = split_body::<20>(body)?;
        let mut qdisc = Qdisc {
            family: header[0],
            index: u32_at(header, 4),
            handle: u32_at(header, 8),
            parent: u32_at(header, 12),
            info: u32_at(header, 16),
            ..Qdisc::default()
        };
        let mut options = None;
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            match attribute.kind {
                tca::KIND => qdisc.kind = Some(text_of(attribute.value)),
                tca::OPTIONS => options = Some(attribute.value),
                kind => qdisc.others.push(kind, attribute.value),
            }
        }
        // Only now: the kind need not come first.
        qdisc.options = options.map(|octets| match qdisc.kind.as_deref() {
            Some("tbf") => Tbf::decode(octets).map_or_else(|| Options::Other(octets.to_vec()), Options::Tbf),
            _ => Options::Other(octets.to_vec()),
        });
        Ok(qdisc)
    }

    /// Writes the body of a request.
    pub fn encode(&self, encoder: &mut Encoder) {
        encoder.raw(&[self.family, 0, 0, 0]);
        for word in [self.index, self.handle, self.parent, 0] {
            encoder.raw(&word.to_ne_bytes());
        }
        if let Some(kind) = &self.kind {
            encoder.text(tca::KIND, kind);
        }
        match &self.options {
            Some(Options::Tbf(tbf)) => encoder.nested(tca::OPTIONS, |options| tbf.encode(options)),
            Some(Options::Other(octets)) => encoder.attribute(tca::OPTIONS, octets),
            None => {}
        }
        // Statistics are told only.
        for attribute in self.others.iter().map_while(Result::ok) {
            if matches!(attribute.kind, tca::INGRESS_BLOCK | tca::EGRESS_BLOCK) {
                encoder.attribute(attribute.kind, attribute.value);
            }
        }
    }
}
