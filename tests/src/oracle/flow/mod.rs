//! Flows at one endpoint, as DESIGN section 3.6 has them: a plain map and one packet at a time.
//!
//! Left out: time-outs and races. Everything that is not a whole packet of a flow (fragments, link traffic, what
//! cannot be parsed) is judged in `oracle::packet`, which asks here. Every change of the cluster makes every entry
//! stale here; whoever bumps generations
//! with more care gives the same verdicts, since judging again without a change finds nothing new.

mod entry;
mod memory;
mod segment;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use enforcer::{
    model::{Direction, Endpoint, ObjectName, Protocol},
    store::Cluster,
};

pub use entry::{Entry, Ground, Key, Opener};
use memory::Memory;
pub use segment::Segment;

use super::{Answer, Question, judge, service, with_endpoints};
use crate::frame::{Packet, Sender, TcpFlags};

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It goes on.
    Pass,
    /// It ends here.
    Drop,
}

/// Who denies, by direction. Where both do, either may be named.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denial(pub BTreeMap<Direction, BTreeSet<ObjectName>>);

impl Denial {
    fn of(direction: Direction, isolating: BTreeSet<ObjectName>) -> Self {
        Self([(direction, isolating)].into())
    }
}

/// One endpoint with its flows.
#[derive(Debug, Clone)]
pub struct FlowOracle {
    cluster: Cluster,
    endpoint: Endpoint,
    generation: u64,
    flows: BTreeMap<Key, Entry>,
    memory: Memory,
    /// Since which generation the pod has had these policies.
    policies_since: u64,
}

impl FlowOracle {
    /// An endpoint that has seen no packet yet.
    #[must_use]
    pub fn new(cluster: &Cluster, endpoint: &Endpoint) -> Self {
        let mut oracle = Self {
            cluster: Cluster::default(),
            endpoint: endpoint.clone(),
            generation: 0,
            flows: BTreeMap::new(),
            memory: Memory::default(),
            policies_since: 0,
        };
        oracle.update(cluster);
        oracle
    }

    /// From now on the cluster is this.
    pub fn update(&mut self, cluster: &Cluster) {
        let next = with_endpoints(cluster, std::slice::from_ref(&self.endpoint));
        let memory = match next.pods.get(&self.endpoint.pod) {
            Some(subject) => {
                let before = self.cluster.pods.get(&self.endpoint.pod).map(|pod| (&self.cluster, pod));
                self.memory.after(before, &next, subject)
            }
            None => Memory::default(),
        };
        self.cluster = next;
        self.generation += 1;
        if !memory.has_policies_of(&self.memory) {
            self.policies_since = self.generation;
        }
        self.memory = memory;
    }

    /// The entry that this packet finds.
    #[must_use]
    pub fn entry(&self, packet: &Packet) -> Option<&Entry> {
        self.flows.get(&Key::of(packet))
    }

    /// Whether what this entry says counts without judging again.
    #[must_use]
    pub fn is_current(&self, entry: &Entry) -> bool {
        entry.generation == self.generation
    }

    /// Whether the flow of this packet goes to a Service, opened by the pod.
    #[must_use]
    pub fn opens_to_service(&self, packet: &Packet) -> bool {
        let key = Key::of(packet);
        let protocol = Protocol::ALL.into_iter().find(|known| known.number() == key.protocol);
        let opened = self.flows.get(&key).is_some_and(|entry| entry.opener == Opener::Pod);
        let behind = |protocol| service::behind(&self.cluster, key.remote, protocol, key.remote_port);
        opened && protocol.and_then(behind).is_some()
    }

    /// Whether the Service of this packet is closed to new flows, and open ones stay.
    #[must_use]
    pub fn keeps(&self, packet: &Packet) -> bool {
        let key = Key::of(packet);
        let port = key.destination_port(Direction::Egress);
        self.opens_to_service(packet) && self.memory.keeps(key.remote, key.protocol, port)
    }

    /// Judges the next packet and remembers what it did.
    pub fn packet(&mut self, packet: &Packet) -> Outcome {
        outcome(self.judge(packet, Sender::Elsewhere).is_ok())
    }

    /// Judges the next packet of this sender and remembers what it did. What passes, passes on a ground.
    ///
    /// # Errors
    /// With those who deny it.
    pub fn judge(&mut self, packet: &Packet, sender: Sender) -> Result<Ground, Denial> {
        let key = Key::of(packet);
        let segment = Segment::of(packet);
        let ground = Ground::of(packet.direction, sender);
        let verdict = match self.flows.get(&key).copied() {
            _ if segment == Segment::Alone => self.asked(&key, packet.direction, ground),
            Some(entry) => self.known(key, entry, segment, packet, ground),
            None => self.unknown(key, segment, packet, ground),
        };
        // "What this node itself sends to its local pods passes above every tier" (3.3); a pod and itself:
        // "Passes" (3.4). What the entry says of the flow is not changed by that.
        if ground == Ground::Rules { verdict } else { Ok(verdict.unwrap_or(ground)) }
    }

    /// Judges a packet that belongs to no flow.
    ///
    /// # Errors
    /// With those who deny it.
    pub fn judge_alone(&self, packet: &Packet, sender: Sender) -> Result<Ground, Denial> {
        self.asked(&Key::of(packet), packet.direction, Ground::of(packet.direction, sender))
    }

    fn unknown(
        &mut self,
        key: Key,
        segment: Segment,
        packet: &Packet,
        ground: Ground,
    ) -> Result<Ground, Denial> {
        let own = packet.direction;
        match segment {
            // "only a SYN opens"; "SCTP likewise: only INIT opens".
            Segment::Opens => self.open(key, packet, ground),
            // "SYN+ACK, RST and impossible flags never make an entry."
            Segment::NeverMakes | Segment::Alone => self.asked(&key, own, ground),
            Segment::MidStream if ground != Ground::Rules => {
                Ok(self.remember(key, Opener::sender(own), ground, packet))
            }
            // "A mid-stream packet without an entry is judged by its own direction."
            Segment::MidStream => match self.answer(&key, own) {
                // "If that is isolated and allows, its sender is taken as the opener."
                Answer::Allowed { .. } => Ok(self.remember(key, Opener::sender(own), ground, packet)),
                Answer::Denied { isolating } => Err(Denial::of(own, isolating)),
                Answer::NotIsolated => match self.answer(&key, opposite(own)) {
                    // "If neither is, an entry with opener unknown is made".
                    Answer::NotIsolated => Ok(self.remember(key, Opener::Unknown, ground, packet)),
                    // "If it is not isolated but the other direction is, the packet passes and
                    // makes no entry."
                    Answer::Allowed { .. } | Answer::Denied { .. } => Ok(ground),
                },
            },
        }
    }

    fn known(
        &mut self,
        key: Key,
        entry: Entry,
        segment: Segment,
        packet: &Packet,
        ground: Ground,
    ) -> Result<Ground, Denial> {
        let own = packet.direction;
        let sender = Opener::sender(own);
        let handshake = key.has_handshake();
        let opening = handshake && segment == Segment::Opens;
        if entry.denied {
            // "A TCP SYN in either direction, or a UDP packet of the opener, is judged afresh and
            // may replace the mark". Protocols without a handshake are like UDP, SCTP is like TCP.
            // (For the opener's own packets this says no more than judging again below does: no test
            // can tell the two apart.)
            if opening || (!handshake && sender == entry.opener) {
                return self.open(key, packet, ground);
            }
        } else if opening && (sender != entry.opener || entry.is_closed()) {
            // "A SYN against an entry's direction is a new flow." Against nobody's, too, and where the last
            // connection has ended.
            return self.open(key, packet, ground);
        }
        // "a packet *towards* the pod must prove its origin itself each time, else it is judged as new". The entry
        // stays the other's.
        if own == Direction::Ingress && entry.ground != Ground::Rules && entry.ground != ground {
            return self.asked(&key, own, ground);
        }
        let verdict = self.stands(&key, &entry);
        // "What this node itself sends to its local pods passes above every tier (kubelet probes)" (3.3), and so do
        // the pod's replies: where the rules deny what they were asked about, the flow is now the node's.
        let is_proved = ground != Ground::Rules && segment != Segment::NeverMakes;
        if verdict.is_err() && entry.opener != Opener::Pod && is_proved {
            return Ok(self.remember(key, Opener::Peer, ground, packet));
        }
        let mut entry = Entry { denied: verdict.is_err(), generation: self.generation, ..entry };
        entry.note(packet);
        self.flows.insert(key, entry);
        verdict
    }

    /// What an entry says of its flow.
    fn stands(&self, key: &Key, entry: &Entry) -> Result<Ground, Denial> {
        // "An entry whose generation is current gives its verdict."
        if self.is_current(entry) && !entry.denied {
            return Ok(entry.ground);
        }
        // "a node-origin or self entry admits only the pod's *replies*", under every generation.
        if entry.ground != Ground::Rules {
            return Ok(entry.ground);
        }
        // "Else it is judged again in the direction in which it was opened"; "opener unknown …,
        // which every later judgement admits only if both directions allow"; "A flow that is now
        // denied keeps its entry, marked denied: both directions are dropped"; "a later generation
        // may revive it". A mark of this generation would come out the same: nothing has changed since.
        let directions: &[Direction] = match entry.opener {
            Opener::Pod => &[Direction::Egress],
            Opener::Peer => &[Direction::Ingress],
            Opener::Unknown => &Direction::ALL,
        };
        let mut denial = Denial::default();
        for &direction in directions {
            if let Answer::Denied { isolating } = self.answer(key, direction)
                && !(direction == Direction::Egress && self.is_kept(key, entry))
            {
                denial.0.insert(direction, isolating);
            }
        }
        if denial.0.is_empty() { Ok(Ground::Rules) } else { Err(denial) }
    }

    /// "deny new but keep old" (3.8): what was denied since it opened is not open.
    fn is_kept(&self, key: &Key, entry: &Entry) -> bool {
        let port = key.destination_port(Direction::Egress);
        !entry.denied
            && entry.generation >= self.policies_since
            && self.memory.keeps(key.remote, key.protocol, port)
    }

    /// What becomes of an ICMP error about a packet of a flow, as that flow's entry has it; `None` where there is no
    /// entry that the error may use. "they never create, refresh, change or revive an entry".
    #[must_use]
    pub fn error(&self, quoted: &Packet, sender: Sender) -> Option<Result<Ground, Denial>> {
        // "the quoted tuple is the reverse of the error's direction"
        let own = opposite(quoted.direction);
        if Segment::of(quoted) == Segment::Alone {
            return None;
        }
        let key = Key::of(quoted);
        let entry = self.flows.get(&key)?;
        if own == Direction::Ingress
            && entry.ground != Ground::Rules
            && entry.ground != Ground::of(own, sender)
        {
            return None;
        }
        Some(self.stands(&key, entry))
    }

    /// A new flow, judged in the direction of its first packet. A denied one leaves everything as it
    /// was.
    fn open(&mut self, key: Key, packet: &Packet, ground: Ground) -> Result<Ground, Denial> {
        self.asked(&key, packet.direction, ground)?;
        Ok(self.remember(key, Opener::sender(packet.direction), ground, packet))
    }

    fn remember(&mut self, key: Key, opener: Opener, ground: Ground, packet: &Packet) -> Ground {
        let flags = [TcpFlags::NONE; 2];
        let mut entry = Entry { opener, ground, flags, denied: false, generation: self.generation };
        entry.note(packet);
        self.flows.insert(key, entry);
        ground
    }

    /// A packet without an entry: its origin, or the rules of its own direction.
    fn asked(&self, key: &Key, direction: Direction, ground: Ground) -> Result<Ground, Denial> {
        match self.answer(key, direction) {
            Answer::Denied { isolating } if ground == Ground::Rules => Err(Denial::of(direction, isolating)),
            Answer::NotIsolated | Answer::Allowed { .. } | Answer::Denied { .. } => Ok(ground),
        }
    }

    /// Whether a policy isolates the endpoint's pod in some direction.
    #[must_use]
    pub fn has_rules(&self) -> bool {
        let anybody = Key {
            local: Ipv4Addr::UNSPECIFIED.into(),
            remote: Ipv4Addr::UNSPECIFIED.into(),
            local_port: 0,
            remote_port: 0,
            protocol: 0,
            asker: None,
        };
        Direction::ALL.iter().any(|&direction| self.answer(&anybody, direction) != Answer::NotIsolated)
    }

    /// What the rules say of this flow if it is opened in this direction. A pod that the cluster
    /// does not know is selected by nothing.
    fn answer(&self, key: &Key, direction: Direction) -> Answer {
        let Some(subject) = self.cluster.pods.get(&self.endpoint.pod) else { return Answer::NotIsolated };
        let port = key.destination_port(direction);
        let question = Question { direction, subject, remote: key.remote, protocol: key.protocol, port };
        judge(&self.cluster, &question)
    }
}

fn outcome(passes: bool) -> Outcome {
    if passes { Outcome::Pass } else { Outcome::Drop }
}

fn opposite(direction: Direction) -> Direction {
    match direction {
        Direction::Ingress => Direction::Egress,
        Direction::Egress => Direction::Ingress,
    }
}

#[cfg(test)]
mod tests;
