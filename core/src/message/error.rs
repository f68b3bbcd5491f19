//! Why a message cannot be composed.

use core::fmt;

/// Why an address, a header field or a message is refused; the text names the part and the rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The address has no `@`.
    NoAt,
    /// The local-part is neither a dot-string nor a quoted-string of ASCII (RFC 5321 4.1.2).
    LocalPart,
    /// The local-part is longer than 64 octets (RFC 5321 4.5.3.1.1).
    LocalPartLength,
    /// The domain is neither a domain name nor an address literal (RFC 5321 4.1.2).
    Domain,
    /// The domain is longer than 255 octets (RFC 5321 4.5.3.1.2).
    DomainLength,
    /// The path, with its angle brackets, is longer than 256 octets (RFC 5321 4.5.3.1.3).
    PathLength,
    /// The display name holds a control character.
    DisplayName,
    /// The subject holds a control character.
    Subject,
    /// The date lies outside the years 1900 to 9999, or its offset is a day or more.
    Date,
    /// A half of the message identifier is not a dot-atom (RFC 5322 3.6.4), or is too long.
    MessageId,
    /// The message has no originator, or several and no sender (RFC 5322 3.6.2).
    NoOriginator,
    /// The name of a header field is no field name, or one that the composer writes itself.
    HeaderName,
    /// The value of a header field holds a control character.
    HeaderValue,
    /// The media type is not `type/subtype` of tokens with printable parameters (RFC 2045 5.1).
    MediaType,
    /// A file's name is longer than 255 octets or holds a control character.
    FileName,
    /// An inline part without a content identifier, or without a text that shows it.
    Inline,
    /// More than 65,535 of something.
    TooMany,
    /// The source of the mail data, or of an attachment, failed.
    Source,
    /// DKIM: the selector is no `label *( "." label )` (RFC 6376 3.1).
    Selector,
    /// DKIM: the name of a field to be signed is none, or longer than 64 octets.
    FieldName,
    /// DKIM: a line of the header section is no header field.
    Header,
    /// DKIM: the message has no From field, which must be signed (RFC 6376 5.4).
    NoFrom,
    /// DKIM: the buffer holds either not the header section or not the signature.
    Buffer,
    /// DKIM: binary content is not signed; it would have to be encoded before (RFC 6376 5.3).
    Binary,
    /// DKIM: the source gave something else when it was read again.
    Changed,
    /// DKIM: the signer could not sign.
    Signer,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAt => "address: no @ between local-part and domain",
            Self::LocalPart => "address: the local-part is neither a dot-string nor a quoted-string of ASCII",
            Self::LocalPartLength => "address: the local-part is longer than 64 octets",
            Self::Domain => "address: the domain is neither a domain name nor an address literal",
            Self::DomainLength => "address: the domain is longer than 255 octets",
            Self::PathLength => "address: it is longer than a path of 256 octets can hold",
            Self::DisplayName => "mailbox: the display name holds a control character",
            Self::Subject => "subject: it holds a control character",
            Self::Date => "date: the year is not in 1900 to 9999 or the offset is a day or more",
            Self::MessageId => "message identifier: a half of it is no dot-atom of at most 255 octets",
            Self::NoOriginator => "from: the message has no originator, or several and no sender",
            Self::HeaderName => "header field: the name is not one, or the composer writes that field itself",
            Self::HeaderValue => "header field: the value holds a control character",
            Self::MediaType => "part: the media type is not type/subtype",
            Self::FileName => "part: the file name is over 255 octets or holds a control character",
            Self::Inline => "part: an inline one needs a content identifier, and a text that shows it",
            Self::TooMany => "message: more than 65535 of its parts or addresses",
            Self::Source => "source: the mail data could not be read to its end",
            Self::Selector => "dkim: the selector is no dotted list of labels",
            Self::FieldName => "dkim: the name of a field to be signed is none, or over 64 octets",
            Self::Header => "dkim: a line of the header section is no header field",
            Self::NoFrom => "dkim: the message has no From field",
            Self::Buffer => "dkim: the buffer is too short for the header section or the signature",
            Self::Binary => "dkim: binary content cannot be signed",
            Self::Changed => "dkim: the source gave something else when it was read again",
            Self::Signer => "dkim: the signer could not sign",
        })
    }
}

impl core::error::Error for Error {}
