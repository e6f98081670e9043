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

    /// Notes what the rounds gave, by variant: against the same node without programs, and for 100 policies against
    /// empty programs too, which leaves what is ours.
    pub(super) fn note(&self, family: Family, rounds: &[Vec<f64>], out: &mut Recorder) -> anyhow::Result<()> {
        let of = |wanted: Variant| {
            let found = Variant::ALL.into_iter().zip(rounds).find(|(variant, _)| *variant == wanted);
            found.map(|(_, figures)| (wanted.name(), figures.as_slice()))
        };
        for (variant, figures) in Variant::ALL.into_iter().zip(rounds) {
            let case = self.case(family, variant);
            if !out.wants(&case) {
                continue;
            }
            let figure =
                Figure { case: &case, metric: self.metric, unit: self.unit, bar: (self.bar)(variant) };
            out.note(figure, figures.clone(), variant.baseline().and_then(of))?;
            if variant == Variant::Hundred {
                let metric = format!("{} over the hook", self.metric);
                let figure = Figure { case: &case, metric: &metric, unit: self.unit, bar: None };
                out.note(figure, figures.clone(), of(Variant::Empty))?;
            }
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
        let count = Variant::ALL.len();
        assert_eq!(figures, (0..count).map(|place| vec![place; 2]).collect::<Vec<_>>());
        // The first ones are not counted.
        let forwards: Vec<usize> = (0..count).collect();
        let backwards: Vec<usize> = (0..count).rev().collect();
        assert_eq!(order, [forwards.clone(), forwards, backwards].concat());
        Ok(())
    }
}
