//! A packet of a known flow: its entry decides, or the rules are asked again (DESIGN 3.6).

use super::{
    Outcome,
    first::Permit,
    judge::{Case, Tuple, or_return},
    origin::ground,
    rules::ask,
};
use crate::{
    Direction, Reason,
    flow::{FlowEntry, Ground, Judgement, Opener},
    packet::{Context, Opening, Packet},
    tables::{Endpoint, Family, FamilyTables, Ruling, Tables},
};

impl<F: Family, P: Packet + Context, T: Tables + FamilyTables<F>> Case<'_, F, P, T> {
    /// A packet of a known flow.
    #[inline(always)]
    pub(super) fn again(&self, entry: &FlowEntry, judgement: Judgement, fingerprint: u32) -> Outcome {
        let current = self.tables.generation(judgement.slot) == judgement.generation;
        if current && !judgement.denied && !self.afresh(entry, judgement) && self.proves(judgement) {
            self.touch(entry);
            self.stamp(judgement.slot);
            return Outcome::PASS;
        }
        self.reconsider(entry, judgement, current, fingerprint)
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
        let holds = |half| {
            let policies = self.tables.policy_generation(endpoint.slot, half);
            policies.rule_set == endpoint.rule_set
                && judgement.generation.wrapping_sub(policies.since).cast_signed() >= 0
        };
        judgement.slot == endpoint.slot && (holds(false) || holds(true))
    }
}
