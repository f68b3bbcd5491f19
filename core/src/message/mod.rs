//! What a mail is made of: addresses, header fields, dates, transfer encodings, and the composer that streams it.
