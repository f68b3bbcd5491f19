//! The directory: who may have a hand in it, and the few calls that change it.

use super::{Error, privilege};
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, Stat, fchmod, fchown, fstat, openat, renameat, statat, unlinkat};
use rustix::io::Errno;
use rustix::process::{Gid, Uid, getegid, geteuid, getgroups};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// An open directory that was found safe.
#[derive(Debug)]
pub(super) struct Directory {
    handle: OwnedFd,
    owner: u32,
    /// Its group puts mails there, too: mode 2770.
    shared: bool,
}

impl Directory {
    /// Opens a directory of mode 0700 of one's own, or of mode 2770 of a group one is in.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        privilege::raise();
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let refuse = |why: String| Error::Unsafe {
            path: path.to_owned(),
            why,
        };
        let handle = openat(CWD, path, flags, Mode::empty()).map_err(|error| match error {
            Errno::NOENT => refuse("no such directory; make one with mode 0700, or with mode 2770 and a group".into()),
            Errno::NOTDIR | Errno::LOOP => refuse("not a directory, or a symbolic link to one".into()),
            error => refuse(format!("cannot be opened: {}", io::Error::from(error))),
        })?;
        let stat = fstat(&handle).map_err(Error::system("looking at the directory"))?;
        let (mode, owner, me) = (stat.st_mode & 0o7777, stat.st_uid, geteuid());
        if mode & 0o007 != 0 {
            return Err(refuse(format!("mode {mode:04o} lets everybody in; chmod o-rwx")));
        }
        let shared = match mode & 0o2070 {
            0o2070 => true,
            _ if mode & 0o070 == 0 => false,
            _ => {
                return Err(refuse(format!(
                    "mode {mode:04o} is neither 0700 nor, for a group, 2770 with the setgid bit"
                )));
            }
        };
        let own = owner == me.as_raw() || owner == 0 || me.is_root();
        let ours = own || (shared && is_member(stat.st_gid)?);
        if !ours {
            return Err(refuse(format!("it is user {owner}'s, and none of a group of yours")));
        }
        Ok(Self { handle, owner, shared })
    }

    /// Makes a file that is locked from the moment others may take it for a dead process's.
    pub(super) fn create(&self, name: &str) -> Result<File, Error> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        loop {
            let file: File = openat(&self.handle, name, flags, self.mode())
                .map_err(Error::system("making a file"))?
                .into();
            file.lock().map_err(Error::system("locking a file"))?;
            // Whoever cleans up may have found it before it was locked.
            if self.stat(&file)?.st_nlink != 0 {
                self.give(&file)?;
                return Ok(file);
            }
        }
    }

    /// Makes a file in place of what a dead process may have left; only who holds the entry's lock does that.
    pub(super) fn replace(&self, name: &str) -> Result<File, Error> {
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut made = openat(&self.handle, name, flags, self.mode());
        if matches!(made, Err(Errno::EXIST)) {
            self.remove(name)?;
            made = openat(&self.handle, name, flags, self.mode());
        }
        let file: File = made.map_err(Error::system("making a file"))?.into();
        self.give(&file)?;
        Ok(file)
    }

    /// Opens a file that is there to be locked, and stays; makes it if it is not.
    pub(super) fn lock_file(&self, name: &str) -> Result<File, Error> {
        if let Some(file) = self.read(name)? {
            return Ok(file);
        }
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file: File = openat(&self.handle, name, flags, self.mode())
            .map_err(Error::system("making a file"))?
            .into();
        self.give(&file)?;
        Ok(file)
    }

    /// Opens a file to read it; `None` if there is none.
    ///
    /// What is no regular file, has a second name, or is open to everybody was not put there by a spool.
    pub(super) fn read(&self, name: &str) -> Result<Option<File>, Error> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: File = match openat(&self.handle, name, flags, Mode::empty()) {
            Ok(file) => file.into(),
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(Error::system("opening a file")(error)),
        };
        if is_trusted(&self.stat(&file)?) {
            return Ok(Some(file));
        }
        Err(Error::System {
            doing: "opening a file",
            error: io::Error::other("it is no plain file, has a second name, or lets everybody in"),
        })
    }

    /// What the kernel says about a file; `None` if it is gone.
    pub(super) fn look(&self, name: &str) -> Result<Option<Stat>, Error> {
        match statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(Error::system("looking at a file")(error)),
        }
    }

    pub(super) fn stat(&self, file: &File) -> Result<Stat, Error> {
        fstat(file).map_err(Error::system("looking at a file"))
    }

    /// Renames within the directory; durable after [`Self::sync`].
    pub(super) fn rename(&self, from: &str, to: &str) -> Result<(), Error> {
        renameat(&self.handle, from, &self.handle, to).map_err(Error::system("renaming a file"))
    }

    /// Removes a file, if it is there; durable after [`Self::sync`].
    pub(super) fn remove(&self, name: &str) -> Result<(), Error> {
        match unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(Error::system("removing a file")(error)),
        }
    }

    /// Waits until every name in it is on disk.
    pub(super) fn sync(&self) -> Result<(), Error> {
        rustix::fs::fsync(&self.handle).map_err(Error::system("writing the directory to disk"))
    }

    /// The names of everything in it.
    pub(super) fn names(&self) -> Result<Vec<String>, Error> {
        let failed = Error::system::<Errno>;
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.handle).map_err(failed("reading the directory"))? {
            let entry = entry.map_err(failed("reading the directory"))?;
            let name = entry.file_name().to_string_lossy();
            if name != "." && name != ".." {
                names.push(name.into_owned());
            }
        }
        Ok(names)
    }

    fn mode(&self) -> Mode {
        match self.shared {
            true => Mode::from_raw_mode(0o660),
            false => Mode::from_raw_mode(0o600),
        }
    }

    /// Lets those read a file who may, whatever the umask is, and whoever writes it.
    fn give(&self, file: &File) -> Result<(), Error> {
        if self.shared {
            fchmod(file, self.mode()).map_err(Error::system("changing a file's mode"))?;
        } else if geteuid().is_root() && self.owner != 0 {
            let owner = Uid::from_raw(self.owner);
            fchown(file, Some(owner), None::<Gid>).map_err(Error::system("changing a file's owner"))?;
        }
        Ok(())
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

/// Whether a file is what a spool makes.
pub(super) fn is_trusted(stat: &Stat) -> bool {
    let plain = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_file();
    // A file that is being removed has no name at all.
    plain && stat.st_nlink <= 1 && stat.st_mode & 0o007 == 0
}

/// Whether this process is in `group`.
fn is_member(group: u32) -> Result<bool, Error> {
    let group = Gid::from_raw(group);
    let groups = getgroups().map_err(Error::system("asking for the groups"))?;
    Ok(getegid() == group || groups.contains(&group))
}
