//! The words of a command line, one after another, and the tables of keywords they are looked up in.

use super::failure::Failure;
use super::names::Databases;
use std::collections::VecDeque;

/// Links by name and index: what is said by name, netlink says by index.
pub trait Links {
    /// The index of the link with this name; `if7` also names the link with index 7.
    fn index_of(&mut self, name: &str) -> Option<u32>;
    /// How many octets the link-layer address of this link has.
    fn address_length(&mut self, name: &str) -> Option<usize>;
}

/// The words not read yet, and what they are read against.
pub struct Words<'a> {
    words: VecDeque<String>,
    /// The links that names stand for.
    pub links: &'a mut dyn Links,
    /// Names of protocols, scopes and tables.
    pub databases: &'a Databases,
    /// The address family asked for by option; AF_UNSPEC for any.
    pub family: u8,
    /// What the user should hear although the command goes on.
    pub warnings: String,
}

impl<'a> Words<'a> {
    /// These words.
    pub fn new(
        words: impl IntoIterator<Item = String>,
        links: &'a mut dyn Links,
        databases: &'a Databases,
        family: u8,
    ) -> Words<'a> {
        Words {
            words: words.into_iter().collect(),
            links,
            databases,
            family,
            warnings: String::new(),
        }
    }

    /// Takes the next word.
    pub(crate) fn next(&mut self) -> Option<String> {
        self.words.pop_front()
    }

    /// Takes the value that must follow a keyword.
    pub(crate) fn value(&mut self) -> Result<String, Failure> {
        self.next().ok_or_else(Failure::incomplete)
    }

    /// Takes the word that must follow another one that says no more than what it is.
    pub(crate) fn after(&mut self, keyword: &str, word: String) -> Result<String, Failure> {
        if word == keyword { self.value() } else { Ok(word) }
    }

    /// Puts a word back to the front.
    pub(crate) fn put_back(&mut self, word: String) {
        self.words.push_front(word);
    }

    /// Takes all that are left.
    pub(crate) fn rest(&mut self) -> Vec<String> {
        self.words.drain(..).collect()
    }

    /// Whether all were taken.
    pub(crate) fn is_at_end(&self) -> bool {
        self.words.is_empty()
    }

    /// The index of a link.
    pub(crate) fn device(&mut self, name: &str) -> Result<u32, Failure> {
        self.links.index_of(name).ok_or_else(|| Failure::no_device(name))
    }
}

/// Whether `word` is `keyword` or an abbreviation of it; an empty word is none.
pub(crate) fn matches(word: &str, keyword: &str) -> bool {
    !word.is_empty() && keyword.starts_with(word)
}

/// What a keyword does with the words after it.
pub(crate) type Parse<T> = for<'a> fn(&mut Words<'a>, &mut T, &str) -> Result<(), Failure>;

/// One row of a table of keywords: its spelling, whether abbreviations do, and what it does.
pub(crate) struct Keyword<T> {
    pub(crate) spelling: &'static str,
    pub(crate) abbreviates: bool,
    pub(crate) parse: Parse<T>,
}

/// A keyword that must be spelled out.
pub(crate) const fn exact<T>(spelling: &'static str, parse: Parse<T>) -> Keyword<T> {
    Keyword {
        spelling,
        abbreviates: false,
        parse,
    }
}

/// A keyword that may be abbreviated.
pub(crate) const fn short<T>(spelling: &'static str, parse: Parse<T>) -> Keyword<T> {
    Keyword {
        spelling,
        abbreviates: true,
        parse,
    }
}

/// The first row that a word stands for: the order of a table decides between abbreviations.
pub(crate) fn find<T>(table: &'static [Keyword<T>], word: &str) -> Option<&'static Keyword<T>> {
    table
        .iter()
        .find(|row| row.spelling == word || row.abbreviates && matches(word, row.spelling))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_row_wins_an_abbreviation() {
        fn nothing(_: &mut Words<'_>, (): &mut (), _: &str) -> Result<(), Failure> {
            Ok(())
        }
        const TABLE: &[Keyword<()>] = &[
            exact("mtu", nothing),
            short("metric", nothing),
            short("master", nothing),
        ];
        let found = |word| find(TABLE, word).map(|row| row.spelling);
        assert_eq!(found("m"), Some("metric"));
        assert_eq!(found("ma"), Some("master"));
        assert_eq!(found("mtu"), Some("mtu"));
        assert_eq!(found("mt"), None);
        assert_eq!(found(""), None);
        assert_eq!(found("metrics"), None);
    }
}
