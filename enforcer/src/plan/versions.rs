//! Rule sets by id, before and now: made once, for all that asks what has become of them.

use std::collections::{BTreeMap, BTreeSet};

use super::{MapImage, PlanError, classes::Fate};
use crate::compile::{RuleSet, RuleSets};

/// The rule sets of the previous image and of the next one.
pub(super) struct Versions<'a> {
    pub(super) before: BTreeMap<u32, &'a RuleSet>,
    pub(super) now: BTreeMap<u32, &'a RuleSet>,
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
        let mut now = BTreeMap::new();
        for rules in wanted {
            let id = match previous.rule_sets.get(rules) {
                Some(id) if !renewed.contains(id) => *id,
                Some(_) | None => image.names.next_rule_set.take(&previous.rule_sets)?,
            };
            image.rule_sets.insert(rules.clone(), id);
            now.insert(id, rules);
        }
        let before = previous.rule_sets.iter().map(|(rules, id)| (*id, rules)).collect();
        Ok(Self { before, now })
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
