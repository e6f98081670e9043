//! Rounds in which all contestants take turns, with every load; and changes of one policy.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context as _, Result, ensure};
use enforcer::store::Cluster;

use super::{
    contestant::Contestant,
    load::{Ends, Load},
    variant::Variant,
    verdicts::check,
    world::{Shape, Trial, cluster, trials},
};

/// What was measured, by contestant and round.
pub(super) type Rounds = BTreeMap<Variant, Vec<f64>>;

/// How long and how often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Effort {
    pub(super) rounds: usize,
    pub(super) time: Duration,
}

/// Rates of a load.
///
/// # Errors
/// When something does not arrive.
pub(super) fn loads(contestants: &[Contestant], load: Load, effort: Effort) -> Result<Rounds> {
    let mut rounds = Rounds::new();
    let mut ends = Vec::new();
    for contestant in contestants {
        let its = Ends::of(&contestant.lab, &contestant.fresh)?;
        // Neighbours are resolved and tables warm before the first round.
        load.run(&its, effort.time / 10).with_context(|| failed(contestant, load))?;
        ends.push((contestant, its));
    }
    for _ in 0..effort.rounds {
        for (contestant, its) in &ends {
            let rate = load.run(its, effort.time).with_context(|| failed(contestant, load))?;
            rounds.entry(contestant.variant).or_default().push(rate);
        }
        // Who comes after whom changes too.
        ends.rotate_left(1);
    }
    Ok(rounds)
}

fn failed(contestant: &Contestant, load: Load) -> String {
    format!("{} with {}", load.name(), contestant.variant)
}

/// Milliseconds of a change of the policy in the middle, and back. After the first one what it changes is tried.
///
/// # Errors
/// When a change cannot be made, or is not in force once it is said to be.
pub(super) fn changes(contestants: &mut [Contestant], shape: Shape, effort: Effort) -> Result<Rounds> {
    let mut rounds = Rounds::new();
    let Some(first) = contestants.first() else { return Ok(rounds) };
    // All labs have the same addresses.
    let clusters = [shape, Shape { changed: true, ..shape }].map(|shape| cluster(&first.lab, shape));
    let [before, after] = clusters;
    let (before, after) = (before?, after?);
    let telling = telling(shape, &before, &after)?;
    for round in 0..effort.rounds {
        for contestant in contestants.iter_mut().filter(|it| it.variant.enforces()) {
            let mut took = contestant.update(&after)?;
            if round == 0 {
                let found = check(&contestant.lab, &after, &telling)?;
                ensure!(
                    found.differences.is_empty(),
                    "{} has not made the change: {}",
                    contestant.variant,
                    found.differences.join("; ")
                );
            }
            took += contestant.update(&before)?;
            rounds.entry(contestant.variant).or_default().push(took.as_secs_f64() * 1000.0 / 2.0);
        }
        contestants.rotate_left(1);
    }
    Ok(rounds)
}

/// The attempts that a change makes something else of.
fn telling(shape: Shape, before: &Cluster, after: &Cluster) -> Result<Vec<Trial>> {
    let opens = |cluster: &Cluster, trial: &Trial| -> Result<bool> {
        let pod = |name| cluster.pods.get(name).with_context(|| format!("no pod {name}"));
        let (from, to) = (pod(&trial.from)?, pod(&trial.to)?);
        Ok(crate::oracle::connects(cluster, from, to, crate::oracle::Family::V4, trial.protocol, trial.port))
    };
    let mut telling = Vec::new();
    for trial in trials(shape) {
        if opens(before, &trial)? != opens(after, &trial)? {
            telling.push(trial);
        }
    }
    ensure!(!telling.is_empty(), "nothing that is tried would show the change");
    Ok(telling)
}
