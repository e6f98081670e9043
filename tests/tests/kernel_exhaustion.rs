//! Level 4: a pod that opens flows as fast as it can does not end the connections of others (DESIGN 4).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use enforcer::{
    dataplane::Trial,
    host::TRIAL_INTERFACE,
    model::{Direction, Endpoint},
    seed::{Flows, Known},
    tuple::FlowTuple,
};
use enforcer_common::{
    flow::{Ground, Opener},
    packet::Origin,
    tables::{Ports, capacity},
};
use enforcer_tests::{
    builder::{any, cluster, endpoint, policy},
    frame::{self, Packet, TcpFlags, Transport},
    node::{Kernel, Node, Target as _},
};

/// Connections of the other pod, which nobody uses while the flood goes on.
const IDLE: u16 = 1_000;
/// More than either table of the family has room for.
const FLOOD: u32 = capacity::OPENING + 20_000;
const OTHER: u32 = 77;

/// The bytes of a frame of IPv4 and TCP, from and to the flooding pod, for a flow by its number.
fn numbered(frame: &[u8], address_at: usize, port_at: usize, number: u32) -> Vec<u8> {
    let mut frame = frame.to_vec();
    let [high, low, port_high, port_low] = number.to_be_bytes();
    frame.get_mut(address_at..address_at + 2).unwrap().copy_from_slice(&[high, low]);
    frame.get_mut(port_at..port_at + 2).unwrap().copy_from_slice(&[port_high, port_low]);
    frame
}

#[test]
fn a_thousand_idle_connections_live_through_a_pod_that_opens_flows_as_fast_as_it_can() {
    for answered in [false, true] {
        let mut node = Node::new(Kernel::load().unwrap());
        let scene = cluster()
            .pod("a/flooding", [], ["10.0.0.1"])
            .pod("a/idle", [], ["10.0.0.2"])
            .policy(policy("a/all").ingress([any()]).egress([any()]))
            .build();
        let at = |pod, address, interface_index| Endpoint { interface_index, ..endpoint(pod, [address]) };
        let endpoints = [at("a/flooding", "10.0.0.1", TRIAL_INTERFACE), at("a/idle", "10.0.0.2", OTHER)];
        node.update(&scene, &endpoints).unwrap();
        let plane = &mut node.target.dataplane;
        plane.share_budget_among(2).unwrap();

        let known = Known { opener: Opener::Remote, ground: Ground::Rules, answered: true };
        let idle: Flows = (0..IDLE)
            .map(|number| {
                let ports = Ports { local: 5_432, remote: 1_024 + number };
                let [local, remote] = [[10, 0, 0, 2].into(), [10, 9, 9, 9].into()];
                (FlowTuple { interface: OTHER, local, remote, ports, kind: 6 }, known)
            })
            .collect();
        assert_eq!(plane.seed(&idle).unwrap().confirmed, u32::from(IDLE));

        let segment = |direction, flags| {
            let [local, remote] = [[10, 0, 0, 1].into(), [10, 7, 0, 0].into()];
            let transport = Transport::Tcp { local: 40_000, remote: 0, flags };
            frame::ethernet(&Packet { direction, local, remote, transport })
        };
        // Where the remote address's last two bytes and its port lie: behind 14 bytes of Ethernet.
        let (out, back) =
            (segment(Direction::Egress, TcpFlags::SYN), segment(Direction::Ingress, TcpFlags::SYN_ACK));
        for number in 0..FLOOD {
            let opening = numbered(&out, 14 + 18, 14 + 22, number);
            let trial =
                Trial { direction: Direction::Egress.into(), frame: &opening, origin: Origin::Elsewhere };
            assert!(plane.try_packet(trial).unwrap().passed, "no flow is refused for want of room");
            if answered {
                let answer = numbered(&back, 14 + 14, 14 + 20, number);
                let trial =
                    Trial { direction: Direction::Ingress.into(), frame: &answer, origin: Origin::Elsewhere };
                assert!(plane.try_packet(trial).unwrap().passed);
            }
        }
        let (opening, confirmed) = plane.flows().unwrap();
        println!("answered: {answered}: {opening} opening, {confirmed} confirmed flows after {FLOOD}");
        let own = if answered { capacity::CONFIRMED_PER_ENDPOINT } else { 0 };
        assert_eq!(confirmed, usize::from(IDLE) + own as usize, "the flood has its budget and no more");
        assert_eq!(plane.counters().unwrap().unconfirmed > 0, answered, "what has no budget is counted");
        for tuple in idle.keys() {
            let found = node.target.flow(tuple).unwrap();
            assert!(found.is_some_and(|flow| flow.is_confirmed), "{tuple:?} is gone");
        }
    }
}
