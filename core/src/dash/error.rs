//! What is wrong with a manifest, and where.

use crate::http::UrlError;
use core::fmt;

/// What is wrong, and at which octet from the start of the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error {
    /// What is wrong.
    pub kind: ErrorKind,
    /// Octets of the document before it.
    pub offset: u64,
}

/// What is wrong with a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Octets that are not UTF-8, or a declaration of another encoding.
    Encoding,
    /// A character that XML does not allow (XML 1.0 2.2).
    Character,
    /// An XML declaration that is malformed or not at the start.
    Declaration,
    /// A DOCTYPE: entities and defaults of its own are refused.
    Doctype,
    /// `<` without a tag, comment, CDATA section or processing instruction behind it.
    Markup,
    /// `--` within a comment.
    Comment,
    /// A malformed name.
    Name,
    /// Within a tag: not `name="value"`, `>` or `/>`, or no space before it.
    Attribute,
    /// Neither one of the five predefined entities nor a character reference.
    Entity,
    /// `]]>` outside a CDATA section.
    SectionEnd,
    /// An end tag that is not the open element's.
    EndTag,
    /// Something beside the one root element.
    Root,
    /// A name, value or reference longer than the window that was lent.
    TooLong,
    /// Elements nested deeper than the names in the lent buffer can tell.
    TooDeep,
    /// An attribute stands twice in one tag.
    Duplicate,
    /// More attributes in one tag than the names in the lent buffer leave room for, at four octets each.
    TooMany,
    /// The document ended within an element, or before its root.
    Incomplete,
    /// The root element is not MPD.
    NotMpd,
    /// An attribute's value is not of its type or not in its range.
    Value(&'static str),
    /// An attribute that must be there is not.
    Missing(&'static str),
    /// The manifest is well-formed, but cannot be played.
    Track(TrackError),
}

/// Why a track cannot be made of the elements, or a URL of the track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackError {
    /// `@type` is `dynamic`.
    Dynamic,
    /// More than one Period.
    SeveralPeriods,
    /// No Representation that could be played.
    NoRepresentation,
    /// More Representations than the track holds.
    Representations,
    /// More runs of unequal segments than the track holds.
    Runs,
    /// More text of URLs, templates and identifiers than the track holds.
    Texts,
    /// Segments that are addressed by this element instead of a SegmentTemplate.
    Unsupported(&'static str),
    /// Segments without an address: no `SegmentTemplate@media`.
    NoTemplate,
    /// A template with an unknown identifier, a bad width, or without its second `$`.
    Template,
    /// `$Time$` without a SegmentTimeline.
    TimeWithoutTimeline,
    /// Neither `SegmentTemplate@duration` nor a SegmentTimeline.
    NoSegments,
    /// `@timescale` is 0.
    Timescale,
    /// A segment of no duration: `S@d` or `SegmentTemplate@duration` is 0.
    SegmentDuration,
    /// Where the segments end is said nowhere.
    DurationUnknown,
    /// A run does not begin behind the start of the segment before it.
    Order,
    /// A time or a number beyond 64 bits.
    Overflow,
    /// The Representations have different numbers of segments.
    Misaligned,
    /// No such Representation or segment.
    OutOfRange,
    /// A URL that cannot be requested.
    Url(UrlError),
}

impl From<UrlError> for TrackError {
    fn from(error: UrlError) -> Self {
        Self::Url(error)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "manifest: {} at octet {}", self.kind, self.offset)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Encoding => "not UTF-8",
            Self::Character => "a character that XML does not allow",
            Self::Declaration => "malformed or misplaced XML declaration",
            Self::Doctype => "DOCTYPE is refused",
            Self::Markup => "`<` begins no markup",
            Self::Comment => "`--` within a comment",
            Self::Name => "malformed name",
            Self::Attribute => "malformed attribute",
            Self::Entity => "unknown entity or character reference",
            Self::SectionEnd => "`]]>` outside a CDATA section",
            Self::EndTag => "the end tag is not the open element's",
            Self::Root => "more than one root element",
            Self::TooLong => "a name or value longer than the buffer",
            Self::TooDeep => "elements nested too deep",
            Self::TooMany => "more attributes in a tag than there is room for",
            Self::Duplicate => "an attribute stands twice in its tag",
            Self::Incomplete => "the document ends too early",
            Self::NotMpd => "the root element is not MPD",
            Self::Value(name) => return write!(f, "bad value of attribute {name}"),
            Self::Missing(name) => return write!(f, "attribute {name} is missing"),
            Self::Track(error) => return error.fmt(f),
        })
    }
}

impl fmt::Display for TrackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dynamic => "dynamic presentations are not supported",
            Self::SeveralPeriods => "more than one Period is not supported",
            Self::NoRepresentation => "no Representation",
            Self::Representations => "more Representations than there is room for",
            Self::Runs => "more unequal segments than there is room for",
            Self::Texts => "more URLs and identifiers than there is room for",
            Self::Unsupported(name) => return write!(f, "segments addressed by {name} are not supported"),
            Self::NoTemplate => "SegmentTemplate@media is missing",
            Self::Template => "malformed template",
            Self::TimeWithoutTimeline => "$Time$ without a SegmentTimeline",
            Self::NoSegments => "neither SegmentTemplate@duration nor a SegmentTimeline",
            Self::Timescale => "@timescale is 0",
            Self::SegmentDuration => "a segment of no duration",
            Self::DurationUnknown => "the end of the last segment is unknown",
            Self::Order => "a SegmentTimeline that runs backwards",
            Self::Overflow => "a time or number beyond 64 bits",
            Self::Misaligned => "the Representations have different numbers of segments",
            Self::OutOfRange => "no such Representation or segment",
            Self::Url(error) => return error.fmt(f),
        })
    }
}

impl core::error::Error for Error {}
impl core::error::Error for TrackError {}
