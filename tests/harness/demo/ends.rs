//! The servers of a demo behind the gateway.

use super::Servers;
use crate::Result;
use crate::certificates::Authority;
use crate::device::{HTTP, SUBMISSION};
use crate::network::{Network, SERVER};
use crate::servers::content::Content;
use crate::servers::film;
use crate::servers::http::HttpServer;
use crate::servers::mail::{MailServer, Policy, Received};
use crate::servers::nginx::Nginx;
use crate::servers::postfix::{self, Postfix};
use crate::servers::{Port, Server};
use std::net::SocketAddrV4;
use std::path::Path;
use std::time::Duration;

/// The servers of one run.
pub(crate) struct Ends {
    pub(crate) policy: Policy,
    mail: Mail,
    _content: Web,
}

enum Mail {
    Embedded(MailServer),
    Postfix(Box<Postfix>),
}

#[expect(dead_code, reason = "they are held so that they run")]
enum Web {
    Embedded(HttpServer),
    Nginx(Nginx),
}

impl Ends {
    /// Starts them in the network, with a fresh authority whose certificate is put into `directory`.
    pub(crate) fn start(servers: Servers, network: &Network, directory: &Path) -> Result<Self> {
        let authority = Authority::new("Gatepost Laboratory")?;
        authority.write(directory)?;
        let policy = Policy::default();
        let certificate = authority.server(&[&policy.name, &SERVER.to_string()])?;
        let mail = SocketAddrV4::new(SERVER, SUBMISSION);
        let web = SocketAddrV4::new(SERVER, HTTP);
        let (mail, content) = match servers {
            Servers::Embedded => {
                let content = Content::default();
                let listener = network.servers.listen(mail.into())?;
                let mail = MailServer::start(listener, &certificate, policy.clone())?;
                let listener = network.servers.listen(web.into())?;
                let web = HttpServer::start(listener, move |path| content.resource(path))?;
                (Mail::Embedded(mail), Web::Embedded(web))
            }
            Servers::Real => {
                let film = film::content()?;
                let mail = Postfix::start(
                    &network.servers,
                    postfix::Setup {
                        ports: &[(Port::Submission, mail)],
                        certificate: &certificate,
                        policy: &policy,
                    },
                )?;
                (
                    Mail::Postfix(Box::new(mail)),
                    Web::Nginx(Nginx::start(&network.servers, web, &film)?),
                )
            }
        };
        Ok(Self {
            policy,
            mail,
            _content: content,
        })
    }

    /// Waits until `count` mails have come.
    pub(crate) fn mails(&self, count: usize) -> Result<Vec<Received>> {
        match &self.mail {
            Mail::Embedded(server) => server.wait(count, DELIVERY),
            Mail::Postfix(server) => server.wait(count, DELIVERY),
        }
    }

    pub(crate) fn received(&self) -> Result<Vec<Received>> {
        match &self.mail {
            Mail::Embedded(server) => Ok(server.received()),
            Mail::Postfix(server) => server.received(),
        }
    }
}

/// How long a mail may take from its acceptance to the mailbox.
const DELIVERY: Duration = Duration::from_secs(20);
