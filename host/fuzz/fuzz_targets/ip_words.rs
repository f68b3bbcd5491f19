//! Any words: a command or a failure with a line, never a panic.
#![no_main]

use gatepost::ip::{Databases, Links, Words};
use libfuzzer_sys::fuzz_target;

/// A machine with two links.
struct TwoLinks;

impl Links for TwoLinks {
    fn index_of(&mut self, name: &str) -> Option<u32> {
        match name {
            "lo" => Some(1),
            "eth0" => Some(2),
            _ => None,
        }
    }

    fn address_length(&mut self, _: &str) -> Option<usize> {
        Some(6)
    }
}

fuzz_target!(|text: &str| {
    let databases = Databases::default();
    for family in [0, 2, 10, 17] {
        let words = || text.split([' ', '\n']).map(str::to_owned);
        if let Err(failure) = gatepost::ip::parse(&mut Words::new(words(), &mut TwoLinks, &databases, family)) {
            assert!(failure.text.ends_with('\n'), "{failure:?}");
        }
        if let Err(failure) = gatepost::tc::parse(&mut Words::new(words(), &mut TwoLinks, &databases, family)) {
            assert!(failure.text.ends_with('\n'), "{failure:?}");
        }
    }
});
