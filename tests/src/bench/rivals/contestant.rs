//! A variant in a lab of its own. All labs are up at the same time, so taking turns costs nothing and disturbs nothing.

use std::{
    sync::atomic::AtomicU32,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use enforcer::store::Cluster;

use super::{
    layout::{Nftables, calico, kube_router, nftables, npm},
    netfilter::{Netfilter, Update},
    ours::Ours,
    program::{IPSET, NFT, Program, iptables},
    resolved::Resolved,
    variant::Variant,
};
use crate::lab::{Lab, PodSpec};

/// The lock is the machine's, not the namespace's.
const WAIT: [&str; 2] = ["--wait", "10"];

/// A variant, its lab, and what is in force there.
pub(super) struct Contestant {
    pub(super) variant: Variant,
    state: State,
    /// How many flows of one packet there have been: a port that comes again too soon opens no new one.
    pub(super) fresh: AtomicU32,
    /// Goes last.
    pub(super) lab: Lab,
}

/// What is in force.
enum State {
    Nothing,
    Netfilter { program: Program, now: Netfilter },
    Nftables(Nftables),
    Ours(Box<Ours>),
}

impl Contestant {
    /// Builds its lab.
    ///
    /// # Errors
    /// When a program is missing (with its package), or something cannot be set up.
    pub(super) fn new(variant: Variant, specs: &[PodSpec]) -> Result<Self> {
        for program in variant.needs() {
            if !program.is_there() {
                bail!("there is no {}: apt-get install {}", program.name, program.package);
            }
        }
        let lab = Lab::build(specs)?;
        let state = match variant {
            Variant::None => State::Nothing,
            Variant::Tracked => {
                // A rule that asks for a connection's state turns tracking on; no forwarded packet meets this one.
                let rule = "*filter\n-A INPUT -m conntrack --ctstate INVALID -j RETURN\nCOMMIT\n";
                iptables(&lab)?.feed(&lab, &WAIT, rule)?;
                State::Nothing
            }
            Variant::KubeRouter | Variant::Npm | Variant::Calico => {
                State::Netfilter { program: iptables(&lab)?, now: Netfilter::default() }
            }
            Variant::Nftables => State::Nftables(Nftables::default()),
            Variant::Ours => State::Ours(Box::new(Ours::new(&lab)?)),
        };
        Ok(Self { variant, state, fresh: AtomicU32::new(0), lab })
    }

    /// The programs that it is set up with, by name and version.
    pub(super) fn versions(&self) -> Vec<(String, String)> {
        let version = |program: Program| (program.name.to_owned(), program.version());
        match &self.state {
            State::Nothing | State::Ours(_) => Vec::new(),
            State::Netfilter { program, .. } => vec![version(*program), version(IPSET)],
            State::Nftables(_) => vec![version(NFT)],
        }
    }

    /// Brings another cluster into force, from nothing.
    ///
    /// # Errors
    /// When a layout has no words for a policy, or a program or the kernel refuses.
    pub(super) fn install(&mut self, cluster: &Cluster) -> Result<()> {
        match &mut self.state {
            State::Netfilter { program, now } => {
                program.feed(&self.lab, &WAIT, "*filter\n:FORWARD ACCEPT [0:0]\nCOMMIT\n")?;
                IPSET.feed(&self.lab, &["destroy"], "")?;
                *now = Netfilter::default();
            }
            // The whole layout replaces what is there.
            State::Nftables(now) => *now = Nftables::default(),
            State::Nothing | State::Ours(_) => {}
        }
        self.update(cluster).map(drop)
    }

    /// Brings a change into force, in the way in which the variant does it. Returns how long that took, from the
    /// changed model to the last program's end or the last write.
    ///
    /// # Errors
    /// When a layout has no words for a policy, or a program or the kernel refuses.
    pub(super) fn update(&mut self, cluster: &Cluster) -> Result<Duration> {
        let Self { variant, state, lab, .. } = self;
        lab.node().enter(|| {
            let begun = Instant::now();
            match state {
                State::Nothing => {}
                State::Netfilter { program, now } => {
                    let resolved = Resolved::new(cluster, lab)?;
                    let next = lay_out(*variant, &resolved)?;
                    // kube-router writes everything anew, whatever has changed.
                    let everything = *variant == Variant::KubeRouter || now.chains.is_empty();
                    let update = if everything { next.whole() } else { next.since(now) };
                    apply(*program, &update)?;
                    *now = next;
                }
                State::Nftables(now) => {
                    let next = nftables(&Resolved::new(cluster, lab)?);
                    let first = *now == Nftables::default();
                    let text = if first { next.whole() } else { next.since(now) };
                    NFT.feed_here(&["-f", "-"], &text)?;
                    *now = next;
                }
                State::Ours(ours) => ours.enforce(cluster)?,
            }
            Ok(begun.elapsed())
        })
    }
}

fn lay_out(variant: Variant, resolved: &Resolved<'_>) -> Result<Netfilter> {
    match variant {
        Variant::KubeRouter => Ok(kube_router(resolved)),
        Variant::Npm => npm(resolved),
        Variant::Calico => Ok(calico(resolved)),
        Variant::None | Variant::Tracked | Variant::Nftables | Variant::Ours => {
            bail!("{variant} has no rules of iptables")
        }
    }
}

fn apply(program: Program, update: &Update) -> Result<()> {
    let restore_sets = |text: &str| {
        if text.is_empty() { Ok(()) } else { IPSET.feed_here(&["restore", "-exist"], text) }
    };
    restore_sets(&update.sets)?;
    if !update.rules.is_empty() {
        let mut arguments = WAIT.to_vec();
        arguments.extend(update.keeps.then_some("--noflush"));
        program.feed_here(&arguments, &update.rules)?;
    }
    restore_sets(&update.leftovers)
}

/// Network namespaces and rules: as root only.
#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use enforcer::model::ObjectName;

    use super::*;
    use crate::bench::rivals::{
        verdicts::check,
        world::{Shape, Trial, address, cluster, specs, trials},
    };

    const SHAPE: Shape = Shape { policies: 3, changed: false };
    /// The port of the policy in the middle, whose group the client is of.
    const PORT: &str = "20001";

    impl Contestant {
        /// Takes one rule, or the client's element, for that port away; says whether there was one.
        fn lack_one(&mut self) -> Result<bool> {
            let Self { state, lab, .. } = self;
            lab.node().enter(|| match state {
                State::Netfilter { program, now } => {
                    for rules in now.chains.values_mut() {
                        if let Some(at) = rules.iter().position(|rule| rule.contains(PORT)) {
                            rules.remove(at);
                            return apply(*program, &now.whole()).map(|()| true);
                        }
                    }
                    Ok(false)
                }
                State::Nftables(now) => {
                    let lacked = now.lack_one(&format!(" . {} . tcp . {PORT}", address(lab, "client")?));
                    NFT.feed_here(&["-f", "-"], &now.whole()).map(|()| lacked)
                }
                State::Nothing | State::Ours(_) => Ok(false),
            })
        }
    }

    fn differences(it: &Contestant, cluster: &Cluster, trials: &BTreeSet<Trial>) -> Result<Vec<String>> {
        Ok(check(&it.lab, cluster, trials)?.differences)
    }

    #[test]
    fn a_layout_without_one_policy_or_one_rule_is_not_taken_for_the_whole() -> Result<()> {
        let trials = trials(SHAPE);
        for variant in Variant::ALL.into_iter().filter(|variant| variant.enforces()) {
            let mut it = Contestant::new(variant, &specs(&[SHAPE.policies]))?;
            let whole = cluster(&it.lab, SHAPE)?;
            let mut lacking = whole.clone();
            let policy = ObjectName::new("bench", "policy-0001");
            assert!(lacking.policies.remove(&policy).is_some(), "no {policy}");
            it.install(&lacking)?;
            let found = differences(&it, &whole, &trials)?;
            assert!(found.iter().any(|line| line.contains(PORT)), "{variant} without {policy}: {found:?}");

            it.install(&whole)?;
            let found = differences(&it, &whole, &trials)?;
            assert!(found.is_empty(), "{variant}: {found:?}");
            if variant.is_rival() {
                assert!(it.lack_one()?, "{variant} has nothing for {PORT}");
                let found = differences(&it, &whole, &trials)?;
                assert!(!found.is_empty(), "{variant} without one rule: nothing was noticed");
            }
        }
        Ok(())
    }
}
