//! The player over a simulated link, in virtual time: a rate that steps down and up again.

use gatepost_core::abr::{Bola, Download, Dynamic, Selector, Throughput};
use gatepost_core::dash::{self, Reader, Track};
use gatepost_core::http::Url;
use gatepost_core::player::{Buffer, Player, Step};
use std::time::Duration;

const LADDER: [u32; 4] = [250_000, 600_000, 1_200_000, 2_400_000];

/// A link: from each time on, in milliseconds, it carries so many kbit/s.
#[derive(Clone)]
struct Link {
    rates: Vec<(u64, u64)>,
    latency: Duration,
}

impl Link {
    /// When `octets` that are asked for at `now` have come.
    fn carry(&self, octets: u64, now: Duration) -> Duration {
        let mut at = (now + self.latency).as_nanos();
        // Megabits per second times nanoseconds are bits times a thousand: kbit/s times ns, 10^6 for a bit.
        let mut left = u128::from(octets) * 8 * 1_000_000;
        for (index, (start, rate)) in self.rates.iter().enumerate() {
            let end = self
                .rates
                .get(index + 1)
                .map_or(u128::MAX, |(end, _)| u128::from(*end) * 1_000_000);
            if end <= at {
                continue;
            }
            assert!(u128::from(*start) * 1_000_000 <= at);
            let rate = u128::from(*rate);
            let needed = left.div_ceil(rate);
            if at.saturating_add(needed) <= end {
                at += needed;
                break;
            }
            left -= (end - at) * rate;
            at = end;
        }
        Duration::from_nanos(u64::try_from(at).unwrap())
    }
}

/// A fetch of one segment.
#[derive(Debug)]
struct Fetch {
    started: Duration,
    representation: usize,
    /// How much longer the play-out stood still when it had come.
    stalled: Duration,
    startup: bool,
    buffered: Duration,
}

fn track(segment: Duration, total: Duration) -> Track<4, 4> {
    let representations: String = LADDER
        .iter()
        .map(|bandwidth| format!(r#"<Representation id="v{bandwidth}" bandwidth="{bandwidth}"/>"#))
        .collect();
    let manifest = format!(
        r#"<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" mediaPresentationDuration="PT{}S"><Period><AdaptationSet mimeType="video/mp4">
        <SegmentTemplate timescale="1000" duration="{}" media="$RepresentationID$/$Number$.m4s"/>{representations}</AdaptationSet></Period></MPD>"#,
        total.as_secs(),
        segment.as_millis(),
    );
    let mut buffer = [0; 1024];
    let mut reader = Reader::new(&mut buffer);
    let mut track = Track::new(&Url::parse("http://example.test/stream.mpd").unwrap()).unwrap();
    dash::feed(&mut reader, &mut track, manifest.as_bytes()).unwrap();
    dash::finish(&mut reader, &track).unwrap();
    track
}

/// Plays everything over `link`; also checks what holds for every player.
fn play<A: Selector>(selector: A, link: &Link, segment: Duration, total: Duration, buffer: Buffer) -> Vec<Fetch> {
    let mut player = Player::new(track(segment, total), selector, buffer).unwrap();
    let mut now = Duration::ZERO;
    let mut fetches = Vec::new();
    let mut played = Duration::ZERO;
    loop {
        let step = player.poll(now);
        assert_eq!(player.poll(now), step, "the same question gets the same answer");
        match step {
            Step::Done => break,
            Step::Wait(time) => {
                assert!(!time.is_zero());
                now += time;
            }
            Step::Fetch {
                segment,
                representation,
            } => {
                assert_eq!(segment.index, fetches.len() as u64);
                let octets = segment.duration().as_millis() as u64 * u64::from(LADDER[representation]) / 8000;
                let (startup, before) = (!player.is_started(), player.stalled());
                let end = link.carry(octets, now);
                player.feed(
                    &Download {
                        octets,
                        elapsed: end - now,
                        latency: link.latency,
                    },
                    end,
                );
                played += segment.duration();
                let (stalled, buffered) = (player.stalled() - before, player.buffered(end));
                fetches.push(Fetch {
                    started: now,
                    representation,
                    stalled,
                    startup,
                    buffered,
                });
                assert!(buffered <= buffer_limit(&buffer, segment.duration()), "{buffered:?}");
                now = end;
            }
        }
    }
    let changes = fetches
        .windows(2)
        .filter(|pair| pair[0].representation != pair[1].representation)
        .count();
    assert_eq!(player.switches() as usize, changes);
    assert_eq!(fetches.len() as u64, player.track().segment_count());
    assert_eq!(played, total);
    fetches
}

fn buffer_limit(buffer: &Buffer, segment: Duration) -> Duration {
    buffer.target.max(2 * segment)
}

/// 3000, 500 and again 3000 kbit/s; the steps at `down` and `up`.
fn steps(down: u64, up: u64, latency: u64) -> Link {
    Link {
        rates: vec![(0, 3000), (down, 500), (up, 3000)],
        latency: Duration::from_millis(latency),
    }
}

#[test]
fn the_link_carries_what_it_should() {
    let link = steps(1000, 3000, 100);
    // 900 ms at 3000, 2000 ms at 500, 100 ms at 3000: 2700 + 1000 + 300 kbit.
    assert_eq!(link.carry(4_000_000 / 8, Duration::ZERO), Duration::from_millis(3100));
    assert_eq!(link.carry(0, Duration::ZERO), Duration::from_millis(100));
}

#[test]
fn the_representation_follows_a_step_down_and_up_without_a_stall() {
    let total = Duration::from_secs(300);
    for segment in [1000, 1500, 2000] {
        for latency in [0, 20, 100, 250] {
            // The step comes at every phase of a download.
            for phase in (0..segment).step_by(125) {
                let (down, up) = (90_000 + phase, 190_000 + phase);
                let link = steps(down, up, latency);
                let name = format!("segments of {segment} ms, latency {latency} ms, step at {down} ms");
                let segment = Duration::from_millis(segment);
                let fetches = play(Dynamic::default(), &link, segment, total, Buffer::default());

                let stall = fetches
                    .iter()
                    .find(|fetch| !fetch.startup && fetch.representation > 0 && !fetch.stalled.is_zero());
                assert!(stall.is_none(), "{name}: {stall:?}");
                let within = |from: u64, to: u64| {
                    let range = Duration::from_millis(from)..Duration::from_millis(to);
                    fetches
                        .iter()
                        .filter(move |fetch| range.contains(&fetch.started))
                        .map(|fetch| fetch.representation)
                };
                // Half a minute after each step the choice fits the link, and no longer swings.
                assert!(within(30_000, down).all(|representation| representation >= 2), "{name}");
                assert!(
                    within(down + 30_000, up).all(|representation| representation <= 1),
                    "{name}"
                );
                assert!(
                    within(up + 30_000, 300_000).all(|representation| representation >= 2),
                    "{name}"
                );
                for (from, to) in [(30_000, down), (up + 30_000, 300_000)] {
                    let settled: Vec<_> = within(from, to).collect();
                    let switches = settled.windows(2).filter(|pair| pair[0] != pair[1]).count();
                    assert!(switches <= 1, "{name}: {settled:?}");
                }
            }
        }
    }
}

#[test]
fn a_link_below_the_ladder_stalls_only_at_the_lowest() {
    for segment in [1000, 2000, 4000] {
        let link = Link {
            rates: vec![(0, 3000), (60_000, 100)],
            latency: Duration::from_millis(50),
        };
        let (total, segment) = (Duration::from_secs(120), Duration::from_millis(segment));
        let fetches = play(
            Dynamic::default(),
            &link,
            segment,
            total,
            Buffer {
                startup: segment,
                target: 40 * segment,
            },
        );
        let last = fetches.last().unwrap();
        assert_eq!(last.representation, 0);
        assert!(fetches.iter().any(|fetch| !fetch.stalled.is_zero()));
    }
}

#[test]
fn every_rule_plays_to_the_end() {
    let link = steps(30_000, 60_000, 50);
    let total = Duration::from_secs(96);
    for (segment, target) in [(2, 20), (4, 12), (6, 6), (8, 3)] {
        let (segment, target) = (Duration::from_secs(segment), Duration::from_secs(target));
        let buffer = Buffer {
            startup: target,
            target,
        };
        for fetches in [
            play(Dynamic::default(), &link, segment, total, buffer),
            play(Throughput::default(), &link, segment, total, buffer),
            play(Bola, &link, segment, total, buffer),
        ] {
            assert_eq!(fetches.len() as u64, 96 / segment.as_secs());
            assert!(fetches.last().unwrap().buffered >= segment);
        }
    }
}

#[test]
fn a_download_that_nobody_asked_for_changes_nothing() {
    let mut player = Player::new(
        track(Duration::from_secs(2), Duration::from_secs(4)),
        Throughput::default(),
        Buffer::default(),
    )
    .unwrap();
    player.feed(
        &Download {
            octets: 1,
            elapsed: Duration::from_secs(1),
            latency: Duration::ZERO,
        },
        Duration::from_secs(1),
    );
    assert_eq!(player.buffered(Duration::from_secs(1)), Duration::ZERO);
    assert!(
        matches!(player.poll(Duration::from_secs(1)), Step::Fetch { segment, representation: 0 } if segment.index == 0)
    );
}

#[test]
fn urls_of_the_segments() {
    let mut player = Player::new(
        track(Duration::from_secs(2), Duration::from_secs(4)),
        Dynamic::default(),
        Buffer::default(),
    )
    .unwrap();
    let mut out = [0; 128];
    let Step::Fetch {
        segment,
        representation,
    } = player.poll(Duration::ZERO)
    else {
        panic!("nothing to fetch")
    };
    let url = player.url(&segment, representation, &mut out).unwrap();
    assert_eq!(url.as_str(), "http://example.test/v250000/1.m4s");
}
