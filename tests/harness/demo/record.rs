//! What happened in a demo, and whether it is what must happen.

use super::{Alert, Machine, Servers, picture, summary};
use crate::console::{Event, Segment};
use crate::servers::mail::Received;
use crate::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What happened.
#[derive(Clone, Debug)]
pub struct Record {
    /// Where the device ran.
    pub machine: Machine,
    /// Which servers it spoke to.
    pub servers: Servers,
    /// The `gatepost` commands that made the network.
    pub commands: Vec<String>,
    /// What the device said, and when, counted from the start.
    pub events: Vec<(Duration, Event)>,
    /// The device's exit code.
    pub status: i32,
    /// The link's rate towards the device in bit/s, from each time on.
    pub rates: Vec<(Duration, u64)>,
    /// What became of the uplink.
    pub alert: Alert,
    /// The mails that arrived: the device's, then the gateway's.
    pub mails: Vec<Received>,
}

impl Record {
    /// The segments downloaded, in order, each with the time when it was complete.
    pub fn segments(&self) -> Vec<(Duration, Segment)> {
        let segments = self.events.iter().filter_map(|(time, event)| match event {
            Event::Segment(segment) => Some((*time, *segment)),
            _ => None,
        });
        segments.collect()
    }

    /// Everything that is not as it must be, a line each.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut expect = |holds: bool, fault: &str| {
            if !holds {
                faults.push(fault.to_owned());
            }
        };
        for (_, event) in &self.events {
            if let Event::Error(line) = event {
                expect(false, &format!("the device gave up: {line}"));
            }
        }
        expect(self.status == 0, &format!("the device ended with code {}", self.status));
        let device = self.mails.first();
        expect(device.is_some(), "no mail of the device arrived");
        if let Some(mail) = device {
            expect(
                mail.tls.as_deref() == Some("TLSv1.3"),
                "the device's mail did not come over TLS 1.3",
            );
            expect(mail.user.is_some(), "the device's mail came without authentication");
        }
        let segments = self.segments();
        let numbers: Vec<u32> = segments.iter().map(|(_, segment)| segment.number).collect();
        expect(!numbers.is_empty(), "no segment was downloaded");
        expect(
            numbers.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "the segments did not come in order",
        );
        let steps = segments
            .windows(2)
            .map(|pair| (pair[0].1.bandwidth, pair[1].1.bandwidth));
        let (mut up, mut down) = (false, false);
        for (before, after) in steps {
            up |= after > before;
            down |= after < before;
        }
        expect(up && down, "the bitrate did not go both up and down");
        let played = self.events.iter().find_map(|(_, event)| match event {
            Event::Played {
                segments, stalled_ms, ..
            } => Some((*segments as usize, *stalled_ms)),
            _ => None,
        });
        expect(played.is_some(), "the stream was not played to its end");
        if let Some((count, stalled_ms)) = played {
            expect(
                count == segments.len(),
                "the device counted other segments than it reported",
            );
            expect(stalled_ms == 0, &format!("the stream stalled for {stalled_ms} ms"));
        }
        if let Alert::Mailed { .. } = self.alert {
            expect(self.mails.len() >= 2, "no mail of the gateway arrived");
        }
        faults
    }

    /// What happened, for a person.
    pub fn summary(&self) -> String {
        summary::text(self)
    }

    /// A line for each segment, for a person.
    pub fn segments_text(&self) -> String {
        summary::segments(self)
    }

    /// Writes the page with the picture, and the mails, into `directory`; returns the page's path.
    pub fn report(&self, directory: &Path) -> Result<PathBuf> {
        fs::create_dir_all(directory).context(directory.display())?;
        for (index, mail) in self.mails.iter().enumerate() {
            fs::write(directory.join(format!("mail-{}.eml", index + 1)), &mail.data)?;
        }
        let page = directory.join("index.html");
        fs::write(&page, picture::page(self, &self.summary())).context(page.display())?;
        Ok(page)
    }
}
