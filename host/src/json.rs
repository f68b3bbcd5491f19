//! One JSON object on a line (RFC 8259), for the reports of watch and dash.

use std::fmt::{Display, Write};

/// An object that is being written, member by member.
pub(crate) struct Object(String);

impl Object {
    pub(crate) fn new() -> Self {
        Self("{".to_owned())
    }

    /// A member that is a text.
    pub(crate) fn text(mut self, name: &str, value: &str) -> Self {
        self.name(name);
        self.quoted(value);
        self
    }

    /// A member that is a number or a truth value.
    pub(crate) fn plain(mut self, name: &str, value: impl Display) -> Self {
        self.name(name);
        // Writing to a String cannot fail.
        let _ = write!(self.0, "{value}");
        self
    }

    pub(crate) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.quoted(name);
        self.0.push(':');
    }

    fn quoted(&mut self, text: &str) {
        self.0.push('"');
        for character in text.chars() {
            match character {
                '"' | '\\' => self.0.extend(['\\', character]),
                control if control < ' ' => {
                    let _ = write!(self.0, "\\u{:04x}", u32::from(control));
                }
                character => self.0.push(character),
            }
        }
        self.0.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_with_every_kind_of_member() {
        let text = Object::new()
            .text("name", "a\"b\\c\n\u{e9}")
            .plain("up", true)
            .plain("count", 3)
            .finish();
        assert_eq!(text, "{\"name\":\"a\\\"b\\\\c\\u000a\u{e9}\",\"up\":true,\"count\":3}");
        assert_eq!(Object::new().finish(), "{}");
    }
}
