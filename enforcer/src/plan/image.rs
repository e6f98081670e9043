//! What the kernel's tables hold, and the names behind their numbers.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
    sync::Arc,
};

use enforcer_common::tables::{DEFAULT_CLASS, Endpoint, Interval, PolicyGeneration, Row, RowKey, Ruling};
use ipnet::IpNet;

use super::{MapOp, ids::Sequence};
use crate::{
    compile::{PolicySide, ResolvedRule, RuleSet},
    model::{Direction, Identity, ObjectName},
    prefix,
};

/// The tables and everything that planning the next image needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MapImage {
    /// The kernel's side.
    pub tables: TableImage,
    /// By interface index.
    pub endpoints: BTreeMap<u32, EndpointImage>,
    /// The rule sets in use, by id. Two have the same content only after writes that failed: one that was to be renewed
    /// still has endpoints.
    pub rule_sets: BTreeMap<u32, RuleSet>,
    /// The Services behind virtual addresses.
    pub services: BTreeSet<ObjectName>,
    /// Names and counters of the other ids.
    pub names: Names,
    /// Intervals that were in use in an earlier image, by start, with their number: not to be written again
    /// before [`MapImage::release`].
    pub retired: BTreeMap<u32, u32>,
    /// Slots whose generation still has to move on, because the writes that were to end with it failed.
    pub owed: BTreeSet<u16>,
}

/// Whose an endpoint is.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub struct EndpointImage {
    /// The pod.
    pub pod: ObjectName,
    /// Which pod of this name.
    pub identity: Identity,
    /// Its generation slot.
    pub slot: u16,
}

/// The content of the kernel's tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TableImage {
    /// By interface index.
    pub endpoints: BTreeMap<u32, Endpoint>,
    /// Own addresses of endpoints, by interface index.
    pub own: BTreeSet<(u32, IpAddr)>,
    /// Own prefixes of endpoints, by interface index.
    pub own_prefixes: BTreeSet<(u32, IpNet)>,
    /// Classes of single addresses.
    pub addresses: BTreeMap<IpAddr, u32>,
    /// Classes of prefixes.
    pub prefixes: BTreeMap<IpNet, u32>,
    /// Where rows lie.
    pub rows: BTreeMap<RowKey, Row>,
    /// Intervals by index.
    pub intervals: BTreeMap<u32, Interval>,
    /// By slot; a slot that is not there is at 0.
    pub generations: BTreeMap<u16, u32>,
    /// By slot, two each: from which generation on its endpoint has had the egress policies of a rule set.
    pub policy_generations: BTreeMap<(u16, bool), PolicyGeneration>,
}

/// What a rule id stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "agent", derive(serde::Serialize, serde::Deserialize))]
pub enum RuleName {
    /// A rule of a policy.
    Policy {
        /// The policy.
        policy: ObjectName,
        /// The list that the rule stands in.
        direction: Direction,
        /// Its index in that list.
        index: usize,
    },
    /// No rule matched: the policies that isolate the pod in this direction.
    Isolated {
        /// The direction.
        direction: Direction,
        /// The isolating policies, by name.
        policies: Vec<ObjectName>,
    },
}

impl fmt::Display for RuleName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy { policy, direction, index } => {
                write!(f, "NetworkPolicy {policy} {direction}[{index}]")
            }
            Self::Isolated { direction, policies } => {
                let names: Vec<String> = policies.iter().map(ToString::to_string).collect();
                write!(f, "no {direction} rule of {}", names.join(", "))
            }
        }
    }
}

/// Ids of rules, and where the sequences stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    pub(super) rule_ids: BTreeMap<(RuleName, Option<ResolvedRule>), u32>,
    pub(super) rules: BTreeMap<u32, Arc<RuleName>>,
    /// Those that the plan under way, or the last one, has use for.
    pub(super) asked: BTreeSet<u32>,
    pub(super) next_rule: Sequence,
    pub(super) next_rule_set: Sequence,
    pub(super) next_class: Sequence,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            rule_ids: BTreeMap::new(),
            rules: BTreeMap::new(),
            asked: BTreeSet::new(),
            next_rule: Sequence::new("rule", Interval::RULES),
            next_rule_set: Sequence::new("rule set", u32::MAX),
            next_class: Sequence::new("class", 1 << 31),
        }
    }
}

impl Names {
    /// The id of a rule. Its content counts: a rule that was put in another's place is another rule.
    pub(super) fn rule(
        &mut self,
        name: RuleName,
        content: Option<&ResolvedRule>,
    ) -> Result<u32, super::PlanError> {
        let key = (name, content.cloned());
        if let Some(id) = self.rule_ids.get(&key) {
            self.asked.insert(*id);
            return Ok(*id);
        }
        let rules = &self.rules;
        let id = self.next_rule.take_where(|number| !rules.contains_key(&number))?;
        self.asked.insert(id);
        self.rules.insert(id, Arc::new(key.0.clone()));
        self.rule_ids.insert(key, id);
        Ok(id)
    }

    /// What rule ids stand for; also for a while after a rule has gone, so that late events have names.
    #[must_use]
    pub fn rule_names(&self) -> &BTreeMap<u32, Arc<RuleName>> {
        &self.rules
    }

    /// Begins a plan: no rule is asked for yet.
    pub(super) fn begin(&mut self) {
        self.asked.clear();
    }

    /// Forgets ids that this plan did not ask for. Their names stay readable for events that are on their
    /// way: the newest of them, as many as there are live ones and some.
    pub(super) fn forget(&mut self) {
        let asked = &self.asked;
        self.rule_ids.retain(|_, id| asked.contains(id));
        let gone: Vec<u32> = self.rules.keys().filter(|id| !asked.contains(id)).copied().collect();
        let spare = 1024 + asked.len();
        for id in gone.iter().take(gone.len().saturating_sub(spare)) {
            self.rules.remove(id);
        }
    }
}

impl MapImage {
    /// All sides of policies in use.
    #[must_use]
    pub fn policies(&self) -> BTreeSet<&PolicySide> {
        let sides = self.rule_sets.values().flat_map(|rules| rules.ingress.iter().chain(&rules.egress));
        sides.map(AsRef::as_ref).collect()
    }

    /// What is in force after only the first `done` of the writes towards `planned`: the next plan starts from
    /// there. What either image knows counts as given out, nothing that was in use is written over, and
    /// the generations that did not move on are owed.
    pub fn recover(&mut self, planned: Self, ops: &[MapOp], done: usize) {
        let rows = |tables: &TableImage| -> BTreeMap<u32, u32> {
            tables.rows.values().map(|row| (row.start, row.len)).collect()
        };
        self.retired.extend(planned.retired);
        self.retired.extend(rows(&self.tables));
        for op in ops.iter().take(done) {
            self.tables.apply(op);
        }
        let generations = &planned.tables.generations;
        let behind =
            generations.iter().filter(|(slot, wanted)| self.tables.generations.get(slot) != Some(wanted));
        self.owed.extend(behind.map(|(slot, _)| *slot));
        let live = rows(&self.tables);
        self.retired.retain(|start, _| !live.contains_key(start));
        for (interface, endpoint) in planned.endpoints {
            let written = self.tables.endpoints.get(&interface).map(|value| value.slot);
            if written == Some(endpoint.slot) {
                self.endpoints.insert(interface, endpoint);
            }
        }
        self.rule_sets.extend(planned.rule_sets);
        self.services.extend(planned.services);
        self.names = planned.names;
    }

    /// To be called when every program that ran at the last write has ended: what was retired may be used again.
    pub fn release(&mut self) {
        self.retired.clear();
    }
}

impl TableImage {
    /// The class of a remote address, as the kernel finds it.
    #[must_use]
    pub fn class(&self, address: IpAddr) -> u32 {
        self.addresses
            .get(&address)
            .or_else(|| prefix::longest(&self.prefixes, address))
            .copied()
            .unwrap_or(DEFAULT_CLASS)
    }

    /// What the row of a class says at a point; `None` when there is no row.
    #[must_use]
    pub fn ruling(
        &self,
        rule_set: u32,
        direction: enforcer_common::Direction,
        class: u32,
        point: u32,
    ) -> Option<Ruling> {
        let row = self.row(rule_set, direction, class)?;
        // The last step that starts at the point or before it; the first starts at 0.
        let (mut found, mut rest) = (row.start, row.len);
        while rest > 1 {
            let half = rest / 2;
            if self.intervals.get(&(found + half))?.start <= point {
                found += half;
            }
            rest -= half;
        }
        self.intervals.get(&found).map(|step| step.ruling)
    }

    /// Whether an address is an endpoint's own.
    #[must_use]
    pub fn is_own(&self, interface: u32, address: IpAddr) -> bool {
        let holds = |(_, net): &(u32, IpNet)| net.contains(&address);
        let of_interface = self.own_prefixes.iter().filter(|(at, _)| *at == interface);
        self.own.contains(&(interface, address)) || of_interface.into_iter().any(holds)
    }

    /// The row of a class, or the default row.
    #[must_use]
    pub fn row(&self, rule_set: u32, direction: enforcer_common::Direction, class: u32) -> Option<Row> {
        self.rows
            .get(&RowKey::new(rule_set, direction, class))
            .or_else(|| self.rows.get(&RowKey::new(rule_set, direction, DEFAULT_CLASS)))
            .copied()
    }

    /// The intervals of the row of a class.
    #[must_use]
    pub fn row_content(
        &self,
        rule_set: u32,
        direction: enforcer_common::Direction,
        class: u32,
    ) -> Option<Vec<Interval>> {
        self.row(rule_set, direction, class).map(|row| self.content(row))
    }

    /// Whether these are the intervals of the row of a class; `None` is no row.
    pub(super) fn row_is(
        &self,
        rule_set: u32,
        direction: enforcer_common::Direction,
        class: u32,
        intervals: Option<&[Interval]>,
    ) -> bool {
        match (self.row(rule_set, direction, class), intervals) {
            (Some(row), Some(intervals)) => self
                .intervals
                .range(row.start..row.start + row.len)
                .map(|(_, interval)| interval)
                .eq(intervals),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }

    /// The intervals of a row.
    #[must_use]
    pub fn content(&self, row: Row) -> Vec<Interval> {
        self.intervals.range(row.start..row.start + row.len).map(|(_, interval)| *interval).collect()
    }

    /// Does to this image what the kernel does to its tables.
    pub fn apply(&mut self, op: &MapOp) {
        match op {
            MapOp::WriteIntervals { start, intervals } => {
                for (index, interval) in (*start..).zip(intervals) {
                    self.intervals.insert(index, *interval);
                }
            }
            MapOp::SetRow { key, row } => {
                self.rows.insert(*key, *row);
            }
            MapOp::DeleteRow { key } => {
                self.rows.remove(key);
            }
            MapOp::SetAddress { address, class } => {
                self.addresses.insert(*address, *class);
            }
            MapOp::DeleteAddress { address } => {
                self.addresses.remove(address);
            }
            MapOp::SetPrefix { prefix, class } => {
                self.prefixes.insert(*prefix, *class);
            }
            MapOp::DeletePrefix { prefix } => {
                self.prefixes.remove(prefix);
            }
            MapOp::SetOwn { interface, address } => {
                self.own.insert((*interface, *address));
            }
            MapOp::DeleteOwn { interface, address } => {
                self.own.remove(&(*interface, *address));
            }
            MapOp::SetOwnPrefix { interface, prefix } => {
                self.own_prefixes.insert((*interface, *prefix));
            }
            MapOp::DeleteOwnPrefix { interface, prefix } => {
                self.own_prefixes.remove(&(*interface, *prefix));
            }
            MapOp::SetEndpoint { interface, endpoint } => {
                self.endpoints.insert(*interface, *endpoint);
            }
            MapOp::DeleteEndpoint { interface } => {
                self.endpoints.remove(interface);
            }
            MapOp::SetGeneration { slot, generation } => {
                self.generations.insert(*slot, *generation);
            }
            MapOp::SetPolicyGeneration { slot, half, policies } => {
                self.policy_generations.insert((*slot, *half), *policies);
            }
            MapOp::Grace => {}
        }
    }
}
