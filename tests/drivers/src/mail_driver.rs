//! `mail_driver ADDRESS COUNT RECIPIENTS`: submits COUNT mails of 1 KB over one connection without TLS.
//!
//! Ends with 0 if the server accepted all of them.

use gatepost::net::{Endpoint, Transport};
use gatepost_core::io::blocking::next_event;
use gatepost_core::message::Address;
use gatepost_core::smtp::{Config, Envelope, Event, Full, Options, Protocol, Recipient, Security, Session, Storage};
use gatepost_drivers::{FROM, mail};
use std::error::Error;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, count, recipients] = words.as_slice() else {
        return Err("usage: mail_driver ADDRESS COUNT RECIPIENTS".into());
    };
    let endpoint = Endpoint::parse(address, 25).ok_or("no address")?;
    let count: u32 = count.parse()?;
    let recipients: Vec<String> = (0..recipients.parse()?)
        .map(|number: u32| format!("user{number}@server.test"))
        .collect();
    let recipients = recipients
        .iter()
        .map(|address| Address::parse(address).map(Recipient::from));
    let envelope = Envelope {
        reverse_path: Some(Address::parse(FROM)?),
        recipients: &recipients.collect::<Result<Vec<_>, _>>()?,
        options: Options::default(),
    };
    let mail = mail();

    let mut transport = Transport::connect(&endpoint, Duration::from_secs(10))?;
    let config = Config {
        client: "client.test",
        security: Security::Plain,
        protocol: Protocol::Smtp,
        mechanisms: &mut [],
    };
    let storage = Storage {
        receive: &mut [0; 4096],
        transmit: &mut [0; 4096],
        accepted: &mut [],
    };
    let mut session = Session::<Full, &[u8]>::new(config, storage)?;
    let (mut given, mut accepted) = (0, 0);
    loop {
        match next_event(&mut session, &mut transport)? {
            Event::Ready if given < count => {
                session.mail(&envelope, &mail)?;
                given += 1;
                if given == count {
                    session.quit();
                }
            }
            Event::Accepted => accepted += 1,
            Event::Failed(error) => return Err(error.into()),
            Event::Closed if accepted == count => return Ok(()),
            Event::Closed => return Err("a mail was lost".into()),
            _ => {}
        }
    }
}
