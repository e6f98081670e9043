//! What virtual addresses remember: a flow to a Service is asked for again only when policies change, never because
//! its endpoints changed (DESIGN 3.8). So a port that the rules opened once, and under the same policies open no more,
//! is closed to new flows and kept for those that are there.
//!
//! The memory is the tables themselves: a port that allows or keeps in the previous image is kept in the next. It
//! needs nothing beside them, also when they are read back. The kept ports go into the signature, so that two
//! virtual addresses with different pasts are of different classes.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use enforcer_common::{Direction, tables::Ruling};

use super::{MapImage, PlanError, rows::RowTable};
use crate::compile::{RuleSet, RuleSets, Signature};

/// The signatures of addresses, with what the virtual ones keep.
pub(super) fn remember(
    previous: &MapImage,
    compiled: &RuleSets,
    rule_sets: &BTreeMap<u32, &RuleSet>,
    table: &mut RowTable<'_>,
) -> Result<BTreeMap<IpAddr, Signature>, PlanError> {
    let pasts = pasts(previous, compiled, rule_sets);
    // Equal Services of one class have one past.
    let mut known: BTreeMap<(u32, &Signature), BTreeSet<(u32, u32)>> = BTreeMap::new();
    let mut addresses = compiled.addresses.clone();
    for (address, signature) in compiled.addresses.iter().filter(|(_, its)| its.service.is_some()) {
        let class = previous.tables.class(*address);
        let kept = match known.get(&(class, signature)) {
            Some(kept) => kept.clone(),
            None => {
                let kept = kept(previous, class, signature, &pasts, table)?;
                known.insert((class, signature), kept.clone());
                kept
            }
        };
        if let Some(signature) = addresses.get_mut(address) {
            signature.kept = kept;
        }
    }
    Ok(addresses)
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
/// differ only in ingress, or in what opens for a pod's own sake. None is in force that no endpoint has.
fn pasts(
    previous: &MapImage,
    compiled: &RuleSets,
    rule_sets: &BTreeMap<u32, &RuleSet>,
) -> BTreeMap<u32, BTreeSet<u32>> {
    let in_force: BTreeSet<u32> = previous.tables.endpoints.values().map(|value| value.rule_set).collect();
    let by_content: BTreeMap<&RuleSet, u32> = rule_sets.iter().map(|(id, rules)| (*rules, *id)).collect();
    let old: BTreeMap<u32, &RuleSet> = previous.rule_sets.iter().map(|(rules, id)| (*id, rules)).collect();
    let mut pasts: BTreeMap<u32, BTreeSet<u32>> =
        rule_sets.keys().map(|id| (*id, in_force.get(id).copied().into_iter().collect())).collect();
    for (interface, subject) in &compiled.endpoints {
        let Some(rules) = &subject.rules else { continue };
        let Some(id) = by_content.get(rules) else { continue };
        let Some(before) = previous.tables.endpoints.get(interface).map(|value| value.rule_set) else {
            continue;
        };
        let is_same_pod = previous.endpoints.get(interface).is_some_and(|old| old.pod == subject.pod);
        if is_same_pod && old.get(&before).is_some_and(|old| old.has_egress_of(rules)) {
            pasts.entry(*id).or_default().insert(before);
        }
    }
    pasts
}
