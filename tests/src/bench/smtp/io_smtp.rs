//! io-smtp in flash: `tests/peers/firmware`, with the board and the input of our own profiles.

use super::super::image::Image;
use super::super::table::Report;
use harness::{Result, repository};

/// Octets beyond `baseline`; an error says what is missing.
pub(crate) fn flash(report: &Report, baseline: u64) -> Result<f64> {
    report.note("building io-smtp for thumbv7m");
    let folder = repository::root().join("tests/peers/firmware");
    let arguments = [
        "build",
        "--release",
        "--locked",
        "--target",
        repository::FIRMWARE_TARGET,
    ];
    let image = repository::build(&folder, &arguments, "gatepost-peers-firmware")
        .map_err(|error| format!("the crates of tests/peers/firmware built: {error}"))?;
    Ok(Image::read(&image)?.flash()?.saturating_sub(baseline) as f64)
}
