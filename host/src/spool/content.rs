//! The content of a mail: what it is, told while it is written; and reading it back, held to that.

use gatepost_core::message::{self, Source, Transfer};
use ring::digest::{Context, SHA256};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// What a content is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Octets in the file.
    pub length: u64,
    /// Octets on the way to the server, with CRLF for every line end, before dots are doubled (RFC 1870).
    pub octets: u64,
    /// What the way must carry.
    pub transfer: Transfer,
    /// The header section holds UTF-8 (RFC 6532).
    pub utf8: bool,
    /// SHA-256 of the octets in the file.
    pub digest: [u8; 32],
}

/// Learns the facts from octets as they come.
pub(super) struct Survey {
    hash: Context,
    length: u64,
    octets: u64,
    last: u8,
    /// Octets of the line so far, line end excluded; 0 at its start.
    line: u64,
    /// Before the empty line that ends the header section.
    header: bool,
    ascii: bool,
    nul: bool,
    utf8: bool,
}

impl Survey {
    pub(super) fn new() -> Self {
        Self {
            hash: Context::new(&SHA256),
            length: 0,
            octets: 0,
            last: 0,
            line: 0,
            header: true,
            ascii: true,
            nul: false,
            utf8: false,
        }
    }

    pub(super) fn feed(&mut self, octets: &[u8]) {
        self.hash.update(octets);
        self.length += octets.len() as u64;
        for octet in octets {
            match octet {
                b'\n' if self.last == b'\r' => {}
                b'\r' | b'\n' => {
                    self.octets += 2;
                    self.header &= self.line != 0;
                    self.line = 0;
                }
                _ => {
                    self.octets += 1;
                    self.line += 1;
                    self.ascii &= octet.is_ascii();
                    self.nul |= *octet == 0;
                    self.utf8 |= self.header && !octet.is_ascii();
                }
            }
            self.last = *octet;
        }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn finish(self) -> Facts {
        let transfer = match (self.nul, self.ascii) {
            (true, _) => Transfer::Binary,
            (false, true) => Transfer::SevenBit,
            (false, false) => Transfer::EightBit,
        };
        Facts {
            length: self.length,
            octets: match transfer {
                // It travels as it is (RFC 3030).
                Transfer::Binary => self.length,
                // The last line is ended where it is not.
                _ if self.line != 0 => self.octets + 2,
                _ => self.octets,
            },
            transfer,
            utf8: self.utf8,
            // SHA-256 has 32 octets.
            digest: self.hash.finish().as_ref().try_into().unwrap_or_default(),
        }
    }
}

/// The content of an entry, read from its file.
///
/// Its last octet is given out only when all of them are known to be those that were handed over: a damaged mail is
/// never completed.
pub struct Content {
    file: Arc<File>,
    facts: Facts,
    hash: Option<Context>,
    position: u64,
    failure: Option<io::Error>,
}

impl Content {
    pub(super) fn new(file: Arc<File>, facts: Facts) -> Self {
        Self {
            file,
            facts,
            hash: Some(Context::new(&SHA256)),
            position: 0,
            failure: None,
        }
    }

    /// What it is.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Begins anew, for another server.
    pub fn rewind(&mut self) {
        self.hash = Some(Context::new(&SHA256));
        self.position = 0;
    }

    /// Why reading failed, if it did.
    pub fn failure(&self) -> Option<&io::Error> {
        self.failure.as_ref()
    }

    fn next(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.facts.length - self.position).map_or(out.len(), |left| left.min(out.len()));
        let out = out.get_mut(..room).unwrap_or_default();
        if out.is_empty() {
            return Ok(0);
        }
        // No seeking, so that it can be read again.
        let count = self.file.read_at(out, self.position)?;
        let damage = || {
            io::Error::new(
                io::ErrorKind::InvalidData,
                "the content is not the one that was handed over",
            )
        };
        let (Some(hash), 1..) = (&mut self.hash, count) else {
            return Err(damage());
        };
        hash.update(out.get(..count).unwrap_or_default());
        self.position += count as u64;
        if self.position == self.facts.length {
            let digest = self.hash.take().map(Context::finish);
            if digest.is_none_or(|digest| digest.as_ref() != self.facts.digest) {
                return Err(damage());
            }
        }
        Ok(count)
    }
}

impl Read for Content {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.next(out) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let again = io::Error::new(error.kind(), error.to_string());
                    self.failure = Some(error);
                    return Err(again);
                }
                Ok(count) => return Ok(count),
            }
        }
    }
}

impl Source for Content {
    fn open(&mut self, _: Transfer, _: bool) -> Result<message::Content, message::Error> {
        Ok(message::Content {
            transfer: self.facts.transfer,
            utf8: self.facts.utf8,
            octets: Some(self.facts.octets),
            raw: Some(self.facts.length),
        })
    }

    fn pull(&mut self, out: &mut [u8]) -> Result<usize, message::Error> {
        self.read(out).map_err(|_| message::Error::Source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    fn survey(octets: &[u8]) -> Facts {
        let mut survey = Survey::new();
        survey.feed(octets);
        survey.finish()
    }

    #[test]
    fn facts_are_those_that_core_finds_whatever_the_pieces() {
        for text in [
            "",
            "a",
            "A: b\r\n\r\nc\r\n",
            "A: b\n\nc\n.\nd",
            "a\r\rb\n\r",
            "A: \u{e4}\n\nx",
            "A: b\r\n\r\n\u{e4}",
        ] {
            let facts = survey(text.as_bytes());
            let core = text.as_bytes().open(Transfer::Binary, true).unwrap();
            assert_eq!(
                (Some(facts.octets), facts.transfer),
                (core.octets, core.transfer),
                "{text:?}"
            );
            for split in 0..text.len() {
                let mut survey = Survey::new();
                survey.feed(&text.as_bytes()[..split]);
                survey.feed(&text.as_bytes()[split..]);
                assert_eq!(survey.finish(), facts, "{text:?} at {split}");
            }
        }
        assert!(survey("A: \u{e4}\r\n\r\n".as_bytes()).utf8);
        assert!(!survey("A: b\r\n\r\n\u{e4}".as_bytes()).utf8);
        let binary = survey(b"a\n\0b");
        assert_eq!((binary.transfer, binary.octets), (Transfer::Binary, 4));
    }

    #[test]
    fn a_content_that_changed_is_never_completed() {
        let text = "Subject: x\r\n\r\nHello\r\n".repeat(100);
        let mut file = tempfile();
        file.write_all(text.as_bytes()).unwrap();
        file.write_all(b"the record").unwrap();
        let facts = survey(text.as_bytes());
        let read = |file: &File, size: usize| {
            let mut content = Content::new(Arc::new(file.try_clone().unwrap()), facts.clone());
            let (mut all, mut buffer) = (Vec::new(), vec![0; size]);
            loop {
                match content.read(&mut buffer) {
                    Ok(0) => return Ok(all),
                    Ok(count) => all.extend_from_slice(&buffer[..count]),
                    Err(_) => return Err((all.len(), content.failure().is_some())),
                }
            }
        };
        for size in [1, 7, 4096] {
            assert_eq!(read(&file, size), Ok(text.clone().into_bytes()));
        }
        file.seek(io::SeekFrom::Start(30)).unwrap();
        file.write_all(b"X").unwrap();
        for size in [1, 7, 4096] {
            let (given, told) = read(&file, size).unwrap_err();
            assert!(told && given < text.len(), "{given} of {} octets given out", text.len());
        }
        file.set_len(100).unwrap();
        assert_eq!(read(&file, 64), Err((100, true)));
    }

    fn tempfile() -> File {
        let path = std::env::temp_dir().join(format!("gatepost-content-{}", std::process::id()));
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .unwrap();
        std::fs::remove_file(path).unwrap();
        file
    }
}
