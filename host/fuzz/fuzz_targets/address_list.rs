//! Whatever stands in a header field: what is read of it says the same again, and names without a domain get one in place.
#![no_main]

use gatepost::mail::address_list::addresses;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| {
    let Ok(listed) = addresses(text) else {
        return;
    };
    // In angle brackets, with commas between them, they are the same list.
    let again: Vec<String> = listed.iter().map(|listed| format!("<{}>", listed.address)).collect();
    let read = addresses(again.join(", ").as_bytes()).expect("what was read can be read again");
    let found = |listed: &[gatepost::mail::address_list::Listed]| -> Vec<String> {
        listed.iter().map(|listed| listed.address.clone()).collect()
    };
    // A route is all that may vanish.
    if !again.iter().any(|address| address.starts_with("<@")) {
        assert_eq!(found(&read), found(&listed));
    }
    for address in found(&listed) {
        assert!(!address.is_empty() && !address.contains(['\r', '\n', '\0']));
    }
    let mut whole = text.to_vec();
    for listed in listed.iter().rev() {
        if let Some(at) = listed.bare {
            whole.splice(at..at, *b"@home.test");
        }
    }
    let completed = addresses(&whole).expect("a domain makes no list worse");
    assert!(completed.iter().all(|listed| listed.bare.is_none()));
    assert_eq!(completed.len(), listed.len());
});
