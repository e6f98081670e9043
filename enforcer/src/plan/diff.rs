//! Two images → the ordered writes that lead from one to the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use enforcer_common::{
    Direction,
    tables::{DEFAULT_CLASS, Endpoint, Interval, PolicyGeneration, Row, RowKey},
};
use ipnet::IpNet;

use super::{MapImage, TableImage, side_by_side::side_by_side};
use crate::prefix;

/// One write to the kernel's tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MapOp {
    /// Writes intervals to places that nothing reads.
    WriteIntervals {
        /// The first place.
        start: u32,
        /// What to write.
        intervals: Vec<Interval>,
    },
    /// Sets a row.
    SetRow {
        /// Its key.
        key: RowKey,
        /// Where it lies.
        row: Row,
    },
    /// Deletes a row.
    DeleteRow {
        /// Its key.
        key: RowKey,
    },
    /// Sets the class of an address.
    SetAddress {
        /// The address.
        address: IpAddr,
        /// Its class.
        class: u32,
    },
    /// Leaves an address to its prefix.
    DeleteAddress {
        /// The address.
        address: IpAddr,
    },
    /// Sets the class of a prefix.
    SetPrefix {
        /// The prefix.
        prefix: IpNet,
        /// Its class.
        class: u32,
    },
    /// Leaves a prefix to the next shorter one.
    DeletePrefix {
        /// The prefix.
        prefix: IpNet,
    },
    /// Makes an address an endpoint's own.
    SetOwn {
        /// The endpoint's interface index.
        interface: u32,
        /// The address.
        address: IpAddr,
    },
    /// Takes an address from an endpoint.
    DeleteOwn {
        /// The endpoint's interface index.
        interface: u32,
        /// The address.
        address: IpAddr,
    },
    /// Makes every address of a prefix an endpoint's own.
    SetOwnPrefix {
        /// The endpoint's interface index.
        interface: u32,
        /// The prefix.
        prefix: IpNet,
    },
    /// Takes a prefix from an endpoint.
    DeleteOwnPrefix {
        /// The endpoint's interface index.
        interface: u32,
        /// The prefix.
        prefix: IpNet,
    },
    /// Sets an endpoint.
    SetEndpoint {
        /// Its interface index.
        interface: u32,
        /// Its value.
        endpoint: Endpoint,
    },
    /// Deletes an endpoint.
    DeleteEndpoint {
        /// Its interface index.
        interface: u32,
    },
    /// Sets from which generation on a slot's endpoint has the policies of a rule set: what was judged before has nothing
    /// to keep under it.
    SetPolicyGeneration {
        /// The slot.
        slot: u16,
        /// Which of the slot's two.
        half: bool,
        /// The rule set and the generation.
        policies: PolicyGeneration,
    },
    /// Sets the generation of a slot: entries of every other generation are stale.
    SetGeneration {
        /// The slot.
        slot: u16,
        /// The generation.
        generation: u32,
    },
    /// Not a write: wait until every program that runs now has ended.
    Grace,
}

/// The writes that lead from `old` to `new`, in the order of DESIGN section 5.
#[must_use]
pub fn diff(old: &MapImage, new: &MapImage) -> Vec<MapOp> {
    let mut ops = Vec::new();
    let passing = rows(old, new, &mut ops);
    cells(&old.tables, &new.tables, &mut ops);
    let taken = endpoints(&old.tables, &new.tables, &mut ops);
    generations(&old.tables, &new.tables, taken, &mut ops);
    deletes(&old.tables, &new.tables, &passing, &mut ops);
    ops
}

/// Cells that change their class: from which to which, each pair once.
pub(super) fn moves(old: &TableImage, new: &TableImage) -> BTreeSet<(u32, u32)> {
    let covering = |tables: &TableImage, net: &IpNet| {
        prefix::covering(&tables.prefixes, *net).copied().unwrap_or(DEFAULT_CLASS)
    };
    let class = |tables: &TableImage, address: &IpAddr, own: Option<&u32>| {
        own.copied().unwrap_or_else(|| tables.class(*address))
    };
    let nets = old.prefixes.keys().chain(new.prefixes.keys());
    side_by_side(&old.addresses, &new.addresses)
        .filter(|(_, before, now)| before != now)
        .map(|(address, before, now)| (class(old, &address, before), class(new, &address, now)))
        .chain(nets.map(|net| (covering(old, net), covering(new, net))))
        .filter(|(from, to)| from != to)
        .collect()
}

/// Step 1: rows for every pair of (old or new rule set) and class that addresses will have. Returns the keys
/// of rows that are in neither image: what the rule sets that go say of the classes that come.
fn rows(old: &MapImage, new: &MapImage, ops: &mut Vec<MapOp>) -> BTreeSet<RowKey> {
    let changed = side_by_side(&old.tables.rows, &new.tables.rows).filter(|(_, before, now)| before != now);
    let mut set: Vec<(RowKey, Row)> = changed.filter_map(|(key, _, now)| Some((key, *now?))).collect();
    let passing = passing(old, new);
    set.extend(passing.iter().map(|(key, row)| (*key, *row)));
    let mut written = BTreeSet::new();
    for (_, row) in &set {
        let intervals = new.tables.content(*row);
        if old.tables.content(*row) != intervals && !intervals.is_empty() && written.insert(row.start) {
            ops.push(MapOp::WriteIntervals { start: row.start, intervals });
        }
    }
    for (key, row) in set {
        ops.push(MapOp::SetRow { key, row });
        // Rows have no room to prove whose they are. (Only after writes that failed is one overwritten.)
        if old.tables.rows.contains_key(&key) {
            ops.push(MapOp::Grace);
        }
    }
    passing.into_keys().collect()
}

/// What the rule sets that go say, until they have gone, of the classes that come: what they said of the one that
/// its addresses had.
pub(super) fn passing(old: &MapImage, new: &MapImage) -> BTreeMap<RowKey, Row> {
    let mut passing = BTreeMap::new();
    let mut going = old.rule_sets.keys().filter(|id| !new.rule_sets.contains_key(id)).peekable();
    // Most changes have none, and need not look at every address for it.
    if going.peek().is_none() {
        return passing;
    }
    let moves = moves(&old.tables, &new.tables);
    for rule_set in going {
        for (from, to) in &moves {
            for direction in [Direction::Ingress, Direction::Egress] {
                if let Some(row) = old.tables.row(*rule_set, direction, *from)
                    && old.tables.row(*rule_set, direction, *to) != Some(row)
                {
                    passing.insert(RowKey::new(*rule_set, direction, *to), row);
                }
            }
        }
    }
    passing
}

/// Step 2: addresses, then prefixes with the longest first; what will go is first set to what the new image
/// gives its addresses.
fn cells(old: &TableImage, new: &TableImage, ops: &mut Vec<MapOp>) {
    for (address, before, now) in side_by_side(&old.addresses, &new.addresses) {
        let class = now.copied().unwrap_or_else(|| new.class(address));
        if before != Some(&class) {
            ops.push(MapOp::SetAddress { address, class });
        }
    }
    let nets: BTreeSet<&IpNet> = old.prefixes.keys().chain(new.prefixes.keys()).collect();
    let mut nets: Vec<&IpNet> = nets.into_iter().collect();
    nets.sort_by_key(|net| std::cmp::Reverse(net.prefix_len()));
    for net in nets {
        let class = prefix::covering(&new.prefixes, *net).copied().unwrap_or(DEFAULT_CLASS);
        if old.prefixes.get(net) != Some(&class) {
            ops.push(MapOp::SetPrefix { prefix: *net, class });
        }
    }
}

/// Step 3: endpoints. Own addresses that go do so before the rules change, and those that come do so after that: what a
/// packet of theirs gets in between is what it got before, or what it will get. All of it before the generations, so that
/// no flow of an address that goes is judged again while the address is still there. Returns whether any goes.
fn endpoints(old: &TableImage, new: &TableImage, ops: &mut Vec<MapOp>) -> bool {
    let first = ops.len();
    for (interface, address) in old.own.difference(&new.own) {
        ops.push(MapOp::DeleteOwn { interface: *interface, address: *address });
    }
    for (interface, prefix) in old.own_prefixes.difference(&new.own_prefixes) {
        ops.push(MapOp::DeleteOwnPrefix { interface: *interface, prefix: *prefix });
    }
    let taken = ops.len() > first;
    let given = !new.own.is_subset(&old.own) || !new.own_prefixes.is_subset(&old.own_prefixes);
    if taken && given {
        ops.push(MapOp::Grace);
    }
    for ((slot, half), policies) in &new.policy_generations {
        if old.policy_generations.get(&(*slot, *half)) != Some(policies) {
            ops.push(MapOp::SetPolicyGeneration { slot: *slot, half: *half, policies: *policies });
        }
    }
    for (interface, endpoint) in &new.endpoints {
        if old.endpoints.get(interface) != Some(endpoint) {
            ops.push(MapOp::SetEndpoint { interface: *interface, endpoint: *endpoint });
        }
    }
    for (interface, address) in new.own.difference(&old.own) {
        ops.push(MapOp::SetOwn { interface: *interface, address: *address });
    }
    for (interface, prefix) in new.own_prefixes.difference(&old.own_prefixes) {
        ops.push(MapOp::SetOwnPrefix { interface: *interface, prefix: *prefix });
    }
    taken
}

/// The generations: one step at once; the second when programs that may have read both old rules and the new
/// generation have ended. Where own addresses were taken there is such a wait in any case: the next plan may give some.
fn generations(old: &TableImage, new: &TableImage, taken: bool, ops: &mut Vec<MapOp>) {
    let changed: Vec<(u16, u32)> = new
        .generations
        .iter()
        .filter(|(slot, generation)| old.generations.get(slot).unwrap_or(&0) != *generation)
        .map(|(slot, generation)| (*slot, *generation))
        .collect();
    for (slot, generation) in &changed {
        ops.push(MapOp::SetGeneration { slot: *slot, generation: generation.wrapping_sub(1) });
    }
    if taken || !changed.is_empty() {
        ops.push(MapOp::Grace);
    }
    for (slot, generation) in changed {
        ops.push(MapOp::SetGeneration { slot, generation });
    }
}

/// Step 4: deletes, when nothing that runs can still be on its way to what goes; and a grace period after
/// them, before anything new may take the places.
fn deletes(old: &TableImage, new: &TableImage, passing: &BTreeSet<RowKey>, ops: &mut Vec<MapOp>) {
    let mut gone = Vec::new();
    let addresses = side_by_side(&old.addresses, &new.addresses).filter(|(_, _, now)| now.is_none());
    gone.extend(addresses.map(|(address, ..)| MapOp::DeleteAddress { address }));
    // Longest first: a shorter prefix that goes never shows through under a longer one that goes too.
    let mut nets: Vec<&IpNet> = old.prefixes.keys().filter(|net| !new.prefixes.contains_key(net)).collect();
    nets.sort_by_key(|net| std::cmp::Reverse(net.prefix_len()));
    gone.extend(nets.into_iter().map(|net| MapOp::DeletePrefix { prefix: *net }));
    let interfaces = old.endpoints.keys().filter(|interface| !new.endpoints.contains_key(interface));
    gone.extend(interfaces.map(|interface| MapOp::DeleteEndpoint { interface: *interface }));
    let going = side_by_side(&old.rows, &new.rows).filter(|(_, _, now)| now.is_none()).map(|(key, ..)| key);
    let passing = passing.iter().filter(|key| !new.rows.contains_key(key)).copied();
    let rows: BTreeSet<RowKey> = going.chain(passing).collect();
    let rows: Vec<MapOp> = rows.into_iter().map(|key| MapOp::DeleteRow { key }).collect();
    // Entries first, then the rows that they led to.
    for batch in [gone, rows].into_iter().filter(|batch| !batch.is_empty()) {
        if !matches!(ops.last(), None | Some(MapOp::Grace)) {
            ops.push(MapOp::Grace);
        }
        ops.extend(batch);
        ops.push(MapOp::Grace);
    }
}
