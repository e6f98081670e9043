//! Whether a variant gives the verdicts of the oracle, with real connections. Nothing is timed that does not.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result};
use enforcer::store::Cluster;

use super::world::Trial;
use crate::{
    lab::{Lab, Outcome, Patience, Probe, Source},
    oracle::{Family, connects},
};

/// The second is beyond TCP's first retransmission.
const PATIENCE: Patience =
    Patience { first: Duration::from_millis(300), second: Duration::from_millis(1300) };

/// What the check found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Check {
    /// Attempts that should connect, and those that should not.
    pub(super) allowed: usize,
    pub(super) denied: usize,
    /// Those of which the variant made something else.
    pub(super) differences: Vec<String>,
}

/// Tries all connections in a lab, and compares with the oracle.
///
/// # Errors
/// When an attempt cannot be made.
pub(super) fn check<'a>(
    lab: &Lab,
    cluster: &Cluster,
    trials: impl IntoIterator<Item = &'a Trial>,
) -> Result<Check> {
    let mut probes = BTreeMap::new();
    for trial in trials {
        let pod = |name| cluster.pods.get(name).with_context(|| format!("no pod {name}"));
        let (from, to) = (pod(&trial.from)?, pod(&trial.to)?);
        let address = Family::V4.address_of(to).with_context(|| format!("{} has no address", to.name))?;
        let probe = Probe {
            from: Source::Pod(trial.from.clone()),
            to: SocketAddr::new(address, trial.port),
            protocol: trial.protocol,
        };
        let opens = connects(cluster, from, to, Family::V4, trial.protocol, trial.port);
        probes.insert(probe, (trial, opens));
    }
    let outcomes = lab.sweep(&probes.keys().cloned().collect(), PATIENCE)?;
    let mut found = Check::default();
    for (probe, (trial, opens)) in &probes {
        if *opens {
            found.allowed += 1;
        } else {
            found.denied += 1;
        }
        let outcome = outcomes.get(probe).with_context(|| format!("{probe:?} was not tried"))?;
        let banner = lab.pod(&trial.to)?.banner(trial.port);
        if !agrees(*opens, outcome, &banner) {
            let Trial { from, to, protocol, port } = trial;
            let wanted = if *opens { "connects" } else { "is denied" };
            found
                .differences
                .push(format!("{from} → {to} {protocol} {port} {wanted} by the oracle, but: {outcome:?}"));
        }
    }
    Ok(found)
}

/// Every port that is tried has a server, so a refusal is a reject of the rules.
fn agrees(opens: bool, outcome: &Outcome, banner: &str) -> bool {
    match outcome {
        Outcome::Connected(said) => opens && said == banner,
        Outcome::TimedOut | Outcome::Refused | Outcome::Unreachable => !opens,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_server_is_a_connection() {
        let said = |text: &str| Outcome::Connected(text.to_owned());
        assert!(agrees(true, &said("bench/server:1"), "bench/server:1"));
        assert!(!agrees(true, &said("bench/varied:1"), "bench/server:1"));
        assert!(!agrees(false, &said("bench/server:1"), "bench/server:1"));
        assert!(agrees(false, &Outcome::Refused, "") && agrees(false, &Outcome::TimedOut, ""));
        assert!(!agrees(true, &Outcome::Refused, "") && !agrees(true, &Outcome::TimedOut, ""));
    }
}
