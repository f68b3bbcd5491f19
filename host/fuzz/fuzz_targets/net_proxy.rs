//! Whatever a proxy answers: an error of one line or a connection, in bounded time, and nothing of the target's is lost.
#![no_main]

use gatepost::net::{Endpoint, Proxy, Transport};
use libfuzzer_sys::fuzz_target;
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::OnceLock;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

/// Answers each connection with the octets that it was told.
static SERVER: OnceLock<(SocketAddr, Sender<Vec<u8>>)> = OnceLock::new();

fn start() -> (SocketAddr, Sender<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (told, tells) = channel::<Vec<u8>>();
    std::thread::spawn(move || {
        while let Ok(octets) = tells.recv() {
            let (mut stream, _) = listener.accept().unwrap();
            // A client that has heard enough is gone.
            let _ = stream.write_all(&octets);
            let _ = stream.shutdown(Shutdown::Write);
            // Closed before it has read everything, it would take back what it sent.
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        }
    });
    (address, told)
}

fuzz_target!(|input: &[u8]| {
    let [kind, octets @ ..] = input else { return };
    let (address, told) = SERVER.get_or_init(start);
    let url = match kind % 3 {
        0 => format!("socks5://{address}"),
        1 => format!("socks5://user:secret@{address}"),
        _ => format!("http://user:secret@{address}"),
    };
    let proxy = Proxy::parse(&url).unwrap();
    let target = Endpoint::parse("mail.test", 25).unwrap();
    told.send(octets.to_vec()).unwrap();
    match Transport::connect_through(&proxy, &target, Duration::from_secs(5)) {
        Ok(mut transport) => {
            // What is left is the end of what the proxy sent.
            let mut left = Vec::new();
            let mut buffer = [0; 512];
            while let Ok(count @ 1..) = embedded_io::Read::read(&mut transport, &mut buffer) {
                left.extend_from_slice(&buffer[..count]);
            }
            assert!(octets.ends_with(&left));
        }
        Err(error) => {
            let text = error.to_string();
            assert!(
                !text.contains(|c: char| c.is_control()) && text.len() < 1000 && !text.contains("secret"),
                "{text}"
            );
            assert!(!text.contains("timed out"), "{text}");
        }
    }
});
