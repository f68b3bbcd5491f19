//! Certificates, keys and signatures of a server that may send anything: no panic, and nothing that is not the one good
//! certificate is accepted. Seed with certificates.
#![no_main]

use gatepost_core::tls::{Algorithm, Verifier};
use libfuzzer_sys::fuzz_target;
use pki_types::SignatureVerificationAlgorithm;

const ROOT: &[u8] = include_bytes!("../certificates/root.der");
const SERVER: &[u8] = include_bytes!("../certificates/server.der");

const ALGORITHMS: [Algorithm; 11] = [
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP256Sha384,
    Algorithm::EcdsaP384Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::Ed25519,
    Algorithm::RsaPkcs1Sha256,
    Algorithm::RsaPkcs1Sha384,
    Algorithm::RsaPkcs1Sha512,
    Algorithm::RsaPssSha256,
    Algorithm::RsaPssSha384,
    Algorithm::RsaPssSha512,
];

fuzz_target!(|input: &[u8]| {
    let [choice, high, low, rest @ ..] = input else { return };
    let cut = usize::from(u16::from_be_bytes([*high, *low])) % (rest.len() + 1);
    let (first, second) = rest.split_at(cut);

    let anchors = [ROOT];
    let mut verifier = Verifier::new(&anchors, "mail.test", 1_800_000_000).expect("the anchor is good");
    if verifier.certificates([first, second].into_iter()).is_ok() {
        // The other form of its ECDSA signature, which is as good, is out of a fuzzer's reach.
        assert_eq!(first, SERVER, "a certificate that the authority did not sign");
    }
    let anchors = [first];
    if let Ok(mut verifier) = Verifier::new(&anchors, "mail.test", 1_800_000_000) {
        let _ = verifier.certificates([SERVER, second].into_iter());
    }
    let algorithm = ALGORITHMS[usize::from(*choice) % ALGORITHMS.len()];
    let _ = algorithm.verify_signature(first, b"message", second);
});
