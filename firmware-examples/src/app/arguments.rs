//! What the device is told: words of the form `key=value`.

use super::{Error, MAX_RECIPIENTS};
use core::net::SocketAddrV4;
use gatepost_core::message::Address;
use heapless::Vec;
use smoltcp::wire::{Ipv4Address, Ipv4Cidr};

/// The words, one field each; every one may be missing until it is needed.
#[derive(Clone, Copy, Default)]
pub struct Arguments<'a> {
    /// `mail=`: address and port of the submission server.
    pub mail: Option<&'a str>,
    /// `mail-name=`: the name that its certificate must be for.
    pub mail_name: Option<&'a str>,
    /// `user=` and `password=`: with whose name the device submits.
    pub user: Option<&'a str>,
    /// See `user`.
    pub password: Option<&'a str>,
    /// `from=`: the originator's address.
    pub from: Option<&'a str>,
    /// `to=`: the recipients' addresses, separated by commas.
    pub to: Option<&'a str>,
    /// `ca=`: where the platform finds the authority's certificate.
    pub ca: Option<&'a str>,
    /// `stream=`: the URL of the MPD.
    pub stream: Option<&'a str>,
    /// `address=`: the address with its prefix length, if DHCP gives none.
    pub address: Option<&'a str>,
    /// `gateway=`: the router that goes with it.
    pub gateway: Option<&'a str>,
}

impl<'a> Arguments<'a> {
    /// Sorts the words by their keys; a key that is not known is an error, and so is one that comes twice.
    pub fn parse(words: impl IntoIterator<Item = &'a str>) -> Result<Self, Error> {
        let mut arguments = Self::default();
        for (index, word) in words.into_iter().enumerate() {
            let place = index + 1;
            let (key, value) = word.split_once('=').ok_or(Error::Word { place })?;
            let field = match key {
                "mail" => &mut arguments.mail,
                "mail-name" => &mut arguments.mail_name,
                "user" => &mut arguments.user,
                "password" => &mut arguments.password,
                "from" => &mut arguments.from,
                "to" => &mut arguments.to,
                "ca" => &mut arguments.ca,
                "stream" => &mut arguments.stream,
                "address" => &mut arguments.address,
                "gateway" => &mut arguments.gateway,
                _ => return Err(Error::Word { place }),
            };
            if field.replace(value).is_some() {
                return Err(Error::Word { place });
            }
        }
        Ok(arguments)
    }

    /// What to do if DHCP gives no address, if anything was said about it.
    pub(super) fn fallback(&self) -> Result<Option<Fallback>, Error> {
        let Some(address) = self.address else {
            return Ok(None);
        };
        let cidr: Ipv4Cidr = address
            .parse()
            .map_err(|()| refused("address", "not ADDRESS/PREFIX of IPv4"))?;
        let gateway = match self.gateway {
            Some(gateway) => Some(gateway.parse().map_err(|_| refused("gateway", "not an IPv4 address"))?),
            None => None,
        };
        Ok(Some(Fallback { address: cidr, gateway }))
    }

    /// What a mail needs, an authority to trust among it.
    pub(super) fn mail(&self, authority: &[u8]) -> Result<Mail<'a>, Error> {
        if authority.is_empty() {
            return Err(refused("ca", MISSING));
        }
        let address = |key, text| Address::parse(text).map_err(|error| Error::Address { key, error });
        let mut to = Vec::new();
        for text in needed("to", self.to)?.split(',') {
            to.push(address("to", text)?)
                .map_err(|_| refused("to", "too many recipients"))?;
        }
        let credentials = match (self.user, self.password) {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (Some(_), None) => return Err(refused("password", MISSING)),
            (None, Some(_)) => return Err(refused("user", MISSING)),
        };
        Ok(Mail {
            server: needed("mail", self.mail)?
                .parse()
                .map_err(|_| refused("mail", "not ADDRESS:PORT of IPv4"))?,
            server_name: needed("mail-name", self.mail_name)?,
            credentials,
            from: address("from", needed("from", self.from)?)?,
            to,
        })
    }

    /// The URL of the MPD.
    pub(super) fn stream(&self) -> Result<&'a str, Error> {
        needed("stream", self.stream)
    }
}

/// The address of a network without DHCP.
#[derive(Clone, Copy)]
pub(super) struct Fallback {
    pub(super) address: Ipv4Cidr,
    pub(super) gateway: Option<Ipv4Address>,
}

/// Where a mail goes, and from whom to whom.
pub(super) struct Mail<'a> {
    pub(super) server: SocketAddrV4,
    pub(super) server_name: &'a str,
    pub(super) credentials: Option<(&'a str, &'a str)>,
    pub(super) from: Address<'a>,
    pub(super) to: Vec<Address<'a>, MAX_RECIPIENTS>,
}

fn needed<'a>(key: &'static str, value: Option<&'a str>) -> Result<&'a str, Error> {
    value.ok_or(refused(key, MISSING))
}

fn refused(key: &'static str, why: &'static str) -> Error {
    Error::Argument { key, why }
}

const MISSING: &str = "missing";
