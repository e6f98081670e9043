//! Builders, generators, the oracle, and network-namespace labs for the test programs.
