//! Who we are to the submission server, and by which mechanisms we say so.

use super::{Failure, Server};
use gatepost_core::smtp::sasl::{
    CramMd5, Error, External, Login, Mechanism as Sasl, OAuthBearer, Plain, ScramSha256, XOAuth2,
};
use std::fmt;

/// A user with a password or a token.
#[derive(Clone)]
pub struct Credentials {
    /// The name the server knows.
    pub user: String,
    /// The password, or with [`Mechanism::XOAuth2`] and [`Mechanism::OAuthBearer`] the access token.
    pub secret: String,
    /// The only mechanism to be used; otherwise the best for a password that the server lists.
    pub mechanism: Option<Mechanism>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("user", &self.user)
            .field("mechanism", &self.mechanism)
            .finish_non_exhaustive()
    }
}

/// A mechanism of SASL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// RFC 4616.
    Plain,
    /// Without a standard, and everywhere.
    Login,
    /// RFC 2195.
    CramMd5,
    /// RFC 7677, with channel binding where the server knows it.
    ScramSha256,
    /// OAuth 2.0 as Google and Microsoft began it.
    XOAuth2,
    /// RFC 7628.
    OAuthBearer,
    /// RFC 4422 A: by the client's certificate.
    External,
}

impl Mechanism {
    /// Every mechanism with the name that a user writes.
    pub const ALL: [(&'static str, Self); 7] = [
        ("plain", Self::Plain),
        ("login", Self::Login),
        ("cram-md5", Self::CramMd5),
        ("scram-sha-256", Self::ScramSha256),
        ("xoauth2", Self::XOAuth2),
        ("oauthbearer", Self::OAuthBearer),
        ("external", Self::External),
    ];

    /// Reads a name, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        let row = Self::ALL.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        row.map(|(_, mechanism)| *mechanism)
    }
}

/// Best first: no password is said, then one that TLS alone protects. CRAM-MD5 is last: it needs TLS no less, and makes
/// servers keep passwords as they are.
const AUTOMATIC: [Mechanism; 4] = [
    Mechanism::ScramSha256,
    Mechanism::Plain,
    Mechanism::Login,
    Mechanism::CramMd5,
];

/// The mechanisms for `server`, the preferred first; `random` is for those that need a nonce.
pub(super) fn mechanisms<'a>(
    server: &'a Server,
    random: &'a mut dyn FnMut(&mut [u8]),
) -> Result<Vec<Box<dyn Sasl + 'a>>, Failure> {
    let Some(credentials) = &server.credentials else {
        return Ok(Vec::new());
    };
    let mut random = Some(random);
    let wanted = credentials
        .mechanism
        .as_ref()
        .map_or(&AUTOMATIC[..], std::slice::from_ref);
    let built = wanted.iter().map(|mechanism| {
        let (user, secret) = (credentials.user.as_str(), credentials.secret.as_str());
        let endpoint = &server.endpoint;
        Ok(match mechanism {
            Mechanism::Plain => Box::new(Plain::new(user, secret)?) as Box<dyn Sasl + 'a>,
            Mechanism::Login => Box::new(Login::new(user, secret)?),
            Mechanism::CramMd5 => Box::new(CramMd5::new(user, secret)?),
            Mechanism::ScramSha256 => {
                let random = random.take().expect("no list has it twice");
                Box::new(ScramSha256::new(user, secret, random)?)
            }
            // What the server says against a token is in its 535, too, which the failure quotes.
            Mechanism::XOAuth2 => Box::new(XOAuth2::new(user, secret, &mut [])?),
            Mechanism::OAuthBearer => {
                Box::new(OAuthBearer::new(user, secret, &mut [])?.to_server(&endpoint.host, endpoint.port)?)
            }
            Mechanism::External => Box::new(External::new(user)?),
        })
    });
    let built: Result<Vec<_>, Error> = built.collect();
    built.map_err(|error| Failure::Usage(format!("credentials: {error}")))
}

/// Fills `octets` from the kernel's random source.
pub(super) fn random(octets: &mut [u8]) {
    let mut filled = 0;
    while filled < octets.len() {
        // The source is there on every kernel we run on, and blocks only before the first seed.
        if let Ok(count) = rustix::rand::getrandom(&mut octets[filled..], rustix::rand::GetRandomFlags::empty()) {
            filled += count;
        }
    }
}
