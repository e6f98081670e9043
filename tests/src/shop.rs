//! The scene of the tests of Services: one pod with an egress policy, on the host's tables.
//!
//! Everything here panics on text that is not what it should be: the test is wrong then.

use enforcer::model::{Direction, Endpoint, Rule};

use crate::{
    builder::{ClusterBuilder, cluster, endpoint, labels, pods, policy, rule, tcp},
    frame::{self, Packet, TcpFlags, Transport},
    node::{Host, Node, Seen},
};

/// The address of the pod that is judged, `shop/web`.
pub const WEB: &str = "10.0.0.1";

/// A cluster IP.
pub const VIP: &str = "10.96.0.10";

/// A pod `web` that no policy selects, two of `app=db`, and one of `app=cache`.
#[must_use]
pub fn pods_of_shop() -> ClusterBuilder {
    cluster()
        .pod("shop/web", [("app", "web")], [WEB])
        .pod("shop/db-0", [("app", "db")], ["10.0.0.2"])
        .pod("shop/db-1", [("app", "db")], ["10.0.0.3"])
        .pod("shop/cache", [("app", "cache")], ["10.0.0.4"])
}

/// The same, where these rules are all that `web` may send.
#[must_use]
pub fn ruled(rules: impl IntoIterator<Item = Rule>) -> ClusterBuilder {
    pods_of_shop().policy(policy("shop/web").select(labels([("app", "web")])).egress(rules))
}

/// The same, where `web` may reach `app=db` at 5432.
#[must_use]
pub fn shop() -> ClusterBuilder {
    ruled([rule([pods(labels([("app", "db")]))], [tcp(5432)])])
}

/// The endpoint of `web`, with interface index 1.
#[must_use]
pub fn local() -> Endpoint {
    endpoint("shop/web", [WEB])
}

/// A TCP segment of a pod, from port 40000.
///
/// # Panics
/// When a text is no address.
#[must_use]
pub fn segment(local: &str, remote: &str, port: u16, flags: TcpFlags) -> Packet {
    packet(local, remote, Transport::Tcp { local: 40000, remote: port, flags })
}

/// Any packet of a pod.
///
/// # Panics
/// When a text is no address.
#[must_use]
pub fn packet(local: &str, remote: &str, transport: Transport) -> Packet {
    let [local, remote] = [local, remote].map(|text| text.parse().expect("an address"));
    Packet { direction: Direction::Egress, local, remote, transport }
}

/// One node, with the endpoint of `web`, through a test's changes.
pub struct Bench {
    /// The node.
    pub node: Node<Host>,
}

impl Default for Bench {
    fn default() -> Self {
        Self { node: Node::new(Host::default()) }
    }
}

impl Bench {
    /// The cluster is this from now on.
    ///
    /// # Panics
    /// When the plan is refused.
    pub fn set(&mut self, cluster: &ClusterBuilder) {
        self.node.update(&cluster.clone().build(), &[local()]).expect("the plan fits");
    }

    /// Has `web` send a segment.
    ///
    /// # Panics
    /// When `remote` is no address.
    pub fn send(&mut self, remote: &str, port: u16, flags: TcpFlags) -> Seen {
        self.judge(&segment(WEB, remote, port, flags))
    }

    /// Has `web` send a packet.
    ///
    /// # Panics
    /// When the node tells of one packet twice.
    pub fn judge(&mut self, packet: &Packet) -> Seen {
        self.node.judge(&frame::ethernet(packet), 1, Direction::Egress).expect("one event at most")
    }

    /// Whether it passes.
    ///
    /// # Panics
    /// When `remote` is no address.
    pub fn passes(&mut self, remote: &str, port: u16, flags: TcpFlags) -> bool {
        self.send(remote, port, flags).passed
    }
}
