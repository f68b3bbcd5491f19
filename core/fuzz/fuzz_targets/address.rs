//! Any text as an address, an identifier, a field: what is taken can stand in a command or a header section as it is.
#![no_main]

use gatepost_core::message::{Address, Field, MessageId};
use gatepost_core::smtp::{Date, EnvelopeId};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let ascii = Address::parse(text);
    let utf8 = Address::parse_utf8(text);
    if let Ok(address) = utf8 {
        assert_eq!(address.as_str(), text);
        assert_eq!(format!("{}@{}", address.local_part(), address.domain()), text);
        assert!(text.len() <= 254 && address.local_part().len() <= 64 && !text.chars().any(char::is_control));
        let quoted = address.local_part().starts_with('"');
        assert!(quoted || !text.contains([' ', '<', '>', ',', ';', ':', '(', ')', '\\', '"']) || text.ends_with(']'));
        assert!(!address.domain().contains([' ', '<', '>', '@', '"']));
    }
    // What is ASCII is the same address either way, and nothing else is one without SMTPUTF8.
    assert_eq!(ascii.is_ok(), utf8.is_ok() && text.is_ascii());
    if let Ok(address) = ascii {
        assert!(address.is_ascii());
    }
    if let Ok(id) = MessageId::parse(text) {
        assert_eq!(format!("{}@{}", id.left(), id.right()), text);
        assert!(text.is_ascii() && !text.contains([' ', '<', '>', '\r', '\n', '\0']));
    }
    let (name, value) = text.split_once(':').unwrap_or((text, ""));
    if let Ok(field) = Field::new(name, value) {
        assert_eq!((field.name(), field.value()), (name, value));
        assert!(!value.chars().any(char::is_control) && name.bytes().all(|octet| octet.is_ascii_graphic()));
        assert!(!["bcc", "from", "content-type"].contains(&name.to_ascii_lowercase().as_str()));
    }
    if let Some(id) = EnvelopeId::new(text) {
        assert!(id.as_str() == text && text.bytes().all(|octet| matches!(octet, b' '..=b'~')));
    }
    if let Some(date) = Date::new(text) {
        assert!(date.as_str() == text && matches!(text.len(), 20 | 25));
    }
});
