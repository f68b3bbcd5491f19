//! The command line of `sendmail`, as thirty years of callers write it.

use crate::mail::config::{notify, ret};
use gatepost_core::smtp::{Notify, Return};
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// What the words ask for.
#[derive(Debug, Default)]
pub struct Words {
    /// What is to be done.
    pub mode: Mode,
    /// `-t`: the header names recipients, too.
    pub recipients_in_header: bool,
    /// `-i`: a lone dot is a line like any other.
    pub ignore_dots: bool,
    /// `-f`, `-r`: the reverse-path; empty or `<>` is the null one.
    pub from: Option<String>,
    /// `-F`: the name shown for it.
    pub full_name: Option<String>,
    /// `-N`
    pub notify: Option<Notify>,
    /// `-R`
    pub ret: Option<Return>,
    /// `-V`
    pub envelope_id: Option<String>,
    /// `-v`
    pub verbose: bool,
    /// `-C`
    pub config: Option<PathBuf>,
    /// `-a`, as msmtp has it.
    pub account: Option<String>,
    /// Who receives the mail.
    pub recipients: Vec<String>,
}

/// What is to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// `-bm`: take a mail from standard input.
    #[default]
    Submit,
    /// `-bs`: speak SMTP on standard input and output.
    Dialogue,
    /// `-bp`, `mailq`: list what waits.
    List,
    /// `-q`: try what waits now; `-qIid` one mail of it.
    Flush(Option<String>),
    /// `-bi`, `newaliases`: nothing, aliases are read as they are.
    Nothing,
    /// `-bV`, `--version`
    Version,
}

/// How an option takes its value.
enum Value {
    None,
    /// Attached, or the next word.
    Required,
    /// Attached, or not there.
    Optional,
}

fn kind(option: u8) -> Option<Value> {
    Some(match option {
        b'G' | b'i' | b'm' | b'n' | b't' | b'U' | b'v' | b'x' | b'I' | b's' => Value::None,
        b'a' | b'b' | b'B' | b'C' | b'D' | b'e' | b'f' | b'F' | b'h' | b'L' | b'N' | b'o' | b'O' | b'p' | b'r'
        | b'R' | b'V' | b'X' => Value::Required,
        b'A' | b'd' | b'q' => Value::Optional,
        _ => return None,
    })
}

impl Words {
    /// Reads the words behind the name. Options end at `--` or at the first recipient: what follows is never one, so
    /// that whoever names a recipient cannot say anything else.
    pub fn parse(words: Vec<OsString>) -> Result<Self, String> {
        let mut parsed = Self::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let octets = word.as_bytes();
            match octets {
                b"--" => break,
                b"--version" => parsed.mode = Mode::Version,
                [b'-', b'-', ..] => return Err(format!("{}: unknown option", word.to_string_lossy())),
                [b'-', cluster @ ..] if !cluster.is_empty() => parsed.cluster(cluster, &mut words)?,
                _ => {
                    parsed.recipient(word)?;
                    break;
                }
            }
        }
        for word in words {
            parsed.recipient(word)?;
        }
        Ok(parsed)
    }

    /// Letters behind one dash; the first that takes a value takes the rest.
    fn cluster(&mut self, cluster: &[u8], words: &mut impl Iterator<Item = OsString>) -> Result<(), String> {
        for (index, option) in cluster.iter().enumerate() {
            let name = char::from(*option);
            let attached = cluster.get(index + 1..).unwrap_or_default();
            let value = match kind(*option).ok_or_else(|| format!("-{}: unknown option", name.escape_default()))? {
                Value::None => {
                    self.option(*option, "")?;
                    continue;
                }
                Value::Required if attached.is_empty() => {
                    let next = words.next().ok_or_else(|| format!("-{name}: it needs a value"))?;
                    next.into_string().ok()
                }
                Value::Required | Value::Optional => str::from_utf8(attached).ok().map(str::to_owned),
            };
            let value = value.ok_or_else(|| format!("-{name}: its value is not UTF-8"))?;
            return self.option(*option, &value);
        }
        Ok(())
    }

    fn option(&mut self, option: u8, value: &str) -> Result<(), String> {
        match option {
            b't' => self.recipients_in_header = true,
            b'i' => self.ignore_dots = true,
            b'o' if value.starts_with('i') => self.ignore_dots = true,
            b'f' | b'r' => self.from = Some(value.to_owned()),
            b'F' => self.full_name = Some(value.to_owned()).filter(|name| !name.is_empty()),
            b'N' => self.notify = Some(notify(value).ok_or("-N: never, or some of success, failure and delay")?),
            b'R' => self.ret = Some(ret(value).ok_or("-R: full or hdrs")?),
            b'V' => self.envelope_id = Some(value.to_owned()),
            b'v' => self.verbose = true,
            b'C' => self.config = Some(value.into()),
            b'a' => self.account = Some(value.to_owned()),
            b'I' => self.mode = Mode::Nothing,
            b'q' => {
                self.mode = match value {
                    "" | "f" => Mode::Flush(None),
                    _ if value.starts_with('I') => Mode::Flush(Some(value[1..].to_owned())),
                    _ => {
                        return Err(format!(
                            "-q{value}: there is no daemon here; `gatepost mail deliver` is what delivers"
                        ));
                    }
                }
            }
            b'b' => {
                self.mode = match value {
                    "m" => Mode::Submit,
                    "s" => Mode::Dialogue,
                    "p" => Mode::List,
                    "i" => Mode::Nothing,
                    "V" => Mode::Version,
                    "d" | "D" | "l" => return Err(format!("-b{value}: nothing listens here, mails only leave")),
                    "v" | "t" => return Err(format!("-b{value}: addresses are not looked up here")),
                    _ => return Err(format!("-b{value}: unknown mode")),
                }
            }
            // 8-bit content is found in the mail itself; queues, log files, hop counts and the rest have no meaning here.
            _ => {}
        }
        Ok(())
    }

    fn recipient(&mut self, word: OsString) -> Result<(), String> {
        let recipient = word.into_string().map_err(|_| "a recipient that is not UTF-8")?;
        if recipient.starts_with('-') {
            return Err(format!(
                "{recipient}: no recipient begins with a dash, and options stand before recipients"
            ));
        }
        self.recipients.push(recipient);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Words, String> {
        Words::parse(
            line.split(' ')
                .filter(|word| !word.is_empty())
                .map(OsString::from)
                .collect(),
        )
    }

    fn show(words: &Words) -> String {
        let mut shown = format!("{:?}", words.mode);
        for (name, said) in [
            ("t", words.recipients_in_header),
            ("i", words.ignore_dots),
            ("v", words.verbose),
        ] {
            if said {
                shown += &format!(" {name}");
            }
        }
        for (name, value) in [
            ("f", &words.from),
            ("F", &words.full_name),
            ("V", &words.envelope_id),
            ("a", &words.account),
        ] {
            if let Some(value) = value {
                shown += &format!(" {name}={value}");
            }
        }
        if let Some(Notify {
            success,
            failure,
            delay,
        }) = words.notify
        {
            shown += &format!(" N={success},{failure},{delay}");
        }
        if let Some(ret) = words.ret {
            shown += &format!(" R={ret:?}");
        }
        if let Some(config) = &words.config {
            shown += &format!(" C={}", config.display());
        }
        for recipient in &words.recipients {
            shown += &format!(" <{recipient}>");
        }
        shown
    }

    #[test]
    fn callers() {
        for (who, line, expected) in [
            ("PHP", "-t -i", "Submit t i"),
            (
                "PHP with additional parameters",
                "-t -i -fwww@home.test",
                "Submit t i f=www@home.test",
            ),
            (
                "vixie cron",
                "-FCronDaemon -i -B8BITMIME -oem root",
                "Submit i F=CronDaemon <root>",
            ),
            (
                "cronie",
                "-FCronDaemon -i -odi -oem -oi -t -f root",
                "Submit t i f=root F=CronDaemon",
            ),
            ("busybox crond", "-ti", "Submit t i"),
            ("bsd-mailx", "-i -- bob@mail.test", "Submit i <bob@mail.test>"),
            (
                "s-nail",
                "-i -f alice@home.test -- a@b.test c@d.test",
                "Submit i f=alice@home.test <a@b.test> <c@d.test>",
            ),
            (
                "mutt",
                "-oem -oi -f alice@home.test -- bob@mail.test",
                "Submit i f=alice@home.test <bob@mail.test>",
            ),
            (
                "mutt with DSN",
                "-oem -oi -N success,delay -R hdrs -- b@c",
                "Submit i N=true,false,true R=Headers <b@c>",
            ),
            (
                "git send-email",
                "-f alice@home.test -i bob@mail.test",
                "Submit i f=alice@home.test <bob@mail.test>",
            ),
            ("Debian reportbug", "-oi -om -t", "Submit t i"),
            ("logwatch", "-t", "Submit t"),
            ("smartd", "root", "Submit <root>"),
            ("Emacs", "-oi -fa@b.test -odb -t", "Submit t i f=a@b.test"),
            ("Alpine", "-bs -odb -oem", "Dialogue"),
            (
                "Mailman",
                "-oi -f list-bounces@home.test a@b",
                "Submit i f=list-bounces@home.test <a@b>",
            ),
            (
                "fail2ban",
                "-f fail2ban@home.test root@home.test",
                "Submit f=fail2ban@home.test <root@home.test>",
            ),
            ("msmtp in muttrc", "-a work -t", "Submit t a=work"),
            ("apcupsd", "-F apcupsd root", "Submit F=apcupsd <root>"),
            ("a bounce", "-f <> -oi a@b", "Submit i f=<> <a@b>"),
            (
                "Postfix",
                "-G -i -V id1 -X /tmp/log -O a=b -L tag -h 3 -p SMTP -d0.1 -Ac -U -v -C x.toml a@b",
                "Submit i v V=id1 C=x.toml <a@b>",
            ),
            ("the queue", "-bp", "List"),
            ("the queue again", "-q", "Flush(None)"),
            ("one of it", "-qI0123", "Flush(Some(\"0123\"))"),
            ("newaliases", "-bi", "Nothing"),
            ("-I", "-I", "Nothing"),
        ] {
            let shown = parse(line).map_or_else(|error| error, |words| show(&words));
            assert_eq!(shown, expected, "{who}: {line}");
        }
    }

    #[test]
    fn recipients_cannot_be_options() {
        for (line, expected) in [
            (
                "-t -- -X/var/www/shell.php",
                "-X/var/www/shell.php: no recipient begins",
            ),
            ("a@b -oQ/tmp -X/tmp/x", "-oQ/tmp: no recipient begins"),
            ("-i -- a@b -bs", "-bs: no recipient begins"),
            ("-Z", "-Z: unknown option"),
            ("-iZ", "-Z: unknown option"),
            ("--file=x", "--file=x: unknown option"),
            ("-f", "-f: it needs a value"),
            ("-bd", "-bd: nothing listens here"),
            ("-bd -q30m", "-bd: nothing listens here"),
            ("-q30m", "-q30m: there is no daemon here"),
            ("-bv a@b", "-bv: addresses are not looked up"),
            ("-bz", "-bz: unknown mode"),
            ("-N sometimes", "-N: never, or"),
            ("-R some", "-R: full or hdrs"),
        ] {
            let refused = parse(line).expect_err(line);
            assert!(refused.starts_with(expected), "{line}: {refused}");
        }
        let words = ["-i", "", "-"].map(OsString::from).to_vec();
        assert!(Words::parse(words).is_err());
    }
}
