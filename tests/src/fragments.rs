//! A pod with rules that fragments of datagrams reach, one by one: for tests that count them or the time between them.

use std::net::IpAddr;

use enforcer::{
    host::TRIAL_INTERFACE,
    model::{Direction, Endpoint, PortMatch},
};
use enforcer_common::packet::Origin;

use crate::{
    builder::{cluster, endpoint, policy, rule, udp},
    frame::{Datagram, Fragment, Frame, Packet, Transport},
    node::{At, Node, Target},
};

const POD: &str = "10.0.0.1";

/// The pod's node.
pub struct Receiver<T> {
    /// With the pod at [`TRIAL_INTERFACE`].
    pub node: Node<T>,
}

impl<T: Target> Receiver<T> {
    /// The pod may be asked at UDP port 53, and at nothing else.
    ///
    /// # Errors
    /// When the target refuses a write.
    pub fn new(target: T) -> anyhow::Result<Self> {
        let mut receiver = Self { node: Node::new(target) };
        receiver.rule(&[udp(53)])?;
        Ok(receiver)
    }

    /// Other ports at which it may be asked.
    ///
    /// # Errors
    /// When the target refuses a write.
    pub fn rule(&mut self, ports: &[PortMatch]) -> anyhow::Result<()> {
        let rules = [rule([], ports.iter().cloned())];
        let scene = cluster().pod("a/pod", [], [POD]).policy(policy("a/pod").ingress(rules)).build();
        let local = Endpoint { interface_index: TRIAL_INTERFACE, ..endpoint("a/pod", [POD]) };
        self.node.update(&scene, &[local])
    }

    /// Whether the first fragment of the datagram with this identification, to port 53, passes.
    ///
    /// # Errors
    /// When the kernel refuses to run it.
    pub fn first(&mut self, identification: u32) -> anyhow::Result<bool> {
        self.passes(datagram(identification))
    }

    /// Whether a later one does.
    ///
    /// # Errors
    /// When the kernel refuses to run it.
    pub fn later(&mut self, identification: u32) -> anyhow::Result<bool> {
        self.passes(datagram(identification).later(8, 16, true))
    }

    fn passes(&mut self, fragment: Fragment) -> anyhow::Result<bool> {
        let frame = Frame::fragment(fragment);
        let (bytes, direction) = (frame.bytes(), frame.direction.into());
        let at = At { frame: &bytes, interface: TRIAL_INTERFACE, direction, origin: Origin::Elsewhere };
        Ok(self.node.target.judge(&at)?.passed)
    }
}

/// UDP's eight bytes of header, and no more.
fn datagram(identification: u32) -> Fragment {
    let [local, remote]: [IpAddr; 2] = [[10, 0, 0, 1].into(), [10, 0, 0, 9].into()];
    let transport = Transport::Udp { local: 53, remote: 5353 };
    let packet = Packet { direction: Direction::Ingress, local, remote, transport };
    Fragment::first(Datagram { payload: 64, ..Datagram::new(packet) }, identification, 8)
}
