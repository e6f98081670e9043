//! What does not fit is kept out, and nothing else.
//!
//! A plan is made of the whole cluster and refused as a whole. If that were all, one tenant's policy could keep every
//! other change from taking effect, deletions and narrowings too. So what a refusal names is kept out, one object after
//! the other, until the rest fits: first policies that are not in force as they are now, the longest first, each in
//! favour of its last version that was in force; then pods that are new here, which are closed as long as they have no
//! rules. Where a refusal names neither, nothing of the change is in force.

use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    model::{Direction, Endpoint, ObjectName, Policy, PortMatch, Ports},
    plan::{MapImage, PlanError},
    store::Cluster,
};

/// The policies that are in force.
#[derive(Debug, Default)]
pub(super) struct InForce {
    policies: BTreeMap<ObjectName, Policy>,
}

/// Something that is kept out, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Withheld {
    /// A policy.
    #[error(
        "NetworkPolicy {name}: {}: {why}",
        if *.has_older { "does not fit, its last good version stays in force" } else { "does not fit and is not in force" }
    )]
    Policy {
        /// The policy.
        name: ObjectName,
        /// Whether an older version is in force.
        has_older: bool,
        /// What it does not fit into.
        why: PlanError,
    },
    /// A pod that is new on this node.
    #[error("Pod {name}: its rules do not fit, so it is closed: {why}")]
    Pod {
        /// The pod.
        name: ObjectName,
        /// What they do not fit into.
        why: PlanError,
    },
}

/// A cluster and endpoints without what is kept out.
#[derive(Debug)]
pub(super) struct Fitting<'a> {
    pub(super) cluster: Cow<'a, Cluster>,
    pub(super) endpoints: Cow<'a, [Endpoint]>,
    pub(super) withheld: Vec<Withheld>,
}

impl<'a> Fitting<'a> {
    /// Everything.
    pub(super) fn all(cluster: &'a Cluster, endpoints: &'a [Endpoint]) -> Self {
        Self { cluster: Cow::Borrowed(cluster), endpoints: Cow::Borrowed(endpoints), withheld: Vec::new() }
    }

    /// Keeps one more object out, for a refusal; `false` when there is none to keep out.
    pub(super) fn withhold(&mut self, in_force: &InForce, image: &MapImage, why: &PlanError) -> bool {
        let Some(objects) = why.objects() else { return false };
        let suspects = objects.policies.iter().filter_map(|name| self.cluster.policies.get(name));
        let changed = suspects.filter(|policy| in_force.policies.get(&policy.name) != Some(*policy));
        if let Some(name) = changed.max_by_key(|policy| (length(policy), Reverse(&policy.name))) {
            let name = name.name.clone();
            let older = in_force.policies.get(&name).cloned();
            self.withheld.push(Withheld::Policy {
                name: name.clone(),
                has_older: older.is_some(),
                why: why.clone(),
            });
            let policies = &mut self.cluster.to_mut().policies;
            match older {
                Some(older) => policies.insert(name, older),
                None => policies.remove(&name),
            };
            return true;
        }
        let is_known = |endpoint: &Endpoint| {
            image.endpoints.get(&endpoint.interface_index).is_some_and(|known| known.pod == endpoint.pod)
        };
        let is_new = |endpoint: &Endpoint| {
            let its = || self.cluster.pods.get(&endpoint.pod);
            let is_named = || objects.pods.contains(&endpoint.pod);
            let is_selected = |name: &ObjectName| {
                self.cluster.policies.get(name).zip(its()).is_some_and(|(policy, pod)| {
                    policy.name.namespace == pod.name.namespace && policy.pod_selector.matches(&pod.labels)
                })
            };
            let is_ruled = || !objects.policies.is_empty() && objects.policies.iter().all(is_selected);
            !is_known(endpoint) && (is_named() || is_ruled())
        };
        let new: BTreeSet<ObjectName> =
            self.endpoints.iter().filter(|endpoint| is_new(endpoint)).map(|it| it.pod.clone()).collect();
        let Some(name) = new.into_iter().next() else { return false };
        self.endpoints.to_mut().retain(|endpoint| endpoint.pod != name);
        self.withheld.push(Withheld::Pod { name, why: why.clone() });
        true
    }
}

impl InForce {
    /// By name.
    pub(super) fn policies(&self) -> &BTreeMap<ObjectName, Policy> {
        &self.policies
    }

    /// These policies are in force from now on.
    pub(super) fn set(&mut self, policies: &BTreeMap<ObjectName, Policy>) {
        self.policies.retain(|name, _| policies.contains_key(name));
        for (name, policy) in policies {
            if self.policies.get(name) != Some(policy) {
                self.policies.insert(name.clone(), policy.clone());
            }
        }
    }
}

/// How much a policy says: its peers and ports.
fn length(policy: &Policy) -> usize {
    let rules = Direction::ALL.into_iter().filter_map(|direction| policy.rules(direction)).flatten();
    let ports = |ports: &Ports| match ports {
        Ports::Any => 1,
        Ports::Listed(listed) => listed.iter().filter(|port| matches!(port, PortMatch::Range(_))).count() + 1,
    };
    rules.map(|rule| ports(&rule.ports) + rule.peers.as_ref().map_or(1, Vec::len)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        compile::{RuleSets, compile},
        model::{Pod, PortRange, Protocol, Rule, Selector},
        plan::plan,
    };

    /// Selects pods with the label of its name; opens every other port below `ports`.
    fn policy(name: &str, ports: u16) -> Policy {
        let range = |protocol, port| PortMatch::Range(PortRange { protocol, first: port, last: port });
        let tcp = (0..ports).step_by(2).map(|port| range(Protocol::Tcp, port));
        let ports = Ports::Listed(tcp.chain([range(Protocol::Udp, 53)]).collect());
        Policy {
            name: ObjectName::new("a", name),
            pod_selector: Selector {
                match_labels: [(name.to_owned(), String::new())].into(),
                match_expressions: Vec::new(),
            },
            ingress: Some(vec![Rule { peers: None, ports }]),
            egress: None,
        }
    }

    /// Pods by name, with labels.
    fn cluster(pods: &[(&str, &[&str])], policies: &[Policy]) -> Cluster {
        let pod = |(name, labels): &(&str, &[&str])| {
            let labels = labels.iter().map(|label| ((*label).to_owned(), String::new())).collect();
            Pod { name: ObjectName::new("a", *name), labels, ..Pod::default() }
        };
        Cluster {
            pods: pods.iter().map(pod).map(|pod| (pod.name.clone(), pod)).collect(),
            policies: policies.iter().map(|policy| (policy.name.clone(), policy.clone())).collect(),
            ..Cluster::default()
        }
    }

    fn endpoints(pods: &[&str]) -> Vec<Endpoint> {
        let endpoint = |(interface_index, pod): (u32, &&str)| Endpoint {
            pod: ObjectName::new("a", *pod),
            interface_index,
            ..Endpoint::default()
        };
        (1..).zip(pods).map(endpoint).collect()
    }

    /// As much as fits: what is compiled, and what is said of the rest.
    fn fit(
        in_force: &InForce,
        image: &MapImage,
        cluster: &Cluster,
        endpoints: &[Endpoint],
    ) -> (RuleSets, Vec<String>) {
        let mut fitting = Fitting::all(cluster, endpoints);
        loop {
            let compiled = compile(&fitting.cluster, &fitting.endpoints);
            match plan(image, &compiled) {
                Ok(_) => return (compiled, fitting.withheld.iter().map(ToString::to_string).collect()),
                Err(why) => assert!(fitting.withhold(in_force, image, &why), "{why}"),
            }
        }
    }

    fn rules_of(compiled: &RuleSets, interface: u32) -> Vec<(String, usize)> {
        let rules = compiled.endpoints.get(&interface).and_then(|subject| subject.rules.as_ref());
        let sides = rules.iter().flat_map(|rules| &rules.ingress);
        sides
            .map(|side| {
                let ports = side.rules.iter().map(|rule| match &rule.ports {
                    crate::compile::ResolvedPorts::Any => 0,
                    crate::compile::ResolvedPorts::Listed { ranges, .. } => ranges.len(),
                });
                (side.policy.name.clone(), ports.sum())
            })
            .collect()
    }

    const TOO_LONG: &str = "the rules of NetworkPolicy a/x, NetworkPolicy a/y make a row of 65539 intervals; 65536 are supported";

    #[test]
    fn a_policy_that_does_not_fit_keeps_nothing_else_out() {
        let pods: [(&str, &[&str]); 2] = [("one", &["x", "y"]), ("two", &["z"])];
        let local = endpoints(&["one", "two"]);
        let mut in_force = InForce::default();
        in_force.set(&cluster(&pods, &[policy("x", 100), policy("z", 100)]).policies);
        // `x` grows, `y` is new, and so is what `z` says.
        let wanted = cluster(&pods, &[policy("x", u16::MAX), policy("y", 10), policy("z", 50)]);
        let (compiled, said) = fit(&in_force, &MapImage::default(), &wanted, &local);
        assert_eq!(
            said,
            [format!("NetworkPolicy a/x: does not fit, its last good version stays in force: {TOO_LONG}")]
        );
        assert_eq!(rules_of(&compiled, 1), [("x".to_owned(), 51), ("y".to_owned(), 6)]);
        assert_eq!(rules_of(&compiled, 2), [("z".to_owned(), 26)]);
        // One that never was in force.
        let (compiled, said) = fit(&InForce::default(), &MapImage::default(), &wanted, &local);
        assert_eq!(said, [format!("NetworkPolicy a/x: does not fit and is not in force: {TOO_LONG}")]);
        assert_eq!(rules_of(&compiled, 1), [("y".to_owned(), 6)]);
        // It has gone.
        in_force.set(&cluster(&pods, &[policy("z", 100)]).policies);
        let (_, said) = fit(&in_force, &MapImage::default(), &wanted, &local);
        assert_eq!(said, [format!("NetworkPolicy a/x: does not fit and is not in force: {TOO_LONG}")]);
    }

    #[test]
    fn a_pod_whose_policies_are_in_force_but_do_not_fit_together_is_closed() {
        // Alone each fits.
        let policies = [policy("x", u16::MAX - 4), policy("y", u16::MAX - 4), policy("z", 100)];
        let [x, mut y, z] = policies;
        for rule in y.ingress.iter_mut().flatten() {
            if let Ports::Listed(ports) = &mut rule.ports {
                ports.push(PortMatch::Range(PortRange { protocol: Protocol::Sctp, first: 9, last: 9 }));
                ports.retain(|port| !matches!(port, PortMatch::Range(PortRange { first: ..9, .. })));
            }
        }
        let policies = [x, y, z];
        let pods: [(&str, &[&str]); 4] =
            [("one", &["x"]), ("two", &["y"]), ("both", &["x", "y"]), ("three", &["z"])];
        let wanted = cluster(&pods, &policies);
        let mut in_force = InForce::default();
        in_force.set(&wanted.policies);
        let before = plan(&MapImage::default(), &compile(&wanted, &endpoints(&["one", "two"])));
        let image = before.map(|plan| plan.image).unwrap_or_default();
        assert_eq!(image.endpoints.len(), 2);
        let (compiled, said) = fit(&in_force, &image, &wanted, &endpoints(&["one", "two", "both", "three"]));
        assert_eq!(
            said,
            [format!(
                "Pod a/both: its rules do not fit, so it is closed: {}",
                TOO_LONG.replace("65539", "65537")
            )]
        );
        assert_eq!(compiled.endpoints.keys().copied().collect::<Vec<_>>(), [1, 2, 4]);
    }
}
