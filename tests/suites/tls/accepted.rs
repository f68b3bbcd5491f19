//! Servers that are who they say. Most of them are rustls; the script proves that it can also be right.

use super::{Client, NAME, honest, meet, pair, ponged, script};
use harness::tls_server::chain::{self, Kind, P256Sha384, P384Sha256, Party};
use harness::tls_server::{Honest, Message, Proof, Record, Wire};
use rcgen::DnType;
use rustls::version::TLS13;

/// The client trusts `root`; rustls presents `server` and `chain`.
fn accept(root: &Party, server: &Party, chain: &[&[u8]]) {
    let mut wire = Wire::new(Honest::new(server, chain, &TLS13), usize::MAX);
    assert_eq!(Client::new(root).talk(&mut wire), ponged());
    assert_eq!(wire.server.data, b"ping");
}

/// A chain of a root, an intermediate and a server with keys of these kinds.
fn accept_chain(root: Kind, intermediate: Kind, server: Kind) {
    let root = Party::root("Root", root.key(1));
    let intermediate = root.issue(chain::authority("Intermediate"), intermediate.key(2));
    let server = intermediate.issue(chain::server(&[NAME]), server.key(3));
    accept(&root, &server, &[&intermediate.der]);
}

#[test]
fn the_script_can_be_right() {
    let (root, server) = pair();
    let (outcome, scripted) = meet(&root, honest(&server));
    assert_eq!(outcome, ponged());
    assert!(scripted.finished);
    assert_eq!(scripted.data, b"ping");
}

#[test]
fn p256_chain() {
    accept_chain(Kind::P256, Kind::P256, Kind::P256);
}

#[test]
fn p384_chain() {
    accept_chain(Kind::P384, Kind::P384, Kind::P384);
}

#[test]
fn ed25519_chain() {
    accept_chain(Kind::Ed25519, Kind::Ed25519, Kind::Ed25519);
}

#[test]
fn rsa_2048_chain() {
    accept_chain(Kind::Rsa(2048), Kind::Rsa(2048), Kind::Rsa(2048));
}

#[test]
fn p384_under_rsa_4096() {
    accept_chain(Kind::Rsa(4096), Kind::P384, Kind::P256);
}

#[test]
fn rsa_3072_under_p384() {
    accept_chain(Kind::P384, Kind::P384, Kind::Rsa(3072));
}

#[test]
fn sha256_signature_by_a_p384_authority() {
    let root = Party::root("Root", Kind::P384.key(0));
    let signer = P384Sha256::new(&root.key);
    accept(
        &root,
        &root.issue_by(signer, chain::server(&[NAME]), Kind::P256.key(0)),
        &[],
    );
}

#[test]
fn sha384_signature_by_a_p256_authority() {
    let root = Party::root("Root", Kind::P256.key(0));
    let signer = P256Sha384::new(&root.key);
    accept(
        &root,
        &root.issue_by(signer, chain::server(&[NAME]), Kind::P256.key(0)),
        &[],
    );
}

#[test]
fn the_host_is_the_fifth_name() {
    let root = Party::root("Root", Kind::P256.key(0));
    let names = ["a.test", "b.test", "c.test", "192.0.2.1", NAME, "d.test"];
    accept(&root, &root.issue(chain::server(&names), Kind::P256.key(0)), &[]);
}

#[test]
fn a_name_of_more_than_64_characters() {
    let root = Party::root("Root", Kind::P256.key(0));
    let long = format!("{}.{}.{NAME}", "a".repeat(63), "b".repeat(60));
    let server = root.issue(chain::server(&[&long]), Kind::P256.key(0));
    let mut wire = Wire::new(Honest::new(&server, &[], &TLS13), usize::MAX);
    let client = Client {
        name: &long,
        ..Client::new(&root)
    };
    assert_eq!(client.talk(&mut wire), ponged());
}

#[test]
fn a_wildcard() {
    let root = Party::root("Root", Kind::P256.key(0));
    let server = root.issue(chain::server(&["*.mail.test"]), Kind::P256.key(0));
    let mut wire = Wire::new(Honest::new(&server, &[], &TLS13), usize::MAX);
    let client = Client {
        name: "a.mail.test",
        ..Client::new(&root)
    };
    assert_eq!(client.talk(&mut wire), ponged());
}

#[test]
fn an_address() {
    let root = Party::root("Root", Kind::P256.key(0));
    let server = root.issue(chain::server(&["192.0.2.1", "2001:db8::1"]), Kind::P256.key(0));
    for name in ["192.0.2.1", "2001:db8::1"] {
        let mut wire = Wire::new(Honest::new(&server, &[], &TLS13), usize::MAX);
        let client = Client {
            name,
            ..Client::new(&root)
        };
        assert_eq!(client.talk(&mut wire), ponged());
    }
}

#[test]
fn a_subject_of_nine_parts() {
    let root = Party::root("Root", Kind::P256.key(0));
    let mut params = chain::server(&[NAME]);
    let kinds = [
        DnType::CountryName,
        DnType::StateOrProvinceName,
        DnType::LocalityName,
        DnType::OrganizationName,
        DnType::OrganizationalUnitName,
        DnType::CustomDnType(vec![2, 5, 4, 5]),
        DnType::CustomDnType(vec![2, 5, 4, 9]),
        DnType::CustomDnType(vec![2, 5, 4, 17]),
    ];
    for kind in kinds {
        params.distinguished_name.push(kind, "XX");
    }
    accept(&root, &root.issue(params, Kind::P256.key(0)), &[]);
}

#[test]
fn the_server_certificate_twice() {
    let (root, server) = pair();
    accept(&root, &server, &[&server.der]);
}

#[test]
fn the_root_in_the_chain_twice() {
    let (root, server) = pair();
    accept(&root, &server, &[&root.der, &root.der]);
}

#[test]
fn a_chain_out_of_order_with_a_stranger() {
    let root = Party::root("Root", Kind::P256.key(0));
    let upper = root.issue(chain::authority("Upper"), Kind::P256.key(0));
    let lower = upper.issue(chain::authority("Lower"), Kind::P256.key(0));
    let server = lower.issue(chain::server(&[NAME]), Kind::P256.key(0));
    let stranger = Party::root("Stranger", Kind::P256.key(0));
    accept(&root, &server, &[&upper.der, &stranger.der, &lower.der]);
}

#[test]
fn one_of_several_anchors() {
    let (root, server) = pair();
    // The second bears the name of the right one, and another key.
    let others = ["Other", "Root"].map(|name| Party::root(name, Kind::P256.key(0)));
    let mut wire = Wire::new(Honest::new(&server, &[], &TLS13), usize::MAX);
    let client = Client {
        anchors: vec![&others[0].der, &others[1].der, &root.der],
        ..Client::new(&root)
    };
    assert_eq!(client.talk(&mut wire), ponged());
}

#[test]
fn a_flight_in_one_record() {
    let (root, server) = pair();
    let mut script = honest(&server);
    let messages = script.flight.into_iter().flat_map(|record| match record {
        Record::Encrypted(messages) => messages,
        _ => Vec::new(),
    });
    script.flight = vec![Record::Encrypted(messages.collect())];
    assert_eq!(meet(&root, script).0, ponged());
}

/// RFC 8446 D.4: for old middleboxes.
#[test]
fn change_cipher_spec_in_the_handshake() {
    let (root, server) = pair();
    let mut script = honest(&server);
    script.flight.insert(0, Record::Clear(20, vec![1]));
    assert_eq!(meet(&root, script).0, ponged());
}

/// The client has no certificate and says so.
#[test]
fn a_request_for_a_certificate_in_the_handshake() {
    let (root, server) = pair();
    let script = script([
        Message::EncryptedExtensions,
        Message::CertificateRequest,
        Message::Certificate(vec![server.der.clone()]),
        Message::CertificateVerify(Proof::new(&server.key)),
        Message::Finished,
    ]);
    let (outcome, scripted) = meet(&root, script);
    assert!(matches!(outcome, super::Outcome::Opened(_)), "{outcome:?}");
    assert!(scripted.alert.is_none());
}
