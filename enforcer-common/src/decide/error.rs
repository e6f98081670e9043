//! ICMP errors (DESIGN 3.6): they follow the flow that they quote, so that a path's MTU is learnt through a deny-all.
//! They never create, refresh, change or revive an entry; one that quotes no flow is judged by the rules.

use super::{
    Outcome,
    judge::{Case, Ends, Tuple, kind},
    origin::ground,
};
use crate::{
    Direction, Reason,
    flow::{FlowEntry, Ground, Judgement},
    packet::{Context, Packet, Quote},
    tables::{Endpoint, Family, FamilyTables, Tables},
};

impl<F: Family, P: Packet + Context, T: Tables + FamilyTables<F>> Case<'_, F, P, T> {
    /// Decides about an error.
    #[inline(always)]
    pub(super) fn error(&self) -> Outcome {
        let endpoint = match self.endpoint() {
            Ok(endpoint) => endpoint,
            Err(outcome) => return outcome,
        };
        self.stamp(endpoint.slot);
        let outcome = self.addresses(endpoint);
        if outcome != Outcome::PASS {
            return outcome;
        }
        // What the node itself sends passes above every tier (DESIGN 3.3), and what a pod sends to itself.
        if self.has_ground(endpoint.slot) {
            return Outcome::PASS;
        }
        // The ICMP header has eight bytes.
        if let Some(quote) = F::quote(self.packet, self.header.upper as usize + 8)
            && let Some(outcome) = self.quoted(endpoint, &quote)
        {
            return outcome;
        }
        match self.permit(endpoint) {
            Ok(_) => Outcome::PASS,
            Err(outcome) => outcome,
        }
    }

    /// What the quoted flow says; `None` when there is none, or when it says nothing of this packet.
    #[inline(always)]
    fn quoted(&self, endpoint: Endpoint, quote: &Quote<F::Address>) -> Option<Outcome> {
        // The quoted packet went the other way.
        let Ends { local, remote, ports } = Ends::of(
            self.direction.reverse(),
            (quote.source, quote.source_port),
            (quote.destination, quote.destination_port),
        );
        // A router on the way may tell the pod; the pod tells only whom it answers, or an error would be a way out to
        // anybody.
        let is_answer = self.direction == Direction::Ingress || remote == self.remote;
        if local != self.local || !is_answer {
            return None;
        }
        let kind = kind(quote.protocol, quote.is_request, self.direction.reverse());
        let key = F::flow_key(self.packet.interface(), local, remote, ports, kind);
        let fingerprint = F::fingerprint(&key);
        let entry = match self.tables.confirmed(&key) {
            Some(entry) => entry,
            None => self.tables.opening(&key)?,
        };
        let judgement = entry.judgement(fingerprint)?;
        let tuple = Tuple { remote, ports, protocol: quote.protocol };
        self.of_flow(endpoint, &entry, judgement, &tuple)
    }

    #[inline(always)]
    fn of_flow(
        &self,
        endpoint: Endpoint,
        entry: &FlowEntry,
        judgement: Judgement,
        tuple: &Tuple<F::Address>,
    ) -> Option<Outcome> {
        if judgement.ground != Ground::Rules {
            let proves =
                self.direction == Direction::Egress || ground(self.packet, endpoint.slot) == judgement.ground;
            return proves.then_some(Outcome::PASS);
        }
        let is_current = self.tables.generation(judgement.slot) == judgement.generation;
        if is_current && judgement.denied {
            return Some(Outcome::denied(Reason::Policy, entry.rule.get()));
        }
        if is_current {
            return Some(Outcome::PASS);
        }
        // A mark of an old generation is judged again too: its rule may have gone.
        Some(match self.stands(endpoint, judgement, tuple) {
            Ok((true, _)) => Outcome::PASS,
            Ok((false, rule)) => Outcome::denied(Reason::Policy, rule),
            Err(outcome) => outcome,
        })
    }
}
