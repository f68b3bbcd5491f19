//! A mail as another program has written it: its header fields apart, its body in memory or on disk, to be read again.

use super::Failure;
use gatepost_core::message::dkim::Rewind;
use gatepost_core::message::{Content, Error, Source, Transfer};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};

/// A mail whose lines all end in CRLF, none longer than 998 octets (RFC 5321 4.5.3.1.6), without NUL.
#[derive(Debug)]
pub struct Draft {
    /// The header section, which may be changed.
    pub fields: Vec<Field>,
    pub(super) body: Body,
}

/// A header field with its folding and the CRLF at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field(Vec<u8>);

impl Field {
    /// Takes lines that are one; `None` if they are not.
    pub(super) fn new(lines: Vec<u8>) -> Option<Self> {
        name(&lines).is_some().then_some(Self(lines))
    }

    /// What stands before the colon.
    pub fn name(&self) -> &str {
        name(&self.0).unwrap_or_default()
    }

    /// Whether it is called so, in any case.
    pub fn is(&self, wanted: &str) -> bool {
        self.name().eq_ignore_ascii_case(wanted)
    }

    /// What stands behind the colon, folding included.
    pub fn value(&self) -> &[u8] {
        let colon = self.0.iter().position(|octet| *octet == b':').unwrap_or(0);
        self.0.get(colon + 1..).unwrap_or_default()
    }

    /// Puts `text` where `at` octets of the value have passed.
    pub(super) fn insert(&mut self, at: usize, text: &str) {
        let at = (self.0.len() - self.value().len() + at).min(self.0.len());
        self.0.splice(at..at, text.bytes());
    }

    pub(super) fn append(&mut self, line: &[u8]) {
        self.0.extend_from_slice(line);
    }

    pub(super) fn octets(&self) -> &[u8] {
        &self.0
    }
}

/// The field name that a line begins with (RFC 5322 2.2); of old, white space may stand before the colon (4.5).
pub(super) fn name(line: &[u8]) -> Option<&str> {
    let colon = line.iter().position(|octet| *octet == b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_name.then(|| str::from_utf8(name).unwrap_or_default())
}

impl Draft {
    /// Whether it has such a field.
    pub fn has(&self, name: &str) -> bool {
        self.fields.iter().any(|field| field.is(name))
    }

    /// The whole mail, from its beginning.
    pub fn reading(&self) -> Reading<'_> {
        let mut header: Vec<u8> = self.fields.iter().flat_map(|field| field.octets()).copied().collect();
        let octets = header.is_ascii();
        let utf8 = !octets && str::from_utf8(&header).is_ok();
        header.extend_from_slice(b"\r\n");
        Reading {
            eight_bit: !octets || self.body.eight_bit,
            utf8,
            header,
            body: &self.body,
            at: 0,
        }
    }
}

/// The octets of a [`Draft`], for a session or for a spool.
pub struct Reading<'a> {
    header: Vec<u8>,
    body: &'a Body,
    eight_bit: bool,
    utf8: bool,
    at: u64,
}

impl Reading<'_> {
    fn length(&self) -> u64 {
        self.header.len() as u64 + self.body.octets
    }
}

impl Read for Reading<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let behind = self.at.checked_sub(self.header.len() as u64);
        let count = match behind {
            None => {
                let mut rest = self.header.get(self.at as usize..).unwrap_or_default();
                rest.read(out)?
            }
            Some(at) => self.body.read_at(at, out)?,
        };
        self.at += count as u64;
        Ok(count)
    }
}

impl Source for Reading<'_> {
    /// For a way that does not carry it, it goes as it is, as every sendmail has it: the alternative would be to lose it.
    fn open(&mut self, allowed: Transfer, utf8: bool) -> Result<Content, Error> {
        let needed = if self.eight_bit {
            Transfer::EightBit
        } else {
            Transfer::SevenBit
        };
        Ok(Content {
            transfer: needed.min(allowed),
            utf8: self.utf8 && utf8,
            octets: Some(self.length()),
            raw: Some(self.length()),
        })
    }

    fn pull(&mut self, out: &mut [u8]) -> Result<usize, Error> {
        loop {
            match self.read(out) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                outcome => return outcome.map_err(|_| Error::Source),
            }
        }
    }
}

impl Rewind for Reading<'_> {
    fn rewind(&mut self) -> Result<(), Error> {
        self.at = 0;
        Ok(())
    }
}

/// What follows the header section; a large one waits in a file that has no name any more.
#[derive(Debug, Default)]
pub(super) struct Body {
    memory: Vec<u8>,
    file: Option<File>,
    octets: u64,
    eight_bit: bool,
}

impl Body {
    pub(super) fn append(&mut self, octets: &[u8]) -> Result<(), Failure> {
        self.eight_bit |= !octets.is_ascii();
        self.octets += octets.len() as u64;
        self.memory.extend_from_slice(octets);
        if self.memory.len() > MOST_IN_MEMORY {
            self.spill().map_err(Failure::Space)?;
        }
        Ok(())
    }

    /// The file holds all that came before what is in memory.
    fn spill(&mut self) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(nameless()?),
        };
        file.write_all(&self.memory)?;
        self.memory.clear();
        Ok(())
    }

    fn read_at(&self, at: u64, out: &mut [u8]) -> io::Result<usize> {
        let in_file = self.octets - self.memory.len() as u64;
        match (&self.file, at.checked_sub(in_file)) {
            (Some(file), None) => {
                let room = usize::try_from(in_file - at).unwrap_or(usize::MAX).min(out.len());
                match file.read_at(out.get_mut(..room).unwrap_or_default(), at)? {
                    0 if room > 0 => Err(io::ErrorKind::UnexpectedEof.into()),
                    count => Ok(count),
                }
            }
            (_, behind) => {
                let mut rest = self.memory.get(behind.unwrap_or(0) as usize..).unwrap_or_default();
                rest.read(out)
            }
        }
    }
}

/// A file of our own that is gone with the process.
fn nameless() -> io::Result<File> {
    let directory = std::env::temp_dir();
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for attempt in 0..100u32 {
        let path = directory.join(format!("gatepost-mail-{}-{attempt}", std::process::id()));
        let mut options = OpenOptions::new();
        match options.read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => {
                std::fs::remove_file(&path)?;
                return Ok(file);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// A body beyond this goes to disk, octets.
const MOST_IN_MEMORY: usize = 256 * 1024;
