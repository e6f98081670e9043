//! What is compared: no policy at all, the rivals, and ours.

use std::fmt;

use super::program::{IPSET, NFT, Program};

/// One of those who take turns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Variant {
    /// Nothing but veths and routes.
    None,
    /// The same with connection tracking, which everything below but ours needs.
    Tracked,
    KubeRouter,
    Npm,
    Calico,
    Nftables,
    Ours,
}

impl Variant {
    pub(super) const ALL: [Self; 7] =
        [Self::None, Self::Tracked, Self::KubeRouter, Self::Npm, Self::Calico, Self::Nftables, Self::Ours];

    /// Whether it enforces anything.
    pub(super) const fn enforces(self) -> bool {
        !matches!(self, Self::None | Self::Tracked)
    }

    /// Whether ours has to be as good.
    pub(super) const fn is_rival(self) -> bool {
        self.enforces() && !matches!(self, Self::Ours)
    }

    /// The programs without which it cannot be set up, beside iptables.
    pub(super) const fn needs(self) -> &'static [Program] {
        match self {
            Self::None | Self::Tracked | Self::Ours => &[],
            Self::KubeRouter | Self::Npm | Self::Calico => &[IPSET],
            Self::Nftables => &[NFT],
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Tracked => "none-conntrack",
            Self::KubeRouter => "kube-router",
            Self::Npm => "azure-npm",
            Self::Calico => "calico-iptables",
            Self::Nftables => "nftables",
            Self::Ours => "ours",
        }
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
