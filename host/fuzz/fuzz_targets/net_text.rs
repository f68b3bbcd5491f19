//! Whatever a person or a policy's author wrote: it is read or refused, and what was read says the same again.
#![no_main]

use gatepost::net::mx::sts::{Mode, Policy};
use gatepost::net::{Association, Endpoint, Proxy};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Some(endpoint) = Endpoint::parse(text, 25) {
        assert_eq!(Endpoint::parse(&endpoint.to_string(), 1).as_ref(), Some(&endpoint));
    }
    let _ = Proxy::parse(text);
    // What is shown of a proxy does not depend on its password.
    if let Ok(proxy) = Proxy::parse(&format!("socks5://user:{text}@proxy.test")) {
        let another = Proxy::parse("socks5://user:another@proxy.test").unwrap();
        assert_eq!(format!("{proxy:?}"), format!("{another:?}"));
    }
    if let Some(pin) = Association::parse_pin(text) {
        assert_eq!(pin.data.len(), 32);
    }
    if let Ok(policy) = Policy::parse("1", text) {
        assert!(policy.mode == Mode::None || !policy.mx.is_empty());
        for pattern in &policy.mx {
            assert!(policy.names(&pattern.replace('*', "a")), "{pattern}");
            assert!(!policy.names(&format!("a.b.c.{pattern}.other.test")) || policy.mx.len() > 1);
        }
    }
});
