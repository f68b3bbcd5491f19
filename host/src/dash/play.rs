//! Plays a stream: reads the manifest as it arrives, then performs what the player decides.

use super::report::{Report, Segment, Summary};
use super::{Cause, Failure, Fetched, Fetcher};
use crate::net::Roots;
use gatepost_core::abr::{Download, Dynamic};
use gatepost_core::dash::{self, Reader};
use gatepost_core::http::Url;
use gatepost_core::player::{Buffer, Player, Step};
use std::thread;
use std::time::{Duration, Instant};

/// A track with room for large manifests.
type Track = dash::Track<32, 4096, 65536>;

/// Plays the stream of the manifest at `url` to its end.
///
/// `output` gets every segment in order, an initialization segment before the first of each Representation's run.
/// If `fast`, time that the player would wait passes at once.
pub fn play(
    url: &str,
    roots: Roots,
    fast: bool,
    output: &mut dyn FnMut(&[u8]) -> Result<(), Failure>,
    report: &mut dyn FnMut(Report<'_>) -> Result<(), Failure>,
) -> Result<Summary, Failure> {
    let mut fetcher = Fetcher::new(roots);
    let track = manifest(&mut fetcher, url)?;
    report(Report::Stream {
        bandwidths: track.bandwidths(),
    })?;
    let player = Player::new(track, Dynamic::default(), Buffer::default());
    let mut player = player.map_err(|error| Cause::Track(error).at(url))?;
    let mut clock = Clock {
        start: Instant::now(),
        skipped: fast.then_some(Duration::ZERO),
    };
    let mut summary = Summary::default();
    let mut current = None;
    loop {
        let (segment, representation) = match player.poll(clock.now()) {
            Step::Fetch {
                segment,
                representation,
            } => (segment, representation),
            Step::Wait(wait) => {
                clock.wait(wait);
                continue;
            }
            Step::Done => break,
        };
        if current != Some(representation) {
            let mut octets = [0; URL];
            let initialization = player.track().initialization_url(representation, &mut octets);
            if let Some(initialization) = initialization.map_err(|error| Cause::Track(error).at(url))? {
                summary.octets += fetcher.fetch(&initialization, output)?.octets;
            }
            current = Some(representation);
        }
        let mut octets = [0; URL];
        let address = player.url(&segment, representation, &mut octets);
        let address = address.map_err(|error| Cause::Track(error).at(url))?;
        let Fetched {
            octets,
            elapsed,
            latency,
        } = fetcher.fetch(&address, output)?;
        player.feed(
            &Download {
                octets,
                elapsed,
                latency,
            },
            clock.now(),
        );
        let buffered = player.buffered(clock.now());
        summary.segments += 1;
        summary.octets += octets;
        summary.switches = player.switches();
        summary.stalled = player.stalled();
        report(Report::Segment(Segment {
            number: segment.number,
            representation,
            bandwidth: player.track().bandwidths().get(representation).copied().unwrap_or(0),
            octets,
            elapsed,
            buffered,
            stalled: summary.stalled,
        }))?;
    }
    report(Report::Done(summary))?;
    Ok(summary)
}

/// Fetches the manifest and reads it as it arrives.
fn manifest(fetcher: &mut Fetcher, text: &str) -> Result<Track, Failure> {
    let url = Url::parse(text).map_err(|error| Cause::Url(error).at(text))?;
    let mut window = vec![0; WINDOW];
    let mut reader = Reader::new(&mut window);
    let mut track = Track::new(&url).map_err(|error| Cause::Track(error).at(text))?;
    let failed = |error| Cause::Manifest(error).at(text);
    fetcher.fetch(&url, &mut |octets| {
        dash::feed(&mut reader, &mut track, octets).map_err(failed)
    })?;
    dash::finish(&mut reader, &track).map_err(failed)?;
    Ok(track)
}

/// The time that the player is told.
struct Clock {
    start: Instant,
    /// How much waiting was left out, if it is.
    skipped: Option<Duration>,
}

impl Clock {
    fn now(&self) -> Duration {
        self.start.elapsed() + self.skipped.unwrap_or_default()
    }

    fn wait(&mut self, wait: Duration) {
        match &mut self.skipped {
            Some(skipped) => *skipped += wait,
            None => thread::sleep(wait),
        }
    }
}

/// The longest name or value in a manifest, octets.
const WINDOW: usize = 64 * 1024;
/// The longest URL, octets.
const URL: usize = 8 * 1024;
