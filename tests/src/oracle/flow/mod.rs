//! Flows at one endpoint, as DESIGN section 3.6 has them: a plain map and one packet at a time.
//!
//! Left out: what the node or the pod itself sends to the pod, fragments, ICMP errors, time-outs,
//! and races. Every change of the cluster makes every entry stale here; whoever bumps generations
//! with more care gives the same verdicts, since judging again without a change finds nothing new.

mod entry;
mod memory;
mod segment;

use std::collections::BTreeMap;

use enforcer::{
    model::{Direction, Endpoint, Protocol},
    store::Cluster,
};

pub use entry::{Entry, Flags, Key, Opener};
use memory::Memory;
pub use segment::Segment;

use super::{Answer, Question, judge, service, with_endpoints};
use crate::frame::Packet;

/// What becomes of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It goes on.
    Pass,
    /// It ends here.
    Drop,
}

/// One endpoint with its flows.
#[derive(Debug, Clone)]
pub struct FlowOracle {
    cluster: Cluster,
    endpoint: Endpoint,
    generation: u64,
    flows: BTreeMap<Key, Entry>,
    flags: BTreeMap<Key, Flags>,
    memory: Memory,
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
            flags: BTreeMap::new(),
            memory: Memory::default(),
        };
        oracle.update(cluster);
        oracle
    }

    /// From now on the cluster is this.
    pub fn update(&mut self, cluster: &Cluster) {
        let next = with_endpoints(cluster, std::slice::from_ref(&self.endpoint));
        self.memory = match next.pods.get(&self.endpoint.pod) {
            Some(subject) => {
                let before = self.cluster.pods.get(&self.endpoint.pod).map(|pod| (&self.cluster, pod));
                self.memory.after(before, &next, subject)
            }
            None => Memory::default(),
        };
        self.cluster = next;
        self.generation += 1;
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
        let key = Key::of(packet);
        let segment = Segment::of(packet);
        if segment == Segment::Alone {
            return outcome(self.answer(&key, packet.direction).passes());
        }
        let entry = self.flows.get(&key).copied();
        let anew = entry.is_none_or(|entry| self.opens_anew(&key, &entry, segment, packet.direction));
        let outcome = match entry {
            Some(_) if anew => self.open(key, packet.direction),
            Some(entry) => self.known(key, entry),
            None => self.unknown(key, segment, packet.direction),
        };
        // A new flow begins with what opened it; an opening that is denied is none of the old flow's.
        let flags = self.flags.entry(key).or_default();
        if anew && outcome == Outcome::Pass {
            *flags = Flags::default();
        }
        if !anew || outcome == Outcome::Pass {
            flags.note(packet);
        }
        outcome
    }

    fn unknown(&mut self, key: Key, segment: Segment, own: Direction) -> Outcome {
        match segment {
            // "only a SYN opens"; "SCTP likewise: only INIT opens".
            Segment::Opens => self.open(key, own),
            // "SYN+ACK, RST and impossible flags never make an entry."
            Segment::NeverMakes | Segment::Alone => outcome(self.answer(&key, own).passes()),
            // "A mid-stream packet without an entry is judged by its own direction."
            Segment::MidStream => match self.answer(&key, own) {
                // "If that is isolated and allows, its sender is taken as the opener."
                Answer::Allowed { .. } => self.remember(key, Opener::sender(own), true),
                Answer::Denied { .. } => Outcome::Drop,
                Answer::NotIsolated => match self.answer(&key, opposite(own)) {
                    // "If neither is, an entry with opener unknown is made".
                    Answer::NotIsolated => self.remember(key, Opener::Unknown, true),
                    // "If it is not isolated but the other direction is, the packet passes and
                    // makes no entry."
                    Answer::Allowed { .. } | Answer::Denied { .. } => Outcome::Pass,
                },
            },
        }
    }

    /// Whether a packet that finds an entry is judged as the first of a new flow.
    fn opens_anew(&self, key: &Key, entry: &Entry, segment: Segment, own: Direction) -> bool {
        let sender = Opener::sender(own);
        let handshake = key.has_handshake();
        let opening = handshake && segment == Segment::Opens;
        if entry.denied {
            // "A TCP SYN in either direction, or a UDP packet of the opener, is judged afresh and
            // may replace the mark". Protocols without a handshake are like UDP, SCTP is like TCP.
            opening || (!handshake && sender == entry.opener)
        } else {
            // "A SYN against an entry's direction is a new flow." Against nobody's, too; and where the
            // last connection has ended: this shows where a Service is closed to new flows.
            opening && (sender != entry.opener || self.flags.get(key).is_some_and(Flags::have_ended))
        }
    }

    fn known(&mut self, key: Key, entry: Entry) -> Outcome {
        // "An entry whose generation is current gives its verdict."
        if self.is_current(&entry) {
            return outcome(!entry.denied);
        }
        // "Else it is judged again in the direction in which it was opened"; "opener unknown …,
        // which every later judgement admits only if both directions allow"; "A flow that is now
        // denied keeps its entry, marked denied: both directions are dropped"; "a later generation
        // may revive it".
        let directions: &[Direction] = match entry.opener {
            Opener::Pod => &[Direction::Egress],
            Opener::Peer => &[Direction::Ingress],
            Opener::Unknown => &Direction::ALL,
        };
        // "deny new but keep old" (3.8): what was denied since it opened is not open.
        let kept = |direction| {
            let port = key.destination_port(direction);
            let keeps = self.memory.keeps(key.remote, key.protocol, port);
            direction == Direction::Egress && keeps && !entry.denied
        };
        let allowed =
            directions.iter().all(|&direction| self.answer(&key, direction).passes() || kept(direction));
        self.remember(key, entry.opener, allowed)
    }

    /// A new flow, judged in the direction of its first packet. A denied one leaves everything as it
    /// was.
    fn open(&mut self, key: Key, own: Direction) -> Outcome {
        if self.answer(&key, own).passes() {
            self.remember(key, Opener::sender(own), true)
        } else {
            Outcome::Drop
        }
    }

    fn remember(&mut self, key: Key, opener: Opener, allowed: bool) -> Outcome {
        self.flows.insert(key, Entry { opener, denied: !allowed, generation: self.generation });
        outcome(allowed)
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
