//! Links whose other end is a process: made by an ioctl on /dev/net/tun, as netlink cannot (linux/if_tun.h).

use rustix::ioctl;
use std::fs::{File, OpenOptions};
use std::io;

/// Flags of TUNSETIFF.
pub mod flag {
    /// Packets of the network layer.
    pub const TUN: u16 = 0x0001;
    /// Frames of the link layer.
    pub const TAP: u16 = 0x0002;
    /// More than one queue.
    pub const MULTI_QUEUE: u16 = 0x0100;
    /// No effect any more.
    pub const ONE_QUEUE: u16 = 0x2000;
    /// Without four octets of packet information before each packet.
    pub const NO_PI: u16 = 0x1000;
    /// With a virtio header before each packet.
    pub const VNET_HDR: u16 = 0x4000;
    /// Refused if it exists.
    pub const EXCLUSIVE: u16 = 0x8000;
}

/// Which step failed: opening the device, or the ioctl of this name.
#[derive(Debug)]
pub struct Error {
    /// `open` or `ioctl(TUNSETIFF)` ...
    pub step: &'static str,
    /// What the kernel said.
    pub cause: io::Error,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "/dev/net/tun: {}: {}", self.step, self.cause)
    }
}

impl std::error::Error for Error {}

/// Makes the link and lets it live on after this process; an empty name lets the kernel pick one.
pub fn add(name: &str, flags: u16, user: Option<u32>, group: Option<u32>) -> Result<(), Error> {
    let device = attach(name, flags | flag::EXCLUSIVE)?;
    if let Some(user) = user {
        set_number::<SET_OWNER>(&device, "ioctl(TUNSETOWNER)", user)?;
    }
    if let Some(group) = group {
        set_number::<SET_GROUP>(&device, "ioctl(TUNSETGROUP)", group)?;
    }
    set_number::<SET_PERSIST>(&device, "ioctl(TUNSETPERSIST)", 1)
}

/// Removes the link, now or when the last process lets go of it.
pub fn delete(name: &str, flags: u16) -> Result<(), Error> {
    set_number::<SET_PERSIST>(&attach(name, flags)?, "ioctl(TUNSETPERSIST)", 0)
}

fn attach(name: &str, flags: u16) -> Result<File, Error> {
    let open = OpenOptions::new().read(true).write(true).open("/dev/net/tun");
    let device = open.map_err(|cause| Error { step: "open", cause })?;
    let mut request = InterfaceRequest {
        name: [0; 16],
        flags,
        _rest: [0; 22],
    };
    // One octet stays for the NUL.
    for (place, octet) in request.name[..15].iter_mut().zip(name.bytes()) {
        *place = octet;
    }
    // SAFETY: TUNSETIFF reads and writes one `struct ifreq`, which the setter owns during the call.
    let attached = unsafe { ioctl::ioctl(&device, ioctl::Setter::<SET_INTERFACE, _>::new(request)) };
    attached.map_err(|cause| Error {
        step: "ioctl(TUNSETIFF)",
        cause: cause.into(),
    })?;
    Ok(device)
}

fn set_number<const OPCODE: ioctl::Opcode>(device: &File, step: &'static str, number: u32) -> Result<(), Error> {
    // SAFETY: these ioctls take a number, not a pointer.
    let set = unsafe { ioctl::ioctl(device, ioctl::IntegerSetter::<OPCODE>::new_usize(number as usize)) };
    set.map_err(|cause| Error {
        step,
        cause: cause.into(),
    })
}

/// `struct ifreq` with the member that TUNSETIFF reads.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; 16],
    flags: u16,
    _rest: [u8; 22],
}

// linux/if_tun.h declares all of them as writing an int, whatever they take.
const SET_INTERFACE: ioctl::Opcode = ioctl::opcode::write::<i32>(b'T', 202);
const SET_PERSIST: ioctl::Opcode = ioctl::opcode::write::<i32>(b'T', 203);
const SET_OWNER: ioctl::Opcode = ioctl::opcode::write::<i32>(b'T', 204);
const SET_GROUP: ioctl::Opcode = ioctl::opcode::write::<i32>(b'T', 206);
