//! A spool that everybody may put mails into: the binary is setgid, its group owns the directory, and nobody else has a
//! right there.
//!
//! [`lower`] comes first in the program, so that no file is read and no other command is run with the group's rights;
//! opening a spool takes them back.

use rustix::process::{Gid, getegid, getgid, getuid};
use rustix::thread::set_thread_res_gid;
use std::io;
use std::sync::OnceLock;

/// The group whose rights were put away.
static BORROWED: OnceLock<Gid> = OnceLock::new();

/// Puts the rights of a setgid binary away until a spool is opened. To be called before there are threads.
///
/// Where that fails, nothing may be done.
pub fn lower() -> io::Result<()> {
    let (real, effective) = (getgid(), getegid());
    if real != effective {
        set_thread_res_gid(None::<Gid>, real, effective)?;
        // Set once: this is called once.
        let _ = BORROWED.set(effective);
    }
    Ok(())
}

/// Takes the rights back that [`lower`] put away.
pub(super) fn raise() {
    if let Some(group) = BORROWED.get() {
        // Where it fails the directory cannot be opened, and that is said.
        let _ = set_thread_res_gid(None::<Gid>, *group, *group);
    }
}

/// Whom this process acts for, if it has the group's rights only by being setgid: an ordinary user.
pub(super) fn borrower() -> Option<u32> {
    (BORROWED.get().is_some() || getgid() != getegid()).then(|| getuid().as_raw())
}
