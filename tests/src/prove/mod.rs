//! The long proof: generated cases until the asked numbers are reached, oracle against host, and oracle and host
//! against the real programs in the kernel.
//!
//! A run is a row of numbered [`Job`]s. Each has its own random numbers, made of the run's seed, its level and its
//! number alone, and starts with empty tables, so that it does the same on any number of processors, in any run,
//! and alone. What counts is the shortest beginning of the row that reaches the asked number: the same seed gives the same
//! counts to the last digit.

mod difference;
mod job;
mod options;
mod play;
mod progress;
mod row;
mod run;

pub use difference::Difference;
pub use job::{Job, Kind, Level};
pub use options::Options;
pub use run::{Conclusion, run};

#[cfg(test)]
mod tests;
