//! `cargo lab`: the laboratory on the command line.

fn main() {}
