//! The far end of the in-memory Ethernet: gateway, DHCP server, and a way from virtual addresses to loopback servers.

use super::Port;
use crate::network::{GATEWAY, LEASE};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::{tcp, udp};
use smoltcp::time::Instant as Time;
use smoltcp::wire::{EthernetAddress, IpCidr, IpEndpoint, IpListenEndpoint, Ipv4Address};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// A thread that answers for everything beyond the device's cable until its guard goes.
pub struct Far {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Far {
    /// Answers on `port`; a connection to a port listed, at any address, is carried to the server beside it.
    pub fn start(port: Port, servers: Vec<(u16, SocketAddr)>) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::spawn(move || run(port, &servers, &stopped));
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has nothing to say at its end.
            let _ = thread.join();
        }
    }
}

/// A connection of the device and the one to the server that it is carried to.
struct Relay {
    handle: SocketHandle,
    port: u16,
    server: SocketAddr,
    stream: Option<TcpStream>,
    /// Octets from the server that the socket did not take yet.
    pending: Vec<u8>,
    /// The server has said its last.
    ended: bool,
}

fn run(mut device: Port, servers: &[(u16, SocketAddr)], stop: &AtomicBool) {
    let start = Instant::now();
    let now = || Time::from_micros(start.elapsed().as_micros() as i64);
    let mut config = Config::new(EthernetAddress([2, 0, 0, 0, 0, 1]).into());
    config.random_seed = 1;
    let mut interface = Interface::new(config, &mut device, now());
    interface.update_ip_addrs(|addresses| {
        addresses
            .push(IpCidr::new(GATEWAY.into(), 24))
            .expect("an interface has room for one address");
    });
    // Every address is here, so that the servers may have theirs.
    interface.set_any_ip(true);
    interface
        .routes_mut()
        .add_default_ipv4_route(GATEWAY)
        .expect("an interface has room for one route");
    let mut sockets = SocketSet::new(Vec::new());
    let dhcp = sockets.add(dhcp_socket());
    let mut relays: Vec<Relay> = servers
        .iter()
        .flat_map(|server| [server; CONNECTIONS])
        .map(|(port, server)| Relay {
            handle: sockets.add(tcp_socket()),
            port: *port,
            server: *server,
            stream: None,
            pending: Vec::new(),
            ended: false,
        })
        .collect();
    while !stop.load(Ordering::Relaxed) {
        interface.poll(now(), &mut device, &mut sockets);
        answer_dhcp(sockets.get_mut(dhcp));
        let mut moved = false;
        for relay in &mut relays {
            let socket = sockets.get_mut(relay.handle);
            moved |= relay.carry(socket);
        }
        if !moved {
            thread::sleep(Duration::from_micros(500));
        }
    }
}

fn answer_dhcp(socket: &mut udp::Socket<'_>) {
    let Ok((message, _)) = socket.recv() else {
        return;
    };
    if let Some(answer) = LEASE.answer(message) {
        // A lost answer is asked for again.
        let _ = socket.send_slice(&answer.octets, IpEndpoint::new(Ipv4Address::BROADCAST.into(), 68));
    }
}

impl Relay {
    /// Moves what can be moved; true if anything was.
    fn carry(&mut self, socket: &mut tcp::Socket<'_>) -> bool {
        if !socket.is_open() {
            self.stream = None;
            self.pending.clear();
            self.ended = false;
            // It was checked that the socket is closed, and no port is 0.
            let _ = socket.listen(IpListenEndpoint::from(self.port));
            return false;
        }
        if !socket.may_send() && !socket.may_recv() {
            return false;
        }
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => match connect(self.server) {
                Ok(stream) => self.stream.insert(stream),
                Err(_) => {
                    socket.abort();
                    return true;
                }
            },
        };
        match exchange(socket, stream, &mut self.pending, &mut self.ended) {
            Ok(moved) => moved,
            Err(_) => {
                socket.abort();
                self.stream = None;
                true
            }
        }
    }
}

fn exchange(
    socket: &mut tcp::Socket<'_>,
    stream: &mut TcpStream,
    pending: &mut Vec<u8>,
    ended: &mut bool,
) -> std::io::Result<bool> {
    let mut moved = false;
    if socket.can_recv() {
        let written = socket.recv(|octets| match stream.write(octets) {
            Ok(count) => (count, Ok(count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => (0, Ok(0)),
            Err(error) => (0, Err(error)),
        });
        moved |= written.map_err(std::io::Error::other)?? > 0;
    } else if !socket.may_recv() && socket.may_send() {
        // The device has said its last; the server is told, and may still answer. A peer that is gone needs no telling.
        let _ = stream.shutdown(Shutdown::Write);
    }
    if pending.is_empty() && !*ended {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) => *ended = true,
            Ok(count) => pending.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    if !pending.is_empty() && socket.can_send() {
        let count = socket.send_slice(pending).map_err(std::io::Error::other)?;
        pending.drain(..count);
        moved |= count > 0;
    }
    if *ended && pending.is_empty() {
        socket.close();
    }
    Ok(moved)
}

fn connect(server: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server, Duration::from_secs(5))?;
    stream.set_nodelay(true)?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn tcp_socket() -> tcp::Socket<'static> {
    let buffer = || tcp::SocketBuffer::new(vec![0; 16 * 1024]);
    let mut socket = tcp::Socket::new(buffer(), buffer());
    socket.set_nagle_enabled(false);
    socket.set_ack_delay(None);
    socket
}

fn dhcp_socket() -> udp::Socket<'static> {
    let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 4], vec![0; 4096]);
    let mut socket = udp::Socket::new(buffer(), buffer());
    socket.bind(67).expect("no port is bound yet");
    socket
}

/// How many connections one server port takes at a time.
const CONNECTIONS: usize = 4;
