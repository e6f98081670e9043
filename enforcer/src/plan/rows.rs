//! Rows: what a rule set answers to an address with a given signature, as sorted disjoint intervals of
//! (protocol, destination port).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use enforcer_common::tables::{Interval, Ruling, capacity, point};

use super::{
    PlanError, Suspects,
    image::{Names, RuleName},
    service_rows::{closed, service_row},
};
use crate::{
    compile::{ResolvedPeer, ResolvedPorts, RuleSet, RuleSets, ServicePorts, Signature},
    model::{Direction, NamedPort, ObjectName, Protocol},
};

/// One past the last point: protocol 255, port 65535.
pub(super) const END: u32 = 1 << 24;

/// A row's content, shared by all who have it.
pub(super) type Content = Arc<[Interval]>;

/// Makes rows, each once: two signatures that agree on the peers and named ports of a rule set have one row there.
pub(super) struct RowTable<'a> {
    sides: BTreeMap<(u32, Direction), Side<'a>>,
    services: &'a [ServicePorts],
    /// The rule sets that name a peer.
    by_peer: BTreeMap<usize, BTreeSet<u32>>,
    /// Those with named ports, which an address may resolve.
    named: BTreeSet<u32>,
    /// Those that isolate egress, and so judge what stands behind a virtual address.
    egress: BTreeSet<u32>,
}

/// One direction of a rule set.
pub(super) struct Side<'a> {
    lines: Vec<Line<'a>>,
    peers: BTreeSet<usize>,
    names: BTreeSet<usize>,
    /// (peer, point) that opens for the pod's own sake.
    pub(super) own: BTreeSet<(usize, u32)>,
    pub(super) default_rule: u32,
    policies: BTreeSet<ObjectName>,
    rows: BTreeMap<Seen, Content>,
    /// The same where at most one peer is matched and no name is used: most are so, and found without making a key.
    simple: BTreeMap<Option<usize>, Content>,
}

/// What a rule set sees of a signature.
type Seen = (BTreeSet<usize>, Numbers);

/// What named ports stand for, by their index.
type Numbers = BTreeMap<usize, BTreeSet<u16>>;

/// The distinct peers and names of all rule sets, with their indices.
struct Indices<'a> {
    peers: BTreeMap<&'a ResolvedPeer, usize>,
    names: BTreeMap<&'a NamedPort, usize>,
}

/// One rule. Earlier lines give their name where several allow.
struct Line<'a> {
    rule: u32,
    peers: Option<BTreeSet<usize>>,
    ports: &'a ResolvedPorts,
    names: Vec<(usize, Protocol)>,
}

impl<'a> RowTable<'a> {
    /// Prepares the rows of these rule sets.
    pub(super) fn new(
        rule_sets: &BTreeMap<u32, &'a RuleSet>,
        compiled: &'a RuleSets,
        names: &mut Names,
    ) -> Result<Self, PlanError> {
        let indices = Indices {
            peers: compiled.peers.iter().enumerate().map(|(index, peer)| (peer, index)).collect(),
            names: compiled.names.iter().enumerate().map(|(index, name)| (name, index)).collect(),
        };
        let mut sides = BTreeMap::new();
        for (id, rules) in rule_sets {
            for direction in Direction::ALL.into_iter().filter(|direction| rules.isolates(*direction)) {
                sides.insert((*id, direction), Side::new(rules, direction, &indices, names)?);
            }
        }
        let mut table = Self {
            services: &compiled.services,
            by_peer: BTreeMap::new(),
            named: BTreeSet::new(),
            egress: BTreeSet::new(),
            sides: BTreeMap::new(),
        };
        for ((id, direction), side) in &sides {
            for peer in &side.peers {
                table.by_peer.entry(*peer).or_default().insert(*id);
            }
            if !side.names.is_empty() {
                table.named.insert(*id);
            }
            if *direction == Direction::Egress {
                table.egress.insert(*id);
            }
        }
        table.sides = sides;
        Ok(table)
    }

    /// The rule sets that may say of a signature something else than of an address that nothing matches: all that do, and
    /// perhaps others.
    pub(super) fn telling(&self, signature: &Signature) -> BTreeSet<u32> {
        let mut telling = self.named.clone();
        if signature.service.is_some() {
            telling.extend(&self.egress);
        }
        telling.extend(signature.iter().filter_map(|peer| self.by_peer.get(&peer)).flatten());
        telling
    }

    /// The row of a signature; `None` when the rule set does not isolate the direction.
    pub(super) fn row(
        &mut self,
        rule_set: u32,
        direction: Direction,
        signature: &Signature,
    ) -> Result<Option<Content>, PlanError> {
        let Some(side) = self.sides.get_mut(&(rule_set, direction)) else { return Ok(None) };
        let service = signature.service.and_then(|index| self.services.get(index));
        match (direction, service) {
            // The rules of ingress see who a flow comes from, and a Service opens none.
            (Direction::Ingress, _) | (Direction::Egress, None) => side.row(signature).map(Some),
            (Direction::Egress, Some(service)) => {
                let row = service_row(side, rule_set, signature, service)?;
                side.check(&row, Some(service))?;
                Ok(Some(row))
            }
        }
    }

    /// The ports of a virtual address that the egress rules of a rule set do not open.
    pub(super) fn closed(&mut self, rule_set: u32, signature: &Signature) -> Result<Vec<u32>, PlanError> {
        let side = self.sides.get_mut(&(rule_set, Direction::Egress));
        let service = signature.service.and_then(|index| self.services.get(index));
        match (side, service) {
            (Some(side), Some(service)) => closed(side, signature, service),
            (None, _) | (_, None) => Ok(Vec::new()),
        }
    }
}

impl<'a> Side<'a> {
    fn new(
        rules: &'a RuleSet,
        direction: Direction,
        indices: &Indices<'_>,
        names: &mut Names,
    ) -> Result<Self, PlanError> {
        let policies: Vec<_> = rules.sides(direction).iter().map(|side| side.policy.clone()).collect();
        let isolating = policies.iter().cloned().collect();
        let default_rule = names.rule(RuleName::Isolated { direction, policies }, None)?;
        let mut lines = Vec::new();
        for side in rules.sides(direction) {
            for (at, rule) in side.rules.iter().enumerate() {
                let name = RuleName::Policy { policy: side.policy.clone(), direction, index: at };
                let peers = rule
                    .peers
                    .as_ref()
                    .map(|peers| peers.iter().filter_map(|peer| indices.peers.get(peer).copied()).collect());
                let named = rule.ports.names();
                let named = named.filter_map(|name| Some((*indices.names.get(name)?, name.protocol)));
                lines.push(Line {
                    rule: names.rule(name, Some(rule))?,
                    peers,
                    ports: &rule.ports,
                    names: named.collect(),
                });
            }
        }
        let peers = lines.iter().filter_map(|line| line.peers.as_ref()).flatten().copied().collect();
        let own = rules.own.iter().filter_map(|(address, protocol, port)| {
            let peer = indices.peers.get(&ResolvedPeer::Virtual(*address))?;
            Some((*peer, point(protocol.number(), *port)))
        });
        let own = own.collect();
        let names = lines.iter().flat_map(|line| &line.names).map(|(name, _)| *name).collect();
        Ok(Self {
            lines,
            peers,
            names,
            own,
            default_rule,
            policies: isolating,
            rows: BTreeMap::new(),
            simple: BTreeMap::new(),
        })
    }

    /// The place of a rule among the rules: earlier ones give their name.
    pub(super) fn order(&self, rule: u32) -> usize {
        self.lines.iter().position(|line| line.rule == rule).unwrap_or(usize::MAX)
    }

    /// Refuses a row that the search does not reach to the end of.
    fn check(&self, row: &Content, service: Option<&ServicePorts>) -> Result<(), PlanError> {
        let there = usize::try_from(capacity::ROW_INTERVALS).unwrap_or(usize::MAX);
        if row.len() <= there {
            return Ok(());
        }
        let services = service.iter().flat_map(|service| &service.names).cloned().collect();
        let objects = Suspects { policies: self.policies.clone(), services, ..Suspects::default() };
        Err(PlanError::Row { asked: row.len(), there, objects })
    }

    /// The row of an address, whatever Service stands behind it.
    pub(super) fn row(&mut self, signature: &Signature) -> Result<Content, PlanError> {
        let mut matched = signature.iter().filter(|peer| self.peers.contains(peer));
        let (first, second) = (matched.next(), matched.next());
        if second.is_some() || !self.names.is_empty() {
            return self.row_of(signature);
        }
        if let Some(row) = self.simple.get(&first) {
            return Ok(Arc::clone(row));
        }
        let row = self.row_of(signature)?;
        self.simple.insert(first, Arc::clone(&row));
        Ok(row)
    }

    fn row_of(&mut self, signature: &Signature) -> Result<Content, PlanError> {
        let peers: BTreeSet<usize> = signature.iter().filter(|peer| self.peers.contains(peer)).collect();
        let numbers: Numbers =
            self.names.iter().filter_map(|name| Some((*name, signature.numbers(*name)?.clone()))).collect();
        let seen = (peers, numbers);
        if let Some(row) = self.rows.get(&seen) {
            return Ok(Arc::clone(row));
        }
        let matching = self.lines.iter().filter(|line| match &line.peers {
            None => true,
            Some(peers) => !peers.is_disjoint(&seen.0),
        });
        let row = sweep(matching, &seen.1, self.default_rule);
        self.check(&row, None)?;
        self.rows.insert(seen, Arc::clone(&row));
        Ok(row)
    }
}

/// Sweeps over the points: at each boundary, the earliest line that covers it names the answer.
fn sweep<'a>(lines: impl Iterator<Item = &'a Line<'a>>, numbers: &Numbers, default_rule: u32) -> Content {
    let mut rules = Vec::new();
    // At a point: lines that end there, then lines that begin there.
    let mut edges: BTreeMap<u32, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (order, line) in lines.enumerate() {
        rules.push(line.rule);
        for (first, end) in spans(line, numbers) {
            edges.entry(first).or_default().1.push(order);
            edges.entry(end).or_default().0.push(order);
        }
    }
    let deny = (Ruling::Deny, default_rule);
    let mut row = Vec::new();
    let mut last = None;
    // A line may cover a point by several of its entries.
    let mut active: BTreeMap<usize, usize> = BTreeMap::new();
    edges.entry(0).or_default();
    for (at, (ending, beginning)) in edges {
        for order in ending {
            if let Some(count) = active.get_mut(&order) {
                *count -= 1;
                if *count == 0 {
                    active.remove(&order);
                }
            }
        }
        for order in beginning {
            *active.entry(order).or_insert(0) += 1;
        }
        let answer = active
            .first_key_value()
            .and_then(|(order, _)| rules.get(*order))
            .map_or(deny, |rule| (Ruling::Allow, *rule));
        if at < END && last != Some(answer) {
            row.push(Interval { start: at, ruling: answer.0, rule: answer.1 });
            last = Some(answer);
        }
    }
    row.into()
}

/// The points that the ports of a rule cover, as half-open ranges.
fn spans(line: &Line<'_>, numbers: &Numbers) -> Vec<(u32, u32)> {
    let span = |protocol: Protocol, first, last| {
        (point(protocol.number(), first), point(protocol.number(), last) + 1)
    };
    match line.ports {
        ResolvedPorts::Any => vec![(0, END)],
        ResolvedPorts::Listed { ranges, .. } => {
            let ranges = ranges.iter().map(|range| span(range.protocol, range.first, range.last));
            let named = line.names.iter().flat_map(|(name, protocol)| {
                let ports = numbers.get(name).into_iter().flatten();
                ports.map(|port| span(*protocol, *port, *port))
            });
            ranges.chain(named).collect()
        }
    }
}
