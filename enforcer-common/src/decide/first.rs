//! A packet without an entry: judged on its own, and the entry that it makes (DESIGN 3.3–3.6).

use super::{
    Outcome, fragment,
    judge::{Case, or_return},
    link,
    origin::ground,
    rules::ask,
};
use crate::{
    Direction, Reason,
    flow::{FlowEntry, Ground, Judgement, Opener},
    packet::{Context, Opening, Packet, Part},
    tables::{Endpoint, Family, FamilyTables, Ruling, Tables},
};

/// Why a packet without a usable entry may pass, and the opener of the entry it makes, if any.
pub(super) struct Permit {
    pub(super) ground: Ground,
    pub(super) rule: u32,
    pub(super) opener: Option<Opener>,
}

impl<F: Family, P: Packet + Context, T: Tables + FamilyTables<F>> Case<'_, F, P, T> {
    /// A packet without an entry, which makes one if it is `tracked` and may.
    #[inline(always)]
    pub(super) fn first(&self, key: &F::FlowKey, fingerprint: u32, tracked: bool) -> Outcome {
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
}
