//! `gatepost ip`: words to a command to a change or a query, in the vocabulary of iproute2.
