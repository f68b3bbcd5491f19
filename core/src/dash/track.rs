//! One Adaptation Set of a manifest, in memory of a fixed size: what its segments are and where they are fetched.

use super::error::TrackError;
use super::reader::{AdaptationSet, Element, Name, Presentation, Representation, SegmentTemplate};
use super::segments::{Segment, Segments};
use super::template::{Values, expand};
use super::timeline::{Builder, Run, Runs, ticks};
use crate::http::{Url, UrlBuffer};
use core::time::Duration;
use heapless::Vec;

/// The first video Adaptation Set of a static manifest, or the first of the next best kind.
///
/// `R`: Representations; `S`: runs of unequal segments, of which a timeline equal to an earlier one gives its own back
/// once it is read; `T`: octets of URLs, templates and identifiers, each kept once.
/// Of several alternative `BaseURL`s the first is used.
pub struct Track<const R: usize, const S: usize, const T: usize = 2048> {
    texts: Vec<u8, T>,
    document: Span,
    /// How long the Period lasts.
    duration: Option<Duration>,
    period: bool,
    /// What the levels above the open element say.
    levels: Levels,
    level: Level,
    /// What the open Adaptation Set is, and whether it is taken in.
    set: Content,
    recording: bool,
    /// What the one that is kept is.
    kept: Option<Content>,
    /// In bit/s, ascending; of the same length as `representations`.
    bandwidths: Vec<u32, R>,
    representations: Vec<Entry, R>,
    /// The open one.
    open: usize,
    runs: Vec<Run, S>,
    /// The timeline that is read.
    timeline: Option<Builder>,
    /// Where the open Adaptation Set began in `representations`, `runs` and `texts`.
    mark: (usize, usize, usize),
}

/// What an Adaptation Set holds, the best last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Content {
    Unknown,
    Other,
    Audio,
    Video,
}

/// Where the open element stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Mpd,
    Period,
    AdaptationSet,
    Representation,
}

/// What is inherited downwards.
#[derive(Clone, Copy, Debug, Default)]
struct Levels {
    mpd_base: Option<Span>,
    period: Addressing,
    set: Addressing,
    representation: Addressing,
}

/// How the segments of a level are addressed, as far as it says so itself or inherits it.
#[derive(Clone, Copy, Debug, Default)]
struct Addressing {
    base: Option<Span>,
    media: Option<Span>,
    initialization: Option<Span>,
    timescale: Option<u32>,
    duration: Option<u64>,
    start_number: Option<u64>,
    end_number: Option<u64>,
    presentation_time_offset: Option<u64>,
    timeline: Option<Runs>,
    /// Addressed by an element that is not supported.
    unsupported: Option<&'static str>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    id: Span,
    bandwidth: u32,
    /// The `BaseURL`s from the MPD's to its own.
    bases: [Option<Span>; 4],
    addressing: Addressing,
}

/// A place in `texts`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Span {
    start: usize,
    length: usize,
}

impl<const R: usize, const S: usize, const T: usize> Track<R, S, T> {
    /// Begins a track; `document` is where the manifest comes from.
    pub fn new(document: &Url<'_>) -> Result<Self, TrackError> {
        let mut track = Self {
            texts: Vec::new(),
            document: Span::default(),
            duration: None,
            period: false,
            levels: Levels::default(),
            level: Level::Mpd,
            set: Content::Unknown,
            recording: false,
            kept: None,
            bandwidths: Vec::new(),
            representations: Vec::new(),
            open: 0,
            runs: Vec::new(),
            timeline: None,
            mark: (0, 0, 0),
        };
        track.document = track.keep(document.as_str())?;
        Ok(track)
    }

    /// Takes the next element of the manifest.
    pub fn feed(&mut self, element: &Element<'_>) -> Result<(), TrackError> {
        match element {
            Element::Mpd(mpd) => {
                if mpd.presentation == Presentation::Dynamic {
                    return Err(TrackError::Dynamic);
                }
                self.duration = mpd.duration;
            }
            Element::Period(period) => {
                if core::mem::replace(&mut self.period, true) {
                    return Err(TrackError::SeveralPeriods);
                }
                // The presentation ends with its only Period.
                let rest = self
                    .duration
                    .map(|end| end.saturating_sub(period.start.unwrap_or_default()));
                self.duration = period.duration.or(rest);
                self.level = Level::Period;
            }
            Element::AdaptationSet(set) => self.begin_set(set),
            Element::Representation(representation) => self.representation(representation)?,
            _ if self.level >= Level::AdaptationSet && !self.recording => self.pass(element),
            Element::BaseUrl(reference) => self.base_url(reference)?,
            Element::SegmentTemplate(template) => self.template(template)?,
            Element::SegmentTimeline => self.begin_timeline(),
            Element::S(s) => {
                if let Some(timeline) = &mut self.timeline {
                    timeline.feed(s, &mut self.runs)?;
                }
            }
            Element::SegmentBase => self.unsupported("SegmentBase"),
            Element::SegmentList => self.unsupported("SegmentList"),
            Element::End(name) => self.end(*name)?,
        }
        Ok(())
    }

    /// Checks that the manifest held a track that can be played, with every segment within 64 bits.
    pub fn finish(&self) -> Result<(), TrackError> {
        let mut expected = None;
        for entry in &self.representations {
            let count = self.count(entry)?;
            if expected.replace(count).is_some_and(|expected| expected != count) {
                return Err(TrackError::Misaligned);
            }
            let addressing = &entry.addressing;
            let start_number = addressing.start_number.unwrap_or(1);
            start_number.checked_add(count).ok_or(TrackError::Overflow)?;
            if let (None, Some(duration)) = (addressing.timeline, addressing.duration) {
                let end = duration.checked_mul(count);
                let offset = addressing.presentation_time_offset.unwrap_or(0);
                end.and_then(|end| end.checked_add(offset))
                    .ok_or(TrackError::Overflow)?;
            }
            // Every template is tried once, so that `url` can only fail for want of room.
            let time = addressing.timeline.map(|_| 0);
            self.expand(entry, addressing.media, Some(0), time, |_| Ok(()))?;
            if addressing.initialization.is_some() {
                self.expand(entry, addressing.initialization, None, None, |_| Ok(()))?;
            }
        }
        expected.map(|_| ()).ok_or(TrackError::NoRepresentation)
    }

    /// The Representations' bandwidths in bit/s, ascending; an index into it names a Representation.
    pub fn bandwidths(&self) -> &[u32] {
        &self.bandwidths
    }

    /// The identifier of a Representation.
    pub fn id(&self, representation: usize) -> Option<&str> {
        Some(self.text(self.entry(representation)?.id))
    }

    /// How long the Period lasts, if the manifest says so.
    pub fn duration(&self) -> Option<Duration> {
        self.duration
    }

    /// How many media segments each Representation has.
    pub fn segment_count(&self) -> u64 {
        self.entry(0).and_then(|entry| self.count(entry).ok()).unwrap_or(0)
    }

    /// The media segments from the one of index `from` on.
    pub fn segments(&self, from: u64) -> Segments<'_, R, S, T> {
        Segments {
            track: self,
            next: from,
        }
    }

    /// The media segment of that index of a Representation; its numbers differ only if their templates do.
    pub fn segment(&self, representation: usize, index: u64) -> Option<Segment> {
        let entry = self.entry(representation)?;
        if index >= self.count(entry).ok()? {
            return None;
        }
        let addressing = &entry.addressing;
        let timescale = addressing.timescale.unwrap_or(1);
        let (time, ticks) = match self.timeline(addressing) {
            Some(runs) => {
                let mut index = index;
                let run = runs.iter().find(|run| match index.checked_sub(run.count) {
                    Some(behind) => {
                        index = behind;
                        false
                    }
                    None => true,
                })?;
                (run.time.checked_add(run.duration.checked_mul(index)?)?, run.duration)
            }
            None => {
                let duration = addressing.duration?;
                let begin = index.checked_mul(duration)?;
                // The last one ends with the Period.
                let end = self.duration.and_then(|end| ticks(end, timescale)).unwrap_or(u64::MAX);
                let offset = addressing.presentation_time_offset.unwrap_or(0);
                (begin.checked_add(offset)?, end.saturating_sub(begin).clamp(1, duration))
            }
        };
        let number = addressing.start_number.unwrap_or(1).checked_add(index)?;
        Some(Segment {
            index,
            number,
            time,
            ticks,
            timescale,
        })
    }

    /// Where `segment` of a Representation is fetched, written to `out`.
    pub fn url<'o>(&self, segment: &Segment, representation: usize, out: &'o mut [u8]) -> Result<Url<'o>, TrackError> {
        let entry = self.entry(representation).ok_or(TrackError::OutOfRange)?;
        let segment = self
            .segment(representation, segment.index)
            .ok_or(TrackError::OutOfRange)?;
        let time = entry.addressing.timeline.map(|_| segment.time);
        self.resolve(entry, entry.addressing.media, Some(segment.number), time, out)
    }

    /// Where the initialization segment of a Representation is fetched, written to `out`; `None` if it needs none.
    pub fn initialization_url<'o>(
        &self,
        representation: usize,
        out: &'o mut [u8],
    ) -> Result<Option<Url<'o>>, TrackError> {
        let entry = self.entry(representation).ok_or(TrackError::OutOfRange)?;
        match entry.addressing.initialization {
            Some(_) => self
                .resolve(entry, entry.addressing.initialization, None, None, out)
                .map(Some),
            None => Ok(None),
        }
    }

    fn begin_set(&mut self, set: &AdaptationSet<'_>) {
        self.level = Level::AdaptationSet;
        self.set = content(set.content_type, set.mime_type);
        let better = self.kept.is_none_or(|kept| self.set > kept);
        // What is unknown is told by its first Representation.
        self.recording = better || self.set == Content::Unknown && self.kept != Some(Content::Video);
        if better && self.kept.is_some() {
            self.forget();
        }
        self.levels.set = Addressing {
            base: None,
            ..self.levels.period
        };
        self.mark = (self.representations.len(), self.runs.len(), self.texts.len());
    }

    /// Drops what was kept of earlier sets; only texts stay, for the levels above share them.
    fn forget(&mut self) {
        self.kept = None;
        self.representations.clear();
        self.bandwidths.clear();
        let shared = self.levels.period.timeline.map_or(0, |runs| runs.end);
        self.runs.truncate(shared);
    }

    fn representation(&mut self, representation: &Representation<'_>) -> Result<(), TrackError> {
        self.level = Level::Representation;
        if !self.recording {
            return Ok(());
        }
        if self.representations.len() == self.mark.0 {
            if self.set == Content::Unknown {
                self.set = content(None, representation.mime_type);
            }
            if self.kept.is_some_and(|kept| kept >= self.set) {
                self.recording = false;
                self.runs.truncate(self.mark.1);
                self.texts.truncate(self.mark.2);
                return Ok(());
            }
            self.kept = Some(self.set);
            // Those of the set that was kept so far make room.
            self.representations.clear();
            self.bandwidths.clear();
            self.mark.0 = 0;
        }
        self.levels.representation = Addressing {
            base: None,
            ..self.levels.set
        };
        let entry = Entry {
            id: self.keep(representation.id)?,
            bandwidth: representation.bandwidth,
            bases: [None; 4],
            addressing: Addressing::default(),
        };
        let place = self
            .bandwidths
            .iter()
            .take_while(|other| **other <= representation.bandwidth)
            .count();
        self.bandwidths
            .insert(place, representation.bandwidth)
            .map_err(|_| TrackError::Representations)?;
        self.representations
            .insert(place, entry)
            .map_err(|_| TrackError::Representations)?;
        self.open = place;
        Ok(())
    }

    /// An element of a set that is not taken in.
    fn pass(&mut self, element: &Element<'_>) {
        match element {
            Element::End(Name::Representation) => self.level = Level::AdaptationSet,
            Element::End(Name::AdaptationSet) => self.level = Level::Period,
            _ => {}
        }
    }

    fn end(&mut self, name: Name) -> Result<(), TrackError> {
        match name {
            Name::SegmentTimeline => {
                if let Some(timeline) = self.timeline.take() {
                    let runs = timeline.finish(&mut self.runs)?;
                    let runs = self.share(runs);
                    self.addressing().timeline = Some(runs);
                }
            }
            Name::Representation => {
                let levels = &self.levels;
                let bases = [
                    levels.mpd_base,
                    levels.period.base,
                    levels.set.base,
                    levels.representation.base,
                ];
                if let Some(entry) = self.representations.get_mut(self.open) {
                    entry.bases = bases;
                    entry.addressing = levels.representation;
                }
                self.level = Level::AdaptationSet;
            }
            Name::AdaptationSet => self.level = Level::Period,
            Name::Period => self.level = Level::Mpd,
            _ => {}
        }
        Ok(())
    }

    fn base_url(&mut self, reference: &str) -> Result<(), TrackError> {
        let span = self.keep(reference)?;
        let base = match self.level {
            Level::Mpd => &mut self.levels.mpd_base,
            _ => &mut self.addressing().base,
        };
        base.get_or_insert(span);
        Ok(())
    }

    /// An attribute that is not there is inherited.
    fn template(&mut self, template: &SegmentTemplate<'_>) -> Result<(), TrackError> {
        let media = template.media.map(|text| self.keep(text)).transpose()?;
        let initialization = template.initialization.map(|text| self.keep(text)).transpose()?;
        let addressing = self.addressing();
        *addressing = Addressing {
            base: addressing.base,
            media: media.or(addressing.media),
            initialization: initialization.or(addressing.initialization),
            timescale: template.timescale.or(addressing.timescale),
            duration: template.duration.or(addressing.duration),
            start_number: template.start_number.or(addressing.start_number),
            end_number: template.end_number.or(addressing.end_number),
            presentation_time_offset: template
                .presentation_time_offset
                .or(addressing.presentation_time_offset),
            timeline: addressing.timeline,
            unsupported: addressing.unsupported,
        };
        if addressing.timescale == Some(0) {
            return Err(TrackError::Timescale);
        }
        if addressing.duration == Some(0) {
            return Err(TrackError::SegmentDuration);
        }
        Ok(())
    }

    fn begin_timeline(&mut self) {
        let addressing = *self.addressing();
        let timescale = addressing.timescale.unwrap_or(1);
        let offset = addressing.presentation_time_offset.unwrap_or(0);
        let end = self
            .duration
            .and_then(|end| ticks(end, timescale))
            .and_then(|end| end.checked_add(offset));
        self.timeline = Some(Builder::new(self.runs.len(), end));
    }

    /// Representations mostly have equal timelines: such a one is kept once.
    fn share(&mut self, runs: Runs) -> Runs {
        let (earlier, this) = self.runs.split_at_checked(runs.start).unwrap_or_default();
        let equal = earlier.windows(this.len().max(1)).position(|other| other == this);
        match equal {
            Some(start) => {
                let end = start + this.len();
                self.runs.truncate(runs.start);
                Runs { start, end }
            }
            None => runs,
        }
    }

    fn unsupported(&mut self, name: &'static str) {
        self.addressing().unsupported = Some(name);
    }

    /// What the open level says.
    fn addressing(&mut self) -> &mut Addressing {
        match self.level {
            Level::Mpd | Level::Period => &mut self.levels.period,
            Level::AdaptationSet => &mut self.levels.set,
            Level::Representation => &mut self.levels.representation,
        }
    }

    fn entry(&self, representation: usize) -> Option<&Entry> {
        self.representations.get(representation)
    }

    fn timeline(&self, addressing: &Addressing) -> Option<&[Run]> {
        let runs = addressing.timeline?;
        self.runs.get(runs.start..runs.end)
    }

    /// How many segments it has.
    fn count(&self, entry: &Entry) -> Result<u64, TrackError> {
        let addressing = &entry.addressing;
        if let (None, Some(name)) = (addressing.media, addressing.unsupported) {
            return Err(TrackError::Unsupported(name));
        }
        let listed = match addressing.end_number {
            Some(end) => {
                let start = addressing.start_number.unwrap_or(1);
                Some(end.checked_add(1).ok_or(TrackError::Overflow)?.saturating_sub(start))
            }
            None => None,
        };
        let count = match (self.timeline(addressing), addressing.duration) {
            (Some(runs), _) => {
                let mut counts = runs.iter().map(|run| run.count);
                counts.try_fold(0u64, u64::checked_add).ok_or(TrackError::Overflow)?
            }
            (None, Some(duration)) => match (self.duration, listed) {
                (Some(end), _) => {
                    let end = ticks(end, addressing.timescale.unwrap_or(1)).ok_or(TrackError::Overflow)?;
                    // `template` refused a duration of 0.
                    end.div_ceil(duration.max(1))
                }
                (None, Some(listed)) => listed,
                (None, None) => return Err(TrackError::DurationUnknown),
            },
            (None, None) => return Err(TrackError::NoSegments),
        };
        Ok(listed.map_or(count, |listed| listed.min(count)))
    }

    /// The URL that `template` means for a Representation.
    fn resolve<'o>(
        &self,
        entry: &Entry,
        template: Option<Span>,
        number: Option<u64>,
        time: Option<u64>,
        out: &'o mut [u8],
    ) -> Result<Url<'o>, TrackError> {
        let mut url = UrlBuffer::new(&Url::parse(self.text(self.document))?, out)?;
        for base in entry.bases.iter().flatten() {
            url.push(self.text(*base))?;
            url.resolve()?;
        }
        self.expand(entry, template, number, time, |piece| Ok(url.push(piece)?))?;
        url.resolve()?;
        Ok(url.finish()?)
    }

    fn expand(
        &self,
        entry: &Entry,
        template: Option<Span>,
        number: Option<u64>,
        time: Option<u64>,
        push: impl FnMut(&str) -> Result<(), TrackError>,
    ) -> Result<(), TrackError> {
        let values = Values {
            representation: self.text(entry.id),
            bandwidth: entry.bandwidth,
            number,
            time,
        };
        expand(self.text(template.ok_or(TrackError::NoTemplate)?), &values, push)
    }

    /// Keeps `text`, if it does not stand somewhere already.
    fn keep(&mut self, text: &str) -> Result<Span, TrackError> {
        let length = text.len();
        let known = self
            .texts
            .windows(length.max(1))
            .position(|other| other == text.as_bytes());
        let start = match known {
            Some(start) => start,
            None => {
                let start = self.texts.len();
                self.texts
                    .extend_from_slice(text.as_bytes())
                    .map_err(|_| TrackError::Texts)?;
                start
            }
        };
        Ok(Span { start, length })
    }

    fn text(&self, span: Span) -> &str {
        let octets = self.texts.get(span.start..).and_then(|texts| texts.get(..span.length));
        core::str::from_utf8(octets.unwrap_or_default()).unwrap_or_default()
    }
}

/// What a set holds, by its own words.
fn content(content_type: Option<&str>, mime_type: Option<&str>) -> Content {
    let kind = content_type.or_else(|| mime_type.and_then(|mime_type| mime_type.split('/').next()));
    match kind {
        Some("video") => Content::Video,
        Some("audio") => Content::Audio,
        Some(_) => Content::Other,
        None => Content::Unknown,
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use crate::dash::{Error, ErrorKind, Reader, feed, finish};

    fn track<const R: usize, const S: usize, const T: usize>(manifest: &str) -> Result<Track<R, S, T>, Error> {
        let mut buffer = [0xaa; 512];
        let mut reader = Reader::new(&mut buffer);
        let mut track = Track::new(&Url::parse("http://h/m.mpd").unwrap()).unwrap();
        for octets in manifest.as_bytes().chunks(7) {
            feed(&mut reader, &mut track, octets)?;
        }
        finish(&mut reader, &track)?;
        Ok(track)
    }

    fn refusal<const R: usize, const S: usize, const T: usize>(manifest: &str) -> Option<ErrorKind> {
        track::<R, S, T>(manifest).err().map(|error| error.kind)
    }

    const TIMELINES: &str = "<MPD mediaPresentationDuration='PT9S'><Period><AdaptationSet contentType='video'>\
        <Representation id='b' bandwidth='20'><SegmentTemplate timescale='10' media='$RepresentationID$-$Time$'>\
        <SegmentTimeline><S t='5' d='20' r='1'/><S d='30'/></SegmentTimeline></SegmentTemplate></Representation>\
        <Representation id='a' bandwidth='10'><SegmentTemplate timescale='10' media='$RepresentationID$-$Time$'>\
        <SegmentTimeline><S t='5' d='20' r='1'/><S d='30'/></SegmentTimeline></SegmentTemplate></Representation>\
        </AdaptationSet></Period></MPD>";

    tests! {
        fn equal_timelines_and_texts_are_kept_once() {
            let track = track::<2, 4, 64>(TIMELINES).unwrap();
            assert_eq!(track.bandwidths(), [10, 20]);
            assert_eq!((track.id(0), track.id(1), track.id(2)), (Some("a"), Some("b"), None));
            assert_eq!(track.runs.len(), 2);
            assert_eq!(track.texts.len(), "http://h/m.mpd".len() + "b".len() + "$RepresentationID$-$Time$".len());
            assert_eq!(track.segment_count(), 3);
        }

        fn segments_are_found_by_arithmetic() {
            let timelines = track::<2, 4, 64>(TIMELINES).unwrap();
            for (segment, (time, ticks)) in timelines.segments(0).zip([(5, 20), (25, 20), (45, 30)]) {
                assert_eq!((segment.time, segment.ticks, segment.timescale), (time, ticks, 10));
                assert_eq!(segment.number, segment.index + 1);
            }
            assert_eq!(timelines.segments(2).count(), 1);
            assert_eq!(timelines.segments(3).count(), 0);
            assert_eq!(timelines.segment(0, u64::MAX), None);
            let huge = "<MPD><Period><AdaptationSet><SegmentTemplate media='$Time$'><SegmentTimeline><S d='1' r='9223372036854775807'/>\
                </SegmentTimeline></SegmentTemplate><Representation bandwidth='1'/></AdaptationSet></Period></MPD>";
            let huge = track::<1, 1, 64>(huge).unwrap();
            assert_eq!(huge.segment_count(), 1 << 63);
            assert_eq!(huge.segments((1 << 63) - 1).map(|segment| segment.time).next(), Some((1 << 63) - 1));
        }

        fn urls_need_their_room() {
            let track = track::<2, 4, 64>(TIMELINES).unwrap();
            let segment = track.segment(0, 1).unwrap();
            let mut out = [0; 32];
            assert_eq!(track.url(&segment, 1, &mut out).unwrap().as_str(), "http://h/b-25");
            assert_eq!(track.url(&segment, 1, &mut out[..16]), Err(TrackError::Url(crate::http::UrlError::TooLong)));
            assert_eq!(track.url(&segment, 2, &mut out), Err(TrackError::OutOfRange));
            assert_eq!(track.initialization_url(0, &mut out), Ok(None));
            assert_eq!(track.initialization_url(2, &mut out), Err(TrackError::OutOfRange));
        }

        fn what_does_not_fit_is_refused() {
            assert_eq!(refusal::<1, 4, 64>(TIMELINES), Some(ErrorKind::Track(TrackError::Representations)));
            assert_eq!(refusal::<2, 3, 64>(TIMELINES), Some(ErrorKind::Track(TrackError::Runs)));
            assert_eq!(refusal::<2, 4, 20>(TIMELINES), Some(ErrorKind::Track(TrackError::Texts)));
            assert!(Track::<2, 2, 8>::new(&Url::parse("http://h/m.mpd").unwrap()).is_err());
        }
    }
}
