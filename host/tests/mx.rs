//! Where mail for a domain goes, and what TLS must prove there, against scripted DNS and https servers.

#[path = "common/dns.rs"]
mod dns;

mod common;

use common::{Authority, Lines, Server, accept, directory, tls};
use gatepost::net::mx::sts::{self, Mode, Policy};
use gatepost::net::mx::{Error, Protection, Resolver, exchangers, hop};
use gatepost::net::{Matching, Roots, Selector, Transport, Usage};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(20);

fn end() -> Instant {
    Instant::now() + LIMIT
}

/// A resolver that asks a server with this zone and believes it.
fn resolver(zone: &str) -> Resolver {
    Resolver::new(vec![dns::serve(zone)], true)
}

fn find(zone: &str, domain: &str) -> Result<Vec<String>, Error> {
    exchangers(&resolver(zone), domain, &["we.test"], end()).map(|found| found.hosts)
}

/// What the hop to the first host of `domain` looks like.
fn first_hop(zone: &str, domain: &str) -> Result<(Vec<String>, Protection), Error> {
    let resolver = resolver(zone);
    let found = exchangers(&resolver, domain, &[], end())?;
    let hop = hop(&resolver, &found, &found.hosts[0], 25, None, end())?;
    Ok((
        hop.addresses.iter().map(SocketAddr::to_string).collect(),
        hop.protection,
    ))
}

#[test]
fn exchangers_come_in_order_of_preference() {
    let zone = "
        example.test MX 20 b.test
        example.test MX 5 a.test
        example.test MX 65535 d.test
        example.test MX 30 c.test
        example.test MX 30 A.test
    ";
    assert_eq!(
        find(zone, "example.test").unwrap(),
        ["a.test", "b.test", "c.test", "d.test"]
    );
}

#[test]
fn those_of_equal_preference_take_turns() {
    let zone = "
        example.test MX 10 a.test
        example.test MX 10 b.test
        example.test MX 1 first.test
    ";
    let resolver = resolver(zone);
    let mut seen = Vec::new();
    // One order alone would come so often in one of 2^63 runs.
    for _ in 0..64 {
        let hosts = exchangers(&resolver, "example.test", &[], end()).unwrap().hosts;
        assert_eq!(hosts[0], "first.test");
        seen.push(hosts[1].clone());
    }
    for host in ["a.test", "b.test"] {
        assert!(seen.iter().any(|seen| seen == host), "{host} is never the first");
    }
}

#[test]
fn a_domain_without_exchangers_is_its_own() {
    assert_eq!(
        find("example.test A 192.0.2.1", "example.test").unwrap(),
        ["example.test"]
    );
    assert_eq!(
        find("", "example.test"),
        Err(Error::NoDomain("example.test".to_owned()))
    );
    // It exists, but nothing can be delivered.
    let zone = "example.test TXT nothing";
    assert_eq!(
        first_hop(zone, "example.test"),
        Err(Error::NoAddress("example.test".to_owned()))
    );
}

#[test]
fn a_domain_may_take_no_mail() {
    assert_eq!(
        find("example.test MX 0 .", "example.test"),
        Err(Error::NullMx("example.test".to_owned()))
    );
    let zone = "
        example.test MX 0 .
        example.test MX 10 a.test
    ";
    assert_eq!(
        find(zone, "example.test").unwrap(),
        ["a.test"],
        "beside others it says nothing"
    );
}

#[test]
fn aliases_are_followed_and_have_an_end() {
    let zone = "
        alias.test CNAME other.test
        other.test CNAME example.test
        example.test MX 10 a.test
        unrelated.test MX 1 b.test
        loop.test CNAME pool.test
        pool.test CNAME loop.test
    ";
    assert_eq!(find(zone, "alias.test").unwrap(), ["a.test"]);
    let Err(Error::Unanswered { cause, .. }) = find(zone, "loop.test") else {
        panic!("a loop leads nowhere")
    };
    assert_eq!(cause, "the aliases in the answer have no end");
}

#[test]
fn we_are_no_exchanger_of_ours() {
    let zone = "
        example.test MX 10 a.test
        example.test MX 20 WE.test
        example.test MX 20 b.test
        example.test MX 30 c.test
        ours.test MX 10 we.test
    ";
    assert_eq!(find(zone, "example.test").unwrap(), ["a.test"]);
    assert_eq!(find(zone, "ours.test"), Err(Error::NoExchanger("ours.test".to_owned())));
}

#[test]
fn odd_names_are_no_hosts() {
    let zone = r"
        example.test MX 10 a\032b.test
        example.test MX 20 a\000.test
        example.test MX 30 good_name.test
        odd.test MX 10 a\013\010.test
    ";
    assert_eq!(find(zone, "example.test").unwrap(), ["good_name.test"]);
    assert_eq!(find(zone, "odd.test"), Err(Error::NoExchanger("odd.test".to_owned())));
    for domain in [
        "",
        "a b",
        "a\r\nb",
        "é.test",
        "a..test",
        "[192.0.2.1",
        "[x]",
        "[IPv6:192.0.2.1]",
    ] {
        assert_eq!(find(zone, domain), Err(Error::Name(domain.to_owned())));
    }
}

#[test]
fn many_exchangers_are_not_all_tried() {
    let zone: String = (0..200)
        .map(|index| format!("example.test MX {index} host{index}.test\n"))
        .collect();
    // It does not fit into a datagram either.
    let hosts = find(&format!("!truncates\n{zone}"), "example.test").unwrap();
    assert_eq!(hosts.len(), 16);
    assert_eq!(hosts[15], "host15.test");
}

#[test]
fn an_address_literal_is_its_own_exchanger() {
    for (literal, address) in [
        ("[192.0.2.1]", "192.0.2.1:25"),
        ("[IPv6:2001:db8::1]", "[2001:db8::1]:25"),
        ("[ipv6:2001:db8::1]", "[2001:db8::1]:25"),
    ] {
        let (addresses, protection) = first_hop("", literal).unwrap();
        assert_eq!(
            (addresses, protection),
            (vec![address.to_owned()], Protection::Opportunistic)
        );
    }
}

#[test]
fn hosts_have_addresses_of_both_families() {
    let zone = "
        example.test MX 10 mx.test
        mx.test CNAME host.test
        host.test A 192.0.2.1
        host.test A 192.0.2.2
        host.test AAAA 2001:db8::1
    ";
    let (addresses, protection) = first_hop(zone, "example.test").unwrap();
    assert_eq!(addresses, ["[2001:db8::1]:25", "192.0.2.1:25", "192.0.2.2:25"]);
    assert_eq!(protection, Protection::Opportunistic);
    // Some servers fail at AAAA alone.
    let zone = "
        example.test A 192.0.2.1
        !fails example.test AAAA
    ";
    assert_eq!(first_hop(zone, "example.test").unwrap().0, ["192.0.2.1:25"]);
}

#[test]
fn forged_and_broken_answers_are_passed_over() {
    let zone = "
        !garbage
        example.test MX 10 mx.test
    ";
    assert_eq!(find(zone, "example.test").unwrap(), ["mx.test"]);
}

#[test]
fn another_server_is_asked_when_one_fails() {
    let failing = dns::serve("!fails example.test MX");
    let good = dns::serve("example.test MX 10 mx.test");
    let nobody: SocketAddr = "127.0.0.1:9".parse().unwrap();
    let resolver = Resolver::new(vec![nobody, failing, good], true);
    let found = exchangers(&resolver, "example.test", &[], end()).unwrap();
    assert_eq!(found.hosts, ["mx.test"]);

    let resolver = Resolver::new(vec![failing], true);
    let error = exchangers(&resolver, "example.test", &[], end()).unwrap_err();
    assert!(!error.is_final());
    let expected = format!("example.test: no answer from DNS: {failing} answered SERVFAIL");
    assert_eq!(error.to_string(), expected);

    let silent = dns::serve("!silent example.test MX");
    let resolver = Resolver::new(vec![silent], true);
    let soon = Instant::now() + Duration::from_millis(200);
    let error = exchangers(&resolver, "example.test", &[], soon).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("example.test: no answer from DNS: {silent}: timed out")
    );
}

/// An exchanger with a TLSA record; `secure` are the names that DNSSEC vouches for.
fn dane(secure: &[&str], tlsa: &str) -> Result<Protection, Error> {
    let secure: String = secure.iter().map(|name| format!("!secure {name}\n")).collect();
    let zone = format!(
        "{secure}
        example.test MX 10 mx.test
        mx.test A 192.0.2.1
        {tlsa}"
    );
    first_hop(&zone, "example.test").map(|(_, protection)| protection)
}

const SECURE: &[&str] = &["example.test", "mx.test", "_25._tcp.mx.test"];
const DIGEST: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[test]
fn dane_says_which_certificate() {
    let tlsa = format!(
        "_25._tcp.mx.test TLSA 3 1 1 {DIGEST}
        _25._tcp.mx.test TLSA 2 0 2 {DIGEST}{DIGEST}
        _25._tcp.mx.test TLSA 1 1 1 {DIGEST}"
    );
    let Ok(Protection::Dane { associations, names }) = dane(SECURE, &tlsa) else {
        panic!("DANE does not apply")
    };
    let seen: Vec<_> = associations
        .iter()
        .map(|found| (found.usage, found.selector, found.matching))
        .collect();
    let expected = [
        (Usage::EndEntity, Selector::PublicKey, Matching::Sha256),
        (Usage::TrustAnchor, Selector::Certificate, Matching::Sha512),
    ];
    assert_eq!(seen, expected);
    assert_eq!(associations[0].data[..3], [0, 0x11, 0x22]);
    assert_eq!(names, ["mx.test", "example.test"]);
}

#[test]
fn dane_without_a_record_that_can_be_used_still_asks_for_tls() {
    for record in ["0 1 1", "1 0 1", "4 1 1", "3 2 1", "3 1 3", "3 1 2"] {
        let tlsa = format!("_25._tcp.mx.test TLSA {record} {DIGEST}");
        assert_eq!(dane(SECURE, &tlsa), Ok(Protection::Encrypted), "{record}");
    }
}

#[test]
fn dane_needs_every_answer_to_be_secure() {
    let tlsa = format!("_25._tcp.mx.test TLSA 3 1 1 {DIGEST}");
    for left_out in 0..SECURE.len() {
        let mut secure = SECURE.to_vec();
        secure.remove(left_out);
        assert_eq!(dane(&secure, &tlsa), Ok(Protection::Opportunistic), "{secure:?}");
    }
    assert_eq!(dane(SECURE, ""), Ok(Protection::Opportunistic), "no record");
    // A server that is not trusted may say what it wants.
    let zone = format!(
        "!secure example.test\n!secure mx.test\n!secure _25._tcp.mx.test\nexample.test MX 10 mx.test
        mx.test A 192.0.2.1\n{tlsa}"
    );
    let resolver = Resolver::new(vec![dns::serve(&zone)], false);
    let found = exchangers(&resolver, "example.test", &[], end()).unwrap();
    let hop = hop(&resolver, &found, "mx.test", 25, None, end()).unwrap();
    assert_eq!(hop.protection, Protection::Opportunistic);
}

#[test]
fn dane_is_not_switched_off_by_a_failing_server() {
    let refusal = dane(SECURE, "!fails _25._tcp.mx.test TLSA").unwrap_err();
    assert!(
        matches!(&refusal, Error::Unanswered { name, .. } if name == "_25._tcp.mx.test"),
        "{refusal}"
    );
    // Nor by one that fails at addresses.
    let tlsa = format!("!fails mx.test AAAA\n_25._tcp.mx.test TLSA 3 1 1 {DIGEST}");
    assert!(matches!(dane(SECURE, &tlsa), Ok(Protection::Dane { .. })));
    // But nobody asks where it could not protect anything.
    let asked = dane(&["example.test"], "!fails _25._tcp.mx.test TLSA");
    assert_eq!(asked, Ok(Protection::Opportunistic));
}

#[test]
fn dane_follows_the_host_to_what_it_is_an_alias_for() {
    let zone = |base: &str| {
        format!(
            "!secure example.test\n!secure mx.test\n!secure _25._tcp.mx.test\n!secure _25._tcp.host.test
            example.test MX 10 mx.test
            mx.test CNAME host.test
            host.test A 192.0.2.1
            _25._tcp.{base} TLSA 3 1 1 {DIGEST}"
        )
    };
    for base in ["host.test", "mx.test"] {
        let Ok((_, Protection::Dane { names, .. })) = first_hop(&zone(base), "example.test") else {
            panic!("DANE does not apply with the record at {base}")
        };
        assert_eq!(names, ["host.test", "mx.test", "example.test"]);
    }
}

/// An https server that answers one request so, and the zone that leads to it.
fn policy_server(authority: &Authority, response: String) -> (Server<String>, String) {
    let config = authority.server("mta-sts.example.test", (2020, 2049));
    let server = Server::start(move |listener| {
        let Some(stream) = tls(accept(&listener), &config) else {
            return String::new();
        };
        let mut lines = Lines::new(stream);
        let request = lines.until("").join("|");
        lines.say(&response);
        lines.into_inner().conn.send_close_notify();
        request
    });
    let zone = "
        _mta-sts.example.test TXT v=STSv1; id=20261122T00;
        mta-sts.example.test A 127.0.0.1
        example.test MX 10 mx.example.test
        example.test MX 20 other.test
        mx.example.test A 192.0.2.1
        other.test A 192.0.2.2
    ";
    (server, zone.to_owned())
}

const POLICY: &str = "version: STSv1\nmode: enforce\nmx: *.example.test\nmax_age: 86400\n";

fn ok(policy: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{policy}",
        policy.len()
    )
}

fn roots(authority: &Authority, test: &str) -> Roots {
    Roots::File(authority.file(&directory(test)))
}

#[test]
fn a_policy_is_fetched_and_enforced() {
    let authority = Authority::new("test");
    let roots = roots(&authority, "a_policy_is_fetched");
    let (server, zone) = policy_server(&authority, ok(POLICY));
    let (port, resolver) = (server.address.port(), resolver(&zone));
    let policy = sts::discover(&resolver, "example.test", &roots, port, None, end())
        .unwrap()
        .unwrap();
    assert_eq!((policy.mode, policy.id.as_str()), (Mode::Enforce, "20261122T00"));
    let request = server.finish();
    assert!(
        request.starts_with("GET /.well-known/mta-sts.txt HTTP/1.1|"),
        "{request}"
    );

    let found = exchangers(&resolver, "example.test", &[], end()).unwrap();
    let hop_to = |host, policy| hop(&resolver, &found, host, 25, policy, end());
    assert_eq!(
        hop_to("mx.example.test", Some(&policy)).unwrap().protection,
        Protection::Verified
    );
    let refusal = hop_to("other.test", Some(&policy)).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "other.test: the policy of example.test does not name this host"
    );
    let testing = Policy {
        mode: Mode::Testing,
        ..policy.clone()
    };
    assert_eq!(
        hop_to("other.test", Some(&testing)).unwrap().protection,
        Protection::Opportunistic
    );

    // The same policy is not fetched again: nobody is there to ask.
    let again = sts::discover(&resolver, "example.test", &roots, port, Some(&policy), end());
    assert_eq!(again, Ok(Some(policy.clone())));
    // It stays when it cannot be asked for any more.
    let elsewhere = Resolver::new(vec![dns::serve("")], true);
    assert_eq!(
        sts::discover(&elsewhere, "example.test", &roots, port, Some(&policy), end()),
        Ok(Some(policy.clone()))
    );
    let older = Policy {
        id: "older".to_owned(),
        ..policy
    };
    assert_eq!(
        sts::discover(&resolver, "example.test", &roots, port, Some(&older), end()),
        Ok(Some(older.clone()))
    );
}

#[test]
fn a_policy_that_cannot_be_had_is_none_and_says_why() {
    let authority = Authority::new("test");
    let roots = roots(&authority, "a_policy_that_cannot_be_had");
    for (response, cause) in [
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "it answered with status 404",
        ),
        (
            "HTTP/1.1 301 Moved\r\nLocation: https://x.test/\r\nContent-Length: 0\r\n\r\n".to_owned(),
            "it answered with status 301",
        ),
        (
            ok("version: STSv2\n"),
            "its policy is not understood: not version STSv1",
        ),
        (
            ok(&format!("{POLICY}{}", "x: y\n".repeat(20_000))),
            "its policy is too long",
        ),
    ] {
        let (server, zone) = policy_server(&authority, response);
        let outcome = sts::discover(
            &resolver(&zone),
            "example.test",
            &roots,
            server.address.port(),
            None,
            end(),
        );
        assert_eq!(outcome, Err(format!("mta-sts.example.test: {cause}")));
        server.finish();
    }
    // Whoever can forge DNS has no certificate that is believed.
    let (server, zone) = policy_server(&Authority::new("another"), ok(POLICY));
    let outcome = sts::discover(
        &resolver(&zone),
        "example.test",
        &roots,
        server.address.port(),
        None,
        end(),
    );
    assert!(outcome.unwrap_err().contains("certificate refused: unknown issuer"));
    server.finish();
}

#[test]
fn what_announces_no_policy() {
    let roots = Roots::File("/nonexistent".into());
    for zone in [
        "",
        "_mta-sts.example.test TXT v=spf1 -all",
        "_mta-sts.example.test TXT v=STSv1; id=1;\n_mta-sts.example.test TXT v=STSv1; id=2;",
        "_mta-sts.example.test TXT v=STSv1; id=;",
        "_mta-sts.example.test TXT v=STSv1; id=a-b;",
        "_mta-sts.example.test TXT v=STSv1;",
        "_mta-sts.example.test TXT v=STSv12; id=1;",
        "!fails _mta-sts.example.test TXT",
    ] {
        let outcome = sts::discover(&resolver(zone), "example.test", &roots, 443, None, end());
        assert_eq!(outcome, Ok(None), "{zone}");
    }
}

#[test]
fn a_protection_is_what_tls_then_asks_for() {
    let authority = Authority::new("test");
    let roots = roots(&authority, "a_protection");
    let outcome = |protection: &Protection, authority: &Authority, name: &'static str| {
        let config = authority.server(name, (2020, 2049));
        let server = Server::start(move |listener| drop(tls(accept(&listener), &config)));
        let mut transport = Transport::connect_to(&[server.address], LIMIT).unwrap();
        let outcome = transport.secure(&protection.trust(&roots).unwrap(), "mx.test", LIMIT);
        drop(transport);
        server.finish();
        outcome.is_ok()
    };
    let foreign = Authority::new("another");
    assert!(outcome(&Protection::Opportunistic, &foreign, "other.test"));
    assert!(outcome(&Protection::Encrypted, &foreign, "other.test"));
    assert!(outcome(&Protection::Verified, &authority, "mx.test"));
    assert!(!outcome(&Protection::Verified, &authority, "other.test"));
    assert!(!outcome(&Protection::Verified, &foreign, "mx.test"));
    let tlsa = format!("_25._tcp.mx.test TLSA 3 1 1 {DIGEST}");
    assert!(!outcome(&dane(SECURE, &tlsa).unwrap(), &authority, "mx.test"));
    assert!(!Protection::Opportunistic.is_required() && Protection::Encrypted.is_required());
}
