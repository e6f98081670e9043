//! The fast path against the long way: what it passes, the long way passes, and leaves behind the same.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{cell::Cell, net::IpAddr};

use enforcer::{
    host::{Frame, HostTables},
    model::{Direction, Policy},
};
use enforcer_common::{
    Verdict,
    decide::{fast, thorough},
    event::DropEvent,
    packet::Origin,
};
use enforcer_tests::{
    builder::{any, cluster, endpoint, policy},
    frame::{self, Packet, TcpFlags, Transport},
    node::{Host, Node, tuple_of},
};

const POD: [&str; 2] = ["10.0.0.1", "fd00::1"];
const REMOTE: [&str; 2] = ["10.0.0.9", "fd00::9"];
const NOW: u32 = 70_000;
const PLAIN: (u16, u16) = (40_000, 443);

/// A conversation: who begins it, where its packets towards the pod come from, and over what.
#[derive(Debug, Clone, Copy)]
struct Talk {
    family: usize,
    opener: Direction,
    origin: Origin,
    ports: (u16, u16),
    is_tcp: bool,
}

impl Talk {
    fn packet(self, direction: Direction, flags: TcpFlags) -> Packet {
        let [local, remote]: [IpAddr; 2] =
            [POD, REMOTE].map(|side| side.get(self.family).unwrap().parse().unwrap());
        let (local_port, remote_port) = self.ports;
        let transport = if self.is_tcp {
            Transport::Tcp { local: local_port, remote: remote_port, flags }
        } else {
            Transport::Udp { local: local_port, remote: remote_port }
        };
        Packet { direction, local, remote, transport }
    }

    /// Both sides have spoken.
    fn opened(self, node: &mut Node<Host>) {
        let reply = match self.opener {
            Direction::Ingress => Direction::Egress,
            Direction::Egress => Direction::Ingress,
        };
        node.target.tables.forget_flow(&tuple_of(&self.packet(self.opener, TcpFlags::SYN), 1));
        for (direction, flags) in [(self.opener, TcpFlags::SYN), (reply, TcpFlags::SYN_ACK)] {
            let bytes = frame::ethernet(&self.packet(direction, flags));
            judged(&node.target.tables, &bytes, direction, self.origin, |frame, tables| tables.decide(frame));
        }
    }
}

fn talks() -> Vec<Talk> {
    let mut talks = Vec::new();
    for family in 0..2 {
        for opener in Direction::ALL {
            for is_tcp in [true, false] {
                for origin in [Origin::Elsewhere, Origin::Node, Origin::Pod(1)] {
                    for ports in [PLAIN, (68, 67), (546, 547), (67, 68)] {
                        talks.push(Talk { family, opener, origin, ports, is_tcp });
                    }
                }
            }
        }
    }
    talks
}

/// What a packet came to, and what it left: the verdict, its event, the token, the entry.
type Left = (Verdict, Vec<DropEvent>, Option<u16>);

fn judged(
    tables: &HostTables,
    bytes: &[u8],
    direction: Direction,
    origin: Origin,
    by: impl FnOnce(&Frame<'_>, &HostTables) -> Verdict,
) -> Left {
    let frame = Frame {
        bytes,
        interface: 1,
        direction: direction.into(),
        origin,
        now: NOW,
        time: 0,
        token: Cell::default(),
    };
    let verdict = by(&frame, tables);
    (verdict, tables.take_events(), frame.token.get())
}

fn node(policies: &[Policy]) -> Node<Host> {
    let mut node = Node::new(Host::default());
    change(&mut node, policies);
    node
}

fn change(node: &mut Node<Host>, policies: &[Policy]) {
    let scene = cluster().pod("a/pod", [("app", "pod")], POD);
    let scene = policies.iter().cloned().fold(scene, enforcer_tests::builder::ClusterBuilder::policy).build();
    node.update(&scene, &[endpoint("a/pod", POD)]).unwrap();
}

fn open() -> Policy {
    policy("a/open").ingress([any()]).egress([any()]).into()
}

/// Frames that differ from one in a byte, in where they end, or in nothing.
fn variants(whole: &[u8]) -> Vec<Vec<u8>> {
    let mut variants = vec![whole.to_vec()];
    for (at, byte) in whole.iter().enumerate() {
        let bits = (0..8).map(|bit| byte ^ (1 << bit));
        for changed in bits.chain(0..9).chain([0xff, byte.wrapping_add(1), byte.wrapping_sub(1)]) {
            let mut variant = whole.to_vec();
            *variant.get_mut(at).unwrap() = changed;
            variants.push(variant);
        }
        variants.push(whole.get(..at).unwrap().to_vec());
    }
    variants.push([whole, &[0; 7]].concat());
    variants
}

#[test]
fn what_it_passes_the_long_way_passes_and_leaves_the_same() {
    let mut taken = 0;
    for talk in talks() {
        let (mut with, mut without) = (node(&[open()]), node(&[open()]));
        for direction in Direction::ALL {
            for flags in [TcpFlags::ACK, TcpFlags::FIN_ACK] {
                for later in [talk.origin, Origin::Elsewhere] {
                    let packet = talk.packet(direction, flags);
                    let tuple = tuple_of(&packet, 1);
                    for bytes in variants(&frame::ethernet(&packet)) {
                        talk.opened(&mut with);
                        talk.opened(&mut without);
                        let tables = [&with.target.tables, &without.target.tables];
                        let left = judged(tables[0], &bytes, direction, later, |frame, tables| {
                            if fast(frame, tables) {
                                taken += 1;
                                Verdict::Pass
                            } else {
                                thorough(frame, tables)
                            }
                        });
                        let expected = judged(tables[1], &bytes, direction, later, |frame, tables| {
                            thorough(frame, tables)
                        });
                        assert_eq!(left, expected, "{talk:?} {direction:?} {later:?} {bytes:02x?}");
                        let entries = tables.map(|tables| tables.entry(&tuple));
                        assert_eq!(entries[0], entries[1], "{talk:?} {direction:?} {later:?} {bytes:02x?}");
                        assert_eq!(tables[0].counters(), tables[1].counters());
                    }
                }
            }
        }
    }
    println!("{taken} packets took the fast path");
    assert!(taken > 100_000);
}

/// The frame without its payload: most packets of a connection that only receives are such.
fn bare(whole: &[u8], talk: Talk) -> Vec<u8> {
    let upper: u8 = if talk.is_tcp { 20 } else { 8 };
    // Where the IP header's length stands, what it says, and where the upper-layer header begins.
    let (at, length, behind) = if talk.family == 0 { (17, 20 + upper, 34) } else { (19, upper, 54) };
    let mut bare = whole.get(..behind + usize::from(upper)).unwrap().to_vec();
    *bare.get_mut(at).unwrap() = length;
    if !talk.is_tcp {
        *bare.get_mut(behind + 5).unwrap() = upper;
    }
    bare
}

/// Else it is not fast.
#[test]
fn it_takes_the_packets_that_it_is_for() {
    for talk in talks().into_iter().filter(|talk| talk.ports == PLAIN) {
        let mut node = node(&[open()]);
        talk.opened(&mut node);
        for direction in Direction::ALL {
            let whole = frame::ethernet(&talk.packet(direction, TcpFlags::ACK));
            // Who speaks for the node or for the pod itself proves it with each packet.
            let is_for = direction == Direction::Egress
                || talk.origin == Origin::Elsewhere
                || talk.opener == Direction::Egress;
            for bytes in [bare(&whole, talk), whole] {
                let (verdict, ..) =
                    judged(&node.target.tables, &bytes, direction, talk.origin, |frame, tables| {
                        if fast(frame, tables) {
                            Verdict::Pass
                        } else {
                            Verdict::Drop(enforcer_common::Reason::Inconsistent)
                        }
                    });
                assert_eq!(verdict == Verdict::Pass, is_for, "{talk:?} {direction:?} {bytes:02x?}");
            }
        }
    }
}

/// An entry of old rules, and one that says no, are the long way's.
#[test]
fn it_leaves_alone_what_the_rules_have_to_be_asked_about() {
    for talk in talks().into_iter().filter(|talk| talk.origin == Origin::Elsewhere) {
        for policies in [
            vec![open(), policy("a/more").egress([any()]).into()],
            vec![policy("a/none").ingress([]).egress([]).into()],
        ] {
            for direction in Direction::ALL {
                let mut node = node(&[open()]);
                talk.opened(&mut node);
                change(&mut node, &policies);
                let bytes = frame::ethernet(&talk.packet(direction, TcpFlags::ACK));
                let tables = &node.target.tables;
                let passes = |tables: &HostTables| {
                    let by = |frame: &Frame<'_>, tables: &HostTables| {
                        if fast(frame, tables) {
                            Verdict::Pass
                        } else {
                            Verdict::Drop(enforcer_common::Reason::Inconsistent)
                        }
                    };
                    judged(tables, &bytes, direction, Origin::Elsewhere, by).0 == Verdict::Pass
                };
                assert!(!passes(tables), "{talk:?} {direction:?}: its entry is of old rules");
                let (verdict, ..) = judged(tables, &bytes, direction, Origin::Elsewhere, |frame, tables| {
                    thorough(frame, tables)
                });
                let stands = policies.len() > 1;
                assert_eq!(verdict == Verdict::Pass, stands, "{talk:?} {direction:?}");
                let is_lease = !talk.is_tcp && talk.ports != PLAIN;
                assert_eq!(passes(tables), stands && !is_lease, "{talk:?} {direction:?}: now it is judged");
            }
        }
    }
}
