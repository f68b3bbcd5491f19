//! `gatepost mail`: composes a mail from the command line and submits it.
