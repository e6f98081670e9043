//! Puts flows into the tables that are older than enforcement at their endpoint ([`crate::seed`] finds them).

use std::{
    collections::{BTreeMap, BTreeSet},
    io::ErrorKind,
};

use aya::{Pod, maps::MapError};
use enforcer_common::{
    Direction,
    flow::{FlowEntry, FlowState, Judgement, Opener},
    tables::{Endpoint, PolicyGeneration, capacity},
};

use super::{
    Dataplane, DataplaneError,
    maps::{Hash, Maps},
};
use crate::{
    seed::{Flows, Known},
    tuple::{FlowKey, FlowTuple, Found},
};

/// What became of the flows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seeded {
    /// Written among the confirmed ones.
    pub confirmed: u32,
    /// Written among the opening ones, since they were not answered.
    pub opening: u32,
    /// Written there because their endpoint's budget is spent or the table of confirmed ones is full.
    pub unconfirmed: u32,
    /// Not written: the programs knew them already.
    pub known: u32,
    /// Not written: more than the table of opening flows has room for.
    pub left_out: u32,
    /// Interfaces that the tables do not know; their flows are not written.
    pub without_endpoint: BTreeSet<u32>,
}

/// `BPF_NOEXIST` of bpf(2): what is there stays.
const NEW_ONLY: u64 = 1;

impl Dataplane {
    /// Writes flows that the tables do not have, each to be judged at its next packet.
    ///
    /// # Errors
    /// When a table cannot be read or written.
    pub fn seed(&mut self, flows: &Flows) -> Result<Seeded, DataplaneError> {
        let now = self.now()?;
        let mut seeded = Seeded::default();
        let mut slots: BTreeMap<u32, Option<Slot>> = BTreeMap::new();
        let budget = self.maps.budget.get(&0, 0).map_err(DataplaneError::map("BUDGET"))?;
        for (tuple, known) in flows {
            let slot = match slots.get(&tuple.interface) {
                Some(slot) => *slot,
                None => self.maps.slot(tuple.interface)?,
            };
            slots.insert(tuple.interface, slot);
            let Some(slot) = slot else {
                seeded.without_endpoint.insert(tuple.interface);
                continue;
            };
            let spent = self.maps.spent.get(&slot.number, 0).map_err(DataplaneError::map("SPENT"))?;
            let Some(key) = tuple.key() else { continue };
            let entry = slot.entry(*known, key.fingerprint(), now).to_bytes();
            let may_confirm = known.answered && spent < budget;
            let maps = &mut self.maps;
            let is_confirmed = match key {
                FlowKey::V4(key) => Tables { confirmed: &mut maps.confirmed4, opening: &mut maps.opening4 }
                    .write(key.to_bytes(), entry, may_confirm, &mut seeded),
                FlowKey::V6(key) => Tables { confirmed: &mut maps.confirmed6, opening: &mut maps.opening6 }
                    .write(key.to_bytes(), entry, may_confirm, &mut seeded),
            }
            .map_err(DataplaneError::map("OPENING"))?;
            match is_confirmed {
                Some(true) => {
                    self.maps.spent.set(slot.number, spent + 1, 0).map_err(DataplaneError::map("SPENT"))?;
                    seeded.confirmed += 1;
                }
                Some(false) if known.answered => seeded.unconfirmed += 1,
                Some(false) => seeded.opening += 1,
                None => {}
            }
        }
        Ok(seeded)
    }

    /// What the tables say of a flow.
    ///
    /// # Errors
    /// When a table cannot be read.
    pub fn flow(&mut self, tuple: &FlowTuple) -> Result<Option<Found>, DataplaneError> {
        let now = self.now()?;
        let Some(key) = tuple.key() else { return Ok(None) };
        let maps = &self.maps;
        let (confirmed, opening) = match key {
            FlowKey::V4(key) => (
                look(&maps.confirmed4, &key.to_bytes(), "CONFIRMED4")?,
                look(&maps.opening4, &key.to_bytes(), "OPENING4")?,
            ),
            FlowKey::V6(key) => (
                look(&maps.confirmed6, &key.to_bytes(), "CONFIRMED6")?,
                look(&maps.opening6, &key.to_bytes(), "OPENING6")?,
            ),
        };
        let is_confirmed = confirmed.is_some();
        let state = confirmed.or(opening).map(|bytes| FlowState::from_bytes(&bytes, now));
        Ok(state.map(|state| Found { is_confirmed, state }))
    }
}

/// An endpoint's generation slot.
#[derive(Debug, Clone, Copy)]
struct Slot {
    number: u32,
    /// From which generation on the endpoint has its policies: new entries are of before, so that nothing is kept for
    /// them that these policies never allowed.
    policies_since: u32,
}

impl Slot {
    /// An entry that its next packet finds out of date. Each side that was seen counts as one packet, now: from
    /// when it is unknown, and a flow that is over goes by its time-out.
    fn entry(self, known: Known, fingerprint: u32, now: u32) -> FlowEntry {
        let Known { opener, ground, answered } = known;
        let judgement = Judgement {
            generation: self.policies_since.wrapping_sub(1),
            #[expect(clippy::cast_possible_truncation, reason = "it was made of 16 bits")]
            slot: self.number as u16,
            opener,
            ground,
            denied: false,
        };
        let entry = FlowEntry::new(judgement, 0, fingerprint);
        for direction in [Direction::Ingress, Direction::Egress] {
            if answered || opener == Opener::of(direction) || opener == Opener::Unknown {
                entry.touch(direction, now, 0, 0);
            }
        }
        entry
    }
}

impl Maps {
    fn slot(&self, interface: u32) -> Result<Option<Slot>, DataplaneError> {
        let word = match self.endpoints.get(&interface, 0) {
            Ok(word) => word,
            Err(MapError::KeyNotFound) => return Ok(None),
            Err(error) => return Err(DataplaneError::map("ENDPOINTS")(error)),
        };
        let Some(Endpoint { slot, rule_set, .. }) = Endpoint::unpack(word, interface) else {
            return Ok(None);
        };
        let mut policies_since = 0;
        for half in [false, true] {
            let index = PolicyGeneration::index(slot, half);
            let word = self.policy_generations.get(&index, 0);
            let policies = PolicyGeneration::unpack(word.map_err(DataplaneError::map("POLICY_GENERATIONS"))?);
            if policies.rule_set == rule_set {
                policies_since = policies.since;
            }
        }
        Ok(Some(Slot { number: u32::from(slot), policies_since }))
    }
}

/// Both tables of a family.
struct Tables<'a, K: Pod> {
    confirmed: &'a mut Hash<K, [u8; 64]>,
    opening: &'a mut Hash<K, [u8; 64]>,
}

impl<K: Pod> Tables<'_, K> {
    /// Writes one entry where neither table has it: among the confirmed ones if it may, else among the opening ones.
    /// Returns whether it is confirmed; `None` when it was not written.
    fn write(
        &mut self,
        key: K,
        entry: [u8; 64],
        may_confirm: bool,
        seeded: &mut Seeded,
    ) -> Result<Option<bool>, MapError> {
        if self.confirmed.get(&key, 0).is_ok() || self.opening.get(&key, 0).is_ok() {
            seeded.known += 1;
            return Ok(None);
        }
        // A full table, or no memory, leaves the flow where it would be without a budget.
        if may_confirm && self.confirmed.insert(key, entry, NEW_ONLY).is_ok() {
            return Ok(Some(true));
        }
        // That table makes room by itself, for ever: more than it holds would press out what was just written.
        if seeded.opening + seeded.unconfirmed >= capacity::OPENING {
            seeded.left_out += 1;
            return Ok(None);
        }
        match self.opening.insert(key, entry, NEW_ONLY) {
            Ok(()) => Ok(Some(false)),
            Err(MapError::SyscallError(error)) if error.io_error.kind() == ErrorKind::AlreadyExists => {
                seeded.known += 1;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

fn look<K: Pod>(
    table: &Hash<K, [u8; 64]>,
    key: &K,
    name: &'static str,
) -> Result<Option<[u8; 64]>, DataplaneError> {
    match table.get(key, 0) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(MapError::KeyNotFound) => Ok(None),
        Err(error) => Err(DataplaneError::map(name)(error)),
    }
}
