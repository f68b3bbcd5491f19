//! The DASH manifest (ISO/IEC 23009-1): octets to tokens to elements to a track to segments to URLs.
//!
//! A manifest of any size passes through a buffer of fixed size; what stays is the [`Track`]:
//!
//! ```text
//! let mut reader = Reader::new(&mut buffer);
//! let mut track = Track::<8, 64>::new(&url)?;
//! for octets in body { dash::feed(&mut reader, &mut track, octets)? }
//! dash::finish(&mut reader, &track)?;
//! for segment in track.segments(0) { track.url(&segment, representation, &mut out)? }
//! ```

pub(crate) mod error;
pub(crate) mod reader;
pub(crate) mod segments;
pub(crate) mod template;
pub(crate) mod time;
pub(crate) mod timeline;
pub(crate) mod track;
pub(crate) mod xml;

pub use error::{Error, ErrorKind, TrackError};
pub use reader::{AdaptationSet, Element, Mpd, Name, Period, Presentation, Reader, Representation, S, SegmentTemplate};
pub use segments::{Segment, Segments};
pub use time::{DateTime, date_time, duration};
pub use track::Track;
pub use xml::{Token, Tokenizer};

/// Takes `octets`, the next ones of the manifest, all the way into `track`.
pub fn feed<const R: usize, const RUNS: usize, const T: usize>(
    reader: &mut Reader<'_>,
    track: &mut Track<R, RUNS, T>,
    mut octets: &[u8],
) -> Result<(), Error> {
    while !octets.is_empty() {
        let count = reader.feed(octets);
        octets = octets.get(count..).unwrap_or_default();
        while let Some(element) = reader.poll()? {
            let fed = track.feed(&element);
            fed.map_err(|error| Error {
                kind: ErrorKind::Track(error),
                offset: reader.offset(),
            })?;
        }
    }
    Ok(())
}

/// Checks that the manifest is complete and that `track` can be played.
pub fn finish<const R: usize, const RUNS: usize, const T: usize>(
    reader: &mut Reader<'_>,
    track: &Track<R, RUNS, T>,
) -> Result<(), Error> {
    reader.finish()?;
    track.finish().map_err(|error| Error {
        kind: ErrorKind::Track(error),
        offset: reader.offset(),
    })
}
