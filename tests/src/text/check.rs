//! Expectations against the oracle, and the oracle against a node.

use anyhow::{Context as _, ensure};

use super::Script;
use crate::{
    compare::{compare_case, endpoints},
    generate::Case,
    node::{Node, Target},
    oracle::{judge, with_endpoints},
};

/// Asks the oracle everything that a script expects. Returns the questions, by line.
///
/// # Errors
/// With the line, where the oracle says something else.
pub fn check(script: &Script) -> anyhow::Result<Vec<(usize, Case)>> {
    let Script { cluster, expectations } = script;
    let known = with_endpoints(cluster, &endpoints(cluster, 1));
    let mut cases = Vec::new();
    for expectation in expectations {
        let line = expectation.line;
        let probes = expectation.probes(cluster).with_context(|| format!("line {line}"))?;
        let answers = probes.iter().filter_map(|probe| probe.question(&known)).map(|it| judge(&known, &it));
        let answers: Vec<_> = answers.collect();
        let passes = answers.iter().all(crate::oracle::Answer::passes);
        ensure!(
            passes == expectation.passes,
            "line {line}: the text expects {}, but the oracle says {answers:?}",
            if expectation.passes { "allow" } else { "deny" },
        );
        cases.push((line, Case { cluster: cluster.clone(), probes }));
    }
    Ok(cases)
}

/// Plays a script on a node: the node must agree with the oracle, and the oracle with the text. `only` is the one interface
/// that a target has, as for [`compare_case`]. Returns how many packets were compared.
///
/// # Errors
/// With the line, where they differ.
pub fn compare_script<T: Target>(
    node: &mut Node<T>,
    script: &Script,
    only: Option<u32>,
) -> anyhow::Result<u64> {
    let mut compared = 0;
    for (line, case) in check(script)? {
        let packets = compare_case(node, &case, only).with_context(|| format!("line {line}"))?;
        ensure!(packets > 0, "line {line}: there is no packet that asks this");
        compared += packets;
    }
    Ok(compared)
}
