//! Certificates that are known beforehand, and our own, against scripted servers.

mod common;

use common::{Authority, Server, accept, directory, tls};
use gatepost::net::{Association, Endpoint, Identity, Matching, Roots, Selector, Transport, Trust, Usage};
use rcgen::KeyPair;
use ring::digest::{SHA256, SHA512, digest};
use rustls::crypto::ring::{default_provider, sign::any_supported_type};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{RootCertStore, ServerConfig, SupportedProtocolVersion};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(20);
const NOW: (i32, i32) = (2020, 2049);

/// A server that shows these certificates and signs with this key, whether it is theirs or not.
fn config(
    version: &'static SupportedProtocolVersion,
    chain: &[CertificateDer<'static>],
    key: &KeyPair,
) -> Arc<ServerConfig> {
    let key = any_supported_type(&PrivateKeyDer::try_from(key.serialize_der()).unwrap()).unwrap();
    let config = ServerConfig::builder_with_provider(default_provider().into())
        .with_protocol_versions(&[version])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain.to_vec(), key))));
    Arc::new(config)
}

/// What comes of TLS with a server that shows `chain`, under both versions.
fn secure(chain: &[CertificateDer<'static>], key: &KeyPair, trust: &Trust, name: &str) -> Result<(), String> {
    let [twelve, thirteen] = [&TLS12, &TLS13].map(|version| {
        let config = config(version, chain, key);
        let server = Server::start(move |listener| drop(tls(accept(&listener), &config)));
        let outcome = connect(&server).secure(trust, name, LIMIT);
        server.finish();
        outcome.map_err(|error| error.to_string())
    });
    assert_eq!(twelve, thirteen);
    thirteen
}

fn connect<R: Send + 'static>(server: &Server<R>) -> Transport {
    let endpoint = Endpoint::parse(&server.address.to_string(), 0).unwrap();
    Transport::connect(&endpoint, LIMIT).unwrap()
}

/// What a record says of `certificate`.
fn association(usage: Usage, selector: Selector, matching: Matching, certificate: &CertificateDer<'_>) -> Association {
    let selected = match selector {
        Selector::Certificate => certificate.to_vec(),
        Selector::PublicKey => {
            let parsed = ParsedCertificate::try_from(certificate).unwrap();
            parsed.subject_public_key_info().to_vec()
        }
    };
    let data = match matching {
        Matching::Full => selected,
        Matching::Sha256 => digest(&SHA256, &selected).as_ref().to_vec(),
        Matching::Sha512 => digest(&SHA512, &selected).as_ref().to_vec(),
    };
    Association {
        usage,
        selector,
        matching,
        data,
    }
}

#[test]
fn a_pin_needs_no_authority_and_no_name() {
    let (certificate, key) = Authority::new("test").issue("mail.test", (2020, 2021));
    let chain = [certificate];
    let digest = digest(&SHA256, &chain[0]);
    let hexadecimal: String = digest.as_ref().iter().map(|octet| format!("{octet:02x}")).collect();
    let trust = Roots::Pin(Association::parse_pin(&hexadecimal).unwrap())
        .load()
        .unwrap();
    assert_eq!(secure(&chain, &key, &trust, "other.test"), Ok(()));
    let pin = association(Usage::EndEntity, Selector::PublicKey, Matching::Sha256, &chain[0]);
    let trust = Roots::Pin(pin).load().unwrap();
    assert_eq!(secure(&chain, &key, &trust, "other.test"), Ok(()));
}

#[test]
fn a_wrong_pin_says_what_was_seen_and_that_is_a_pin() {
    let authority = Authority::new("test");
    let (pinned, _) = authority.issue("mail.test", NOW);
    let (certificate, key) = authority.issue("mail.test", NOW);
    let chain = [certificate, authority.certificate()];
    for selector in [Selector::Certificate, Selector::PublicKey] {
        let pin = association(Usage::EndEntity, selector, Matching::Sha256, &pinned);
        let refusal = secure(&chain, &key, &Roots::Pin(pin).load().unwrap(), "mail.test").unwrap_err();
        let seen = refusal
            .strip_prefix("TLS: certificate refused: it is not the expected one: the server has certificate ")
            .unwrap_or_else(|| panic!("{refusal}"));
        // Whoever finds that they are right can take them over as they are.
        let (certificate, public_key) = seen.split_once(", public key ").unwrap();
        for text in [certificate, public_key] {
            let trust = Roots::Pin(Association::parse_pin(text).unwrap()).load().unwrap();
            assert_eq!(secure(&chain, &key, &trust, "mail.test"), Ok(()));
        }
    }
}

#[test]
fn whoever_shows_a_certificate_must_have_its_key() {
    let (certificate, _) = Authority::new("test").issue("mail.test", NOW);
    let another = KeyPair::generate().unwrap();
    let pin = association(Usage::EndEntity, Selector::Certificate, Matching::Full, &certificate);
    for trust in [Roots::Pin(pin).load().unwrap(), Trust::anyone().unwrap()] {
        let refusal = secure(std::slice::from_ref(&certificate), &another, &trust, "mail.test").unwrap_err();
        assert!(
            refusal.starts_with("TLS: certificate refused: bad signature"),
            "{refusal}"
        );
    }
}

#[test]
fn opportunistic_tls_takes_any_certificate() {
    let (certificate, key) = Authority::new("test").issue("other.test", (2020, 2021));
    assert_eq!(
        secure(&[certificate], &key, &Trust::anyone().unwrap(), "mail.test"),
        Ok(())
    );
}

#[test]
fn a_trust_anchor_is_given_in_every_way() {
    let authority = Authority::new("test");
    let (certificate, key) = authority.issue("mail.test", NOW);
    let chain = [certificate, authority.certificate()];
    for selector in [Selector::Certificate, Selector::PublicKey] {
        for matching in [Matching::Full, Matching::Sha256, Matching::Sha512] {
            let anchor = association(Usage::TrustAnchor, selector, matching, &chain[1]);
            let trust = Trust::associations(vec![anchor], &[]).unwrap();
            assert_eq!(
                secure(&chain, &key, &trust, "mail.test"),
                Ok(()),
                "{selector:?} {matching:?}"
            );
            // Only what is there as a whole needs not be sent.
            let sent = secure(&chain[..1], &key, &trust, "mail.test");
            assert_eq!(
                sent.is_ok(),
                (selector, matching) == (Selector::Certificate, Matching::Full)
            );
        }
    }
}

#[test]
fn under_a_trust_anchor_names_and_dates_count() {
    let authority = Authority::new("test");
    let anchor = association(
        Usage::TrustAnchor,
        Selector::PublicKey,
        Matching::Sha256,
        &authority.certificate(),
    );
    let unrelated = association(
        Usage::EndEntity,
        Selector::PublicKey,
        Matching::Sha256,
        &authority.certificate(),
    );
    let associations = vec![unrelated, anchor];
    let (certificate, key) = authority.issue("mail.test", NOW);
    let chain = [certificate, authority.certificate()];
    let trust = Trust::associations(associations.clone(), &[]).unwrap();
    let refusal = secure(&chain, &key, &trust, "mx.test").unwrap_err();
    assert_eq!(
        refusal,
        "TLS: certificate refused: name mismatch: it is not for mx.test but for mail.test"
    );
    let trust = Trust::associations(associations.clone(), &["another.test", "mail.test"]).unwrap();
    assert_eq!(secure(&chain, &key, &trust, "mx.test"), Ok(()));
    let (expired, key) = authority.issue("mail.test", (2020, 2021));
    let refusal = secure(&[expired, authority.certificate()], &key, &trust, "mail.test").unwrap_err();
    assert!(refusal.starts_with("TLS: certificate refused: expired"), "{refusal}");
    // The anchor stands beside a certificate that it did not issue.
    let (foreign, key) = Authority::new("test").issue("mail.test", NOW);
    assert!(secure(&[foreign, authority.certificate()], &key, &trust, "mail.test").is_err());
}

/// A server that asks for a certificate of this authority; returns the one it was shown.
fn asking(authority: &Authority) -> Server<Option<CertificateDer<'static>>> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.certificate()).unwrap();
    let provider = Arc::new(default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
    let (certificate, key) = authority.issue("mail.test", NOW);
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.build().unwrap())
        .with_single_cert(vec![certificate], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
        .unwrap();
    let config = Arc::new(config);
    Server::start(move |listener| {
        let mut stream = tls(accept(&listener), &config)?;
        stream.write_all(b"220 ready\r\n").unwrap();
        stream.flush().unwrap();
        let _ = stream.read(&mut [0; 8]);
        stream
            .conn
            .peer_certificates()
            .map(|chain| chain[0].clone().into_owned())
    })
}

fn identity(directory: &Path, certificate: &CertificateDer<'_>, key: &KeyPair) -> Identity {
    let encoded = pem("CERTIFICATE", certificate);
    let identity = Identity {
        certificate: directory.join("client.pem"),
        key: directory.join("client.key"),
    };
    std::fs::write(&identity.certificate, encoded).unwrap();
    std::fs::write(&identity.key, key.serialize_pem()).unwrap();
    identity
}

fn pem(label: &str, octets: &[u8]) -> String {
    let mut room = vec![0; octets.len() * 2];
    let encoded = gatepost_core::ascii::base64_encode(octets, &mut room).unwrap();
    let lines: Vec<_> = encoded.chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

#[test]
fn our_certificate_is_shown_to_who_asks() {
    let authority = Authority::new("test");
    let directory = directory("our_certificate");
    let (certificate, key) = authority.issue("router.test", NOW);
    let trust = Trust::file(&authority.file(&directory)).unwrap();

    let server = asking(&authority);
    let mut transport = connect(&server);
    let identified = trust
        .clone()
        .identify(&identity(&directory, &certificate, &key))
        .unwrap();
    transport.secure(&identified, "mail.test", LIMIT).unwrap();
    embedded_io::Read::read_exact(&mut transport, &mut [0; 11]).unwrap();
    drop(transport);
    assert_eq!(server.finish(), Some(certificate));

    let server = asking(&authority);
    let mut transport = connect(&server);
    let _ = transport.secure(&trust, "mail.test", LIMIT);
    let refusal = embedded_io::Read::read(&mut transport, &mut [0; 16]).unwrap_err();
    assert_eq!(refusal.to_string(), "TLS: received fatal alert: CertificateRequired");
    drop(transport);
    assert_eq!(server.finish(), None);
}

#[test]
fn a_certificate_of_ours_that_cannot_be_used_is_named() {
    let authority = Authority::new("test");
    let directory = directory("a_certificate_of_ours");
    let trust = Trust::file(&authority.file(&directory)).unwrap();
    let (certificate, key) = authority.issue("router.test", NOW);
    let refusal = |identity: &Identity| trust.clone().identify(identity).err().unwrap().to_string();

    let other = identity(&directory, &certificate, &KeyPair::generate().unwrap());
    let expected = format!(
        "client certificate: {}: it is not the key of the certificate",
        other.key.display()
    );
    assert_eq!(refusal(&other), expected);
    let good = identity(&directory, &certificate, &key);
    std::fs::write(&good.key, pem("ENCRYPTED PRIVATE KEY", &[48, 0])).unwrap();
    assert!(refusal(&good).ends_with("client.key: the key is encrypted, and nobody is there to ask for its password"));
    std::fs::write(&good.key, "secret\n").unwrap();
    assert!(refusal(&good).ends_with("client.key: no PEM private key in it"));
    std::fs::remove_file(&good.key).unwrap();
    assert!(refusal(&good).ends_with("client.key: No such file or directory (os error 2)"));
    std::fs::write(&good.certificate, "no certificate\n").unwrap();
    assert!(refusal(&good).ends_with("client.pem: no PEM certificate in it"));
}
