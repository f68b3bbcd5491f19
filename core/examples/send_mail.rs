//! Mails a text over TCP, without TLS: `cargo run --example send_mail -- 127.0.0.1:2525 me@here.test you@there.test "text"`.
//!
//! All of it that is not `std` is what a device does, too.

use embedded_io::ErrorType;
use gatepost_core::io::{Ready, Wait, blocking::next_event};
use gatepost_core::message::{Address, Body, Composer, DateTime, Message, MessageId, Text};
use gatepost_core::smtp::{Config, Envelope, Event, Full, Options, Protocol, Security, Session, Storage};
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [server, from, to, text] = arguments.as_slice() else {
        return Err("usage: send_mail <address>:<port> <from> <to> <text>".into());
    };
    let from = Address::parse(from)?;
    let to = [Address::parse(to)?];
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let left = format!("{}.{}", now.as_nanos(), std::process::id());
    let mailboxes = to.map(Into::into);
    let date = DateTime::from_unix(now.as_secs().try_into()?, 0)?;
    let message_id = MessageId::new(&left, from.domain())?;
    let (originator, texts) = ([from.into()], [Text::plain(text)]);
    let message = Composer::new(Message {
        to: &mailboxes,
        subject: "A mail from Gatepost",
        ..Message::new(&originator, date, message_id, Body::texts(&texts))
    })?;

    let mut transport = Transport(TcpStream::connect(server)?);
    transport.0.set_nodelay(true)?;
    let config = Config {
        client: "[127.0.0.1]",
        security: Security::Plain,
        protocol: Protocol::Smtp,
        mechanisms: &mut [],
    };
    let envelope = Envelope {
        reverse_path: Some(from),
        recipients: &to.map(Into::into),
        options: Options::default(),
    };
    let storage = Storage {
        receive: &mut [0; 512],
        transmit: &mut [0; 1024],
        accepted: &mut [],
    };
    let mut session = Session::<Full, _>::new(config, storage)?;
    session.mail(&envelope, message)?;
    loop {
        let event = match next_event(&mut session, &mut transport) {
            Ok(event) => event,
            Err(error) => {
                let reply = session.reply().map(|reply| reply.to_string());
                return Err(format!("{error}; the server said: {}", reply.unwrap_or_default()).into());
            }
        };
        let reply = session.reply().map(|reply| reply.to_string()).unwrap_or_default();
        match event {
            Event::StartTls => return Err("this example has no TLS".into()),
            Event::Recipient { index, .. } => println!("recipient {index}: {reply}"),
            Event::Failed(error) => return Err(format!("{error}; the server said: {reply}").into()),
            Event::Deferred { from } => println!("recipients from {from} on: the server takes no more at once"),
            Event::Ready | Event::Delivered { .. } => {}
            Event::Accepted => println!("accepted: {reply}"),
            Event::Closed => return Ok(()),
        }
    }
}

/// A TCP stream of `std` as the drivers want it.
struct Transport(TcpStream);

impl ErrorType for Transport {
    type Error = std::io::Error;
}

impl embedded_io::Read for Transport {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Self::Error> {
        self.0.read(buffer)
    }
}

impl embedded_io::Write for Transport {
    fn write(&mut self, octets: &[u8]) -> Result<usize, Self::Error> {
        self.0.write(octets)
    }

    fn flush(&mut self) -> Result<(), Self::Error> {
        self.0.flush()
    }
}

impl Wait for Transport {
    fn set_timeout(&mut self, timeout: Duration) {
        // The only error is that of a timeout of zero, and no session has one.
        let limit = Some(timeout);
        let _ = self
            .0
            .set_read_timeout(limit)
            .and_then(|()| self.0.set_write_timeout(limit));
    }

    fn wait(&mut self) -> std::io::Result<Ready> {
        self.0.set_nonblocking(true)?;
        let peeked = self.0.peek(&mut [0]);
        self.0.set_nonblocking(false)?;
        match peeked {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(Ready::Write),
            outcome => outcome.map(|_| Ready::Read),
        }
    }
}
