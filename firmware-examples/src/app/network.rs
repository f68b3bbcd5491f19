//! The device's network: an address by DHCP or by fallback, and one TCP connection at a time.

use super::arguments::Fallback;
use super::{Error, Platform};
use core::fmt::Write;
use core::time::Duration;
use gatepost_core::io::smoltcp::{self as tcp, Clock, Socket, Stack};
use rand_core::RngCore;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::Device;
use smoltcp::socket::{dhcpv4, tcp as tcp_socket};
use smoltcp::time;
use smoltcp::wire::{EthernetAddress, IpCidr, IpEndpoint, Ipv4Address, Ipv4Cidr};

/// The buffers of the one TCP connection.
pub struct Memory {
    receive: [u8; RECEIVE],
    transmit: [u8; TRANSMIT],
}

impl Memory {
    /// Zeroed.
    pub const fn new() -> Self {
        Self {
            receive: [0; RECEIVE],
            transmit: [0; TRANSMIT],
        }
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

/// A network with an address.
pub(super) struct Network<'n, D: Device, C: Clock> {
    stack: Stack<'n, D, C>,
    tcp: SocketHandle,
    pub(super) address: Ipv4Cidr,
    ports: Ports,
}

/// The ports that connections come from, each another one than before.
pub(super) struct Ports(u16);

impl Ports {
    /// RFC 6056: dynamic ports (RFC 6335 6), from an unpredictable one on.
    fn from(entropy: &mut impl RngCore) -> Self {
        Self(entropy.next_u32() as u16)
    }

    pub(super) fn next(&mut self) -> u16 {
        self.0 = self.0.wrapping_add(1);
        self.0 | FIRST_PORT
    }
}

impl<'n, D: Device, C: Clock> Network<'n, D, C> {
    /// Asks for an address and says which it is; takes what else belongs to the platform apart.
    pub(super) fn start<R: RngCore, W: Write>(
        mut device: D,
        clock: C,
        platform: &mut Platform<'_, R, W>,
        fallback: Option<Fallback>,
        storage: &'n mut [SocketStorage<'n>; SOCKETS],
        memory: &'n mut Memory,
    ) -> Result<Self, Error> {
        let mut config = Config::new(EthernetAddress(platform.hardware_address).into());
        config.random_seed = platform.entropy.next_u64();
        let now = time::Instant::from_millis(i64::try_from(clock.now().as_millis()).unwrap_or(i64::MAX));
        let interface = Interface::new(config, &mut device, now);
        let mut sockets = SocketSet::new(&mut storage[..]);
        let tcp = sockets.add(tcp_socket::Socket::new(
            tcp_socket::SocketBuffer::new(&mut memory.receive[..]),
            tcp_socket::SocketBuffer::new(&mut memory.transmit[..]),
        ));
        let dhcp = sockets.add(dhcp_socket());
        let mut stack = Stack {
            interface,
            sockets,
            device,
            clock,
        };
        let (address, router, by) = match stack.wait(PATIENCE, |stack| offer(stack, dhcp)) {
            // The DHCP socket stays, so that the stack renews the lease while it serves connections.
            Some((address, router)) => (address, router, "dhcp"),
            None => {
                // An address that came late must not replace the one in use.
                stack.sockets.remove(dhcp);
                let fallback = fallback.ok_or(Error::Network("no answer by DHCP, and no address= to fall back to"))?;
                (fallback.address, fallback.gateway, "fallback")
            }
        };
        stack.interface.update_ip_addrs(|addresses| {
            addresses.clear();
            // There is room for one: it was just cleared.
            let _ = addresses.push(IpCidr::Ipv4(address));
        });
        write!(platform.console, "net: address {address}")?;
        if let Some(router) = router {
            stack
                .interface
                .routes_mut()
                .add_default_ipv4_route(router)
                .map_err(|_| Error::Network("no room for a route"))?;
            write!(platform.console, " gateway {router}")?;
        }
        writeln!(platform.console, " by {by}")?;
        Ok(Self {
            stack,
            tcp,
            address,
            ports: Ports::from(&mut platform.entropy),
        })
    }

    /// Connects.
    pub(super) fn connect(&mut self, remote: IpEndpoint) -> Result<Socket<'_, 'n, D, C>, tcp::Error> {
        self.connect_again(remote).map(|(socket, _)| socket)
    }

    /// Connects; with the ports, for further connections of the same socket.
    pub(super) fn connect_again(
        &mut self,
        remote: IpEndpoint,
    ) -> Result<(Socket<'_, 'n, D, C>, &mut Ports), tcp::Error> {
        let port = self.ports.next();
        let socket = Socket::connect(&mut self.stack, self.tcp, remote, port, CONNECT)?;
        Ok((socket, &mut self.ports))
    }

    /// Time since the clock's start.
    pub(super) fn now(&self) -> Duration {
        self.stack.clock.now()
    }
}

fn dhcp_socket<'a>() -> dhcpv4::Socket<'a> {
    let mut socket = dhcpv4::Socket::new();
    let mut retry = socket.get_retry_config();
    // A switch that was just plugged in loses the first frames.
    retry.discover_timeout = time::Duration::from_secs(1);
    retry.initial_request_timeout = time::Duration::from_secs(1);
    socket.set_retry_config(retry);
    socket
}

fn offer<D: Device, C: Clock>(
    stack: &mut Stack<'_, D, C>,
    dhcp: SocketHandle,
) -> Option<(Ipv4Cidr, Option<Ipv4Address>)> {
    match stack.sockets.get_mut::<dhcpv4::Socket<'_>>(dhcp).poll() {
        Some(dhcpv4::Event::Configured(lease)) => Some((lease.address, lease.router)),
        _ => None,
    }
}

/// One for TCP, one for DHCP.
pub(super) const SOCKETS: usize = 2;
/// A window of full segments that fits the receive FIFO of a small Ethernet controller.
const RECEIVE: usize = 8 * 1024;
const TRANSMIT: usize = 2 * 1024;
/// How long DHCP may take before the fallback is used.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a server may take to accept a connection.
pub(super) const CONNECT: Duration = Duration::from_secs(30);
/// The first of the dynamic ports, 49152 to 65535; its bits are set in all of them.
const FIRST_PORT: u16 = 0xc000;
