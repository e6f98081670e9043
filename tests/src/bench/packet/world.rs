//! A node of a cluster of a given size, loaded into the kernel: one pod whose packets are measured, and as many
//! neighbours, policies and prefixes as asked for.
//!
//! The measured pod takes TCP from three kinds of remotes, each by its own port, so that an answer that came from
//! elsewhere in the tables would not pass: the clients, whose addresses stand in the hash; the last of the prefixes, in the
//! trie; and anybody.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use enforcer::{
    model::{Direction, Endpoint, Policy, Rule},
    plan::MapImage,
    tuple::FlowTuple,
};
use enforcer_common::tables::Ports;
use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::{
    builder::{any, block, cluster, endpoint, labels, pods, policy, rule, tcp},
    frame::{self, Packet, TcpFlags, Transport},
    node::{Kernel, Node},
};

/// How large the cluster is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    /// Rules of the measured pod, for clients, each with its own port.
    pub(super) rules: u16,
    /// Prefixes of one of its rules, per family.
    pub(super) prefixes: u32,
    /// Policies of other pods.
    pub(super) policies: u32,
    /// Other pods.
    pub(super) pods: u32,
}

impl Shape {
    /// Next to nothing.
    pub(super) const SMALL: Self = Self { rules: 1, prefixes: 10, policies: 1, pods: 10 };
}

/// Pods of this node beside the measured one, at most.
const LOCAL: u32 = 109;
/// Namespaces, and groups of pods in each.
const NAMESPACES: u32 = 100;
const GROUPS: u32 = 50;

/// The port that the last of a shape's rules opens to clients.
const FIRST_PORT: u16 = 20_000;
/// The port that is open to the prefixes.
const PREFIX_PORT: u16 = 9_998;
/// The port that is open to anybody.
const OPEN_PORT: u16 = 9_999;
/// A port that is open to nobody.
const CLOSED_PORT: u16 = 9_997;

/// Where a remote stands in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Remote {
    /// In the hash of addresses.
    Hash,
    /// In the trie of prefixes.
    Trie,
    /// In neither.
    Nowhere,
}

impl Remote {
    pub(super) const ALL: [Self; 3] = [Self::Hash, Self::Trie, Self::Nowhere];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Hash => "hash",
            Self::Trie => "trie",
            Self::Nowhere => "nowhere",
        }
    }
}

/// An address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) const ALL: [Self; 2] = [Self::V4, Self::V6];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::V4 => "ipv4",
            Self::V6 => "ipv6",
        }
    }

    fn local(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(10, 1, 0, 2).into(),
            Self::V6 => Ipv6Addr::new(0xfd00, 1, 0, 0, 0, 0, 0, 2).into(),
        }
    }

    /// A client; its last two bytes are 0, for those that a benchmark turns through.
    pub(super) fn client(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(10, 2, 0, 0).into(),
            Self::V6 => Ipv6Addr::new(0xfd00, 2, 0, 0, 0, 0, 0, 0).into(),
        }
    }

    /// Offset, in a TCP packet towards the pod, of the last two bytes of the source address.
    pub(super) const fn address_at(self) -> u32 {
        match self {
            Self::V4 => 14 + 12 + 2,
            Self::V6 => 14 + 8 + 14,
        }
    }

    /// Offset of the source port there.
    pub(super) const fn port_at(self) -> u32 {
        match self {
            Self::V4 => 14 + 20,
            Self::V6 => 14 + 40,
        }
    }
}

/// The node, its tables in the kernel.
pub(super) struct World {
    pub(super) node: Node<Kernel>,
    shape: Shape,
}

impl World {
    /// Makes one.
    ///
    /// # Errors
    /// When it does not fit, or the kernel refuses.
    pub(super) fn new(shape: Shape) -> anyhow::Result<Self> {
        let mut node = Node::new(Kernel::load()?);
        let (cluster, endpoints) = (scene(shape), endpoints(shape));
        node.update(&cluster, &endpoints)?;
        Ok(Self { node, shape })
    }

    /// What the tables hold.
    pub(super) fn image(&self) -> &MapImage {
        &self.node.image
    }

    /// A remote of this kind, and the port that is open to it.
    pub(super) fn open_to(&self, remote: Remote, family: Family) -> (IpAddr, u16) {
        match remote {
            Remote::Hash => (family.client(), FIRST_PORT + self.shape.rules / 2),
            Remote::Trie => {
                let net = prefix(family, self.shape.prefixes / 2);
                let inside = match net {
                    IpNet::V4(net) => Ipv4Addr::from_bits(net.network().to_bits() | 7).into(),
                    IpNet::V6(net) => Ipv6Addr::from_bits(net.network().to_bits() | 7).into(),
                };
                (inside, PREFIX_PORT)
            }
            Remote::Nowhere => match family {
                Family::V4 => (Ipv4Addr::new(203, 0, 113, 9).into(), OPEN_PORT),
                Family::V6 => (Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 9).into(), OPEN_PORT),
            },
        }
    }
}

/// A TCP packet between the measured pod and a remote.
pub(super) fn segment(
    family: Family,
    direction: Direction,
    (remote, port): (IpAddr, u16),
    flags: TcpFlags,
) -> Vec<u8> {
    let transport = Transport::Tcp { local: port, remote: 0, flags };
    frame::ethernet(&Packet { direction, local: family.local(), remote, transport })
}

/// A RST of no flow, which is judged by the rules and makes no entry.
pub(super) fn stray(family: Family, (remote, port): (IpAddr, u16)) -> Vec<u8> {
    let transport = Transport::Tcp { local: port, remote: 9, flags: TcpFlags::RST };
    frame::ethernet(&Packet { direction: Direction::Ingress, local: family.local(), remote, transport })
}

/// A SYN that no rule allows.
pub(super) fn denied(family: Family) -> Vec<u8> {
    segment(family, Direction::Ingress, (family.client(), CLOSED_PORT), TcpFlags::SYN)
}

/// The flow of this number from clients to the measured pod's port: what the wheel makes of a packet.
pub(super) fn flow(family: Family, number: u32, port: u16) -> FlowTuple {
    let [high, low, port_high, port_low] = number.to_be_bytes();
    let remote = match family.client() {
        IpAddr::V4(address) => {
            let [a, b, ..] = address.octets();
            Ipv4Addr::new(a, b, high, low).into()
        }
        IpAddr::V6(address) => {
            Ipv6Addr::from_bits(address.to_bits() | u128::from(u16::from_be_bytes([high, low]))).into()
        }
    };
    let ports = Ports { local: port, remote: u16::from_be_bytes([port_high, port_low]) };
    FlowTuple { interface: 1, local: family.local(), remote, ports, kind: 6 }
}

/// A prefix by its number: IPv4 /24s from 30.0.0.0, IPv6 /64s from `2001:db8::`.
fn prefix(family: Family, number: u32) -> IpNet {
    match family {
        Family::V4 => IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::from_bits((30 << 24) + (number << 8)), 24)),
        Family::V6 => IpNet::V6(Ipv6Net::new_assert(
            Ipv6Addr::from_bits((0x2001_0db8_u128 << 96) + (u128::from(number) << 64)),
            64,
        )),
    }
}

/// Another pod's address by its number.
fn other(number: u32) -> IpAddr {
    Ipv4Addr::from_bits((10 << 24) + (64 << 16) + number).into()
}

fn other_name(number: u32) -> String {
    format!("ns-{}/pod-{number}", number % NAMESPACES)
}

fn group(number: u32) -> String {
    format!("g-{}", number / NAMESPACES % GROUPS)
}

fn scene(shape: Shape) -> enforcer::store::Cluster {
    let mut scene = cluster();
    for number in 0..shape.pods {
        let address = other(number).to_string();
        scene = scene.pod(&other_name(number), [("app", group(number).as_str())], [address.as_str()]);
    }
    let [local4, local6] = Family::ALL.map(|family| family.local().to_string());
    let clients = Family::ALL.map(Family::client);
    scene = scene.pod("bench/subject", [("app", "server")], [local4.as_str(), local6.as_str()]);
    // As many as the wheel turns through.
    for number in 0..8_u32 {
        let [own4, own6] = clients.map(|client| match client {
            IpAddr::V4(client) => Ipv4Addr::from_bits(client.to_bits() + number).to_string(),
            IpAddr::V6(client) => Ipv6Addr::from_bits(client.to_bits() + u128::from(number)).to_string(),
        });
        let name = format!("bench/client-{number}");
        scene = scene.pod(&name, [("app", "client")], [own4.as_str(), own6.as_str()]);
    }
    for number in 0..shape.policies {
        let [own, peer] = [group(number * NAMESPACES / 7), group(number + 1)];
        let name = format!("ns-{}/policy-{number}", number % NAMESPACES);
        let from = rule([pods(labels([("app", peer.as_str())]))], [tcp(8_000 + port(number))]);
        scene = scene.policy(policy(&name).select(labels([("app", own.as_str())])).ingress([from]));
    }
    scene.policy(subject(shape)).build()
}

fn port(number: u32) -> u16 {
    u16::try_from(number % 1_000).unwrap_or(0)
}

fn subject(shape: Shape) -> Policy {
    let clients = || [pods(labels([("app", "client")]))];
    let mut rules: Vec<Rule> =
        (0..shape.rules).map(|number| rule(clients(), [tcp(FIRST_PORT + number)])).collect();
    let nets = Family::ALL
        .into_iter()
        .flat_map(|family| (0..shape.prefixes).map(move |number| prefix(family, number).to_string()));
    let nets: Vec<String> = nets.collect();
    rules.push(rule(nets.iter().map(|net| block(net, [])), [tcp(PREFIX_PORT)]));
    rules.push(Rule { ports: rule([], [tcp(OPEN_PORT)]).ports, ..any() });
    policy("bench/subject").select(labels([("app", "server")])).ingress(rules).into()
}

fn endpoints(shape: Shape) -> Vec<Endpoint> {
    let [local4, local6] = Family::ALL.map(|family| family.local().to_string());
    let mut endpoints = vec![endpoint("bench/subject", [local4.as_str(), local6.as_str()])];
    for number in 0..shape.pods.min(LOCAL) {
        let address = other(number).to_string();
        let its = endpoint(&other_name(number), [address.as_str()]);
        endpoints.push(Endpoint { interface_index: 1_000 + number, ..its });
    }
    endpoints
}
