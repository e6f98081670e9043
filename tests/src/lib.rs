//! Builders, generators, the oracle, and network-namespace labs for the test programs.

pub mod builder;
pub mod compare;
pub mod frame;
pub mod generate;
pub mod node;
pub mod oracle;
