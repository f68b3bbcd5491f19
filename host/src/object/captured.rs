//! Bodies as the kernel (Linux 6.18) told them, with the command that made the object.

use super::address::{FOREVER, Lifetime};
use super::qdisc::Options;
use super::tbf::Rate;
use super::{Change, Kind, Object, neighbour, route};
use crate::object::attribute::Encoder;
use std::net::IpAddr;

fn octets(hexadecimal: &str) -> Vec<u8> {
    let digits: Vec<u8> = hexadecimal
        .bytes()
        .map(|digit| (digit as char).to_digit(16).unwrap() as u8)
        .collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

fn decode(kind: Kind, hexadecimal: &str) -> Object {
    Object::decode(kind, &octets(hexadecimal)).unwrap()
}

fn encode(object: &Object) -> Vec<u8> {
    let mut encoder = Encoder::default();
    object.encode(&mut encoder);
    encoder.octets().to_vec()
}

/// `ip route add 10.20.0.0/16 metric 7 nexthop via 10.0.0.9 weight 3 nexthop via 10.0.0.8 dev va onlink`
const ROUTE: &str = "02100000fe0300010000000008000f00fe000000080001000a140000080006000700000024000900\
                     1000000204000000080005000a0000091000040004000000080005000a000008";
/// `ip neigh add 10.0.0.7 lladdr 02:00:00:00:00:07 dev va`
const NEIGHBOUR: &str = "020000000400000080000001080001000a0000070a000200020000000007000008000400000000001400\
                         03001b0000001b0000001b00000000000000";
/// `ip addr add 10.0.0.1/24 dev va`
const ADDRESS: &str = "0218800004000000080001000a000001080002000a00000107000300766100000800080080000000140006\
                       00ffffffffffffffffd26d0a00d26d0a00";
/// `tc qdisc add dev va root handle 3: tbf rate 1mbit burst 16kb latency 50ms`, without its counters
const QDISC: &str = "000000000400000000000300ffffffff0300000008000100746266002c00020028000100000100000000000048e80100\
                     0000000000000000000000006a58000000401f000000000005000c0000000000";

#[test]
fn a_route_with_two_next_hops() {
    let object = decode(Kind::Route, ROUTE);
    let Object::Route(found) = &object else {
        panic!("{object:?}")
    };
    assert_eq!(
        (found.destination, found.destination_length),
        (Some(IpAddr::from([10, 20, 0, 0])), 16)
    );
    assert_eq!(
        (found.table, found.priority, found.protocol),
        (route::table::MAIN, Some(7), route::PROTOCOL_BOOT)
    );
    let hops: Vec<_> = found
        .multipath
        .iter()
        .map(|hop| (hop.gateway, hop.hops, hop.flags, hop.index))
        .collect();
    assert_eq!(
        hops,
        [
            (Some(IpAddr::from([10, 0, 0, 9])), 2, 0, 4),
            (Some(IpAddr::from([10, 0, 0, 8])), 0, route::flag::ONLINK as u8, 4)
        ]
    );
    assert_eq!(Object::decode(Kind::Route, &encode(&object)), Ok(object));
}

#[test]
fn a_neighbour() {
    let object = decode(Kind::Neighbour, NEIGHBOUR);
    let Object::Neighbour(found) = &object else {
        panic!("{object:?}")
    };
    assert_eq!(found.destination, Some(IpAddr::from([10, 0, 0, 7])));
    assert_eq!(found.link_layer.as_deref(), Some(&[2, 0, 0, 0, 0, 7][..]));
    assert_eq!(found.state, neighbour::state::PERMANENT);
    assert_eq!(found.others.u32(neighbour::nda::PROBES), Some(0));
}

#[test]
fn an_address() {
    let object = decode(Kind::Address, ADDRESS);
    let Object::Address(found) = &object else {
        panic!("{object:?}")
    };
    assert_eq!(
        (found.local, found.prefix_length),
        (Some(IpAddr::from([10, 0, 0, 1])), 24)
    );
    assert_eq!(
        found.lifetime,
        Some(Lifetime {
            preferred: FOREVER,
            valid: FOREVER
        })
    );
    assert_eq!(found.label.as_deref(), Some("va"));
    assert_eq!(Object::decode(Kind::Address, &encode(&object)), Ok(object));
}

#[test]
fn a_token_bucket() {
    let object = decode(Kind::Qdisc, QDISC);
    let Object::Qdisc(found) = &object else {
        panic!("{object:?}")
    };
    let Some(Options::Tbf(tbf)) = &found.options else {
        panic!("{found:?}")
    };
    assert_eq!(
        tbf.rate,
        Rate {
            rate: 125_000,
            cell_log: 0,
            linklayer: 1,
            overhead: 0,
            mpu: 0
        }
    );
    assert_eq!((tbf.limit, found.handle >> 16), (22_634, 3));
    assert_eq!(
        Object::decode(Kind::Qdisc, &encode(&object)).map(|again| encode(&again)),
        Ok(encode(&object))
    );
}

#[test]
fn a_body_cut_anywhere_is_refused_or_read_but_never_a_panic() {
    let bodies = [
        (Kind::Route, ROUTE),
        (Kind::Neighbour, NEIGHBOUR),
        (Kind::Address, ADDRESS),
        (Kind::Qdisc, QDISC),
    ];
    for (kind, body) in bodies {
        let whole = octets(body);
        for cut in 0..whole.len() {
            if let Ok(object) = Object::decode(kind, &whole[..cut]) {
                assert_eq!(object.kind(), kind);
            }
        }
        for place in 0..whole.len() {
            let mut changed = whole.clone();
            changed[place] ^= 0xff;
            if let Ok(object) = Object::decode(kind, &changed) {
                encode(&object);
            }
        }
    }
}

#[test]
fn an_unknown_attribute_is_kept() {
    let mut body = octets(ADDRESS);
    body.extend_from_slice(&[6, 0, 99, 0, 7, 8, 0, 0]);
    let Object::Address(found) = Object::decode(Kind::Address, &body).unwrap() else {
        panic!()
    };
    assert_eq!(found.others.get(99), Some(&[7, 8][..]));
    assert!(encode(&Object::Address(found)).ends_with(&[6, 0, 99, 0, 7, 8, 0, 0]));
}

#[test]
fn every_change_has_an_inverse() {
    let route = decode(Kind::Route, ROUTE);
    let before = decode(Kind::Neighbour, NEIGHBOUR);
    assert_eq!(Change::Add(route.clone()).inverse(None), Change::Delete(route.clone()));
    assert_eq!(Change::Delete(route.clone()).inverse(None), Change::Add(route.clone()));
    assert_eq!(
        Change::Replace(route.clone()).inverse(None),
        Change::Delete(route.clone())
    );
    assert_eq!(
        Change::Replace(route.clone()).inverse(Some(&before)),
        Change::Replace(before.clone())
    );
    assert_eq!(Change::Delete(route).inverse(Some(&before)), Change::Add(before));
}
