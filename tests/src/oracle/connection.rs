//! A connection between two pods: what both sides' rules say together.

use std::net::IpAddr;

use enforcer::{
    model::{Direction, Pod, Protocol},
    store::Cluster,
};

use super::{Question, judge, owner};

/// Which of its addresses a dual-stack pod uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4
    V4,
    /// IPv6
    V6,
}

impl Family {
    /// Both, in a fixed order.
    pub const ALL: [Self; 2] = [Self::V4, Self::V6];

    /// The pod's first address of this family. A finished pod has none.
    #[must_use]
    pub fn address_of(self, pod: &Pod) -> Option<IpAddr> {
        if !pod.host_network && !owner::is_on_pod_network(pod) {
            return None;
        }
        pod.addresses.iter().copied().find(|address| match self {
            Self::V4 => address.is_ipv4(),
            Self::V6 => address.is_ipv6(),
        })
    }
}

/// Whether `from` can open a connection to a port of `to`.
///
/// Rules only: that a *node* reaches its own pods, and its host-network pods with it, depends on
/// who runs where, which the model does not say.
#[must_use]
pub fn connects(
    cluster: &Cluster,
    from: &Pod,
    to: &Pod,
    family: Family,
    protocol: Protocol,
    port: u16,
) -> bool {
    let (Some(source), Some(destination)) = (family.address_of(from), family.address_of(to)) else {
        return false;
    };
    // "A pod and itself: Passes" (3.4).
    if from.name == to.name {
        return true;
    }
    let opening = |direction, subject, remote| {
        let protocol = protocol.number();
        judge(cluster, &Question { direction, subject, remote, protocol, port: Some(port) }).passes()
    };
    opening(Direction::Egress, from, destination) && opening(Direction::Ingress, to, source)
}
