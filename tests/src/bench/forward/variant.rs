//! What is compared.

/// What a pair of pods has on its interfaces, and its node between them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// No program.
    Without,
    /// The same once more: what two pairs differ by that do not differ.
    Again,
    /// A program that does nothing, on the hooks that the agent uses: what a hook costs.
    Empty,
    /// The programs; no policy selects the pods.
    Attached,
    /// The programs and one policy on each of the two pods.
    One,
    /// The programs and 100 policies on each.
    Hundred,
    /// No program, on a node that tracks connections and translates Services as kube-proxy has it.
    Tracked,
    /// The programs and 100 policies on each, on such a node.
    TrackedHundred,
}

/// The nodes: pods of one speak with pods of the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node {
    /// Routes between its pods, nothing else.
    Plain,
    /// Has kube-proxy's rules, and so connection tracking.
    Tracked,
}

impl Node {
    pub(super) const ALL: [Self; 2] = [Self::Plain, Self::Tracked];
}

impl Variant {
    /// All, in the order of the tables.
    pub(super) const ALL: [Self; 8] = [
        Self::Without,
        Self::Again,
        Self::Empty,
        Self::Attached,
        Self::One,
        Self::Hundred,
        Self::Tracked,
        Self::TrackedHundred,
    ];

    /// As part of a case's name.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Without => "without",
            Self::Again => "without-again",
            Self::Empty => "empty-programs",
            Self::Attached => "with-no-policy",
            Self::One => "with-1-policy",
            Self::Hundred => "with-100-policies",
            Self::Tracked => "tracked-without",
            Self::TrackedHundred => "tracked-with-100-policies",
        }
    }

    /// Where its pods are.
    pub(super) const fn node(self) -> Node {
        match self {
            Self::Tracked | Self::TrackedHundred => Node::Tracked,
            Self::Without | Self::Again | Self::Empty | Self::Attached | Self::One | Self::Hundred => {
                Node::Plain
            }
        }
    }

    /// What it is measured against: the same node without programs.
    pub(super) const fn baseline(self) -> Option<Self> {
        match self {
            Self::Without => None,
            Self::TrackedHundred => Some(Self::Tracked),
            // The tracking itself has its price.
            Self::Tracked | Self::Again | Self::Empty | Self::Attached | Self::One | Self::Hundred => {
                Some(Self::Without)
            }
        }
    }

    /// Whether its pods carry the agent's programs.
    pub(super) const fn is_enforced(self) -> bool {
        match self {
            Self::Attached | Self::One | Self::Hundred | Self::TrackedHundred => true,
            Self::Without | Self::Again | Self::Empty | Self::Tracked => false,
        }
    }

    /// How many policies select each of its pods.
    pub(super) const fn policies(self) -> u16 {
        match self {
            Self::Without | Self::Again | Self::Empty | Self::Attached | Self::Tracked => 0,
            Self::One => 1,
            Self::Hundred | Self::TrackedHundred => 100,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_enforced_is_measured_against_the_same_node_without() {
        for variant in Variant::ALL.into_iter().filter(|variant| variant.is_enforced()) {
            let base = variant.baseline();
            assert!(
                base.is_some_and(|base| !base.is_enforced() && base.node() == variant.node()),
                "{variant:?}"
            );
        }
    }
}
