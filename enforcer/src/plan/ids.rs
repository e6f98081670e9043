//! Numbers for content.

use std::collections::BTreeSet;

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

    /// The number that was given out last; 0 for none.
    pub(super) const fn last(&self) -> u32 {
        self.last
    }

    /// Goes on behind the later one of these numbers.
    pub(super) fn resume(&mut self, given: impl IntoIterator<Item = u32>) {
        let limit = self.limit;
        self.last = given.into_iter().filter(|number| *number < limit).fold(self.last, u32::max);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_round_after_all_others_and_stay_below_the_limit() {
        let mut sequence = Sequence::new("class", 4);
        let taken: Vec<_> = (0..5).map(|_| sequence.take_beside(&BTreeSet::new())).collect();
        assert_eq!(taken, [1, 2, 3, 1, 2].map(Ok));
        assert_eq!(sequence.take_beside(&[3, 1].into()), Ok(2));
        assert_eq!(sequence.take_beside(&[3].into()), Ok(1));
        let none = Err(PlanError::Ids { kind: "class" });
        assert_eq!(sequence.take_beside(&[1, 2, 3].into()), none);
    }

    #[test]
    fn the_last_number_can_be_the_only_free_one() {
        for free in 1..4 {
            for start in 0..4 {
                let mut sequence = Sequence::new("rule", 4);
                for _ in 0..start {
                    assert!(sequence.take_where(|_| true).is_ok());
                }
                assert_eq!(sequence.take_where(|number| number == free), Ok(free));
            }
        }
    }
}
