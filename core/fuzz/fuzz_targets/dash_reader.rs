//! Any octets as a manifest: any split of them leads to the same track, and what it says of segments holds together.
#![no_main]

use gatepost_core::dash::{self, Error, Reader, Track};
use gatepost_core::http::Url;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [manifest @ .., chunk] = input else {
        return;
    };
    let whole = run(manifest, usize::MAX);
    assert_eq!(run(manifest, usize::from(*chunk).max(1)), whole);
    assert_eq!(run(manifest, 1), whole);
});

/// The ladder and some URLs, or why there are none.
fn run(manifest: &[u8], chunk: usize) -> Result<(Vec<u32>, Vec<String>), Error> {
    let mut buffer = [0xaa; 512];
    let mut reader = Reader::new(&mut buffer);
    let document = Url::parse("http://h/a/m.mpd").expect("it is one");
    let mut track = Track::<4, 8, 512>::new(&document).expect("it fits");
    for octets in manifest.chunks(chunk.min(manifest.len().max(1))) {
        dash::feed(&mut reader, &mut track, octets)?;
    }
    dash::finish(&mut reader, &track)?;

    let count = track.segment_count();
    assert!(track.bandwidths().is_sorted());
    assert_eq!(track.segment(0, count), None);
    let mut urls = Vec::new();
    for representation in 0..track.bandwidths().len() {
        let mut out = [0; 512];
        urls.push(format!("{:?}", track.initialization_url(representation, &mut out)));
        for index in [0, 1, count / 2, count.saturating_sub(2), count.saturating_sub(1)] {
            let Some(segment) = track.segment(representation, index) else {
                assert!(index >= count);
                continue;
            };
            assert!(segment.ticks > 0 && segment.timescale > 0 && segment.index == index);
            if let Some(next) = track.segment(representation, index + 1) {
                assert!(next.time > segment.time && next.number == segment.number + 1);
            }
            let url = track.url(&segment, representation, &mut out);
            if let Ok(url) = url {
                assert!(url.as_str().bytes().all(|octet| octet.is_ascii_graphic()));
            }
            urls.push(format!("{url:?}"));
        }
    }
    for (segment, index) in track.segments(count.saturating_sub(3)).zip(count.saturating_sub(3)..) {
        assert_eq!(segment.index, index);
    }
    Ok((track.bandwidths().to_vec(), urls))
}
