//! What `core` signs, verified by dkimpy.

use gatepost_core::ascii::{base64_encode, base64_len};
use gatepost_core::message::dkim::{Algorithm, Ed25519, Parameters, Rewind, Signed, Signer, Twice};
use gatepost_core::message::{
    Address, Body, Composer, DateTime, Error, Mailbox, Message, MessageId, Part, Source, Text, Transfer,
};
use harness::needs::{self, Need};
use rsa::pkcs8::EncodePublicKey;
use rsa::{Pkcs1v15Sign, RsaPrivateKey};
use std::path::Path;
use std::process::Command;

const NEEDS: [Need; 1] = [Need::Program("dkimverify", "python3-dkim, with python3-nacl")];

/// Debian's, which sees Debian's packages.
const PYTHON: &str = "/usr/bin/python3";

/// Whole mails, also such as only a verifier reads with care.
const MAILS: [&str; 6] = [
    "From: <a@mail.test>\r\nTo: b@mail.test\r\nSubject: plain\r\n\r\nA text.\r\n",
    "From: <a@mail.test>\r\n\r\n",
    "From: <a@mail.test>\r\nSubject: an empty body of lines\r\n\r\n\r\n \r\n\t\r\n\r\n",
    "FROM:\t  a  <a@mail.test>  \r\nsubject:\r\n folded\r\n\t and   folded \r\nSubject: twice\r\nTo: b@mail.test,\r\n c@mail.test\r\n\
     \r\n  leading\tand  inner \t white space \r\n\r\n.\r\n..two dots\r\n trailing \r\n\r\n\r\n",
    "Received: from x\r\n by y\r\nFrom: <a@mail.test>\r\nDate: Fri, 11 Jul 2003 21:00:37 -0700\r\nX-Other: z\r\n\r\nunterminated",
    "From: =?utf-8?Q?=C3=A4?= <a@mail.test>\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\
     \r\nGr\u{fc}\u{df}e\u{a0}\r\n",
];

/// An RSA key of the caller's, as a device's key store would hold it.
struct Rsa(RsaPrivateKey);

impl Signer for Rsa {
    fn algorithm(&self) -> Algorithm {
        Algorithm::RsaSha256
    }

    fn sign(&mut self, hash: &[u8; 32], out: &mut [u8]) -> Result<usize, Error> {
        let signature = self.0.sign(Pkcs1v15Sign::new::<sha2::Sha256>(), hash);
        let signature = signature.map_err(|_| Error::Signer)?;
        let room = out.get_mut(..signature.len()).ok_or(Error::Buffer)?;
        room.copy_from_slice(&signature);
        Ok(signature.len())
    }
}

fn base64(octets: &[u8]) -> String {
    let mut text = vec![0; base64_len(octets.len()).expect("it is short")];
    assert!(base64_encode(octets, &mut text).is_some());
    String::from_utf8(text).expect("base64 is ASCII")
}

/// The mail with its signature, as it arrives.
fn sign(source: impl Rewind, signer: &mut dyn Signer) -> Vec<u8> {
    let parameters = Parameters {
        domain: "mail.test",
        selector: "key1",
        fields: Parameters::FIELDS,
        signed_at: Some(1_790_000_000),
    };
    let mut buffer = [0; 2048];
    let mut signed = Signed::new(source, parameters, signer, &mut buffer).expect("the parameters are sound");
    let content = signed.open(Transfer::EightBit, false).expect("it can be signed");
    let mut mail = Vec::new();
    let mut out = [0; 100];
    loop {
        match signed.pull(&mut out).expect("the source does not fail") {
            0 => break,
            count => mail.extend_from_slice(&out[..count]),
        }
    }
    if !mail.ends_with(b"\r\n") {
        mail.extend_from_slice(b"\r\n");
    }
    assert_eq!(content.octets, Some(mail.len() as u64));
    mail
}

/// What dkimpy says of each mail; `record` is what the DNS has for the key.
fn verify(mails: &[Vec<u8>], record: &str) -> Vec<bool> {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites/dkim/verify.py");
    let mut command = Command::new(PYTHON);
    command.arg(script).args(["key1", record]);
    for (index, mail) in mails.iter().enumerate() {
        let path = directory.path().join(format!("{index}.eml"));
        std::fs::write(&path, mail).expect("a writable directory");
        command.arg(path);
    }
    let output = command.output().expect("python3 starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("it writes two words");
    said.lines().map(|line| line == "pass").collect()
}

/// Signs every mail; all must pass, and none of them that was changed on its way.
fn check(signer: &mut dyn Signer, record: &str) {
    let signed: Vec<Vec<u8>> = MAILS
        .iter()
        .map(|mail| sign(Twice::new(mail.as_bytes(), mail.as_bytes()), signer))
        .collect();
    assert_eq!(verify(&signed, record), [true; MAILS.len()]);

    let text = |mail: &Vec<u8>| String::from_utf8(mail.clone()).expect("the mails are UTF-8");
    let first = text(&signed[0]);
    let changed = [
        first.replace("A text.", "A test."),
        first.replace("Subject: plain", "Subject: plan"),
        // RFC 6376 8.15: a second From, or a field that was named and not there, may not be added.
        first.replace("From: <a@mail.test>", "From: <z@mail.test>\r\nFrom: <a@mail.test>"),
        first.replace("\r\nTo:", "\r\nCc: z@mail.test\r\nTo:"),
        first.replace("A text.\r\n", "A text.\r\nmore\r\n"),
    ];
    let changed: Vec<Vec<u8>> = changed.map(String::into_bytes).into();
    assert!(changed.iter().all(|mail| *mail != signed[0]));
    assert_eq!(verify(&changed, record), [false; 5]);
    // And a relay may do what relaxed canonicalisation forgives.
    let relayed = first
        .replace("Subject: plain", "SUBJECT:   plain  ")
        .replace("A text.", "A  text. ");
    assert_eq!(
        verify(&[format!("Received: from x\r\n{relayed}\r\n\r\n").into_bytes()], record),
        [true]
    );
}

#[test]
fn ed25519_signatures_verify() {
    if !needs::met("ed25519_signatures_verify", &NEEDS) {
        return;
    }
    let mut key = Ed25519::new(&[42; 32]);
    let record = format!("v=DKIM1; k=ed25519; p={}", base64(&key.public()));
    check(&mut key, &record);
}

#[test]
fn rsa_signatures_of_the_caller_verify() {
    if !needs::met("rsa_signatures_of_the_caller_verify", &NEEDS) {
        return;
    }
    let key = RsaPrivateKey::new(&mut rand_core::OsRng, 2048).expect("a key");
    let public = key.to_public_key().to_public_key_der().expect("a key can be encoded");
    let record = format!("v=DKIM1; k=rsa; p={}", base64(public.as_bytes()));
    check(&mut Rsa(key), &record);
}

#[test]
fn a_composed_mail_with_an_attachment_verifies() {
    if !needs::met("a_composed_mail_with_an_attachment_verifies", &NEEDS) {
        return;
    }
    let attachment: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    let address = Address::parse("device@mail.test").expect("it is one");
    let mailbox = Mailbox {
        name: Some("T\u{e4}st"),
        address,
    };
    let (from, to) = ([mailbox], [mailbox; 3]);
    let texts = [Text::plain("A line.\n.\n.a line that begins with a dot  \n\n")];
    let date = DateTime::from_unix(1_790_000_000, 60).expect("a date of this century");
    let message_id = MessageId::new("suite", "mail.test").expect("well formed");
    let mut contents = [&attachment[..]; 2];
    let mut parts = contents
        .each_mut()
        .map(|source| [Part::new("octets.bin", "application/octet-stream", source)]);
    let [first, second] = parts.each_mut().map(|attachments| {
        Composer::new(Message {
            to: &to,
            subject: "A long subject with an \u{20ac} that is folded over at least two lines of the header section",
            ..Message::new(&from, date, message_id, Body::with_attachments(&texts, attachments))
        })
        .expect("the message is sound")
    });
    let mut key = Ed25519::new(&[1; 32]);
    let record = format!("v=DKIM1; k=ed25519; p={}", base64(&key.public()));
    let mail = sign(Twice::new(first, second), &mut key);
    assert!(mail.len() > 130_000);
    assert_eq!(verify(&[mail], &record), [true]);
}
