//! The run as a picture: link rate, chosen bitrate and buffer over time, as SVG within a page of HTML.

use super::Record;
use std::fmt::Write;

/// A page of HTML with everything inline.
pub(super) fn page(record: &Record, summary: &str) -> String {
    let mut rows = String::new();
    for (time, segment) in record.segments() {
        // A String takes everything.
        let _ = writeln!(
            rows,
            "<tr><td>{:.1}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.1}</td></tr>",
            time.as_secs_f64(),
            segment.number,
            segment.representation,
            segment.bandwidth / 1000,
            segment.measured_kbps,
            segment.buffered_ms as f64 / 1000.0
        );
    }
    let mails: String = record
        .mails
        .iter()
        .map(|mail| format!("<pre>{}</pre>\n", escape(&String::from_utf8_lossy(&mail.data))))
        .collect();
    format!(
        r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Gatepost: the demo</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 960px; margin: 2em auto; padding: 0 1em; color: #222; }}
svg {{ width: 100%; height: auto; }}
svg text {{ font: 12px system-ui, sans-serif; fill: #555; }}
table {{ border-collapse: collapse; }}
td, th {{ padding: 0 1em; text-align: right; }}
pre {{ background: #f4f4f2; padding: 1em; overflow-x: auto; }}
</style>
</head>
<body>
<h1>Gatepost: the demo</h1>
<pre>{}</pre>
<h2>Link rate, chosen bitrate, buffer</h2>
{}
<h2>Segments</h2>
<table>
<tr><th>s</th><th>segment</th><th>representation</th><th>kbit/s</th><th>measured kbit/s</th><th>buffer s</th></tr>
{rows}</table>
<h2>Mails as received</h2>
{mails}</body>
</html>
"#,
        escape(summary),
        svg(record)
    )
}

/// The picture alone.
fn svg(record: &Record) -> String {
    let segments = record.segments();
    let (Some((first, _)), Some((last, _))) = (segments.first(), segments.last()) else {
        return "<p>No segment was downloaded.</p>".to_owned();
    };
    // From the time when the link had its first rate.
    let origin = record.rates.first().map_or(*first, |(time, _)| *time).as_secs_f64();
    let span = (last.as_secs_f64() - origin).max(1.0);
    let top_rate = (record.rates.iter().map(|(_, bps)| *bps).max().unwrap_or(1) as f64 / 1e6).floor() * 1e6 + 1e6;
    let most = segments
        .iter()
        .map(|(_, segment)| segment.buffered_ms)
        .max()
        .unwrap_or(0);
    let top_buffer = (most as f64 / 5000.0).floor() * 5.0 + 5.0;
    let x = |seconds: f64| LEFT + ((seconds - origin).clamp(0.0, span)) / span * WIDTH;
    let rate_y = |bps: f64| TOP + HEIGHT - bps / top_rate * HEIGHT;
    let buffer_y = |seconds: f64| TOP + HEIGHT - seconds / top_buffer * HEIGHT;

    let mut link = Vec::new();
    for (time, bps) in &record.rates {
        if let Some((_, y)) = link.last().copied() {
            link.push((x(time.as_secs_f64()), y));
        }
        link.push((x(time.as_secs_f64()), rate_y(*bps as f64)));
    }
    if let Some((_, y)) = link.last().copied() {
        link.push((x(last.as_secs_f64()), y));
    }
    let mut chosen = Vec::new();
    let mut buffer = Vec::new();
    let mut before = origin;
    for (time, segment) in &segments {
        let y = rate_y(f64::from(segment.bandwidth));
        chosen.push((x(before), y));
        chosen.push((x(time.as_secs_f64()), y));
        buffer.push((x(time.as_secs_f64()), buffer_y(segment.buffered_ms as f64 / 1000.0)));
        before = time.as_secs_f64();
    }

    let mut axes = String::new();
    // A String takes everything.
    for mbps in 0..=(top_rate / 1e6) as u32 {
        let y = rate_y(f64::from(mbps) * 1e6);
        let _ = write!(
            axes,
            r##"<line x1="{LEFT}" y1="{y:.1}" x2="{:.1}" y2="{y:.1}" stroke="#e4e4e0"/>
<text x="{:.1}" y="{:.1}" text-anchor="end">{mbps}</text>
"##,
            LEFT + WIDTH,
            LEFT - 6.0,
            y + 4.0,
        );
    }
    for seconds in (0..=top_buffer as u32).step_by(5) {
        let y = buffer_y(f64::from(seconds)) + 4.0;
        let _ = writeln!(
            axes,
            r#"<text x="{:.1}" y="{y:.1}">{seconds}</text>"#,
            LEFT + WIDTH + 6.0
        );
    }
    for seconds in (0..=span as u32).step_by(5) {
        let _ = writeln!(
            axes,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{seconds} s</text>"#,
            x(origin + f64::from(seconds)),
            TOP + HEIGHT + 20.0
        );
    }
    format!(
        r##"<svg viewBox="0 0 900 380" role="img" aria-label="Link rate, chosen bitrate and buffer over time">
{axes}{}{}{}<g transform="translate({LEFT} 14)">
<text x="0" y="0">Mbit/s (left):</text>
<text x="90" y="0" style="fill:{LINK}">link rate</text>
<text x="160" y="0" style="fill:{CHOSEN}">chosen bitrate</text>
<text x="270" y="0">s (right):</text>
<text x="330" y="0" style="fill:{BUFFER}">buffer</text>
</g>
</svg>
"##,
        line(&link, LINK, ""),
        line(&chosen, CHOSEN, ""),
        line(&buffer, BUFFER, r#" stroke-dasharray="5 3""#),
    )
}

fn line(points: &[(f64, f64)], colour: &str, more: &str) -> String {
    let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    format!(
        "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"{more} points=\"{}\"/>\n",
        points.join(" ")
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

const LEFT: f64 = 50.0;
const TOP: f64 = 30.0;
const WIDTH: f64 = 800.0;
const HEIGHT: f64 = 310.0;

const LINK: &str = "#8a8a85";
const CHOSEN: &str = "#1f5fbf";
const BUFFER: &str = "#c2571a";
