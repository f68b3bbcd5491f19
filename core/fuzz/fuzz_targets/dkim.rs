//! Any octets as a mail: what is signed does not depend on how it is read, and is what a verifier, written here by the
//! letter of RFC 6376 over whole texts, computes from the octets that leave.
#![no_main]

use gatepost_core::ascii::base64_decode;
use gatepost_core::message::dkim::{Algorithm, Parameters, Rewind, Signed, Signer};
use gatepost_core::message::{Error, Source, Transfer};
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};

fuzz_target!(|input: &[u8]| {
    let [size, buffer, mail @ ..] = input else {
        return;
    };
    let whole = sign(mail, 4096, 8192);
    assert_eq!(sign(mail, usize::from(*size).max(1), 8192), whole);
    // A shorter buffer is refused, or makes no difference.
    let short = sign(mail, 64, usize::from(*buffer) * 8);
    assert!(short == whole || short == Err(Error::Buffer));
    if let Ok((octets, said, hash)) = whole {
        verify(&octets, said, hash);
    }
});

/// A mail that is given in pieces of `size` octets.
struct Pieces<'a> {
    mail: &'a [u8],
    rest: &'a [u8],
    size: usize,
}

impl Source for Pieces<'_> {
    fn pull(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        let size = self.size.min(out.len());
        self.rest.pull(&mut out[..size])
    }
}

impl Rewind for Pieces<'_> {
    fn rewind(&mut self) -> Result<(), Error> {
        self.rest = self.mail;
        Ok(())
    }
}

/// Keeps what it is to sign.
struct Keep([u8; 32]);

impl Signer for Keep {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RsaSha256
    }

    fn sign(&mut self, hash: &[u8; 32], out: &mut [u8]) -> Result<usize, Error> {
        self.0 = *hash;
        out.get_mut(..128).ok_or(Error::Buffer)?.fill(0xa5);
        Ok(128)
    }
}

type Outcome = Result<(Vec<u8>, Option<u64>, [u8; 32]), Error>;

fn sign(mail: &[u8], size: usize, buffer: usize) -> Outcome {
    let parameters = Parameters {
        domain: "mail.test",
        selector: "a.b_c",
        fields: &["To", "Subject", "subject", "X"],
        signed_at: None,
    };
    let (mut keep, mut buffer) = (Keep([0; 32]), vec![0; buffer]);
    let rest = mail;
    let mut signed = Signed::new(Pieces { mail, rest, size }, parameters, &mut keep, &mut buffer)?;
    let said = signed.open(Transfer::SevenBit, false)?.octets;
    let (mut whole, mut out) = (Vec::new(), vec![0; size]);
    loop {
        match signed.pull(&mut out)? {
            0 => break,
            count => whole.extend_from_slice(&out[..count]),
        }
    }
    Ok((whole, said, keep.0))
}

/// RFC 6376 6.1.3
fn verify(octets: &[u8], said: Option<u64>, hash: [u8; 32]) {
    // As the session sends it. Latin-1 keeps every octet one character.
    let text: String = octets.iter().map(|octet| char::from(*octet)).collect();
    let mut text = text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n");
    if !text.ends_with("\r\n") {
        text += "\r\n";
    }
    assert_eq!(said, Some(text.chars().count() as u64));
    let (header, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or((text.trim_end_matches("\r\n"), ""));
    let mut fields: Vec<String> = Vec::new();
    for line in header.split("\r\n") {
        match fields.last_mut() {
            Some(field) if line.starts_with([' ', '\t']) => *field += line,
            _ => fields.push(line.to_owned()),
        }
    }
    let signature = fields.remove(0);
    let tag = |name: &str| {
        let tags = signature.strip_prefix("DKIM-Signature:").expect("it comes first");
        let values = tags.split(';').map(str::trim);
        values
            .filter_map(|tag| tag.strip_prefix(name))
            .next()
            .expect("it has the tag")
    };
    let mut digest = [0; 32];
    assert!(base64_decode(tag("bh=").as_bytes(), &mut digest).is_some());
    assert_eq!(digest, sha256(&relaxed_body(body)));

    let mut signed = String::new();
    for name in tag("h=").split(':').map(str::trim) {
        let same = |field: &String| {
            field
                .split(':')
                .next()
                .unwrap_or("")
                .trim_end_matches([' ', '\t'])
                .eq_ignore_ascii_case(name)
        };
        if let Some(index) = fields.iter().rposition(same) {
            signed += &relaxed_field(&fields.remove(index));
            signed += "\r\n";
        }
    }
    assert!(tag("h=").starts_with("from:from:"));
    let (before, value) = signature.split_once(" b=").expect("it is the last tag");
    assert!(
        value
            .chars()
            .filter(|octet| octet.is_ascii_alphanumeric() || "+/=".contains(*octet))
            .count()
            == 172
    );
    signed += &relaxed_field(&format!("{before} b="));
    assert_eq!(hash, sha256(&signed));
    let lines = header.split("\r\n").enumerate();
    let mut lines = lines.take_while(|(index, line)| *index == 0 || line.starts_with(' '));
    assert!(lines.all(|(_, line)| line.len() <= 78));
}

fn sha256(text: &str) -> [u8; 32] {
    let octets: Vec<u8> = text.chars().map(|octet| octet as u8).collect();
    Sha256::digest(octets).into()
}

fn collapse(text: &str) -> String {
    let text = text.replace('\t', " ");
    let words: Vec<&str> = text.split(' ').collect();
    let last = words.len() - 1;
    let kept = words.iter().enumerate();
    let kept: Vec<&str> = kept
        .filter(|(index, word)| !word.is_empty() || *index == 0 || *index == last)
        .map(|(_, word)| *word)
        .collect();
    kept.join(" ")
}

fn relaxed_field(field: &str) -> String {
    let (name, body) = field.split_once(':').expect("it was taken for a field");
    let name = name.trim_end_matches([' ', '\t']).to_ascii_lowercase();
    format!("{name}:{}", collapse(body).trim_matches(' '))
}

fn relaxed_body(body: &str) -> String {
    let lines: Vec<String> = body
        .split("\r\n")
        .map(|line| collapse(line).trim_end_matches(' ').to_owned())
        .collect();
    match lines.iter().rposition(|line| !line.is_empty()) {
        Some(last) => lines[..=last].join("\r\n") + "\r\n",
        None => String::new(),
    }
}
