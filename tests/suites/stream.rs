//! The bitrate follows the link: the firmware application on the in-memory Ethernet, with a rate step down and up.

use harness::console::{Event, Segment};
use harness::device::Device;
use harness::memory::Memory;
use harness::servers::content::Content;
use std::time::Duration;

const FAST: u64 = 4_000_000;
const SLOW: u64 = 500_000;

#[test]
fn the_representation_follows_the_link_down_and_up_without_a_stall() {
    let content = Content::default();
    let octets: Vec<u64> = content
        .bandwidths
        .iter()
        .map(|bandwidth| u64::from(bandwidth / 8))
        .collect();
    let mut device = Memory::start(FAST, content).expect("the device");
    let rate = device.rate();
    let mut segments: Vec<Segment> = Vec::new();
    let mut played = None;
    while let Some(line) = device.next_line(Duration::from_secs(60)).expect("a line") {
        match Event::parse(&line) {
            Event::Segment(segment) => {
                segments.push(segment);
                match segments.len() {
                    14 => rate.set(SLOW),
                    24 => rate.set(FAST),
                    _ => {}
                }
            }
            Event::Played {
                segments, stalled_ms, ..
            } => played = Some((segments, stalled_ms)),
            Event::Error(error) => panic!("{error}"),
            _ => {}
        }
    }
    assert_eq!(device.wait(Duration::from_secs(10)).expect("an exit code"), 0);
    assert_eq!(
        played,
        Some((40, 0)),
        "played to the end, without a stall after start-up"
    );

    let numbers: Vec<u32> = segments.iter().map(|segment| segment.number).collect();
    assert_eq!(numbers, (1..=40).collect::<Vec<u32>>(), "every segment once, in order");
    for segment in &segments {
        assert_eq!(segment.octets, octets[segment.representation], "whole: {segment:?}");
        assert_eq!(segment.stalled_ms, 0, "{segment:?}");
    }
    let highest = |range: std::ops::Range<usize>| segments[range].iter().map(|segment| segment.representation).max();
    let lowest = |range: std::ops::Range<usize>| segments[range].iter().map(|segment| segment.representation).min();
    assert!(
        highest(0..14) >= Some(2),
        "it climbs while the link is fast: {segments:#?}"
    );
    assert_eq!(
        lowest(14..24),
        Some(0),
        "it falls to what the slow link carries: {segments:#?}"
    );
    assert!(highest(24..40) >= Some(2), "it climbs again: {segments:#?}");
}
