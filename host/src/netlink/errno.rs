//! What the numbers of errno(3) mean, in the words that GNU's C library uses and administrators search for.

/// The text for an error number.
pub fn text(number: i32) -> String {
    let known = TEXTS.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("Unknown error {number}"), |(_, text)| (*text).to_owned())
}

/// The text for what a system call said.
pub fn text_of(error: &std::io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), text)
}

/// No such file, route or entry.
pub const ENOENT: i32 = 2;
/// The receive buffer ran over.
pub const ENOBUFS: i32 = 105;
/// The answer does not fit.
pub const EMSGSIZE: i32 = 90;
/// There is no such address.
pub const EADDRNOTAVAIL: i32 = 99;
/// The family has no such thing.
pub const EOPNOTSUPP: i32 = 95;

const TEXTS: &[(i32, &str)] = &[
    (1, "Operation not permitted"),
    (2, "No such file or directory"),
    (3, "No such process"),
    (4, "Interrupted system call"),
    (5, "Input/output error"),
    (6, "No such device or address"),
    (7, "Argument list too long"),
    (9, "Bad file descriptor"),
    (11, "Resource temporarily unavailable"),
    (12, "Cannot allocate memory"),
    (13, "Permission denied"),
    (14, "Bad address"),
    (16, "Device or resource busy"),
    (17, "File exists"),
    (18, "Invalid cross-device link"),
    (19, "No such device"),
    (20, "Not a directory"),
    (21, "Is a directory"),
    (22, "Invalid argument"),
    (23, "Too many open files in system"),
    (24, "Too many open files"),
    (25, "Inappropriate ioctl for device"),
    (28, "No space left on device"),
    (30, "Read-only file system"),
    (32, "Broken pipe"),
    (33, "Numerical argument out of domain"),
    (34, "Numerical result out of range"),
    (36, "File name too long"),
    (38, "Function not implemented"),
    (39, "Directory not empty"),
    (40, "Too many levels of symbolic links"),
    (61, "No data available"),
    (71, "Protocol error"),
    (74, "Bad message"),
    (75, "Value too large for defined data type"),
    (88, "Socket operation on non-socket"),
    (90, "Message too long"),
    (92, "Protocol not available"),
    (93, "Protocol not supported"),
    (94, "Socket type not supported"),
    (95, "Operation not supported"),
    (96, "Protocol family not supported"),
    (97, "Address family not supported by protocol"),
    (98, "Address already in use"),
    (99, "Cannot assign requested address"),
    (100, "Network is down"),
    (101, "Network is unreachable"),
    (103, "Software caused connection abort"),
    (104, "Connection reset by peer"),
    (105, "No buffer space available"),
    (106, "Transport endpoint is already connected"),
    (107, "Transport endpoint is not connected"),
    (110, "Connection timed out"),
    (111, "Connection refused"),
    (113, "No route to host"),
    (114, "Operation already in progress"),
    (115, "Operation now in progress"),
    (122, "Disk quota exceeded"),
];
