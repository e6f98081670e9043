//! The verdict for an IP packet: by its flow when there is one, else by the rules (DESIGN 3.3–3.6).

use super::{
    Outcome, fragment,
    link::{self, is_group},
    origin::{ground, token_of},
    rules::ask,
};
use crate::{
    Direction, Reason,
    flow::{FlowEntry, Ground, Judgement, Opener},
    packet::{Context, Header, Link, Opening, Packet, Part, protocol},
    tables::{Endpoint, Family, FamilyTables, Ports, REMOTE_ASKS, Ruling, Tables},
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

/// A packet seen from its endpoint.
pub(super) struct Case<'a, F: Family, P, T> {
    pub(super) packet: &'a P,
    pub(super) tables: &'a T,
    pub(super) header: &'a Header<F::Address>,
    pub(super) direction: Direction,
    pub(super) local: F::Address,
    pub(super) remote: F::Address,
    ports: Ports,
}

/// What the rules are asked about: the other side, and by which ports.
pub(super) struct Tuple<A> {
    pub(super) remote: A,
    pub(super) ports: Ports,
    pub(super) protocol: u8,
}

/// Why a packet without a usable entry may pass, and the opener of the entry it makes, if any.
pub(super) struct Permit {
    ground: Ground,
    rule: u32,
    opener: Option<Opener>,
}

/// Decides about an IP packet.
#[inline(always)]
pub(super) fn judge<F: Family, P: Packet + Context, T: Tables + FamilyTables<F>>(
    packet: &P,
    tables: &T,
    header: &Header<F::Address>,
) -> Outcome {
    let direction = packet.direction();
    let (local, remote, ports) = match direction {
        Direction::Ingress => (
            header.destination,
            header.source,
            Ports { local: header.destination_port, remote: header.source_port },
        ),
        Direction::Egress => (
            header.source,
            header.destination,
            Ports { local: header.source_port, remote: header.destination_port },
        ),
    };
    let case = Case { packet, tables, header, direction, local, remote, ports };
    let is_sound = header.fault.is_none() && header.part != Part::Later && header.link == Link::No;
    if is_sound && header.opening == Opening::Error {
        return case.error();
    }
    let kind = kind(header.protocol, header.opening == Opening::Plain, direction);
    let key = F::flow_key(packet.interface(), local, remote, ports, kind);
    let fingerprint = F::fingerprint(&key);
    let tracked = is_sound && header.opening != Opening::Alone && !case.is_lease();
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
    /// A packet of a known flow.
    #[inline(always)]
    fn again(&self, entry: &FlowEntry, judgement: Judgement, fingerprint: u32) -> Outcome {
        let current = self.tables.generation(judgement.slot) == judgement.generation;
        if current && !judgement.denied && !self.afresh(entry, judgement) && self.proves(judgement) {
            self.touch(entry);
            self.stamp(judgement.slot);
            return Outcome::PASS;
        }
        self.reconsider(entry, judgement, current, fingerprint)
    }

    /// Whether the packet belongs to a lease, which is above the rules and no flow.
    #[inline(always)]
    fn is_lease(&self) -> bool {
        link::has_lease_ports::<F>(self.header, self.direction)
            && self.tables.endpoint(self.packet.interface()).unwrap_or_default().dhcp
    }

    /// Whether the packet starts something new in spite of the entry: a handshake against the flow's direction,
    /// towards a denied mark, or where the last connection has ended; or a packet of a denied opener that has
    /// no handshake to offer.
    #[inline(always)]
    fn afresh(&self, entry: &FlowEntry, judgement: Judgement) -> bool {
        let opened_it = Opener::of(self.direction) == judgement.opener;
        match self.header.opening {
            Opening::Handshake => judgement.denied || !opened_it || entry.is_closed(),
            Opening::Plain => judgement.denied && opened_it,
            Opening::MidStream | Opening::Never | Opening::Alone | Opening::Error => false,
        }
    }

    /// Whether the packet may use a flow that was allowed for its origin: the pod's replies may; a packet
    /// towards the pod proves the same origin again, each time.
    #[inline(always)]
    fn proves(&self, judgement: Judgement) -> bool {
        if self.direction == Direction::Egress || judgement.ground == Ground::Rules {
            return true;
        }
        ground(self.packet, judgement.slot) == judgement.ground
    }

    /// Whether the rules were asked about a flow whose opener turns out to be the node, or the pod itself: it was
    /// learnt, or its first packets could not prove it. Rules that deny must not cut it. A flow that the pod opened stays
    /// the rules' business, whoever answers.
    #[inline(always)]
    fn outranks(&self, slot: u16, judgement: Judgement) -> bool {
        judgement.ground == Ground::Rules
            && judgement.opener != Opener::Pod
            && self.header.opening != Opening::Never
            && self.has_ground(slot)
    }

    /// Whether the packet comes to the pod from the node or from the pod itself.
    #[inline(always)]
    pub(super) fn has_ground(&self, slot: u16) -> bool {
        self.direction == Direction::Ingress && ground(self.packet, slot) != Ground::Rules
    }

    /// A packet of a known flow that the entry alone cannot decide.
    #[inline(always)]
    fn reconsider(
        &self,
        entry: &FlowEntry,
        judgement: Judgement,
        current: bool,
        fingerprint: u32,
    ) -> Outcome {
        let endpoint = or_return!(self.endpoint());
        // Read before the rules: an update that lands in between leaves the entry stale, not wrong.
        let generation = self.tables.generation(endpoint.slot);
        self.stamp(endpoint.slot);
        let outcome = self.addresses(endpoint);
        if outcome != Outcome::PASS {
            return outcome;
        }
        let afresh = self.afresh(entry, judgement);
        if afresh || !self.proves(judgement) {
            let permit = match self.permit(endpoint) {
                Ok(permit) => permit,
                Err(outcome) => {
                    // A denied flow is denied for as long as anybody tries.
                    if judgement.denied {
                        self.touch(entry);
                    }
                    return outcome;
                }
            };
            if let (true, Some(opener)) = (afresh, permit.opener) {
                let Permit { ground, rule, .. } = permit;
                entry.restart();
                let fresh = Judgement { generation, slot: endpoint.slot, opener, ground, denied: false };
                entry.judge(fresh, rule, fingerprint);
                self.touch(entry);
            }
            return Outcome::PASS;
        }
        // Only a denied mark leaves a current entry to decide here.
        let is_marked = current && endpoint.slot == judgement.slot;
        let (allowed, rule) = if is_marked {
            (false, entry.rule.get())
        } else {
            let tuple = Tuple { remote: self.remote, ports: self.ports, protocol: self.header.protocol };
            or_return!(self.stands(endpoint, judgement, &tuple))
        };
        if !allowed && self.outranks(endpoint.slot, judgement) {
            let ground = ground(self.packet, endpoint.slot);
            entry.restart();
            let opener = Opener::Remote;
            let fresh = Judgement { generation, slot: endpoint.slot, opener, ground, denied: false };
            entry.judge(fresh, 0, fingerprint);
            self.touch(entry);
            return Outcome::PASS;
        }
        self.touch(entry);
        if !is_marked {
            let judged = Judgement { generation, slot: endpoint.slot, denied: !allowed, ..judgement };
            entry.judge(judged, rule, fingerprint);
        }
        // What the node itself sends passes above every tier (DESIGN 3.3), also as the answer in a flow that the
        // pod may not have.
        if allowed || self.has_ground(endpoint.slot) {
            Outcome::PASS
        } else {
            Outcome::denied(Reason::Policy, rule)
        }
    }

    /// Judges a flow again, in the direction in which it was opened and for its own ground.
    #[inline(always)]
    pub(super) fn stands(
        &self,
        endpoint: Endpoint,
        judgement: Judgement,
        tuple: &Tuple<F::Address>,
    ) -> Result<(bool, u32), Outcome> {
        if judgement.ground != Ground::Rules {
            return Ok((true, 0));
        }
        let class = self.tables.class(tuple.remote);
        let mut answer = (true, 0);
        for (direction, port, bystander) in [
            (Direction::Ingress, tuple.ports.local, Opener::Pod),
            (Direction::Egress, tuple.ports.remote, Opener::Remote),
        ] {
            if judgement.opener != bystander && answer.0 {
                let said = ask(self.tables, endpoint, direction, class, tuple.protocol, port)?;
                let stands = match said.ruling {
                    Ruling::Allow => true,
                    // What was denied since it opened is not open.
                    Ruling::Keep => !judgement.denied && self.is_of_these_policies(endpoint, judgement),
                    Ruling::Deny => false,
                };
                answer = (stands, said.rule);
            }
        }
        Ok(answer)
    }

    /// Whether it was judged under the policies that are in force at the endpoint: only then there is something to keep.
    #[inline(always)]
    fn is_of_these_policies(&self, endpoint: Endpoint, judgement: Judgement) -> bool {
        let since = self.tables.policy_generation(endpoint.slot);
        judgement.slot == endpoint.slot && judgement.generation.wrapping_sub(since).cast_signed() >= 0
    }

    /// A packet without an entry, which makes one if it is `tracked` and may.
    #[inline(always)]
    fn first(&self, key: &F::FlowKey, fingerprint: u32, tracked: bool) -> Outcome {
        let endpoint = or_return!(self.endpoint());
        let generation = self.tables.generation(endpoint.slot);
        self.stamp(endpoint.slot);
        if let Some(outcome) = link::link::<F, P, T>(self.packet, self.tables, endpoint, self.header) {
            return outcome;
        }
        let outcome = self.addresses(endpoint);
        if outcome != Outcome::PASS {
            return outcome;
        }
        match self.header.fault {
            // The node's own packets pass above every tier, whatever can be read of them.
            Some(reason) if endpoint.has_rules() && !self.has_ground(endpoint.slot) => {
                return Outcome::of(reason);
            }
            Some(_) => return Outcome::PASS,
            None if self.header.part == Part::Later => {
                if !endpoint.has_rules() {
                    return Outcome::PASS;
                }
                return fragment::follow::<F, P, T>(
                    self.packet,
                    self.tables,
                    self.header,
                    endpoint,
                    generation,
                );
            }
            None => {}
        }
        let permit = or_return!(self.permit(endpoint));
        // What goes through the interface to somebody else (a group, or anything where there are no rules) makes no
        // flow: the pod could answer in it with an address that is not its own.
        let is_own = self.direction == Direction::Egress
            || endpoint.any_source
            || self.tables.is_own(self.packet.interface(), self.local);
        if let (Some(opener), true, true) = (permit.opener, tracked, is_own) {
            let judgement =
                Judgement { generation, slot: endpoint.slot, opener, ground: permit.ground, denied: false };
            let entry = FlowEntry::new(judgement, permit.rule, fingerprint);
            self.touch(&entry);
            self.tables.open(key, &entry);
        }
        Outcome::PASS
    }

    /// Judges a packet on its own, in its own direction.
    #[inline(always)]
    pub(super) fn permit(&self, endpoint: Endpoint) -> Result<Permit, Outcome> {
        let sender = Opener::of(self.direction);
        let opener = match self.header.opening {
            Opening::Handshake | Opening::Plain | Opening::MidStream => Some(sender),
            Opening::Never | Opening::Alone | Opening::Error => None,
        };
        if self.direction == Direction::Ingress {
            let ground = ground(self.packet, endpoint.slot);
            if ground != Ground::Rules {
                return Ok(Permit { ground, rule: 0, opener });
            }
        }
        if self.header.opening == Opening::MidStream && !endpoint.isolates(self.direction) {
            // Who opened it cannot be known. Where only the other direction is isolated, an entry would
            // answer for that direction too.
            let opener =
                if endpoint.isolates(self.direction.reverse()) { None } else { Some(Opener::Unknown) };
            return Ok(Permit { ground: Ground::Rules, rule: 0, opener });
        }
        let class = self.tables.class(self.remote);
        let port = self.header.destination_port;
        let answer = ask(self.tables, endpoint, self.direction, class, self.header.protocol, port)?;
        match answer.ruling {
            Ruling::Allow => Ok(Permit { ground: Ground::Rules, rule: answer.rule, opener }),
            Ruling::Deny | Ruling::Keep => Err(Outcome::denied(Reason::Policy, answer.rule)),
        }
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

    #[inline(always)]
    pub(super) fn endpoint(&self) -> Result<Endpoint, Outcome> {
        self.tables.endpoint(self.packet.interface()).ok_or(Outcome::of(Reason::UnknownEndpoint))
    }

    #[inline(always)]
    fn touch(&self, entry: &FlowEntry) {
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
