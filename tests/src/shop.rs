//! The scene of the tests of Services: one pod with an egress policy, on the host's tables.
//!
//! Everything here panics on text that is not what it should be: the test is wrong then.

use enforcer::model::{Direction, Endpoint};

use crate::{
    builder::{ClusterBuilder, cluster, endpoint, labels, pods, policy, rule, tcp},
    frame::{self, Packet, TcpFlags, Transport},
    node::{Host, Node, Seen},
};

/// The address of the pod that is judged, `shop/web`.
pub const WEB: &str = "10.0.0.1";

/// A cluster IP.
pub const VIP: &str = "10.96.0.10";

/// A pod `web` that may reach `app=db` at 5432, two such pods, and one that it may not reach.
#[must_use]
pub fn shop() -> ClusterBuilder {
    let to_db = rule([pods(labels([("app", "db")]))], [tcp(5432)]);
    cluster()
        .pod("shop/web", [("app", "web")], [WEB])
        .pod("shop/db-0", [("app", "db")], ["10.0.0.2"])
        .pod("shop/db-1", [("app", "db")], ["10.0.0.3"])
        .pod("shop/cache", [("app", "cache")], ["10.0.0.4"])
        .policy(policy("shop/web").select(labels([("app", "web")])).egress([to_db]))
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
    let transport = Transport::Tcp { local: 40000, remote: port, flags };
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
        let frame = frame::ethernet(&segment(WEB, remote, port, flags));
        self.node.judge(&frame, 1, Direction::Egress).expect("one event at most")
    }

    /// Whether it passes.
    ///
    /// # Panics
    /// When `remote` is no address.
    pub fn passes(&mut self, remote: &str, port: u16, flags: TcpFlags) -> bool {
        self.send(remote, port, flags).passed
    }
}
