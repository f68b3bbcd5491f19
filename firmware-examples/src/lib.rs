//! Gatepost's device half on a microcontroller.
//!
//! `app` is the application: it knows no board, so the same code runs on the bare metal and as a process.
//! `board` is the Cortex-M3 board `mps2-an385`, as QEMU emulates it.

#![no_std]
#![deny(unsafe_code)] // but for the registers of the board
#![warn(missing_docs)]

pub mod app;

#[cfg(target_os = "none")]
pub mod board;
