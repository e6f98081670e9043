//! Numbers for content.

use std::collections::{BTreeMap, BTreeSet};

use super::PlanError;

/// Gives out numbers in turn: a number that was given back comes round only after all others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sequence {
    kind: &'static str,
    last: u32,
    limit: u32,
}

impl Sequence {
    /// Numbers from 1 up to `limit`, exclusive.
    pub(super) const fn new(kind: &'static str, limit: u32) -> Self {
        Self { kind, last: 0, limit }
    }

    /// The next number that is not a value of `used`.
    pub(super) fn take<K>(&mut self, used: &BTreeMap<K, u32>) -> Result<u32, PlanError> {
        self.take_where(|number| !used.values().any(|used| *used == number))
    }

    /// The next number that is not in `used`.
    pub(super) fn take_beside(&mut self, used: &BTreeSet<u32>) -> Result<u32, PlanError> {
        self.take_where(|number| !used.contains(&number))
    }

    /// The next number that is free.
    pub(super) fn take_where(&mut self, free: impl Fn(u32) -> bool) -> Result<u32, PlanError> {
        for _ in 0..self.limit {
            self.last = if self.last >= self.limit - 1 { 1 } else { self.last + 1 };
            if free(self.last) {
                return Ok(self.last);
            }
        }
        Err(PlanError::Ids { kind: self.kind })
    }
}
