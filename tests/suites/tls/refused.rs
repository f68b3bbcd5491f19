//! Servers that are not who they say, or break the protocol. None of them ever sees application data.

use super::{Client, NAME, Outcome, honest, meet, pair, script};
use gatepost_core::tls::Error;
use harness::tls_server::chain::{self, Kind, NOW, Party};
use harness::tls_server::{Honest, Message, Proof, Record, Script, Scripted, Wire};
use rcgen::{BasicConstraints, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, NameConstraints};
use rustls::version::TLS13;

/// A client that trusts `root` refuses the server for this reason, and tells it so by this alert, if any.
#[track_caller]
fn refuse(root: &Party, script: Script, error: Error, alert: impl Into<Option<u8>>) {
    let (outcome, scripted) = meet(root, script);
    assert_eq!(outcome, Outcome::Refused(error));
    assert_eq!(scripted.alert, alert.into());
    assert!(scripted.data.is_empty());
}

/// The same of an honest server whose certificate is not good enough.
#[track_caller]
fn refuse_certificate(client: &Client<'_>, server: &Party, chain: &[&[u8]], error: Error) {
    let mut wire = Wire::new(Honest::new(server, chain, &TLS13), usize::MAX);
    assert_eq!(client.talk(&mut wire), Outcome::Refused(error));
    assert!(wire.server.data.is_empty());
}

const UNEXPECTED_MESSAGE: u8 = 10;
const BAD_CERTIFICATE: u8 = 42;
const CERTIFICATE_EXPIRED: u8 = 45;
const ILLEGAL_PARAMETER: u8 = 47;
const UNKNOWN_CA: u8 = 48;
const DECODE_ERROR: u8 = 50;
const DECRYPT_ERROR: u8 = 51;

// What must not be left out.

#[test]
fn no_certificate_and_no_proof() {
    let (root, _) = pair();
    let script = script([Message::EncryptedExtensions, Message::Finished]);
    refuse(&root, script, Error::NoCertificate, None);
}

#[test]
fn a_certificate_without_proof() {
    let (root, server) = pair();
    let script = script([
        Message::EncryptedExtensions,
        Message::Certificate(vec![server.der.clone()]),
        Message::Finished,
    ]);
    refuse(&root, script, Error::NoProof, None);
}

#[test]
fn a_proof_without_certificate() {
    let (root, server) = pair();
    let script = script([
        Message::EncryptedExtensions,
        Message::CertificateVerify(Proof::new(&server.key)),
        Message::Finished,
    ]);
    refuse(&root, script, Error::NoCertificate, DECODE_ERROR);
}

#[test]
fn a_proof_before_the_certificate() {
    let (root, server) = pair();
    let script = script([
        Message::EncryptedExtensions,
        Message::CertificateVerify(Proof::new(&server.key)),
        Message::Certificate(vec![server.der.clone()]),
        Message::Finished,
    ]);
    refuse(&root, script, Error::NoCertificate, DECODE_ERROR);
}

#[test]
fn an_empty_chain() {
    let (root, server) = pair();
    let script = script([
        Message::EncryptedExtensions,
        Message::Certificate(Vec::new()),
        Message::CertificateVerify(Proof::new(&server.key)),
        Message::Finished,
    ]);
    refuse(&root, script, Error::NoCertificate, DECODE_ERROR);
}

/// The second certificate could replace the one that was proven.
#[test]
fn a_certificate_after_the_proof() {
    let (root, server) = pair();
    let script = script([
        Message::EncryptedExtensions,
        Message::Certificate(vec![server.der.clone()]),
        Message::CertificateVerify(Proof::new(&server.key)),
        Message::Certificate(vec![server.der.clone()]),
        Message::Finished,
    ]);
    refuse(&root, script, Error::Order, UNEXPECTED_MESSAGE);
}

#[test]
fn two_proofs() {
    let (root, server) = pair();
    let script = script([
        Message::EncryptedExtensions,
        Message::Certificate(vec![server.der.clone()]),
        Message::CertificateVerify(Proof::new(&server.key)),
        Message::CertificateVerify(Proof::new(&server.key)),
        Message::Finished,
    ]);
    refuse(&root, script, Error::Order, UNEXPECTED_MESSAGE);
}

/// A server whose proof is what `change` makes of an honest one.
fn with_proof(server: &Party, change: impl FnOnce(&mut Proof)) -> Script {
    let mut proof = Proof::new(&server.key);
    change(&mut proof);
    script([
        Message::EncryptedExtensions,
        Message::Certificate(vec![server.der.clone()]),
        Message::CertificateVerify(proof),
        Message::Finished,
    ])
}

#[test]
fn a_proof_by_another_key() {
    let (root, server) = pair();
    let (_, other) = pair();
    let script = with_proof(&server, |proof| proof.key = other.key);
    refuse(&root, script, Error::ProofSignature, DECRYPT_ERROR);
}

#[test]
fn a_proof_of_another_handshake() {
    let (root, server) = pair();
    let script = with_proof(&server, |proof| proof.of_another_handshake = true);
    refuse(&root, script, Error::ProofSignature, DECRYPT_ERROR);
}

#[test]
fn a_proof_of_a_client() {
    let (root, server) = pair();
    let script = with_proof(&server, |proof| proof.context = "TLS 1.3, client CertificateVerify");
    refuse(&root, script, Error::ProofSignature, DECRYPT_ERROR);
}

/// Schemes of another curve or key, and those that TLS 1.3 leaves to certificates.
#[test]
fn a_proof_of_another_scheme() {
    let (root, server) = pair();
    for scheme in [0x0503, 0x0807, 0x0804, 0x0401, 0x0203, 0x0603] {
        let script = with_proof(&server, |proof| proof.scheme = scheme);
        refuse(&root, script, Error::ProofAlgorithm, ILLEGAL_PARAMETER);
    }
}

#[test]
fn a_proof_by_rsa_pkcs1() {
    let root = Party::root("Root", Kind::P256.key(0));
    let server = root.issue(chain::server(&[NAME]), Kind::Rsa(2048).key(3));
    let script = with_proof(&server, |proof| proof.scheme = 0x0401);
    refuse(&root, script, Error::ProofAlgorithm, ILLEGAL_PARAMETER);
}

// Certificates.

#[test]
fn an_unknown_authority() {
    let (_, server) = pair();
    let other = Party::root("Other", Kind::P256.key(0));
    refuse(&other, honest(&server), Error::UnknownIssuer, UNKNOWN_CA);
}

#[test]
fn an_authority_of_the_same_name_with_another_key() {
    let (_, server) = pair();
    let (other, _) = pair();
    refuse(&other, honest(&server), Error::CertificateSignature, BAD_CERTIFICATE);
}

#[test]
fn another_host() {
    let root = Party::root("Root", Kind::P256.key(0));
    let server = root.issue(
        chain::server(&["www.test", "mail.test.example", "xmail.test"]),
        Kind::P256.key(0),
    );
    refuse(&root, honest(&server), Error::NameMismatch, BAD_CERTIFICATE);
}

#[test]
fn another_address() {
    let root = Party::root("Root", Kind::P256.key(0));
    let server = root.issue(chain::server(&["192.0.2.1"]), Kind::P256.key(0));
    let client = Client {
        name: "192.0.2.2",
        ..Client::new(&root)
    };
    refuse_certificate(&client, &server, &[], Error::NameMismatch);
}

/// RFC 9525 6.3: the common name is not looked at.
#[test]
fn the_common_name_matches_but_no_alternative_name() {
    let root = Party::root("Root", Kind::P256.key(0));
    for names in [&["www.test"][..], &[]] {
        let mut params = chain::server(names);
        params.distinguished_name.push(DnType::CommonName, NAME);
        let server = root.issue(params, Kind::P256.key(0));
        refuse(&root, honest(&server), Error::NameMismatch, BAD_CERTIFICATE);
    }
}

#[test]
fn a_wildcard_is_one_label() {
    let root = Party::root("Root", Kind::P256.key(0));
    let server = root.issue(chain::server(&["*.mail.test"]), Kind::P256.key(0));
    for name in ["a.b.mail.test", NAME] {
        let client = Client {
            name,
            ..Client::new(&root)
        };
        refuse_certificate(&client, &server, &[], Error::NameMismatch);
    }
}

#[test]
fn expired() {
    let (root, server) = pair();
    let (not_after, now) = (1_767_225_600, NOW + 2 * 366 * 86_400);
    let client = Client {
        now,
        ..Client::new(&root)
    };
    let mut wire = Wire::new(Scripted::new(honest(&server)), usize::MAX);
    assert_eq!(
        client.talk(&mut wire),
        Outcome::Refused(Error::Expired { not_after, now })
    );
    assert_eq!(wire.server.alert, Some(CERTIFICATE_EXPIRED));
}

#[test]
fn not_valid_yet() {
    let (root, server) = pair();
    let (not_before, now) = (1_704_067_200, 0);
    let client = Client {
        now,
        ..Client::new(&root)
    };
    refuse_certificate(&client, &server, &[], Error::NotYetValid { not_before, now });
}

#[test]
fn an_expired_intermediate() {
    let root = Party::root("Root", Kind::P256.key(0));
    let mut params = chain::authority("Intermediate");
    params.not_after = rcgen::date_time_ymd(2024, 6, 1);
    let intermediate = root.issue(params, Kind::P256.key(0));
    let server = intermediate.issue(chain::server(&[NAME]), Kind::P256.key(0));
    let error = Error::Expired {
        not_after: 1_717_200_000,
        now: NOW,
    };
    refuse_certificate(&Client::new(&root), &server, &[&intermediate.der], error);
}

#[test]
fn for_clients_only() {
    let root = Party::root("Root", Kind::P256.key(0));
    let mut params = chain::server(&[NAME]);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let server = root.issue(params, Kind::P256.key(0));
    refuse_certificate(&Client::new(&root), &server, &[], Error::Purpose);
}

/// Forged with the key of any certificate that the authority signed, such as one's own.
#[test]
fn signed_by_another_servers_certificate() {
    let root = Party::root("Root", Kind::P256.key(0));
    for mark in [IsCa::ExplicitNoCa, IsCa::NoCa] {
        let mut params = chain::server(&["own.test"]);
        params.is_ca = mark;
        let own = root.issue(params, Kind::P256.key(0));
        let forged = own.issue(chain::server(&[NAME]), Kind::P256.key(0));
        refuse_certificate(&Client::new(&root), &forged, &[&own.der], Error::Authority);
    }
}

#[test]
fn an_authority_as_server() {
    let root = Party::root("Root", Kind::P256.key(0));
    let mut params = chain::server(&[NAME]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let server = root.issue(params, Kind::P256.key(0));
    refuse_certificate(&Client::new(&root), &server, &[], Error::Authority);
}

#[test]
fn by_itself() {
    let (root, _) = pair();
    let key = Kind::P256.key(0);
    let params = chain::server(&[NAME]);
    let der = params.self_signed(&key).unwrap().der().to_vec();
    let server = Party {
        params,
        key: key.into(),
        der,
    };
    refuse_certificate(&Client::new(&root), &server, &[], Error::UnknownIssuer);
}

#[test]
fn deeper_than_the_authority_may_go() {
    let root = Party::root("Root", Kind::P256.key(0));
    let mut params = chain::authority("Upper");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let upper = root.issue(params, Kind::P256.key(0));
    let lower = upper.issue(chain::authority("Lower"), Kind::P256.key(0));
    let server = lower.issue(chain::server(&[NAME]), Kind::P256.key(0));
    refuse_certificate(
        &Client::new(&root),
        &server,
        &[&lower.der, &upper.der],
        Error::Constraint,
    );
}

#[test]
fn a_name_that_the_authority_may_not_certify() {
    let root = Party::root("Root", Kind::P256.key(0));
    let mut params = chain::authority("Intermediate");
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![GeneralSubtree::DnsName("other.test".into())],
        excluded_subtrees: Vec::new(),
    });
    let intermediate = root.issue(params, Kind::P256.key(0));
    let server = intermediate.issue(chain::server(&[NAME]), Kind::P256.key(0));
    refuse_certificate(&Client::new(&root), &server, &[&intermediate.der], Error::Constraint);
}

#[test]
fn a_changed_certificate() {
    let (root, server) = pair();
    // The last octet belongs to the signature.
    let mut der = server.der.clone();
    *der.last_mut().unwrap() ^= 1;
    let changed = Party { der, ..server };
    refuse(&root, honest(&changed), Error::CertificateSignature, BAD_CERTIFICATE);
}

#[test]
fn a_certificate_cut_off() {
    let (root, server) = pair();
    let der = server.der[..server.der.len() - 1].to_vec();
    let cut = Party { der, ..server };
    refuse(&root, honest(&cut), Error::Certificate, BAD_CERTIFICATE);
}

#[test]
fn too_many_certificates() {
    let (root, server) = pair();
    let script = script([
        Message::EncryptedExtensions,
        Message::Certificate(vec![server.der.clone(); 9]),
        Message::CertificateVerify(Proof::new(&server.key)),
        Message::Finished,
    ]);
    refuse(&root, script, Error::TooManyCertificates, BAD_CERTIFICATE);
}

/// Each octet of each message of a server that otherwise does everything right, keys and Finished included. embedded-tls
/// does not look at the length of a message, only at those in it.
#[test]
fn a_message_changed_anywhere() {
    const LENGTH: std::ops::Range<usize> = 1..4;
    let (root, server) = pair();
    let messages = [
        (Message::EncryptedExtensions, 4 + 2),
        (
            Message::Certificate(vec![server.der.clone()]),
            4 + 1 + 3 + 3 + server.der.len() + 2,
        ),
        // The shortest signature that is likely.
        (Message::CertificateVerify(Proof::new(&server.key)), 4 + 2 + 2 + 64),
        (Message::Finished, 4 + 32),
    ];
    for (place, (message, length)) in messages.into_iter().enumerate() {
        for index in 0..length {
            let mut script = honest(&server);
            script.flight[place] = Record::Changed(message.clone(), index, 1 << (index % 8));
            let (outcome, scripted) = meet(&root, script);
            if !LENGTH.contains(&index) {
                assert!(matches!(outcome, Outcome::Refused(_)), "{place}, {index}: {outcome:?}");
                assert!(scripted.data.is_empty());
            }
        }
    }
}
