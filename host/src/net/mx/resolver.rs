//! A stub resolver: asks recursive servers, over UDP and, for what does not fit, over TCP.

use super::Error;
use crate::net::Tcp;
use domain::base::iana::{Rcode, Rtype};
use domain::base::message_builder::PushError;
use domain::base::rdata::ParseRecordData;
use domain::base::{Message, MessageBuilder, Name};
use domain::rdata::{A, Aaaa};
use ring::rand::{SecureRandom, SystemRandom};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::str::FromStr;
use std::time::{Duration, Instant};

/// The recursive servers that are asked, and whether they are believed to have verified DNSSEC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
    trusted: bool,
}

impl Resolver {
    /// Asks these, in turn. Their AD bit is believed only if `trusted`: then nobody may be on the way to them.
    pub fn new(servers: Vec<SocketAddr>, trusted: bool) -> Self {
        Self { servers, trusted }
    }

    /// Those of `/etc/resolv.conf`; trusted if all of them are on this machine, or by its option `trust-ad`.
    pub fn system() -> Self {
        // Without the file it is the server on this machine, says resolv.conf(5).
        Self::configured(&std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default())
    }

    fn configured(text: &str) -> Self {
        let mut servers = Vec::new();
        let mut trusted = false;
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => {
                    let address = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                    servers.extend(address.map(|address| SocketAddr::new(address, PORT)));
                }
                Some("options") => trusted |= words.any(|word| word == "trust-ad"),
                _ => {}
            }
        }
        servers.truncate(SERVERS);
        if servers.is_empty() {
            servers.push((Ipv4Addr::LOCALHOST, PORT).into());
        }
        let local = servers.iter().all(|server| server.ip().is_loopback());
        Self::new(servers, trusted || local)
    }

    /// The addresses of `host`, IPv6 first, and whether they are secure.
    pub(super) fn addresses(&self, host: &str, end: Instant) -> Result<Found<IpAddr>, Error> {
        let six = self.query(host, Rtype::AAAA, end);
        let four = self
            .query(host, Rtype::A, end)?
            .records(|found: A| Some(IpAddr::from(Ipv4Addr::from(found))))?;
        // Servers that fail at AAAA alone are met; who has an A record can be reached. Whether that is secure stays: a
        // failure is easily forged, and must not switch DANE off.
        let six = match six.and_then(|reply| reply.records(|found: Aaaa| Some(IpAddr::from(Ipv6Addr::from(found))))) {
            Ok(six) => six,
            Err(_) if !four.records.is_empty() => return Ok(four),
            Err(error) => return Err(error),
        };
        Ok(Found {
            secure: six.secure && four.secure,
            exists: six.exists || four.exists,
            records: six.records.into_iter().chain(four.records).collect(),
            ..four
        })
    }

    /// Asks every server up to twice, until one knows.
    pub(super) fn query(&self, name: &str, kind: Rtype, end: Instant) -> Result<Reply, Error> {
        let question = Name::<Vec<u8>>::from_str(name).map_err(|_| Error::Name(name.to_owned()))?;
        let mut cause = "no time was left".to_owned();
        for server in self.servers.iter().cycle().take(self.servers.len() * ROUNDS) {
            let now = Instant::now();
            if now >= end {
                break;
            }
            let query = query(&question, kind).map_err(|_| Error::Name(name.to_owned()))?;
            match exchange(*server, &query, end.min(now + PATIENCE)) {
                Ok(message) => match message.header().rcode() {
                    Rcode::NOERROR | Rcode::NXDOMAIN => {
                        return Ok(Reply {
                            secure: self.trusted && message.header().ad(),
                            name: name.to_owned(),
                            message,
                        });
                    }
                    code => cause = format!("{server} answered {code}"),
                },
                Err(error) => cause = format!("{server}: {error}"),
            }
        }
        Err(Error::Unanswered {
            name: name.to_owned(),
            cause,
        })
    }
}

/// What a server answered.
pub(super) struct Reply {
    message: Message<Vec<u8>>,
    name: String,
    secure: bool,
}

/// The records of one kind.
pub(super) struct Found<R> {
    pub(super) records: Vec<R>,
    /// Whether the whole answer was verified by DNSSEC.
    pub(super) secure: bool,
    /// Whether the name exists, be it without such records.
    pub(super) exists: bool,
    /// What the name is an alias for at last, without the final dot; itself if it is none.
    pub(super) canonical: String,
}

impl Reply {
    /// The records that stand at the end of the name's aliases, as far as `read` takes them.
    pub(super) fn records<'s, D, R>(&'s self, read: impl Fn(D) -> Option<R>) -> Result<Found<R>, Error>
    where
        D: ParseRecordData<'s, Vec<u8>> + 's,
    {
        let refuse = |cause: &str| Error::Unanswered {
            name: self.name.clone(),
            cause: cause.to_owned(),
        };
        let canonical = self
            .message
            .canonical_name()
            .ok_or_else(|| refuse("the aliases in the answer have no end"))?;
        let answer = self.message.answer().map_err(|_| refuse("the answer is malformed"))?;
        let mut records = Vec::new();
        for record in answer.limit_to_in::<D>() {
            let record = record.map_err(|_| refuse("the answer is malformed"))?;
            if *record.owner() == canonical {
                records.extend(read(record.into_data()));
            }
        }
        Ok(Found {
            records,
            secure: self.secure,
            exists: self.message.header().rcode() == Rcode::NOERROR,
            canonical: canonical.to_string(),
        })
    }
}

fn query(name: &Name<Vec<u8>>, kind: Rtype) -> Result<Message<Vec<u8>>, PushError> {
    let mut id = [0; 2];
    // RFC 5452 9.2: what cannot be guessed. The kernel chooses the port.
    SystemRandom::new().fill(&mut id).map_err(|_| PushError::ShortBuf)?;
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(u16::from_be_bytes(id));
    builder.header_mut().set_rd(true);
    // RFC 6840 5.7: asks for the AD bit of the answer.
    builder.header_mut().set_ad(true);
    let mut builder = builder.question();
    builder.push((name, kind))?;
    let mut builder = builder.additional();
    builder.opt(|opt| {
        opt.set_udp_payload_size(DATAGRAM);
        Ok(())
    })?;
    Ok(builder.into_message())
}

fn exchange(server: SocketAddr, query: &Message<Vec<u8>>, end: Instant) -> io::Result<Message<Vec<u8>>> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    // From here on the kernel drops what comes from elsewhere.
    socket.connect(server)?;
    socket.send(query.as_slice())?;
    let mut buffer = [0; DATAGRAM as usize];
    loop {
        socket.set_read_timeout(Some(remaining(end)?))?;
        let count = match socket.recv(&mut buffer) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Err(ErrorKind::TimedOut.into()),
            Err(error) => return Err(error),
        };
        match Message::from_octets(buffer[..count].to_vec()) {
            Ok(message) if message.is_answer(query) => match message.header().tc() {
                true => return exchange_tcp(server, query, end),
                false => return Ok(message),
            },
            // Not ours, or forged: the true one may still come.
            _ => {}
        }
    }
}

fn exchange_tcp(server: SocketAddr, query: &Message<Vec<u8>>, end: Instant) -> io::Result<Message<Vec<u8>>> {
    let mut tcp = Tcp::connect_to(&[server], remaining(end)?).map_err(io::Error::other)?;
    let query_length = u16::try_from(query.as_slice().len()).map_err(io::Error::other)?;
    tcp.write_all(&[&query_length.to_be_bytes(), query.as_slice()].concat())?;
    let mut length = [0; 2];
    tcp.read_exact(&mut length)?;
    let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
    tcp.read_exact(&mut octets)?;
    match Message::from_octets(octets) {
        Ok(message) if message.is_answer(query) => Ok(message),
        _ => Err(io::Error::new(
            ErrorKind::InvalidData,
            "not an answer to what was asked",
        )),
    }
}

fn remaining(end: Instant) -> io::Result<Duration> {
    match end.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(ErrorKind::TimedOut.into()),
        remaining => Ok(remaining),
    }
}

const PORT: u16 = 53;
/// How many servers of `/etc/resolv.conf` are used, as resolv.conf(5) says.
const SERVERS: usize = 3;
/// How often each server is asked.
const ROUNDS: usize = 2;
/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// What surely needs no fragments: the DNS flag day of 2020.
const DATAGRAM: u16 = 1232;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, servers: &[&str], trusted: bool) {
        let expected = servers.iter().map(|server| server.parse().unwrap()).collect();
        assert_eq!(Resolver::configured(text), Resolver::new(expected, trusted), "{text}");
    }

    #[test]
    fn servers_are_read_from_resolv_conf() {
        check("", &["127.0.0.1:53"], true);
        check("# x\nnameserver 192.0.2.1\nsearch a b\n", &["192.0.2.1:53"], false);
        check("nameserver 127.0.0.53\noptions edns0\n", &["127.0.0.53:53"], true);
        check(
            "nameserver ::1\nnameserver\t2001:db8::1 \nnameserver fe80::1%eth0\nnameserver x\n",
            &["[::1]:53", "[2001:db8::1]:53"],
            false,
        );
        check(
            "options ndots:1 trust-ad\nnameserver 192.0.2.1",
            &["192.0.2.1:53"],
            true,
        );
        check(
            "nameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3\nnameserver 192.0.2.4",
            &["192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53"],
            false,
        );
    }
}
