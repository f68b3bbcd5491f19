//! The server's side of AUTH for the scripted mail server: PLAIN, and SCRAM with channel binding, by rsasl.

use super::mail::Policy;
use crate::{Context as _, Result};
use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::mechanisms::plain::PLAIN;
use rsasl::mechanisms::scram::properties::ScramStoredPassword;
use rsasl::mechanisms::scram::tools::{derive_keys, hash_password};
use rsasl::mechanisms::scram::{SCRAM_SHA256, SCRAM_SHA256_PLUS};
use rsasl::mechname::Mechname;
use rsasl::prelude::{Mechanism, MessageSent, Registry, SASLConfig, SASLServer, Session, SessionError, State};
use rsasl::property::{AuthId, ChannelBindingName, ChannelBindings, Password};
use rsasl::validate::{Validate, Validation, ValidationError};
use sha2::{Digest as _, Sha256};

/// One exchange.
pub(super) struct Exchange {
    session: Session<User>,
}

/// What the server says next.
pub(super) enum Answer {
    /// A challenge.
    Challenge(Vec<u8>),
    /// This user is who it is; a last challenge if the mechanism has one.
    Done(String, Option<Vec<u8>>),
}

impl Exchange {
    /// Begins; `exporter` is the channel binding `tls-exporter` (RFC 9266), under TLS.
    pub(super) fn new(mechanism: &str, policy: &Policy, exporter: Option<[u8; 32]>) -> Result<Self> {
        let callback = Callback {
            user: policy.user.clone(),
            password: policy.password.clone(),
            exporter,
            keys: keys(policy.password.as_bytes()),
        };
        let config = SASLConfig::builder()
            .with_registry(Registry::with_mechanisms(MECHANISMS))
            .with_callback(callback)?;
        let name = Mechname::parse(mechanism.as_bytes()).context(mechanism)?;
        let session = SASLServer::<User>::new(config).start_suggested(name)?;
        Ok(Self { session })
    }

    /// Takes a response.
    pub(super) fn step(&mut self, response: &[u8]) -> Result<Answer> {
        let mut written = Vec::new();
        match self.session.step(Some(response), &mut written)? {
            State::Running => Ok(Answer::Challenge(written)),
            State::Finished(sent) => {
                let user = self.session.validation().ok_or("nobody was authenticated")?;
                Ok(Answer::Done(user, matches!(sent, MessageSent::Yes).then_some(written)))
            }
        }
    }
}

struct Callback {
    user: String,
    password: String,
    exporter: Option<[u8; 32]>,
    keys: Keys,
}

/// What a server keeps of a password (RFC 5802 3).
struct Keys {
    stored: Vec<u8>,
    server: Vec<u8>,
}

/// Whoever authenticated.
struct User;

impl Validation for User {
    type Value = String;
}

impl SessionCallback for Callback {
    fn callback(
        &self,
        _: &SessionData,
        context: &Context,
        request: &mut Request,
    ) -> std::result::Result<(), SessionError> {
        if let (Some("tls-exporter"), Some(exporter)) = (context.get_ref::<ChannelBindingName>(), &self.exporter) {
            request.satisfy::<ChannelBindings>(exporter)?;
        }
        if context.get_ref::<AuthId>() == Some(&self.user) {
            let stored = ScramStoredPassword::new(ITERATIONS, SALT, &self.keys.stored, &self.keys.server);
            request.satisfy::<ScramStoredPassword>(&stored)?;
        }
        Ok(())
    }

    fn validate(
        &self,
        data: &SessionData,
        context: &Context,
        validate: &mut Validate<'_>,
    ) -> std::result::Result<(), ValidationError> {
        let user = context.get_ref::<AuthId>() == Some(&self.user);
        // SCRAM asks only once the proof was right.
        let proven = data.mechanism().mechanism.starts_with("SCRAM-")
            || context.get_ref::<Password>() == Some(self.password.as_bytes());
        if user && proven {
            validate.finalize::<User>(self.user.clone());
        }
        Ok(())
    }
}

fn keys(password: &[u8]) -> Keys {
    let mut salted = Default::default();
    hash_password::<Sha256>(password, ITERATIONS, SALT, &mut salted);
    let (client, server) = derive_keys::<Sha256>(&salted);
    Keys {
        stored: Sha256::digest(client).to_vec(),
        server: server.to_vec(),
    }
}

/// It knows of channel binding, whatever the script has it list.
static MECHANISMS: &[Mechanism] = &[PLAIN, SCRAM_SHA256, SCRAM_SHA256_PLUS];

const ITERATIONS: u32 = 4096;
const SALT: &[u8] = b"the laboratory's salt";
