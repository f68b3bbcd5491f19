//! One description of an object, two outputs: lines of text, or JSON laid out as iproute2 lays it out.
//!
//! Every call says both: the JSON key, the value, and the text around the value. Only one of them is written.

use std::fmt::{self, Arguments, Display, Write as _};

/// How JSON is written.
struct Json {
    pretty: bool,
    depth: usize,
    /// Whether the next value needs a comma before it.
    comma: bool,
}

/// What is shown gathers here.
pub(crate) struct Printer {
    out: String,
    json: Option<Json>,
    /// What ends a line: with `-oneline` a backslash.
    pub(crate) line_end: &'static str,
}

impl Printer {
    pub(crate) fn new(json: bool, pretty: bool, oneline: bool) -> Printer {
        let json = json.then_some(Json {
            pretty,
            depth: 0,
            comma: false,
        });
        Printer {
            out: String::new(),
            json,
            line_end: if oneline { "\\" } else { "\n" },
        }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json.is_some()
    }

    /// The answer begins: JSON is one array.
    pub(crate) fn begin(&mut self) {
        self.open('[');
        if self.json.as_ref().is_some_and(|json| json.pretty) {
            self.out.push(' ');
        }
    }

    /// The answer is complete.
    pub(crate) fn finish(mut self) -> String {
        if self.is_json() {
            self.close_array();
            self.out.push('\n');
        }
        self.out
    }

    /// Text that JSON does not have.
    pub(crate) fn text(&mut self, text: Arguments<'_>) {
        if self.json.is_none() {
            write(&mut self.out, text);
        }
    }

    /// A line ends, in text.
    pub(crate) fn new_line(&mut self) {
        if self.json.is_none() {
            self.out.push_str(self.line_end);
        }
    }

    /// A number, or whatever JSON writes without quotes.
    pub(crate) fn number(&mut self, key: &str, value: impl Display, text: Arguments<'_>) {
        if self.is_json() {
            self.key(key);
            self.value(format_args!("{value}"));
        } else {
            write(&mut self.out, text);
        }
    }

    /// A text.
    pub(crate) fn string(&mut self, key: &str, value: &str, text: Arguments<'_>) {
        if self.is_json() {
            self.key(key);
            self.quoted(value);
        } else {
            write(&mut self.out, text);
        }
    }

    /// Something that is either there or not: `true` where it is.
    pub(crate) fn truth(&mut self, key: &str, value: bool, text: Arguments<'_>) {
        self.number(key, value, text);
    }

    /// Something that is there, without a value.
    pub(crate) fn null(&mut self, key: &str, text: Arguments<'_>) {
        self.number(key, "null", text);
    }

    /// An element of an array that is a text.
    pub(crate) fn element(&mut self, value: &str, text: Arguments<'_>) {
        if self.is_json() {
            self.quoted(value);
        } else {
            write(&mut self.out, text);
        }
    }

    /// An element of an array that is a number.
    pub(crate) fn number_element(&mut self, value: impl Display, text: Arguments<'_>) {
        if self.is_json() {
            self.value(format_args!("{value}"));
        } else {
            write(&mut self.out, text);
        }
    }

    /// An object begins, in JSON.
    pub(crate) fn open_object(&mut self) {
        self.open('{');
    }

    /// An object under a key begins, in JSON.
    pub(crate) fn open_object_at(&mut self, key: &str) {
        if self.is_json() {
            self.key(key);
        }
        self.open('{');
    }

    /// An object ends, in JSON.
    pub(crate) fn close_object(&mut self) {
        self.close('}');
    }

    /// An array under a key begins, in JSON.
    pub(crate) fn open_array(&mut self, key: &str) {
        if self.is_json() {
            self.key(key);
        }
        self.begin();
    }

    /// An array ends, in JSON.
    pub(crate) fn close_array(&mut self) {
        if let Some(json) = &mut self.json {
            if json.pretty && json.comma {
                self.out.push(' ');
            }
            json.comma = false;
        }
        self.close(']');
    }

    fn open(&mut self, bracket: char) {
        self.comma();
        if let Some(json) = &mut self.json {
            self.out.push(bracket);
            json.depth += 1;
            json.comma = false;
        }
    }

    fn close(&mut self, bracket: char) {
        let Some(json) = &mut self.json else { return };
        json.depth = json.depth.saturating_sub(1);
        let filled = std::mem::replace(&mut json.comma, true);
        if filled {
            self.indent();
        }
        self.out.push(bracket);
    }

    fn key(&mut self, key: &str) {
        self.comma();
        self.indent();
        if let Some(json) = &mut self.json {
            json.comma = false;
        }
        escape(&mut self.out, key);
        self.out.push(':');
        if self.json.as_ref().is_some_and(|json| json.pretty) {
            self.out.push(' ');
        }
    }

    fn value(&mut self, value: Arguments<'_>) {
        self.comma();
        write(&mut self.out, value);
    }

    fn quoted(&mut self, value: &str) {
        self.comma();
        escape(&mut self.out, value);
    }

    fn comma(&mut self) {
        if let Some(json) = &mut self.json
            && std::mem::replace(&mut json.comma, true)
        {
            self.out.push(',');
        }
    }

    fn indent(&mut self) {
        if let Some(json) = &self.json
            && json.pretty
        {
            self.out.push('\n');
            (0..json.depth).for_each(|_| self.out.push_str("    "));
        }
    }
}

fn write(out: &mut String, text: Arguments<'_>) {
    // Writing to a String fails only if a Display implementation does, and ours do not.
    let _: fmt::Result = out.write_fmt(text);
}

fn escape(out: &mut String, text: &str) {
    out.push('"');
    for letter in text.chars() {
        match letter {
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\u{c}' => out.push_str("\\f"),
            '\u{8}' => out.push_str("\\b"),
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            letter => out.push(letter),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(mut out: Printer) -> String {
        out.begin();
        out.open_object();
        out.number("mtu", 1500, format_args!("mtu 1500 "));
        out.open_array("flags");
        out.element("UP", format_args!("UP,"));
        out.element("A\"B", format_args!("A\"B"));
        out.close_array();
        out.open_array("none");
        out.close_array();
        out.close_object();
        out.new_line();
        out.finish()
    }

    #[test]
    fn one_description_three_outputs() {
        assert_eq!(describe(Printer::new(false, false, false)), "mtu 1500 UP,A\"B\n");
        assert_eq!(describe(Printer::new(false, false, true)), "mtu 1500 UP,A\"B\\");
        assert_eq!(
            describe(Printer::new(true, false, false)),
            "[{\"mtu\":1500,\"flags\":[\"UP\",\"A\\\"B\"],\"none\":[]}]\n"
        );
        let pretty =
            "[ {\n        \"mtu\": 1500,\n        \"flags\": [ \"UP\",\"A\\\"B\" ],\n        \"none\": [ ]\n    } ]\n";
        assert_eq!(describe(Printer::new(true, true, false)), pretty);
    }
}
