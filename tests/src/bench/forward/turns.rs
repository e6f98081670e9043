//! Rounds in which all variants take turns, and what is noted of them.

use anyhow::Context as _;

use super::{pair::family_name, variant::Variant};
use crate::{
    bench::{
        recorder::{Figure, Recorder},
        result::Bar,
    },
    oracle::Family,
};

/// How often and how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turns {
    pub(super) rounds: usize,
    pub(super) quick: bool,
}

/// What is measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    /// What the cases' names begin with.
    pub(super) name: &'static str,
    pub(super) metric: &'static str,
    pub(super) unit: &'static str,
    /// What each variant should reach, against none.
    pub(super) bar: fn(Variant) -> Option<Bar>,
}

impl Kind {
    /// The cases of a family.
    pub(super) fn cases(&self, family: Family) -> Vec<String> {
        Variant::ALL.map(|variant| self.case(family, variant)).to_vec()
    }

    fn case(&self, family: Family, variant: Variant) -> String {
        format!("{}/{}/{}", self.name, family_name(family), variant.name())
    }

    /// Notes what the rounds gave, by variant.
    pub(super) fn note(&self, family: Family, rounds: &[Vec<f64>], out: &mut Recorder) -> anyhow::Result<()> {
        let Some(without) = rounds.first() else { return Ok(()) };
        for (variant, figures) in Variant::ALL.into_iter().zip(rounds) {
            let case = self.case(family, variant);
            if !out.wants(&case) {
                continue;
            }
            let figure =
                Figure { case: &case, metric: self.metric, unit: self.unit, bar: (self.bar)(variant) };
            let baseline = (variant != Variant::Without).then_some(("without", without.as_slice()));
            out.note(figure, figures.clone(), baseline)?;
        }
        Ok(())
    }
}

impl Turns {
    /// Figures by variant and round; `turn` is given the variant's place. One round before the first is not counted:
    /// neighbours are resolved in it, flows opened, caches warmed. Every other round goes backwards, so that none
    /// always comes after the same.
    pub(super) fn take<T>(
        self,
        mut turn: impl FnMut(usize) -> anyhow::Result<T>,
    ) -> anyhow::Result<Vec<Vec<T>>> {
        let count = Variant::ALL.len();
        let mut rounds: Vec<Vec<T>> = Variant::ALL.iter().map(|_| Vec::with_capacity(self.rounds)).collect();
        for place in 0..count {
            turn(place)?;
        }
        for round in 0..self.rounds {
            let forwards = round % 2 == 0;
            for place in (0..count).map(|place| if forwards { place } else { count - 1 - place }) {
                let figure = turn(place)?;
                rounds.get_mut(place).context("no such variant")?.push(figure);
            }
        }
        Ok(rounds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_take_as_many_turns_and_none_always_follows_the_same() -> anyhow::Result<()> {
        let mut order = Vec::new();
        let turns = Turns { rounds: 2, quick: true };
        let figures = turns.take(|place| {
            order.push(place);
            Ok(place)
        })?;
        assert_eq!(figures, [[0; 2], [1; 2], [2; 2], [3; 2], [4; 2]].map(Vec::from));
        // The first five are not counted.
        assert_eq!(order, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 4, 3, 2, 1, 0]);
        Ok(())
    }
}
