//! The way of a domain's mail as real DNS servers tell it, with signatures that a real resolver verifies.

use gatepost::net::mx::{Error, Protection, Resolver, exchangers, hop};
use gatepost::net::{Matching, Selector, Usage};
use harness::needs;
use harness::servers::dns::{self, Dns, Signed};
use std::time::{Duration, Instant};

const RECORDS: &str = "
@ MX 20 backup
@ MX 10 mx
mx CNAME host
host A 192.0.2.1
host AAAA 2001:db8::1
backup A 192.0.2.2
_25._tcp.mx TLSA 3 1 1 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff
null MX 0 .
many TXT x
";

#[test]
fn dane_is_as_good_as_the_signatures() {
    if !needs::met("dane_is_as_good_as_the_signatures", &dns::NEEDS) {
        return;
    }
    // So many that they need TCP.
    let many: String = (0..100).map(|index| format!("many MX {index} host{index}\n")).collect();
    let records = RECORDS.to_owned() + &many;
    let zones = [
        ("good.test", Signed::Rightly, records.as_str()),
        ("bogus.test", Signed::Wrongly, RECORDS),
        ("plain.test", Signed::Not, RECORDS),
    ];
    let server = Dns::start(&zones).expect("Knot and Unbound");
    let resolver = Resolver::new(vec![server.resolver], true);
    let end = Instant::now() + Duration::from_secs(60);

    for (domain, secure) in [("good.test", true), ("plain.test", false)] {
        let found = exchangers(&resolver, domain, &[], end).unwrap_or_else(|error| panic!("{error}\n{}", server.log()));
        assert_eq!(found.hosts, [format!("mx.{domain}"), format!("backup.{domain}")]);
        assert_eq!(found.secure, secure);
        let first = hop(&resolver, &found, &found.hosts[0], 25, None, end).expect("a hop");
        let addresses: Vec<_> = first.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["[2001:db8::1]:25", "192.0.2.1:25"]);
        match (secure, first.protection) {
            (true, Protection::Dane { associations, names }) => {
                let [found] = associations.as_slice() else {
                    panic!("{associations:?}")
                };
                let kind = (found.usage, found.selector, found.matching);
                assert_eq!(kind, (Usage::EndEntity, Selector::PublicKey, Matching::Sha256));
                assert_eq!(names, ["host.good.test", "mx.good.test", "good.test"]);
            }
            (false, Protection::Opportunistic) => {}
            (_, protection) => panic!("{domain}: {protection:?}\n{}", server.log()),
        }
        let backup = hop(&resolver, &found, &found.hosts[1], 25, None, end).expect("a hop");
        assert_eq!(backup.protection, Protection::Opportunistic, "it has no TLSA record");
    }

    let refusal = exchangers(&resolver, "bogus.test", &[], end).expect_err("a zone that is signed wrongly");
    assert!(
        matches!(&refusal, Error::Unanswered { cause, .. } if cause.ends_with("answered SERVFAIL")),
        "{refusal}"
    );
    assert!(!refusal.is_final());
    let refusal = exchangers(&resolver, "null.good.test", &[], end).expect_err("null MX");
    assert_eq!(refusal, Error::NullMx("null.good.test".to_owned()));
    let refusal = exchangers(&resolver, "none.good.test", &[], end).expect_err("no domain");
    assert_eq!(refusal, Error::NoDomain("none.good.test".to_owned()));
    let many = exchangers(&resolver, "many.good.test", &[], end).expect("an answer over TCP");
    assert_eq!((many.hosts.len(), many.hosts[15].as_str()), (16, "host15.good.test"));
}
