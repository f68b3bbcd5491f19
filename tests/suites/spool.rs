//! The spool when its processes die: killed at every single system call, and the order of the calls that a power cut
//! needs.

#[path = "spool/trace.rs"]
mod trace;

use harness::needs::{self, Need};
use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use tempfile::TempDir;
use trace::Call;

const STRACE: &[Need] = &[Need::Program("strace", "strace")];
const DRIVER: &str = env!("CARGO_BIN_EXE_spool-driver");
/// When the mails are handed over, as the driver has it.
const NOW: u64 = 1_795_382_363;
const TEXT: &str = "From: alice@home.test\nMessage-ID: <1@home.test>\n\nText\n";

/// A spool, and the file of what its server accepted.
struct Rig {
    directory: TempDir,
}

impl Rig {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let rig = Self { directory };
        fs::create_dir(rig.spool()).unwrap();
        fs::set_permissions(rig.spool(), Permissions::from_mode(0o700)).unwrap();
        fs::write(rig.file("accepted"), "").unwrap();
        fs::write(rig.file("content"), TEXT).unwrap();
        rig
    }

    /// With the same mails, and nothing accepted.
    fn copy(&self) -> Self {
        let copy = Self::new();
        for name in self.names() {
            let (from, to) = (self.spool().join(&name), copy.spool().join(&name));
            // Mode and content.
            fs::copy(from, to).unwrap();
        }
        copy
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn spool(&self) -> PathBuf {
        self.file("spool")
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.spool()).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "delivery.lock").collect();
        names.sort();
        names
    }

    /// What the server accepted, and how often.
    fn accepted(&self) -> BTreeMap<String, usize> {
        let lines = fs::read_to_string(self.file("accepted")).unwrap();
        lines.lines().fold(BTreeMap::new(), |mut counts, line| {
            // A report's own name depends on when the mail came.
            let line = if line.contains("@gate.test") {
                line.rsplit_once(' ').unwrap().0
            } else {
                line
            };
            *counts.entry(line.to_owned()).or_default() += 1;
            counts
        })
    }

    fn push(&self, addresses: &[&str]) -> Command {
        let mut command = Command::new("strace");
        command.arg(DRIVER).arg("push").arg(self.spool()).args(addresses);
        command
    }

    fn deliver(&self, now: u64) -> Command {
        let mut command = Command::new("strace");
        let (spool, accepted) = (self.spool(), self.file("accepted"));
        command
            .arg(DRIVER)
            .arg("deliver")
            .arg(spool)
            .arg(accepted)
            .arg(now.to_string());
        command
    }

    /// Runs a command under strace; `kill` names the call, and the how-manieth of its name, that is never executed.
    fn run(&self, command: &Command, kill: Option<(&str, usize)>) -> (ExitStatus, Vec<Call>) {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-y", "-o"]).arg(self.file("trace"));
        if let Some((name, count)) = kill {
            strace.arg("-e").arg(format!("inject={name}:signal=KILL:when={count}"));
        }
        let status = strace
            .args(command.get_args())
            .stdin(fs::File::open(self.file("content")).unwrap())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        let output = fs::read_to_string(self.file("trace")).unwrap();
        (status, trace::read(&output))
    }

    /// Runs a command to its end, and has the order of its calls checked.
    fn complete(&self, command: &Command) -> Vec<Call> {
        let (status, calls) = self.run(command, None);
        assert!(status.success(), "{status}: {calls:?}");
        assert_eq!(trace::faults(&calls, &self.directory()), [""; 0]);
        calls
    }

    /// The spool as strace names it.
    fn directory(&self) -> String {
        fs::canonicalize(self.spool()).unwrap().to_str().unwrap().to_owned()
    }

    /// Delivers until nobody waits any more, as time goes by.
    fn settle(&self) {
        for hour in [1, 2, 24 * 6, 24 * 7, 24 * 8, 24 * 9] {
            let words = self.deliver(NOW + hour * 3600);
            let mut words = words.get_args();
            let mut driver = Command::new(words.next().unwrap());
            let status = driver.args(words).stderr(Stdio::null()).status().unwrap();
            assert!(status.success(), "{status}");
        }
        assert_eq!(self.names(), [""; 0], "nothing is left over");
    }
}

/// Every call from the opening of the spool on, as a name and the how-manieth of it in the process.
fn points(calls: &[Call]) -> Vec<(String, usize)> {
    let begin = calls.iter().position(|call| call.is("openat", "spool")).unwrap();
    let mut counts = BTreeMap::new();
    let points = calls.iter().map(|call| {
        let count = counts.entry(call.name.clone()).or_insert(0);
        *count += 1;
        (call.name.clone(), *count)
    });
    points.skip(begin).collect()
}

/// Of the calls that were executed: whether the server has accepted a mail, and that was not recorded.
fn in_the_window(calls: &[Call]) -> Option<Vec<&str>> {
    let at = calls.iter().rposition(|call| call.is("write", "accepted"))?;
    let after = calls.get(at + 1..).unwrap_or_default();
    let recorded = after
        .iter()
        .any(|call| call.is("renameat", ".state") || call.is("unlinkat", ".mail"));
    (!recorded).then(|| after.iter().map(|call| call.name.as_str()).collect())
}

#[test]
fn a_writer_may_be_killed_at_every_call() {
    if !needs::met("a_writer_may_be_killed_at_every_call", STRACE) {
        return;
    }
    let to = ["bob@mail.test", "carol@mail.test"];
    let rig = Rig::new();
    let calls = rig.complete(&rig.push(&to));
    let points = points(&calls);
    assert!(points.len() > 20, "{points:?}");
    let (mut taken, mut lost) = (0, 0);
    for (name, number) in points {
        let rig = Rig::new();
        let (status, calls) = rig.run(&rig.push(&to), Some((&name, number)));
        assert!(!status.success(), "{name} {number} was not killed");
        let renamed = calls.iter().any(|call| call.is("renameat", ".mail"));
        rig.settle();
        let expected: BTreeMap<String, usize> = match renamed {
            true => to.iter().map(|to| (format!("{to}  <1@home.test>"), 1)).collect(),
            false => BTreeMap::new(),
        };
        assert_eq!(rig.accepted(), expected, "killed at {name} {number}");
        taken += usize::from(renamed);
        lost += usize::from(!renamed);
    }
    // All of it or nothing; who is told that it is taken, by the exit code, is told after both.
    assert!(taken >= 2 && lost > 20, "{taken} and {lost}");
}

/// Kills the delivery of the mails in `before` at every call, and checks that each accepted line comes once.
fn kill_deliveries(before: &Rig, now: u64, expected: &[&str]) {
    let whole = before.copy();
    let calls = whole.complete(&whole.deliver(now));
    let mut windows = 0;
    let points = points(&calls);
    for (name, number) in &points {
        let rig = before.copy();
        let (status, calls) = rig.run(&rig.deliver(now), Some((name, *number)));
        assert!(!status.success(), "{name} {number} was not killed");
        let first = rig.accepted();
        rig.settle();
        let accepted = rig.accepted();
        let lines: Vec<&str> = accepted.keys().map(String::as_str).collect();
        assert_eq!(lines, expected, "killed at {name} {number}");
        let window = in_the_window(&calls);
        if let Some(window) = &window {
            windows += 1;
            // The calls that record, and no other, lie between the server's word and the record.
            let recording = ["write", "pwrite64", "ftruncate", "fsync"];
            assert!(window.iter().all(|call| recording.contains(call)), "{window:?}");
        }
        for (line, count) in &accepted {
            let again = window.is_some() && first.contains_key(line) && *count == 2;
            assert!(
                *count == 1 || again,
                "killed at {name} {number}, {window:?}: {line} came {count} times"
            );
        }
    }
    let deliveries = calls.iter().filter(|call| call.is("write", "accepted")).count();
    println!(
        "{} calls, {windows} of them in the window of {deliveries} deliveries",
        points.len()
    );
    assert!(
        windows >= deliveries && windows <= deliveries * 6,
        "{windows} for {deliveries}"
    );
}

fn prepared(mails: &[&[&str]]) -> Rig {
    let rig = Rig::new();
    for to in mails {
        rig.complete(&rig.push(to));
    }
    rig
}

#[test]
fn a_delivery_may_be_killed_at_every_call() {
    if !needs::met("a_delivery_may_be_killed_at_every_call", STRACE) {
        return;
    }
    let before = prepared(&[&["bob@mail.test", "carol@mail.test"], &["dave@mail.test"]]);
    let expected = [
        "bob@mail.test  <1@home.test>",
        "carol@mail.test  <1@home.test>",
        "dave@mail.test  <1@home.test>",
    ];
    kill_deliveries(&before, NOW, &expected);
}

#[test]
fn a_delivery_with_every_fate_may_be_killed_at_every_call() {
    if !needs::met("a_delivery_with_every_fate_may_be_killed_at_every_call", STRACE) {
        return;
    }
    // Accepted, refused for now until it is too old, refused.
    let before = prepared(&[&["bob@mail.test", "4carol@mail.test", "5dave@mail.test"]]);
    let expected = [
        "alice@home.test 4carol@mail.test",
        "alice@home.test 5dave@mail.test",
        "bob@mail.test  <1@home.test>",
    ];
    kill_deliveries(&before, NOW, &expected);
    // The same in the middle of its life: bob has it, alice knows of dave, carol waits.
    before.complete(&before.deliver(NOW));
    kill_deliveries(&before, NOW + 3600, &expected[..1]);
}

#[test]
fn every_fsync_is_needed_and_missed_if_it_is_not_there() {
    if !needs::met("every_fsync_is_needed_and_missed_if_it_is_not_there", STRACE) {
        return;
    }
    let rig = Rig::new();
    let push = rig.complete(&rig.push(&["bob@mail.test", "5dave@mail.test"]));
    let deliver = rig.complete(&rig.deliver(NOW));
    let directory = rig.directory();
    let mut fsyncs = 0;
    for calls in [push, deliver] {
        for index in 0..calls.len() {
            if calls[index].name == "fsync" {
                let mut without = calls.clone();
                without.remove(index);
                let faults = trace::faults(&without, &directory);
                assert!(!faults.is_empty(), "without {:?} nothing is missed", calls[index]);
                fsyncs += 1;
            }
        }
    }
    assert!(fsyncs >= 8, "{fsyncs}");
}
