//! What lwIP's smtp.c does: EHLO, AUTH PLAIN and LOGIN, one mail from memory; and beyond it several recipients, strict
//! replies of any length, HELO, and transparency.

#![no_std]
#![no_main]

mod wire;

use core::mem::size_of;
use core::sync::atomic::AtomicU8;
use cortex_m_rt::entry;
use gatepost_core::io::blocking::next_event;
use gatepost_core::message::Address;
use gatepost_core::smtp::sasl::{Login, Plain};
use gatepost_core::smtp::{
    Basic, Config, Envelope, Error, Event, Options, Protocol, Recipient, Security, Session, Storage,
};
use wire::Wire;

#[entry]
fn main() -> ! {
    let mut wire = Wire::open();
    let _ = send(&mut wire);
    wire::stop()
}

fn send(wire: &mut Wire) -> Result<(), Error> {
    let mut room = [0; 1024];
    let mut room = &mut room[..];
    let client = wire.line(&mut room);
    let (user, password) = (wire.line(&mut room), wire.line(&mut room));
    let from = Address::parse(wire.line(&mut room)).map_err(Error::Source)?;
    let first = Address::parse(wire.line(&mut room)).map_err(Error::Source)?;
    let second = Address::parse(wire.line(&mut room)).map_err(Error::Source)?;
    let text = wire.line(&mut room);

    let mut plain = Plain::new(user, password).map_err(Error::Authentication)?;
    let mut login = Login::new(user, password).map_err(Error::Authentication)?;
    let config = Config {
        client,
        security: Security::PlainWithPassword,
        protocol: Protocol::Smtp,
        mechanisms: &mut [&mut plain, &mut login],
    };
    let recipients = [Recipient::from(first), Recipient::from(second)];
    let envelope = Envelope {
        reverse_path: Some(from),
        recipients: &recipients,
        options: Options::default(),
    };
    let storage = Storage {
        receive: &mut [0; 128],
        transmit: &mut [0; 128],
        accepted: &mut [],
    };
    let mut session = Session::<Basic, &[u8]>::new(config, storage)?;
    session.mail(&envelope, text.as_bytes())?;
    while let Ok(event) = next_event(&mut session, wire) {
        if let Event::Accepted = event {
            wire.secure();
        }
    }
    Ok(())
}

/// As large as a session, for whoever reads the symbols of this image.
#[used]
static SESSION_STATE: [AtomicU8; size_of::<Session<'_, Basic, &[u8]>>()] =
    [const { AtomicU8::new(0) }; size_of::<Session<'_, Basic, &[u8]>>()];
