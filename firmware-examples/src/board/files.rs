//! Files of the host, which stand for the flash memory that a real device keeps its configuration in.

use core::ffi::CStr;
use semihosting::fs::File;
use semihosting::io::{self, Read};

/// Reads from the start of the file at `path` until `buffer` is full or the file ends; how many octets came.
pub fn read(path: &CStr, buffer: &mut [u8]) -> io::Result<usize> {
    let mut file = File::open(path)?;
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match file.read(rest)? {
            0 => break,
            count => length += count,
        }
    }
    Ok(length)
}
