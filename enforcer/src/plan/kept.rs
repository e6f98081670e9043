//! What an image holds beside the tables, in a form that can be kept in a file; and an image from the tables as they
//! were found and what was kept.
//!
//! It is kept *before* the writes that it is about, and speaks of the image before them and of the one after. So it fits
//! the tables whichever of the writes were made: the tables say which rule sets, endpoints and generations there are, and
//! what was kept says what they are. What the tables have and nobody knows is not trusted: a rule set whose content
//! is unknown equals none, so that nobody keeps it, and an endpoint whose pod is unknown gets a slot of its own, so that
//! its flows are judged again.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use enforcer_common::tables::{DEFAULT_CLASS, RowKey};

use super::{EndpointImage, MapImage, RuleName, TableImage, image::Names};
use crate::{
    compile::{PolicySide, ResolvedRule, RuleSet, VirtualPoints},
    model::{Direction, Identity, ObjectName},
};

/// The names and contents behind the numbers in the tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub struct Kept {
    /// By interface index; an interface that has got another pod is there twice, with two slots.
    endpoints: Vec<(u32, EndpointImage)>,
    /// Each once, since many rule sets share one.
    sides: Vec<Arc<PolicySide>>,
    rule_sets: BTreeMap<u32, Outline>,
    services: BTreeSet<ObjectName>,
    rules: BTreeMap<u32, Arc<RuleName>>,
    /// Ids of the rules in use, with the side that each stands in; none for "no rule".
    ids: BTreeMap<u32, Option<usize>>,
    /// The last rule, rule set and class that were given out.
    last: [u32; 3],
    /// As they will be.
    generations: BTreeMap<u16, u32>,
}

/// A rule set whose sides are told by their index.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
struct Outline {
    ingress: Vec<usize>,
    egress: Vec<usize>,
    own: VirtualPoints,
}

impl Kept {
    /// What has to be known whichever of the writes between two images are made.
    #[must_use]
    pub fn of(previous: &MapImage, next: &MapImage) -> Self {
        let (mut sides, mut places) = (Vec::new(), BTreeMap::new());
        let mut place = |side: &Arc<PolicySide>| {
            *places.entry(Arc::clone(side)).or_insert_with(|| {
                sides.push(Arc::clone(side));
                sides.len() - 1
            })
        };
        let mut rule_sets = BTreeMap::new();
        for (id, rules) in previous.rule_sets.iter().chain(&next.rule_sets) {
            let ingress = rules.ingress.iter().map(&mut place).collect();
            let egress = rules.egress.iter().map(&mut place).collect();
            rule_sets.insert(*id, Outline { ingress, egress, own: rules.own.clone() });
        }
        let mut endpoints: Vec<(u32, EndpointImage)> = Vec::new();
        for (interface, endpoint) in previous.endpoints.iter().chain(&next.endpoints) {
            let known = (*interface, endpoint.clone());
            if !endpoints.contains(&known) {
                endpoints.push(known);
            }
        }
        let ids = ids(&sides, &next.names);
        let names = &next.names;
        Self {
            endpoints,
            sides,
            rule_sets,
            services: previous.services.union(&next.services).cloned().collect(),
            rules: names.rules.clone(),
            ids,
            last: [names.next_rule.last(), names.next_rule_set.last(), names.next_class.last()],
            generations: next.tables.generations.clone(),
        }
    }

    fn rule_set(&self, id: u32) -> Option<RuleSet> {
        let outline = self.rule_sets.get(&id)?;
        let sides = |places: &[usize]| {
            places.iter().map(|place| self.sides.get(*place).cloned()).collect::<Option<_>>()
        };
        Some(RuleSet {
            ingress: sides(&outline.ingress)?,
            egress: sides(&outline.egress)?,
            own: outline.own.clone(),
        })
    }

    fn names(&self) -> Names {
        let mut names = Names { rules: self.rules.clone(), ..Names::default() };
        for (id, side) in &self.ids {
            let Some(name) = self.rules.get(id) else { continue };
            let content = match (name.as_ref(), side.and_then(|side| self.sides.get(side))) {
                (RuleName::Policy { index, .. }, Some(side)) => match side.rules.get(*index) {
                    Some(rule) => Some(rule.clone()),
                    None => continue,
                },
                (RuleName::Isolated { .. }, None) => None,
                (RuleName::Policy { .. }, None) | (RuleName::Isolated { .. }, Some(_)) => continue,
            };
            names.rule_ids.insert((name.as_ref().clone(), content), *id);
            names.asked.insert(*id);
        }
        let [rule, rule_set, class] = self.last;
        names.next_rule.resume([rule]);
        names.next_rule_set.resume([rule_set]);
        names.next_class.resume([class]);
        names
    }
}

/// The ids of the rules in use, each with a side that it stands in.
fn ids(sides: &[Arc<PolicySide>], names: &Names) -> BTreeMap<u32, Option<usize>> {
    let mut places: BTreeMap<(&ObjectName, usize, &ResolvedRule), usize> = BTreeMap::new();
    for (place, side) in sides.iter().enumerate() {
        places.extend(side.rules.iter().enumerate().map(|(at, rule)| ((&side.policy, at, rule), place)));
    }
    let mut ids = BTreeMap::new();
    for ((name, content), id) in &names.rule_ids {
        match (name, content) {
            (RuleName::Policy { policy, index, .. }, Some(rule)) => {
                ids.extend(places.get(&(policy, *index, rule)).map(|place| (*id, Some(*place))));
            }
            (RuleName::Isolated { .. }, None) => drop(ids.insert(*id, None)),
            (RuleName::Policy { .. }, None) | (RuleName::Isolated { .. }, Some(_)) => {}
        }
    }
    ids
}

impl MapImage {
    /// The image of tables as they were found, when no program runs any more that began before the last write to
    /// them. What was kept is of the last writes, made or not.
    #[must_use]
    pub fn adopt(tables: TableImage, kept: Option<&Kept>) -> Self {
        let mut names = kept.map(Kept::names).unwrap_or_default();
        // What is in the tables was given out, whatever is known of it.
        names.next_rule.resume(tables.intervals.values().map(|interval| interval.rule));
        names.next_rule_set.resume(rule_sets(&tables));
        let classes = tables.addresses.values().chain(tables.prefixes.values()).copied();
        names.next_class.resume(classes.chain(tables.rows.keys().map(|key| key.class_direction >> 1)));
        let pod = |interface: u32, slot: u16| {
            let mut known = kept.iter().flat_map(|kept| &kept.endpoints);
            known.find(|(at, endpoint)| *at == interface && endpoint.slot == slot)
        };
        let endpoints = tables.endpoints.iter().map(|(interface, value)| {
            let unknown =
                EndpointImage { pod: ObjectName::default(), identity: Identity::Known, slot: value.slot };
            let known = pod(*interface, value.slot).map(|(_, endpoint)| endpoint.clone());
            (*interface, known.unwrap_or(unknown))
        });
        let content =
            |id: u32| kept.and_then(|kept| kept.rule_set(id)).unwrap_or_else(|| unknown(&tables, id));
        let generations = kept.iter().flat_map(|kept| &kept.generations);
        let behind = generations.filter(|(slot, wanted)| tables.generations.get(slot) != Some(wanted));
        Self {
            endpoints: endpoints.collect(),
            rule_sets: rule_sets(&tables).into_iter().map(|id| (id, content(id))).collect(),
            services: kept.map(|kept| kept.services.clone()).unwrap_or_default(),
            names,
            retired: BTreeMap::new(),
            owed: behind.map(|(slot, _)| *slot).collect(),
            tables,
        }
    }

    /// Keeps slots from being given out in the next plan, and has their generations move on with it: other programs may
    /// still know endpoints by them.
    pub fn set_aside(&mut self, slots: impl IntoIterator<Item = u16>) {
        let used: BTreeSet<u16> = self.endpoints.values().map(|endpoint| endpoint.slot).collect();
        for slot in slots.into_iter().filter(|slot| !used.contains(slot)) {
            // No interface has such an index, so the tables know nothing of it.
            let endpoint = EndpointImage { pod: ObjectName::default(), identity: Identity::Known, slot };
            self.endpoints.insert(u32::MAX - u32::from(slot), endpoint);
        }
    }
}

/// The rule sets that the tables speak of.
fn rule_sets(tables: &TableImage) -> BTreeSet<u32> {
    let of_rows = tables.rows.keys().map(|key| key.rule_set);
    let of_endpoints = tables.endpoints.values().map(|endpoint| endpoint.rule_set);
    of_rows.chain(of_endpoints).filter(|id| *id != 0).collect()
}

/// Stands for a rule set of which only the rows are known: it equals none that is compiled.
fn unknown(tables: &TableImage, id: u32) -> RuleSet {
    let policy = ObjectName::new(String::new(), format!("rule set {id}"));
    let side = Arc::new(PolicySide { policy, rules: Vec::new() });
    let isolates =
        |direction: Direction| tables.rows.contains_key(&RowKey::new(id, direction.into(), DEFAULT_CLASS));
    let sides = |direction| if isolates(direction) { vec![Arc::clone(&side)] } else { Vec::new() };
    let rules = RuleSet {
        ingress: sides(Direction::Ingress),
        egress: sides(Direction::Egress),
        own: VirtualPoints::new(),
    };
    if rules == RuleSet::default() {
        RuleSet { ingress: vec![Arc::clone(&side)], egress: vec![side], ..rules }
    } else {
        rules
    }
}
