//! The console: lines on the host's standard output.

use core::fmt;
use heapless::String;
use semihosting::io::{self, Write};

/// Collects a line and hands it over at once, since each hand-over stops the processor.
#[derive(Default)]
pub struct Console {
    line: String<256>,
}

impl Console {
    fn flush(&mut self) {
        if let Ok(mut output) = io::stdout() {
            // A console that fails must not stop the device.
            let _ = output.write_all(self.line.as_bytes());
        }
        self.line.clear();
    }
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if self.line.push(character).is_err() {
                self.flush();
                self.line.push(character).map_err(|_| fmt::Error)?;
            }
            if character == '\n' {
                self.flush();
            }
        }
        Ok(())
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.flush();
        }
    }
}
