//! Which address of a host to talk to: the first that answers (RFC 8305, "happy eyeballs").

use super::Error;
use rustix::event::{self, PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketFlags, SocketType, sockopt};
use std::io::{self, ErrorKind};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// The addresses that the system knows of `host`; it is not waited for beyond `end`.
pub(super) fn resolve(host: &str, port: u16, end: Instant) -> Result<Vec<SocketAddr>, Error> {
    // The system's resolver knows no time limit, so it runs aside; if it comes too late, nobody listens any more.
    let (found, finds) = mpsc::channel();
    let host = host.to_owned();
    let search = std::thread::Builder::new().spawn(move || {
        let addresses = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        // Nobody listens any more if it took too long.
        let _ = found.send(addresses);
    });
    search.map_err(Error::Resolve)?;
    let remaining = end.saturating_duration_since(Instant::now());
    let addresses = finds
        .recv_timeout(remaining)
        .unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()));
    addresses.map_err(Error::Resolve)
}

/// Connects to the first of `addresses` that answers, beginning a new attempt every 250 ms or as soon as one fails.
///
/// IPv6 and IPv4 take turns, IPv6 first (RFC 8305 4); at most `ADDRESSES` are tried. The error says what each answered.
pub(super) fn connect(addresses: &[SocketAddr], end: Instant) -> Result<TcpStream, Error> {
    let mut refusals = Vec::new();
    let mut waiting: Vec<(SocketAddr, OwnedFd)> = Vec::new();
    let mut next = in_turns(addresses).into_iter().take(ADDRESSES).peekable();
    let mut start = Instant::now();
    loop {
        let now = Instant::now();
        if now >= end {
            let silent = waiting.iter().map(|(address, _)| *address).chain(next);
            refusals.extend(silent.map(|address| (address, ErrorKind::TimedOut.into())));
            return Err(Error::Connect(refusals));
        }
        if (now >= start || waiting.is_empty())
            && let Some(address) = next.next()
        {
            match begin(&address) {
                Ok((socket, true)) => return Ok(socket.into()),
                Ok((socket, false)) => {
                    waiting.push((address, socket));
                    start = now + STAGGER;
                }
                Err(error) => refusals.push((address, error.into())),
            }
            continue;
        }
        if waiting.is_empty() {
            return Err(Error::Connect(refusals));
        }
        let until = next.peek().map_or(end, |_| start.min(end));
        if let Some(index) = first_ready(&waiting, until.saturating_duration_since(now)).map_err(Error::Io)? {
            let (address, socket) = waiting.swap_remove(index);
            match sockopt::socket_error(&socket).flatten() {
                Ok(()) => return Ok(socket.into()),
                Err(error) => refusals.push((address, error.into())),
            }
            start = now;
        }
    }
}

/// The addresses of each family in their order, the families taking turns.
fn in_turns(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let (mut six, mut four): (Vec<_>, Vec<_>) = addresses.iter().copied().rev().partition(SocketAddr::is_ipv6);
    let mut turns = Vec::with_capacity(addresses.len());
    while !(six.is_empty() && four.is_empty()) {
        turns.extend(six.pop());
        turns.extend(four.pop());
    }
    turns
}

/// A socket that connects to `address`, and whether it has already.
fn begin(address: &SocketAddr) -> Result<(OwnedFd, bool), Errno> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = net::socket_with(family, SocketType::STREAM, flags, None)?;
    match net::connect(&socket, address) {
        Ok(()) => Ok((socket, true)),
        // Interrupted, it goes on all the same.
        Err(Errno::INPROGRESS | Errno::INTR) => Ok((socket, false)),
        Err(error) => Err(error),
    }
}

/// The first of these sockets whose attempt has ended, if one does within `limit`.
fn first_ready(waiting: &[(SocketAddr, OwnedFd)], limit: Duration) -> io::Result<Option<usize>> {
    let mut polled: Vec<_> = waiting
        .iter()
        .map(|(_, socket)| PollFd::new(socket, PollFlags::OUT))
        .collect();
    match event::poll(&mut polled, Timespec::try_from(limit).ok().as_ref()) {
        Ok(_) => Ok(polled.iter().position(|polled| !polled.revents().is_empty())),
        Err(Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// How many addresses of a host are tried.
const ADDRESSES: usize = 16;
/// How long an address may be silent before the next one is tried, too (RFC 8305 8).
const STAGGER: Duration = Duration::from_millis(250);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_take_turns_and_keep_their_order() {
        let parse = |text: &str| text.split(' ').map(|address| address.parse().unwrap()).collect();
        let addresses: Vec<_> = parse("192.0.2.1:25 192.0.2.2:25 192.0.2.3:25 [2001:db8::1]:25 [2001:db8::2]:25");
        let expected: Vec<_> = parse("[2001:db8::1]:25 192.0.2.1:25 [2001:db8::2]:25 192.0.2.2:25 192.0.2.3:25");
        assert_eq!(in_turns(&addresses), expected);
        assert_eq!(in_turns(&[]), []);
    }
}
