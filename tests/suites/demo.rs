//! The whole demo, with every kind of server and device; what is asserted is what happened, not how it is told.

use harness::console::Event;
use harness::demo::{self, Alert, Machine, Record, Servers};
use harness::needs::{self, Need};
use harness::{device, servers};

fn run(machine: Machine, servers: Servers) -> Record {
    let mut log = Vec::new();
    let record = demo::run(machine, servers, &mut |time, line| log.push(format!("{time:?} {line}")));
    let record = record.unwrap_or_else(|error| panic!("{error}; what happened before:\n{}", log.join("\n")));
    assert_eq!(record.faults(), [""; 0], "what happened:\n{}", log.join("\n"));
    record
}

fn check(record: &Record, representations: usize) {
    let offered = record.events.iter().find_map(|(_, event)| match event {
        Event::Representations(bandwidths) => Some(bandwidths.len()),
        _ => None,
    });
    assert_eq!(offered, Some(representations));
    assert_eq!(record.segments().len(), 40);
    assert_eq!(record.mails[0].reverse_path, "device@mail.test");
    assert_eq!(record.mails[0].recipients, ["operator@mail.test"]);
    if let Alert::Mailed { subject, .. } = &record.alert {
        assert!(subject.contains("wan0"), "{subject}");
        assert_eq!(record.mails[1].reverse_path, "gateway@mail.test");
    }
    let directory = tempfile::tempdir().expect("a directory");
    let page = record.report(directory.path()).expect("a report");
    let page = std::fs::read_to_string(page).expect("the page");
    assert_eq!(
        page.matches("<polyline").count(),
        3,
        "link rate, chosen bitrate, buffer"
    );
}

#[test]
fn on_the_board_with_the_laboratorys_servers() {
    if needs::met("on_the_board_with_the_laboratorys_servers", &device::NEEDS) {
        let record = run(Machine::Qemu, Servers::Embedded);
        check(&record, 4);
        assert!(matches!(record.alert, Alert::Mailed { .. }));
    }
}

#[test]
fn on_the_board_with_real_servers() {
    let programs = [
        Need::Program("postfix", servers::postfix::PACKAGES[0]),
        Need::Program("dovecot", servers::postfix::PACKAGES[1]),
        Need::Program("nginx", servers::nginx::PACKAGES[0]),
        Need::Program("ffmpeg", servers::film::PACKAGES[0]),
    ];
    if needs::met(
        "on_the_board_with_real_servers",
        &[&device::NEEDS[..], &programs].concat(),
    ) {
        let record = run(Machine::Qemu, Servers::Real);
        check(&record, 4);
        assert!(matches!(record.alert, Alert::Mailed { .. }));
    }
}

#[test]
fn in_memory_without_any_privilege() {
    let record = run(Machine::Memory("the test asks for it".into()), Servers::Embedded);
    check(&record, 4);
}
