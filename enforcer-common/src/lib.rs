//! What the kernel program and the agent share, compiled for both: `packet` (bytes → [`packet::Header`]),
//! `decide` (the verdict), `tables` (layouts of keys and values, and the traits by which `decide`
//! reads them) and `event` (what the kernel reports).
//!
//! Invariant: no dependencies, no `unsafe`, no allocation. Whatever decides about a packet stands here,
//! once; the kernel program and the host tests only supply the packet and the tables.
#![no_std]

pub mod decide;
pub mod event;
pub mod flow;
pub mod fragment;
pub mod packet;
pub mod tables;
pub mod verdict;

pub use decide::decide;
pub use verdict::{Direction, Reason, Verdict};
