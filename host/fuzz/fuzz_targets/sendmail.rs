//! What another program says to `sendmail`: the same at every split, bounded, and every mail one that can be sent.
#![no_main]

use gatepost::mail::sendmail::Dialogue;
use gatepost::mail::{Draft, Failure, Intake, LoneDot, Order};
use gatepost_core::message::{Source, Transfer};
use libfuzzer_sys::fuzz_target;
use std::io::Read;

fuzz_target!(|data: (u8, &[u8])| {
    let (step, text) = data;
    let steps = [text.len().max(1), usize::from(step).max(1), 1];
    let taken: Vec<_> = steps.iter().map(|step| take(text, *step, false)).collect();
    assert!(taken.iter().all(|other| *other == taken[0]));
    let taken: Vec<_> = steps.iter().map(|step| take(text, *step, true)).collect();
    assert!(taken.iter().all(|other| *other == taken[0]));
    let said: Vec<_> = steps.iter().map(|step| converse(text, *step)).collect();
    assert!(said.iter().all(|other| *other == said[0]));
});

fn take(text: &[u8], step: usize, until_dot: bool) -> Vec<u8> {
    let mut intake = Intake::new(u64::MAX);
    let mut dot = LoneDot::default();
    for part in text.chunks(step) {
        if !until_dot {
            intake.feed(part).unwrap();
        } else if dot.feed(part, &mut intake).unwrap() {
            break;
        }
    }
    if until_dot {
        dot.finish(&mut intake).unwrap();
    }
    check(&intake.finish().unwrap())
}

/// No line is too long, none ends but in CRLF, nothing is there that cannot be sent, and it is as long as it says.
fn check(draft: &Draft) -> Vec<u8> {
    let mut reading = draft.reading();
    let content = reading.open(Transfer::Binary, true).unwrap();
    let mut whole = Vec::new();
    reading.read_to_end(&mut whole).unwrap();
    assert_eq!(content.octets, Some(whole.len() as u64));
    assert_eq!(content.transfer == Transfer::SevenBit, whole.is_ascii());
    let lines = whole.strip_suffix(b"\r\n").expect("the last line ends, too");
    for line in lines.split(|octet| *octet == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        assert!(line.len() <= 998 && !line.contains(&b'\r') && !line.contains(&0));
    }
    assert_eq!(
        whole.iter().filter(|octet| **octet == b'\n').count(),
        whole.windows(2).filter(|pair| pair == b"\r\n").count()
    );
    let _ = draft.recipients();
    whole
}

fn converse(text: &[u8], step: usize) -> (Vec<u8>, Vec<String>) {
    let mut dialogue = Dialogue::new("gate.test", 5000);
    let mut mails = Vec::new();
    let mut takes = |order: &Order, draft: Draft| {
        check(&draft);
        // What was accepted can be said to a server.
        order.lend(|_| Ok(())).or_else(|failure| {
            match order.recipients.iter().any(|to| !to.address.contains('@')) {
                true => Ok(()),
                false => Err(failure),
            }
        })?;
        mails.push(format!("{order:?}"));
        Ok::<_, Failure>("taken".to_owned())
    };
    let mut output = Vec::new();
    for part in text.chunks(step) {
        dialogue.feed(part, &mut takes);
        output.extend(dialogue.output());
    }
    (output, mails)
}
