//! How each rival lays policies out, in our own words: from resolved policies to the text of its rules.

mod calico;
mod disjoint;
mod kube_router;
mod nftables;
mod npm;

pub(super) use calico::calico;
pub(super) use kube_router::kube_router;
pub(super) use nftables::{Nftables, nftables};
pub(super) use npm::npm;

use enforcer::model::Direction;

/// The match options for the pod's own side and the other side.
const fn sides(direction: Direction) -> Sides {
    match direction {
        Direction::Ingress => Sides { own: "dst", other: "src", own_address: "-d", other_address: "-s" },
        Direction::Egress => Sides { own: "src", other: "dst", own_address: "-s", other_address: "-d" },
    }
}

/// How iptables names the sides of a packet.
struct Sides {
    own: &'static str,
    other: &'static str,
    own_address: &'static str,
    other_address: &'static str,
}
