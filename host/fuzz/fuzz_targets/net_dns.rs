//! Whatever a DNS server answers: hosts that can be named, or an error of one line.
#![no_main]

use gatepost::net::mx::{HOSTS, Resolver, exchangers, hop};
use libfuzzer_sys::fuzz_target;
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Mutex, OnceLock};
use std::time::{Duration, Instant};

/// Where the server is, and what it answers behind the question.
static SERVER: OnceLock<SocketAddr> = OnceLock::new();
static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn start() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((count, client)) = socket.recv_from(&mut query) {
            let answer = ANSWER.lock().unwrap().clone();
            let byte = |index| answer.get(index).copied().unwrap_or(0);
            // The question ends where the additional record of the query begins: eleven octets before its end.
            let mut octets = query[..count - 11].to_vec();
            // A response that is not cut; AD and the code are the input's, the code success or no such name.
            octets[2] = 0x81;
            octets[3] = 0x80 | byte(0) & 0x20 | if byte(0) & 1 == 1 { 3 } else { 0 };
            octets[6..12].copy_from_slice(&[0, byte(1), 0, byte(2), 0, byte(3)]);
            octets.extend_from_slice(answer.get(4..).unwrap_or_default());
            let _ = socket.send_to(&octets, client);
        }
    });
    address
}

fuzz_target!(|input: &[u8]| {
    if input.len() > 1000 {
        return;
    }
    let address = SERVER.get_or_init(start);
    *ANSWER.lock().unwrap() = input.to_vec();
    let resolver = Resolver::new(vec![*address], true);
    let end = Instant::now() + Duration::from_secs(2);
    match exchangers(&resolver, "example.test", &["we.test"], end) {
        Ok(found) => {
            assert!((1..=HOSTS).contains(&found.hosts.len()));
            for host in &found.hosts {
                assert!(
                    host.bytes()
                        .all(|octet| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet)),
                    "{host:?}"
                );
            }
            match hop(&resolver, &found, &found.hosts[0], 25, None, end) {
                Ok(hop) => assert!(!hop.addresses.is_empty()),
                Err(error) => assert!(!error.to_string().contains('\n')),
            }
        }
        Err(error) => assert!(!error.to_string().contains('\n')),
    }
});
