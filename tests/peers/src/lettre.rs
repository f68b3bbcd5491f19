//! lettre, with its blocking connection.

use crate::{FROM, Task, small};
use lettre::address::Envelope;
use lettre::message::header::ContentType;
use lettre::message::{Attachment, MultiPart, SinglePart};
use lettre::transport::smtp::client::SmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, Message};
use std::error::Error;
use std::time::Duration;

pub(crate) fn run(task: Task) -> Result<(), Box<dyn Error>> {
    let name = ClientId::Domain("client.test".to_owned());
    let mut connection = SmtpConnection::connect(task.address, Some(Duration::from_secs(60)), &name, None, None)?;
    let recipients = task.recipients.iter().map(|address| address.parse());
    let recipients: Vec<Address> = recipients.collect::<Result<_, _>>()?;
    let envelope = Envelope::new(Some(FROM.parse()?), recipients)?;
    match task.attachment {
        None => {
            let mail = small();
            for _ in 0..task.count {
                connection.send(&envelope, &mail)?;
            }
        }
        Some(content) => {
            for _ in 0..task.count {
                let mail = compose(&task.recipients, content.clone())?;
                connection.send(&envelope, &mail)?;
            }
        }
    }
    connection.quit()?;
    Ok(())
}

fn compose(recipients: &[String], content: Vec<u8>) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut builder = Message::builder().from(FROM.parse()?).subject("A file");
    for recipient in recipients {
        builder = builder.to(recipient.parse()?);
    }
    let file = Attachment::new("file.bin".to_owned()).body(content, ContentType::parse("application/octet-stream")?);
    let parts = MultiPart::mixed()
        .singlepart(SinglePart::plain("The file is attached.".to_owned()))
        .singlepart(file);
    Ok(builder.multipart(parts)?.formatted())
}
