//! io-smtp as a device would link it: EHLO, AUTH PLAIN, one mail to two recipients, QUIT.

#![no_std]
#![no_main]

extern crate alloc;

#[path = "../../../../firmware-examples/profiles/wire.rs"]
mod wire;

use core::mem::MaybeUninit;
use cortex_m_rt::entry;
use embedded_alloc::LlffHeap;
use embedded_io::{Read, Write};
use io_smtp::coroutine::{SmtpCoroutine, SmtpCoroutineState, SmtpYield};
use io_smtp::message::{SmtpMessageSend, SmtpMessageSendOptions};
use io_smtp::rfc5321::ehlo::SmtpEhlo;
use io_smtp::rfc5321::greeting::SmtpGreetingGet;
use io_smtp::rfc5321::quit::SmtpQuit;
use io_smtp::rfc5321::{SmtpDomain, SmtpEhloDomain, SmtpForwardPath, SmtpLocalPart, SmtpMailbox, SmtpReversePath};
use io_smtp::sasl::auth_plain::{SmtpAuthPlain, SmtpAuthPlainOptions};
use secrecy::SecretString;
use wire::Wire;

#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();

static mut MEMORY: [MaybeUninit<u8>; SIZE] = [MaybeUninit::uninit(); SIZE];
const SIZE: usize = 64 * 1024;

#[entry]
fn main() -> ! {
    // SAFETY: this runs once, before anything is allocated, and nothing else names MEMORY.
    unsafe { HEAP.init((&raw mut MEMORY) as usize, SIZE) }
    let mut wire = Wire::open();
    let _ = send(&mut wire);
    wire::stop()
}

/// `None` if anything fails.
fn send(wire: &mut Wire) -> Option<()> {
    let mut room = [0; 1024];
    let mut room = &mut room[..];
    let client = SmtpEhloDomain::SmtpDomain(SmtpDomain(wire.line(&mut room).into()));
    let (user, password) = (wire.line(&mut room), SecretString::from(wire.line(&mut room)));
    let from = mailbox(wire.line(&mut room))?;
    let (first, second) = (mailbox(wire.line(&mut room))?, mailbox(wire.line(&mut room))?);
    let text = wire.line(&mut room);

    drive(wire, SmtpGreetingGet::new())?;
    drive(wire, SmtpEhlo::new(client.clone()))?;
    drive(
        wire,
        SmtpAuthPlain::new(None::<&str>, user, &password, client, SmtpAuthPlainOptions::default()),
    )?;
    let recipients = [SmtpForwardPath(first), SmtpForwardPath(second)];
    let from = SmtpReversePath::SmtpMailbox(from);
    let options = SmtpMessageSendOptions {
        keep_bcc: true,
        ..SmtpMessageSendOptions::default()
    };
    drive(
        wire,
        SmtpMessageSend::new(from, recipients, text.as_bytes().into(), options),
    )?;
    wire.secure();
    drive(wire, SmtpQuit::new())?;
    Some(())
}

fn mailbox(address: &str) -> Option<SmtpMailbox<'_>> {
    let (local_part, domain) = address.split_once('@')?;
    Some(SmtpMailbox {
        local_part: SmtpLocalPart(local_part.into()),
        domain: SmtpEhloDomain::SmtpDomain(SmtpDomain(domain.into())),
    })
}

fn drive<C: SmtpCoroutine<Yield = SmtpYield, Return = Result<T, E>>, T, E>(
    wire: &mut Wire,
    mut coroutine: C,
) -> Option<T> {
    let mut buffer = [0; 128];
    let mut received = None;
    loop {
        match coroutine.resume(received.take()) {
            SmtpCoroutineState::Yielded(SmtpYield::WantsWrite(octets)) => {
                let mut rest = octets.as_slice();
                while !rest.is_empty() {
                    let count = wire.write(rest).ok()?;
                    rest = rest.get(count..)?;
                }
            }
            SmtpCoroutineState::Yielded(SmtpYield::WantsRead) => {
                let count = wire.read(&mut buffer).ok()?;
                received = buffer.get(..count);
            }
            SmtpCoroutineState::Complete(outcome) => return outcome.ok(),
        }
    }
}
