//! Reads a mail that another program writes: finds its header section, and makes every line one that can be sent.

use super::Failure;
use super::draft::{Body, Draft, Field, name};

/// Takes the octets of a mail as they come, at any split.
///
/// LF, CR and CRLF all end a line; NUL is left out; a line of more than 998 octets is folded, in the header section at
/// white space where it has some, else before a space that is put in. The header section ends at the first line that is
/// none of it, which need not be empty. What mailboxes and relays put before it, `From ` lines, is left out.
pub struct Intake {
    fields: Vec<Field>,
    body: Body,
    in_body: bool,
    /// The line so far; what was cut off it already is settled.
    line: Vec<u8>,
    /// A CR was the last octet.
    carriage: bool,
    /// The line goes on one that was cut.
    continued: bool,
    header: usize,
    octets: u64,
    limit: u64,
}

impl Intake {
    /// Nothing yet, of at most `limit` octets.
    pub fn new(limit: u64) -> Self {
        Self {
            fields: Vec::new(),
            body: Body::default(),
            in_body: false,
            line: Vec::new(),
            carriage: false,
            continued: false,
            header: 0,
            octets: 0,
            limit,
        }
    }

    /// Takes the next octets.
    pub fn feed(&mut self, mut octets: &[u8]) -> Result<(), Failure> {
        self.octets += octets.len() as u64;
        if self.octets > self.limit {
            return Err(Failure::Large(self.limit));
        }
        while let Some(first) = octets.first() {
            let (ordinary, rest) = match octets.iter().position(|octet| matches!(octet, b'\r' | b'\n' | 0)) {
                Some(0) => {
                    let after_cr = std::mem::replace(&mut self.carriage, *first == b'\r');
                    if *first != 0 && !(after_cr && *first == b'\n') {
                        self.end_line()?;
                    }
                    // A NUL between them parts CR and LF.
                    octets = &octets[1..];
                    continue;
                }
                Some(count) => octets.split_at(count),
                None => (octets, &[][..]),
            };
            self.carriage = false;
            self.push(ordinary)?;
            octets = rest;
        }
        Ok(())
    }

    /// The mail is complete.
    pub fn finish(mut self) -> Result<Draft, Failure> {
        if !self.line.is_empty() {
            self.end_line()?;
        }
        Ok(Draft {
            fields: self.fields,
            body: self.body,
        })
    }

    fn push(&mut self, mut octets: &[u8]) -> Result<(), Failure> {
        while !octets.is_empty() {
            let room = LONGEST - self.line.len();
            if room == 0 {
                self.cut(octets[0])?;
                continue;
            }
            let (head, tail) = octets.split_at(room.min(octets.len()));
            self.line.extend_from_slice(head);
            octets = tail;
        }
        Ok(())
    }

    /// The line is full, and more of it comes, with this octet.
    fn cut(&mut self, next: u8) -> Result<(), Failure> {
        let white = |octet: &u8| matches!(octet, b' ' | b'\t');
        // A field begins with some of its value, and no line is white space alone.
        let colon = self.line.iter().position(|octet| *octet == b':');
        let begin = colon
            .filter(|_| !self.line.first().is_some_and(white))
            .map_or(0, |at| at + 1);
        let has_text = |at: &usize| self.line.get(begin..*at).is_some_and(|text| !text.iter().all(white));
        let fold = match self.in_body {
            true => None,
            false => self.line.iter().rposition(white).filter(has_text),
        };
        // Not amid a character of UTF-8, if it is that.
        let starts = |octet: &u8| octet & 0xc0 != 0x80;
        let boundary = match starts(&next) {
            true => None,
            false => self.line.iter().rposition(starts).filter(|at| LONGEST - at < 4),
        };
        let at = fold.or(boundary).unwrap_or(LONGEST);
        let rest = self.line.split_off(at);
        self.end_line()?;
        self.continued = true;
        if fold.is_none() {
            self.line.push(b' ');
        }
        self.line.extend_from_slice(&rest);
        Ok(())
    }

    fn end_line(&mut self) -> Result<(), Failure> {
        let mut line = std::mem::take(&mut self.line);
        let continued = std::mem::take(&mut self.continued);
        if !self.in_body && !continued && line.is_empty() {
            self.in_body = true;
            return Ok(());
        }
        line.extend_from_slice(b"\r\n");
        if self.in_body {
            self.body.append(&line)?;
        } else {
            self.header_line(&line, continued)?;
        }
        line.clear();
        self.line = line;
        Ok(())
    }

    fn header_line(&mut self, line: &[u8], continued: bool) -> Result<(), Failure> {
        self.header += line.len();
        if self.header > LARGEST_HEADER {
            return Err(Failure::Large(LARGEST_HEADER as u64));
        }
        let folded = continued || line.starts_with(b" ") || line.starts_with(b"\t");
        match self.fields.last_mut() {
            // A line of white space alone ends what it folds (RFC 5322 4.2 is for readers).
            Some(_) if folded && line.trim_ascii().is_empty() => {}
            Some(field) if folded => field.append(line),
            None if line.starts_with(b"From ") || line.starts_with(b">From ") => {}
            _ => match Field::new(line.to_vec()).filter(|_| name(line).is_some()) {
                Some(field) => self.fields.push(field),
                None => {
                    self.in_body = true;
                    self.body.append(line)?;
                }
            },
        }
        Ok(())
    }
}

/// Ends a mail at a line with nothing but a dot in it, at any split.
#[derive(Default)]
pub struct LoneDot {
    state: Dot,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Dot {
    #[default]
    LineStart,
    Within,
    /// A dot at the start of a line, and a CR behind it.
    Seen,
    SeenWithCr,
    Ended,
}

impl LoneDot {
    /// Hands what belongs to the mail to `intake`; true once the dot was there, which is the end of it.
    pub fn feed(&mut self, octets: &[u8], intake: &mut Intake) -> Result<bool, Failure> {
        let mut start = 0;
        for (index, octet) in octets.iter().enumerate() {
            let held: &[u8] = match (self.state, octet) {
                (Dot::Ended, _) => return Ok(true),
                (Dot::LineStart, b'.') => {
                    intake.feed(octets.get(start..index).unwrap_or_default())?;
                    start = index + 1;
                    self.state = Dot::Seen;
                    continue;
                }
                (Dot::Seen, b'\r') => {
                    start = index + 1;
                    self.state = Dot::SeenWithCr;
                    continue;
                }
                (Dot::Seen | Dot::SeenWithCr, b'\n') => {
                    self.state = Dot::Ended;
                    return Ok(true);
                }
                (Dot::Seen, _) => b".",
                (Dot::SeenWithCr, _) => b".\r",
                _ => b"",
            };
            intake.feed(held)?;
            self.state = if *octet == b'\n' { Dot::LineStart } else { Dot::Within };
        }
        if matches!(self.state, Dot::LineStart | Dot::Within) {
            intake.feed(octets.get(start..).unwrap_or_default())?;
        }
        Ok(self.state == Dot::Ended)
    }

    /// Nothing more came: a dot without a line end is one all the same.
    pub fn finish(self, intake: &mut Intake) -> Result<(), Failure> {
        match self.state {
            Dot::SeenWithCr => intake.feed(b".\r"),
            _ => Ok(()),
        }
    }
}

/// RFC 5321 4.5.3.1.6, without the CRLF.
const LONGEST: usize = 998;
/// No header section is larger, octets.
const LARGEST_HEADER: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// What becomes of a mail, the same at every split.
    fn take(text: &[u8]) -> (Vec<String>, String) {
        let mut outcomes: Vec<Draft> = Vec::new();
        let long = text.len() > 200;
        let places = 0..=text.len();
        for at in places.filter(|at| !long || *at == 0 || (997..1002).contains(at)) {
            let mut intake = Intake::new(u64::MAX);
            for part in [&text[..at], &text[at..]] {
                intake.feed(part).unwrap();
            }
            outcomes.push(intake.finish().unwrap());
        }
        let mut shown: Vec<(Vec<String>, String)> = outcomes.iter().map(show).collect();
        let last = shown.pop().unwrap();
        assert!(shown.iter().all(|other| *other == last));
        last
    }

    fn show(draft: &Draft) -> (Vec<String>, String) {
        let mut whole = Vec::new();
        draft.reading().read_to_end(&mut whole).unwrap();
        let header: usize = 2 + draft.fields.iter().map(|field| field.octets().len()).sum::<usize>();
        let text = |octets: &[u8]| octets.iter().map(|octet| char::from(*octet)).collect::<String>();
        let fields = draft.fields.iter().map(|field| text(field.octets()));
        (fields.collect(), text(&whole[header..]))
    }

    fn check(text: &str, fields: &[&str], body: &str) {
        let (found, content) = take(text.as_bytes());
        assert_eq!(
            (
                found.iter().map(String::as_str).collect::<Vec<_>>().as_slice(),
                content.as_str()
            ),
            (fields, body),
            "{text:?}"
        );
    }

    #[test]
    fn header_and_body_however_the_lines_end() {
        let fields = ["To: a,\r\n b\r\n", "Subject: c\r\n"];
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("To: a,{end} b{end}Subject: c{end}{end}Text{end}{end}.{end}More");
            check(&text, &fields, "Text\r\n\r\n.\r\nMore\r\n");
        }
        check("A: b\n\nc\r\n\r\r\nd\0e\n", &["A: b\r\n"], "c\r\n\r\n\r\nde\r\n");
        check("", &[], "");
        check("\n", &[], "");
        check("\n\n", &[], "\r\n");
    }

    #[test]
    fn what_is_no_header_is_body() {
        check("just text\nA: b\n", &[], "just text\r\nA: b\r\n");
        check(" text\n", &[], " text\r\n");
        check("A: b\nno field\nC: d\n", &["A: b\r\n"], "no field\r\nC: d\r\n");
        check(
            "From root Mon\n>From x\nA: b\n\nFrom here\n",
            &["A: b\r\n"],
            "From here\r\n",
        );
        check("A : b\n: c\n", &["A : b\r\n"], ": c\r\n");
        check("A: b\n \t\n c\n\nd", &["A: b\r\n c\r\n"], "d\r\n");
    }

    #[test]
    fn no_line_is_too_long() {
        let word = "x".repeat(600);
        check(
            &format!("A: {word} {word}\n"),
            &[&format!("A: {word}\r\n {word}\r\n")],
            "",
        );
        let long = "x".repeat(2000);
        let body = format!("{}\r\n {}\r\n {}\r\n", &long[..998], &long[..997], &long[..5]);
        check(&format!("\n{long}\n"), &[], &body);
        check(&format!("\n{}\n", &long[..998]), &[], &format!("{}\r\n", &long[..998]));
        check(
            &format!("A: {long}\n\n"),
            &[&format!(
                "A: {}\r\n {}\r\n {}\r\n",
                &long[..995],
                &long[..997],
                &long[..8]
            )],
            "",
        );
        // Not amid a character.
        let (_, body) = take(format!("\n{}\n", "\u{20ac}".repeat(400)).as_bytes());
        assert!(
            body.split("\r\n").all(|line| line.trim_start().len() % 3 == 0),
            "{body}"
        );
        // Spaces without an end are no line, and no loop.
        let (fields, _) = take(format!("A:{}b\n", " ".repeat(5000)).as_bytes());
        assert!(fields[0].split("\r\n").all(|line| line.len() <= 998) && fields[0].contains("b\r\n"));
    }

    #[test]
    fn a_lone_dot_ends_it_at_every_split() {
        for (text, body, ended) in [
            ("\na\n.\nb\n", "a\r\n", true),
            ("\na\r\n.\r\nb\n", "a\r\n", true),
            (".\n", "", true),
            ("\n..\n.a\n. \n", "..\r\n.a\r\n. \r\n", false),
            ("\na.\n", "a.\r\n", false),
            ("\na\r\n.\rb", "a\r\n.\r\nb\r\n", false),
            ("\na\n.\r", "a\r\n.\r\n", false),
            ("\na\n.", "a\r\n", false),
        ] {
            for at in 0..=text.len() {
                let mut intake = Intake::new(u64::MAX);
                let mut dot = LoneDot::default();
                let first = dot.feed(&text.as_bytes()[..at], &mut intake).unwrap();
                let second = dot.feed(&text.as_bytes()[at..], &mut intake).unwrap();
                assert_eq!(first || second, ended, "{text:?}");
                dot.finish(&mut intake).unwrap();
                assert_eq!(show(&intake.finish().unwrap()).1, body, "{text:?}");
            }
        }
    }

    #[test]
    fn a_large_body_waits_on_disk_and_can_be_read_again() {
        let line = "0123456789 abcdefghijklmnopqrstuvwxyz \u{e4}\n";
        let mut intake = Intake::new(u64::MAX);
        intake.feed(b"A: b\n\n").unwrap();
        for _ in 0..20_000 {
            intake.feed(line.as_bytes()).unwrap();
        }
        let draft = intake.finish().unwrap();
        let expected = format!("A: b\r\n\r\n{}", line.replace('\n', "\r\n").repeat(20_000));
        let mut reading = draft.reading();
        for _ in 0..2 {
            use gatepost_core::message::{Content, Source, Transfer, dkim::Rewind};
            let content = reading.open(Transfer::Binary, true);
            let octets = Some(expected.len() as u64);
            let told = Content {
                transfer: Transfer::EightBit,
                utf8: false,
                octets,
                raw: octets,
            };
            assert_eq!(content, Ok(told));
            let mut whole = String::new();
            reading.read_to_string(&mut whole).unwrap();
            assert!(whole == expected);
            reading.rewind().unwrap();
        }
    }

    #[test]
    fn floods_end() {
        let mut intake = Intake::new(1000);
        assert!(matches!(intake.feed(&[b'a'; 1001]), Err(Failure::Large(1000))));
        let mut intake = Intake::new(u64::MAX);
        let flooded = (0..2_000_000).find_map(|_| intake.feed(b"A: b\n").err());
        assert!(matches!(flooded, Some(Failure::Large(1_048_576))));
    }
}
