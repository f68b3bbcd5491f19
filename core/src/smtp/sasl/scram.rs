//! SCRAM-SHA-256: both sides prove that they know the password, and neither says it (RFC 5802, RFC 7677).
//!
//! ```text
//! client-first: gs2-header n=user,r=nonce                -> server-first: r=nonce+theirs,s=salt,i=iterations
//! client-final: c=gs2-header+binding,r=nonce+theirs,p=proof -> server-final: v=signature   -> (empty) -> 235
//! ```
//!
//! With -PLUS the proof covers the TLS connection (`tls-exporter`, RFC 9266): a server in the middle, even one with a
//! certificate that is trusted, gets nothing that it could pass on. If the connection could be bound and the server
//! does not list -PLUS, the header says so (`y`), and a server whose list was tampered with refuses.

use super::{Challenge, Error, Mechanism, append, check, fits, saslname, write};
use crate::ascii::{base64_decode, base64_encode_in_place};
use core::fmt;
use hmac::digest::FixedOutput;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, Zeroizing};

/// SCRAM-SHA-256, and SCRAM-SHA-256-PLUS where server and transport allow it. `Debug` shows no password.
pub struct ScramSha256<'a> {
    user: &'a str,
    password: &'a str,
    random: &'a mut dyn FnMut(&mut [u8]),
    iterations: u32,
    binding: Option<[u8; 32]>,
    plus: bool,
    nonce: [u8; NONCE],
    /// What the server has to sign to be believed; filled from the proof on.
    signature: [u8; HASH],
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    First,
    Final,
    Proven,
}

impl<'a> ScramSha256<'a> {
    /// Neither `user` nor `password` may be empty or hold a control character; `random` fills its argument with octets
    /// that nobody can predict, once for each exchange.
    pub fn new(user: &'a str, password: &'a str, random: &'a mut dyn FnMut(&mut [u8])) -> Result<Self, Error> {
        check(user, password)?;
        Ok(Self {
            user,
            password,
            random,
            iterations: 600_000,
            binding: None,
            plus: false,
            nonce: [0; NONCE],
            signature: [0; HASH],
            state: State::Idle,
        })
    }

    /// How many iterations the server may ask for, each two blocks of SHA-256: 600,000 unless said otherwise.
    ///
    /// They are computed at one go. Fewer than 4,096 are refused in any case (RFC 7677 4).
    pub fn at_most(mut self, iterations: u32) -> Self {
        self.iterations = iterations;
        self
    }

    /// Whether the exchange is bound to the TLS connection.
    pub fn is_bound(&self) -> bool {
        self.plus && self.binding.is_some()
    }

    /// The header, and what is bound: `cbind-input` of RFC 5802 7.
    fn gs2(&self) -> (&'static [u8], &[u8]) {
        match &self.binding {
            Some(exporter) if self.plus => (b"p=tls-exporter,,", exporter),
            Some(_) => (b"y,,", &[]),
            None => (b"n,,", &[]),
        }
    }

    /// Answers server-first with client-final.
    fn client_final(&mut self, challenge: Challenge<'_>, out: &mut [u8]) -> Result<usize, Error> {
        let (header, bound) = self.gs2();
        let length = write(out, &[b"c=", header, bound])?;
        let input = out.get_mut(2..).unwrap_or_default();
        let length = base64_encode_in_place(input, length - 2).ok_or(Error::Storage)?;
        // Behind it a comma, and server-first, whose `r=nonce` stays in its place.
        let (front, back) = out.split_at_mut_checked(length + 3).ok_or(Error::Storage)?;
        if let Some(comma) = front.last_mut() {
            *comma = b',';
        }
        let binding = front.get(2..length + 2).unwrap_or_default();
        let count = challenge.decode(back)?.len();
        let (server_first, rest) = back.split_at_mut_checked(count).ok_or(Error::Storage)?;
        let ServerFirst {
            nonce,
            salt,
            iterations,
        } = server_first_of(server_first, &self.nonce)?;
        if iterations > self.iterations {
            return Err(Error::TooManyIterations);
        }
        if salt.len() / 4 * 3 > rest.len() {
            return Err(Error::Storage);
        }
        let salt = base64_decode(salt, rest).ok_or(Error::Malformed)?;
        let message = [
            b",r=",
            &self.nonce[..],
            b",",
            server_first,
            b",c=",
            binding,
            b",r=",
            nonce,
        ];
        let mut proof = [0; HASH];
        prove(
            self.user,
            self.password,
            salt,
            iterations,
            &message,
            &mut proof,
            &mut self.signature,
        );

        let mut length = length + 5 + nonce.len();
        append(out, &mut length, b",p=");
        let rest = out.get_mut(length..).unwrap_or_default();
        let count = write(rest, &[&proof])?;
        length += base64_encode_in_place(rest, count).ok_or(Error::Storage)?;
        self.state = State::Final;
        Ok(length)
    }

    /// Takes server-final, which gets an empty response.
    fn verify(&mut self, challenge: Challenge<'_>, out: &mut [u8]) -> Result<usize, Error> {
        let server_final = challenge.decode(out)?;
        check_attributes(server_final)?;
        let text = match attributes(server_final).next() {
            Some([b'v', b'=', text @ ..]) => text,
            Some([b'e', b'=', error @ ..]) => {
                // Every error about it says so in its name (RFC 5802 7).
                let mut words = error.windows(CHANNEL_BINDING.len());
                return Err(match words.any(|word| word.eq_ignore_ascii_case(CHANNEL_BINDING)) {
                    true => Error::ChannelBinding,
                    false => Error::Refused,
                });
            }
            _ => return Err(Error::Malformed),
        };
        let mut signature = [0; HASH];
        let signature = base64_decode(text, &mut signature).ok_or(Error::Malformed)?;
        // In constant time, so that nobody finds the signature octet by octet.
        if !bool::from(signature.ct_eq(&self.signature)) {
            return Err(Error::Signature);
        }
        self.state = State::Proven;
        Ok(0)
    }
}

impl Mechanism for ScramSha256<'_> {
    fn name(&self) -> &'static str {
        if self.is_bound() {
            "SCRAM-SHA-256-PLUS"
        } else {
            "SCRAM-SHA-256"
        }
    }

    fn reveals_password(&self) -> bool {
        false
    }

    fn bind(&mut self, tls_exporter: Option<&[u8; 32]>) {
        self.binding = tls_exporter.copied();
        self.plus = false;
        self.forget();
    }

    fn listed(&mut self, name: &[u8]) -> bool {
        if name.eq_ignore_ascii_case(b"SCRAM-SHA-256-PLUS") {
            self.plus = true;
            return self.binding.is_some();
        }
        name.eq_ignore_ascii_case(b"SCRAM-SHA-256")
    }

    fn start(&mut self, out: &mut [u8]) -> Result<Option<usize>, Error> {
        self.forget();
        // base64 is printable and has no comma.
        let octets = NONCE / 4 * 3;
        (self.random)(&mut self.nonce[..octets]);
        base64_encode_in_place(&mut self.nonce, octets);
        let mut length = 0;
        append(out, &mut length, self.gs2().0);
        append(out, &mut length, b"n=");
        saslname(self.user).for_each(|piece| append(out, &mut length, piece));
        append(out, &mut length, b",r=");
        append(out, &mut length, &self.nonce);
        self.state = State::First;
        fits(out, length).map(Some)
    }

    fn respond(&mut self, challenge: Challenge<'_>, out: &mut [u8]) -> Result<usize, Error> {
        let state = core::mem::replace(&mut self.state, State::Idle);
        match state {
            State::First => self.client_final(challenge, out),
            State::Final => self.verify(challenge, out),
            State::Idle | State::Proven => Err(Error::Unexpected),
        }
    }

    fn proven(&self) -> bool {
        self.state == State::Proven
    }

    /// At least 256 octets, which hold a nonce and a salt of the server of 64 octets each.
    fn longest(&self) -> usize {
        // gs2-header, `n=`, `,r=`; each octet of the user may need three.
        let first = self.user.len().saturating_mul(3).saturating_add(16 + 5 + NONCE);
        first.max(256)
    }
}

impl ScramSha256<'_> {
    fn forget(&mut self) {
        self.state = State::Idle;
        self.signature.zeroize();
    }
}

impl Drop for ScramSha256<'_> {
    fn drop(&mut self) {
        self.forget();
    }
}

impl fmt::Debug for ScramSha256<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramSha256")
            .field("user", &self.user)
            .field("iterations", &self.iterations)
            .finish_non_exhaustive()
    }
}

struct ServerFirst<'a> {
    /// Ours and then the server's.
    nonce: &'a [u8],
    /// In base64.
    salt: &'a [u8],
    iterations: u32,
}

/// `nonce "," salt "," iteration-count ["," extensions]`, all of it checked but the salt's base64.
fn server_first_of<'a>(message: &'a [u8], ours: &[u8]) -> Result<ServerFirst<'a>, Error> {
    check_attributes(message)?;
    let mut attributes = attributes(message);
    let mut next = || attributes.next().unwrap_or_default();
    let ([b'r', b'=', nonce @ ..], [b's', b'=', salt @ ..], [b'i', b'=', count @ ..]) = (next(), next(), next()) else {
        return Err(Error::Malformed);
    };
    let mut iterations = 0u32;
    for digit in count {
        if !digit.is_ascii_digit() {
            return Err(Error::Malformed);
        }
        iterations = iterations.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
    }
    // printable = %x21-2B / %x2D-7E
    if !nonce.iter().all(u8::is_ascii_graphic) {
        return Err(Error::Malformed);
    }
    // A nonce of our own alone would let a server replay what it heard elsewhere.
    let (head, tail) = nonce.split_at_checked(ours.len()).unwrap_or_default();
    if !head.iter().eq(ours) || tail.is_empty() {
        return Err(Error::Nonce);
    }
    if iterations < 4096 {
        return Err(Error::TooFewIterations);
    }
    Ok(ServerFirst {
        nonce,
        salt,
        iterations,
    })
}

fn attributes(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    message.split(|octet| *octet == b',')
}

/// Each attribute is `ALPHA "=" 1*value`. One too many is ignored, but not `m` (RFC 5802 5.1).
fn check_attributes(message: &[u8]) -> Result<(), Error> {
    for attribute in attributes(message) {
        match attribute {
            [b'm', b'=', ..] => return Err(Error::Extension),
            [name, b'=', _, ..] if name.is_ascii_alphabetic() => {}
            _ => return Err(Error::Malformed),
        }
    }
    Ok(())
}

/// Computes what proves the password to the server, and with what the server has to answer (RFC 5802 3).
///
/// `message` is the AuthMessage without `n=` and the name of the user.
fn prove(
    user: &str,
    password: &str,
    salt: &[u8],
    iterations: u32,
    message: &[&[u8]],
    proof: &mut [u8; HASH],
    signature: &mut [u8; HASH],
) {
    let mut keys = Zeroizing::new([[0; HASH]; 2]);
    let [salted, key] = &mut *keys;
    salted_password(password, salt, iterations, key, salted);
    // ClientProof = ClientKey XOR HMAC(H(ClientKey), AuthMessage)
    hmac(salted, None, &[b"Client Key"], proof);
    *key = Sha256::digest(proof.as_slice()).into();
    hmac(key, Some(user), message, signature);
    for (octet, signature) in proof.iter_mut().zip(signature.iter()) {
        *octet ^= signature;
    }
    // ServerSignature = HMAC(ServerKey, AuthMessage)
    hmac(salted, None, &[b"Server Key"], key);
    hmac(key, Some(user), message, signature);
}

/// `Hi(password, salt, iterations)`, which is PBKDF2 with one block; `sum` comes as zeros.
fn salted_password(password: &str, salt: &[u8], iterations: u32, block: &mut [u8; HASH], sum: &mut [u8; HASH]) {
    let keyed = keyed(password.as_bytes());
    for iteration in 0..iterations {
        let mut mac = keyed.clone();
        if iteration == 0 {
            mac.update(salt);
            mac.update(&1u32.to_be_bytes());
        } else {
            mac.update(block);
        }
        finish(mac, block);
        for (sum, octet) in sum.iter_mut().zip(block.iter()) {
            *sum ^= octet;
        }
    }
}

/// The keyed digest of `n=` and the name if there is one, and of `pieces`.
fn hmac(key: &[u8; HASH], name: Option<&str>, pieces: &[&[u8]], digest: &mut [u8; HASH]) {
    let mut mac = keyed(key);
    if let Some(name) = name {
        mac.update(b"n=");
        saslname(name).for_each(|piece| mac.update(piece));
    }
    for piece in pieces {
        mac.update(piece);
    }
    finish(mac, digest);
}

fn finish(mac: Hmac<Sha256>, digest: &mut [u8; HASH]) {
    mac.finalize_into(digest.into());
}

fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::<Sha256>::new_from_slice(key).expect("a key of any length fits an HMAC")
}

const HASH: usize = 32;
/// Octets of our nonce, the base64 form of 120 random bits.
const NONCE: usize = 20;
const CHANNEL_BINDING: &[u8] = b"channel-binding";

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use crate::ascii::base64_encode;

    type Octets = heapless::Vec<u8, 512>;

    fn base64(text: &[u8]) -> Octets {
        let mut out = [0; 512];
        let text = base64_encode(text, &mut out).expect("the tests' messages are short");
        Octets::from_slice(text).expect("it has the same length")
    }

    /// The random octets behind the nonce of RFC 7677 3.
    fn random(out: &mut [u8]) {
        let count = base64_decode(b"rOprNGfwEbeRWgbNEkqO", out).map(<[u8]>::len);
        assert_eq!(count, Some(15));
    }

    /// Answers `challenges` one after the other: the last message, and whether the server has proven itself.
    fn exchange(mechanism: &mut ScramSha256<'_>, challenges: &[&str]) -> Result<(Octets, bool), Error> {
        let mut out = [0; 512];
        let mut count = mechanism.start(&mut out)?.unwrap_or(0);
        for challenge in challenges {
            assert!(!mechanism.proven());
            count = mechanism.respond(Challenge::new(&base64(challenge.as_bytes()), true), &mut out)?;
        }
        Ok((
            Octets::from_slice(&out[..count]).unwrap_or_default(),
            mechanism.proven(),
        ))
    }

    fn check(challenges: &[&str], expected: Result<(&str, bool), Error>) {
        let mut random = random;
        let outcome = ScramSha256::new("user", "pencil", &mut random)
            .and_then(|mut mechanism| exchange(&mut mechanism, challenges));
        assert_eq!(
            outcome
                .as_ref()
                .map(|(message, proven)| (core::str::from_utf8(message).unwrap_or("?"), *proven)),
            expected.as_ref().map(|expected| *expected)
        );
    }

    const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const CLIENT_FINAL: &str =
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const FIRST: usize = SERVER_FIRST.len();
    const FINAL: usize = CLIENT_FINAL.len();
    const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    tests! {
        fn the_example_of_rfc_7677() {
            check(&[], Ok(("n,,n=user,r=rOprNGfwEbeRWgbNEkqO", false)));
            check(&[SERVER_FIRST], Ok((CLIENT_FINAL, false)));
            check(&[SERVER_FIRST, SERVER_FINAL], Ok(("", true)));
            check(&[SERVER_FIRST, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,x=ignored"], Ok(("", true)));
        }

        fn hostile_servers_in_the_first_message() {
            for (challenge, error) in [
                ("", Error::Malformed),
                ("r=", Error::Malformed),
                ("r=rOprNGfwEbeRWgbNEkqOx", Error::Malformed),
                ("r=rOprNGfwEbeRWgbNEkqOx,s=QSXCR+Q6sek8bf92", Error::Malformed),
                ("r=rOprNGfwEbeRWgbNEkqOx,i=4096,s=QSXCR+Q6sek8bf92", Error::Malformed),
                ("s=QSXCR+Q6sek8bf92,r=rOprNGfwEbeRWgbNEkqOx,i=4096", Error::Malformed),
                ("r=rOprNGfwEbeRWgbNEkqOx,s=,i=4096", Error::Malformed),
                ("r=rOprNGfwEbeRWgbNEkqOx,s=QSXCR+Q6sek8bf9,i=4096", Error::Malformed),
                ("r=rOprNGfwEbeRWgbNEkqOx,s=QSXCR+Q6sek8bf92,i=", Error::Malformed),
                ("r=rOprNGfwEbeRWgbNEkqOx,s=QSXCR+Q6sek8bf92,i=-1", Error::Malformed),
                ("r=rOprNGfwEbeRWgbNEkqOx,s=QSXCR+Q6sek8bf92,i=4096,", Error::Malformed),
                ("r=rOprNGfwEbeRWgbNEkqOx,s=QSXCR+Q6sek8bf92,i=4096,1=a", Error::Malformed),
                ("r=rOprNGfwEbeRWgbNEkqO x,s=QSXCR+Q6sek8bf92,i=4096", Error::Malformed),
                ("r=rOprNGfwEbeRWgbNEkqO\u{e4},s=QSXCR+Q6sek8bf92,i=4096", Error::Malformed),
                ("r=rOprNGfwEbeRWgbNEkqO,s=QSXCR+Q6sek8bf92,i=4096", Error::Nonce),
                ("r=rOprNGfwEbeRWgbNEkqP123,s=QSXCR+Q6sek8bf92,i=4096", Error::Nonce),
                ("r=rOpr,s=QSXCR+Q6sek8bf92,i=4096", Error::Nonce),
                ("r=x,s=QSXCR+Q6sek8bf92,i=4096", Error::Nonce),
                ("m=x,r=rOprNGfwEbeRWgbNEkqOx,s=QSXCR+Q6sek8bf92,i=4096", Error::Extension),
                ("r=rOprNGfwEbeRWgbNEkqOx,s=QSXCR+Q6sek8bf92,i=4096,m=x", Error::Extension),
                ("r=rOprNGfwEbeRWgbNEkqOx,s=QSXCR+Q6sek8bf92,i=0", Error::TooFewIterations),
                ("r=rOprNGfwEbeRWgbNEkqOx,s=QSXCR+Q6sek8bf92,i=4095", Error::TooFewIterations),
                ("r=rOprNGfwEbeRWgbNEkqOx,s=QSXCR+Q6sek8bf92,i=600001", Error::TooManyIterations),
                ("r=rOprNGfwEbeRWgbNEkqOx,s=QSXCR+Q6sek8bf92,i=4294967296", Error::TooManyIterations),
                ("r=rOprNGfwEbeRWgbNEkqOx,s=QSXCR+Q6sek8bf92,i=99999999999999999999999", Error::TooManyIterations),
            ] {
                check(&[challenge], Err(error));
            }
        }

        fn hostile_servers_in_the_last_message() {
            for (challenge, error) in [
                ("", Error::Malformed),
                ("v=", Error::Malformed),
                ("v=6rri", Error::Signature),
                ("v=7rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", Error::Signature),
                ("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4", Error::Malformed),
                ("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,m=x", Error::Extension),
                ("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=,", Error::Malformed),
                ("x=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=", Error::Malformed),
                (SERVER_FIRST, Error::Malformed),
                ("e=invalid-proof", Error::Refused),
                ("e=", Error::Malformed),
                ("e=channel-bindings-dont-match", Error::ChannelBinding),
                ("e=server-does-support-channel-binding", Error::ChannelBinding),
                ("e=unsupported-channel-binding-type,x=y", Error::ChannelBinding),
            ] {
                check(&[SERVER_FIRST, challenge], Err(error));
            }
        }

        fn nothing_is_proven_by_a_challenge_too_many_or_too_early() {
            let mut random = random;
            let mechanism = ScramSha256::new("user", "pencil", &mut random);
            assert!(mechanism.is_ok());
            let Ok(mut mechanism) = mechanism else { return };
            let mut out = [0; 256];
            let signature = base64(SERVER_FINAL.as_bytes());
            assert_eq!(mechanism.respond(Challenge::new(&signature, true), &mut out), Err(Error::Unexpected));
            assert!(exchange(&mut mechanism, &[SERVER_FIRST, SERVER_FINAL]).is_ok());
            assert!(mechanism.proven());
            assert_eq!(mechanism.respond(Challenge::new(&signature, true), &mut out), Err(Error::Unexpected));
            assert!(!mechanism.proven());
            // A wrong signature is not followed by a second guess.
            assert_eq!(exchange(&mut mechanism, &[SERVER_FIRST, "v=AAAA"]).err(), Some(Error::Signature));
            assert_eq!(mechanism.respond(Challenge::new(&signature, true), &mut out), Err(Error::Unexpected));
            assert!(!mechanism.proven());
            assert!(mechanism.start(&mut out).is_ok());
            assert!(!mechanism.proven());
        }

        fn the_caller_bounds_the_iterations() {
            let mut random = random;
            let outcome = ScramSha256::new("user", "pencil", &mut random)
                .and_then(|mechanism| exchange(&mut mechanism.at_most(4095), &[SERVER_FIRST]).map(|_| ()));
            assert_eq!(outcome, Err(Error::TooManyIterations));
        }

        fn a_short_buffer_is_an_error() {
            // `c=biws,` stands before the decoded challenge, and the decoded salt behind it.
            const FIRST_END: usize = FIRST + 7;
            const SALTED: usize = FIRST_END + 18;
            const LAST: usize = if SALTED > FINAL { SALTED } else { FINAL };
            for length in [0, 7, 31, 32, FIRST + 6, FIRST + 7, SALTED - 1, SALTED, FINAL - 1, FINAL, FINAL + 100] {
                let mut random = random;
                let Ok(mut mechanism) = ScramSha256::new("user", "pencil", &mut random) else { return };
                let mut out = [0; 256];
                let first = mechanism.start(&mut out[..length]);
                assert_eq!(first, if length < 32 { Err(Error::Storage) } else { Ok(Some(32)) });
                assert!(mechanism.start(&mut out).is_ok());
                let challenge = base64(SERVER_FIRST.as_bytes());
                let second = mechanism.respond(Challenge::new(&challenge, true), &mut out[..length]);
                match length {
                    ..7 => assert_eq!(second, Err(Error::Storage)),
                    7..FIRST_END => assert_eq!(second, Err(Error::ChallengeLength)),
                    FIRST_END..LAST => assert_eq!(second, Err(Error::Storage)),
                    _ => assert_eq!(second.map(|count| &out[..count]), Ok(CLIENT_FINAL.as_bytes())),
                }
            }
        }

        fn the_header_says_what_can_be_bound() {
            let exporter = [7; 32];
            for (binding, lists, offered, header, name) in [
                (None, &[&b"SCRAM-SHA-256"[..], b"SCRAM-SHA-256-PLUS"][..], [true, false], &b"n,,n=user,"[..], "SCRAM-SHA-256"),
                (Some(&exporter), &[b"scram-sha-256", b"PLAIN"], [true, false], b"y,,n=user,", "SCRAM-SHA-256"),
                (Some(&exporter), &[b"SCRAM-SHA-256", b"SCRAM-SHA-256-PLUS"], [true, true], b"p=tls-exporter,,n=user,", "SCRAM-SHA-256-PLUS"),
                (Some(&exporter), &[b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-1"], [true, false], b"p=tls-exporter,,n=user,", "SCRAM-SHA-256-PLUS"),
            ] {
                let mut random = random;
                let Ok(mut mechanism) = ScramSha256::new("user", "pencil", &mut random) else { return };
                // What an earlier connection listed does not count.
                mechanism.bind(Some(&[1; 32]));
                assert!(mechanism.listed(b"SCRAM-SHA-256-PLUS"));
                mechanism.bind(binding);
                for (name, expected) in lists.iter().zip(offered) {
                    assert_eq!(mechanism.listed(name), expected);
                }
                assert_eq!(mechanism.name(), name);
                let mut out = [0; 256];
                assert!(mechanism.start(&mut out).is_ok());
                assert!(out.starts_with(header));
            }
        }

        fn the_proof_covers_the_binding() {
            let mut random = random;
            let Ok(mut mechanism) = ScramSha256::new("user", "pencil", &mut random) else { return };
            let mut proofs = [Octets::new(), Octets::new()];
            for (proof, exporter) in proofs.iter_mut().zip([[1; 32], [2; 32]]) {
                mechanism.bind(Some(&exporter));
                assert!(mechanism.listed(b"SCRAM-SHA-256-PLUS"));
                let outcome = exchange(&mut mechanism, &[SERVER_FIRST]);
                assert!(outcome.is_ok());
                let Ok((message, _)) = outcome else { return };
                let mut input = Octets::from_slice(b"p=tls-exporter,,").unwrap_or_default();
                assert!(input.extend_from_slice(&exporter).is_ok());
                let text = base64(&input);
                assert_eq!(message.get(2..66), Some(&text[..]));
                assert!(proof.extend_from_slice(&message[message.len() - 44..]).is_ok());
            }
            assert_ne!(proofs[0], proofs[1]);
        }

        fn a_name_cannot_break_the_syntax() {
            let mut random = random;
            let Ok(mut mechanism) = ScramSha256::new("u,s=er", "pencil", &mut random) else { return };
            let longest = mechanism.longest();
            let outcome = exchange(&mut mechanism, &[]);
            assert_eq!(outcome, Ok((Octets::from_slice(b"n,,n=u=2Cs=3Der,r=rOprNGfwEbeRWgbNEkqO").unwrap_or_default(), false)));
            assert_eq!(longest, 256);
        }
    }
}
