//! io-smtp, which sends what is ready: it has no composer.

use crate::{FROM, Task, small};
use io_smtp::coroutine::{SmtpCoroutine, SmtpCoroutineState, SmtpYield};
use io_smtp::message::{SmtpMessageSend, SmtpMessageSendOptions};
use io_smtp::rfc5321::ehlo::SmtpEhlo;
use io_smtp::rfc5321::greeting::SmtpGreetingGet;
use io_smtp::rfc5321::quit::SmtpQuit;
use io_smtp::rfc5321::{SmtpDomain, SmtpEhloDomain, SmtpForwardPath, SmtpLocalPart, SmtpMailbox, SmtpReversePath};
use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;

pub(crate) fn run(task: &Task) -> Result<(), Box<dyn Error>> {
    if task.attachment.is_some() {
        return Err("io-smtp has no composer".into());
    }
    let mut stream = TcpStream::connect(task.address)?;
    stream.set_nodelay(true)?;
    drive(&mut stream, SmtpGreetingGet::new())?;
    let domain = SmtpEhloDomain::SmtpDomain(SmtpDomain("client.test".into()));
    drive(&mut stream, SmtpEhlo::new(domain))?;
    let mail = small();
    for _ in 0..task.count {
        let from = SmtpReversePath::SmtpMailbox(mailbox(FROM)?);
        let to = task
            .recipients
            .iter()
            .map(|address| mailbox(address).map(SmtpForwardPath));
        let to: Vec<SmtpForwardPath<'_>> = to.collect::<Result<_, _>>()?;
        // There is none to be removed.
        let options = SmtpMessageSendOptions {
            keep_bcc: true,
            ..SmtpMessageSendOptions::default()
        };
        drive(&mut stream, SmtpMessageSend::new(from, to, mail.clone(), options))?;
    }
    drive(&mut stream, SmtpQuit::new())?;
    Ok(())
}

fn mailbox(address: &str) -> Result<SmtpMailbox<'_>, Box<dyn Error>> {
    let (local_part, domain) = address.split_once('@').ok_or("no address")?;
    Ok(SmtpMailbox {
        local_part: SmtpLocalPart(local_part.into()),
        domain: SmtpEhloDomain::SmtpDomain(SmtpDomain(domain.into())),
    })
}

fn drive<C, T, E>(stream: &mut TcpStream, mut coroutine: C) -> Result<T, Box<dyn Error>>
where
    C: SmtpCoroutine<Yield = SmtpYield, Return = Result<T, E>>,
    E: Error + 'static,
{
    let mut buffer = [0; 4096];
    let mut received = None;
    loop {
        match coroutine.resume(received.take()) {
            SmtpCoroutineState::Yielded(SmtpYield::WantsWrite(octets)) => stream.write_all(&octets)?,
            SmtpCoroutineState::Yielded(SmtpYield::WantsRead) => {
                let count = stream.read(&mut buffer)?;
                received = buffer.get(..count);
            }
            SmtpCoroutineState::Complete(outcome) => return outcome.map_err(Into::into),
        }
    }
}
