//! A TLS server that says anything, in any pieces. Without the client's key share it cannot say anything encrypted, so no
//! connection opens; no panic, and bounded work.
#![no_main]

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use gatepost_core::io::{Ready, Wait};
use gatepost_core::tls::rand_core::{CryptoRng, Error, RngCore};
use gatepost_core::tls::{Config, Connection, Shared, Storage};
use libfuzzer_sys::fuzz_target;
use std::time::Duration;

const ROOT: &[u8] = include_bytes!("../certificates/root.der");

struct Line<'a>(&'a [u8], usize);

impl ErrorType for Line<'_> {
    type Error = ErrorKind;
}

impl Read for Line<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let (now, later) = self.0.split_at(buffer.len().min(self.1).min(self.0.len()));
        buffer[..now.len()].copy_from_slice(now);
        self.0 = later;
        Ok(now.len())
    }
}

impl Write for Line<'_> {
    fn write(&mut self, octets: &[u8]) -> Result<usize, ErrorKind> {
        Ok(octets.len().min(self.1))
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl Wait for Line<'_> {
    fn set_timeout(&mut self, _: Duration) {}

    fn wait(&mut self) -> Result<Ready, ErrorKind> {
        Ok(Ready::Write)
    }
}

/// The same in each run, so that an input means the same.
struct Counter(u64);

impl RngCore for Counter {
    fn next_u32(&mut self) -> u32 {
        self.next_u64() as u32
    }

    fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.0
    }

    fn fill_bytes(&mut self, octets: &mut [u8]) {
        octets.fill_with(|| (self.next_u64() >> 56) as u8);
    }

    fn try_fill_bytes(&mut self, octets: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(octets);
        Ok(())
    }
}

impl CryptoRng for Counter {}

fuzz_target!(|input: &[u8]| {
    let [chunk, octets @ ..] = input else { return };
    let (mut receive, mut transmit, mut shared) = ([0; 1024], [0; 640], Shared::default());
    let storage = Storage {
        receive: &mut receive,
        transmit: &mut transmit,
        shared: &mut shared,
    };
    let config = Config {
        anchors: &[ROOT],
        server_name: "mail.test",
        now: 1_800_000_000,
    };
    let line = Line(octets, usize::from(*chunk).max(1));
    assert!(Connection::open(line, &config, Counter(1), storage).is_err());
});
