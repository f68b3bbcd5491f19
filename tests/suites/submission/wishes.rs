//! What a mail asks of a server beyond being taken, what a server asks of a client, and who keeps which promise.

use super::driver::{LIMIT, Letter, Octets, Report, Way, converse, letter};
use super::{Site, TEN, arrived, contents, ended};
use gatepost::net::Trust;
use gatepost_core::message::{Address, Transfer};
use gatepost_core::smtp::{
    Date, DeliverBy, EnvelopeId, Hold, Notify, Options, Priority, Protocol, Recipient, Return, Security,
};
use harness::needs;
use harness::servers::dovecot_mail::{self, DovecotMail};
use harness::servers::exim::{self, Exim};
use harness::servers::mail::{Policy, Received};
use harness::servers::postfix::{self, Postfix};
use harness::servers::scripted::{Script, Scripted, Tls};
use harness::servers::smtp_server::{self, SmtpServer};
use harness::servers::smtp_sink::{self, SmtpSink};
use harness::servers::{Port, Server};

const SMALL: Octets = Octets {
    transfer: Transfer::SevenBit,
    utf8: false,
    data: b"Subject: small\r\n\r\nA line.\r\n",
};

fn scripted(site: &Site, script: Script) -> Scripted {
    Scripted::start(script, &site.certificate).expect("the scripted server")
}

/// A script with these lines more in its EHLO reply.
fn offering(lines: &[&str]) -> Script {
    let mut script = Script::default();
    script.keywords.extend(lines.iter().map(|line| (*line).to_owned()));
    script
}

/// The one mail that came.
fn single(server: &dyn Server) -> Received {
    let mut mails = server.wait(1, LIMIT).expect("a mail");
    assert_eq!(mails.len(), 1, "{}", server.log());
    mails.remove(0)
}

fn accepted(report: &Report, server: &dyn Server) {
    ended(report, server);
    assert!(
        report.verdicts.iter().all(|verdict| verdict.outcome == Ok(())),
        "{report:?}\n{}",
        server.log()
    );
}

/// No mail was said to be taken, and none was; the reason.
fn refused(report: &Report, server: &dyn Server) -> String {
    let received = server.received().expect("what it received");
    assert!(received.is_empty(), "{received:?}");
    let told = report.verdicts.iter().map(|verdict| verdict.outcome.clone());
    told.chain([report.end.clone()])
        .find_map(Result::err)
        .unwrap_or_else(|| panic!("{report:?}"))
}

/// With notifications asked for, to two recipients.
fn notified<'a>() -> Letter<'a> {
    let address = |text| Address::parse(text).expect("well formed");
    let recipient = |text| Recipient::from(address(text));
    Letter {
        recipients: vec![
            Recipient {
                notify: Some(Notify {
                    success: true,
                    delay: true,
                    ..Notify::default()
                }),
                original: Some(address("list+a=b@example.org")),
                ..recipient("first@example.org")
            },
            Recipient {
                notify: Some(Notify::default()),
                ..recipient("last@example.org")
            },
        ],
        options: Options {
            ret: Some(Return::Headers),
            envelope_id: EnvelopeId::new("QQ 1+2"),
            ..Options::default()
        },
        octets: SMALL,
    }
}

/// The server saw what [`notified`] asks for, word by word.
fn saw_notifications(mail: &Received) {
    for word in ["RET=HDRS", "ENVID=QQ+201+2B2"] {
        assert!(mail.parameters.iter().any(|own| own == word), "{:?}", mail.parameters);
    }
    let first = mail
        .recipients
        .iter()
        .position(|path| path == "first@example.org")
        .expect("it is there");
    let (first, last) = (&mail.recipient_parameters[first], &mail.recipient_parameters[1 - first]);
    for word in ["NOTIFY=SUCCESS,DELAY", "ORCPT=rfc822;list+2Ba+3Db@example.org"] {
        assert!(first.iter().any(|own| own == word), "{first:?}");
    }
    assert!(last.iter().any(|word| word == "NOTIFY=NEVER"), "{last:?}");
}

#[test]
fn postfix_sees_and_passes_on_which_notifications_are_wanted() {
    if needs::met(
        "postfix_sees_and_passes_on_which_notifications_are_wanted",
        &postfix::NEEDS,
    ) {
        let site = Site::new();
        let server = Postfix::relay(&site.certificate, &Policy::default()).expect("Postfix");
        accepted(&converse(site.way(&server, Port::Relay), &[notified()]), &server);
        saw_notifications(&single(&server));
    }
}

#[test]
fn exim_sees_and_passes_on_which_notifications_are_wanted() {
    if needs::met("exim_sees_and_passes_on_which_notifications_are_wanted", &exim::NEEDS) {
        let site = Site::new();
        let server = Exim::start(&site.certificate, &site.authority, &Policy::default()).expect("Exim");
        accepted(&converse(site.way(&server, Port::Relay), &[notified()]), &server);
        saw_notifications(&single(&server));
    }
}

#[test]
fn smtp_sink_sees_which_notifications_are_wanted() {
    if needs::met("smtp_sink_sees_which_notifications_are_wanted", &smtp_sink::NEEDS) {
        let site = Site::new();
        let server = SmtpSink::start(&[]).expect("smtp-sink");
        accepted(&converse(site.way(&server, Port::Relay), &[notified()]), &server);
        saw_notifications(&single(&server));
    }
}

#[test]
fn smtp_server_takes_a_mail_that_requires_tls_and_no_other_server_is_given_it() {
    let name = "smtp_server_takes_a_mail_that_requires_tls_and_no_other_server_is_given_it";
    if !needs::met(name, &smtp_server::NEEDS) {
        return;
    }
    let site = Site::new();
    let server = SmtpServer::start(&site.certificate, &Policy::default()).expect("smtp-server");
    let confidential = || Letter {
        options: Options {
            require_tls: true,
            ..Options::default()
        },
        ..letter(&TEN[..1], SMALL)
    };
    // It offers REQUIRETLS under TLS only (RFC 8689 4).
    let error = refused(&converse(site.way(&server, Port::Relay), &[confidential()]), &server);
    assert!(error.contains("REQUIRETLS"), "{error}");
    accepted(
        &converse(site.way(&server, Port::Submissions), &[confidential()]),
        &server,
    );
    let mail = single(&server);
    assert!(
        mail.parameters.iter().any(|word| word == "REQUIRETLS"),
        "{:?}",
        mail.parameters
    );
    assert_eq!(mail.tls.as_deref(), Some("TLSv1.3"));
}

#[test]
fn priority_time_limit_hold_and_tls_are_said_as_they_are_asked_for() {
    let site = Site::new();
    let script = Script {
        tls: Tls::StartTls,
        require_tls: true,
        ..offering(&[
            "MT-PRIORITY MIXER",
            "DELIVERBY 240",
            "FUTURERELEASE 86400 2049-12-31T00:00:00Z",
        ])
    };
    let server = scripted(&site, script);
    let wishes = |hold| Letter {
        options: Options {
            require_tls: true,
            priority: Priority::new(-4),
            deliver_by: Some(DeliverBy {
                seconds: 600,
                returns: true,
                trace: true,
            }),
            hold: Some(hold),
            ..Options::default()
        },
        ..letter(&TEN[..1], SMALL)
    };
    let until = Date::new("2040-01-02T03:04:05Z").expect("a date");
    let report = converse(
        site.way(&server, Port::Submission),
        &[wishes(Hold::For(3600)), wishes(Hold::Until(until))],
    );
    accepted(&report, &server);
    let mails = server.wait(2, LIMIT).expect("two mails");
    for (mail, hold) in mails.iter().zip(["HOLDFOR=3600", "HOLDUNTIL=2040-01-02T03:04:05Z"]) {
        for word in ["REQUIRETLS", "MT-PRIORITY=-4", "BY=600;RT", hold] {
            assert!(
                mail.parameters.iter().any(|own| own == word),
                "{word}: {:?}",
                mail.parameters
            );
        }
    }
}

#[test]
fn a_wish_that_the_server_does_not_know_is_no_mail_but_the_next_one_goes() {
    let site = Site::new();
    let wishes = [
        Options {
            priority: Priority::new(1),
            ..Options::default()
        },
        Options {
            hold: Some(Hold::For(1)),
            ..Options::default()
        },
        Options {
            deliver_by: Some(DeliverBy {
                seconds: 300,
                returns: false,
                trace: false,
            }),
            ..Options::default()
        },
    ];
    let server = scripted(&site, Script::default());
    let unknown = wishes.map(|options| Letter {
        options,
        ..letter(&TEN[..1], SMALL)
    });
    let letters: Vec<Letter> = unknown.into_iter().chain([letter(&TEN[..1], SMALL)]).collect();
    let report = converse(site.way(&server, Port::Relay), &letters);
    ended(&report, &server);
    let outcomes: Vec<_> = report.verdicts.iter().map(|verdict| verdict.outcome.clone()).collect();
    for (outcome, keyword) in outcomes.iter().zip(["MT-PRIORITY", "FUTURERELEASE", "DELIVERBY"]) {
        assert!(
            outcome.as_ref().is_err_and(|error| error.contains(keyword)),
            "{outcomes:?}"
        );
    }
    assert_eq!(outcomes[3], Ok(()));
    assert_eq!(single(&server).recipients, TEN[..1]);
}

#[test]
fn limits_are_kept() {
    let site = Site::new();
    let server = scripted(&site, offering(&["LIMITS MAILMAX=2 RCPTMAX=3"]));
    let all = [
        "a@example.org",
        "b@example.org",
        "c@example.org",
        "d@example.org",
        "e@example.org",
    ];
    let way = site.way(&server, Port::Relay);
    let letters = [letter(&all, SMALL), letter(&all[3..], SMALL), letter(&all, SMALL)];
    let report = converse(way, &letters);
    ended(&report, &server);
    // The third mail is not even begun.
    assert_eq!(report.verdicts.len(), 2, "{report:?}");
    assert_eq!(report.verdicts[0].deferred, Some(3));
    assert_eq!(report.verdicts[1].deferred, None);
    let mails = server.wait(2, LIMIT).expect("two mails");
    assert_eq!(mails[0].recipients, all[..3]);
    assert_eq!(mails[1].recipients, all[3..]);
    let replies = report.said.iter().filter(|line| line.starts_with("S: 4."));
    assert_eq!(replies.count(), 0, "a limit was overstepped: {report:?}");
}

#[test]
fn lmtp_tells_what_became_of_the_mail_for_each_recipient() {
    let site = Site::new();
    let script = Script {
        lmtp: true,
        ..Script::default()
    };
    let recipients = [
        "a@mail.test",
        "reject@mail.test",
        "full@mail.test",
        "tempfail@mail.test",
        "b@mail.test",
    ];
    let told = |server: &dyn Server, address| {
        let way = Way {
            address,
            protocol: Protocol::Lmtp,
            ..site.way(server, Port::Relay)
        };
        let letters = [
            letter(&recipients, SMALL),
            letter(&recipients[2..3], SMALL),
            letter(&recipients[..1], SMALL),
        ];
        let report = converse(way, &letters);
        ended(&report, server);
        let verdicts = &report.verdicts;
        assert_eq!(
            verdicts[0].codes,
            [(0, 250), (1, 550), (2, 250), (3, 450), (4, 250)],
            "{report:?}"
        );
        assert_eq!(verdicts[0].delivered, [(0, 250), (2, 452), (4, 250)], "{report:?}");
        assert_eq!(verdicts[0].outcome, Ok(()));
        assert_eq!(verdicts[1].delivered, [(0, 452)], "{report:?}");
        assert!(
            verdicts[1].outcome.as_ref().is_err_and(|error| error.contains("452")),
            "{report:?}"
        );
        assert_eq!(verdicts[2].outcome, Ok(()));
        let mails = server.wait(2, LIMIT).expect("two mails");
        assert_eq!(mails[0].recipients, ["a@mail.test", "b@mail.test"]);
        assert_eq!(mails[1].recipients, ["a@mail.test"]);
        assert!(mails.iter().all(|mail| mail.data == SMALL.data), "{mails:?}");
        assert_eq!(mails.len(), 2);
    };
    let server = scripted(&site, script);
    told(&server, server.address());
    if needs::met(
        "lmtp_tells_what_became_of_the_mail_for_each_recipient",
        &smtp_server::NEEDS,
    ) {
        let server = SmtpServer::start(&site.certificate, &Policy::default()).expect("smtp-server");
        told(&server, server.lmtp());
    }
}

#[test]
fn dovecot_delivers_by_lmtp_to_whom_it_can() {
    if !needs::met("dovecot_delivers_by_lmtp_to_whom_it_can", &dovecot_mail::NEEDS) {
        return;
    }
    let site = Site::new();
    let server = DovecotMail::start(&site.certificate, &Policy::default()).expect("Dovecot");
    let way = Way {
        address: server.lmtp(),
        protocol: Protocol::Lmtp,
        ..site.way(&server, Port::Submission)
    };
    let recipients = ["a@mail.test", "nobody@mail.test", "full@mail.test", "b@mail.test"];
    for security in [Security::Plain, Security::StartTls] {
        let report = converse(
            Way { security, ..way },
            &[letter(&recipients, SMALL), letter(&recipients[..1], SMALL)],
        );
        ended(&report, &server);
        let verdicts = &report.verdicts;
        assert_eq!(
            verdicts[0].codes,
            [(0, 250), (1, 550), (2, 250), (3, 250)],
            "{report:?}"
        );
        assert_eq!(verdicts[0].delivered, [(0, 250), (2, 552), (3, 250)], "{report:?}");
        assert_eq!(verdicts[1].delivered, [(0, 250)], "{report:?}");
    }
    for (user, count) in [("a", 4), ("b", 2), ("full", 0)] {
        let mails = server.mailbox(user).expect("a mailbox");
        assert_eq!(mails.len(), count, "{user}: {mails:?}");
        assert!(
            mails
                .iter()
                .all(|mail| mail.data == SMALL.data && mail.reverse_path == "device@mail.test"),
            "{mails:?}"
        );
    }
}

#[test]
fn a_server_that_left_while_nothing_was_to_do_loses_no_mail_and_doubles_none() {
    let site = Site::new();
    let script = Script {
        leaves_after: Some(1),
        ..Script::default()
    };
    let server = scripted(&site, script);
    let way = Way {
        patient: true,
        ..site.way(&server, Port::Relay)
    };
    let two = [
        letter(&TEN[..1], SMALL),
        letter(
            &TEN[1..2],
            Octets {
                data: b"Subject: second\r\n\r\n",
                ..SMALL
            },
        ),
    ];
    let report = converse(way, &two);
    // The first is safe, and of the second nobody says that it was taken.
    assert_eq!(report.verdicts[0].outcome, Ok(()));
    assert!(
        report.verdicts[1..].iter().all(|verdict| verdict.outcome.is_err()),
        "{report:?}"
    );
    let error = report.end.clone().expect_err("the server is gone");
    assert!(
        error.contains("closed") || error.contains("reset") || error.contains("pipe"),
        "{error}"
    );
    accepted(&converse(way, &two[1..]), &server);
    let mails = server.wait(2, LIMIT).expect("two mails");
    assert_eq!(mails.len(), 2);
    assert_eq!(mails[1].data, b"Subject: second\r\n\r\n");
}

#[test]
fn what_is_not_lines_goes_by_binarymime_or_not_at_all() {
    let site = Site::new();
    let octets = Octets {
        transfer: Transfer::Binary,
        utf8: false,
        data: b"Content-Transfer-Encoding: binary\r\n\r\n\0\r.\n.\r\n\xff\n.",
    };
    let server = scripted(&site, Script::default());
    accepted(
        &converse(site.way(&server, Port::Relay), &[letter(&TEN[..1], octets)]),
        &server,
    );
    let mail = single(&server);
    assert_eq!(mail.data, octets.data);
    assert!(
        mail.parameters.iter().any(|word| word == "BODY=BINARYMIME"),
        "{:?}",
        mail.parameters
    );

    let mut script = Script::default();
    script.keywords.retain(|line| line != "BINARYMIME");
    let server = scripted(&site, script);
    let error = refused(
        &converse(site.way(&server, Port::Relay), &[letter(&TEN[..1], octets)]),
        &server,
    );
    assert!(error.contains("BINARYMIME"), "{error}");
}

#[test]
fn a_password_is_bound_to_the_connection_it_is_proven_on() {
    let site = Site::new();
    let script = |mechanisms: &[&str], tls| Script {
        tls,
        mechanisms: mechanisms.iter().map(|name| (*name).to_owned()).collect(),
        ..Script::default()
    };
    let way = |server: &Scripted, port| Way {
        mechanism: Some("SCRAM-SHA-256"),
        address: server.address(),
        ..site.way(server, port)
    };
    for (port, tls) in [(Port::Submission, Tls::StartTls), (Port::Submissions, Tls::Implicit)] {
        let server = scripted(&site, script(&["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "PLAIN"], tls));
        let report = converse(way(&server, port), &[letter(&TEN[..1], SMALL)]);
        accepted(&report, &server);
        assert!(
            report.said.iter().any(|line| line == "C: AUTH SCRAM-SHA-256-PLUS"),
            "{report:?}"
        );
        assert_eq!(single(&server).user.as_deref(), Some("device"));

        // Somebody in between, whose certificate is trusted, has another connection to the server.
        let between = Script {
            foreign: true,
            ..script(&["SCRAM-SHA-256-PLUS"], tls)
        };
        let server = scripted(&site, between);
        let error = refused(&converse(way(&server, port), &[letter(&TEN[..1], SMALL)]), &server);
        assert!(error.contains("AUTH"), "{error}");

        // Somebody takes -PLUS off the list; the server knows better (RFC 5802 6).
        let server = scripted(&site, script(&["SCRAM-SHA-256"], tls));
        let error = refused(&converse(way(&server, port), &[letter(&TEN[..1], SMALL)]), &server);
        assert!(error.contains("535"), "{error}");
    }
}

#[test]
fn external_is_for_whom_the_certificate_names() {
    if !needs::met("external_is_for_whom_the_certificate_names", &exim::NEEDS) {
        return;
    }
    let site = Site::new();
    let server = Exim::start(&site.certificate, &site.authority, &Policy::default()).expect("Exim");
    let directory = tempfile::tempdir().expect("a directory");
    site.authority.write(directory.path()).expect("a writable directory");
    // Whom it takes with the right certificate is part of the matrix; here is none.
    let nobody = Trust::file(&directory.path().join("ca.pem")).expect("an authority's certificate");
    let way = Way {
        mechanism: Some("EXTERNAL"),
        trust: &nobody,
        ..site.way(&server, Port::Submissions)
    };
    let error = refused(&converse(way, &[letter(&TEN[..1], SMALL)]), &server);
    assert!(error.contains("535"), "{error}");
}

/// smtp-sink with its flags takes away one extension after the other.
#[test]
fn smtp_sink_gets_every_mail_that_it_can_take() {
    if !needs::met("smtp_sink_gets_every_mail_that_it_can_take", &smtp_sink::NEEDS) {
        return;
    }
    let site = Site::new();
    // Flags, how often the client waits for one mail to one recipient, and whether 8-bit lines may go.
    for (flags, turns, eight) in [
        (&[][..], 4, true),
        (&["-p"], 7, true),
        (&["-8", "-N", "-E"], 4, false),
        (&["-e"], 8, false),
        (&["-P"], 8, false),
    ] {
        let server = SmtpSink::start(flags).expect("smtp-sink");
        let way = site.way(&server, Port::Relay);
        let report = converse(way, &[letter(&TEN[..1], SMALL)]);
        accepted(&report, &server);
        assert_eq!(report.turns, turns, "{flags:?}: {report:?}");
        server.wait(1, LIMIT).expect("a mail");

        let contents = contents();
        let letters: Vec<Letter> = contents
            .iter()
            .map(|(transfer, utf8, data)| {
                let octets = Octets {
                    transfer: *transfer,
                    utf8: *utf8,
                    data,
                };
                letter(&TEN[..2], octets)
            })
            .collect();
        let report = converse(way, &letters);
        ended(&report, &server);
        let goes = |transfer: Transfer, utf8: bool| !utf8 && (eight || transfer == Transfer::SevenBit);
        let count = contents
            .iter()
            .filter(|(transfer, utf8, _)| goes(*transfer, *utf8))
            .count();
        let mails = server.wait(1 + count, LIMIT).expect("the mails");
        assert_eq!(mails.len(), 1 + count);
        for ((transfer, utf8, data), verdict) in contents.iter().zip(&report.verdicts) {
            if goes(*transfer, *utf8) {
                assert_eq!(verdict.outcome, Ok(()), "{flags:?}: {report:?}");
                arrived(&mails, &TEN[..2], data);
            } else {
                assert!(verdict.outcome.is_err(), "{flags:?}: {report:?}");
            }
        }
    }
}

#[test]
fn the_scripted_server_takes_every_mail() {
    let site = Site::new();
    let script = Script {
        tls: Tls::StartTls,
        mechanisms: ["SCRAM-SHA-256-PLUS", "PLAIN"].map(str::to_owned).into(),
        ..Script::default()
    };
    let server = scripted(&site, script);
    let way = Way {
        mechanism: Some("PLAIN"),
        security: Security::StartTls,
        ..site.way(&server, Port::Submission)
    };
    assert_eq!(super::every_content(&way, &server, 0), contents().len());
    let count = contents().len();
    assert_eq!(super::a_large_mail(&way, &server, count), 1);
}
