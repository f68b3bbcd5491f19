//! Attributes, the type-length-value records that every rtnetlink message ends with: read in place, written in place.
//!
//! ```text
//! | length u16 | type u16 | value ...  | padding to 4 |      length counts the header, not the padding
//! ```
//!
//! Numbers are in the byte order of the machine. A nested attribute's value is a row of attributes again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The two flag bits in an attribute's type (NLA_F_NESTED, NLA_F_NET_BYTEORDER) are not part of it.
const TYPE_MASK: u16 = 0x3fff;
const HEADER: usize = 4;

/// The length to which messages and attributes are padded.
pub const fn aligned(length: usize) -> usize {
    length.saturating_add(3) & !3
}

/// A message or an attribute claims a length that its surroundings do not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// What is too short.
    pub what: &'static str,
}

impl std::fmt::Display for Malformed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "malformed netlink message: {} is cut short", self.what)
    }
}

impl std::error::Error for Malformed {}

/// One attribute, borrowed from the datagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its type without the flag bits.
    pub kind: u16,
    /// Its value without padding.
    pub value: &'a [u8],
}

/// A row of attributes, read one by one; after a malformed one it ends.
#[derive(Debug, Clone, Copy)]
pub struct Attributes<'a> {
    octets: &'a [u8],
}

impl<'a> Attributes<'a> {
    /// The attributes in `octets`.
    pub fn new(octets: &'a [u8]) -> Attributes<'a> {
        Attributes { octets }
    }

    /// The value of the last well-formed attribute of this type; the kernel lets the last one win too.
    pub fn get(self, kind: u16) -> Option<&'a [u8]> {
        let found = |attribute: Attribute<'a>| (attribute.kind == kind).then_some(attribute.value);
        self.map_while(Result::ok).filter_map(found).last()
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<Attribute<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        // Less than a header at the end is padding.
        let (header, _) = self.octets.split_at_checked(HEADER)?;
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let kind = u16::from_ne_bytes([header[2], header[3]]) & TYPE_MASK;
        let Some(value) = self.octets.get(HEADER..length) else {
            self.octets = &[];
            return Some(Err(Malformed { what: "an attribute" }));
        };
        self.octets = self.octets.get(aligned(length)..).unwrap_or(&[]);
        Some(Ok(Attribute { kind, value }))
    }
}

/// Attributes kept as they came, in their order: those that no field of an object stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributeSet {
    encoder: Encoder,
}

impl AttributeSet {
    /// Adds an attribute at the end.
    pub fn push(&mut self, kind: u16, value: &[u8]) {
        self.encoder.attribute(kind, value);
    }

    /// A set of the attributes in `octets`; those after a malformed one are left out.
    pub fn of(octets: &[u8]) -> AttributeSet {
        let mut set = AttributeSet::default();
        for attribute in Attributes::new(octets).map_while(Result::ok) {
            set.push(attribute.kind, attribute.value);
        }
        set
    }

    /// The attributes, in their order.
    pub fn iter(&self) -> Attributes<'_> {
        Attributes::new(self.encoder.octets())
    }

    /// The value of the last attribute of this type.
    pub fn get(&self, kind: u16) -> Option<&[u8]> {
        self.iter().get(kind)
    }

    /// The number in the attribute of this type, if it is there and as long as the number.
    pub fn u8(&self, kind: u16) -> Option<u8> {
        self.get(kind).and_then(u8_of)
    }

    /// The number in the attribute of this type, if it is there and as long as the number.
    pub fn u16(&self, kind: u16) -> Option<u16> {
        self.get(kind).and_then(u16_of)
    }

    /// The number in the attribute of this type, if it is there and as long as the number.
    pub fn u32(&self, kind: u16) -> Option<u32> {
        self.get(kind).and_then(u32_of)
    }

    /// The number in the attribute of this type, if it is there and as long as the number.
    pub fn u64(&self, kind: u16) -> Option<u64> {
        self.get(kind).and_then(u64_of)
    }

    /// The text in the attribute of this type.
    pub fn text(&self, kind: u16) -> Option<String> {
        self.get(kind).map(text_of)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.encoder.octets().is_empty()
    }

    /// The attributes as octets.
    pub fn octets(&self) -> &[u8] {
        self.encoder.octets()
    }
}

/// The one octet of an attribute's value.
pub fn u8_of(value: &[u8]) -> Option<u8> {
    value.first().copied()
}

/// The number in an attribute's value.
pub fn u16_of(value: &[u8]) -> Option<u16> {
    value.first_chunk().map(|octets| u16::from_ne_bytes(*octets))
}

/// The number in an attribute's value.
pub fn u32_of(value: &[u8]) -> Option<u32> {
    value.first_chunk().map(|octets| u32::from_ne_bytes(*octets))
}

/// The number in an attribute's value.
pub fn u64_of(value: &[u8]) -> Option<u64> {
    value.first_chunk().map(|octets| u64::from_ne_bytes(*octets))
}

/// The text in an attribute's value, up to its NUL.
pub fn text_of(value: &[u8]) -> String {
    let end = value.iter().position(|octet| *octet == 0).unwrap_or(value.len());
    String::from_utf8_lossy(&value[..end]).into_owned()
}

/// The address in an attribute's value: four octets are IPv4, sixteen IPv6, everything else none.
pub fn ip_of(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => value
            .first_chunk()
            .map(|octets: &[u8; 4]| Ipv4Addr::from(*octets).into()),
        16 => value
            .first_chunk()
            .map(|octets: &[u8; 16]| Ipv6Addr::from(*octets).into()),
        _ => None,
    }
}

/// Writes headers and attributes into one buffer that is used again and again.
#[derive(Debug, Clone, Default)]
pub struct Encoder {
    octets: Vec<u8>,
    too_long: bool,
}

impl PartialEq for Encoder {
    fn eq(&self, other: &Encoder) -> bool {
        self.octets == other.octets
    }
}

impl Eq for Encoder {}

impl Encoder {
    /// What was written so far.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Whether an attribute was longer than its length field can say (65,535 octets); what was written is then useless.
    pub fn too_long(&self) -> bool {
        self.too_long
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.octets.clear();
        self.too_long = false;
    }

    /// Forgets everything after the first `length` octets.
    pub fn truncate(&mut self, length: usize) {
        self.octets.truncate(length);
        self.too_long = false;
    }

    /// Writes octets as they are: fixed headers.
    pub fn raw(&mut self, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
    }

    /// Overwrites the four octets at `position`, which must have been written before.
    pub fn patch_u32(&mut self, position: usize, value: u32) {
        if let Some(octets) = self.octets.get_mut(position..).and_then(|tail| tail.first_chunk_mut()) {
            *octets = value.to_ne_bytes();
        }
    }

    /// Pads to the next multiple of four.
    pub fn pad(&mut self) {
        self.octets.resize(aligned(self.octets.len()), 0);
    }

    /// An attribute with this value.
    pub fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.nested(kind, |encoder| encoder.raw(value));
    }

    /// An attribute that holds one octet.
    pub fn u8(&mut self, kind: u16, value: u8) {
        self.attribute(kind, &[value]);
    }

    /// An attribute that holds a number.
    pub fn u16(&mut self, kind: u16, value: u16) {
        self.attribute(kind, &value.to_ne_bytes());
    }

    /// An attribute that holds a number.
    pub fn u32(&mut self, kind: u16, value: u32) {
        self.attribute(kind, &value.to_ne_bytes());
    }

    /// An attribute that holds a number.
    pub fn u64(&mut self, kind: u16, value: u64) {
        self.attribute(kind, &value.to_ne_bytes());
    }

    /// An attribute that holds text and its NUL.
    pub fn text(&mut self, kind: u16, value: &str) {
        self.nested(kind, |encoder| {
            encoder.raw(value.as_bytes());
            encoder.raw(&[0]);
        });
    }

    /// An attribute that holds an address.
    pub fn ip(&mut self, kind: u16, value: IpAddr) {
        match value {
            IpAddr::V4(address) => self.attribute(kind, &address.octets()),
            IpAddr::V6(address) => self.attribute(kind, &address.octets()),
        }
    }

    /// An attribute whose value `content` writes; its length is put in afterwards.
    pub fn nested(&mut self, kind: u16, content: impl FnOnce(&mut Encoder)) {
        let start = self.octets.len();
        self.raw(&[0; 2]);
        self.raw(&kind.to_ne_bytes());
        content(self);
        let length = self.octets.len() - start;
        match u16::try_from(length) {
            Ok(length) => self.octets[start..start + 2].copy_from_slice(&length.to_ne_bytes()),
            Err(_) => self.too_long = true,
        }
        self.pad();
    }

    /// Attributes as they were kept.
    pub fn set(&mut self, set: &AttributeSet) {
        self.raw(set.octets());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let mut encoder = Encoder::default();
        encoder.u8(1, 7);
        encoder.text(2, "lo");
        encoder.nested(3, |inner| inner.u64(4, u64::MAX));
        encoder.ip(5, IpAddr::from([10, 0, 0, 1]));
        assert_eq!(encoder.octets().len() % 4, 0);
        let read: Vec<_> = Attributes::new(encoder.octets())
            .map(|attribute| attribute.unwrap())
            .collect();
        assert_eq!(
            read.iter().map(|attribute| attribute.kind).collect::<Vec<_>>(),
            [1, 2, 3, 5]
        );
        assert_eq!(text_of(read[1].value), "lo");
        assert_eq!(Attributes::new(read[2].value).get(4).and_then(u64_of), Some(u64::MAX));
        assert_eq!(ip_of(read[3].value), Some(IpAddr::from([10, 0, 0, 1])));
    }

    #[test]
    fn a_length_beyond_the_end_is_malformed_and_ends_the_row() {
        for octets in [&[9u8, 0, 1, 0, 1, 2, 3, 4][..], &[3, 0, 1, 0], &[0, 0, 1, 0]] {
            let read: Vec<_> = Attributes::new(octets).collect();
            assert_eq!(read, [Err(Malformed { what: "an attribute" })]);
        }
    }

    #[test]
    fn flag_bits_are_not_part_of_the_type() {
        let octets = [4, 0, 0x12, 0x80];
        assert_eq!(Attributes::new(&octets).get(0x12), Some(&[][..]));
    }

    #[test]
    fn a_value_of_more_than_16_bits_of_length_is_noticed() {
        let mut encoder = Encoder::default();
        encoder.nested(1, |inner| inner.attribute(2, &[0; 65_530]));
        assert!(encoder.too_long());
        encoder.clear();
        encoder.attribute(1, &[0; 65_531]);
        assert!(!encoder.too_long());
    }
}
