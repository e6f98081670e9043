//! A survey: every connection of the grid tried once, for real.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use anyhow::{Context, Result};

use super::grid::{Grid, Trial};
use crate::{
    lab::{Lab, Outcome, Patience, Pod, Probe},
    oracle::Family,
};

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    /// The right server answered.
    Connects,
    /// Silence, as a drop gives.
    Blocked,
    /// Anything else, in words: no policy can cause it.
    Strange(String),
}

/// What came of all trials.
pub(super) type Findings = BTreeMap<Trial, Finding>;

/// Tries everything.
pub(super) fn survey(lab: &Lab, grid: &Grid) -> Result<Findings> {
    let mut probes = BTreeMap::new();
    for trial in grid.trials() {
        let pod = lab.pods().get(&trial.to).with_context(|| format!("no pod {} in the lab", trial.to))?;
        let address = address_of(pod, trial.family)
            .with_context(|| format!("pod {} has no address of this family; try --family 4", trial.to))?;
        let to = SocketAddr::new(address, trial.port);
        let probe = Probe { from: trial.from.clone(), to, protocol: trial.protocol };
        probes.insert(probe, (pod.banner(trial.port), trial));
    }
    let outcomes = lab.sweep(&probes.keys().cloned().collect(), Patience::default())?;
    probes
        .into_iter()
        .map(|(probe, (banner, trial))| {
            let finding = match outcomes.get(&probe).context("a probe without an outcome")? {
                Outcome::Connected(said) if *said == banner => Finding::Connects,
                Outcome::Connected(said) => Finding::Strange(format!("it reached {said}")),
                Outcome::TimedOut => Finding::Blocked,
                Outcome::Refused => Finding::Strange("it was refused".into()),
                Outcome::Unreachable => Finding::Strange("the network said unreachable".into()),
            };
            Ok((trial, finding))
        })
        .collect()
}

/// The pod's address of a family.
pub(super) fn address_of(pod: &Pod, family: Family) -> Option<IpAddr> {
    pod.addresses().iter().copied().find(|address| address.is_ipv4() == (family == Family::V4))
}
