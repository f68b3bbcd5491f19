//! The server of a story: plays the turns, and keeps what it heard.

use super::story::Story;
use super::turns::Turn;
use crate::certificates::ServerCertificate;
use crate::{Result, servers};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What a server has to tell when the client has ended.
#[derive(Clone, Debug, Default)]
pub struct Heard {
    /// What the client said that it should not have said, or left unsaid.
    pub faults: Vec<String>,
    /// Octets that the server could say without end before the client closed.
    pub swallowed: usize,
    /// Every mail's data as they came, the final dot excluded.
    pub data: Vec<Vec<u8>>,
}

/// A running server, which serves as many connections as its story has.
pub(super) struct Server {
    address: SocketAddr,
    over: Arc<AtomicBool>,
    thread: JoinHandle<Heard>,
}

impl Server {
    pub(super) fn start(story: &Story, certificate: &ServerCertificate) -> Result<Self> {
        let listener = listen()?;
        let address = listener.local_addr()?;
        let over = Arc::new(AtomicBool::new(false));
        let player = Player {
            listener,
            tls: servers::mail::tls(certificate)?,
            over: Arc::clone(&over),
            heard: Heard::default(),
        };
        let turns = story.turns.clone();
        let thread = thread::spawn(move || player.play(&turns));
        Ok(Self { address, over, thread })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Call it when the client has ended.
    pub(super) fn finish(self) -> Heard {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap_or_else(|_| Heard {
            faults: vec!["the server of the story panicked".to_owned()],
            ..Heard::default()
        })
    }
}

/// Small buffers, so that a client which does not read while it writes is soon stuck.
fn listen() -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_send_buffer_size(BUFFER)?;
    socket.set_recv_buffer_size(BUFFER)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
    socket.listen(8)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

struct Player {
    listener: TcpListener,
    tls: Arc<ServerConfig>,
    over: Arc<AtomicBool>,
    heard: Heard,
}

impl Player {
    fn play(mut self, turns: &[Turn]) -> Heard {
        let connections: Vec<&[Turn]> = turns.split(|turn| *turn == Turn::Next).collect();
        for (index, turns) in connections.iter().enumerate() {
            if turns.is_empty() && connections.len() == 1 {
                break;
            }
            let Some(stream) = self.accept() else {
                self.heard.faults.push(format!("connection {} did not come", index + 1));
                return self.heard;
            };
            let eight_bit = turns.iter().any(Turn::offers_eight_bit);
            let mut connection = Connection::new(stream, eight_bit);
            let outcome = self.serve(&mut connection, turns);
            self.heard.faults.extend(outcome.err());
            self.heard.faults.append(&mut connection.faults);
        }
        // Nobody was asked for more connections than there are parts of the story.
        loop {
            let over = self.over.load(Ordering::Relaxed);
            if self.listener.accept().is_ok() {
                self.heard.faults.push("the client connected once more".to_owned());
            }
            if over {
                return self.heard;
            }
            thread::sleep(TICK);
        }
    }

    fn accept(&self) -> Option<TcpStream> {
        loop {
            let over = self.over.load(Ordering::Relaxed);
            if let Ok((stream, _)) = self.listener.accept() {
                let ready = stream.set_nonblocking(false).and_then(|()| stream.set_nodelay(true));
                return ready.ok().map(|()| stream);
            }
            if over {
                return None;
            }
            thread::sleep(TICK);
        }
    }

    /// An error says at which turn the client did something else.
    fn serve(&mut self, connection: &mut Connection, turns: &[Turn]) -> std::result::Result<(), String> {
        for turn in turns {
            match turn {
                // A client that has gone may have had its reasons: its exit code tells.
                Turn::Say(octets) | Turn::Join(octets) => connection.say(octets).unwrap_or_default(),
                Turn::SayTimes(count, octets) => {
                    for _ in 0..*count {
                        if connection.say(octets).is_err() {
                            break;
                        }
                    }
                }
                Turn::SayEndlessly(octets) => {
                    let octets = octets.repeat(1 + CHUNK / octets.len().max(1));
                    while self.heard.swallowed < ENDLESS && connection.say(&octets).is_ok() {
                        self.heard.swallowed += octets.len();
                    }
                    return Ok(());
                }
                Turn::Drip(octets) => {
                    for octet in octets.iter().cycle() {
                        thread::sleep(DRIP);
                        if self.over.load(Ordering::Relaxed) || connection.say(&[*octet]).is_err() {
                            return Ok(());
                        }
                        self.heard.swallowed += 1;
                    }
                }
                Turn::Hear(start) => {
                    connection.expect(start)?;
                }
                Turn::Answer { count, start, reply } => {
                    for _ in 0..*count {
                        connection.expect(start)?;
                        if connection.say(reply).is_err() {
                            return Err(format!("C# {start}: the client closed"));
                        }
                    }
                }
                Turn::HearOctets(count) => connection.skip(*count)?,
                Turn::Data => {
                    let data = connection.data()?;
                    self.heard.data.push(data);
                }
                Turn::Bdat => {
                    let data = connection.chunk()?;
                    self.heard.data.push(data);
                }
                Turn::DataHeld(line) => {
                    let data = self.heard.data.last().map_or(&[][..], Vec::as_slice);
                    let held = data
                        .split(|octet| *octet == b'\n')
                        .any(|held| held.trim_ascii_end() == line);
                    if !held {
                        let (line, data) = (String::from_utf8_lossy(line), String::from_utf8_lossy(data));
                        self.heard.faults.push(format!("the mail data lack {line:?}: {data:?}"));
                    }
                }
                Turn::Tls => connection.secure(&self.tls)?,
                // TLS 1.3 is open for the server before the client has judged the certificate.
                Turn::TlsRefused => match connection.secure(&self.tls) {
                    Ok(()) => return connection.ended(false),
                    Err(_) => return Ok(()),
                },
                Turn::Still => connection.still()?,
                Turn::Silent => return connection.ended(false),
                Turn::Quit => return connection.ended(true),
                Turn::Deaf => {
                    while !self.over.load(Ordering::Relaxed) {
                        thread::sleep(TICK);
                    }
                    return Ok(());
                }
                Turn::Close => return Ok(()),
                Turn::Linger => {
                    let _ = connection.tcp().shutdown(Shutdown::Write);
                    while connection.fill() {
                        connection.unread.clear();
                    }
                    return Ok(());
                }
                Turn::Reset => {
                    let _ = SockRef::from(connection.tcp()).set_linger(Some(Duration::ZERO));
                    return Ok(());
                }
                Turn::Next => {}
            }
        }
        connection.ended(true)
    }
}

/// One connection: its stream, what was read and not taken, what was wrong with it.
struct Connection {
    stream: Stream,
    unread: Vec<u8>,
    eight_bit: bool,
    faults: Vec<String>,
}

enum Stream {
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

impl Connection {
    fn new(stream: TcpStream, eight_bit: bool) -> Self {
        // However broken client and story are, the test ends.
        let _ = stream.set_read_timeout(Some(PATIENCE));
        let _ = stream.set_write_timeout(Some(PATIENCE));
        Self {
            stream: Stream::Tcp(stream),
            unread: Vec::new(),
            eight_bit,
            faults: Vec::new(),
        }
    }

    fn tcp(&self) -> &TcpStream {
        match &self.stream {
            Stream::Tcp(stream) => stream,
            Stream::Tls(stream) => &stream.sock,
        }
    }

    fn say(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Tcp(stream) => stream.write_all(octets),
            Stream::Tls(stream) => stream.write_all(octets).and_then(|()| stream.flush()),
        }
    }

    /// Reads on; `false` at the end, of whatever kind.
    fn fill(&mut self) -> bool {
        let mut piece = [0; 4096];
        let count = match &mut self.stream {
            Stream::Tcp(stream) => stream.read(&mut piece),
            Stream::Tls(stream) => stream.read(&mut piece),
        };
        let count = count.unwrap_or(0);
        self.unread.extend(&piece[..count]);
        count > 0
    }

    /// The next line without its CRLF; `None` if the client closed. Notes what no line may hold.
    fn line(&mut self) -> Option<Vec<u8>> {
        let mut searched = 0;
        let end = loop {
            match self.unread[searched..].iter().position(|octet| *octet == b'\n') {
                Some(place) => break searched + place,
                None => searched = self.unread.len(),
            }
            if !self.fill() {
                return None;
            }
        };
        let mut line: Vec<u8> = self.unread.drain(..=end).collect();
        line.pop();
        let crlf = line.pop_if(|octet| *octet == b'\r').is_some();
        let shown = || String::from_utf8_lossy(&line).into_owned();
        if line.starts_with(HANDSHAKE) {
            self.faults.push("the client went on with TLS".to_owned());
            return Some(line);
        }
        if !crlf || line.contains(&b'\r') {
            self.faults.push(format!("a bare CR or LF in {:?}", shown()));
        }
        if line.contains(&0) {
            self.faults.push(format!("a NUL in {:?}", shown()));
        }
        if !self.eight_bit && !line.is_ascii() {
            self.faults.push(format!("octets beyond ASCII in {:?}", shown()));
        }
        // RFC 5321 4.5.2: a doubled dot does not count.
        let dots = usize::from(line.starts_with(b".."));
        if line.len() - dots > 998 {
            self.faults
                .push(format!("a line of {} octets: {:?}", line.len(), shown()));
        }
        Some(line)
    }

    fn expect(&mut self, start: &str) -> std::result::Result<Vec<u8>, String> {
        match self.line() {
            Some(line)
                if line
                    .get(..start.len())
                    .is_some_and(|begun| begun.eq_ignore_ascii_case(start.as_bytes())) =>
            {
                Ok(line)
            }
            Some(line) => Err(format!(
                "the client said {:?} instead of {start:?}",
                String::from_utf8_lossy(&line)
            )),
            None => Err(format!("the client closed instead of {start:?}")),
        }
    }

    fn data(&mut self) -> std::result::Result<Vec<u8>, String> {
        let mut data = Vec::new();
        loop {
            let line = self.line().ok_or("the client closed amid the mail data")?;
            if line == b"." {
                return Ok(data);
            }
            data.extend(line);
            data.extend(b"\r\n");
        }
    }

    /// `BDAT n LAST` and its octets.
    fn chunk(&mut self) -> std::result::Result<Vec<u8>, String> {
        let line = self.expect("BDAT ")?;
        let line = String::from_utf8_lossy(&line).into_owned();
        let count = line.split(' ').nth(1).and_then(|count| count.parse::<usize>().ok());
        let count = count.ok_or_else(|| format!("no number in {line:?}"))?;
        while self.unread.len() < count {
            if !self.fill() {
                return Err(format!("the client closed amid {line:?}"));
            }
        }
        Ok(self.unread.drain(..count).collect())
    }

    fn skip(&mut self, count: usize) -> std::result::Result<(), String> {
        let mut missing = count;
        loop {
            let taken = missing.min(self.unread.len());
            self.unread.drain(..taken);
            missing -= taken;
            if missing == 0 {
                return Ok(());
            }
            if !self.fill() {
                return Err(format!("the client closed {missing} octets before {count}"));
            }
        }
    }

    fn secure(&mut self, config: &Arc<ServerConfig>) -> std::result::Result<(), String> {
        let Stream::Tcp(stream) = &self.stream else {
            return Err("TLS in TLS".to_owned());
        };
        if !self.unread.is_empty() {
            let said = String::from_utf8_lossy(&self.unread);
            return Err(format!("the client said {said:?} before TLS"));
        }
        let refuse = |error: &dyn std::fmt::Display| format!("tls: {error}");
        let mut stream = stream.try_clone().map_err(|error| refuse(&error))?;
        let mut session = ServerConnection::new(Arc::clone(config)).map_err(|error| refuse(&error))?;
        while session.is_handshaking() {
            session.complete_io(&mut stream).map_err(|error| refuse(&error))?;
        }
        self.stream = Stream::Tls(Box::new(StreamOwned::new(session, stream)));
        Ok(())
    }

    /// The client says nothing for a moment.
    fn still(&mut self) -> std::result::Result<(), String> {
        let limit = |connection: &Self, limit| connection.tcp().set_read_timeout(Some(limit));
        let refuse = |error: io::Error| error.to_string();
        limit(self, MOMENT).map_err(refuse)?;
        self.fill();
        limit(self, PATIENCE).map_err(refuse)?;
        match self.unread.is_empty() {
            true => Ok(()),
            false => Err(format!(
                "the client went on with {:?}",
                String::from_utf8_lossy(&self.unread)
            )),
        }
    }

    /// The client closes, after a QUIT where that is allowed.
    fn ended(&mut self, quit: bool) -> std::result::Result<(), String> {
        match self.line() {
            None if self.unread.is_empty() => Ok(()),
            None => Err(format!(
                "the client ended with {:?}",
                String::from_utf8_lossy(&self.unread)
            )),
            Some(line) if quit && line.eq_ignore_ascii_case(b"QUIT") => {
                let _ = self.say(b"221 bye\r\n");
                self.ended(false)
            }
            Some(line) => Err(format!("the client went on with {:?}", String::from_utf8_lossy(&line))),
        }
    }
}

/// The begin of a TLS record with a ClientHello (RFC 8446 5.1).
const HANDSHAKE: &[u8] = &[22, 3];
/// Octets of a socket's buffer; the kernel doubles it.
const BUFFER: usize = 4096;
/// Octets of what is said without end in one write.
const CHUNK: usize = 1024;
/// Octets after which a server that speaks without end is believed to be listened to without end.
const ENDLESS: usize = 64 << 20;
/// How often a waiting server looks up.
const TICK: Duration = Duration::from_millis(2);
/// Between two octets of a slow server.
const DRIP: Duration = Duration::from_secs(1);
/// In which a client that goes on too early would be heard.
const MOMENT: Duration = Duration::from_millis(200);
/// How long a connection waits for a client that neither speaks nor ends.
const PATIENCE: Duration = Duration::from_secs(60);
