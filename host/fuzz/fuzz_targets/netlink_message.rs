//! Any datagram: no panic, and what an object is encoded to decodes to the same object.
#![no_main]

use gatepost::netlink::{Query, Reply, Transaction, message};
use gatepost::object::attribute::Encoder;
use gatepost::object::{Change, Kind, Object};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|datagram: &[u8]| {
    for message in message::Messages::new(datagram).map_while(Result::ok) {
        let Some((kind, _)) = Kind::of(message.kind) else {
            continue;
        };
        if let Ok(object) = Object::decode(kind, message.body) {
            again(kind, &object);
            let _ = Change::Set(object.clone()).inverse(Some(&object));
        }
    }
    let mut transaction = Transaction::default();
    transaction.ask(&Query::links()).expect("a query fits a message");
    let mut replies = transaction.feed(datagram);
    while let Some(reply) = replies.poll() {
        if let Ok(Reply::Refused(_, refusal)) = reply {
            let _ = refusal.to_string();
        }
    }
});

/// Encoding settles after one round: what was decoded from it encodes to the same octets.
fn again(kind: Kind, object: &Object) {
    let encode = |object: &Object| {
        let mut encoder = Encoder::default();
        object.encode(&mut encoder);
        (!encoder.too_long()).then(|| encoder.octets().to_vec())
    };
    let Some(once) = encode(object) else { return };
    let decoded = Object::decode(kind, &once).expect("what was encoded decodes");
    let Some(twice) = encode(&decoded) else { return };
    let settled = Object::decode(kind, &twice).expect("what was encoded decodes");
    assert_eq!(encode(&settled), Some(twice));
}
