//! System calls as strace writes them, and the order that keeps a mail across a power cut.

use std::collections::BTreeMap;

/// One system call: its name, its arguments as strace writes them with `-y`, and whether it succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) name: String,
    pub(crate) arguments: String,
    pub(crate) succeeded: bool,
}

impl Call {
    /// The file names of the directory that the arguments name, in order.
    fn files(&self) -> Vec<&str> {
        // "name" of openat, renameat, unlinkat; <path> of a descriptor.
        let quoted = self.arguments.split('"').skip(1).step_by(2);
        let names = quoted.chain(self.arguments.split(['<', '>']).skip(1).step_by(2).take(1));
        names.filter_map(|path| path.rsplit('/').next()).collect()
    }

    /// Whether it is this call, and succeeded, for a file of this kind.
    pub(crate) fn is(&self, name: &str, kind: &str) -> bool {
        self.succeeded && self.name == name && self.files().iter().any(|file| file.ends_with(kind))
    }
}

/// Reads the output of `strace -f -y -o`: the calls that were executed.
pub(crate) fn read(output: &str) -> Vec<Call> {
    let calls = output.lines().filter_map(|line| {
        // `123 fsync(4</spool/x.new>) = 0`; a call that the process died in has `= ?`.
        let (_, line) = line.split_once(' ')?;
        let (name, rest) = line.trim_start().split_once('(')?;
        let (arguments, result) = rest.rsplit_once(" = ")?;
        (!name.contains(' ') && !result.starts_with('?')).then(|| Call {
            name: name.to_owned(),
            arguments: arguments.to_owned(),
            succeeded: !result.starts_with('-'),
        })
    });
    calls.collect()
}

/// What is wrong with the order of the calls of a process that ended by itself, for whom a power cut may come at any time.
///
/// Nothing is renamed to a name that has a meaning before its octets are on disk; the rename, and the end of a mail, are
/// on disk before anything else is done that takes them for granted: another mail, the state's end, the process's own.
pub(crate) fn faults(calls: &[Call], directory: &str) -> Vec<String> {
    let (mut written, mut names, mut faults) = (BTreeMap::new(), None, Vec::new());
    let handle = format!("<{directory}>");
    let mut fault = |what: &str, call: &Call| faults.push(format!("{what}: {}({})", call.name, call.arguments));
    for call in calls.iter().filter(|call| call.succeeded) {
        let file = call.files().last().copied().unwrap_or_default().to_owned();
        match call.name.as_str() {
            "write" | "pwrite64" | "ftruncate" if file.ends_with(".new") || file.ends_with(".next") => {
                written.insert(file, false);
            }
            // A mail is carried away.
            "write" if file == "accepted" && names.is_some() => fault("the directory is not on disk yet", call),
            "fsync" if call.arguments.contains(&handle) => names = None,
            "fsync" => {
                written.insert(file, true);
            }
            "renameat" | "renameat2" | "rename" => {
                let from = call.files().first().copied().unwrap_or_default();
                if written.remove(from) != Some(true) {
                    fault("the file is not on disk yet", call);
                }
                if names.is_some() {
                    fault("the directory is not on disk yet", call);
                }
                names = Some(call.clone());
            }
            "unlinkat" | "unlink" if call.is(&call.name, ".mail") => {
                if names.is_some() {
                    fault("the report about it may be lost", call);
                }
                names = Some(call.clone());
            }
            "unlinkat" | "unlink" if call.is(&call.name, ".state") && names.is_some() => {
                fault("the mail may come back without its state", call);
            }
            _ => {}
        }
    }
    if let Some(call) = names {
        fault("it ends before the directory is on disk", &call);
    }
    faults
}
