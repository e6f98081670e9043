//! Previous image + rule sets → the next [`MapImage`]; then [`diff()`] → ordered [`MapOp`]s.
//!
//! The order is what makes every step safe (DESIGN section 5): after each single op, every flow gets its old
//! verdict or its new one. For that, classes are refined, not redefined: a class of the next image is a
//! pair of (class in the previous image, signature now), so that rule sets of both images have one answer
//! for it. Two classes that have become equal are merged by a later plan in which no rule set goes.
//!
//! Ids are never given a second meaning while anything may still read the first: equal content keeps its id,
//! other content gets the next free number, and numbers come round only after the whole range was used.

mod capacity;
mod classes;
mod diff;
mod fill;
mod history;
mod ids;
mod image;
mod intervals;
mod kept;
mod renewal;
mod rows;
mod service_rows;
mod side_by_side;
mod suspects;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

use classes::{Classes, Groups, Signatures};
use enforcer_common::tables::{DEFAULT_CLASS, Endpoint, PolicyGeneration, RowKey};
use versions::Versions;

pub use capacity::PlanError;
pub use diff::{MapOp, diff};
pub use fill::Fill;
pub use image::{EndpointImage, MapImage, RuleName, TableImage};
pub use kept::Kept;
pub use suspects::Suspects;

use crate::{
    compile::{RuleSet, RuleSets, Signature},
    model::Direction,
};

/// The next image.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What the tables shall hold.
    pub image: MapImage,
    /// Nothing is left to merge: planning the same input again would change nothing.
    pub settled: bool,
}

/// Plans the next image.
///
/// # Errors
/// When something does not fit, before anything was written; the previous image stays in force.
pub fn plan(previous: &MapImage, compiled: &RuleSets) -> Result<Plan, PlanError> {
    let renewed = renewal::renewed(previous, compiled)?;
    let mut image = MapImage { names: previous.names.clone(), ..MapImage::default() };
    image.names.begin();

    let versions = Versions::new(previous, compiled, &renewed, &mut image)?;
    let fate = versions.fate();

    let mut table = rows::RowTable::new(&versions.now, compiled, &mut image.names)?;
    let nothing = Signature::default();
    let kept = history::remember(previous, compiled, &versions, &mut table)?;
    let groups = Groups::new(previous, Signatures { compiled, kept: &kept, nothing: &nothing });
    let classes = classes::assign(previous, &groups, &mut table, &fate, &mut image.names)?;
    let contents = contents(&versions.now, &classes, &nothing, &mut table)?;
    image.tables.addresses = classes.addresses;
    image.tables.prefixes = classes.prefixes;
    image.services = compiled.services.iter().flat_map(|service| &service.names).cloned().collect();
    intervals::place(previous, &mut image, contents)?;
    endpoints(previous, compiled, &versions, &mut image)?;
    generations(previous, &versions, &mut image);
    image.names.forget();
    capacity::check(previous, &image)?;
    // While rule sets go, equal classes may stay apart; else none do (see `classes::assign`).
    Ok(Plan { image, settled: fate.going.is_empty() })
}

/// One row for every rule set, direction and class whose answer is not the rule set's default.
fn contents(
    rule_sets: &BTreeMap<u32, &RuleSet>,
    classes: &Classes<'_>,
    nothing: &Signature,
    table: &mut rows::RowTable<'_>,
) -> Result<BTreeMap<RowKey, rows::Content>, PlanError> {
    // A rule set asks for a row of its own only where it can tell the class from the rest of the world.
    let mut told: BTreeMap<u32, Vec<(u32, &Signature)>> = BTreeMap::new();
    for (class, signature) in &classes.live {
        for id in table.telling(signature) {
            told.entry(id).or_default().push((*class, signature));
        }
    }
    let mut contents = BTreeMap::new();
    for id in rule_sets.keys() {
        for direction in Direction::ALL {
            let Some(default) = table.row(*id, direction, nothing)? else { continue };
            for (class, signature) in told.get(id).into_iter().flatten() {
                if let Some(row) = table.row(*id, direction, signature)?
                    && row != default
                {
                    contents.insert(RowKey::new(*id, direction.into(), *class), row);
                }
            }
            contents.insert(RowKey::new(*id, direction.into(), DEFAULT_CLASS), default);
        }
    }
    Ok(contents)
}

/// Endpoints keep their slot while interface and pod stay the same; a free slot is the lowest unused one,
/// and goes on counting where it stopped.
fn endpoints(
    previous: &MapImage,
    compiled: &RuleSets,
    versions: &Versions<'_>,
    image: &mut MapImage,
) -> Result<(), PlanError> {
    // A slot that is given back in this plan is not given out in the same one: its old entries must have
    // become stale first.
    let mut used: BTreeSet<u16> = previous.endpoints.values().map(|endpoint| endpoint.slot).collect();
    for (interface, subject) in &compiled.endpoints {
        let slot = match previous.endpoints.get(interface) {
            Some(old) if old.pod == subject.pod => old.slot,
            Some(_) | None => {
                let slot =
                    (0..capacity::SLOTS).find(|slot| !used.contains(slot)).ok_or(PlanError::Capacity {
                        table: "ENDPOINTS",
                        asked: compiled.endpoints.len(),
                        there: usize::from(capacity::SLOTS),
                        objects: Suspects { pods: [subject.pod.clone()].into(), ..Suspects::default() },
                    })?;
                used.insert(slot);
                slot
            }
        };
        let rule_set = subject.rules.as_ref().and_then(|rules| versions.ids.get(rules)).copied().unwrap_or(0);
        let isolates = |direction| subject.rules.as_ref().is_some_and(|rules| rules.isolates(direction));
        let value = Endpoint {
            rule_set,
            slot,
            isolates_ingress: isolates(Direction::Ingress),
            isolates_egress: isolates(Direction::Egress),
            any_source: subject.any_source,
            dhcp: subject.dhcp,
        };
        image.tables.endpoints.insert(*interface, value);
        image.tables.own.extend(subject.addresses.iter().map(|address| (*interface, *address)));
        image.tables.own_prefixes.extend(subject.prefixes.iter().map(|prefix| (*interface, *prefix)));
        let (pod, identity) = (subject.pod.clone(), subject.identity.clone());
        image.endpoints.insert(*interface, EndpointImage { pod, identity, slot });
    }
    Ok(())
}

/// Moves on the generation of every slot whose verdicts may have changed. By two: the first step takes
/// effect at once, the second when every program that ran at the first has ended.
fn generations(previous: &MapImage, versions: &Versions<'_>, image: &mut MapImage) {
    image.tables.generations = previous.tables.generations.clone();
    let moved = diff::moves(&previous.tables, &image.tables);
    let mut touched = previous.owed.clone();
    for (interface, endpoint) in &image.tables.endpoints {
        let old = previous.tables.endpoints.get(interface);
        let row_changed = |direction: Direction| {
            let (old, new) = (&previous.tables, &image.tables);
            moved.iter().any(|(from, to)| {
                let before = old.row(endpoint.rule_set, direction.into(), *from);
                let now = new.row(endpoint.rule_set, direction.into(), *to);
                // Nothing is written in a place that is in use.
                before != now && before.map(|row| old.content(row)) != now.map(|row| new.content(row))
            })
        };
        let own = |tables: &TableImage| {
            let of = (*interface, std::net::IpAddr::from([0; 4]))..;
            let addresses = tables.own.range(of).take_while(|(at, _)| at == interface).copied();
            let prefixes = tables.own_prefixes.iter().filter(|(at, _)| at == interface).copied();
            (addresses.collect::<Vec<_>>(), prefixes.collect::<Vec<_>>())
        };
        if old != Some(endpoint)
            || own(&previous.tables) != own(&image.tables)
            || Direction::ALL.into_iter().any(row_changed)
        {
            touched.insert(endpoint.slot);
        }
    }
    let kept: BTreeSet<u16> = image.endpoints.values().map(|endpoint| endpoint.slot).collect();
    touched.extend(previous.endpoints.values().map(|old| old.slot).filter(|slot| !kept.contains(slot)));
    for slot in touched {
        let generation = image.tables.generations.entry(slot).or_insert(0);
        *generation = generation.wrapping_add(2);
    }
    policy_generations(previous, versions, image);
}

/// From which generation on each endpoint has its egress policies. A flow to a Service may outlive the Service's
/// endpoints only if it was judged under the policies in force (DESIGN 3.8).
fn policy_generations(previous: &MapImage, versions: &Versions<'_>, image: &mut MapImage) {
    image.tables.policy_generations = previous.tables.policy_generations.clone();
    for (interface, endpoint) in &image.tables.endpoints {
        let slot = endpoint.slot;
        let cells = &previous.tables.policy_generations;
        let half_of = |rule_set| {
            [false, true]
                .into_iter()
                .find(|half| cells.get(&(slot, *half)).is_some_and(|cell| cell.rule_set == rule_set))
        };
        let before = previous.tables.endpoints.get(interface).filter(|before| before.slot == slot);
        let current = before.and_then(|before| half_of(before.rule_set));
        let known = current.and_then(|half| cells.get(&(slot, half)));
        let unchanged = before.is_some_and(|it| versions.has_same_egress(it.rule_set, endpoint.rule_set));
        let since = match known {
            Some(known) if unchanged => known.since,
            Some(_) | None => image.tables.generations.get(&slot).copied().unwrap_or(0),
        };
        // Never in the place of what the endpoint has now.
        let half = half_of(endpoint.rule_set).unwrap_or_else(|| current == Some(false));
        let policies = PolicyGeneration { rule_set: endpoint.rule_set, since };
        image.tables.policy_generations.insert((slot, half), policies);
    }
}
