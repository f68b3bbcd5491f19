//! A DHCP server (RFC 2131) that has one address to give; the messages are smoltcp's.

use crate::namespace::Namespace;
use crate::{Context, Result};
use smoltcp::wire::{DhcpMessageType, DhcpPacket, DhcpRepr, EthernetAddress};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What the server gives to whoever asks.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// The server's own address, which is the router too.
    pub server: Ipv4Addr,
    /// The address given away.
    pub client: Ipv4Addr,
    /// The network's mask.
    pub mask: Ipv4Addr,
}

impl Lease {
    /// The answer to one message; `None` where the protocol wants silence.
    pub fn answer(&self, message: &[u8]) -> Option<Answer> {
        let packet = DhcpPacket::new_checked(message).ok()?;
        let request = DhcpRepr::parse(&packet).ok()?;
        let message_type = match request.message_type {
            DhcpMessageType::Discover => DhcpMessageType::Offer,
            // RFC 2131 4.3.2: a request that names another server is a refusal of our offer.
            DhcpMessageType::Request if request.server_identifier.is_some_and(|server| server != self.server) => {
                return None;
            }
            DhcpMessageType::Request if request.requested_ip.is_some_and(|asked| asked != self.client) => {
                DhcpMessageType::Nak
            }
            DhcpMessageType::Request => DhcpMessageType::Ack,
            _ => return None,
        };
        let given = message_type != DhcpMessageType::Nak;
        let reply = DhcpRepr {
            message_type,
            transaction_id: request.transaction_id,
            secs: 0,
            client_hardware_address: request.client_hardware_address,
            client_ip: Ipv4Addr::UNSPECIFIED,
            your_ip: if given { self.client } else { Ipv4Addr::UNSPECIFIED },
            server_ip: self.server,
            router: given.then_some(self.server),
            subnet_mask: given.then_some(self.mask),
            relay_agent_ip: Ipv4Addr::UNSPECIFIED,
            broadcast: true,
            requested_ip: None,
            client_identifier: None,
            server_identifier: Some(self.server),
            parameter_request_list: None,
            dns_servers: None,
            max_size: None,
            lease_duration: given.then_some(3600),
            renew_duration: None,
            rebind_duration: None,
            additional_options: &[],
        };
        let mut octets = vec![0; reply.buffer_len()];
        reply.emit(&mut DhcpPacket::new_unchecked(&mut octets)).ok()?;
        Some(Answer {
            octets,
            client: request.client_hardware_address,
            acknowledged: message_type == DhcpMessageType::Ack,
        })
    }
}

/// A message of the server, for broadcast.
pub struct Answer {
    /// The message's octets.
    pub octets: Vec<u8>,
    /// Whom it is for.
    pub client: EthernetAddress,
    /// Whether it closes the deal.
    pub acknowledged: bool,
}

/// The running server.
pub struct DhcpServer {
    stop: Arc<AtomicBool>,
    given: Arc<Mutex<Vec<EthernetAddress>>>,
    thread: Option<JoinHandle<()>>,
}

impl DhcpServer {
    /// Serves `lease` on one interface of a namespace. Needs the right to bind port 67.
    pub fn start(namespace: &Namespace, interface: &'static str, lease: Lease) -> Result<Self> {
        let socket = namespace
            .run(move || bind(interface))
            .context(format_args!("DHCP server on {interface}"))?;
        let stop = Arc::new(AtomicBool::new(false));
        let given = Arc::new(Mutex::new(Vec::new()));
        let (stopped, gave) = (Arc::clone(&stop), Arc::clone(&given));
        let thread = thread::spawn(move || serve(&socket, lease, &stopped, &gave));
        Ok(Self {
            stop,
            given,
            thread: Some(thread),
        })
    }

    /// Who was given the address, in order.
    pub fn given(&self) -> Vec<EthernetAddress> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for DhcpServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say at its end.
            let _ = thread.join();
        }
    }
}

fn bind(interface: &str) -> std::io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_broadcast(true)?;
    // A broadcast would else leave by the default route.
    socket.bind_device(Some(interface.as_bytes()))?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 67)).into())?;
    socket.set_read_timeout(Some(Duration::from_millis(50)))?;
    Ok(socket.into())
}

fn serve(socket: &UdpSocket, lease: Lease, stop: &AtomicBool, given: &Mutex<Vec<EthernetAddress>>) {
    let mut message = [0; 1500];
    while !stop.load(Ordering::Relaxed) {
        let count = match socket.recv(&mut message) {
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => continue,
            Err(_) => return,
        };
        if let Some(answer) = lease.answer(&message[..count]) {
            // A lost answer is asked for again.
            let _ = socket.send_to(&answer.octets, (Ipv4Addr::BROADCAST, 68));
            if answer.acknowledged {
                given.lock().unwrap_or_else(PoisonError::into_inner).push(answer.client);
            }
        }
    }
}
