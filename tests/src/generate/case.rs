//! A cluster and questions about it.

use std::net::IpAddr;

use enforcer::{
    model::{Direction, ObjectName, Protocol},
    store::Cluster,
};
use proptest::{
    collection::{self, SizeRange},
    prelude::*,
    sample::select,
};

use super::{
    cluster::cluster,
    remote::{Remote, remote},
    subject::{Subject, subject},
    traffic::{Carrier, Port, carrier, port},
};
use crate::{
    frame::{Packet, SctpChunk, TcpFlags, Transport},
    oracle::{Question, owner},
};

/// The port from which probes come.
const EPHEMERAL_PORT: u16 = 40000;

/// A cluster and questions about it.
#[derive(Debug, Clone)]
pub struct Case {
    /// The cluster.
    pub cluster: Cluster,
    /// The questions.
    pub probes: Vec<Probe>,
}

/// A question that owns its parts. Any pod may be the subject, those without an address too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Probe {
    /// The pod whose rules are asked.
    pub subject: ObjectName,
    /// Towards it or from it.
    pub direction: Direction,
    /// The address of the other side, of any kind: unspecified, multicast, the subject's own.
    pub remote: IpAddr,
    /// IANA number.
    pub protocol: u8,
    /// Destination port, where the protocol has ports.
    pub port: Option<u16>,
}

impl Probe {
    /// The oracle's form; `None` when the cluster has no such pod.
    #[must_use]
    pub fn question<'a>(&self, cluster: &'a Cluster) -> Option<Question<'a>> {
        let subject = cluster.pods.get(&self.subject)?;
        let &Self { direction, remote, protocol, port, .. } = self;
        Some(Question { direction, subject, remote, protocol, port })
    }

    /// The packet that opens such a flow, for a pod with this address; `None` where there is none:
    /// addresses of two families, the pod itself, or a remote that is no unicast address.
    #[must_use]
    pub fn packet(&self, local: IpAddr) -> Option<Packet> {
        let &Self { direction, remote, protocol, port, .. } = self;
        if local.is_ipv4() != remote.is_ipv4() || local == remote || !is_unicast(remote) {
            return None;
        }
        let port = port.unwrap_or_default();
        let (local_port, remote_port) = match direction {
            Direction::Ingress => (port, EPHEMERAL_PORT),
            Direction::Egress => (EPHEMERAL_PORT, port),
        };
        let carrier = match Protocol::ALL.into_iter().find(|candidate| candidate.number() == protocol) {
            Some(protocol) => Carrier::Ported(protocol),
            None if protocol == icmp_number(remote) => Carrier::Icmp,
            None => Carrier::Other(protocol),
        };
        let transport = carrier.opening(remote, local_port, remote_port);
        Some(Packet { direction, local, remote, transport })
    }
}

impl Carrier {
    /// The IANA number, which depends on the family for ICMP.
    pub(super) fn number(self, remote: IpAddr) -> u8 {
        match self {
            Self::Ported(protocol) => protocol.number(),
            Self::Icmp => icmp_number(remote),
            Self::Other(number) => number,
        }
    }

    /// What opens a flow of this carrier.
    pub(super) fn opening(self, remote: IpAddr, local_port: u16, remote_port: u16) -> Transport {
        let (local, port) = (local_port, remote_port);
        match self {
            Self::Ported(Protocol::Tcp) => Transport::Tcp { local, remote: port, flags: TcpFlags::SYN },
            Self::Ported(Protocol::Udp) => Transport::Udp { local, remote: port },
            Self::Ported(Protocol::Sctp) => Transport::Sctp { local, remote: port, chunk: SctpChunk::INIT },
            Self::Icmp => {
                let kind = if remote.is_ipv4() { 8 } else { 128 };
                Transport::Icmp { kind, code: 0, identifier: local }
            }
            Self::Other(protocol) => Transport::Other { protocol },
        }
    }
}

fn icmp_number(remote: IpAddr) -> u8 {
    if remote.is_ipv4() { 1 } else { 58 }
}

/// Whether packets with this address as their source or destination are ordinary ones: not
/// unspecified, loopback, multicast, broadcast or link-local.
pub(super) fn is_unicast(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            // 0.0.0.0/8 and 240.0.0.0/4 are nobody's.
            let [first, ..] = v4.octets();
            first != 0 && first < 240 && !v4.is_loopback() && !v4.is_multicast() && !v4.is_link_local()
        }
        IpAddr::V6(v6) => {
            let special = v6.is_unspecified() || v6.is_loopback() || v6.is_multicast();
            !special && !v6.is_unicast_link_local() && v6.to_ipv4_mapped().is_none()
        }
    }
}

/// A cluster with this many questions.
pub fn case(probes: impl Into<SizeRange>) -> impl Strategy<Value = Case> {
    let direction = select(&Direction::ALL[..]);
    let probe = (subject(), direction, remote(), carrier(), port());
    // The first of a tuple shrinks first: a cluster shrinks best when there is one question left.
    (collection::vec(probe, probes), cluster()).prop_map(|(probes, cluster)| {
        let resolve = |(subject, direction, remote, carrier, port): &(Subject, _, Remote, Carrier, Port)| {
            let remote = remote.resolve(&cluster);
            let subject = subject.resolve(&cluster, |_| true)?;
            let destination = match direction {
                Direction::Ingress => Some(subject),
                Direction::Egress => owner(&cluster, remote),
            };
            let carrier = port.carried_by(*carrier, &cluster, destination);
            let port = match carrier {
                Carrier::Ported(_) => Some(port.resolve(&cluster, destination)),
                Carrier::Icmp | Carrier::Other(_) => None,
            };
            let (subject, protocol) = (subject.name.clone(), carrier.number(remote));
            Some(Probe { subject, direction: *direction, remote, protocol, port })
        };
        let probes = probes.iter().filter_map(resolve).collect();
        Case { cluster, probes }
    })
}
