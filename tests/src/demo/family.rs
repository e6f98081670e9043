//! Over which address families the demo connects.

use super::options::{Families, Options};
use crate::oracle::Family;

/// The families that were asked for, in order; else those that this kernel has.
pub(super) fn families(options: &Options, has_ipv6: bool) -> Vec<Family> {
    match options.family {
        _ if options.ipv6 => vec![Family::V6],
        Some(Families::V4) => vec![Family::V4],
        Some(Families::V6) => vec![Family::V6],
        Some(Families::Both) => Family::ALL.to_vec(),
        None if has_ipv6 => Family::ALL.to_vec(),
        None => vec![Family::V4],
    }
}
