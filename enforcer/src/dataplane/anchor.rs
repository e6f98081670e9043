//! What holds a program at one side of an interface, and what becomes of it when the agent ends.

use std::mem::ManuallyDrop;

use aya::programs::{TcAttachType, links::PinnedLink, tc::SchedClassifierLink};

use super::Hook;

/// The packet programs, and the hook of a pod's host-side interface that each belongs to.
pub(super) const SIDES: [(&str, TcAttachType); 2] =
    [("from_pod", TcAttachType::Ingress), ("to_pod", TcAttachType::Egress)];

/// What holds one program.
#[derive(Debug)]
pub(super) enum Anchor {
    /// It goes with this value.
    Held(SchedClassifierLink),
    /// A TCX link with a pin: it stays until that is removed.
    Pinned(PinnedLink),
    /// A filter on clsact, which stays. aya's link would take it away when it is dropped.
    Filter(ManuallyDrop<SchedClassifierLink>),
}

impl Anchor {
    /// Takes the program away. Where the interface is gone, it went with that.
    pub(super) fn release(self) {
        match self {
            Self::Held(link) => drop(link),
            // Without its file and without this descriptor the kernel has no use for the link.
            Self::Pinned(link) => drop(link.unpin()),
            Self::Filter(link) => drop(ManuallyDrop::into_inner(link)),
        }
    }

    /// Whether a program that is attached by this hook has taken its place.
    pub(super) const fn is_replaced_on(&self, hook: Hook) -> bool {
        match self {
            Self::Held(_) => false,
            Self::Pinned(_) => matches!(hook, Hook::Tcx),
            Self::Filter(_) => matches!(hook, Hook::Clsact),
        }
    }
}
