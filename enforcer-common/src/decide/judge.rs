//! The verdict for an IP packet: by its flow when there is one, else by the rules (DESIGN 3.3–3.6).

use super::{
    Outcome,
    link::{self, is_group},
    origin::{ground, token_of},
};
use crate::{
    Direction, Reason,
    flow::{FlowEntry, Ground},
    packet::{Context, Header, Link, Opening, Packet, Part, protocol},
    tables::{Endpoint, Family, FamilyTables, Ports, REMOTE_ASKS, Tables},
};

/// The value, or the end of the function with the outcome instead.
macro_rules! or_return {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(outcome) => return outcome,
        }
    };
}
pub(super) use or_return;

/// A packet seen from its endpoint.
pub(super) struct Case<'a, F: Family, P, T> {
    pub(super) packet: &'a P,
    pub(super) tables: &'a T,
    pub(super) header: &'a Header<F::Address>,
    pub(super) direction: Direction,
    pub(super) local: F::Address,
    pub(super) remote: F::Address,
    pub(super) ports: Ports,
}

/// What the rules are asked about: the other side, and by which ports.
pub(super) struct Tuple<A> {
    pub(super) remote: A,
    pub(super) ports: Ports,
    pub(super) protocol: u8,
}

/// The two sides of a tuple, seen from the endpoint.
pub(super) struct Ends<A> {
    pub(super) local: A,
    pub(super) remote: A,
    pub(super) ports: Ports,
}

impl<A> Ends<A> {
    /// Of a packet that goes in this direction.
    #[inline(always)]
    pub(super) fn of(direction: Direction, source: (A, u16), destination: (A, u16)) -> Self {
        let (local, remote) = match direction {
            Direction::Ingress => (destination, source),
            Direction::Egress => (source, destination),
        };
        Self { local: local.0, remote: remote.0, ports: Ports { local: local.1, remote: remote.1 } }
    }
}

/// Decides about an IP packet.
#[inline(always)]
pub(super) fn judge<F: Family, P: Packet + Context, T: Tables + FamilyTables<F>>(
    packet: &P,
    tables: &T,
    header: &Header<F::Address>,
) -> Outcome {
    let direction = packet.direction();
    let Ends { local, remote, ports } = Ends::of(
        direction,
        (header.source, header.source_port),
        (header.destination, header.destination_port),
    );
    let case = Case { packet, tables, header, direction, local, remote, ports };
    let is_sound = header.fault.is_none() && header.part != Part::Later && header.link == Link::No;
    if is_sound && header.opening == Opening::Error {
        return case.error();
    }
    if is_sound && let Some(endpoint) = case.lease() {
        case.stamp(endpoint.slot);
        return Outcome::PASS;
    }
    let kind = kind(header.protocol, header.opening == Opening::Plain, direction);
    let key = F::flow_key(packet.interface(), local, remote, ports, kind);
    let fingerprint = F::fingerprint(&key);
    let tracked = is_sound && header.opening != Opening::Alone;
    if tracked {
        let confirmed = tables.confirmed(&key);
        let is_confirmed = confirmed.is_some();
        let entry = match confirmed {
            Some(entry) => Some(entry),
            None => tables.opening(&key),
        };
        if let Some(entry) = entry
            && let Some(judgement) = entry.judgement(fingerprint)
        {
            let outcome = case.again(&entry, judgement, fingerprint);
            // A RST answers a connection that is over before it began: a pod that scans closed ports must not
            // fill the table of flows that live.
            if !is_confirmed
                && outcome == Outcome::PASS
                && entry.saw(direction.reverse())
                && !entry.is_closed()
                && tables.has_budget(judgement.slot)
                && tables.confirm(&key, &entry)
            {
                tables.spend(judgement.slot);
            }
            return outcome;
        }
    }
    case.first(&key, fingerprint, tracked)
}

impl<F: Family, P: Packet + Context, T: Tables + FamilyTables<F>> Case<'_, F, P, T> {
    /// The endpoint, when the packet belongs to its lease, which is above the rules and makes no flow.
    #[inline(always)]
    fn lease(&self) -> Option<Endpoint> {
        if !link::has_lease_ports::<F>(self.header, self.direction) {
            return None;
        }
        let endpoint = self.tables.endpoint(self.packet.interface())?;
        let is_meant = endpoint.dhcp
            && link::speaks_for_lease::<F, P, T>(self.packet, self.tables, endpoint, self.header);
        is_meant.then_some(endpoint)
    }

    /// A pod sends from its own addresses only; where it has rules, only what is addressed to it reaches it.
    #[inline(always)]
    pub(super) fn addresses(&self, endpoint: Endpoint) -> Outcome {
        let interface = self.packet.interface();
        if endpoint.any_source {
            return Outcome::PASS;
        }
        match self.direction {
            Direction::Egress if !self.tables.is_own(interface, self.local) => Outcome::of(Reason::Spoofed),
            Direction::Ingress
                if endpoint.has_rules()
                    && !is_group::<F>(self.local)
                    && !self.tables.is_own(interface, self.local) =>
            {
                Outcome::of(Reason::NotMine)
            }
            Direction::Ingress | Direction::Egress => Outcome::PASS,
        }
    }

    /// Whether the packet comes to the pod from the node or from the pod itself.
    #[inline(always)]
    pub(super) fn has_ground(&self, slot: u16) -> bool {
        self.direction == Direction::Ingress && ground(self.packet, slot) != Ground::Rules
    }

    #[inline(always)]
    pub(super) fn endpoint(&self) -> Result<Endpoint, Outcome> {
        self.tables.endpoint(self.packet.interface()).ok_or(Outcome::of(Reason::UnknownEndpoint))
    }

    #[inline(always)]
    pub(super) fn touch(&self, entry: &FlowEntry) {
        entry.touch(self.direction, self.packet.now(), self.packet.length(), self.header.tcp_flags);
    }

    /// Tells the programs of other endpoints of this node who sends: always, so that a pod cannot choose.
    #[inline(always)]
    pub(super) fn stamp(&self, slot: u16) {
        if self.direction == Direction::Egress {
            self.packet.stamp(token_of(slot));
        }
    }
}

/// The last word of a flow key: the protocol, and for an echo who asks, so that the other side's requests with
/// the same identifier are another flow.
#[inline(always)]
pub(super) fn kind(number: u8, is_request: bool, direction: Direction) -> u32 {
    let word = number as u32;
    match number {
        protocol::ICMP | protocol::ICMPV6 => {
            if is_request == (direction == Direction::Ingress) {
                word | REMOTE_ASKS
            } else {
                word
            }
        }
        _ => word,
    }
}
