//! The SMTP client: replies in, commands and mail data out (RFC 5321).
