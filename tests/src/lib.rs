//! Builders, generators, the oracle, and network-namespace labs for the test programs.

pub mod demo;
pub mod lab;
pub mod poll;
