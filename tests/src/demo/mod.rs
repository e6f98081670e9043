//! `enforcer-demo`: an application's manifests, its pods as network namespaces, real connections before
//! and after the enforcer starts, and the oracle's opinion on every one of them.
//!
//! `cluster` and `expected` are the only modules that know where objects and expectations come from.

mod cluster;
mod column;
mod expected;
mod family;
mod grid;
mod judgement;
mod keep;
mod matrix;
mod options;
mod removal;
mod report;
mod row;
mod run;
mod style;
mod survey;
mod table;

pub use options::Options;
pub use run::{Conclusion, run};
