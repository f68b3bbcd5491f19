//! The smoltcp socket against a second stack at the other end of a cable, in virtual time.

use embedded_io::{Read, Write};
use gatepost_core::io::Wait;
use gatepost_core::io::smoltcp::{Clock, Error, Socket, Stack};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr, IpEndpoint, Ipv4Address};
use std::cell::Cell;
use std::collections::VecDeque;
use std::time::Duration;

/// Time that only passes while the socket waits.
#[derive(Default)]
struct Virtual(Cell<Duration>);

impl Clock for Virtual {
    fn now(&self) -> Duration {
        self.0.get()
    }

    fn idle(&self) {
        self.0.set(self.0.get() + Duration::from_millis(1));
    }
}

/// One end of a cable.
#[derive(Default)]
struct Port {
    incoming: VecDeque<Vec<u8>>,
    outgoing: VecDeque<Vec<u8>>,
}

struct Arrived(Vec<u8>);
struct Leaving<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

impl phy::TxToken for Leaving<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        let mut frame = vec![0; length];
        let result = write(&mut frame);
        self.0.push_back(frame);
        result
    }
}

impl Device for Port {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Leaving<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived, Leaving<'_>)> {
        let frame = self.incoming.pop_front()?;
        Some((Arrived(frame), Leaving(&mut self.outgoing)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Leaving<'_>> {
        Some(Leaving(&mut self.outgoing))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

/// The near end's device: the cable and the whole far end behind it.
struct Cable<'f> {
    near: Port,
    far: Port,
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    /// What the far end does with its socket whenever it gets to run.
    peer: &'f mut dyn FnMut(&mut tcp::Socket<'static>),
    /// Each so-many-th frame of either direction is lost; 0: none.
    loss: usize,
    frames: usize,
}

impl<'f> Cable<'f> {
    fn new(loss: usize, peer: &'f mut dyn FnMut(&mut tcp::Socket<'static>)) -> Self {
        let mut far = Port::default();
        let (interface, mut sockets) = end(&mut far, 2);
        let handle = sockets.add(socket(4096));
        Self {
            near: Port::default(),
            far,
            interface,
            sockets,
            handle,
            peer,
            loss,
            frames: 0,
        }
    }

    fn run(&mut self, now: Instant) {
        self.interface.poll(now, &mut self.far, &mut self.sockets);
        (self.peer)(self.sockets.get_mut(self.handle));
        self.interface.poll(now, &mut self.far, &mut self.sockets);
        for (from, to) in [
            (&mut self.near.outgoing, &mut self.far.incoming),
            (&mut self.far.outgoing, &mut self.near.incoming),
        ] {
            for frame in from.drain(..) {
                self.frames += 1;
                if self.loss == 0 || !self.frames.is_multiple_of(self.loss) {
                    to.push_back(frame);
                }
            }
        }
    }
}

impl Device for Cable<'_> {
    type RxToken<'a>
        = Arrived
    where
        Self: 'a;
    type TxToken<'a>
        = Leaving<'a>
    where
        Self: 'a;

    fn receive(&mut self, now: Instant) -> Option<(Arrived, Leaving<'_>)> {
        self.run(now);
        self.near.receive(now)
    }

    fn transmit(&mut self, now: Instant) -> Option<Leaving<'_>> {
        self.near.transmit(now)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = self.near.capabilities();
        // The smallest controllers take one frame at a time, so each window waits for its acknowledgement.
        capabilities.max_burst_size = Some(1);
        capabilities
    }
}

/// The interface 10.0.0.`host` on `device`, and room for its socket.
fn end(device: &mut impl Device, host: u8) -> (Interface, SocketSet<'static>) {
    let config = Config::new(EthernetAddress([2, 0, 0, 0, 0, host]).into());
    let mut interface = Interface::new(config, device, Instant::ZERO);
    interface.update_ip_addrs(|addresses| {
        let address = Ipv4Address::new(10, 0, 0, host);
        addresses.push(IpCidr::new(address.into(), 24)).expect("there is room");
    });
    // No allocator in this build of smoltcp; the tests are short.
    (interface, SocketSet::new(vec![SocketStorage::EMPTY].leak()))
}

fn socket(octets: usize) -> tcp::Socket<'static> {
    let buffer = || tcp::SocketBuffer::new(vec![0; octets].leak());
    tcp::Socket::new(buffer(), buffer())
}

const LIMIT: Duration = Duration::from_secs(5);

fn server() -> IpEndpoint {
    IpEndpoint::new(Ipv4Address::new(10, 0, 0, 2).into(), 7)
}

/// Runs `client` at the near end of a cable whose far end does `peer`; what it returned, and how much time passed.
fn over<R>(
    loss: usize,
    mut peer: impl FnMut(&mut tcp::Socket<'static>),
    client: impl FnOnce(&mut Stack<'static, Cable<'_>, &Virtual>, SocketHandle) -> R,
) -> (R, Duration) {
    let clock = Virtual::default();
    let mut device = Cable::new(loss, &mut peer);
    let (interface, mut sockets) = end(&mut device, 1);
    let handle = sockets.add(socket(4096));
    let mut stack = Stack {
        interface,
        sockets,
        device,
        clock: &clock,
    };
    let result = client(&mut stack, handle);
    (result, clock.now())
}

fn listen(socket: &mut tcp::Socket<'static>) {
    if !socket.is_open() {
        socket.listen(7).expect("it is closed and the port is not 0");
    }
}

/// Sends back what comes, and its end.
fn echo(socket: &mut tcp::Socket<'static>) {
    listen(socket);
    if socket.can_recv() && socket.can_send() {
        let room = socket.send_capacity() - socket.send_queue();
        let octets = socket.recv(|octets| {
            let count = octets.len().min(room);
            (count, octets[..count].to_vec())
        });
        socket
            .send_slice(&octets.expect("it can receive"))
            .expect("it can send");
    } else if !socket.may_recv() && socket.may_send() && socket.recv_queue() == 0 {
        socket.close();
    }
}

fn octets(count: usize) -> Vec<u8> {
    (0..count).map(|index| (index * 7 + index / 251) as u8).collect()
}

/// Writes `sent` and reads it back, `size` octets at a time.
fn round_trip<T: Read<Error = Error> + Write<Error = Error>>(transport: &mut T, sent: &[u8], size: usize) {
    let mut received = Vec::new();
    for chunk in sent.chunks(size) {
        transport.write_all(chunk).expect("the peer takes it");
        transport.flush().expect("it is on its way");
        let mut back = vec![0; chunk.len()];
        transport.read_exact(&mut back).expect("the peer sends it back");
        received.extend(back);
    }
    assert!(received == sent);
}

#[test]
fn any_split_brings_the_same_octets() {
    for (size, loss) in [(1, 0), (7, 0), (1460, 0), (4096, 0), (4096, 5), (100, 3)] {
        let sent = octets(size * 20);
        over(loss, echo, |stack, handle| {
            let mut socket = Socket::connect(stack, handle, server(), 50_000, LIMIT).expect("the peer listens");
            round_trip(&mut socket, &sent, size);
            socket.close().expect("the peer is there");
        });
    }
}

#[test]
fn a_large_answer_waits_for_no_delayed_acknowledgement() {
    let whole = octets(200_000);
    let mut sent = 0;
    let peer = |socket: &mut tcp::Socket<'static>| {
        listen(socket);
        if socket.can_send() {
            sent += socket.send_slice(&whole[sent..]).expect("it can send");
        }
        if sent == whole.len() {
            socket.close();
        }
    };
    let (received, passed) = over(0, peer, |stack, handle| {
        let mut socket = Socket::connect(stack, handle, server(), 50_000, LIMIT).expect("the peer listens");
        let mut received = Vec::new();
        let mut buffer = [0; 1000];
        loop {
            match socket.read(&mut buffer).expect("the peer is there") {
                0 => return received,
                count => received.extend_from_slice(&buffer[..count]),
            }
        }
    });
    assert!(received == whole);
    // 137 segments, with 10 ms for each acknowledgement, would be more than a second.
    assert!(passed < Duration::from_millis(500), "{passed:?}");
}

#[test]
fn a_close_delivers_the_last_octets_and_the_end() {
    for (loss, step) in [(0, 4096), (0, 10), (4, 700)] {
        let sent = octets(9000);
        let mut received = Vec::new();
        let mut ended = false;
        let peer = |socket: &mut tcp::Socket<'static>| {
            if !ended {
                listen(socket);
            }
            if socket.can_recv() {
                let octets = socket.recv(|octets| (octets.len().min(step), octets[..octets.len().min(step)].to_vec()));
                received.extend(octets.expect("it can receive"));
            } else if socket.state() == tcp::State::CloseWait {
                ended = true;
                socket.close();
            }
        };
        over(loss, peer, |stack, handle| {
            let mut socket = Socket::connect(stack, handle, server(), 50_000, LIMIT).expect("the peer listens");
            socket.set_timeout(Duration::from_secs(100));
            socket.write_all(&sent).expect("the peer takes it");
            socket.close().expect("the peer acknowledges it");
        });
        assert!(ended);
        assert!(received == sent);
    }
}

#[test]
fn a_peer_that_never_closes_does_not_hold_a_close_up() {
    let (result, passed) = over(0, listen, |stack, handle| {
        let mut socket = Socket::connect(stack, handle, server(), 50_000, LIMIT).expect("the peer listens");
        socket.close()
    });
    assert_eq!(result, Ok(()));
    assert!(passed < Duration::from_secs(2), "{passed:?}");
}

#[test]
fn a_connection_that_is_refused() {
    let (result, passed) = over(
        0,
        |_| {},
        |stack, handle| Socket::connect(stack, handle, server(), 50_000, LIMIT).err(),
    );
    assert_eq!(result, Some(Error::Refused));
    assert!(passed < LIMIT);
}

#[test]
fn a_peer_that_is_not_there() {
    let (result, passed) = over(
        1,
        |_| {},
        |stack, handle| Socket::connect(stack, handle, server(), 50_000, LIMIT).err(),
    );
    assert_eq!(result, Some(Error::TimedOut));
    assert_eq!(passed, LIMIT);
}

#[test]
fn an_address_or_port_that_cannot_be_connected_to() {
    over(0, listen, |stack, handle| {
        let nobody = IpEndpoint::new(Ipv4Address::UNSPECIFIED.into(), 7);
        let mut refused = |remote, port| Socket::connect(stack, handle, remote, port, LIMIT).err();
        assert_eq!(refused(nobody, 50_000), Some(Error::Unaddressable));
        assert_eq!(refused(server(), 0), Some(Error::Unaddressable));
    });
}

#[test]
fn silence_is_a_timeout_and_no_end() {
    let mut speak = false;
    let peer = |socket: &mut tcp::Socket<'static>| {
        listen(socket);
        // It answers the second word.
        if socket.recv_queue() == 2 && !speak {
            speak = true;
            socket.send_slice(b"!").expect("it can send");
        }
    };
    let ((), passed) = over(0, peer, |stack, handle| {
        let mut socket = Socket::connect(stack, handle, server(), 50_000, LIMIT).expect("the peer listens");
        socket.set_timeout(Duration::from_secs(2));
        socket.write_all(b"?").expect("there is room");
        assert_eq!(socket.read(&mut [0; 4]), Err(Error::TimedOut));
        socket.write_all(b"?").expect("there is room");
        assert_eq!(socket.read(&mut [0; 4]), Ok(1));
    });
    assert!(
        passed >= Duration::from_secs(2) && passed < Duration::from_secs(3),
        "{passed:?}"
    );
}

#[test]
fn a_full_window_is_a_timeout_of_the_write() {
    over(0, listen, |stack, handle| {
        let mut socket = Socket::connect(stack, handle, server(), 50_000, LIMIT).expect("the peer listens");
        socket.set_timeout(Duration::from_secs(1));
        assert_eq!(socket.write_all(&octets(20_000)), Err(Error::TimedOut));
    });
}

#[test]
fn a_peer_that_breaks_off() {
    let mut broken = false;
    let peer = |socket: &mut tcp::Socket<'static>| {
        if !broken {
            listen(socket);
        }
        if socket.can_recv() {
            broken = true;
            socket.abort();
        }
    };
    over(0, peer, |stack, handle| {
        let mut socket = Socket::connect(stack, handle, server(), 50_000, LIMIT).expect("the peer listens");
        socket.write_all(b"hello").expect("there is room");
        assert_eq!(socket.read(&mut [0; 4]), Err(Error::Reset));
        assert_eq!(socket.write(b"hello"), Err(Error::Reset));
        assert_eq!(socket.close(), Err(Error::Reset));
    });
}

#[test]
fn a_socket_that_is_dropped_breaks_off() {
    let mut states = Vec::new();
    let peer = |socket: &mut tcp::Socket<'static>| {
        if states.last().is_none_or(|state| *state != tcp::State::Closed) {
            if states.is_empty() {
                listen(socket);
            }
            states.push(socket.state());
        }
    };
    over(0, peer, |stack, handle| {
        drop(Socket::connect(stack, handle, server(), 50_000, LIMIT).expect("the peer listens"));
        stack.wait(Duration::from_millis(5), |_| None::<()>);
    });
    assert!(states.contains(&tcp::State::Established));
    // An end in order would lead through CLOSE-WAIT.
    assert!(!states.contains(&tcp::State::CloseWait));
    assert!(
        matches!(states.last(), Some(tcp::State::Closed | tcp::State::Listen)),
        "{states:?}"
    );
}

#[test]
fn a_socket_connects_again() {
    over(0, echo, |stack, handle| {
        let mut socket = Socket::connect(stack, handle, server(), 50_000, LIMIT).expect("the peer listens");
        round_trip(&mut socket, b"one", 3);
        socket.close().expect("the peer is there");
        assert_eq!(socket.read(&mut [0; 4]), Ok(0));
        // From open to open, too.
        for port in [50_001, 50_002] {
            socket.reconnect(server(), port, LIMIT).expect("the peer listens");
            round_trip(&mut socket, b"two", 2);
        }
    });
}
