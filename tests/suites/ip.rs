//! `gatepost ip` and `gatepost tc` against the system's: the same words in twin namespaces, then the same views.
//!
//! In one namespace the words are said to iproute2, in the other to `gatepost`. What a command writes and its exit code
//! must be the same; and both programs must show both namespaces alike, octet for octet. What chance decides, random
//! link-layer addresses, is said; what time decides, timers and ages, is not looked at.

use harness::namespace::Namespace;
use harness::needs::{self, Need};
use harness::repository;
use std::path::PathBuf;
use std::process::Command;

const NEEDS: &[Need] = &[
    Need::Root,
    Need::Program("ip", "iproute2"),
    Need::Program("tc", "iproute2"),
];

/// What a command did: both outputs and the exit code.
#[derive(Debug, PartialEq, Eq)]
struct Done {
    out: String,
    err: String,
    code: Option<i32>,
}

struct Twins {
    /// Changed by iproute2.
    theirs: Namespace,
    /// Changed by gatepost.
    ours: Namespace,
    gatepost: PathBuf,
}

impl Twins {
    fn new() -> Twins {
        let namespace = |name| {
            let namespace = Namespace::new(name).unwrap();
            // Addresses that the kernel makes, and that take their time until they are good, would differ.
            namespace.sysctl("ipv6.conf.default.addr_gen_mode", "1").unwrap();
            namespace.sysctl("ipv6.conf.default.accept_dad", "0").unwrap();
            namespace
        };
        Twins {
            theirs: namespace("theirs"),
            ours: namespace("ours"),
            gatepost: repository::gatepost().unwrap(),
        }
    }

    fn iproute2(&self, place: &Namespace, words: &[&str]) -> Done {
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        run(place, command)
    }

    fn gatepost(&self, place: &Namespace, words: &[&str]) -> Done {
        let mut command = Command::new(&self.gatepost);
        command.args(words);
        run(place, command)
    }

    /// Says the words to each in its namespace; what they say must be the same.
    fn say(&self, line: &str) {
        let words: Vec<&str> = line.split(' ').collect();
        let theirs = self.iproute2(&self.theirs, &words);
        let ours = self.gatepost(&self.ours, &words);
        assert!(ours == theirs, "{line}\n{}", difference(&ours, &theirs));
    }

    /// Both programs must show each namespace alike, and both namespaces must be alike, once links have settled: the
    /// kernel tells of a carrier some time after it came.
    fn compare(&self, views: &[&str], after: &str) {
        const ATTEMPTS: usize = 50;
        for view in views {
            let mut what = self.differs(view);
            for _ in 1..ATTEMPTS {
                if what.is_none() {
                    break;
                }
                std::thread::sleep(std::time::Duration::from_millis(100));
                what = self.differs(view);
            }
            if let Some(what) = what {
                panic!("{view}, after: {after}\n{what}");
            }
        }
    }

    fn differs(&self, view: &str) -> Option<String> {
        let words: Vec<&str> = view.split(' ').collect();
        let mut shown = Vec::new();
        for place in [&self.theirs, &self.ours] {
            let theirs = steady(self.iproute2(place, &words));
            let ours = steady(self.gatepost(place, &words));
            if ours != theirs {
                return Some(format!(
                    "in the namespace {}: {}",
                    place.name(),
                    difference(&ours, &theirs)
                ));
            }
            shown.push(if view.contains("neigh") { sorted(theirs) } else { theirs });
        }
        (shown[0] != shown[1]).then(|| format!("the namespaces: {}", difference(&shown[1], &shown[0])))
    }
}

fn run(place: &Namespace, command: Command) -> Done {
    let output = place.output(command).unwrap();
    Done {
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code(),
    }
}

/// Neighbours in the order of their text: the kernel's differs from namespace to namespace.
fn sorted(mut done: Done) -> Done {
    let mut parts: Vec<&str> = done.out.split(['\n', '{', '}']).filter(|part| part.len() > 1).collect();
    parts.sort_unstable();
    done.out = parts.join("\n");
    done
}

/// The first lines that differ, and the exit codes.
fn difference(ours: &Done, theirs: &Done) -> String {
    let mut text = format!("exit codes {:?} and {:?}\n", ours.code, theirs.code);
    for (ours, theirs) in [(&ours.out, &theirs.out), (&ours.err, &theirs.err)] {
        let (mut ours, mut theirs) = (ours.split('\n'), theirs.split('\n'));
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => break,
                (ours, theirs) if ours == theirs => {}
                (ours, theirs) => {
                    text.push_str(&format!("  gatepost: {ours:?}\n  iproute2: {theirs:?}\n"));
                    break;
                }
            }
        }
    }
    text
}

/// Without the numbers that time decides.
fn steady(mut done: Done) -> Done {
    for name in [
        "gc_timer",
        "hello_timer",
        "tcn_timer",
        "topology_change_timer",
        "forward_delay_timer",
        "hold_timer",
    ] {
        for lead in [format!("\"{name}\":"), format!("{name} ")] {
            let mut rest = std::mem::take(&mut done.out);
            while let Some(at) = rest.find(&lead) {
                let number = at + lead.len();
                let end = rest[number..].find(|c: char| !matches!(c, ' ' | '.' | '0'..='9'));
                done.out.push_str(&rest[..number]);
                rest = rest.split_off(end.map_or(rest.len(), |end| number + end));
            }
            done.out.push_str(&rest);
        }
    }
    done
}

/// Links that every story begins with: a bridge, two veth pairs, addresses of their own for all.
const LINKS: &[&str] = &[
    "ip link add br0 address 02:00:00:00:00:01 type bridge",
    "ip link add va address 02:00:00:00:00:02 type veth peer name vb address 02:00:00:00:00:03",
    "ip link add name wa address 02:00:00:00:00:04 type veth peer wb address 02:00:00:00:00:05",
    "ip link set lo up",
    "ip link set vb up",
    "ip link set va up",
];

const LINK_VIEWS: &[&str] = &[
    "ip link",
    "ip -j link",
    "ip -j -p link show",
    "ip -br link",
    "ip -br -j link",
    "ip -o link",
    "ip -d link",
    "ip -d -j link",
    "ip link show type bridge",
    "ip link show master br0",
    "ip link show up",
    "ip -6 link",
];

#[test]
fn links() {
    if !needs::met("ip: links", NEEDS) {
        return;
    }
    let twins = Twins::new();
    for line in LINKS {
        twins.say(line);
    }
    twins.compare(LINK_VIEWS, "the links");
    let mut stories: Vec<String> = Vec::new();
    for mtu in [68, 576, 1400, 9000] {
        stories.push(format!("ip link set dev va mtu {mtu}"));
    }
    for (switch, link) in [
        ("arp", "va"),
        ("multicast", "vb"),
        ("allmulticast", "wa"),
        ("promisc", "wb"),
        ("dynamic", "va"),
    ] {
        for state in ["on", "off", "on"] {
            stories.push(format!("ip link set {link} {switch} {state}"));
        }
    }
    for option in [
        "forward_delay 400",
        "hello_time 100",
        "max_age 1000",
        "ageing_time 100",
        "priority 4096",
        "group_fwd_mask 8",
        "group_address 01:80:c2:00:00:04",
        "mcast_router 2",
        "mcast_querier 1",
        "mcast_hash_max 512",
        "mcast_last_member_count 3",
        "mcast_query_interval 100",
        "mcast_snooping 0",
        "no_linklocal_learn 1",
        "nf_call_iptables 1",
    ] {
        stories.push(format!("ip link set br0 type bridge {option}"));
    }
    stories.push("ip link set vb master br0".to_owned());
    for option in [
        "cost 7",
        "priority 8",
        "hairpin on",
        "guard on",
        "root_block on",
        "fastleave on",
        "learning off",
        "flood off",
        "mcast_flood off",
        "bcast_flood off",
        "mcast_to_unicast on",
        "neigh_suppress on",
        "isolated on",
        "group_fwd_mask 8",
        "mcast_router 2",
    ] {
        stories.push(format!("ip link set vb type bridge_slave {option}"));
    }
    stories.extend(
        [
            "ip link set vb nomaster",
            "ip l s va alias uplink",
            "ip link set va group 7",
            "ip link set va txqueuelen 55",
            "ip link set wa address 02:00:00:00:01:04",
            "ip link set wa name renamed",
            "ip link set dev renamed addrgenmode none",
            "ip link set dev wb addrgenmode random",
            "ip link set renamed up",
            "ip link set renamed down",
            "ip link set va down",
            "ip link del va",
            "ip link add dev one type veth peer name two index 77",
            "ip link delete one",
            "ip link del br0 type bridge",
        ]
        .map(str::to_owned),
    );
    for line in &stories {
        twins.say(line);
        if !line.contains(" one ") {
            twins.compare(&["ip -d link", "ip -j -d link"], line);
        }
    }
    twins.compare(LINK_VIEWS, "everything");
}

#[test]
fn addresses() {
    if !needs::met("ip: addresses", NEEDS) {
        return;
    }
    const VIEWS: &[&str] = &[
        "ip addr",
        "ip -j addr",
        "ip -4 addr",
        "ip -6 -j addr",
        "ip -br addr",
        "ip -o addr",
        "ip -d addr",
        "ip addr show dev va",
        "ip addr show scope global",
        "ip addr show to 10.0.0.0/8",
        "ip -4 addr show label va*",
        "ip addr show up",
    ];
    let twins = Twins::new();
    for line in LINKS {
        twins.say(line);
    }
    let mut stories: Vec<String> = Vec::new();
    for prefix in [8, 16, 24, 30, 31, 32] {
        stories.push(format!("ip addr add 10.{prefix}.0.1/{prefix} dev va"));
        stories.push(format!("ip addr add 10.{prefix}.0.2/{prefix} brd + dev va"));
        stories.push(format!("ip addr add 10.{prefix}.0.3/{prefix} broadcast - dev vb"));
    }
    for prefix in [32, 64, 127, 128] {
        stories.push(format!("ip -6 addr add 2001:db8:{prefix}::1/{prefix} dev va nodad"));
    }
    stories.extend(
        [
            "ip addr add 192.0.2.1 peer 192.0.2.2/32 dev wa",
            "ip a a 192.0.2.5/24 dev va label va:1",
            "ip addr add 192.0.2.6/24 dev va metric 77 scope link",
            "ip addr add 192.0.2.7/24 dev va noprefixroute",
            "ip addr add 192.0.2.8/24 brd 192.0.2.99 dev va",
            "ip addr change 192.0.2.8/24 dev va metric 5",
            "ip addr replace 192.0.2.9/24 dev va",
            "ip addr add 2001:db8::7/64 dev vb nodad home",
            "ip addr del 10.8.0.1/8 dev va",
            "ip addr del 10.16.0.1 dev va",
            "ip addr del 2001:db8:64::1/64 dev va",
            "ip addr flush dev vb scope global",
            "ip addr flush to 192.0.2.0/24",
        ]
        .map(str::to_owned),
    );
    for line in &stories {
        twins.say(line);
        twins.compare(&["ip -4 addr", "ip -j -d addr show scope global"], line);
    }
    twins.compare(VIEWS, "everything");
}

#[test]
fn routes() {
    if !needs::met("ip: routes", NEEDS) {
        return;
    }
    const VIEWS: &[&str] = &[
        "ip route",
        "ip -j route",
        "ip -j -p -d route",
        "ip -d route",
        "ip -6 route",
        "ip -j -6 route",
        "ip route show table all",
        "ip -j route show table all",
        "ip route show table 100",
        "ip route show table 70000",
        "ip route show proto static",
        "ip route show root 10.0.0.0/8",
        "ip route show match 10.1.2.3",
        "ip route show exact 10.20.0.0/16",
        "ip route show dev va",
        "ip route show via 10.0.0.9",
        "ip route show type blackhole",
        "ip route show scope link",
        "ip route get 10.1.2.3",
        "ip -j route get 10.20.1.1",
    ];
    let twins = Twins::new();
    for line in LINKS {
        twins.say(line);
    }
    twins.say("ip addr add 10.0.0.1/24 dev va");
    twins.say("ip addr add 2001:db8::1/64 dev va nodad");
    let mut stories: Vec<String> = Vec::new();
    for length in 8..=32 {
        let metric = if length % 3 == 0 {
            format!(" metric {length}")
        } else {
            String::new()
        };
        let place = if length % 4 == 0 { " table 100" } else { "" };
        stories.push(format!(
            "ip route add 10.{}.0.0/{length} via 10.0.0.9{metric}{place}",
            128
        ));
    }
    for option in [
        "mtu 1400",
        "mtu lock 1400",
        "advmss 1000",
        "window 5000",
        "rtt 30ms",
        "rttvar 2s",
        "rto_min 200ms",
        "ssthresh 9",
        "cwnd lock 12",
        "initcwnd 11",
        "initrwnd 13",
        "hoplimit 60",
        "features ecn",
        "quickack 1",
        "congctl reno",
        "reordering 5",
        "realms 3/4",
        "realms 5",
        "tos 0x10",
        "src 10.0.0.1",
        "proto static",
        "proto bgp",
        "proto 77",
        "scope link",
        "onlink",
        "table 70000",
        "table local",
        "expires 500",
        "pref high",
    ] {
        stories.push(format!("ip route add 10.77.0.0/16 via 10.0.0.9 dev va {option}"));
        stories.push(format!("ip route del 10.77.0.0/16 via 10.0.0.9 {option}"));
        stories.push(format!(
            "ip -6 route add 2001:db8:77::/48 via 2001:db8::9 dev va {option}"
        ));
        stories.push(format!("ip -6 route del 2001:db8:77::/48 {option}"));
    }
    for kind in ["blackhole", "unreachable", "prohibit", "throw"] {
        stories.push(format!("ip route add {kind} 10.99.0.0/16 metric 9"));
        stories.push(format!("ip route del {kind} 10.99.0.0/16"));
    }
    stories.extend(
        [
            "ip route add default via 10.0.0.9",
            "ip route add 10.20.0.0/16 nexthop via 10.0.0.9 weight 3 nexthop via 10.0.0.8 dev va onlink",
            "ip -6 route add 2001:db8:1::/48 via 2001:db8::9 metric 5 pref low",
            "ip -6 route add default via fe80::1 dev va",
            "ip route add 10.30.0.0/16 via inet6 2001:db8::9 dev va",
            "ip ro replace default via 10.0.0.8",
            "ip route change default via 10.0.0.7 mtu 1300",
            "ip route append 10.20.0.0/16 via 10.0.0.6",
            "ip route prepend 10.20.0.0/16 via 10.0.0.5",
            "ip route add local 10.40.0.1 dev va",
            "ip route add broadcast 10.40.0.255 dev va",
            "ip route add blackhole 10.50.0.0/16",
            "ip route del default",
            "ip route flush table 100",
            "ip route flush root 10.128.0.0/12",
        ]
        .map(str::to_owned),
    );
    for line in &stories {
        twins.say(line);
        twins.compare(&["ip -d route show table all", "ip -j -6 route"], line);
    }
    twins.compare(VIEWS, "everything");
}

#[test]
fn neighbours() {
    if !needs::met("ip: neighbours", NEEDS) {
        return;
    }
    const VIEWS: &[&str] = &[
        "ip neigh",
        "ip -j neigh",
        "ip -br neigh",
        "ip -4 neigh",
        "ip -6 neigh",
        "ip neigh show dev va",
        "ip neigh show nud all",
        "ip neigh show nud permanent",
        "ip neigh show proxy",
        "ip neigh show to 10.0.0.0/29",
    ];
    let twins = Twins::new();
    for line in LINKS {
        twins.say(line);
    }
    let mut stories: Vec<String> = Vec::new();
    for state in ["permanent", "noarp", "reachable", "stale"] {
        for host in 1..=4 {
            stories.push(format!(
                "ip neigh add 10.0.0.{host} lladdr 02:00:00:00:02:0{host} nud {state} dev va"
            ));
        }
        stories.push("ip neigh del 10.0.0.4 dev va".to_owned());
        stories.push(format!(
            "ip neigh replace 10.0.0.1 lladdr 02:00:00:00:03:01 nud {state} dev va"
        ));
        stories.push(format!(
            "ip neigh add 2001:db8::1 lladdr 2:0:0:0:4:1 nud {state} dev vb router"
        ));
    }
    stories.extend(
        [
            "ip neigh add proxy 10.0.0.9 dev va",
            "ip neigh add 10.0.0.10 lladdr 02:00:00:00:02:0a dev va protocol static",
            "ip neigh change 10.0.0.10 lladdr 02:00:00:00:02:0b dev va",
            "ip neigh add 10.0.0.11 lladdr 02:00:00:00:02:0c dev va extern_learn",
            "ip neigh flush dev va nud permanent",
            "ip neigh del proxy 10.0.0.9 dev va",
        ]
        .map(str::to_owned),
    );
    for line in &stories {
        twins.say(line);
        twins.compare(&["ip -j neigh show nud all"], line);
    }
    twins.compare(VIEWS, "everything");
}

#[test]
fn token_buckets() {
    if !needs::met("tc: tbf", NEEDS) {
        return;
    }
    const VIEWS: &[&str] = &[
        "tc qdisc show dev va",
        "tc -j qdisc show dev va",
        "tc -j -p qdisc show dev va",
        "tc -d qdisc show dev va",
        "tc -d -j qdisc show dev va",
        "tc -r qdisc show dev va",
        "tc -iec qdisc show dev va",
        "tc qdisc",
        "tc qdisc show dev va root",
    ];
    let twins = Twins::new();
    for line in LINKS {
        twins.say(line);
    }
    twins.say("tc qdisc add dev va root handle 3: tbf rate 1mbit burst 16kb latency 50ms");
    let mut stories: Vec<String> = Vec::new();
    for rate in [
        "8kbit", "96bit", "1500kbit", "1mbit", "1Mibit", "2.5mbit", "100KBps", "1gbit", "40gbit", "100gbit",
    ] {
        for bucket in [
            "burst 1600 limit 3000",
            "buffer 16kb latency 50ms",
            "maxburst 64k/8 latency 1.5s",
        ] {
            stories.push(format!(
                "tc qdisc replace dev va root handle 3: tbf rate {rate} {bucket}"
            ));
        }
    }
    stories.extend(
        [
            "tc qdisc change dev va root tbf rate 3mbit burst 10kb limit 20kb",
            "tc qdisc replace dev va root handle 3: tbf rate 1mbit burst 16kb latency 50ms peakrate 2mbit mtu 1540",
            "tc qdisc replace dev va root handle 3: tbf rate 1mbit burst 16kb limit 32kb peakrate 80gbit minburst 2000/16 mpu 64",
            "tc qdisc replace dev va root handle 5: tbf rate 1mbit burst 16kb latency 50ms overhead 20 linklayer atm",
            "tc qdisc del dev va root",
            "tc qdisc add dev va handle 7: parent root tbf rate 1mbit burst 16kb latency 5ms",
            "tc qdisc del dev va root",
            "tc qdisc add dev va ingress",
        ]
        .map(str::to_owned),
    );
    for line in &stories {
        twins.say(line);
        twins.compare(VIEWS, line);
    }
}

/// Words that are refused: by the grammar, by the tables, by the kernel. The same lines, the same codes.
#[test]
fn refusals() {
    if !needs::met("ip: refusals", NEEDS) {
        return;
    }
    const LINES: &[&str] = &[
        "ip link set nope up",
        "ip link set va mtu 1",
        "ip link set va mtu x",
        "ip link set va mtu 100 mtu 200",
        "ip link set va mtu",
        "ip link set va master nope",
        "ip link set va address 02:00:00",
        "ip link set va address zz:00:00:00:00:00",
        "ip link set va arp maybe",
        "ip link set",
        "ip link set va name a/b",
        "ip link set va up extra",
        "ip link add br0 type bridge",
        "ip link add x type nosuchkind",
        "ip link add x",
        "ip link add va type veth peer name vb",
        "ip link add name x dev y type bridge",
        "ip link del nope",
        "ip link del lo",
        "ip link show nope",
        "ip link show dev va dev vb",
        "ip link frobnicate",
        "ip link set br0 type bridge forward_delay x",
        "ip link set vb type bridge_slave cost 3",
        "ip addr add 10.0.0.1/33 dev va",
        "ip addr add 10.0.0.1/24",
        "ip addr add 10.0.0.1/24 dev nope",
        "ip addr add 10.0.0.1/24 10.0.0.2/24 dev va",
        "ip addr add 300.0.0.1 dev va",
        "ip addr add 10.0.0.1/24 dev va scope weird",
        "ip addr add 10.0.0.1/24 brd 10.0.0.3 brd 10.0.0.4 dev va",
        "ip addr add 10.0.0.1/24 dev va valid_lft 1 preferred_lft 2",
        "ip addr add 10.0.0.1/24 dev va valid_lft 0",
        "ip addr add 10.0.0.1/24 dev va autojoin",
        "ip addr add 10.0.0.1/24 dev va nodad",
        "ip addr del 10.9.9.9/24 dev va",
        "ip addr flush",
        "ip addr show dev nope",
        "ip -6 addr add 10.0.0.1/24 dev va",
        "ip addr add 2001:db8::1/64 broadcast + dev va",
        "ip route add 10.0.0.0/8 via 10.99.99.99",
        "ip route add 10.0.0.0/8 via",
        "ip route add 10.0.0.0/8 via x",
        "ip route add 10.0.0.0/8 dev nope",
        "ip route add 10.0.0.0/8 dev va table nosuch",
        "ip route add 10.0.0.0/8 dev va metric x",
        "ip route add 10.0.0.0/8 10.1.0.0/16 dev va",
        "ip route add 10.0.0.1/8 dev va",
        "ip route add 10.0.0.0/8 dev va mtu x",
        "ip route add 10.0.0.0/8 nexthop via 10.0.0.1 weight 999",
        "ip route add 10.0.0.0/8 nexthop dev nope",
        "ip route add 10.0.0.0/8 nexthop",
        "ip route add 10.0.0.0/8 via 10.0.0.1 via 10.0.0.2",
        "ip route del 10.77.0.0/16",
        "ip route get 10.0.0.1",
        "ip route get",
        "ip route show table nosuch",
        "ip route show table 12345",
        "ip route flush",
        "ip route frobnicate",
        "ip neigh add 10.0.0.1",
        "ip neigh add 10.0.0.1 dev nope",
        "ip neigh add 10.0.0.1 lladdr xx dev va",
        "ip neigh add 10.0.0.1 nud odd dev va",
        "ip neigh del 10.0.0.1 dev va",
        "ip neigh flush",
        "ip neigh show dev nope",
        "ip tuntap add dev t0",
        "ip tuntap add dev t0 mode odd",
        "ip tuntap add dev t0 mode tun mode tap",
        "ip netns add",
        "ip netns del nosuchname",
        "ip netns frobnicate",
        "ip frobnicate",
        "ip -frobnicate link",
        "ip -n nosuchname link",
        "tc qdisc add dev nope root tbf rate 1mbit burst 16kb latency 50ms",
        "tc qdisc add dev va root nosuchkind",
        "tc qdisc del dev va root",
        "tc qdisc change dev va root tbf rate 1mbit burst 16kb latency 50ms",
        "tc qdisc add dev va root tbf rate 1mbit burst 0 limit x",
        "tc qdisc add dev va root tbf rate x burst 16kb latency 50ms",
        "tc qdisc add dev va root tbf rate 1mbit rate 2mbit burst 16kb latency 50ms",
        "tc qdisc add dev va root tbf rate 1mbit burst 16kb latency 50ms limit 5",
        "tc qdisc add dev va root root tbf rate 1mbit burst 16kb latency 50ms",
        "tc qdisc add dev va handle zz: root tbf rate 1mbit burst 16kb latency 50ms",
        "tc qdisc add dev va root tbf rate 1mbit burst 10 limit 10 peakrate 1kbit mtu 10",
        "tc qdisc show dev nope",
        "tc qdisc show frob",
        "tc qdisc frobnicate",
        "tc frobnicate",
        "tc -frobnicate qdisc",
    ];
    let twins = Twins::new();
    for line in LINKS {
        twins.say(line);
    }
    for line in LINES {
        twins.say(line);
    }
    twins.compare(
        &[
            "ip -d link",
            "ip addr show scope global",
            "ip route show table all",
            "ip neigh",
            "tc qdisc",
        ],
        "refusals",
    );
}

/// iproute2 shows an empty table where a route has more next hops than its first buffer holds.
#[test]
fn a_table_is_never_cut_in_silence() {
    if !needs::met("ip: long routes", NEEDS) {
        return;
    }
    let twins = Twins::new();
    for line in [
        "ip link add va type veth peer name vb",
        "ip link set va up",
        "ip link set vb up",
        "ip addr add 10.0.0.1/8 dev va",
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(twins.gatepost(&twins.ours, &words).code, Some(0), "{line}");
    }
    for (place, count, shown) in [(1, 240, true), (2, 1900, true), (3, 2100, false)] {
        let mut line = format!("ip route add 10.20{place}.0.0/16");
        for hop in 2..count + 2 {
            line.push_str(&format!(" nexthop via 10.0.{}.{} dev va", hop / 250, hop % 250));
        }
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(twins.gatepost(&twins.ours, &words).code, Some(0), "{count} next hops");
        let done = twins.gatepost(&twins.ours, &["ip", "route", "show"]);
        if shown {
            assert_eq!(done.code, Some(0), "{}", done.err);
            assert!(done.out.matches("nexthop").count() >= count, "{count} next hops");
        } else {
            assert_eq!((done.code, done.out.as_str()), (Some(2), ""));
            assert_eq!(done.err, "Error: Buffer too small for object.\nDump terminated\n");
        }
    }
}

/// A tap that lives on, and named namespaces, by names that nothing else has.
#[test]
fn taps_and_namespaces() {
    if !needs::met("ip: taps and namespaces", &[NEEDS, &[Need::Tun]].concat()) || needs::confined() {
        return;
    }
    let twins = Twins::new();
    for line in [
        "ip tuntap add dev gptap0 mode tap",
        "ip link set gptap0 address 02:00:00:00:00:07",
        "ip tuntap add dev gptun0 mode tun user 0 group 0",
        "ip tuntap add dev gptap0 mode tap",
    ] {
        twins.say(line);
    }
    twins.compare(&["ip -d link show gptap0", "ip -d -j link show gptap0"], "tuntap add");
    twins.say("ip tuntap del dev gptap0 mode tap");
    twins.compare(&["ip link show gptap0"], "tuntap del");
    let name = format!("gatepost-test-{}", std::process::id());
    let ours = |words: &[&str]| twins.gatepost(&twins.ours, words);
    assert_eq!(ours(&["ip", "netns", "add", &name]).err, "");
    let listed = twins.iproute2(&twins.theirs, &["ip", "netns", "list"]);
    assert!(listed.out.lines().any(|line| line.starts_with(&name)), "{}", listed.out);
    assert!(ours(&["ip", "-n", &name, "link"]).out.starts_with("1: lo:"));
    let inside = ours(&["ip", "netns", "exec", &name, "ip", "link"]);
    assert!(inside.out.starts_with("1: lo:"), "{inside:?}");
    let removed = ours(&["ip", "netns", "delete", &name]);
    assert_eq!((removed.err.as_str(), removed.code), ("", Some(0)));
}

/// A subscription tells what is made, changed and removed, in that order.
#[test]
fn events() {
    use gatepost::netlink::events::group;
    use gatepost::netlink::{Connection, Event, Events};
    use gatepost::object::{Change, Link, Object};
    use std::time::Duration;
    if !needs::met("netlink: events", &[Need::Root]) {
        return;
    }
    let namespace = Namespace::new("events").unwrap();
    let told = namespace.run(|| {
        let mut events = Events::open(&[group::LINK]).unwrap();
        let mut connection = Connection::open().unwrap();
        let bridge = Link {
            name: Some("br0".to_owned()),
            kind: Some("bridge".to_owned()),
            ..Link::default()
        };
        let bridge = Object::Link(Box::new(bridge));
        connection.execute(&Change::Add(bridge.clone())).unwrap();
        connection.execute(&Change::Delete(bridge)).unwrap();
        let mut told = Vec::new();
        // Long enough for any machine; the last event ends it at once.
        while let Some(event) = events.next(Some(Duration::from_secs(20))).unwrap() {
            let (what, object) = match event {
                Event::New(object) => ("new", object),
                Event::Deleted(object) => ("deleted", object),
                Event::Overrun => panic!("events were lost"),
            };
            let Object::Link(link) = object else {
                panic!("{object:?}")
            };
            told.push((what, link.name.unwrap()));
            if what == "deleted" {
                break;
            }
        }
        told
    });
    assert_eq!(told.first(), Some(&("new", "br0".to_owned())));
    assert_eq!(told.last(), Some(&("deleted", "br0".to_owned())));
}
