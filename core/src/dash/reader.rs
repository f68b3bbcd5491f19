//! The elements of a manifest that matter here, with typed attributes; everything else is passed over.

use super::error::{Error, ErrorKind};
use super::time::{DateTime, date_time, duration};
use super::xml::{Token, Tokenizer};
use core::str::FromStr;
use core::time::Duration;
use heapless::{String, Vec};

/// An element with its attributes, or the end of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Element<'a> {
    /// The root.
    Mpd(Mpd),
    /// A stretch of the presentation.
    Period(Period),
    /// Interchangeable encodings of one content.
    AdaptationSet(AdaptationSet<'a>),
    /// One of these encodings.
    Representation(Representation<'a>),
    /// How segments are addressed; inherited downwards, attribute by attribute.
    SegmentTemplate(SegmentTemplate<'a>),
    /// The S elements of the template follow.
    SegmentTimeline,
    /// A run of equal segments.
    S(S),
    /// A reference, relative to the one of the level above.
    BaseUrl(&'a str),
    /// Segments that are parts of one file.
    SegmentBase,
    /// Segments that are listed.
    SegmentList,
    /// The end of an element that may have children.
    End(Name),
}

/// `MPD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mpd {
    /// `@type`.
    pub presentation: Presentation,
    /// `@mediaPresentationDuration`.
    pub duration: Option<Duration>,
    /// `@availabilityStartTime`.
    pub availability_start_time: Option<DateTime>,
}

/// `MPD@type`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presentation {
    /// All segments are available.
    #[default]
    Static,
    /// Segments become available with time.
    Dynamic,
}

/// `Period`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// `@start`.
    pub start: Option<Duration>,
    /// `@duration`.
    pub duration: Option<Duration>,
}

/// `AdaptationSet`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdaptationSet<'a> {
    /// `@contentType`.
    pub content_type: Option<&'a str>,
    /// `@mimeType`.
    pub mime_type: Option<&'a str>,
}

/// `Representation`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Representation<'a> {
    /// `@id`; empty if there is none.
    pub id: &'a str,
    /// `@bandwidth` in bit/s.
    pub bandwidth: u32,
    /// `@mimeType`.
    pub mime_type: Option<&'a str>,
}

/// `SegmentTemplate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentTemplate<'a> {
    /// `@media`.
    pub media: Option<&'a str>,
    /// `@initialization`.
    pub initialization: Option<&'a str>,
    /// `@timescale` in ticks per second.
    pub timescale: Option<u32>,
    /// `@duration` of a segment in ticks.
    pub duration: Option<u64>,
    /// `@startNumber`.
    pub start_number: Option<u64>,
    /// `@endNumber`.
    pub end_number: Option<u64>,
    /// `@presentationTimeOffset` in ticks.
    pub presentation_time_offset: Option<u64>,
}

/// `S` of a SegmentTimeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct S {
    /// Start in ticks; that of the first is 0 without it, of any other the end of the one before.
    pub t: Option<u64>,
    /// Duration of each segment in ticks.
    pub d: u64,
    /// How many more segments follow; below 0: up to the next S or the end of the Period.
    pub r: i64,
}

/// The elements that are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    /// `MPD`.
    Mpd,
    /// `Period`.
    Period,
    /// `AdaptationSet`.
    AdaptationSet,
    /// `Representation`.
    Representation,
    /// `SegmentTemplate`.
    SegmentTemplate,
    /// `SegmentTimeline`.
    SegmentTimeline,
    /// `S`.
    S,
    /// `BaseURL`.
    BaseUrl,
    /// `SegmentBase`.
    SegmentBase,
    /// `SegmentList`.
    SegmentList,
}

impl Name {
    /// The element `local` within `parent`, if it means anything there.
    fn within(parent: Self, local: &str) -> Option<Self> {
        use Name::*;
        Some(match (parent, local) {
            (Mpd, "Period") => Period,
            (Period, "AdaptationSet") => AdaptationSet,
            (AdaptationSet, "Representation") => Representation,
            (Mpd | Period | AdaptationSet | Representation, "BaseURL") => BaseUrl,
            (Period | AdaptationSet | Representation, "SegmentTemplate") => SegmentTemplate,
            (Period | AdaptationSet | Representation, "SegmentBase") => SegmentBase,
            (Period | AdaptationSet | Representation, "SegmentList") => SegmentList,
            (SegmentTemplate, "SegmentTimeline") => SegmentTimeline,
            (SegmentTimeline, "S") => S,
            _ => return None,
        })
    }
}

/// Turns octets into elements, in one lent buffer.
pub struct Reader<'b> {
    tokenizer: Tokenizer<'b>,
    strings: Strings<'b>,
    /// The elements that are open and read; at most six, for `Name::within` allows no more.
    open: Vec<Name, 8>,
    /// How many elements that are passed over are open within the last of these.
    passed: u32,
    /// Prefix of the root with its colon: the elements of the manifest's namespace have it too.
    prefix: String<16>,
    /// The last element's attributes, while its tag is read.
    fields: Fields,
    tag: bool,
    /// The end of this element is still to be told.
    ended: Option<Name>,
    failed: Option<Error>,
}

/// What was found, before it is borrowed.
enum Found {
    Element(Name),
    End(Name),
}

impl<'b> Reader<'b> {
    /// Lends it its memory, 1 KiB or more: half of it bounds one attribute, a quarter all strings of one element.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        let (window, strings) = buffer.split_at_mut(buffer.len() / 4 * 3);
        Self {
            tokenizer: Tokenizer::new(window),
            strings: Strings {
                octets: strings,
                length: 0,
            },
            open: Vec::new(),
            passed: 0,
            prefix: String::new(),
            fields: Fields::default(),
            tag: false,
            ended: None,
            failed: None,
        }
    }

    /// Takes octets from the front of `input`, and returns how many; poll until `None` before the next call.
    pub fn feed(&mut self, input: &[u8]) -> usize {
        self.tokenizer.feed(input)
    }

    /// The next element; `None` until more was fed. After an error every further call returns the same error.
    pub fn poll(&mut self) -> Result<Option<Element<'_>>, Error> {
        match self.advance() {
            Ok(None) => Ok(None),
            Ok(Some(Found::End(name))) => Ok(Some(Element::End(name))),
            Ok(Some(Found::Element(name))) => match self.fields.element(name, &self.strings) {
                Ok(element) => Ok(Some(element)),
                Err(kind) => {
                    let error = Error {
                        kind,
                        offset: self.tokenizer.offset(),
                    };
                    self.failed = Some(error);
                    Err(error)
                }
            },
            Err(error) => {
                self.failed = Some(error);
                Err(error)
            }
        }
    }

    /// Checks that the manifest is complete; call it after its last octet was fed and `poll` returned `None`.
    pub fn finish(&mut self) -> Result<(), Error> {
        match self.failed {
            Some(error) => Err(error),
            None => self.tokenizer.finish(),
        }
    }

    /// How many octets of the manifest lie behind the last element.
    pub fn offset(&self) -> u64 {
        self.tokenizer.offset()
    }

    fn advance(&mut self) -> Result<Option<Found>, Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        if let Some(name) = self.ended.take() {
            return Ok(Some(Found::End(name)));
        }
        loop {
            let Some(token) = self.tokenizer.poll()? else {
                return Ok(None);
            };
            let found = match token {
                Token::Start(name) if self.open.is_empty() => {
                    let (prefix, local) = name.split_at(name.find(':').map_or(0, |colon| colon + 1));
                    let kept = self.prefix.push_str(prefix).map_err(|_| ErrorKind::TooLong);
                    if local != "MPD" {
                        Err(ErrorKind::NotMpd)
                    } else {
                        self.enter(Name::Mpd);
                        kept.map(|()| None)
                    }
                }
                Token::Start(name) => {
                    let local = name
                        .strip_prefix(self.prefix.as_str())
                        .filter(|local| !local.contains(':'));
                    let parent = self.open.last().filter(|_| self.passed == 0);
                    match local
                        .zip(parent)
                        .and_then(|(local, parent)| Name::within(*parent, local))
                    {
                        Some(name) => self.enter(name),
                        None => self.passed = self.passed.saturating_add(1),
                    }
                    Ok(None)
                }
                _ if self.passed > 0 => {
                    self.passed -= u32::from(matches!(token, Token::End(_)));
                    Ok(None)
                }
                Token::Attribute { name, value } => match self.open.last() {
                    Some(element) => self.fields.set(*element, name, value, &mut self.strings).map(|()| None),
                    None => Ok(None),
                },
                Token::Text(text) => match self.open.last() {
                    Some(Name::BaseUrl) => self.strings.push(text).map(|_| None),
                    _ => Ok(None),
                },
                Token::Content => {
                    self.tag = false;
                    // The text of a BaseURL is still to come.
                    Ok(self
                        .open
                        .last()
                        .filter(|name| **name != Name::BaseUrl)
                        .map(|name| Found::Element(*name)))
                }
                Token::End(_) => Ok(self.leave()),
            };
            match found {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(kind) => {
                    return Err(Error {
                        kind,
                        offset: self.tokenizer.token_offset(),
                    });
                }
            }
        }
    }

    /// An element that is read ends; if it was empty, it is told now, and then its end.
    fn leave(&mut self) -> Option<Found> {
        let name = self.open.pop()?;
        let empty = core::mem::take(&mut self.tag);
        match name {
            Name::BaseUrl => Some(Found::Element(name)),
            Name::S | Name::SegmentBase | Name::SegmentList => empty.then_some(Found::Element(name)),
            _ if empty => {
                self.ended = Some(name);
                Some(Found::Element(name))
            }
            _ => Some(Found::End(name)),
        }
    }

    fn enter(&mut self, name: Name) {
        // There is room: see `open`.
        let _ = self.open.push(name);
        self.fields = Fields::default();
        self.strings.length = 0;
        self.tag = true;
    }
}

/// The strings of one element, one after the other.
struct Strings<'b> {
    octets: &'b mut [u8],
    length: usize,
}

/// Where a string stands in [`Strings`].
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: usize,
    end: usize,
}

impl Strings<'_> {
    fn push(&mut self, text: &str) -> Result<Span, ErrorKind> {
        let free = self
            .octets
            .get_mut(self.length..)
            .and_then(|free| free.get_mut(..text.len()));
        free.ok_or(ErrorKind::TooLong)?.copy_from_slice(text.as_bytes());
        let start = self.length;
        self.length += text.len();
        Ok(Span {
            start,
            end: self.length,
        })
    }

    fn text(&self, span: Span) -> &str {
        core::str::from_utf8(self.octets.get(span.start..span.end).unwrap_or_default()).unwrap_or_default()
    }
}

/// The attributes of one element, whichever it is.
#[derive(Default)]
struct Fields {
    presentation: Option<Presentation>,
    start: Option<Duration>,
    duration: Option<Duration>,
    availability_start_time: Option<DateTime>,
    content_type: Option<Span>,
    mime_type: Option<Span>,
    id: Option<Span>,
    bandwidth: Option<u32>,
    media: Option<Span>,
    initialization: Option<Span>,
    timescale: Option<u32>,
    ticks: Option<u64>,
    start_number: Option<u64>,
    end_number: Option<u64>,
    presentation_time_offset: Option<u64>,
    t: Option<u64>,
    r: Option<i64>,
}

impl Fields {
    /// Takes an attribute; one that is not known is passed over.
    fn set(&mut self, element: Name, name: &str, value: &str, strings: &mut Strings<'_>) -> Result<(), ErrorKind> {
        match (element, name) {
            (Name::Mpd, "type") => put(&mut self.presentation, "type", presentation(value)),
            (Name::Mpd, "mediaPresentationDuration") => {
                put(&mut self.duration, "mediaPresentationDuration", duration(value))
            }
            (Name::Mpd, "availabilityStartTime") => put(
                &mut self.availability_start_time,
                "availabilityStartTime",
                date_time(value),
            ),
            (Name::Period, "start") => put(&mut self.start, "start", duration(value)),
            (Name::Period, "duration") => put(&mut self.duration, "duration", duration(value)),
            (Name::AdaptationSet, "contentType") => {
                put(&mut self.content_type, "contentType", Some(strings.push(value)?))
            }
            (Name::AdaptationSet | Name::Representation, "mimeType") => {
                put(&mut self.mime_type, "mimeType", Some(strings.push(value)?))
            }
            (Name::Representation, "id") => put(&mut self.id, "id", Some(strings.push(value)?)),
            (Name::Representation, "bandwidth") => put(&mut self.bandwidth, "bandwidth", number(value)),
            (Name::SegmentTemplate, "media") => put(&mut self.media, "media", Some(strings.push(value)?)),
            (Name::SegmentTemplate, "initialization") => {
                put(&mut self.initialization, "initialization", Some(strings.push(value)?))
            }
            (Name::SegmentTemplate, "timescale") => put(&mut self.timescale, "timescale", number(value)),
            (Name::SegmentTemplate, "duration") => put(&mut self.ticks, "duration", number(value)),
            (Name::SegmentTemplate, "startNumber") => put(&mut self.start_number, "startNumber", number(value)),
            (Name::SegmentTemplate, "endNumber") => put(&mut self.end_number, "endNumber", number(value)),
            (Name::SegmentTemplate, "presentationTimeOffset") => put(
                &mut self.presentation_time_offset,
                "presentationTimeOffset",
                number(value),
            ),
            (Name::S, "t") => put(&mut self.t, "t", number(value)),
            (Name::S, "d") => put(&mut self.ticks, "d", number(value)),
            (Name::S, "r") => put(&mut self.r, "r", number(value)),
            _ => Ok(()),
        }
    }

    /// The whole element.
    fn element<'s>(&self, name: Name, strings: &'s Strings<'_>) -> Result<Element<'s>, ErrorKind> {
        let text = |span: Option<Span>| span.map(|span| strings.text(span));
        Ok(match name {
            Name::Mpd => Element::Mpd(Mpd {
                presentation: self.presentation.unwrap_or_default(),
                duration: self.duration,
                availability_start_time: self.availability_start_time,
            }),
            Name::Period => Element::Period(Period {
                start: self.start,
                duration: self.duration,
            }),
            Name::AdaptationSet => Element::AdaptationSet(AdaptationSet {
                content_type: text(self.content_type),
                mime_type: text(self.mime_type),
            }),
            Name::Representation => Element::Representation(Representation {
                id: text(self.id).unwrap_or_default(),
                bandwidth: self.bandwidth.ok_or(ErrorKind::Missing("bandwidth"))?,
                mime_type: text(self.mime_type),
            }),
            Name::SegmentTemplate => Element::SegmentTemplate(SegmentTemplate {
                media: text(self.media),
                initialization: text(self.initialization),
                timescale: self.timescale,
                duration: self.ticks,
                start_number: self.start_number,
                end_number: self.end_number,
                presentation_time_offset: self.presentation_time_offset,
            }),
            Name::SegmentTimeline => Element::SegmentTimeline,
            Name::S => Element::S(S {
                t: self.t,
                d: self.ticks.ok_or(ErrorKind::Missing("d"))?,
                r: self.r.unwrap_or(0),
            }),
            Name::BaseUrl => Element::BaseUrl(
                strings
                    .text(Span {
                        start: 0,
                        end: strings.length,
                    })
                    .trim_ascii(),
            ),
            Name::SegmentBase => Element::SegmentBase,
            Name::SegmentList => Element::SegmentList,
        })
    }
}

/// Sets `field` to `value`, which must be one.
fn put<V>(field: &mut Option<V>, name: &'static str, value: Option<V>) -> Result<(), ErrorKind> {
    *field = Some(value.ok_or(ErrorKind::Value(name))?);
    Ok(())
}

fn presentation(value: &str) -> Option<Presentation> {
    match value {
        "static" => Some(Presentation::Static),
        "dynamic" => Some(Presentation::Dynamic),
        _ => None,
    }
}

/// An integer; the schema allows white space around it, and a `+`.
fn number<N: FromStr>(value: &str) -> Option<N> {
    value.trim_ascii().parse().ok()
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use core::fmt::Write;

    /// The elements in `Debug` form, a line each, and how it ended.
    fn elements(manifest: &str, chunk: usize) -> (String<2048>, Result<(), Error>) {
        let mut buffer = [0xaa; 512];
        let mut reader = Reader::new(&mut buffer);
        let mut lines = String::new();
        for mut octets in manifest.as_bytes().chunks(chunk) {
            while !octets.is_empty() {
                let count = reader.feed(octets);
                octets = &octets[count..];
                loop {
                    match reader.poll() {
                        Ok(Some(element)) => writeln!(lines, "{element:?}").unwrap(),
                        Ok(None) => break,
                        Err(error) => {
                            assert_eq!(reader.poll(), Err(error), "an error repeats");
                            assert_eq!(reader.finish(), Err(error));
                            return (lines, Err(error));
                        }
                    }
                }
            }
        }
        let end = reader.finish();
        (lines, end)
    }

    tests! {
        fn elements_with_their_attributes_at_any_split() {
            let manifest = "<m:MPD type='static'><m:BaseURL> a<![CDATA[&]]>b </m:BaseURL><x:Period/><m:Period start='PT1S'><m:EventStream><m:Period/>\
                </m:EventStream><m:AdaptationSet mimeType='video/mp4' lang='de'><m:SegmentTemplate timescale=' 10 ' media='m'><m:SegmentTimeline>\
                <m:S t='1' d='2' r='-1'/><m:S d='3'></m:S></m:SegmentTimeline></m:SegmentTemplate></m:AdaptationSet></m:Period></m:MPD>";
            let mut expected = String::<2048>::new();
            let period = Period { start: Some(Duration::from_secs(1)), duration: None };
            let template = SegmentTemplate {
                media: Some("m"), initialization: None, timescale: Some(10), duration: None, start_number: None, end_number: None,
                presentation_time_offset: None,
            };
            for element in [
                Element::Mpd(Mpd { presentation: Presentation::Static, duration: None, availability_start_time: None }),
                Element::BaseUrl("a&b"),
                Element::Period(period),
                Element::AdaptationSet(AdaptationSet { content_type: None, mime_type: Some("video/mp4") }),
                Element::SegmentTemplate(template),
                Element::SegmentTimeline,
                Element::S(S { t: Some(1), d: 2, r: -1 }),
                Element::S(S { t: None, d: 3, r: 0 }),
                Element::End(Name::SegmentTimeline),
                Element::End(Name::SegmentTemplate),
                Element::End(Name::AdaptationSet),
                Element::End(Name::Period),
                Element::End(Name::Mpd),
            ] {
                writeln!(expected, "{element:?}").unwrap();
            }
            for chunk in 1..=manifest.len() {
                assert_eq!(elements(manifest, chunk), (expected.clone(), Ok(())));
            }
        }

        fn attributes_that_are_refused() {
            for (manifest, kind, offset) in [
                ("<MPD><Period start='-PT1S'/></MPD>", ErrorKind::Value("start"), 13),
                ("<MPD type='live'/>", ErrorKind::Value("type"), 5),
                ("<MPD type='static' type='static'/>", ErrorKind::Duplicate, 19),
                ("<MPD availabilityStartTime='now'/>", ErrorKind::Value("availabilityStartTime"), 5),
                ("<a:MPD/><b/>", ErrorKind::Root, 8),
                ("<mpd/>", ErrorKind::NotMpd, 0),
                ("<averylongprefixofsomething:MPD/>", ErrorKind::TooLong, 0),
            ] {
                for chunk in 1..=manifest.len() {
                    assert_eq!(elements(manifest, chunk).1, Err(Error { kind, offset }), "{manifest}");
                }
            }
        }
    }
}
