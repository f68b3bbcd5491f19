//! Which of several addresses a connection is made to, and what is said if none answers.

mod common;

use embedded_io::{Read as _, Write as _};
use gatepost::net::{Endpoint, Error, Transport};
use gatepost_core::io::Wait as _;
use rustix::net::{AddressFamily, SocketType, bind, listen, socket};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

/// An address of this family where nobody listens.
fn closed(host: &str) -> SocketAddr {
    TcpListener::bind((host, 0)).unwrap().local_addr().unwrap()
}

/// A server that greets with these octets; it takes one connection.
fn greeting(host: &str, octets: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind((host, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(octets).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    address
}

/// An address that answers nothing: its queue of connections is full, and nobody takes one from it.
fn silent() -> (SocketAddr, OwnedFd, Vec<TcpStream>) {
    let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&listener, &any).unwrap();
    listen(&listener, 0).unwrap();
    let listener = TcpListener::from(listener);
    let address = listener.local_addr().unwrap();
    let mut waiting = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(100)) {
        assert!(waiting.len() < 100, "the queue never becomes full");
        waiting.push(stream);
    }
    (address, listener.into(), waiting)
}

/// The first two octets from whoever answers at one of these addresses.
fn greeted(addresses: &[SocketAddr]) -> Result<[u8; 2], Error> {
    let mut transport = Transport::connect_to(addresses, LIMIT)?;
    transport.set_timeout(LIMIT);
    let mut octets = [0; 2];
    transport.read_exact(&mut octets).unwrap();
    transport.write_all(b"ok").unwrap();
    Ok(octets)
}

#[test]
fn ipv6_is_tried_first() {
    let (four, six) = (greeting("127.0.0.1", b"v4"), greeting("::1", b"v6"));
    assert_eq!(&greeted(&[four, six]).unwrap(), b"v6");
}

#[test]
fn a_refusal_leads_to_the_next_address() {
    let addresses = [
        closed("127.0.0.1"),
        closed("::1"),
        closed("::1"),
        greeting("127.0.0.1", b"v4"),
    ];
    assert_eq!(&greeted(&addresses).unwrap(), b"v4");
}

#[test]
fn an_address_that_is_silent_holds_up_no_other() {
    let (silent, _listener, _waiting) = silent();
    let addresses = [silent, silent, greeting("127.0.0.1", b"v4")];
    assert_eq!(&greeted(&addresses).unwrap(), b"v4");
}

#[test]
fn what_each_address_said_is_told() {
    let (silent, _listener, _waiting) = silent();
    let (four, six) = (closed("127.0.0.1"), closed("::1"));
    let Err(Error::Connect(refusals)) = Transport::connect_to(&[silent, four, six], Duration::from_millis(600)) else {
        panic!("a connection where nobody listens")
    };
    let mut kinds: Vec<_> = refusals
        .iter()
        .map(|(address, error)| (*address, error.kind()))
        .collect();
    kinds.sort();
    let mut expected = vec![
        (silent, ErrorKind::TimedOut),
        (four, ErrorKind::ConnectionRefused),
        (six, ErrorKind::ConnectionRefused),
    ];
    expected.sort();
    assert_eq!(kinds, expected);
    assert_eq!(
        Error::Connect(refusals).to_string(),
        format!(
            "no connection: {six}: Connection refused (os error 111); {four}: Connection refused (os error 111); \
             {silent}: timed out"
        )
    );
    let nothing = Transport::connect_to(&[], LIMIT).err().unwrap();
    assert_eq!(nothing.to_string(), "no connection: the name has no address");
}

#[test]
fn not_every_address_of_many_is_tried() {
    let addresses: Vec<_> = (0..100).map(|_| closed("127.0.0.1")).collect();
    let Err(Error::Connect(refusals)) = Transport::connect_to(&addresses, LIMIT) else {
        panic!("a connection where nobody listens")
    };
    assert_eq!(refusals.len(), 16);
}

#[test]
fn a_name_leads_to_its_addresses() {
    let address = greeting("127.0.0.1", b"v4");
    let endpoint = Endpoint {
        host: "localhost".to_owned(),
        port: address.port(),
    };
    let mut transport = Transport::connect(&endpoint, LIMIT).unwrap();
    transport.set_timeout(LIMIT);
    let mut octets = [0; 2];
    transport.read_exact(&mut octets).unwrap();
    assert_eq!(&octets, b"v4");
}
