//! mail-send with mail-builder.

use crate::{FROM, Task, small};
use mail_send::SmtpClient;
use mail_send::mail_builder::MessageBuilder;
use mail_send::smtp::message::Message;
use std::error::Error;
use std::time::Duration;

pub(crate) fn run(task: Task) -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(submit(task))
}

async fn submit(task: Task) -> Result<(), Box<dyn Error>> {
    let mut client = SmtpClient::connect(task.address, Duration::from_secs(60)).await?;
    client.read().await?;
    client.ehlo("client.test").await?;
    match task.attachment {
        None => {
            let mail = small();
            for _ in 0..task.count {
                let recipients = task.recipients.iter().map(String::as_str);
                client.send(Message::new(FROM, recipients, mail.as_slice())).await?;
            }
        }
        Some(content) => {
            for _ in 0..task.count {
                let recipients: Vec<&str> = task.recipients.iter().map(String::as_str).collect();
                let mail = MessageBuilder::new()
                    .from(FROM)
                    .to(recipients)
                    .subject("A file")
                    .text_body("The file is attached.")
                    .attachment("application/octet-stream", "file.bin", content.as_slice());
                client.send(mail).await?;
            }
        }
    }
    client.quit().await?;
    Ok(())
}
