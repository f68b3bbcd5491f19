//! Any challenges to every mechanism: messages fit what was promised, nothing is answered for ever, and a server is
//! believed only if it signed what another implementation of SCRAM says it has to sign.
#![no_main]

use gatepost_core::ascii::{base64_decode, base64_encode, base64_len};
use gatepost_core::smtp::sasl::{
    Challenge, CramMd5, Error, External, Login, Mechanism, OAuthBearer, Plain, ScramSha256, XOAuth2,
};
use hmac::{Hmac, Mac};
use libfuzzer_sys::fuzz_target;
use sha2::Sha256;

// A line is one challenge: `=` and base64 as it stands, `<` and base64 that was cut, or anything else to be encoded.
fuzz_target!(|input: &[u8]| {
    let [size, bound, challenges @ ..] = input else {
        return;
    };
    let mut random = |out: &mut [u8]| {
        assert!(base64_decode(b"rOprNGfwEbeRWgbNEkqO", out).is_some());
    };
    let mut failures = [[0; 16]; 2];
    let [first, second] = &mut failures;
    let sound = "the credentials are sound";
    let mechanisms: [&mut dyn Mechanism; 7] = [
        &mut ScramSha256::new("us,er", "pencil", &mut random)
            .expect(sound)
            .at_most(4100),
        &mut Plain::new("user", "pencil").expect(sound),
        &mut Login::new("user", "pencil").expect(sound),
        &mut CramMd5::new("user", "pencil").expect(sound),
        &mut XOAuth2::new("user", "token", first).expect(sound),
        &mut OAuthBearer::new("us,er", "token", second).expect(sound),
        &mut External::new("user").expect(sound),
    ];
    for mechanism in mechanisms {
        mechanism.bind((*bound > 127).then_some(&[7; 32]));
        mechanism.listed(if bound % 2 == 1 {
            b"SCRAM-SHA-256-PLUS"
        } else {
            b"PLAIN"
        });
        let short = exchange(mechanism, challenges, usize::from(*size));
        let whole = exchange(mechanism, challenges, 1024);
        // A shorter buffer may be refused, but changes no message.
        assert!(
            short.len() > whole.len()
                || short
                    .iter()
                    .zip(&whole)
                    .all(|(short, whole)| short == whole || short.is_err())
        );
    }
});

/// The messages up to the first error, which is the last entry.
fn exchange(mechanism: &mut dyn Mechanism, challenges: &[u8], size: usize) -> Vec<Result<Vec<u8>, Error>> {
    let mut out = vec![0; size];
    let mut messages = Vec::new();
    match mechanism.start(&mut out) {
        Ok(count) => {
            assert!(count.is_none_or(|count| count <= mechanism.longest()));
            messages.push(Ok(count.map_or(Vec::new(), |count| out[..count].to_vec())));
        }
        Err(error) => {
            assert!(error == Error::Storage && size < mechanism.longest());
            return vec![Err(error)];
        }
    }
    let mut said: Vec<Vec<u8>> = Vec::new();
    for line in challenges.split(|octet| *octet == b'\n') {
        let (text, complete) = match line {
            [b'=', text @ ..] => (text.to_vec(), true),
            [b'<', text @ ..] => (text.to_vec(), false),
            _ => {
                let mut text = vec![0; base64_len(line.len()).expect("it is short")];
                assert!(base64_encode(line, &mut text).is_some());
                (text, true)
            }
        };
        assert!(said.is_empty() || !mechanism.proven() || !mechanism.name().starts_with("SCRAM"));
        let answer = mechanism.respond(Challenge::new(&text, complete), &mut out);
        let mut decoded = vec![0; text.len()];
        said.push(
            base64_decode(text.trim_ascii(), &mut decoded)
                .unwrap_or_default()
                .to_vec(),
        );
        messages.push(answer.map(|count| out[..count].to_vec()));
        if mechanism.name().starts_with("SCRAM") && mechanism.proven() {
            let [first, last] = said.as_slice() else {
                panic!("proven by {} challenges", said.len());
            };
            assert!(complete && answer == Ok(0));
            let signature = server_signature(&messages, first).expect("its proof was written, so all of it was there");
            assert!(last.starts_with(format!("v={signature}").as_bytes()));
            break;
        }
        if answer.is_err() {
            assert!(!mechanism.name().starts_with("SCRAM") || !mechanism.proven());
            break;
        }
        assert!(said.len() <= 2, "endless answers");
    }
    messages
}

/// What RFC 5802 3 makes of the messages, with the password of this target.
fn server_signature(messages: &[Result<Vec<u8>, Error>], server_first: &[u8]) -> Option<String> {
    let [Ok(client_first), Ok(client_final), ..] = messages else {
        return None;
    };
    let (client_first, client_final) = (str::from_utf8(client_first).ok()?, str::from_utf8(client_final).ok()?);
    let server_first = str::from_utf8(server_first).ok()?;
    let bare = &client_first[client_first.find(",,")? + 2..];
    let without_proof = &client_final[..client_final.rfind(",p=")?];
    let attribute = |name: &str| {
        server_first
            .split(',')
            .find_map(|attribute| attribute.strip_prefix(name))
    };
    let mut salt = vec![0; server_first.len()];
    let salt = base64_decode(attribute("s=")?.as_bytes(), &mut salt)?;
    let mut block = hmac(b"pencil", &[salt, &[0, 0, 0, 1]].concat());
    let mut salted = block;
    for _ in 1..attribute("i=")?.parse::<u32>().ok()? {
        block = hmac(b"pencil", &block);
        salted.iter_mut().zip(block).for_each(|(sum, octet)| *sum ^= octet);
    }
    let message = format!("{bare},{server_first},{without_proof}");
    let mut text = [0; 44];
    let signature = base64_encode(&hmac(&hmac(&salted, b"Server Key"), message.as_bytes()), &mut text)?.to_vec();
    String::from_utf8(signature).ok()
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length fits");
    mac.chain_update(text).finalize().into_bytes().into()
}
