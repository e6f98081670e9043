//! What the oracle expects, and where it and the kernel differ.

use std::collections::BTreeMap;

use enforcer::{model::ObjectName, store::Cluster};

use super::{
    grid::{Grid, Trial},
    survey::{Finding, Findings},
};
use crate::{lab::Source, oracle};

/// Whether each connection should open.
pub(super) type Expectations = BTreeMap<Trial, bool>;

/// Asks the oracle about every connection of the grid.
pub(super) fn expect(cluster: &Cluster, grid: &Grid) -> Expectations {
    grid.trials().into_iter().map(|trial| (trial.clone(), connects(cluster, &trial))).collect()
}

fn connects(cluster: &Cluster, trial: &Trial) -> bool {
    let Source::Pod(from) = &trial.from else {
        // DESIGN 3.3: what the node itself sends to its pods always passes.
        return true;
    };
    let (Some(from), Some(to)) = (cluster.pods.get(from), cluster.pods.get(&trial.to)) else {
        return false;
    };
    oracle::connects(cluster, from, to, trial.family, trial.protocol, trial.port)
}

/// The policy whose removal changes most connections, and the cluster without it. `None` when there is
/// no policy whose removal changes any.
pub(super) fn most_telling_removal(cluster: &Cluster, grid: &Grid) -> Option<(ObjectName, Cluster)> {
    let now = expect(cluster, grid);
    let mut best: Option<(usize, ObjectName, Cluster)> = None;
    for name in cluster.policies.keys() {
        let mut without = cluster.clone();
        without.policies.remove(name);
        let then = expect(&without, grid);
        let changed = now.iter().filter(|(trial, opens)| then.get(trial) != Some(opens)).count();
        if changed > best.as_ref().map_or(0, |(most, _, _)| *most) {
            best = Some((changed, name.clone(), without));
        }
    }
    best.map(|(_, name, without)| (name, without))
}

/// The connections of which the kernel made something else than the oracle expects.
pub(super) fn differences(expectations: &Expectations, findings: &Findings) -> Vec<(Trial, String)> {
    let mut different = Vec::new();
    for (trial, opens) in expectations {
        let (wanted, agrees) = match findings.get(trial) {
            Some(Finding::Connects) => ("should be blocked, but connects", *opens),
            Some(Finding::Blocked) => ("should connect, but is blocked", !*opens),
            Some(Finding::Strange(what)) => {
                let wanted = if *opens { "should connect" } else { "should be blocked" };
                different.push((trial.clone(), format!("{wanted}, but {what}")));
                continue;
            }
            None => ("was not tried", false),
        };
        if !agrees {
            different.push((trial.clone(), wanted.to_owned()));
        }
    }
    different
}
