//! Builders, generators, the oracle, and network-namespace labs for the test programs.

pub mod builder;
pub mod frame;
pub mod generate;
pub mod oracle;
