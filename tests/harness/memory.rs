//! The firmware application as a thread of this process, on the in-memory Ethernet.

use crate::certificates::Authority;
use crate::device::{self, Device, HTTP, SUBMISSION};
use crate::ethernet::far::Far;
use crate::ethernet::{self, Port, Rate};
use crate::network::SERVER;
use crate::servers::content::Content;
use crate::servers::http::HttpServer;
use crate::servers::mail::{MailServer, Policy, Received};
use crate::{Context, Result};
use gatepost_core::io::smoltcp::Clock;
use gatepost_firmware::app::{self, Arguments, Platform};
use std::fmt;
use std::net::TcpListener;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The running device with its servers.
pub struct Memory {
    console: Receiver<String>,
    thread: Option<JoinHandle<i32>>,
    rate: Rate,
    mail: MailServer,
    _web: HttpServer,
    _far: Far,
}

impl Memory {
    /// Starts it with a link of `bps` towards the device, a mail server and `content`.
    pub fn start(bps: u64, content: Content) -> Result<Self> {
        let authority = Authority::new("Gatepost Laboratory")?;
        let policy = Policy::default();
        let certificate = authority.server(&[&policy.name, &SERVER.to_string()])?;
        let mail = MailServer::start(TcpListener::bind("127.0.0.1:0")?, &certificate, policy.clone())?;
        let web = HttpServer::start(TcpListener::bind("127.0.0.1:0")?, move |path| content.resource(path))?;
        let (near, far, rate) = ethernet::cable(bps);
        let far = Far::start(far, vec![(SUBMISSION, mail.address()), (HTTP, web.address())]);
        let words = [
            device::mail_arguments(&policy, Path::new("ca.der")),
            device::stream_arguments("/stream.mpd"),
            device::address_arguments(),
        ]
        .concat();
        let (lines, console) = channel();
        let anchor = authority.der().to_vec();
        let thread = thread::Builder::new()
            .name("device".into())
            // The board has 4 MiB for everything.
            .stack_size(4 << 20)
            .spawn(move || run(near, &words, &anchor, lines))
            .context("the device's thread")?;
        Ok(Self {
            console,
            thread: Some(thread),
            rate,
            mail,
            _web: web,
            _far: far,
        })
    }

    /// The rate of the link towards the device.
    pub fn rate(&self) -> Rate {
        self.rate.clone()
    }

    /// Waits until `count` mails have come.
    pub fn mails(&self, count: usize) -> Result<Vec<Received>> {
        self.mail.wait(count, Duration::from_secs(10))
    }
}

impl Device for Memory {
    fn next_line(&mut self, limit: Duration) -> Result<Option<String>> {
        match self.console.recv_timeout(limit) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(format!("device: silent for {limit:?}").into()),
        }
    }

    fn wait(&mut self, _: Duration) -> Result<i32> {
        // Its console has ended, and nothing comes after that.
        let thread = self.thread.take().ok_or("the device has ended before")?;
        thread.join().map_err(|_| "the device panicked".into())
    }
}

/// What the firmware's own `main` does on the board.
fn run(port: Port, words: &[String], authority: &[u8], lines: Sender<String>) -> i32 {
    let mut console = Console {
        lines: lines.clone(),
        line: String::new(),
    };
    let platform = Platform {
        hardware_address: [2, 0, 0, 0, 0, 2],
        entropy: rand_core::OsRng,
        console: Console {
            lines,
            line: String::new(),
        },
        epoch: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs()),
        authority,
    };
    let clock = WallClock(Instant::now());
    let result = Arguments::parse(words.iter().map(String::as_str))
        .and_then(|arguments| app::demo(&arguments, port, clock, platform, &mut app::Memory::new()));
    app::finish(result, &mut console)
}

struct WallClock(Instant);

impl Clock for WallClock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn idle(&self) {
        thread::sleep(Duration::from_micros(500));
    }
}

/// Hands the device's lines to who reads them.
struct Console {
    lines: Sender<String>,
    line: String,
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for part in text.split_inclusive('\n') {
            self.line.push_str(part.trim_end_matches('\n'));
            if part.ends_with('\n') {
                self.lines
                    .send(std::mem::take(&mut self.line))
                    .map_err(|_| fmt::Error)?;
            }
        }
        Ok(())
    }
}
