//! The stream: an MPD read as it arrives, then every segment in order, of the Representation that the link carries.

use super::error::{Part, StreamError};
use super::fetch::Fetcher;
use super::network::Network;
use super::{Error, Platform};
use core::fmt::Write;
use core::time::Duration;
use gatepost_core::abr::{Download, Dynamic};
use gatepost_core::dash::{self, Reader, Segment};
use gatepost_core::http::Url;
use gatepost_core::io::smoltcp::Clock;
use gatepost_core::player::{Buffer, Step};
use smoltcp::phy::Device;

/// The buffers of an exchange, of a URL and of the MPD's reader.
pub struct Memory {
    exchange: [u8; 2048],
    url: [u8; 512],
    reader: [u8; 2048],
}

impl Memory {
    /// Zeroed.
    pub const fn new() -> Self {
        Self {
            exchange: [0; 2048],
            url: [0; 512],
            reader: [0; 2048],
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// At most 16 Representations and 64 runs of unequal segments.
type Track = dash::Track<REPRESENTATIONS, 64>;
type Player = gatepost_core::player::Player<Dynamic, REPRESENTATIONS, 64>;
const REPRESENTATIONS: usize = 16;

/// Plays the stream whose MPD stands at `url`; says what it fetches.
pub(super) fn play<D: Device, C: Clock, R, W: Write>(
    url: &str,
    network: &mut Network<'_, D, C>,
    platform: &mut Platform<'_, R, W>,
    memory: &mut Memory,
) -> Result<(), Error> {
    let mpd = |cause| Error::Stream { part: Part::Mpd, cause };
    let url = Url::parse(url).map_err(|error| mpd(StreamError::Url(error)))?;
    let mut fetcher = Fetcher::connect(network, &url).map_err(mpd)?;
    let track = read(&url, &mut fetcher, memory).map_err(mpd)?;
    write!(platform.console, "stream: representations")?;
    for bandwidth in track.bandwidths() {
        write!(platform.console, " {bandwidth}")?;
    }
    writeln!(platform.console)?;
    let mut player =
        Player::new(track, Dynamic::default(), Buffer::default()).map_err(|error| mpd(StreamError::Track(error)))?;

    let mut segments = 0;
    // A bit for each Representation whose initialization segment has come.
    let mut initialized = 0u32;
    loop {
        match player.poll(fetcher.now()) {
            Step::Wait(time) => fetcher.wait(time),
            Step::Done => break,
            Step::Fetch {
                segment,
                representation,
            } => {
                let bit = 1 << representation;
                let download = fetch(
                    &segment,
                    representation,
                    initialized & bit == 0,
                    &player,
                    &mut fetcher,
                    memory,
                )
                .map_err(|cause| Error::Stream {
                    part: Part::Segment {
                        number: segment.number,
                        representation,
                    },
                    cause,
                })?;
                initialized |= bit;
                player.feed(&download, fetcher.now());
                segments += 1;
                tell(
                    &segment,
                    representation,
                    &download,
                    &mut player,
                    fetcher.now(),
                    &mut platform.console,
                )?;
            }
        }
    }
    fetcher.close();
    writeln!(
        platform.console,
        "stream: done segments {segments} switches {} stalled_ms {}",
        player.switches(),
        player.stalled().as_millis()
    )?;
    Ok(())
}

/// Reads the MPD while it arrives.
fn read<D: Device, C: Clock>(
    url: &Url<'_>,
    fetcher: &mut Fetcher<'_, '_, D, C>,
    memory: &mut Memory,
) -> Result<Track, StreamError> {
    let mut track = Track::new(url).map_err(StreamError::Track)?;
    let mut reader = Reader::new(&mut memory.reader);
    fetcher.fetch(url, &mut memory.exchange, |octets| {
        dash::feed(&mut reader, &mut track, octets).map_err(StreamError::Mpd)
    })?;
    dash::finish(&mut reader, &track).map_err(StreamError::Mpd)?;
    Ok(track)
}

/// Fetches a segment; before the first one of a Representation, also what initializes its decoder.
fn fetch<D: Device, C: Clock>(
    segment: &Segment,
    representation: usize,
    is_first: bool,
    player: &Player,
    fetcher: &mut Fetcher<'_, '_, D, C>,
    memory: &mut Memory,
) -> Result<Download, StreamError> {
    if is_first {
        let url = player.track().initialization_url(representation, &mut memory.url);
        if let Some(url) = url.map_err(StreamError::Track)? {
            fetcher.measure(&url, &mut memory.exchange)?;
        }
    }
    let url = player
        .url(segment, representation, &mut memory.url)
        .map_err(StreamError::Track)?;
    fetcher.measure(&url, &mut memory.exchange)
}

fn tell(
    segment: &Segment,
    representation: usize,
    download: &Download,
    player: &mut Player,
    now: Duration,
    console: &mut impl Write,
) -> core::fmt::Result {
    let bandwidth = player.track().bandwidths().get(representation).copied().unwrap_or(0);
    let buffered = player.buffered(now).as_millis();
    // Bits per millisecond are kbit per second; microseconds keep short downloads apart from none.
    let elapsed = download.elapsed.as_micros().max(1);
    let measured = u128::from(download.octets) * 8 * 1000 / elapsed;
    writeln!(
        console,
        "segment: number {} representation {representation} bandwidth {bandwidth} octets {} elapsed_ms {} \
         measured_kbps {measured} buffered_ms {buffered} stalled_ms {}",
        segment.number,
        download.octets,
        download.elapsed.as_millis(),
        player.stalled().as_millis()
    )
}
