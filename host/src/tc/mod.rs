//! `gatepost tc`: queueing disciplines, in the vocabulary of iproute2.
