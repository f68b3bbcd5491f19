//! The stream: an MPD read as it arrives, then every segment in order, of the Representation that the link carries.

use super::error::{Part, StreamError};
use super::fetch::Fetcher;
use super::network::Network;
use super::{Error, Platform};
use core::fmt::Write;
use core::time::Duration;
use gatepost_core::abr::{Download, Dynamic};
use gatepost_core::dash::{self, Reader, Segment, TrackError};
use gatepost_core::http::Url;
use gatepost_core::io::smoltcp::Clock;
use gatepost_core::player::{Buffer, Step};
use heapless::Vec;
use smoltcp::phy::Device;

/// The buffers of an exchange, of a URL and of the MPD's reader, and what was read.
pub struct Memory {
    exchange: [u8; 2048],
    url: [u8; 512],
    reader: [u8; 2048],
    /// At most one; an empty list is all zeroes, so that it takes no flash.
    player: Vec<Player, 1>,
}

impl Memory {
    /// Zeroed.
    pub const fn new() -> Self {
        Self {
            exchange: [0; 2048],
            url: [0; 512],
            reader: [0; 2048],
            player: Vec::new(),
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// At most 10 Representations and 64 runs of unequal segments.
type Track = dash::Track<REPRESENTATIONS, 64>;
type Player = gatepost_core::player::Player<Dynamic, REPRESENTATIONS, 64>;
const REPRESENTATIONS: usize = 10;

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
    let Memory {
        exchange,
        url: out,
        reader,
        player,
    } = memory;
    let player = prepare(&url, &mut fetcher, reader, exchange, player).map_err(mpd)?;
    write!(platform.console, "stream: representations")?;
    for bandwidth in player.track().bandwidths() {
        write!(platform.console, " {bandwidth}")?;
    }
    writeln!(platform.console)?;

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
                    player,
                    &mut fetcher,
                    out,
                    exchange,
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
                    player,
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
// Its own frame, because it is large: the track stands in it on its way to the player.
#[inline(never)]
fn prepare<'p, D: Device, C: Clock>(
    url: &Url<'_>,
    fetcher: &mut Fetcher<'_, '_, D, C>,
    reader: &mut [u8],
    exchange: &mut [u8],
    players: &'p mut Vec<Player, 1>,
) -> Result<&'p mut Player, StreamError> {
    let mut track = match Track::new(url) {
        Ok(track) => track,
        Err(error) => return Err(StreamError::Track(error)),
    };
    let mut reader = Reader::new(reader);
    fetcher.fetch(url, exchange, |octets| {
        dash::feed(&mut reader, &mut track, octets).map_err(StreamError::Mpd)
    })?;
    dash::finish(&mut reader, &track).map_err(StreamError::Mpd)?;
    players.clear();
    match Player::new(track, Dynamic::default(), Buffer::default()) {
        // There is room for one.
        Ok(player) => drop(players.push(player)),
        Err(error) => return Err(StreamError::Track(error)),
    }
    players
        .first_mut()
        .ok_or(StreamError::Track(TrackError::NoRepresentation))
}

/// Fetches a segment; before the first one of a Representation, also what initializes its decoder.
fn fetch<D: Device, C: Clock>(
    segment: &Segment,
    representation: usize,
    is_first: bool,
    player: &Player,
    fetcher: &mut Fetcher<'_, '_, D, C>,
    out: &mut [u8],
    exchange: &mut [u8],
) -> Result<Download, StreamError> {
    if is_first {
        let url = player.track().initialization_url(representation, out);
        if let Some(url) = url.map_err(StreamError::Track)? {
            fetcher.measure(&url, exchange)?;
        }
    }
    let url = player.url(segment, representation, out).map_err(StreamError::Track)?;
    fetcher.measure(&url, exchange)
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
