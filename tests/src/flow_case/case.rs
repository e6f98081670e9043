//! What a case is, and the words in which cases are written.
//!
//! The pod under test has 10.0.0.1, its peer 10.0.0.9; the pod's port is 40000 and the peer's 80 unless a case says
//! otherwise. For IPv6 the player takes fd00::1 and fd00::9.

use std::net::IpAddr;

use enforcer::model::{Direction, Policy, Rule};
use enforcer_common::flow::{Ground, Opener};

use crate::{
    builder::{labels, policy},
    frame::{Packet, SctpChunk, TcpFlags, Transport},
    reason::Sender,
};

/// One sentence of the design.
#[derive(Debug, Clone)]
pub struct Case {
    /// What it shows.
    pub name: &'static str,
    /// In this order.
    pub steps: Vec<Step>,
    /// Whether its second pod is at an endpoint of this node too. A kernel's test run has one interface, so only the
    /// host plays these.
    pub both_local: bool,
}

/// Something that happens, or is so.
#[derive(Debug, Clone)]
pub enum Step {
    /// The policies are these from now on.
    Rules(Vec<Policy>),
    /// An endpoint may have so many confirmed flows.
    Budget(u32),
    /// A packet crosses the interface of a pod.
    Send {
        /// As it is at that interface.
        packet: Packet,
        /// What proves where it comes from.
        sender: Sender,
        /// Whether it goes on; else the rules have it dropped.
        passes: bool,
        /// At the second pod's interface.
        at_second: bool,
    },
    /// What the tables say of a packet's flow.
    Says {
        /// Any packet of the flow.
        packet: Packet,
        /// `None`: nothing.
        entry: Option<Entry>,
        /// At the second pod's interface.
        at_second: bool,
    },
    /// So many packets since the case began had a flow that could not be confirmed.
    Unconfirmed(u64),
}

/// What an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Who opened the flow.
    pub opener: Opener,
    /// Why it was allowed.
    pub ground: Ground,
    /// Whether it is dropped from both sides.
    pub denied: bool,
    /// Whether it was judged under the generation that holds.
    pub current: bool,
    /// Whether both directions were seen since it began.
    pub answered: bool,
    /// Whether it stands among the confirmed ones.
    pub confirmed: bool,
}

/// A case about one endpoint.
pub(super) fn case(name: &'static str, steps: impl IntoIterator<Item = Step>) -> Case {
    Case { name, steps: steps.into_iter().collect(), both_local: false }
}

/// The policies from now on.
pub(super) fn rules(policies: impl IntoIterator<Item = Policy>) -> Step {
    Step::Rules(policies.into_iter().collect())
}

/// Isolates the pod's ingress but for these rules.
pub(super) fn ingress(rules: impl IntoIterator<Item = Rule>) -> Policy {
    policy("a/in").select(labels([("app", "one")])).ingress(rules).into()
}

/// Isolates the pod's egress but for these rules.
pub(super) fn egress(rules: impl IntoIterator<Item = Rule>) -> Policy {
    policy("a/out").select(labels([("app", "one")])).egress(rules).into()
}

/// Nothing may be opened, either way.
pub(super) fn deny_all() -> Step {
    rules([ingress([]), egress([])])
}

pub(super) fn passes(packet: Packet) -> Step {
    passes_from(Sender::Elsewhere, packet)
}

pub(super) fn drops(packet: Packet) -> Step {
    drops_from(Sender::Elsewhere, packet)
}

pub(super) fn passes_from(sender: Sender, packet: Packet) -> Step {
    Step::Send { packet, sender, passes: true, at_second: false }
}

pub(super) fn drops_from(sender: Sender, packet: Packet) -> Step {
    Step::Send { packet, sender, passes: false, at_second: false }
}

/// The flow's entry.
pub(super) fn says(packet: Packet, entry: Entry) -> Step {
    Step::Says { packet, entry: Some(entry), at_second: false }
}

/// The flow has no entry.
pub(super) fn says_nothing(packet: Packet) -> Step {
    Step::Says { packet, entry: None, at_second: false }
}

impl Step {
    /// The same at the second pod's interface.
    pub(super) fn at_second(mut self) -> Self {
        match &mut self {
            Self::Send { at_second, .. } | Self::Says { at_second, .. } => *at_second = true,
            Self::Rules(_) | Self::Budget(_) | Self::Unconfirmed(_) => {}
        }
        self
    }
}

impl Entry {
    /// Allowed by the rules that hold; one direction seen.
    pub(super) const fn opening(opener: Opener) -> Self {
        Self {
            opener,
            ground: Ground::Rules,
            denied: false,
            current: true,
            answered: false,
            confirmed: false,
        }
    }

    /// Allowed by the rules that hold; both directions seen.
    pub(super) const fn confirmed(opener: Opener) -> Self {
        Self { answered: true, confirmed: true, ..Self::opening(opener) }
    }

    pub(super) const fn on(self, ground: Ground) -> Self {
        Self { ground, ..self }
    }

    pub(super) const fn denied(self) -> Self {
        Self { denied: true, ..self }
    }

    /// Judged under rules that hold no more.
    pub(super) const fn stale(self) -> Self {
        Self { current: false, ..self }
    }

    /// Begun anew by its last packet.
    pub(super) const fn restarted(self) -> Self {
        Self { answered: false, ..self }
    }

    /// Seen from both sides and yet not among the confirmed ones.
    pub(super) const fn unconfirmed(self) -> Self {
        Self { confirmed: false, ..self }
    }
}

pub(super) const POD: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
pub(super) const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 9));

/// From the pod.
pub(super) fn out(transport: Transport) -> Packet {
    Packet { direction: Direction::Egress, local: POD, remote: PEER, transport }
}

/// To the pod.
pub(super) fn back(transport: Transport) -> Packet {
    out(transport).reversed()
}

/// A TCP segment of the flow between the pod's port 40000 and the peer's 80.
pub(super) const fn tcp(flags: TcpFlags) -> Transport {
    Transport::Tcp { local: 40_000, remote: 80, flags }
}

pub(super) const UDP: Transport = Transport::Udp { local: 40_000, remote: 53 };

pub(super) const fn sctp(chunk: SctpChunk) -> Transport {
    Transport::Sctp { local: 40_000, remote: 80, chunk }
}

pub(super) const SYN: Transport = tcp(TcpFlags::SYN);
pub(super) const SYN_ACK: Transport = tcp(TcpFlags::SYN_ACK);
pub(super) const ACK: Transport = tcp(TcpFlags::ACK);
pub(super) const FIN_ACK: Transport = tcp(TcpFlags::FIN_ACK);
pub(super) const RST: Transport = tcp(TcpFlags::RST);
