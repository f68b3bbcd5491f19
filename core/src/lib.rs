#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

// `tests!` must be defined before the modules that use it.
#[macro_use]
mod unit_tests_macro;

pub mod machine;

pub mod ascii;

pub mod message;
pub mod smtp;

pub mod http;

pub mod dash;

pub mod abr;

pub mod player;

#[cfg(feature = "tls")]
pub mod tls;

pub mod io;

#[cfg(gatepost_unit_tests)]
pub mod unit_tests;
