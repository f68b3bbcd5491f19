//! A generated DASH stream: an MPD, and segments of exactly the right size, the same in every run.

use std::fmt::Write;

/// What the stream is made of.
#[derive(Clone, Debug)]
pub struct Content {
    /// The representations' bandwidths in bit/s, ascending.
    pub bandwidths: Vec<u32>,
    /// How many media segments each has; a segment lasts one second.
    pub segments: u32,
}

impl Default for Content {
    fn default() -> Self {
        Self {
            bandwidths: vec![250_000, 600_000, 1_200_000, 2_400_000],
            segments: 40,
        }
    }
}

impl Content {
    /// What stands under `path`, with its media type; `None` where nothing stands.
    pub fn resource(&self, path: &str) -> Option<(&'static str, Vec<u8>)> {
        match path {
            "/stream.mpd" => Some((MPD, self.mpd(NUMBER).into_bytes())),
            "/timeline.mpd" => Some((MPD, self.mpd(&self.timeline()).into_bytes())),
            _ => {
                let (representation, segment) = path.strip_prefix('/')?.split_once('/')?;
                let representation = representation.parse().ok()?;
                let octets = match segment.strip_suffix(".m4s")? {
                    "init" => self.initialization(representation)?,
                    number => self.media(representation, number.parse().ok()?)?,
                };
                Some(("video/iso.segment", octets))
            }
        }
    }

    /// The octets of media segment `number`, counted from 1, of a representation.
    pub fn media(&self, representation: usize, number: u32) -> Option<Vec<u8>> {
        let bandwidth = *self.bandwidths.get(representation)?;
        (1..=self.segments)
            .contains(&number)
            .then(|| octets(bandwidth as usize / 8, (representation as u32) << 16 | number))
    }

    fn initialization(&self, representation: usize) -> Option<Vec<u8>> {
        (representation < self.bandwidths.len()).then(|| octets(600, (representation as u32) << 16))
    }

    fn mpd(&self, template: &str) -> String {
        let mut mpd = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static" mediaPresentationDuration="PT{}S" minBufferTime="PT2S">
  <Period id="1" start="PT0S">
    <AdaptationSet contentType="video" mimeType="video/mp4" segmentAlignment="true">
{template}
"#,
            self.segments
        );
        for (index, bandwidth) in self.bandwidths.iter().enumerate() {
            // A String takes everything.
            let _ = writeln!(
                mpd,
                r#"      <Representation id="{index}" bandwidth="{bandwidth}" codecs="avc1.42c01e"/>"#
            );
        }
        mpd.push_str("    </AdaptationSet>\n  </Period>\n</MPD>\n");
        mpd
    }

    fn timeline(&self) -> String {
        format!(
            r#"      <SegmentTemplate timescale="1000" initialization="$RepresentationID$/init.m4s" media="$RepresentationID$/$Number$.m4s" startNumber="1">
        <SegmentTimeline><S t="0" d="1000" r="{}"/></SegmentTimeline>
      </SegmentTemplate>"#,
            self.segments.saturating_sub(1)
        )
    }
}

const MPD: &str = "application/dash+xml";

const NUMBER: &str = r#"      <SegmentTemplate timescale="1000" duration="1000" initialization="$RepresentationID$/init.m4s" media="$RepresentationID$/$Number$.m4s" startNumber="1"/>"#;

/// `count` octets that no two seeds share.
fn octets(count: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9) | 1;
    (0..count)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        })
        .collect()
}
