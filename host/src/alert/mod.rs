//! Watches the network and mails what it sees.
