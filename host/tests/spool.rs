//! The spool as a library: what is taken, kept, refused, delivered, reported and set aside, at virtual times.

mod common;

use common::directory;
use gatepost::spool::{
    Attempt, Content, Courier, Damage, Delivery, EntryId, Error, Limits, Outcome, Report, Schedule, Spool, Status,
    Verdict,
};
use gatepost_core::message::Address;
use gatepost_core::smtp::{self, Notify, Options, Recipient, Return};
use std::fs::{self, Permissions};
use std::io::{Cursor, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

const NOW: Duration = Duration::from_secs(1_795_382_363);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TEXT: &[u8] = b"From: alice@home.test\nMessage-ID: <1@home.test>\nSubject: Hello\n\nText\n.\n";

/// A spool of one's own, by the test's name.
fn private(test: &str) -> (PathBuf, Spool) {
    let path = directory(&format!("spool-{test}"));
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    let spool = Spool::open(&path, Limits::default()).unwrap();
    (path, spool)
}

fn push(spool: &Spool, to: &[&str]) -> EntryId {
    push_as(spool, Some("alice@home.test"), to, None, NOW).unwrap()
}

fn push_as(
    spool: &Spool,
    from: Option<&str>,
    to: &[&str],
    notify: Option<Notify>,
    now: Duration,
) -> Result<EntryId, Error> {
    let recipients: Vec<Recipient<'_>> = to
        .iter()
        .map(|to| Recipient {
            notify,
            ..Recipient::from(Address::parse(to).unwrap())
        })
        .collect();
    let envelope = smtp::Envelope {
        reverse_path: from.map(|from| Address::parse(from).unwrap()),
        recipients: &recipients,
        options: Options::default(),
    };
    spool.push(&envelope, &mut &TEXT[..], now)
}

/// A file as a process leaves it that dies.
fn leave(path: &Path) -> fs::File {
    let file = fs::File::create(path).unwrap();
    file.set_permissions(Permissions::from_mode(0o600)).unwrap();
    file
}

fn names(path: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "delivery.lock")
        .collect();
    names.sort();
    names
}

/// A server by the local-part: `bob` is accepted, `4..` transient, `5..` permanent; everything else by `answer`.
#[derive(Default)]
struct Scripted {
    unreachable: bool,
    attempts: usize,
    /// Reverse-path, recipient and content of each that was accepted.
    accepted: Vec<(String, String, String)>,
}

impl Courier for Scripted {
    fn deliver(&mut self, envelope: &smtp::Envelope<'_>, content: &mut Content) -> Attempt {
        if self.unreachable {
            return Attempt::Unreachable("mail.test:587: connect: refused\n".to_owned());
        }
        self.attempts += 1;
        let mut text = String::new();
        if content.read_to_string(&mut text).is_err() {
            return Attempt::Unreachable("the session broke".to_owned());
        }
        let verdict = |recipient: &Recipient<'_>| {
            let address = recipient.address;
            let (outcome, reply) = match address.local_part().chars().next() {
                Some('4') => (Outcome::Transient, "450 4.2.0 greylisted"),
                Some('5') => (Outcome::Permanent, "550 5.1.1 no such user\r\n(really)"),
                _ => (Outcome::Accepted, "250 2.0.0 queued"),
            };
            if outcome == Outcome::Accepted {
                let from = envelope.reverse_path.map_or("", |path| path.as_str());
                self.accepted.push((from.to_owned(), address.to_string(), text.clone()));
            }
            Verdict {
                outcome,
                reply: reply.to_owned(),
            }
        };
        Attempt::Verdicts(envelope.recipients.iter().map(verdict).collect())
    }
}

/// Delivers everything that is due at `now`; what was told, and when to come again.
fn run(delivery: &mut Delivery<'_>, server: &mut Scripted, now: Duration) -> (Vec<String>, Option<Duration>) {
    let mut told = Vec::new();
    let wake = delivery
        .run(server, &mut || now, &mut || u32::MAX, &mut |report: Report| {
            told.push(report.to_string())
        })
        .unwrap();
    (told, wake)
}

fn deliver(spool: &Spool, server: &mut Scripted, now: Duration) -> (Vec<String>, Option<Duration>) {
    let mut delivery = spool.delivery(Schedule::default(), "gate.test").unwrap().unwrap();
    run(&mut delivery, server, now)
}

#[test]
fn what_is_pushed_is_listed_and_delivered_octet_for_octet() {
    let (path, spool) = private("pushed");
    let id = push(&spool, &["bob@mail.test", "carol@mail.test", "bob@mail.test"]);
    assert_eq!(names(&path), [format!("{id}.mail")]);
    assert_eq!(
        fs::metadata(path.join(format!("{id}.mail"))).unwrap().mode() & 0o7777,
        0o600
    );
    let list = spool.list().unwrap();
    let mail = list[0].content.as_ref().unwrap();
    assert_eq!((list.len(), list[0].id), (1, id));
    assert_eq!(mail.record.envelope.reverse_path(), Some("alice@home.test"));
    assert_eq!(
        mail.record.envelope.recipients().collect::<Vec<_>>(),
        ["bob@mail.test", "carol@mail.test"]
    );
    assert_eq!(mail.record.facts.octets, TEXT.len() as u64 + 6, "CRLF for LF");

    let mut server = Scripted::default();
    let (told, wake) = deliver(&spool, &mut server, NOW);
    assert_eq!(
        told,
        [
            format!("{id} delivered to bob@mail.test: 250 2.0.0 queued"),
            format!("{id} delivered to carol@mail.test: 250 2.0.0 queued"),
        ]
    );
    assert_eq!(wake, None);
    assert_eq!(names(&path), [""; 0]);
    let text = String::from_utf8(TEXT.to_vec()).unwrap();
    let expected =
        ["bob@mail.test", "carol@mail.test"].map(|to| ("alice@home.test".to_owned(), to.to_owned(), text.clone()));
    assert_eq!(server.accepted, expected);
}

#[test]
fn each_recipient_has_its_own_fate() {
    let (path, spool) = private("fates");
    let id = push(&spool, &["bob@mail.test", "4a@mail.test", "5a@mail.test"]);
    let mut server = Scripted::default();
    let (told, wake) = deliver(&spool, &mut server, NOW);
    let report = told[3].rsplit(' ').next().unwrap();
    assert_eq!(
        told,
        [
            format!("{id} delivered to bob@mail.test: 250 2.0.0 queued"),
            format!("{id} failed for 5a@mail.test: 550 5.1.1 no such user\\x0d\\x0a(really)"),
            format!("{id} waits 59 s: 450 4.2.0 greylisted"),
            format!("{id} reported to its originator by {report}"),
            format!("{report} delivered to alice@home.test: 250 2.0.0 queued"),
        ]
    );
    assert_eq!(wake, Some(NOW + Duration::from_secs(59)));
    assert_eq!(names(&path), [format!("{id}.mail"), format!("{id}.state")]);
    let (from, to, text) = &server.accepted[1];
    assert_eq!(
        (from.as_str(), to.as_str()),
        ("", "alice@home.test"),
        "a report comes from nobody"
    );
    for part in [
        "Final-Recipient: rfc822;5a@mail.test\r\n",
        "Status: 5.1.1\r\n",
        "Message-ID: <1@home.test>\r\n",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(!text.contains("bob@mail") && !text.contains("4a@mail"), "{text}");

    // What the server said is in the file, on one line.
    let state = fs::read_to_string(path.join(format!("{id}.state"))).unwrap();
    assert!(
        state.contains("\nreported 550 5.1.1 no such user\\x0d\\x0a(really)\n"),
        "{state}"
    );
    let list = spool.list().unwrap();
    let state = list[0].content.as_ref().unwrap().state.as_ref().unwrap();
    let statuses: Vec<Status> = state.recipients.iter().map(|recipient| recipient.status).collect();
    assert_eq!(statuses, [Status::Delivered, Status::Pending, Status::Reported]);
    assert_eq!(state.why(), "450 4.2.0 greylisted");

    // Later only he is tried who still waits.
    assert_eq!(deliver(&spool, &mut server, NOW + MINUTE / 2).0, [""; 0]);
    let attempts = server.attempts;
    let (told, wake) = deliver(&spool, &mut server, NOW + MINUTE);
    assert_eq!(told, [format!("{id} waits 119 s: 450 4.2.0 greylisted")]);
    assert_eq!(wake, Some(NOW + MINUTE * 3 - Duration::from_secs(1)));
    assert_eq!((server.attempts - attempts, server.accepted.len()), (1, 2));
}

#[test]
fn a_mail_that_fails_as_a_whole_leaves_its_report_and_nothing_else() {
    let (path, spool) = private("whole");
    push(&spool, &["5a@mail.test", "5b@mail.test"]);
    let mut server = Scripted::default();
    deliver(&spool, &mut server, NOW);
    assert_eq!(names(&path), [""; 0]);
    let text = &server.accepted[0].2;
    assert_eq!((server.accepted.len(), text.matches("Action: failed").count()), (1, 2));
}

#[test]
fn a_report_that_fails_is_reported_to_nobody() {
    let (path, spool) = private("double");
    let recipients = [Recipient::from(Address::parse("5a@mail.test").unwrap())];
    let envelope = smtp::Envelope {
        reverse_path: Some(Address::parse("5alice@home.test").unwrap()),
        recipients: &recipients,
        options: Options::default(),
    };
    let id = spool.push(&envelope, &mut &TEXT[..], NOW).unwrap();
    let mut server = Scripted::default();
    let (told, wake) = deliver(&spool, &mut server, NOW);
    let report = told[1].rsplit(' ').next().unwrap();
    assert_eq!(
        told[1..],
        [
            format!("{id} reported to its originator by {report}"),
            format!("{report} failed for 5alice@home.test: 550 5.1.1 no such user\\x0d\\x0a(really)"),
            format!("{report} dropped for 5alice@home.test: nobody is to be told"),
        ]
    );
    assert_eq!((names(&path), wake, server.attempts), (vec![], None, 2));
}

#[test]
fn the_originator_hears_what_he_asked_to_hear() {
    let notify = |failure, delay| Notify {
        success: false,
        failure,
        delay,
    };
    // NOTIFY, whether a failure is reported, whether a delay is.
    for (case, (notify, failure, delay)) in [
        (None, true, false),
        (Some(notify(false, false)), false, false),
        (Some(notify(true, false)), true, false),
        (Some(notify(true, true)), true, true),
        (Some(notify(false, true)), false, true),
    ]
    .into_iter()
    .enumerate()
    {
        let (path, spool) = private(&format!("notify-{case}"));
        push_as(&spool, Some("alice@home.test"), &["5a@mail.test"], notify, NOW).unwrap();
        let mut server = Scripted::default();
        deliver(&spool, &mut server, NOW);
        assert_eq!(
            (names(&path), server.accepted.len()),
            (vec![], usize::from(failure)),
            "{notify:?}"
        );

        push_as(&spool, Some("alice@home.test"), &["4a@mail.test"], notify, NOW).unwrap();
        let mut delivery = spool.delivery(Schedule::default(), "gate.test").unwrap().unwrap();
        let (mut server, mut now) = (Scripted::default(), NOW);
        while now < NOW + DAY {
            now = run(&mut delivery, &mut server, now).1.unwrap();
        }
        assert_eq!(server.accepted.len(), usize::from(delay), "told once, {notify:?}");
        while let Some(next) = run(&mut delivery, &mut server, now).1 {
            now = next;
        }
        let reports: Vec<&str> = server.accepted.iter().map(|(_, _, text)| text.as_str()).collect();
        assert_eq!(reports.len(), usize::from(delay) + usize::from(failure), "{notify:?}");
        if failure {
            assert!(
                reports[reports.len() - 1].contains("Action: failed\r\nStatus: 4.4.7\r\n"),
                "{notify:?}"
            );
        }
        assert_eq!(names(&path), [""; 0], "nothing is tried for ever");
        assert!(
            now > NOW + DAY * 5 && now < NOW + DAY * 5 + MINUTE * 61,
            "{:?}",
            now - NOW
        );
    }
}

#[test]
fn an_unreachable_server_is_asked_once_a_round_and_judges_nobody() {
    let (_, spool) = private("unreachable");
    let mut ids = [push(&spool, &["bob@mail.test"]), push(&spool, &["5a@mail.test"])];
    ids.sort();
    let mut server = Scripted {
        unreachable: true,
        ..Scripted::default()
    };
    let (told, wake) = deliver(&spool, &mut server, NOW);
    assert_eq!(
        told,
        ids.map(|id| format!("{id} waits 59 s: mail.test:587: connect: refused"))
    );
    assert_eq!(wake, Some(NOW + Duration::from_secs(59)));
    server.unreachable = false;
    deliver(&spool, &mut server, NOW + MINUTE);
    assert_eq!(server.accepted.len(), 2, "the mail and the report");
    assert_eq!(spool.list().unwrap().len(), 0);
}

#[test]
fn a_clock_that_jumps_loses_and_delays_nothing() {
    let (_, spool) = private("clock");
    // Before the time was known.
    push_as(&spool, Some("alice@home.test"), &["4a@mail.test"], None, DAY).unwrap();
    let mut delivery = spool.delivery(Schedule::default(), "gate.test").unwrap().unwrap();
    let mut server = Scripted::default();
    run(&mut delivery, &mut server, DAY);
    let mut now = NOW;
    for _ in 0..20 {
        now = run(&mut delivery, &mut server, now).1.unwrap();
    }
    assert_eq!(
        server.attempts, 21,
        "it is still tried, though it seems to be 56 years old"
    );
    // Back by a year: due at once.
    let past = now - DAY * 365;
    let wake = run(&mut delivery, &mut server, past).1.unwrap();
    assert_eq!(server.attempts, 22);
    assert!(wake <= past + MINUTE * 60);
}

#[test]
fn a_full_spool_refuses_and_keeps_what_it_has() {
    let (path, _) = private("full");
    let limits = Limits {
        octets: 1 << 20,
        mails: 2,
        message: 100_000,
    };
    let spool = Spool::open(&path, limits).unwrap();
    let recipients = [Recipient::from(Address::parse("5a@mail.test").unwrap())];
    let envelope = smtp::Envelope {
        reverse_path: Some(Address::parse("alice@home.test").unwrap()),
        recipients: &recipients,
        options: Options::default(),
    };
    let refused = |result: Result<EntryId, Error>, error: &str| assert_eq!(result.unwrap_err().to_string(), error);
    let mut large = Cursor::new(vec![b'x'; 100_001]);
    refused(
        spool.push(&envelope, &mut large, NOW),
        "spool: the mail is larger than 100000 octets; nothing was taken",
    );
    assert_eq!(names(&path), [""; 0]);
    spool.push(&envelope, &mut &TEXT[..], NOW).unwrap();
    // A writer that died.
    leave(&path.join("00000000000000000000.new"));
    spool.push(&envelope, &mut &TEXT[..], NOW).unwrap();
    let before = names(&path);
    let full = spool.push(&envelope, &mut &TEXT[..], NOW);
    assert_eq!(full.as_ref().unwrap_err().exit_code(), 75);
    refused(
        full,
        "spool: full: the mails that wait take all of 2 mails; nothing was taken",
    );
    assert_eq!(names(&path), before);
    assert!(
        before.iter().all(|name| name.ends_with(".mail")),
        "the dead writer's file is gone: {before:?}"
    );
    // Reports are made all the same.
    let mut server = Scripted::default();
    deliver(&spool, &mut server, NOW);
    assert_eq!((server.accepted.len(), names(&path)), (2, vec![]));

    let narrow = Spool::open(
        &path,
        Limits {
            octets: 3 << 20,
            mails: 9,
            message: 9 << 20,
        },
    )
    .unwrap();
    let mut large = Cursor::new(vec![b'x'; 8 << 20]);
    refused(
        narrow.push(&envelope, &mut large, NOW),
        "spool: full: the mails that wait take all of 3145728 octets; nothing was taken",
    );
    assert!(large.position() < 6 << 20, "it is refused before all of it is read");
    assert_eq!(names(&path), [""; 0]);
}

#[test]
fn a_mail_that_cannot_be_read_to_its_end_is_not_taken() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the disk is gone"))
        }
    }
    let (path, spool) = private("broken");
    let recipients = [Recipient::from(Address::parse("bob@mail.test").unwrap())];
    let envelope = |recipients| smtp::Envelope {
        reverse_path: None,
        recipients,
        options: Options {
            ret: Some(Return::Full),
            ..Options::default()
        },
    };
    let mut content = TEXT.chain(Broken);
    let error = spool.push(&envelope(&recipients), &mut content, NOW).unwrap_err();
    assert_eq!(error.to_string(), "spool: reading the mail: the disk is gone");
    let error = spool.push(&envelope(&[]), &mut &TEXT[..], NOW).unwrap_err();
    assert_eq!(error.to_string(), "spool: a mail has 1 to 1000 recipients");
    let options = Options {
        all_or_nothing: true,
        ..Options::default()
    };
    let envelope = smtp::Envelope {
        options,
        ..envelope(&recipients)
    };
    let error = spool.push(&envelope, &mut &TEXT[..], NOW).unwrap_err();
    assert_eq!(
        error.to_string(),
        "spool: all recipients or none is only for mails that are submitted at once"
    );
    assert_eq!(names(&path), [""; 0]);
}

#[test]
fn a_damaged_entry_is_told_of_and_set_aside() {
    let (path, spool) = private("damaged");
    let mut ids: Vec<EntryId> = (0..4)
        .map(|_| push(&spool, &["4a@mail.test", "bob@mail.test"]))
        .collect();
    ids.sort();
    let mut server = Scripted::default();
    deliver(&spool, &mut server, NOW);
    let file = |id: EntryId, kind: &str| path.join(format!("{id}.{kind}"));
    let change = |path: &Path, act: &dyn Fn(&mut Vec<u8>)| {
        let mut octets = fs::read(path).unwrap();
        act(&mut octets);
        fs::write(path, octets).unwrap();
    };
    change(&file(ids[0], "state"), &|octets| octets.truncate(octets.len() / 2));
    change(&file(ids[1], "mail"), &|octets| octets.truncate(octets.len() - 5));
    change(&file(ids[2], "mail"), &|octets| octets[20] ^= 1);
    change(&file(ids[3], "state"), &|octets| octets.fill(0));

    let mut delivery = spool.delivery(Schedule::default(), "gate.test").unwrap().unwrap();
    let (mut told, _) = run(&mut delivery, &mut server, NOW + MINUTE);
    told.sort();
    let cut = "cut short, or not written by a spool";
    let content = "the content is not the one that was handed over";
    assert_eq!(
        told,
        [
            format!("{} set aside: {cut}", ids[0]),
            format!("{} set aside: {cut}", ids[1]),
            format!("{} waits 119 s: {content}", ids[2]),
            format!("{} set aside: {cut}", ids[3]),
        ]
    );
    assert_eq!(server.accepted.len(), 4, "nobody got anything more");
    let again = run(&mut delivery, &mut server, NOW + DAY);
    assert_eq!(again, (vec![], None), "neither told twice nor tried");
    let list = spool.list().unwrap();
    assert_eq!(list.len(), 4, "nor lost");
    assert_eq!(list[1].content.as_ref().unwrap_err(), &Damage::Cut);
    let held = list[2].content.as_ref().unwrap().state.as_ref().unwrap();
    assert!(held.held && held.why() == content);

    // The operator decides: all get it, or nobody.
    spool.flush(ids[0], NOW + DAY).unwrap();
    assert!(file(ids[0], "damaged").exists());
    for id in &ids[1..] {
        spool.discard(*id).unwrap();
    }
    server.accepted.clear();
    run(&mut delivery, &mut server, NOW + DAY);
    assert_eq!(server.accepted[0].1, "bob@mail.test");
    assert_eq!(spool.list().unwrap().len(), 1);
    spool.discard(ids[0]).unwrap();
    assert_eq!(names(&path), [""; 0]);
}

#[test]
fn the_operator_holds_flushes_and_drops() {
    let (path, spool) = private("operator");
    let (first, second) = (push(&spool, &["4a@mail.test"]), push(&spool, &["4a@mail.test"]));
    let mut server = Scripted::default();
    let mut delivery = spool.delivery(Schedule::default(), "gate.test").unwrap().unwrap();
    run(&mut delivery, &mut server, NOW);
    spool.hold(first).unwrap();
    spool.hold(first).unwrap();
    assert_eq!(spool.flush_all(NOW + Duration::from_secs(1)).unwrap(), 1);
    assert_eq!(run(&mut delivery, &mut server, NOW + Duration::from_secs(1)).0.len(), 1);
    assert_eq!(server.attempts, 3, "what is held is not tried");
    assert_eq!(run(&mut delivery, &mut server, NOW + DAY).0.len(), 1);
    spool.flush(first, NOW + DAY).unwrap();
    assert_eq!(run(&mut delivery, &mut server, NOW + DAY).0.len(), 1, "named, it is");

    let entry = {
        spool.flush(second, NOW + DAY).unwrap();
        delivery.poll(NOW + DAY, &mut |_| {}).unwrap().unwrap()
    };
    assert_eq!(entry.id(), second);
    let busy = format!("spool: entry {second} is being delivered at this moment");
    assert_eq!(spool.discard(second).unwrap_err().to_string(), busy);
    assert_eq!(spool.hold(second).unwrap_err().to_string(), busy);
    drop(entry);
    spool.discard(second).unwrap();
    assert_eq!(
        spool.discard(second).unwrap_err().to_string(),
        format!("spool: no entry {second}")
    );
    delivery.poll(NOW + DAY, &mut |_| {}).unwrap();
    assert_eq!(names(&path), [format!("{first}.mail"), format!("{first}.state")]);
}

#[test]
fn one_process_delivers() {
    let (_, spool) = private("one");
    let other = spool.delivery(Schedule::default(), "gate.test").unwrap();
    assert!(other.is_some());
    assert!(spool.delivery(Schedule::default(), "gate.test").unwrap().is_none());
    drop(other);
    assert!(spool.delivery(Schedule::default(), "gate.test").unwrap().is_some());
}

#[test]
fn what_dead_processes_leave_is_removed_and_nothing_of_the_living() {
    let (path, spool) = private("leavings");
    let id = push(&spool, &["4a@mail.test"]);
    let mut server = Scripted::default();
    deliver(&spool, &mut server, NOW);
    let other = "00000000000000000001";
    for name in [
        format!("{other}.new"),
        format!("{other}.state"),
        format!("{other}.next"),
        format!("{id}.next"),
    ] {
        leave(&path.join(name));
    }
    let living = path.join("00000000000000000002.new");
    let writer = leave(&living);
    writer.lock().unwrap();
    fs::write(path.join("README"), "somebody else's").unwrap();
    deliver(&spool, &mut server, NOW);
    assert_eq!(
        names(&path),
        [
            "00000000000000000002.new".to_owned(),
            format!("{id}.mail"),
            format!("{id}.state"),
            "README".to_owned()
        ]
    );
    drop(writer);
    deliver(&spool, &mut server, NOW);
    assert!(!living.exists());
}

#[test]
fn unsafe_directories_are_refused() {
    let path = directory("spool-unsafe");
    let refused = |path: &Path, why: &str| {
        let error = Spool::open(path, Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), format!("spool {}: {why}", path.display()));
        assert_eq!(error.exit_code(), 78);
    };
    for (mode, why) in [
        (0o777, "mode 0777 lets everybody in; chmod o-rwx"),
        (0o701, "mode 0701 lets everybody in; chmod o-rwx"),
        (
            0o770,
            "mode 0770 is neither 0700 nor, for a group, 2770 with the setgid bit",
        ),
        (
            0o750,
            "mode 0750 is neither 0700 nor, for a group, 2770 with the setgid bit",
        ),
        (
            0o2750,
            "mode 2750 is neither 0700 nor, for a group, 2770 with the setgid bit",
        ),
    ] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        refused(&path, why);
    }
    for mode in [0o700, 0o2700, 0o2770] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        Spool::open(&path, Limits::default()).unwrap();
    }
    let link = path.with_extension("link");
    let _ = fs::remove_file(&link);
    symlink(&path, &link).unwrap();
    refused(&link, "not a directory, or a symbolic link to one");
    refused(
        &path.join("none"),
        "no such directory; make one with mode 0700, or with mode 2770 and a group",
    );
}

#[test]
fn files_that_no_spool_made_are_not_followed() {
    let (path, spool) = private("files");
    let id = push(&spool, &["bob@mail.test"]);
    let file = path.join(format!("{id}.mail"));
    let secret = path.with_extension("secret");
    let _ = fs::remove_file(&secret);
    fs::rename(&file, &secret).unwrap();
    symlink(&secret, &file).unwrap();
    let mut server = Scripted::default();
    let unreadable = format!("{id} set aside: it cannot be read, or is not a spool's own file");
    assert_eq!(deliver(&spool, &mut server, NOW).0, [unreadable.as_str()]);
    fs::remove_file(&file).unwrap();
    fs::hard_link(&secret, &file).unwrap();
    assert_eq!(
        deliver(&spool, &mut server, NOW).0,
        [unreadable.as_str()],
        "a second name"
    );
    fs::remove_file(&secret).unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o604)).unwrap();
    assert_eq!(
        deliver(&spool, &mut server, NOW).0,
        [unreadable.as_str()],
        "everybody could read it"
    );
    assert_eq!(server.accepted.len(), 0);
    spool.discard(id).unwrap();
    assert_eq!(names(&path), [""; 0]);
}

#[test]
fn a_group_shares_its_files_whatever_the_umask() {
    let path = directory("spool-group");
    fs::set_permissions(&path, Permissions::from_mode(0o2770)).unwrap();
    let spool = Spool::open(&path, Limits::default()).unwrap();
    push(&spool, &["4a@mail.test"]);
    deliver(&spool, &mut Scripted::default(), NOW);
    let modes = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().mode() & 0o7777);
    assert_eq!(modes.collect::<Vec<_>>(), [0o660; 3]);
}

#[test]
fn many_hand_over_while_one_delivers() {
    let (path, spool) = private("race");
    let mut server = Scripted::default();
    std::thread::scope(|scope| {
        let writers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    // Each with a handle of its own, as processes have.
                    let spool = Spool::open(&path, Limits::default()).unwrap();
                    for _ in 0..25 {
                        push(&spool, &["bob@mail.test"]);
                    }
                })
            })
            .collect();
        let mut delivery = spool.delivery(Schedule::default(), "gate.test").unwrap().unwrap();
        while !writers.iter().all(|writer| writer.is_finished()) {
            run(&mut delivery, &mut server, NOW);
        }
        // What a writer still had in its hands is taken a moment later.
        let later = NOW + Duration::from_secs(1);
        run(&mut delivery, &mut server, later);
    });
    assert_eq!((server.accepted.len(), names(&path)), (100, vec![]));
}
