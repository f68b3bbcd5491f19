//! Named network namespaces: bind mounts of a namespace's file under /run/netns, as iproute2 keeps them.

use rustix::fs::{CWD, FlockOperation, Mode, OFlags, flock, openat};
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change, unmount,
};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Where the names are.
pub const DIRECTORY: &str = "/run/netns";

/// Which step failed, in words that name the thing, and what the kernel said.
#[derive(Debug)]
pub struct Error {
    /// What could not be done.
    pub what: String,
    /// What the kernel said.
    pub cause: io::Error,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what, super::errno::text_of(&self.cause))
    }
}

impl std::error::Error for Error {}

/// The file of the namespace of this name.
pub fn path(name: &str) -> PathBuf {
    Path::new(DIRECTORY).join(name)
}

/// Opens the namespace of this name, or of this path.
pub fn open(name: &str) -> io::Result<OwnedFd> {
    let path = if name.contains('/') {
        PathBuf::from(name)
    } else {
        path(name)
    };
    fs::File::open(path).map(OwnedFd::from)
}

/// The names, in the directory's order.
pub fn names() -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(DIRECTORY) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect()
}

/// Makes a namespace and gives it this name. This thread stays where it is.
pub fn add(name: &str) -> Result<(), Error> {
    fs::create_dir_all(DIRECTORY).map_err(because(|| format!("mkdir {DIRECTORY} failed")))?;
    share_directory()?;
    let path = path(name);
    let cannot_create = || format!("Cannot create namespace file \"{}\"", path.display());
    let file = fs::OpenOptions::new().write(true).create_new(true).open(&path);
    drop(file.map_err(because(cannot_create))?);
    let bound = std::thread::scope(|scope| scope.spawn(|| bind_new_namespace(&path)).join());
    let bound = bound.unwrap_or_else(|_| {
        Err(Error {
            what: "bind".to_owned(),
            cause: io::Error::other("panicked"),
        })
    });
    if bound.is_err() {
        // The name of no namespace would be in the way.
        let _ = fs::remove_file(&path);
    }
    bound
}

/// Takes the name away. The namespace lives on while a process or a socket is in it.
pub fn delete(name: &str) -> Result<(), Error> {
    let path = path(name);
    // It fails where the file is no mount point; what counts is whether the file goes.
    let _ = unmount(&path, UnmountFlags::DETACH);
    fs::remove_file(&path).map_err(because(|| {
        format!("Cannot remove namespace file \"{}\"", path.display())
    }))
}

/// Moves this thread into the namespace of this name, with a /sys that shows it and the files of /etc/netns/NAME.
pub fn enter(name: &str) -> Result<(), Error> {
    let file = fs::File::open(path(name)).map_err(because(|| format!("Cannot open network namespace \"{name}\"")))?;
    let moved = move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network));
    moved.map_err(from_errno(|| {
        format!("setting the network namespace \"{name}\" failed")
    }))?;
    leave_mounts()?;
    // It fails where nothing is mounted there; mounting over it works as well.
    let _ = unmount("/sys", UnmountFlags::DETACH);
    let mounted = mount(name, "/sys", "sysfs", MountFlags::empty(), None);
    mounted.map_err(from_errno(|| "mount of /sys failed".to_owned()))?;
    if let Ok(entries) = fs::read_dir(Path::new("/etc/netns").join(name)) {
        for entry in entries.map_while(Result::ok) {
            let (from, to) = (entry.path(), Path::new("/etc").join(entry.file_name()));
            let what = || format!("Bind {} -> {} failed", from.display(), to.display());
            rustix::mount::mount_bind(&from, &to).map_err(from_errno(what))?;
        }
    }
    Ok(())
}

/// Mounts must spread between namespaces, or a name removed in one would keep its namespace alive in another.
fn share_directory() -> Result<(), Error> {
    let what = || format!("mount --make-shared {DIRECTORY} failed");
    // One at a time: two that bind the directory to itself at once would pile up mounts.
    let lock = openat(
        CWD,
        DIRECTORY,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let lock = lock.map_err(from_errno(|| {
        format!("Cannot open netns runtime directory \"{DIRECTORY}\"")
    }))?;
    flock(&lock, FlockOperation::LockExclusive).map_err(from_errno(what))?;
    let share = MountPropagationFlags::SHARED | MountPropagationFlags::REC;
    if mount_change(DIRECTORY, share).is_err() {
        let bound = mount_bind_recursive(DIRECTORY, DIRECTORY);
        bound.map_err(from_errno(|| format!("mount --bind {DIRECTORY} {DIRECTORY} failed")))?;
        mount_change(DIRECTORY, share).map_err(from_errno(what))?;
    }
    Ok(())
}

/// In a thread of its own: it leaves the namespace that the rest of the process stays in.
fn bind_new_namespace(path: &Path) -> Result<(), Error> {
    unshare(UnshareFlags::NEWNET).map_err(because(|| "Failed to create a new network namespace".to_owned()))?;
    let bound = rustix::mount::mount_bind("/proc/thread-self/ns/net", path);
    bound.map_err(from_errno(|| {
        format!("Bind /proc/self/ns/net -> {} failed", path.display())
    }))
}

fn leave_mounts() -> Result<(), Error> {
    unshare(UnshareFlags::NEWNS).map_err(because(|| "unshare failed".to_owned()))?;
    let private = mount_change("/", MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC);
    private.map_err(from_errno(|| "\"mount --make-rslave /\" failed".to_owned()))
}

fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: the flags given here part with namespaces; file descriptors stay shared between threads.
    unsafe { unshare_unsafe(flags) }.map_err(io::Error::from)
}

fn because(what: impl FnOnce() -> String) -> impl FnOnce(io::Error) -> Error {
    |cause| Error { what: what(), cause }
}

fn from_errno(what: impl FnOnce() -> String) -> impl FnOnce(rustix::io::Errno) -> Error {
    |cause| Error {
        what: what(),
        cause: cause.into(),
    }
}
