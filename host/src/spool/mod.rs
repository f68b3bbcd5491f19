//! Mails on disk until they are delivered: a directory, and the one process that empties it. No socket, and no clock.
//!
//! ```text
//! push:     ID.new, written -> fsync -> rename to ID.mail -> fsync of the directory            the mail is handed over
//! attempt:  ID.next, written -> fsync -> rename to ID.state -> fsync of the directory          some recipients still wait
//! end:      unlink ID.mail -> fsync of the directory -> unlink ID.state                        nobody waits any more
//! ```
//!
//! `ID.mail` never changes: the content, and behind it the envelope. `ID.state` says what became of each recipient; where
//! it is absent, no attempt was made. Whatever a process leaves behind that dies between these calls is a file without
//! a meaning, and is removed by the next [`Delivery`].
//!
//! Nothing is delivered twice, with one exception that no client can avoid: a mail that the server has accepted, whose
//! acceptance was not recorded because the process died (between reading the reply and the `rename` or the first
//! `unlink` above; at a power cut up to the end of the `fsync` behind it), is delivered again, octet for octet the same
//! and so with the same Message-ID.
//!
//! Locks are those of the kernel, which a dead process does not keep: on `delivery.lock` by the delivery process, on
//! `ID.new` by its writer, and on `ID.mail` by whoever changes the entry's state.

mod bounce;
mod content;
mod control;
mod courier;
mod delivery;
mod directory;
mod envelope;
mod error;
mod id;
mod privilege;
mod record;
mod schedule;
mod state;
mod store;

pub use content::{Content, Facts};
pub use control::{Listed, Mail};
pub use courier::{Attempt, Courier, Outcome, Verdict};
pub use delivery::{Delivery, Entry, Report};
pub use envelope::Envelope;
pub use error::Error;
pub use id::EntryId;
pub use privilege::lower;
pub use record::{Damage, MailRecord, decode_mail, decode_state};
pub use schedule::Schedule;
pub use state::{RecipientState, State, Status};
pub use store::{Limits, Spool};
