//! Rule sets by id, before and now: made once, for all that asks what has become of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{MapImage, PlanError, classes::Fate};
use crate::compile::{RuleSet, RuleSets};

/// The rule sets of the previous image and of the next one.
pub(super) struct Versions<'a> {
    pub(super) before: BTreeMap<u32, &'a RuleSet>,
    pub(super) now: BTreeMap<u32, &'a RuleSet>,
    /// The ids of the next image.
    pub(super) ids: BTreeMap<&'a RuleSet, u32>,
}

impl<'a> Versions<'a> {
    /// Gives every rule set its id in `image`: equal content keeps its own, but for those of `renewed` (see [`super::renewal`]).
    pub(super) fn new(
        previous: &'a MapImage,
        compiled: &'a RuleSets,
        renewed: &BTreeSet<u32>,
        image: &mut MapImage,
    ) -> Result<Self, PlanError> {
        let wanted: BTreeSet<&RuleSet> =
            compiled.endpoints.values().filter_map(|subject| subject.rules.as_ref()).collect();
        let before: BTreeMap<u32, &RuleSet> =
            previous.rule_sets.iter().map(|(id, rules)| (*id, rules)).collect();
        // Of two with the same content the later one stays.
        let known: BTreeMap<&RuleSet, u32> =
            before.iter().filter(|(id, _)| !renewed.contains(id)).map(|(id, rules)| (*rules, *id)).collect();
        let (mut now, mut ids) = (BTreeMap::new(), BTreeMap::new());
        for rules in wanted {
            let id = match known.get(rules) {
                Some(id) => *id,
                None => image.names.next_rule_set.take_where(|id| !before.contains_key(&id))?,
            };
            image.rule_sets.insert(id, rules.clone());
            now.insert(id, rules);
            ids.insert(rules, id);
        }
        Ok(Self { before, now, ids })
    }

    /// Which of the previous rule sets stay, and which go.
    pub(super) fn fate(&self) -> Fate {
        let (staying, going) = self.before.keys().partition(|id| self.now.contains_key(id));
        Fate { staying, going }
    }

    /// Rule sets that stay, and that at least one endpoint leaves. An endpoint that goes is asked nothing any more.
    pub(super) fn left(&self, previous: &MapImage, compiled: &RuleSets) -> BTreeSet<u32> {
        let mut left = BTreeSet::new();
        for (interface, subject) in &compiled.endpoints {
            if let Some(before) = previous.tables.endpoints.get(interface).map(|value| value.rule_set)
                && let Some(rules) = self.now.get(&before)
                && subject.rules.as_ref() != Some(*rules)
            {
                left.insert(before);
            }
        }
        left
    }

    /// Whether a pod that had one rule set and has the other now opens flows under the same rules. 0 is no rule set.
    pub(super) fn has_same_egress(&self, before: u32, now: u32) -> bool {
        match (self.before.get(&before), self.now.get(&now)) {
            (Some(_), Some(_)) if before == now => true,
            (Some(old), Some(new)) => old.has_egress_of(new),
            (Some(rules), None) | (None, Some(rules)) => rules.egress.is_empty(),
            (None, None) => true,
        }
    }
}
