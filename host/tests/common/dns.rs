//! A scripted DNS server on the loopback address: answers from a few lines of text, and misbehaves as they say.
#![allow(unreachable_pub)] // as the rest of what tests share

use domain::base::iana::{Rcode, Rtype};
use domain::base::message_builder::AnswerBuilder;
use domain::base::{Message, MessageBuilder, Name, Ttl, UnknownRecordData};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::str::FromStr;
use std::sync::Arc;

/// What a server knows. A line is `owner TYPE data`, or one of
///
/// - `!secure name`: answers about the name have the AD bit;
/// - `!fails name TYPE`: SERVFAIL for this;
/// - `!silent name TYPE`: no answer to this;
/// - `!truncates`: whatever is asked over UDP is to be asked over TCP;
/// - `!garbage`: over UDP, forged and broken answers come before the true one.
pub struct Zone {
    records: Vec<(String, Rtype, Vec<u8>)>,
    rules: Vec<Vec<String>>,
}

impl Zone {
    fn parse(text: &str) -> Self {
        let mut zone = Self {
            records: Vec::new(),
            rules: Vec::new(),
        };
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<_> = line.split_ascii_whitespace().collect();
            if let Some(rule) = line.strip_prefix('!') {
                zone.rules
                    .push(rule.split_ascii_whitespace().map(str::to_owned).collect());
                continue;
            }
            let data = match words[1] {
                "A" => words[2].parse::<Ipv4Addr>().unwrap().octets().to_vec(),
                "AAAA" => words[2].parse::<Ipv6Addr>().unwrap().octets().to_vec(),
                "CNAME" => name(words[2]).as_slice().to_vec(),
                "MX" => [
                    &words[2].parse::<u16>().unwrap().to_be_bytes(),
                    name(words[3]).as_slice(),
                ]
                .concat(),
                "TXT" => {
                    let text = words[2..].join(" ");
                    [&[text.len() as u8], text.as_bytes()].concat()
                }
                "TLSA" => {
                    let numbers = words[2..5].iter().map(|word| word.parse().unwrap());
                    let digits = words[5].as_bytes().chunks(2);
                    let octets = digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
                    numbers.chain(octets).collect()
                }
                kind => panic!("no record of type {kind}"),
            };
            zone.records
                .push((words[0].to_owned(), Rtype::from_str(words[1]).unwrap(), data));
        }
        zone
    }

    fn rule(&self, words: &[&str]) -> bool {
        self.rules.iter().any(|rule| rule.iter().eq(words.iter()))
    }

    fn answer(&self, query: &Message<Vec<u8>>) -> Option<Vec<u8>> {
        let question = query.sole_question().unwrap();
        let (asked, kind) = (question.qname().to_string(), question.qtype());
        if self.rule(&["silent", &asked, &kind.to_string()]) {
            return None;
        }
        let start = |code| MessageBuilder::new_vec().start_answer(query, code).unwrap();
        if self.rule(&["fails", &asked, &kind.to_string()]) {
            return Some(start(Rcode::SERVFAIL).finish());
        }
        let exists = self.records.iter().any(|(owner, ..)| *owner == asked);
        let mut builder = start(if exists { Rcode::NOERROR } else { Rcode::NXDOMAIN });
        builder.header_mut().set_ra(true);
        // Only to who asks for it (RFC 6840 5.8).
        let secure = query.header().ad() && self.rule(&["secure", &asked]);
        builder.header_mut().set_ad(secure);
        let mut owner = asked;
        // A loop is told as far as a careless server would.
        for _ in 0..30 {
            for (_, _, data) in self.of(&owner, kind) {
                push(&mut builder, &owner, kind, data);
            }
            let Some((_, _, target)) = self.of(&owner, Rtype::CNAME).next() else {
                break;
            };
            push(&mut builder, &owner, Rtype::CNAME, target);
            owner = Name::from_octets(target.clone()).unwrap().to_string();
        }
        Some(builder.finish())
    }

    fn of(&self, owner: &str, kind: Rtype) -> impl Iterator<Item = &(String, Rtype, Vec<u8>)> {
        self.records
            .iter()
            .filter(move |record| record.0 == owner && record.1 == kind)
    }
}

fn push(builder: &mut AnswerBuilder<Vec<u8>>, owner: &str, kind: Rtype, data: &[u8]) {
    let data = UnknownRecordData::from_octets(kind, data).unwrap();
    builder.push((name(owner), Ttl::from_secs(60), data)).unwrap();
}

fn name(text: &str) -> Name<Vec<u8>> {
    Name::from_str(text).unwrap()
}

/// Serves `zone` as long as the test runs, over UDP and TCP on one port.
pub fn serve(zone: &str) -> SocketAddr {
    let zone = Arc::new(Zone::parse(zone));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).unwrap();
    let over_udp = Arc::clone(&zone);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok((count, client)) = socket.recv_from(&mut buffer) {
            let query = Message::from_octets(buffer[..count].to_vec()).unwrap();
            let Some(answer) = over_udp.answer(&query) else {
                continue;
            };
            if over_udp.rule(&["garbage"]) {
                let mut forged = answer.clone();
                forged[0] ^= 1;
                let another = MessageBuilder::new_vec();
                let mut another = another.question();
                another.header_mut().set_id(query.header().id());
                another.header_mut().set_qr(true);
                another.push((name("forged.test"), Rtype::A)).unwrap();
                for octets in [&forged[..], &query.as_slice()[..7], query.as_slice(), &another.finish()] {
                    socket.send_to(octets, client).unwrap();
                }
            }
            let truncated = match over_udp.rule(&["truncates"]) {
                true => {
                    let mut builder = MessageBuilder::new_vec().start_answer(&query, Rcode::NOERROR).unwrap();
                    builder.header_mut().set_tc(true);
                    builder.finish()
                }
                false => answer,
            };
            socket.send_to(&truncated, client).unwrap();
        }
    });
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut length = [0; 2];
            stream.read_exact(&mut length).unwrap();
            let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut octets).unwrap();
            if let Some(answer) = zone.answer(&Message::from_octets(octets).unwrap()) {
                // An octet at a time: TCP promises nothing else.
                for octet in [&(answer.len() as u16).to_be_bytes()[..], &answer].concat() {
                    let _ = stream.write_all(&[octet]);
                }
            }
        }
    });
    address
}
