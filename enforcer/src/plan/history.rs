//! What virtual addresses remember: a flow to a Service is asked for again only when policies change, never because
//! its endpoints changed (DESIGN 3.8), and not because the Service, or the port, has gone either. So a port that the
//! rules opened once, and under the same policies open no more, is closed to new flows and kept for those that are
//! there.
//!
//! The memory is the tables themselves: a port of a Service that allows or keeps in the previous image is kept in the
//! next. Of what keeps they need nothing beside them, also when they are read back; of what allows, only which ports
//! are Services': what is open for the address's own sake is asked again like all else. The kept ports go into the
//! signature, so that two addresses with different pasts are of different classes.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    net::IpAddr,
    sync::Arc,
};

use enforcer_common::{
    Direction,
    tables::{Interval, RowKey, Ruling},
};

use super::{MapImage, PlanError, rows::RowTable, versions::Versions};
use crate::compile::{RuleSet, RuleSets, Signature};

/// How many addresses may keep something after their Services have gone. They are kept as long as the policies stay, in
/// a table that has room for eight times as many; beyond it the first by number are.
const GONE: usize = 65_536;

/// For each rule set, those in force with the same egress rules.
pub(super) type Pasts = BTreeMap<u32, BTreeSet<u32>>;

/// The ports of Services, by virtual address.
pub(super) fn service_points(compiled: &RuleSets) -> BTreeMap<IpAddr, Arc<BTreeSet<u32>>> {
    let points: Vec<_> =
        compiled.services.iter().map(|service| Arc::new(service.points().collect())).collect();
    let of = |signature: &Signature| points.get(signature.service?).map(Arc::clone);
    compiled.addresses.iter().filter_map(|(address, its)| Some((*address, of(its)?))).collect()
}

/// The signatures of the addresses that keep something: the compiled ones and what they keep.
pub(super) fn remember(
    previous: &MapImage,
    compiled: &RuleSets,
    nothing: &Signature,
    pasts: &Pasts,
    table: &mut RowTable<'_>,
) -> Result<BTreeMap<IpAddr, Arc<Signature>>, PlanError> {
    let past = Past { previous, pasts, keeping: keeping(previous, pasts) };
    let classes: BTreeSet<u32> = past.keeping.keys().map(|(_, class)| *class).collect();
    let present = compiled.addresses.iter().filter(|(_, its)| its.service.is_some());
    let kept = previous.tables.addresses.iter().filter(|(_, class)| classes.contains(class));
    let addresses: BTreeSet<&IpAddr> = present
        .map(|(address, _)| address)
        .chain(previous.service_points.keys())
        .chain(kept.map(|(address, _)| address))
        .collect();
    // Equal Services of one class have one past.
    let mut known: BTreeMap<Place<'_>, Option<Arc<Signature>>> = BTreeMap::new();
    let mut remembered = BTreeMap::new();
    let mut gone = 0;
    for address in addresses {
        let place = Place {
            class: previous.tables.class(*address),
            signature: compiled.signature(*address).unwrap_or(nothing),
            services: previous.service_points.get(address).map(AsRef::as_ref),
        };
        let kept = match known.entry(place) {
            Entry::Occupied(kept) => kept.into_mut(),
            Entry::Vacant(vacant) => {
                let kept = past.kept(&place, table)?;
                vacant.insert((!kept.is_empty()).then(|| Arc::new(place.signature.keeping(kept))))
            }
        };
        let Some(kept) = kept else { continue };
        gone += usize::from(kept.service.is_none());
        if kept.service.is_some() || gone <= GONE {
            remembered.insert(*address, Arc::clone(kept));
        }
    }
    Ok(remembered)
}

/// What an address was and is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Place<'a> {
    /// In the previous image.
    class: u32,
    signature: &'a Signature,
    /// The ports that were Services' in the previous image.
    services: Option<&'a BTreeSet<u32>>,
}

/// What came before.
struct Past<'a> {
    previous: &'a MapImage,
    pasts: &'a Pasts,
    /// Points that are kept in the previous image, by rule set and class.
    keeping: BTreeMap<(u32, u32), BTreeSet<u32>>,
}

impl Past<'_> {
    /// What is kept at an address, as (rule set, point).
    fn kept(&self, place: &Place<'_>, table: &mut RowTable<'_>) -> Result<BTreeSet<(u32, u32)>, PlanError> {
        let mut kept = BTreeSet::new();
        // New policies remember nothing, of a Service without backends neither.
        for (rule_set, past) in self.pasts.iter().filter(|(_, past)| !past.is_empty()) {
            let before = past.iter().filter_map(|old| self.keeping.get(&(*old, place.class))).flatten();
            let before = before.chain(place.services.into_iter().flatten()).copied().collect();
            for point in table.closed(*rule_set, place.signature, &before)? {
                let stood = |old: &u32| {
                    let ruling = self.previous.tables.ruling(*old, Direction::Egress, place.class, point);
                    matches!(ruling, Some(Ruling::Allow | Ruling::Keep))
                };
                if past.iter().any(stood) {
                    kept.insert((*rule_set, point));
                }
            }
        }
        Ok(kept)
    }
}

/// What is kept in the previous image under the rule sets that count.
fn keeping(previous: &MapImage, pasts: &Pasts) -> BTreeMap<(u32, u32), BTreeSet<u32>> {
    let tables = &previous.tables;
    let keeps = |interval: &Interval| interval.ruling == Ruling::Keep;
    let mut keeping = BTreeMap::new();
    if !tables.intervals.values().any(keeps) {
        return keeping;
    }
    let classes: BTreeSet<u32> = tables.addresses.values().copied().collect();
    let rule_sets: BTreeSet<u32> = pasts.values().flatten().copied().collect();
    for rule_set in rule_sets {
        for class in &classes {
            let Some(row) = tables.rows.get(&RowKey::new(rule_set, Direction::Egress, *class)) else {
                continue;
            };
            let steps = tables.content(*row);
            let ends = steps.iter().skip(1).map(|step| step.start);
            let spans = steps.iter().zip(ends).filter(|(step, _)| keeps(step));
            let points: BTreeSet<u32> = spans.flat_map(|(step, end)| step.start..end).collect();
            if !points.is_empty() {
                keeping.insert((rule_set, *class), points);
            }
        }
    }
    keeping
}

/// For each rule set, those in force with the same egress rules: itself, and at the endpoints that had them those which
/// differ only in ingress, or in what opens for a pod's own sake. None is in force that no endpoint has.
pub(super) fn pasts(
    previous: &MapImage,
    compiled: &RuleSets,
    ids: &BTreeMap<RuleSet, u32>,
    versions: &Versions<'_>,
) -> Pasts {
    let in_force: BTreeSet<u32> = previous.tables.endpoints.values().map(|value| value.rule_set).collect();
    let itself = |id: &u32| in_force.get(id).copied().into_iter().collect();
    let mut pasts: Pasts = versions.now.keys().map(|id| (*id, itself(id))).collect();
    for (interface, subject) in &compiled.endpoints {
        let Some(id) = subject.rules.as_ref().and_then(|rules| ids.get(rules)) else { continue };
        let Some(before) = previous.tables.endpoints.get(interface).map(|value| value.rule_set) else {
            continue;
        };
        let is_same_pod = previous.endpoints.get(interface).is_some_and(|old| old.pod == subject.pod);
        if is_same_pod && versions.has_same_egress(before, *id) {
            pasts.entry(*id).or_default().insert(before);
        }
    }
    pasts
}
