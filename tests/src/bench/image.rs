//! What an ELF image or object file holds: octets of flash, symbols.

use harness::{Context, Result};
use object::{Object, ObjectSection, ObjectSymbol, SectionFlags, SectionKind, SymbolKind, elf};
use std::collections::HashSet;
use std::fs;
use std::path::Path;

/// A file read.
pub(crate) struct Image {
    octets: Vec<u8>,
    path: String,
}

/// A piece of an image.
pub(crate) struct Symbol {
    pub(crate) name: String,
    pub(crate) size: u64,
    /// In flash, not in RAM.
    pub(crate) flash: bool,
}

impl Image {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        Ok(Self {
            octets: fs::read(path).context(path.display())?,
            path: path.display().to_string(),
        })
    }

    fn file(&self) -> Result<object::File<'_>> {
        object::File::parse(self.octets.as_slice()).context(&self.path)
    }

    /// Octets of code and constants, without vector tables and without what every C library has: functions that copy,
    /// fill and compare memory.
    pub(crate) fn flash(&self) -> Result<u64> {
        let file = self.file()?;
        let held = file
            .sections()
            .filter(|section| is_flash(section) && section.name() != Ok(".vector_table"));
        let held: u64 = held.map(|section| section.size()).sum();
        let memory: u64 = self
            .symbols()?
            .iter()
            .filter(|symbol| symbol.flash && is_memory_function(&symbol.name))
            .map(|symbol| symbol.size)
            .sum();
        Ok(held - memory)
    }

    /// Every symbol once, however many names it has.
    pub(crate) fn symbols(&self) -> Result<Vec<Symbol>> {
        let file = self.file()?;
        let mut seen = HashSet::new();
        let mut symbols = Vec::new();
        for symbol in file.symbols() {
            let Some(index) = symbol.section_index() else { continue };
            if !matches!(symbol.kind(), SymbolKind::Text | SymbolKind::Data) || symbol.size() == 0 {
                continue;
            }
            if seen.insert((index, symbol.address())) {
                symbols.push(Symbol {
                    name: format!("{:#}", rustc_demangle::demangle(symbol.name()?)),
                    size: symbol.size(),
                    flash: is_flash(&file.section_by_index(index)?),
                });
            }
        }
        Ok(symbols)
    }

    /// The size of the only symbol with this name.
    pub(crate) fn symbol(&self, name: &str) -> Result<u64> {
        let symbols = self.symbols()?;
        let mut found = symbols
            .iter()
            .filter(|symbol| symbol.name.rsplit("::").next() == Some(name));
        match (found.next(), found.next()) {
            (Some(symbol), None) => Ok(symbol.size),
            _ => Err(format!("{}: not one symbol {name}", self.path).into()),
        }
    }
}

/// Loaded, and not merely zeroed.
fn is_flash<'a>(section: &impl ObjectSection<'a>) -> bool {
    let SectionFlags::Elf { sh_flags } = section.flags() else {
        return false;
    };
    sh_flags & u64::from(elf::SHF_ALLOC) != 0 && section.kind() != SectionKind::UninitializedData
}

fn is_memory_function(name: &str) -> bool {
    let plain = name.strip_prefix("__aeabi_").unwrap_or(name);
    name.starts_with("compiler_builtins::mem::")
        || ["memcpy", "memmove", "memset", "memclr", "memcmp", "bcmp"]
            .iter()
            .any(|function| {
                plain
                    .strip_prefix(function)
                    .is_some_and(|rest| matches!(rest, "" | "4" | "8"))
            })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_every_c_library() {
        for name in ["memcpy", "__aeabi_memclr8", "compiler_builtins::mem::memmove", "bcmp"] {
            assert!(is_memory_function(name), "{name}");
        }
        for name in [
            "memchr",
            "core::slice::memchr::memchr",
            "memcpy_to_server",
            "compiler_builtins::int::udiv",
        ] {
            assert!(!is_memory_function(name), "{name}");
        }
    }
}
