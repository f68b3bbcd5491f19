//! The network of the laboratory: servers, a gateway with two uplinks, and a bridge for the device.
//!
//! ```text
//!  namespace gp-net                    namespace gp-gw (the gateway)                 QEMU
//!  lo 203.0.113.10/32   wan-peer 192.0.2.1/30 ---- wan0 192.0.2.2/30     br-lan
//!  (the servers)        lte-peer 198.51.100.1/30 - lte0 198.51.100.2/30  192.168.77.1/24 - tap0 ---- device
//! ```
//!
//! The kernel's objects (links, addresses, routes, rate limits) are made by the `gatepost` binary alone.

use crate::namespace::Namespace;
use crate::process::until;
use crate::servers::dhcp::Lease;
use crate::{Context, Result};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Where the servers are.
pub const SERVER: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 10);
/// The gateway's address towards the device.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 1);
/// The device's address.
pub const DEVICE: Ipv4Addr = Ipv4Addr::new(192, 168, 77, 10);
/// What the DHCP server gives to the device.
pub const LEASE: Lease = Lease {
    server: GATEWAY,
    client: DEVICE,
    mask: Ipv4Addr::new(255, 255, 255, 0),
};

/// The running network.
pub struct Network {
    /// Where the servers run.
    pub servers: Namespace,
    /// The gateway.
    pub gateway: Namespace,
    gatepost: PathBuf,
    said: Mutex<Vec<String>>,
}

impl Network {
    /// Builds it, all but the tap, with the given `gatepost` binary. Needs root.
    pub fn new(gatepost: &Path) -> Result<Self> {
        let network = Self {
            servers: Namespace::new("gp-net")?,
            gateway: Namespace::new("gp-gw")?,
            gatepost: gatepost.to_owned(),
            said: Mutex::default(),
        };
        let servers = network.servers.path();
        network.on_gateway("ip link set lo up")?;
        for (link, peer, ours, theirs, metric) in [
            ("wan0", "wan-peer", "192.0.2.2", "192.0.2.1", 100),
            ("lte0", "lte-peer", "198.51.100.2", "198.51.100.1", 200),
        ] {
            network.on_gateway(&format!("ip link add {link} type veth peer name {peer}"))?;
            network.on_gateway(&format!("ip link set {peer} netns {}", servers.display()))?;
            network.on_gateway(&format!("ip addr add {ours}/30 dev {link}"))?;
            network.on_gateway(&format!("ip link set {link} up"))?;
            network.on_servers(&format!("ip addr add {theirs}/30 dev {peer}"))?;
            network.on_servers(&format!("ip link set {peer} up"))?;
            network.on_servers(&format!("ip route add 192.168.77.0/24 via {ours} metric {metric}"))?;
            network.on_gateway(&format!("ip route add default via {theirs} metric {metric}"))?;
        }
        network.on_servers("ip link set lo up")?;
        network.on_servers(&format!("ip addr add {SERVER}/32 dev lo"))?;
        network.on_gateway("ip link add br-lan type bridge")?;
        network.on_gateway(&format!("ip addr add {GATEWAY}/24 dev br-lan"))?;
        network.on_gateway("ip link set br-lan up")?;
        network.gateway.sysctl("ipv4.ip_forward", "1")?;
        // A route over a link without carrier is no route: the other uplink takes over.
        network
            .gateway
            .sysctl("ipv4.conf.all.ignore_routes_with_linkdown", "1")?;
        Ok(network)
    }

    /// Waits for the tap that QEMU makes, and makes it a port of the bridge, limited to `rate`.
    pub fn attach(&self, tap: &str, rate: &str) -> Result<()> {
        let path = format!("/proc/sys/net/ipv4/conf/{tap}");
        until(&format!("QEMU's {tap}"), Duration::from_secs(10), || {
            let path = path.clone();
            self.gateway.run(move || Path::new(&path).exists())
        })?;
        self.on_gateway(&format!("ip link set {tap} master br-lan"))?;
        self.on_gateway(&format!("ip link set {tap} up"))?;
        self.limit("add", tap, rate)
    }

    /// Adds or changes the rate limit towards the device, as `3mbit`.
    pub fn limit(&self, verb: &str, link: &str, rate: &str) -> Result<()> {
        self.on_gateway(&format!(
            "tc qdisc {verb} dev {link} root tbf rate {rate} burst 8kb latency 100ms"
        ))
    }

    /// Runs `gatepost` with these words on the gateway.
    pub fn on_gateway(&self, words: &str) -> Result<()> {
        self.gatepost(&self.gateway, words)
    }

    /// Runs `gatepost` with these words where the servers are.
    pub fn on_servers(&self, words: &str) -> Result<()> {
        self.gatepost(&self.servers, words)
    }

    /// The commands so far, each after the name of its namespace.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The `gatepost` binary as a command with these words.
    pub fn command(&self, words: &str) -> Command {
        let mut command = Command::new(&self.gatepost);
        command.args(words.split_whitespace());
        command
    }

    fn gatepost(&self, namespace: &Namespace, words: &str) -> Result<()> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.push(format!("{}: gatepost {words}", namespace.name()));
        drop(said);
        namespace.check(self.command(words)).context("gateway")?;
        Ok(())
    }
}
