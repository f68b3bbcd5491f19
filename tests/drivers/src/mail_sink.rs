//! A mail server that accepts everything as fast as it can, and tells how the client spoke.
//!
//! It prints its port, and then a line for each connection that ended: `mails M octets N turns T peak P`. A turn is a
//! time that the client waited for an answer; mail data are counted as they came; P is the client's greatest
//! resident memory in KiB. It ends when its standard input does.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::sockopt::set_tcp_quickack;
use std::io::{self, BufRead, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

#[derive(Clone, Copy, Default)]
struct Options {
    /// Offers CHUNKING.
    chunking: bool,
    /// Acknowledges at once, so that a client that waits for acknowledgements is not held up.
    quick_ack: bool,
    /// Answers only once the client has fallen silent; without it, turns that follow each other fast may be counted as one.
    patient: bool,
    /// Waits with the greeting for a line of standard input that has the client's process id, and watches its memory.
    watch: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    use lexopt::prelude::*;
    let mut options = Options::default();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("chunking") => options.chunking = true,
            Long("quick-ack") => options.quick_ack = true,
            Long("patient") => options.patient = true,
            Long("watch") => options.watch = true,
            _ => return Err(argument.unexpected().into()),
        }
    }
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    println!("{}", listener.local_addr()?.port());
    let (sender, clients) = channel();
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            // Nobody listens only if the main thread is gone.
            let _ = sender.send(line);
        }
        std::process::exit(0);
    });
    let clients = Arc::new(Mutex::new(clients));
    loop {
        let (stream, _) = listener.accept()?;
        let clients = Arc::clone(&clients);
        thread::spawn(move || serve(stream, options, &clients));
    }
}

fn serve(stream: TcpStream, options: Options, clients: &Mutex<Receiver<String>>) {
    let client = match options.watch {
        true => clients.lock().unwrap_or_else(PoisonError::into_inner).recv().ok(),
        false => None,
    };
    let mut connection = Connection {
        stream,
        options,
        client,
        input: vec![0; 256 * 1024],
        start: 0,
        end: 0,
        output: Vec::new(),
        mails: 0,
        octets: 0,
        turns: 0,
        peak: 0,
    };
    // A client that leaves without QUIT is told by its count of mails.
    let _ = connection.run();
    let Connection {
        mails,
        octets,
        turns,
        peak,
        ..
    } = connection;
    println!("mails {mails} octets {octets} turns {turns} peak {peak}");
}

struct Connection {
    stream: TcpStream,
    options: Options,
    client: Option<String>,
    /// What came and was not yet understood: `start..end`.
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// Answers that were not sent.
    output: Vec<u8>,
    mails: u64,
    octets: u64,
    turns: u64,
    peak: u64,
}

impl Connection {
    fn run(&mut self) -> io::Result<()> {
        self.stream.set_nodelay(true)?;
        self.say(b"220 sink.test\r\n");
        loop {
            let line = self.line()?;
            let verb = line.get(..4).unwrap_or(&line).to_ascii_uppercase();
            match verb.as_slice() {
                b"EHLO" => {
                    let chunking: &[u8] = if self.options.chunking {
                        b"250-CHUNKING\r\n"
                    } else {
                        b""
                    };
                    self.say(b"250-sink.test\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n250-DSN\r\n");
                    self.say(chunking);
                    self.say(b"250 ENHANCEDSTATUSCODES\r\n");
                }
                b"DATA" => {
                    self.say(b"354 go on\r\n");
                    self.data()?;
                    self.accepted();
                }
                b"BDAT" => {
                    let rest = line.get(4..).unwrap_or_default();
                    let (length, last) = chunk(rest).ok_or(io::ErrorKind::InvalidData)?;
                    self.skip(length)?;
                    match last {
                        true => self.accepted(),
                        false => self.say(b"250 2.0.0 more\r\n"),
                    }
                }
                b"QUIT" => {
                    self.look();
                    self.say(b"221 2.0.0 bye\r\n");
                    return self.send();
                }
                _ => self.say(b"250 2.1.0 ok\r\n"),
            }
        }
    }

    fn accepted(&mut self) {
        self.mails += 1;
        self.look();
        self.say(b"250 2.0.0 accepted\r\n");
    }

    /// The next line without its CRLF.
    fn line(&mut self) -> io::Result<Vec<u8>> {
        let mut searched = 0;
        loop {
            let waiting = self.waiting();
            if let Some(length) = memchr::memmem::find(&waiting[searched..], b"\r\n") {
                let line = waiting[..searched + length].to_vec();
                self.start += line.len() + 2;
                return Ok(line);
            }
            searched = waiting.len().saturating_sub(1);
            self.receive()?;
        }
    }

    /// Reads mail data to their end.
    fn data(&mut self) -> io::Result<()> {
        // The CRLF of DATA stands before the first line, which may be the end already.
        let mut before = 2;
        self.start -= before;
        loop {
            let waiting = self.waiting();
            if let Some(length) = memchr::memmem::find(waiting, b"\r\n.\r\n") {
                self.octets += (length + 5 - before) as u64;
                self.start += length + 5;
                return Ok(());
            }
            // What may be the beginning of the end stays.
            let read = waiting.len().saturating_sub(4);
            self.octets += read.saturating_sub(before) as u64;
            before = before.saturating_sub(read);
            self.start += read;
            self.receive()?;
        }
    }

    fn skip(&mut self, length: u64) -> io::Result<()> {
        self.octets += length;
        let mut left = length;
        loop {
            let count = (self.waiting().len() as u64).min(left);
            self.start += count as usize;
            left -= count;
            if left == 0 {
                return Ok(());
            }
            self.receive()?;
        }
    }

    fn waiting(&self) -> &[u8] {
        &self.input[self.start..self.end]
    }

    /// Receives more, after the answers were sent.
    fn receive(&mut self) -> io::Result<()> {
        if !self.output.is_empty() {
            let goes_on = self.options.patient && self.more()?;
            if !goes_on {
                self.send()?;
            }
        }
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.input.len() - self.end < 4096 {
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        let count = self.stream.read(&mut self.input[self.end..])?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if self.options.quick_ack {
            set_tcp_quickack(&self.stream, true)?;
        }
        self.end += count;
        Ok(())
    }

    /// Whether the client goes on, or goes, without an answer.
    fn more(&self) -> io::Result<bool> {
        let mut polled = [PollFd::new(&self.stream, PollFlags::IN)];
        Ok(poll(&mut polled, Some(&SILENCE))? > 0)
    }

    fn say(&mut self, reply: &[u8]) {
        self.output.extend_from_slice(reply);
    }

    fn send(&mut self) -> io::Result<()> {
        self.turns += 1;
        self.stream.write_all(&self.output)?;
        self.output.clear();
        Ok(())
    }

    /// Looks at the memory of the client, which waits for an answer.
    fn look(&mut self) {
        if let Some(peak) = self.client.as_deref().and_then(peak_memory) {
            self.peak = peak;
        }
    }
}

/// ` 123 LAST`: how long the chunk is, and whether it is the last one.
fn chunk(text: &[u8]) -> Option<(u64, bool)> {
    let mut words = std::str::from_utf8(text).ok()?.split_ascii_whitespace();
    let length = words.next()?.parse().ok()?;
    Some((
        length,
        words.next().is_some_and(|word| word.eq_ignore_ascii_case("LAST")),
    ))
}

/// The greatest resident memory of a process so far, KiB.
fn peak_memory(process: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

/// A client that says nothing for so long waits for an answer. More than a delayed acknowledgement takes, behind which
/// Nagle's algorithm may hold the next octets back.
const SILENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 60_000_000,
};
