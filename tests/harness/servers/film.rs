//! A DASH stream made by ffmpeg: 40 s of a test picture in four representations, segments of one second.

use crate::{Context, Result, repository};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// The Debian packages it needs.
pub const PACKAGES: &[&str] = &["ffmpeg"];

/// The directory with `stream.mpd` and its segments; encoded once, then kept below the target directory.
pub fn content() -> Result<PathBuf> {
    let kept = repository::laboratory().join("film");
    if kept.join("stream.mpd").is_file() {
        return Ok(kept);
    }
    // Encoded beside it and renamed, so that an interrupted run leaves nothing half made.
    let parent = repository::laboratory();
    fs::create_dir_all(&parent)?;
    let work = tempfile::Builder::new().prefix("film-").tempdir_in(&parent)?;
    println!("encoding 40 s of film at four rates with ffmpeg");
    let output = command().current_dir(work.path()).output().context("ffmpeg")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("ffmpeg: {}: {}", output.status, said.trim()).into());
    }
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(work.path(), fs::Permissions::from_mode(0o755))?;
    if let Err(error) = fs::rename(work.path(), &kept) {
        // Another run may have been first.
        if !kept.join("stream.mpd").is_file() {
            return Err(format!("{}: {error}", kept.display()).into());
        }
    }
    Ok(kept)
}

fn command() -> Command {
    let mut command = Command::new("ffmpeg");
    command.args(["-loglevel", "error", "-nostdin", "-y"]);
    command.args(["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=40"]);
    command.args([
        "-filter_complex",
        "[0:v]noise=alls=12:allf=t,split=4[a][b][c][d];[a]scale=256:144[v0];[b]scale=320:180[v1];[c]scale=480:270[v2];[d]scale=640:360[v3]",
    ]);
    command.args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]);
    command.args(["-g", "25", "-keyint_min", "25", "-sc_threshold", "0"]);
    command.args(["-x264-params", "nal-hrd=cbr:force-cfr=1"]);
    for (index, rate) in ["250k", "600k", "1200k", "2400k"].iter().enumerate() {
        command.arg("-map").arg(format!("[v{index}]"));
        for option in ["-b:v", "-maxrate:v", "-bufsize:v"] {
            command.arg(format!("{option}:{index}")).arg(rate);
        }
    }
    command.args([
        "-f",
        "dash",
        "-seg_duration",
        "1",
        "-use_template",
        "1",
        "-use_timeline",
        "0",
    ]);
    command.args(["-adaptation_sets", "id=0,streams=v"]);
    command.args(["-init_seg_name", "init-$RepresentationID$.m4s"]);
    command.args(["-media_seg_name", "c-$RepresentationID$-$Number%05d$.m4s", "stream.mpd"]);
    command
}
