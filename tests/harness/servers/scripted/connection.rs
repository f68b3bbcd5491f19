//! One connection to the scripted server.

use super::parameter::fault;
use super::{Script, Seen, Tls};
use crate::servers::mail::{Received, name};
use crate::servers::sasl::{Answer, Exchange};
use base64::prelude::{BASE64_STANDARD, Engine as _};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

pub(super) struct Connection<'a> {
    stream: BufReader<Stream>,
    /// Replies that are not sent yet: those to piped commands leave together.
    replies: Vec<u8>,
    script: &'a Script,
    seen: &'a Mutex<Seen>,
    /// Whether EHLO or LHLO was said.
    extended: bool,
    user: Option<String>,
    mail: Option<Received>,
    /// Whether the mail's data began to come by BDAT.
    chunked: bool,
    /// The mails begun, and the mails taken, since the connection began.
    begun: usize,
    taken: usize,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

/// What a command leads to.
enum Next {
    Line,
    StartTls,
    Close,
}

impl<'a> Connection<'a> {
    pub(super) fn serve(
        stream: TcpStream,
        script: &'a Script,
        tls: &Arc<ServerConfig>,
        seen: &'a Mutex<Seen>,
    ) -> io::Result<()> {
        stream.set_read_timeout(Some(LIMIT))?;
        stream.set_write_timeout(Some(LIMIT))?;
        stream.set_nodelay(true)?;
        let stream = match script.tls {
            Tls::Implicit => secure(stream, tls)?,
            _ => Stream::Plain(stream),
        };
        let mut connection = Self {
            stream: BufReader::with_capacity(65536, stream),
            replies: Vec::new(),
            script,
            seen,
            extended: false,
            user: None,
            mail: None,
            chunked: false,
            begun: 0,
            taken: 0,
        };
        connection.seen().connections += 1;
        let protocol = if script.lmtp { "LMTP" } else { "ESMTP" };
        connection.reply(220, &[&format!("{} {protocol}", script.policy.name)]);
        while let Some(line) = connection.line()? {
            match connection.command(&line)? {
                Next::Line => {}
                Next::Close => {
                    connection.flush()?;
                    break;
                }
                Next::StartTls => {
                    connection.flush()?;
                    let Stream::Plain(stream) = connection.stream.into_inner() else {
                        break;
                    };
                    // RFC 3207 4.2: what came in the clear is forgotten, with what the reader still held.
                    connection.stream = BufReader::with_capacity(65536, secure(stream, tls)?);
                    (connection.extended, connection.mail) = (false, None);
                }
            }
            if script.leaves_after.is_some_and(|mails| connection.taken >= mails) {
                connection.flush()?;
                break;
            }
        }
        Ok(())
    }

    fn command(&mut self, line: &str) -> io::Result<Next> {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" if !self.script.lmtp => self.hello(),
            "LHLO" if self.script.lmtp => self.hello(),
            "HELO" if !self.script.lmtp => {
                (self.extended, self.mail) = (false, None);
                self.reply(250, &[&self.script.policy.name]);
            }
            "STARTTLS" if self.script.tls == Tls::StartTls && !self.secured() => {
                self.reply(220, &["2.0.0 go on"]);
                return Ok(Next::StartTls);
            }
            "AUTH" if self.extended && self.offers_auth() && self.user.is_none() => self.auth(rest)?,
            "MAIL" => return Ok(self.mail(rest)),
            "RCPT" => self.rcpt(rest),
            "DATA" => self.data()?,
            "BDAT" => self.bdat(rest)?,
            "RSET" => {
                self.mail = None;
                self.reply(250, &["2.0.0 forgotten"]);
            }
            "NOOP" => self.reply(250, &["2.0.0 nothing done"]),
            "QUIT" => {
                self.reply(221, &["2.0.0 farewell"]);
                return Ok(Next::Close);
            }
            _ => self.reply(502, &["5.5.1 not here"]),
        }
        Ok(Next::Line)
    }

    fn hello(&mut self) {
        (self.extended, self.mail) = (true, None);
        let mut lines = vec![self.script.policy.name.clone()];
        lines.extend(self.script.keywords.iter().cloned());
        if self.script.tls == Tls::StartTls && !self.secured() {
            lines.push("STARTTLS".into());
        }
        if self.offers_auth() {
            lines.push(format!("AUTH {}", self.script.mechanisms.join(" ")));
        }
        if self.script.require_tls && self.secured() {
            lines.push("REQUIRETLS".into());
        }
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        self.reply(250, &lines);
    }

    fn auth(&mut self, rest: &str) -> io::Result<()> {
        let (mechanism, initial) = rest
            .split_once(' ')
            .map_or((rest, None), |(name, text)| (name, Some(text)));
        let offered = self.script.mechanisms.iter().any(|name| name == mechanism);
        let exchange = Exchange::new(mechanism, &self.script.policy, self.exporter());
        let (true, Ok(mut exchange)) = (offered, exchange) else {
            self.reply(504, &["5.5.4 not offered"]);
            return Ok(());
        };
        let mut text = match initial {
            // RFC 4954 4: `=` is the empty initial response.
            Some("=") => Some(String::new()),
            Some(text) => Some(text.to_owned()),
            None => self.challenge(b"")?,
        };
        loop {
            let Some(response) = text.as_deref().and_then(|text| BASE64_STANDARD.decode(text).ok()) else {
                self.reply(501, &["5.5.2 cancelled"]);
                return Ok(());
            };
            match exchange.step(&response) {
                Ok(Answer::Challenge(challenge)) => text = self.challenge(&challenge)?,
                Ok(Answer::Done(user, last)) => {
                    // A last word of the mechanism needs a turn of its own in SMTP.
                    let answered = match last {
                        Some(last) => self.challenge(&last)?.is_some_and(|text| text.is_empty()),
                        None => true,
                    };
                    if answered {
                        self.user = Some(user);
                        self.reply(235, &["2.7.0 welcome"]);
                    } else {
                        self.reply(501, &["5.5.2 cancelled"]);
                    }
                    return Ok(());
                }
                Err(_) => {
                    self.reply(535, &["5.7.8 authentication failed"]);
                    return Ok(());
                }
            }
        }
    }

    /// Sends a challenge and reads the response to it.
    fn challenge(&mut self, challenge: &[u8]) -> io::Result<Option<String>> {
        self.reply(334, &[&BASE64_STANDARD.encode(challenge)]);
        self.line()
    }

    fn mail(&mut self, rest: &str) -> Next {
        if self.offers_auth() && self.user.is_none() {
            self.reply(530, &["5.7.0 authentication required"]);
        } else if self.mail.is_some() {
            self.reply(503, &["5.5.1 one at a time"]);
        } else if self.script.limit("MAILMAX").is_some_and(|limit| self.begun >= limit) {
            self.reply(421, &["4.7.0 enough for one connection"]);
            return Next::Close;
        } else {
            match self.path("MAIL", "FROM:", rest) {
                Ok((reverse_path, parameters)) => {
                    self.begun += 1;
                    self.chunked = false;
                    self.mail = Some(Received {
                        tls: self.version(),
                        user: self.user.clone(),
                        reverse_path,
                        parameters,
                        ..Received::default()
                    });
                    self.reply(250, &["2.1.0 originator accepted"]);
                }
                Err(fault) => self.reply(555, &[&format!("5.5.4 {fault}")]),
            }
        }
        Next::Line
    }

    fn rcpt(&mut self, rest: &str) {
        let parsed = self.path("RCPT", "TO:", rest);
        let Some(mail) = &mut self.mail else {
            return self.reply(503, &["5.5.1 MAIL first"]);
        };
        let (path, parameters) = match parsed {
            Ok(parsed) => parsed,
            Err(fault) => return self.reply(555, &[&format!("5.5.4 {fault}")]),
        };
        let domains: HashSet<&str> = mail.recipients.iter().map(|path| domain(path)).collect();
        let many = |name, count| self.script.limit(name).is_some_and(|limit| count > limit);
        if many("RCPTMAX", mail.recipients.len() + 1)
            || (!domains.contains(domain(&path)) && many("RCPTDOMAINMAX", domains.len() + 1))
        {
            return self.reply(452, &["4.5.3 too many recipients"]);
        }
        match local_part(&path) {
            "reject" => self.reply(550, &["5.1.1 no such user"]),
            "tempfail" => self.reply(450, &["4.2.0 greylisted"]),
            _ => {
                mail.recipients.push(path);
                mail.recipient_parameters.push(parameters);
                self.reply(250, &["2.1.5 recipient accepted"]);
            }
        }
    }

    /// The path and the parameters of MAIL or RCPT.
    fn path(&self, verb: &str, prefix: &str, rest: &str) -> Result<(String, Vec<String>), String> {
        let known = rest
            .get(..prefix.len())
            .is_some_and(|found| found.eq_ignore_ascii_case(prefix));
        let path = rest
            .get(prefix.len()..)
            .filter(|_| known)
            .and_then(|rest| rest.strip_prefix('<'));
        let path = path.ok_or_else(|| format!("{verb} without a path"))?;
        let (mut quoted, mut escaped) = (false, false);
        let end = path.char_indices().find(|(_, char)| {
            let closes = *char == '>' && !quoted;
            quoted ^= *char == '"' && !escaped;
            escaped = *char == '\\' && !escaped;
            closes
        });
        let (end, _) = end.ok_or("the path has no end")?;
        let words = path[end + 1..].split(' ').filter(|word| !word.is_empty());
        let parameters: Vec<String> = words.map(str::to_owned).collect();
        let mut keys = HashSet::new();
        for parameter in &parameters {
            if !self.extended {
                return Err(format!("{parameter} without EHLO"));
            }
            if !keys.insert(parameter.split('=').next()) {
                return Err(format!("{parameter} comes twice"));
            }
            if let Some(fault) = fault(self.script, self.secured(), verb, parameter) {
                return Err(fault);
            }
        }
        let utf8 = parameters
            .iter()
            .any(|parameter| parameter.eq_ignore_ascii_case("SMTPUTF8"))
            || self
                .mail
                .as_ref()
                .is_some_and(|mail| mail.parameters.iter().any(|word| word == "SMTPUTF8"));
        if !path[..end].is_ascii() && !utf8 {
            return Err("an address beyond ASCII without SMTPUTF8".into());
        }
        Ok((path[..end].to_owned(), parameters))
    }

    fn data(&mut self) -> io::Result<()> {
        let Some(mail) = self.mail.take_if(|mail| !mail.recipients.is_empty()) else {
            self.reply(503, &["5.5.1 no recipient"]);
            return Ok(());
        };
        if self.chunked || mail.parameters.iter().any(|word| word == "BODY=BINARYMIME") {
            // RFC 3030 2 and 3
            self.reply(503, &["5.5.1 BDAT only"]);
            self.mail = Some(mail);
            return Ok(());
        }
        self.reply(354, &["go on"]);
        self.flush()?;
        let mut data = Vec::new();
        let mut line = Vec::new();
        loop {
            line.clear();
            while !line.ends_with(b"\r\n") {
                if self.stream.read_until(b'\n', &mut line)? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            }
            if line == b".\r\n" {
                break;
            }
            data.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
        }
        self.take(Received { data, ..mail });
        Ok(())
    }

    fn bdat(&mut self, rest: &str) -> io::Result<()> {
        let mut words = rest.split(' ');
        let size = words.next().and_then(|word| word.parse::<u64>().ok());
        let (Some(size), last) = (size, words.next()) else {
            self.reply(501, &["5.5.4 a size is missing"]);
            return Ok(());
        };
        // The octets follow at once, whatever the answer (RFC 3030 2).
        let mut chunk = Vec::new();
        (&mut self.stream).take(size).read_to_end(&mut chunk)?;
        if chunk.len() as u64 != size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let offered = self.script.offered("CHUNKING").is_some();
        let Some(mail) = self.mail.as_mut().filter(|mail| offered && !mail.recipients.is_empty()) else {
            self.reply(503, &["5.5.1 not now"]);
            return Ok(());
        };
        self.chunked = true;
        mail.data.extend_from_slice(&chunk);
        match (last, self.mail.take_if(|_| last.is_some())) {
            (Some("LAST" | "last"), Some(mail)) => self.take(mail),
            (None, _) => self.reply(250, &["2.0.0 a chunk taken"]),
            _ => self.reply(501, &["5.5.4 what comes behind the size?"]),
        }
        Ok(())
    }

    /// The mail is complete.
    fn take(&mut self, mut mail: Received) {
        self.taken += 1;
        if !self.script.lmtp {
            self.seen().received.push(mail);
            return self.reply(250, &["2.0.0 taken"]);
        }
        let recipients = std::mem::take(&mut mail.recipients);
        let parameters = std::mem::take(&mut mail.recipient_parameters);
        for (path, parameters) in recipients.into_iter().zip(parameters) {
            if local_part(&path) == "full" {
                self.reply(452, &["4.2.2 mailbox full"]);
            } else {
                mail.recipients.push(path);
                mail.recipient_parameters.push(parameters);
                self.reply(250, &["2.0.0 delivered"]);
            }
        }
        if !mail.recipients.is_empty() {
            self.seen().received.push(mail);
        }
    }

    /// The next line, once all replies have left if nothing else is there to be read.
    fn line(&mut self) -> io::Result<Option<String>> {
        if self.stream.buffer().is_empty() {
            self.flush()?;
        }
        let mut line = Vec::new();
        if self.stream.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        let Some(line) = line.strip_suffix(b"\r\n") else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line without CRLF"));
        };
        let line = String::from_utf8_lossy(line).into_owned();
        self.seen().commands.push(line.clone());
        Ok(Some(line))
    }

    fn reply(&mut self, code: u16, lines: &[&str]) {
        for (index, line) in lines.iter().enumerate() {
            let mark = if index + 1 == lines.len() { ' ' } else { '-' };
            self.replies
                .extend_from_slice(format!("{code}{mark}{line}\r\n").as_bytes());
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        let replies = std::mem::take(&mut self.replies);
        self.stream.get_mut().write_all(&replies)?;
        self.stream.get_mut().flush()
    }

    fn seen(&self) -> std::sync::MutexGuard<'a, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn secured(&self) -> bool {
        matches!(self.stream.get_ref(), Stream::Tls(_))
    }

    fn offers_auth(&self) -> bool {
        self.secured() && !self.script.mechanisms.is_empty()
    }

    fn version(&self) -> Option<String> {
        match self.stream.get_ref() {
            Stream::Tls(stream) => stream.conn.protocol_version().map(name),
            Stream::Plain(_) => None,
        }
    }

    /// The channel binding of RFC 9266.
    fn exporter(&self) -> Option<[u8; 32]> {
        if self.script.foreign {
            return Some([0; 32]);
        }
        match self.stream.get_ref() {
            Stream::Tls(stream) => stream
                .conn
                .export_keying_material([0; 32], b"EXPORTER-Channel-Binding", Some(b""))
                .ok(),
            Stream::Plain(_) => None,
        }
    }
}

fn secure(stream: TcpStream, tls: &Arc<ServerConfig>) -> io::Result<Stream> {
    let connection = ServerConnection::new(Arc::clone(tls)).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    stream.conn.complete_io(&mut stream.sock)?;
    Ok(Stream::Tls(Box::new(stream)))
}

fn local_part(path: &str) -> &str {
    path.rsplit_once('@').map_or(path, |(local, _)| local)
}

fn domain(path: &str) -> &str {
    path.rsplit_once('@').map_or("", |(_, domain)| domain)
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.write(octets),
            Self::Tls(stream) => stream.write(octets),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush(),
            Self::Tls(stream) => stream.flush(),
        }
    }
}

/// How long a silent client is waited for.
const LIMIT: Duration = Duration::from_secs(60);
