//! `sendmail -bs`: a small SMTP server for the one program that started it. Octets in, octets out; no socket.

use crate::mail::address_list;
use crate::mail::config::{notify, ret};
use crate::mail::order::address;
use crate::mail::{Draft, Failure, Intake, Order, To};
use std::mem::take;

/// Who takes a mail, and what he says to it in one line.
pub type Takes<'a> = dyn FnMut(&Order, Draft) -> Result<String, Failure> + 'a;

/// The server's side of a conversation.
pub struct Dialogue {
    host: String,
    line: Vec<u8>,
    /// The line is longer than it may be; what comes of it is thrown away.
    overlong: bool,
    /// Whether lines end in LF alone: who began so must go on so, and nobody else's LF ends the mail data.
    bare: Option<bool>,
    greeted: bool,
    /// MAIL was said.
    begun: bool,
    order: Order,
    data: Option<Data>,
    output: Vec<u8>,
    mistakes: u32,
    over: bool,
    limit: u64,
}

/// Mail data on the way.
struct Data {
    /// An error that was met stays, the data are read to their end all the same.
    intake: Result<Intake, Failure>,
    /// How far the end, CRLF dot CRLF, was seen.
    seen: Seen,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    Within,
    Cr,
    LineStart,
    Dot,
    DotCr,
}

impl Dialogue {
    /// Says the greeting in the name of `host`; mails have at most `limit` octets.
    pub fn new(host: &str, limit: u64) -> Self {
        let mut dialogue = Self {
            host: host.to_owned(),
            line: Vec::new(),
            overlong: false,
            bare: None,
            greeted: false,
            begun: false,
            order: Order::default(),
            data: None,
            output: Vec::new(),
            mistakes: 0,
            over: false,
            limit,
        };
        let greeting = format!("220 {host} ESMTP");
        dialogue.say(&greeting);
        dialogue
    }

    /// Takes what the client says; mails that are complete go to `takes`.
    pub fn feed(&mut self, mut octets: &[u8], takes: &mut Takes<'_>) {
        while !octets.is_empty() && !self.over {
            octets = match self.data {
                Some(_) => self.data(octets, takes),
                None => self.command(octets),
            };
        }
    }

    /// What is to be said to the client.
    pub fn output(&mut self) -> Vec<u8> {
        take(&mut self.output)
    }

    /// QUIT was said, or too much nonsense.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// Reads up to the end of a command line and carries it out; what is behind it.
    fn command<'a>(&mut self, octets: &'a [u8]) -> &'a [u8] {
        let Some(end) = octets.iter().position(|octet| *octet == b'\n') else {
            self.keep(octets);
            return &[];
        };
        let (head, rest) = octets.split_at(end + 1);
        self.keep(head);
        let mut line = take(&mut self.line);
        let overlong = take(&mut self.overlong);
        line.pop();
        let with_cr = line.last() == Some(&b'\r');
        let bare = *self.bare.get_or_insert(!with_cr && !overlong);
        if with_cr {
            line.pop();
        }
        match str::from_utf8(&line) {
            _ if overlong => self.refuse("500 5.5.2 Line too long"),
            _ if !with_cr && !bare => self.refuse("500 5.5.2 Lines end in CR LF"),
            Ok(line) if !line.contains(char::is_control) => self.carry_out(line),
            _ => self.refuse("500 5.5.2 Control characters, or no UTF-8"),
        }
        rest
    }

    fn keep(&mut self, octets: &[u8]) {
        if self.line.len() + octets.len() > LONGEST_COMMAND {
            self.overlong = true;
            self.line.clear();
        } else {
            self.line.extend_from_slice(octets);
        }
    }

    fn carry_out(&mut self, line: &str) {
        let (verb, argument) = line.split_once(' ').unwrap_or((line, ""));
        let argument = argument.trim();
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" | "HELO" if argument.is_empty() => self.refuse("501 5.5.4 Who are you?"),
            "HELO" => {
                self.reset();
                self.greeted = true;
                let reply = format!("250 {}", self.host);
                self.say(&reply);
            }
            "EHLO" => {
                self.reset();
                self.greeted = true;
                let reply = format!(
                    "250-{}\r\n250-PIPELINING\r\n250-SIZE {}\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 ENHANCEDSTATUSCODES",
                    self.host, self.limit
                );
                self.say(&reply);
            }
            "MAIL" => self.mail(argument),
            "RCPT" => self.rcpt(argument),
            "DATA" if !argument.is_empty() => self.refuse("501 5.5.4 DATA has no argument"),
            "DATA" if self.order.recipients.is_empty() => self.refuse("503 5.5.1 RCPT first"),
            "DATA" => {
                self.data = Some(Data {
                    intake: Ok(Intake::new(self.limit)),
                    seen: Seen::LineStart,
                });
                self.say("354 End with a dot alone in a line");
            }
            "RSET" => {
                self.reset();
                self.say("250 2.0.0 Forgotten");
            }
            "NOOP" => self.say("250 2.0.0 Done"),
            "VRFY" => self.say("252 2.5.2 Send it and see"),
            "HELP" => self.say("214 2.0.0 EHLO HELO MAIL RCPT DATA RSET NOOP VRFY QUIT"),
            "QUIT" => {
                self.say("221 2.0.0 Bye");
                self.over = true;
            }
            "EXPN" | "ETRN" | "AUTH" | "STARTTLS" | "BDAT" | "TURN" => self.refuse("502 5.5.1 Not here"),
            _ => self.refuse("500 5.5.2 Unknown command"),
        }
    }

    fn mail(&mut self, argument: &str) {
        if !self.greeted {
            return self.refuse("503 5.5.1 EHLO first");
        }
        if self.begun {
            return self.refuse("503 5.5.1 One mail at a time");
        }
        let Some((path, parameters)) = path(argument, "FROM:") else {
            return self.refuse("501 5.5.4 MAIL FROM:<address>");
        };
        let reverse_path = match path {
            "<>" => None,
            path => match mailbox(path) {
                Ok(address) => Some(address),
                Err(why) => return self.refuse(&format!("553 5.1.7 {why}")),
            },
        };
        let mut order = Order {
            reverse_path,
            ..Order::default()
        };
        for parameter in parameters.split_ascii_whitespace() {
            let (keyword, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let known = match keyword.to_ascii_uppercase().as_str() {
                "SIZE" => match value.parse::<u64>() {
                    Ok(size) if size > self.limit => return self.refuse("552 5.3.4 Larger than mails may be"),
                    size => size.is_ok(),
                },
                // What the content is, it shows itself.
                "BODY" => ["7BIT", "8BITMIME"].iter().any(|body| value.eq_ignore_ascii_case(body)),
                "SMTPUTF8" => value.is_empty(),
                "RET" => {
                    order.ret = ret(value);
                    order.ret.is_some()
                }
                "ENVID" => {
                    order.envelope_id = xtext(value).filter(|id| gatepost_core::smtp::EnvelopeId::new(id).is_some());
                    order.envelope_id.is_some()
                }
                _ => return self.refuse("555 5.5.4 Unknown parameter"),
            };
            if !known {
                return self.refuse("501 5.5.4 A parameter's value");
            }
        }
        self.order = order;
        self.begun = true;
        self.say("250 2.1.0 Go on");
    }

    fn rcpt(&mut self, argument: &str) {
        if !self.begun {
            return self.refuse("503 5.5.1 MAIL first");
        }
        if self.order.recipients.len() >= MOST_RECIPIENTS {
            return self.refuse("452 4.5.3 Too many recipients");
        }
        let Some((path, parameters)) = path(argument, "TO:") else {
            return self.refuse("501 5.5.4 RCPT TO:<address>");
        };
        let mut to = match mailbox(path) {
            Ok(address) => To::from(address),
            Err(why) => return self.refuse(&format!("553 5.1.3 {why}")),
        };
        for parameter in parameters.split_ascii_whitespace() {
            let (keyword, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let known = match keyword.to_ascii_uppercase().as_str() {
                "NOTIFY" => {
                    to.notify = notify(value);
                    to.notify.is_some()
                }
                "ORCPT" => {
                    let original = value
                        .split_once(';')
                        .filter(|(kind, _)| kind.eq_ignore_ascii_case("rfc822"));
                    let original = original.and_then(|(_, text)| xtext(text));
                    to.original = original.filter(|original| address(original).is_ok());
                    to.original.is_some()
                }
                _ => return self.refuse("555 5.5.4 Unknown parameter"),
            };
            if !known {
                return self.refuse("501 5.5.4 A parameter's value");
            }
        }
        self.order.recipients.push(to);
        self.say("250 2.1.5 Go on");
    }

    /// Takes mail data; what is behind their end.
    fn data<'a>(&mut self, octets: &'a [u8], takes: &mut Takes<'_>) -> &'a [u8] {
        let bare = self.bare.unwrap_or(false);
        let Some(data) = &mut self.data else {
            return octets;
        };
        let mut start = 0;
        for (index, octet) in octets.iter().enumerate() {
            let next = match (data.seen, octet) {
                (Seen::LineStart, b'.') => {
                    // The dot itself is transparency (RFC 5321 4.5.2), whatever follows.
                    data.keep(octets.get(start..index).unwrap_or_default());
                    start = index + 1;
                    Seen::Dot
                }
                (Seen::DotCr, b'\n') => return self.complete(octets.get(index + 1..).unwrap_or_default(), takes),
                (Seen::Dot, b'\n') if bare => return self.complete(octets.get(index + 1..).unwrap_or_default(), takes),
                (Seen::Dot, b'\r') => {
                    start = index + 1;
                    Seen::DotCr
                }
                (Seen::DotCr, _) => {
                    data.keep(b"\r");
                    if *octet == b'\r' { Seen::Cr } else { Seen::Within }
                }
                (Seen::Cr, b'\n') => Seen::LineStart,
                (_, b'\n') if bare => Seen::LineStart,
                (_, b'\r') => Seen::Cr,
                _ => Seen::Within,
            };
            data.seen = next;
        }
        data.keep(octets.get(start..).unwrap_or_default());
        &[]
    }

    /// The mail is here: it is taken, or not.
    fn complete<'a>(&mut self, rest: &'a [u8], takes: &mut Takes<'_>) -> &'a [u8] {
        let order = take(&mut self.order);
        self.begun = false;
        let intake = self.data.take().map(|data| data.intake);
        let draft = intake
            .unwrap_or_else(|| Ok(Intake::new(self.limit)))
            .and_then(Intake::finish);
        match draft.and_then(|draft| takes(&order, draft)) {
            Ok(words) => {
                let reply = format!("250 2.0.0 {}", one_line(&words));
                self.say(&reply);
            }
            Err(failure) => {
                let words = one_line(&failure.to_string());
                let reply = match failure {
                    Failure::Large(_) => format!("552 5.3.4 {words}"),
                    Failure::Letter { .. } | Failure::Header(_) => format!("550 5.6.0 {words}"),
                    // Some have it: once more would be twice for them.
                    _ if failure.is_final() || failure.is_partial() => format!("554 5.0.0 {words}"),
                    _ => format!("451 4.3.0 {words}"),
                };
                self.say(&reply);
            }
        }
        rest
    }

    fn reset(&mut self) {
        self.order = Order::default();
        self.begun = false;
    }

    fn say(&mut self, reply: &str) {
        self.output.extend_from_slice(reply.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    fn refuse(&mut self, reply: &str) {
        self.say(&one_line(reply));
        self.mistakes += 1;
        if self.mistakes >= MOST_MISTAKES {
            self.say("421 4.7.0 Too many errors");
            self.over = true;
        }
    }
}

impl Data {
    fn keep(&mut self, octets: &[u8]) {
        if let Ok(intake) = &mut self.intake
            && let Err(failure) = intake.feed(octets)
        {
            self.intake = Err(failure);
        }
    }
}

/// `keyword<path> parameters`; white space of old before the path is passed over.
fn path<'a>(argument: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let start = argument.get(..keyword.len())?;
    let rest = argument.get(keyword.len()..)?.trim_start();
    if !start.eq_ignore_ascii_case(keyword) || !rest.starts_with('<') {
        return None;
    }
    let (mut quoted, mut escaped) = (false, false);
    for (index, character) in rest.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '>' if !quoted => {
                let (path, parameters) = rest.split_at(index + 1);
                return (parameters.is_empty() || parameters.starts_with(' ')).then_some((path, parameters));
            }
            _ => {}
        }
    }
    None
}

/// The one address of a path; a name without a domain is one.
fn mailbox(path: &str) -> Result<String, String> {
    let listed = address_list::addresses(path.as_bytes()).map_err(|error| error.to_string())?;
    let [listed] = &listed[..] else {
        return Err("one address".to_owned());
    };
    let whole = match listed.bare {
        Some(_) => format!("{}@localhost", listed.address),
        None => listed.address.clone(),
    };
    address(&whole).map_err(|failure| failure.to_string())?;
    Ok(listed.address.clone())
}

/// `xtext` of RFC 3461 4.
fn xtext(text: &str) -> Option<String> {
    let mut octets = text.bytes();
    let mut decoded = Vec::new();
    while let Some(octet) = octets.next() {
        decoded.push(match octet {
            b'+' => {
                let mut digit = || char::from(octets.next()?).to_digit(16);
                (digit()? * 16 + digit()?) as u8
            }
            b'!'..=b'~' if octet != b'=' => octet,
            _ => return None,
        });
    }
    String::from_utf8(decoded).ok()
}

/// What may stand in a reply.
fn one_line(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_graphic() || c == ' ' { c } else { '?' };
    text.chars().take(LONGEST_REPLY).map(plain).collect()
}

/// RFC 5321 4.5.3.1.4 has 512; parameters want more, and SMTPUTF8.
const LONGEST_COMMAND: usize = 2048;
/// RFC 5321 4.5.3.1.5, with the code.
const LONGEST_REPLY: usize = 480;
const MOST_RECIPIENTS: usize = 1000;
const MOST_MISTAKES: u32 = 20;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    /// What is answered and what is taken, the same at every split.
    fn talk(words: &str) -> (String, Vec<String>) {
        let at = |splits: &[usize]| {
            let mut dialogue = Dialogue::new("gate.test", 10_000);
            let mut taken = Vec::new();
            let mut takes = |order: &Order, draft: Draft| {
                let mut whole = String::new();
                draft.reading().read_to_string(&mut whole).unwrap();
                let to: Vec<_> = order
                    .recipients
                    .iter()
                    .map(|to| format!("{} {:?} {:?}", to.address, to.notify.map(|n| n.delay), to.original))
                    .collect();
                taken.push(format!(
                    "{:?} {:?} {:?} {to:?} {whole}",
                    order.reverse_path, order.ret, order.envelope_id
                ));
                match whole.contains("refuse me") {
                    true => Err(Failure::Config("not\r\n250 today".into())),
                    false => Ok("taken\r\n250".into()),
                }
            };
            let mut start = 0;
            for split in splits.iter().copied().chain([words.len()]) {
                dialogue.feed(&words.as_bytes()[start..split], &mut takes);
                start = split;
            }
            let output = String::from_utf8(dialogue.output()).unwrap();
            (output, taken)
        };
        let whole = at(&[]);
        for split in 0..words.len() {
            assert_eq!(at(&[split]), whole, "split at {split}");
        }
        assert_eq!(at(&(0..words.len()).collect::<Vec<_>>()), whole);
        whole
    }

    /// The codes that were answered, beside the greeting.
    fn codes(words: &str) -> Vec<String> {
        let (output, _) = talk(words);
        let lines = output
            .split("\r\n")
            .filter(|line| line.as_bytes().get(3) == Some(&b' '));
        lines.skip(1).map(|line| line[..3].to_owned()).collect()
    }

    #[test]
    fn a_mail_with_everything() {
        let (output, taken) = talk(
            "EHLO me\r\nMAIL FROM:<a@b.test> SIZE=100 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=a+2Bb\r\n\
             RCPT TO:<\"c>d\"@e.test> NOTIFY=DELAY,FAILURE ORCPT=rfc822;x+40y.test\r\nrcpt to: <root>\r\nDATA\r\n\
             Subject: x\r\n\r\n..dot\r\n.\nnot the end\n.\r\nstill\r\n.\r\nNOOP\r\nQUIT\r\nNOOP\r\n",
        );
        assert_eq!(
            output,
            "220 gate.test ESMTP\r\n250-gate.test\r\n250-PIPELINING\r\n250-SIZE 10000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n\
             250-DSN\r\n250 ENHANCEDSTATUSCODES\r\n250 2.1.0 Go on\r\n250 2.1.5 Go on\r\n250 2.1.5 Go on\r\n\
             354 End with a dot alone in a line\r\n250 2.0.0 taken??250\r\n250 2.0.0 Done\r\n221 2.0.0 Bye\r\n"
        );
        assert_eq!(
            taken,
            [
                "Some(\"a@b.test\") Some(Headers) Some(\"a+b\") [\"\\\"c>d\\\"@e.test Some(true) Some(\\\"x@y.test\\\")\", \
              \"root None None\"] Subject: x\r\n\r\n.dot\r\n\r\nnot the end\r\n.\r\nstill\r\n"
            ]
        );
    }

    #[test]
    fn who_ends_lines_with_lf_ends_the_mail_so() {
        let (_, taken) =
            talk("HELO me\nMAIL FROM:<>\nRCPT TO:<a@b.test>\nDATA\nA: b\n\n..c\n.\nMAIL FROM:<d@e.test>\n");
        assert_eq!(taken, ["None None None [\"a@b.test None None\"] A: b\r\n\r\n.c\r\n"]);
        assert_eq!(codes("HELO me\r\nNOOP\nQUIT\r\n"), ["250", "500", "221"]);
    }

    #[test]
    fn order_and_grammar() {
        for (words, expected) in [
            ("MAIL FROM:<a@b>\r\n", &["503"][..]),
            ("EHLO\r\nHELO \r\n", &["501", "501"]),
            ("EHLO a\r\nRCPT TO:<a@b>\r\nDATA\r\n", &["250", "503", "503"]),
            (
                "EHLO a\r\nMAIL FROM:<a@b>\r\nMAIL FROM:<a@b>\r\nDATA\r\n",
                &["250", "250", "503", "503"],
            ),
            (
                "EHLO a\r\nMAIL FROM:<a@b>\r\nRSET\r\nRCPT TO:<a@b>\r\n",
                &["250", "250", "250", "503"],
            ),
            (
                "EHLO a\r\nMAIL FROM:<a@b>\r\nEHLO b\r\nRCPT TO:<a@b>\r\n",
                &["250", "250", "250", "503"],
            ),
            (
                "EHLO a\r\nMAIL FROM:a@b\r\nMAIL FROM:<a@b\r\nMAIL <a@b>\r\nMAIL FROM:<a@b>SIZE=1\r\n",
                &["250", "501", "501", "501", "501"],
            ),
            (
                "EHLO a\r\nMAIL FROM:<a b@c>\r\nMAIL FROM:<a@b,c@d>\r\nMAIL FROM:<a@-b>\r\n",
                &["250", "553", "553", "553"],
            ),
            (
                "EHLO a\r\nMAIL FROM:<a@b> SIZE=10001\r\nMAIL FROM:<a@b> SIZE=x\r\nMAIL FROM:<a@b> FROB\r\n",
                &["250", "552", "501", "555"],
            ),
            (
                "EHLO a\r\nMAIL FROM:<a@b> BODY=BINARYMIME\r\nMAIL FROM:<a@b> RET=x\r\nMAIL FROM:<a@b> ENVID=+0D+0A\r\n",
                &["250", "501", "501", "501"],
            ),
            (
                "EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<>\r\nRCPT TO:<a@b> NOTIFY=x\r\nRCPT TO:<a@b> ORCPT=x\r\nRCPT TO:<a@b> X=y\r\n",
                &["250", "250", "553", "501", "501", "555"],
            ),
            (
                "VRFY x\r\nEXPN x\r\nHELP\r\nFROB\r\nAUTH PLAIN x\r\nSTARTTLS\r\n",
                &["252", "502", "214", "500", "502", "502"],
            ),
            ("NOOP \u{1}\r\nNOOP a\tb\r\n", &["500", "500"]),
            (
                "EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA x\r\nDATA\r\nrefuse me\r\n.\r\nDATA\r\n",
                &["250", "250", "250", "501", "354", "451", "503"],
            ),
        ] {
            assert_eq!(codes(words), expected, "{words}");
        }
    }

    #[test]
    fn floods_end() {
        let long = format!("NOOP {}\r\nNOOP\r\n", "x".repeat(3000));
        let mut dialogue = Dialogue::new("gate.test", 10);
        let mut takes = |_: &Order, _: Draft| Ok(String::new());
        dialogue.feed(long.as_bytes(), &mut takes);
        assert!(
            String::from_utf8(dialogue.output())
                .unwrap()
                .ends_with("500 5.5.2 Line too long\r\n250 2.0.0 Done\r\n")
        );
        dialogue.feed(
            b"EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<a@b>\r\nDATA\r\n0123456789\r\n.\r\n",
            &mut takes,
        );
        assert!(String::from_utf8(dialogue.output()).unwrap().contains("\r\n552 5.3.4 "));
        for _ in 0..MOST_MISTAKES {
            dialogue.feed(b"\r\n", &mut takes);
        }
        assert!(dialogue.is_over());
        assert!(
            String::from_utf8(dialogue.output())
                .unwrap()
                .ends_with("421 4.7.0 Too many errors\r\n")
        );
        dialogue.feed(b"NOOP\r\n", &mut takes);
        assert_eq!(dialogue.output(), b"");
    }
}
