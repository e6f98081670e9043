//! Sizes are known before the first write: what does not fit is refused, with its name.

use enforcer_common::tables::capacity as limit;

use super::{MapImage, TableImage};

/// Generation slots.
#[expect(clippy::cast_possible_truncation, reason = "4096")]
pub(super) const SLOTS: u16 = limit::ENDPOINTS as u16;

/// Why a plan is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A table is too small.
    #[error("{table} has room for {there} entries, {asked} are needed; last changed: {objects}")]
    Capacity {
        /// The table's name in the kernel.
        table: &'static str,
        /// Entries needed while old and new stand side by side.
        asked: usize,
        /// Entries there are.
        there: usize,
        /// The objects that brought the growth.
        objects: String,
    },
    /// A row has more intervals than the search reaches.
    #[error("the rules of {objects} make a row of {asked} intervals; {there} are supported")]
    Row {
        /// Intervals of the row.
        asked: usize,
        /// Intervals supported.
        there: usize,
        /// The isolating policies.
        objects: String,
    },
    /// Every id of a kind is in use.
    #[error("no {kind} id is free")]
    Ids {
        /// What the ids are for.
        kind: &'static str,
    },
}

/// Checks every table at its fullest: while the old content and the new stand side by side.
pub(super) fn check(previous: &MapImage, image: &MapImage) -> Result<(), PlanError> {
    let fits = |table, asked: usize, there: u32| {
        let there = usize::try_from(there).unwrap_or(usize::MAX);
        if asked <= there {
            return Ok(());
        }
        Err(PlanError::Capacity { table, asked, there, objects: newcomers(previous, image) })
    };
    let (old, new): (&TableImage, &TableImage) = (&previous.tables, &image.tables);
    fits("ENDPOINTS", union(old.endpoints.keys(), new.endpoints.keys()), limit::ENDPOINTS)?;
    fits("ROWS", union(old.rows.keys(), new.rows.keys()), limit::ROWS)?;
    // A trie that is nearly full fails inserts that a hash would take: keep one twentieth free.
    let prefixes = limit::PREFIXES - limit::PREFIXES / 20;
    for v4 in [true, false] {
        let addresses = |tables: &TableImage| {
            tables.addresses.keys().filter(|address| address.is_ipv4() == v4).copied().collect::<Vec<_>>()
        };
        let nets = |tables: &TableImage| {
            tables.prefixes.keys().filter(|net| net.addr().is_ipv4() == v4).copied().collect::<Vec<_>>()
        };
        let own = |tables: &TableImage| {
            tables.own.iter().filter(|(_, address)| address.is_ipv4() == v4).copied().collect::<Vec<_>>()
        };
        let own_nets = |tables: &TableImage| {
            let nets = tables.own_prefixes.iter().filter(|(_, net)| net.addr().is_ipv4() == v4);
            nets.copied().collect::<Vec<_>>()
        };
        let names = if v4 {
            ["ADDRESSES4", "PREFIXES4", "OWN4", "OWN_PREFIXES4"]
        } else {
            ["ADDRESSES6", "PREFIXES6", "OWN6", "OWN_PREFIXES6"]
        };
        fits(names[0], union(addresses(old).iter(), addresses(new).iter()), limit::ADDRESSES)?;
        fits(names[1], union(nets(old).iter(), nets(new).iter()), prefixes)?;
        fits(names[2], union(own(old).iter(), own(new).iter()), limit::OWN)?;
        let own_prefixes = limit::OWN_PREFIXES - limit::OWN_PREFIXES / 20;
        fits(names[3], union(own_nets(old).iter(), own_nets(new).iter()), own_prefixes)?;
    }
    Ok(())
}

fn union<'a, T: Ord + 'a>(old: impl Iterator<Item = &'a T>, new: impl Iterator<Item = &'a T>) -> usize {
    old.chain(new).collect::<std::collections::BTreeSet<_>>().len()
}

/// The policies that are not in the previous image as they are now, or the new pods.
pub(super) fn newcomers(previous: &MapImage, image: &MapImage) -> String {
    let old = previous.policies();
    let mut names: Vec<String> =
        image.policies().difference(&old).map(|side| format!("NetworkPolicy {}", side.policy)).collect();
    names.dedup();
    if names.is_empty() {
        let pods =
            image.endpoints.iter().filter(|(interface, _)| !previous.endpoints.contains_key(interface));
        names = pods.map(|(_, endpoint)| format!("Pod {}", endpoint.pod)).collect();
    }
    if names.is_empty() { "pods of other nodes".to_owned() } else { names.join(", ") }
}
