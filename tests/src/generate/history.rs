//! What happens at one endpoint: packets of a few conversations, and changes of the cluster.

use std::net::IpAddr;

use enforcer::{
    model::{ClusterEvent, Direction, Endpoint, Pod, Protocol},
    store::Cluster,
};
use proptest::{
    collection::{self, SizeRange},
    prelude::*,
    sample::{Index, select},
};

use super::{
    case::is_unicast,
    choice::pick,
    cluster::cluster,
    edit::{self, Edit, edit},
    pod,
    policy::policy,
    remote::{Aim, Remote, aim, remote},
    subject::{Subject, subject},
    traffic::{Carrier, Port, carrier, port},
    universe,
};
use crate::{
    frame::{Packet, SctpChunk, TcpFlags, Transport},
    oracle::owner,
};

/// A cluster, one of its pods' endpoint, and what happens there.
#[derive(Debug, Clone)]
pub struct History {
    /// At the start.
    pub cluster: Cluster,
    /// Of a pod that is on the pod network from beginning to end. Its addresses need not be those
    /// that the API knows.
    pub endpoint: Endpoint,
    /// In this order.
    pub steps: Vec<Step>,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A packet crosses the interface.
    Packet(Packet),
    /// The cluster changes.
    Change(ClusterEvent),
}

/// Packets of one conversation have one key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Conversation {
    pub(super) local: IpAddr,
    pub(super) remote: IpAddr,
    carrier: Carrier,
    local_port: u16,
    remote_port: u16,
}

/// Each carrier looks at its own part of this.
#[derive(Debug, Clone, Copy)]
pub(super) struct Flavour {
    flags: TcpFlags,
    chunk: SctpChunk,
    icmp: Icmp,
}

#[derive(Debug, Clone, Copy)]
enum Icmp {
    Request,
    Reply,
    Else,
}

#[derive(Debug, Clone)]
enum Draft {
    Packet(Index, Direction, Flavour),
    Change(Edit),
    /// Takes the last change back: what was denied is allowed again.
    Undo,
}

/// A history of this many steps.
pub fn history(steps: impl Into<SizeRange>) -> impl Strategy<Value = History> {
    // What a Service remembers shows in few of them.
    let remote = prop_oneof![2 => remote(), 3 => any::<Index>().prop_map(Remote::Service)];
    let conversation = ((remote, aim()), carrier(), port(), port());
    let conversations = collection::vec(conversation, 1..=3);
    // One endpoint in eight has addresses that the API has not heard of.
    let told = prop_oneof![7 => Just(None), 1 => pod::addresses().prop_map(Some)];
    let drafts = collection::vec(draft(), steps);
    (drafts, conversations, told, subject(), cluster()).prop_filter_map(
        "no pod on the pod network with an address",
        |(drafts, conversations, told, subject, cluster)| {
            let endpoint = endpoint(&cluster, &subject, told)?;
            let conversations: Vec<Conversation> = conversations
                .iter()
                .filter_map(|(remote, carrier, local_port, remote_port)| {
                    converse(&cluster, &endpoint, remote, *carrier, [local_port, remote_port])
                })
                .collect();
            let steps = resolve(&cluster, &endpoint, &conversations, &drafts);
            Some(History { cluster, endpoint, steps })
        },
    )
}

fn draft() -> impl Strategy<Value = Draft> {
    let packet = (any::<Index>(), select(&Direction::ALL[..]), flavour())
        .prop_map(|(conversation, direction, flavour)| Draft::Packet(conversation, direction, flavour));
    // Of all changes those of policies do most to flows.
    let rules = policy().prop_map(|policy| Draft::Change(Edit::PutPolicy(policy)));
    prop_oneof![10 => packet, 3 => edit().prop_map(Draft::Change), 1 => rules, 1 => Just(Draft::Undo)]
}

pub(super) fn flavour() -> impl Strategy<Value = Flavour> {
    let flags = prop_oneof![
        4 => Just(TcpFlags::SYN),
        3 => Just(TcpFlags::ACK),
        2 => Just(TcpFlags::SYN_ACK),
        1 => Just(TcpFlags::FIN_ACK),
        1 => Just(TcpFlags::RST),
        2 => any::<u8>().prop_map(TcpFlags),
    ];
    let chunk = prop_oneof![
        4 => Just(SctpChunk::INIT),
        3 => Just(SctpChunk::DATA),
        1 => Just(SctpChunk::INIT_ACK),
        1 => Just(SctpChunk::ABORT),
        1 => Just(SctpChunk::COOKIE_ECHO),
        1 => any::<u8>().prop_map(SctpChunk),
    ];
    let icmp = prop_oneof![3 => Just(Icmp::Request), 3 => Just(Icmp::Reply), 1 => Just(Icmp::Else)];
    (flags, chunk, icmp).prop_map(|(flags, chunk, icmp)| Flavour { flags, chunk, icmp })
}

pub(super) fn endpoint(
    cluster: &Cluster,
    subject: &Subject,
    told: Option<std::collections::BTreeSet<IpAddr>>,
) -> Option<Endpoint> {
    let pod = subject.resolve(cluster, |pod| pod.is_on_pod_network() && !pod.addresses.is_empty())?;
    let addresses = told.filter(|told| !told.is_empty()).unwrap_or_else(|| pod.addresses.clone());
    let interface = "veth-subject".into();
    Some(Endpoint { pod: pod.name.clone(), interface_index: 1, interface, addresses, ..Endpoint::default() })
}

/// With the remote replaced where no ordinary packet could come from it.
pub(super) fn converse(
    cluster: &Cluster,
    endpoint: &Endpoint,
    (remote, aim): &(Remote, Aim),
    carrier: Carrier,
    ports: [&Port; 2],
) -> Option<Conversation> {
    let usable = |remote: &IpAddr| is_unicast(*remote) && !endpoint.addresses.contains(remote);
    let local_to = |remote: &IpAddr| {
        endpoint.addresses.iter().copied().find(|local| local.is_ipv4() == remote.is_ipv4())
    };
    let wanted = std::iter::once(remote.resolve(cluster)).chain(universe::addresses());
    let (remote, local) =
        wanted.filter(usable).find_map(|remote| local_to(&remote).map(|local| (remote, local)))?;
    let [at_local, at_remote] = [cluster.pods.get(&endpoint.pod), owner(cluster, remote)];
    let [to_local, to_remote] = ports;
    let carrier = to_remote.carried_by(to_local.carried_by(carrier, cluster, at_local), cluster, at_remote);
    let (local_port, remote_port) =
        (to_local.resolve(cluster, at_local), to_remote.resolve(cluster, at_remote));
    let (carrier, remote_port) = match aim.resolve(cluster, remote) {
        Some((protocol, port)) => (Carrier::Ported(protocol), port),
        None => (carrier, remote_port),
    };
    Some(Conversation { local, remote, carrier, local_port, remote_port })
}

impl Conversation {
    pub(super) fn packet(&self, direction: Direction, flavour: Flavour) -> Packet {
        let &Self { local, remote, carrier, local_port, remote_port } = self;
        let opening = carrier.opening(remote, local_port, remote_port);
        let transport = match (carrier, opening) {
            (Carrier::Ported(Protocol::Tcp), _) => {
                Transport::Tcp { local: local_port, remote: remote_port, flags: flavour.flags }
            }
            (Carrier::Ported(Protocol::Sctp), _) => {
                Transport::Sctp { local: local_port, remote: remote_port, chunk: flavour.chunk }
            }
            (Carrier::Icmp, _) => {
                // `Else` is a timestamp, or a node information query: no error and no neighbour discovery.
                let [request, reply, other] = if remote.is_ipv4() { [8, 0, 13] } else { [128, 129, 139] };
                let kind = match flavour.icmp {
                    Icmp::Request => request,
                    Icmp::Reply => reply,
                    Icmp::Else => other,
                };
                Transport::Icmp { kind, code: 0, identifier: local_port }
            }
            (Carrier::Ported(Protocol::Udp) | Carrier::Other(_), opening) => opening,
        };
        Packet { direction, local, remote, transport }
    }
}

fn resolve(
    cluster: &Cluster,
    endpoint: &Endpoint,
    conversations: &[Conversation],
    drafts: &[Draft],
) -> Vec<Step> {
    let mut now = cluster.clone();
    let mut steps = Vec::new();
    let mut inverses = Vec::new();
    for draft in drafts {
        let (event, is_undo) = match draft {
            Draft::Packet(conversation, direction, flavour) => {
                let conversation = pick(conversation, conversations);
                steps.extend(conversation.map(|it| Step::Packet(it.packet(*direction, *flavour))));
                continue;
            }
            Draft::Change(edit) => (edit.event(&now), false),
            Draft::Undo => (inverses.pop(), true),
        };
        let Some(event) = event else { continue };
        let mut next = now.clone();
        next.apply(event.clone());
        // Without its pod the endpoint would go.
        if next.pods.get(&endpoint.pod).is_some_and(Pod::is_on_pod_network) {
            if !is_undo {
                inverses.extend(edit::inverse(&now, &event));
            }
            now = next;
            steps.push(Step::Change(event));
        }
    }
    steps
}
