//! The commands, written into the transmit buffer. Each is one line; what stands in it was checked to fit one.

use super::extension::{Keyword, Profile};
use super::parameter::{Hold, Notify, Options, Recipient, Return, is_xchar};
use crate::message::{Address, Transfer};

/// A command line of RFC 5321 4.1 or its extensions, without AUTH.
#[derive(Clone, Copy)]
pub(super) enum Command<'a> {
    /// The verb is EHLO, HELO or LHLO.
    Hello(&'static str, &'a str),
    Mail {
        reverse_path: Option<Address<'a>>,
        options: &'a Options<'a>,
        /// SIZE, if it is known and wanted.
        size: Option<u64>,
        body: Option<Transfer>,
        utf8: bool,
    },
    Rcpt(&'a Recipient<'a>),
    /// `BDAT n LAST`.
    Bdat(u64),
    /// STARTTLS, DATA, RSET, QUIT.
    Verb(&'static str),
}

impl Command<'_> {
    /// Writes the line with its CRLF to the front of `out`, if it fits, and says how long it is.
    ///
    /// What is written where it does not fit means nothing. Parameters of extensions that `P` does not link are left out.
    pub(super) fn emit<P: Profile>(&self, out: &mut [u8]) -> usize {
        let mut line = Line { out, length: 0 };
        match *self {
            Self::Hello(verb, client) => {
                line.put(verb);
                line.put(" ");
                line.put(client);
            }
            Self::Mail {
                reverse_path,
                options,
                size,
                body,
                utf8,
            } => {
                line.put("MAIL FROM:<");
                line.put(reverse_path.map_or("", |address| address.as_str()));
                line.put(">");
                if P::LINKED.contains(Keyword::Size)
                    && let Some(size) = size
                {
                    line.put(" SIZE=");
                    line.decimal(size);
                }
                if P::LINKED.contains(Keyword::EightBitMime) || P::LINKED.contains(Keyword::BinaryMime) {
                    line.put(match body {
                        None => "",
                        Some(Transfer::SevenBit) => " BODY=7BIT",
                        Some(Transfer::EightBit) => " BODY=8BITMIME",
                        Some(Transfer::Binary) => " BODY=BINARYMIME",
                    });
                }
                if P::LINKED.contains(Keyword::SmtpUtf8) && utf8 {
                    line.put(" SMTPUTF8");
                }
                line.options::<P>(options);
            }
            Self::Rcpt(recipient) => {
                line.put("RCPT TO:<");
                line.put(recipient.address.as_str());
                line.put(">");
                if P::LINKED.contains(Keyword::Dsn) {
                    line.notify(recipient.notify);
                    if let Some(original) = recipient.original {
                        // RFC 6533 3: an address beyond ASCII has a type of its own.
                        line.put(if original.is_ascii() {
                            " ORCPT=rfc822;"
                        } else {
                            " ORCPT=utf-8;"
                        });
                        line.xtext(original.as_str());
                    }
                }
            }
            Self::Bdat(_) if !P::LINKED.contains(Keyword::Chunking) => {}
            Self::Bdat(count) => {
                line.put("BDAT ");
                line.decimal(count);
                line.put(" LAST");
            }
            Self::Verb(verb) => line.put(verb),
        }
        line.put("\r\n");
        line.length
    }
}

/// Writes as much as fits, and counts all.
struct Line<'o> {
    out: &'o mut [u8],
    length: usize,
}

impl Line<'_> {
    #[inline(never)]
    fn put(&mut self, text: &str) {
        let end = self.length.saturating_add(text.len());
        if let Some(out) = self.out.get_mut(self.length..end) {
            out.copy_from_slice(text.as_bytes());
        }
        self.length = end;
    }

    /// Doubles a decimal number bit by bit: a division of 64 bits would be the largest part of a small session.
    fn decimal(&mut self, value: u64) {
        let mut digits = [b'0'; 20];
        for bit in (0..u64::BITS - value.leading_zeros()).rev() {
            let mut carry = (value >> bit & 1) as u8;
            for digit in digits.iter_mut().rev() {
                let doubled = (*digit - b'0') * 2 + carry;
                carry = u8::from(doubled > 9);
                *digit = b'0' + doubled - carry * 10;
            }
        }
        let text = core::str::from_utf8(&digits).unwrap_or_default();
        let significant = text.trim_start_matches('0');
        self.put(if significant.is_empty() { "0" } else { significant });
    }

    /// RFC 3461 4; an octet beyond ASCII stands for itself, which only RFC 6533 lets it.
    fn xtext(&mut self, text: &str) {
        for character in text.chars() {
            let mut buffer = [0; 4];
            match u8::try_from(character) {
                Ok(octet) if octet.is_ascii() && !is_xchar(octet) => {
                    let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value & 15)]);
                    self.put("+");
                    self.put(digit(octet >> 4).encode_utf8(&mut buffer));
                    self.put(digit(octet).encode_utf8(&mut buffer));
                }
                _ => self.put(character.encode_utf8(&mut buffer)),
            }
        }
    }

    fn notify(&mut self, notify: Option<Notify>) {
        let Some(Notify {
            success,
            failure,
            delay,
        }) = notify
        else {
            return;
        };
        let mut separator = " NOTIFY=";
        for (occasion, wanted) in [
            ("SUCCESS", success),
            ("FAILURE", failure),
            ("DELAY", delay),
            ("NEVER", !(success || failure || delay)),
        ] {
            if wanted {
                self.put(separator);
                self.put(occasion);
                separator = ",";
            }
        }
    }

    fn options<P: Profile>(&mut self, options: &Options<'_>) {
        if P::LINKED.contains(Keyword::Dsn) {
            self.put(match options.ret {
                None => "",
                Some(Return::Full) => " RET=FULL",
                Some(Return::Headers) => " RET=HDRS",
            });
            if let Some(id) = options.envelope_id {
                self.put(" ENVID=");
                self.xtext(id.as_str());
            }
        }
        if P::LINKED.contains(Keyword::RequireTls) && options.require_tls {
            self.put(" REQUIRETLS");
        }
        if P::LINKED.contains(Keyword::MtPriority)
            && let Some(priority) = options.priority
        {
            self.put(if priority.value() < 0 {
                " MT-PRIORITY=-"
            } else {
                " MT-PRIORITY="
            });
            self.decimal(u64::from(priority.value().unsigned_abs()));
        }
        if P::LINKED.contains(Keyword::DeliverBy)
            && let Some(by) = options.deliver_by
        {
            self.put(" BY=");
            self.decimal(u64::from(by.seconds.min(999_999_999)));
            self.put(if by.returns { ";R" } else { ";N" });
            self.put(if by.trace { "T" } else { "" });
        }
        if P::LINKED.contains(Keyword::FutureRelease) {
            match options.hold {
                None => {}
                Some(Hold::For(seconds)) => {
                    self.put(" HOLDFOR=");
                    self.decimal(u64::from(seconds));
                }
                Some(Hold::Until(date)) => {
                    self.put(" HOLDUNTIL=");
                    self.put(date.as_str());
                }
            }
        }
    }
}

#[cfg(any(test, gatepost_unit_tests))]
pub(crate) mod tests {
    use super::*;
    use crate::smtp::extension::{Basic, Full};
    use crate::smtp::parameter::{Date, DeliverBy, EnvelopeId, Priority};

    fn emit<P: Profile>(command: Command<'_>) -> heapless::String<256> {
        let mut out = [0; 256];
        let length = command.emit::<P>(&mut out);
        assert_eq!(command.emit::<P>(&mut []), length);
        assert_eq!(command.emit::<P>(&mut [0; 256][..length - 1]), length);
        heapless::String::try_from(core::str::from_utf8(&out[..length]).unwrap_or_default()).unwrap_or_default()
    }

    fn check(command: Command<'_>, expected: &str) {
        assert_eq!(emit::<Full>(command), expected);
    }

    const NOTHING: Options<'static> = Options {
        ret: None,
        envelope_id: None,
        require_tls: false,
        priority: None,
        deliver_by: None,
        hold: None,
        all_or_nothing: false,
    };

    fn mail<'a>(options: &'a Options<'a>, reverse_path: Option<Address<'a>>) -> Command<'a> {
        Command::Mail {
            reverse_path,
            options,
            size: None,
            body: None,
            utf8: false,
        }
    }

    tests! {
        fn command_lines() {
            check(Command::Hello("EHLO", "[192.168.77.10]"), "EHLO [192.168.77.10]\r\n");
            check(Command::Verb("STARTTLS"), "STARTTLS\r\n");
            check(mail(&NOTHING, None), "MAIL FROM:<>\r\n");
            check(mail(&NOTHING, Address::parse("a@b").ok()), "MAIL FROM:<a@b>\r\n");
            if let Ok(address) = Address::parse("\"a b\"@c") {
                check(Command::Rcpt(&address.into()), "RCPT TO:<\"a b\"@c>\r\n");
            }
            check(Command::Bdat(18_446_744_073_709_551_615), "BDAT 18446744073709551615 LAST\r\n");
            check(Command::Bdat(0), "BDAT 0 LAST\r\n");
        }

        fn parameters_of_mail() {
            let all = Command::Mail { reverse_path: None, options: &NOTHING, size: Some(1024), body: Some(Transfer::EightBit), utf8: true };
            check(all, "MAIL FROM:<> SIZE=1024 BODY=8BITMIME SMTPUTF8\r\n");
            assert_eq!(emit::<Basic>(all), "MAIL FROM:<>\r\n");
            let options = Options {
                ret: Some(Return::Headers),
                envelope_id: EnvelopeId::new("a+b c"),
                require_tls: true,
                priority: Priority::new(-3),
                deliver_by: Some(DeliverBy { seconds: 120, returns: true, trace: true }),
                hold: Some(Hold::For(60)),
                all_or_nothing: false,
            };
            check(mail(&options, None), "MAIL FROM:<> RET=HDRS ENVID=a+2Bb+20c REQUIRETLS MT-PRIORITY=-3 BY=120;RT HOLDFOR=60\r\n");
            assert_eq!(emit::<Basic>(mail(&options, None)), "MAIL FROM:<>\r\n");
            let until = Options { hold: Date::new("2026-11-22T10:00:00Z").map(Hold::Until), ret: Some(Return::Full), ..NOTHING };
            check(mail(&until, None), "MAIL FROM:<> RET=FULL HOLDUNTIL=2026-11-22T10:00:00Z\r\n");
        }

        fn parameters_of_rcpt() {
            let (Ok(address), Ok(original)) = (Address::parse("a@b"), Address::parse("\"x=+\"@c")) else {
                panic!("these are addresses");
            };
            let notify = |success, failure, delay| Some(Notify { success, failure, delay });
            let to = |notify, original| emit::<Full>(Command::Rcpt(&Recipient { address, notify, original }));
            assert_eq!(to(notify(false, false, false), None), "RCPT TO:<a@b> NOTIFY=NEVER\r\n");
            assert_eq!(to(notify(true, true, true), None), "RCPT TO:<a@b> NOTIFY=SUCCESS,FAILURE,DELAY\r\n");
            assert_eq!(to(notify(false, false, true), Some(original)), "RCPT TO:<a@b> NOTIFY=DELAY ORCPT=rfc822;\"x+3D+2B\"@c\r\n");
        }
    }
}
