//! The transport against scripted peers: what it refuses and how it says so.

mod common;

use common::{Authority, Server, accept, directory, tls};
use embedded_io::{Read, Write};
use gatepost::net::{Endpoint, Error, Transport, Trust};
use gatepost_core::io::Wait;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);

fn connect<R: Send + 'static>(server: &Server<R>) -> Transport {
    let endpoint = Endpoint::parse(&server.address.to_string(), 0).unwrap();
    Transport::connect(&endpoint, LIMIT).unwrap()
}

/// What comes of TLS with a server of `authority` whose certificate is for `mail.test`.
fn secure(authority: &Authority, years: (i32, i32), trust: &Trust, name: &str) -> Result<(), String> {
    let config = authority.server("mail.test", years);
    let server = Server::start(move |listener| {
        let mut octets = [0; 4];
        if let Some(mut stream) = tls(accept(&listener), &config)
            && stream.read_exact(&mut octets).is_ok()
        {
            stream.write_all(&octets).unwrap();
        }
    });
    let mut transport = connect(&server);
    let outcome = transport.secure(trust, name, LIMIT).map_err(|error| error.to_string());
    if outcome.is_ok() {
        transport.write_all(b"ping").unwrap();
        transport.flush().unwrap();
        let mut octets = [0; 4];
        transport.read_exact(&mut octets).unwrap();
        assert_eq!(&octets, b"ping");
    }
    drop(transport);
    server.finish();
    outcome
}

#[test]
fn only_the_right_certificate_is_accepted() {
    let authority = Authority::new("test");
    let directory = directory("only_the_right_certificate_is_accepted");
    let trust = Trust::file(&authority.file(&directory)).unwrap();
    let now = (2020, 2049);

    assert_eq!(secure(&authority, now, &trust, "mail.test"), Ok(()));
    assert_eq!(
        secure(&authority, now, &trust, "other.test").unwrap_err(),
        "TLS: certificate refused: name mismatch: it is not for other.test but for mail.test"
    );
    assert_eq!(
        secure(&Authority::new("another"), now, &trust, "mail.test").unwrap_err(),
        "TLS: certificate refused: unknown issuer: no trusted root leads to it"
    );
    assert_eq!(
        secure(&Authority::new("test"), now, &trust, "mail.test").unwrap_err(),
        "TLS: certificate refused: bad signature: the issuer that it names did not sign it, or the server lacks its key"
    );
    let expired = secure(&authority, (2020, 2021), &trust, "mail.test").unwrap_err();
    assert!(expired.starts_with("TLS: certificate refused: expired: "), "{expired}");
    let early = secure(&authority, (2048, 2049), &trust, "mail.test").unwrap_err();
    assert!(early.starts_with("TLS: certificate refused: not valid yet"), "{early}");
    assert_eq!(
        secure(&authority, now, &trust, "not a name").unwrap_err(),
        "\"not a name\" is neither a DNS name nor an IP address to verify"
    );
}

#[test]
fn a_peer_that_speaks_no_tls_is_named() {
    let authority = Authority::new("test");
    let trust = Trust::file(&authority.file(&directory("a_peer_that_speaks_no_tls_is_named"))).unwrap();
    let server = Server::start(|listener| {
        let mut stream = accept(&listener);
        stream.write_all(b"220 mail.test ready\r\n").unwrap();
        // Until the client is gone.
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let refusal = connect(&server).secure(&trust, "mail.test", LIMIT).unwrap_err();
    assert!(
        matches!(refusal, Error::Tls(rustls::Error::InvalidMessage(_))),
        "{refusal}"
    );
    server.finish();
}

#[test]
fn a_connection_cut_under_tls_is_no_end_of_data() {
    let authority = Authority::new("test");
    let config = authority.server("mail.test", (2020, 2049));
    let trust = Trust::file(&authority.file(&directory("a_connection_cut_under_tls"))).unwrap();
    let server = Server::start(move |listener| {
        let mut stream = tls(accept(&listener), &config).unwrap();
        stream.write_all(b"half").unwrap();
        stream.flush().unwrap();
        stream.sock.shutdown(std::net::Shutdown::Write).unwrap();
        let _ = stream.sock.read_to_end(&mut Vec::new());
    });
    let mut transport = connect(&server);
    transport.secure(&trust, "mail.test", LIMIT).unwrap();
    let mut octets = [0; 4];
    transport.read_exact(&mut octets).unwrap();
    assert_eq!(
        transport.read(&mut octets).unwrap_err().to_string(),
        "the connection was cut"
    );
    drop(transport);
    server.finish();
}

#[test]
fn a_silent_peer_ends_in_a_timeout() {
    let server = Server::start(|listener| {
        let mut stream = accept(&listener);
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let mut transport = connect(&server);
    transport.set_timeout(Duration::from_millis(50));
    assert!(matches!(transport.read(&mut [0; 8]), Err(Error::TimedOut)));
    // A limit of nothing does not wait for ever.
    transport.set_timeout(Duration::ZERO);
    assert!(matches!(transport.read(&mut [0; 8]), Err(Error::TimedOut)));
    // And one beyond the clock does not fail.
    transport.set_timeout(Duration::MAX);
    transport.write_all(b"bye").unwrap();
    drop(transport);
    server.finish();
}

#[test]
fn a_handshake_that_drips_ends_at_its_limit() {
    let authority = Authority::new("test");
    let trust = Trust::file(&authority.file(&directory("a_handshake_that_drips"))).unwrap();
    let server = Server::start(|listener| {
        let mut stream = accept(&listener);
        // A record of 16 KiB, an octet at a time: every read succeeds, none of them completes anything.
        let record = [&[22, 3, 3, 0x40, 0][..], &[0; 16384]].concat();
        for octet in record {
            if stream.write_all(&[octet]).is_err() {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    });
    let refusal = connect(&server).secure(&trust, "mail.test", Duration::from_millis(200));
    assert!(matches!(refusal, Err(Error::TimedOut)), "{refusal:?}");
    server.finish();
}

#[test]
fn a_refused_connection_and_an_unknown_host_are_told_apart() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let endpoint = Endpoint::parse(&address.to_string(), 0).unwrap();
    let refusal = Transport::connect(&endpoint, LIMIT).err().unwrap();
    assert_eq!(refusal.to_string(), "no connection: Connection refused (os error 111)");

    let endpoint = Endpoint::parse("no-such-host.invalid", 25).unwrap();
    assert!(matches!(Transport::connect(&endpoint, LIMIT), Err(Error::Resolve(_))));
}

#[test]
fn roots_that_cannot_be_used_are_named() {
    let directory = directory("roots_that_cannot_be_used");
    let path = directory.join("ca.pem");
    let refusal = |path: &Path| Trust::file(path).err().unwrap().to_string();
    assert!(refusal(&path).ends_with("ca.pem: No such file or directory (os error 2)"));
    std::fs::write(&path, "no certificate\n").unwrap();
    assert!(refusal(&path).ends_with("ca.pem: no PEM certificate in it"));
    std::fs::write(&path, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    assert!(refusal(&path).ends_with("ca.pem: a CERTIFICATE block holds no X.509 certificate"));
}
