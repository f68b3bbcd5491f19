//! The embedded profile with SCRAM-SHA-256 before PLAIN, LOGIN and XOAUTH2.

#![no_std]
#![no_main]

mod mail;
mod wire;

use cortex_m_rt::entry;
use gatepost_core::smtp::Error;
use gatepost_core::smtp::sasl::{Login, Mechanism, Plain, ScramSha256, XOAuth2};
use mail::{Memory, Words};
use wire::Wire;

#[entry]
fn main() -> ! {
    let mut wire = Wire::open();
    let _ = run(&mut wire);
    wire::stop()
}

fn run(wire: &mut Wire) -> Result<(), Error> {
    let mut room = [0; 1024];
    let mut room = &mut room[..];
    let (user, password) = (wire.line(&mut room), wire.line(&mut room));
    let words = Words::read(wire, &mut room);
    let addresses = mail::addresses(&words)?;
    let recipients = mail::recipients(addresses);
    let envelope = mail::envelope(&words, addresses[0], &recipients);
    let mut memory = Memory::new();
    let mut nonce = [0; 64];
    wire.random(&mut nonce);
    let mut random = |octets: &mut [u8]| {
        for (octet, random) in octets.iter_mut().zip(nonce) {
            *octet = random;
        }
    };
    let mut scram = ScramSha256::new(user, password, &mut random).map_err(Error::Authentication)?;
    let mut token = XOAuth2::new(user, password, &mut []).map_err(Error::Authentication)?;
    let mut plain = Plain::new(user, password).map_err(Error::Authentication)?;
    let mut login = Login::new(user, password).map_err(Error::Authentication)?;
    let mechanisms = &mut [&mut scram as &mut dyn Mechanism, &mut token, &mut plain, &mut login];
    mail::send(wire, &words, addresses, &envelope, mechanisms, memory.storage())
}
