//! What virtual addresses remember: a flow to a Service is asked for again only when policies change, never because
//! its endpoints changed (DESIGN 3.8). So a port that the rules opened once, and under the same policies open no more,
//! is closed to new flows and kept for those that are there.
//!
//! The memory is the tables themselves: a port that allows or keeps in the previous image is kept in the next. It
//! needs nothing beside them, also when they are read back. The kept ports go into the signature, so that two
//! virtual addresses with different pasts are of different classes.

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    net::IpAddr,
    sync::Arc,
};

use enforcer_common::{Direction, tables::Ruling};

use super::{MapImage, PlanError, rows::RowTable, versions::Versions};
use crate::compile::{RuleSets, Signature};

/// The signatures of the virtual addresses that keep something: the compiled ones and what they keep.
pub(super) fn remember(
    previous: &MapImage,
    compiled: &RuleSets,
    versions: &Versions<'_>,
    table: &mut RowTable<'_>,
) -> Result<BTreeMap<IpAddr, Arc<Signature>>, PlanError> {
    let pasts = pasts(previous, compiled, versions);
    // Equal Services of one class have one past.
    let mut known: BTreeMap<(u32, &Signature), Option<Arc<Signature>>> = BTreeMap::new();
    let mut remembered = BTreeMap::new();
    for (address, signature) in compiled.addresses.iter().filter(|(_, its)| its.service.is_some()) {
        let class = previous.tables.class(*address);
        let place = match known.entry((class, signature)) {
            Entry::Occupied(place) => place.into_mut(),
            Entry::Vacant(place) => {
                let kept = kept(previous, class, signature, &pasts, table)?;
                place.insert((!kept.is_empty()).then(|| Arc::new(signature.keeping(kept))))
            }
        };
        remembered.extend(place.as_ref().map(|its| (*address, Arc::clone(its))));
    }
    Ok(remembered)
}

fn kept(
    previous: &MapImage,
    class: u32,
    signature: &Signature,
    pasts: &BTreeMap<u32, BTreeSet<u32>>,
    table: &mut RowTable<'_>,
) -> Result<BTreeSet<(u32, u32)>, PlanError> {
    let mut kept = BTreeSet::new();
    // New policies remember nothing, of a Service without backends neither.
    for (rule_set, past) in pasts.iter().filter(|(_, past)| !past.is_empty()) {
        for point in table.closed(*rule_set, signature)? {
            let stood = |old: &u32| {
                let ruling = previous.tables.ruling(*old, Direction::Egress, class, point);
                matches!(ruling, Some(Ruling::Allow | Ruling::Keep))
            };
            if past.iter().any(stood) {
                kept.insert((*rule_set, point));
            }
        }
    }
    Ok(kept)
}

/// For each rule set, those in force with the same egress rules: itself, and at the endpoints that had them those which
/// differ only in ingress, or in what opens for a pod's own sake. None is in force that no endpoint has. Whether an
/// interface has another pod now does not matter: that one has another slot, and flows keep something by their own only.
fn pasts(previous: &MapImage, compiled: &RuleSets, versions: &Versions<'_>) -> BTreeMap<u32, BTreeSet<u32>> {
    let in_force: BTreeSet<u32> = previous.tables.endpoints.values().map(|value| value.rule_set).collect();
    let itself = |id: &u32| in_force.get(id).copied().into_iter().collect();
    let mut pasts: BTreeMap<u32, BTreeSet<u32>> = versions.now.keys().map(|id| (*id, itself(id))).collect();
    for (interface, subject) in &compiled.endpoints {
        let Some(id) = subject.rules.as_ref().and_then(|rules| versions.ids.get(rules)) else { continue };
        let Some(before) = previous.tables.endpoints.get(interface).map(|value| value.rule_set) else {
            continue;
        };
        if versions.has_same_egress(before, *id) {
            pasts.entry(*id).or_default().insert(before);
        }
    }
    pasts
}
