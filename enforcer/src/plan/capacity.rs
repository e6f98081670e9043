//! Sizes are known before the first write: what does not fit is refused, with its name.

use enforcer_common::tables::capacity as limit;

use super::{MapImage, Suspects, TableImage, diff};

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
        objects: Suspects,
    },
    /// A row has more intervals than the search reaches.
    #[error("the rules of {objects} make a row of {asked} intervals; {there} are supported")]
    Row {
        /// Intervals of the row.
        asked: usize,
        /// Intervals supported.
        there: usize,
        /// The isolating policies, and the Services behind the address.
        objects: Suspects,
    },
    /// Every id of a kind is in use.
    #[error("no {kind} id is free")]
    Ids {
        /// What the ids are for.
        kind: &'static str,
    },
}

impl PlanError {
    /// What does not fit, where that is known.
    #[must_use]
    pub fn objects(&self) -> Option<&Suspects> {
        match self {
            Self::Capacity { objects, .. } | Self::Row { objects, .. } => Some(objects),
            Self::Ids { .. } => None,
        }
    }
}

/// Checks every table at its fullest: while the old content and the new stand side by side.
pub(super) fn check(previous: &MapImage, image: &MapImage) -> Result<(), PlanError> {
    // Most tables have room for both even if they had nothing in common, and then what they have need not be counted.
    let fits = |table, most: usize, asked: &dyn Fn() -> usize, there: u32| {
        let there = usize::try_from(there).unwrap_or(usize::MAX);
        if most <= there {
            return Ok(());
        }
        let asked = asked();
        if asked <= there {
            return Ok(());
        }
        Err(PlanError::Capacity { table, asked, there, objects: Suspects::newcomers(previous, image) })
    };
    let (old, new): (&TableImage, &TableImage) = (&previous.tables, &image.tables);
    let endpoints = || union(old.endpoints.keys(), new.endpoints.keys());
    fits("ENDPOINTS", old.endpoints.len() + new.endpoints.len(), &endpoints, limit::ENDPOINTS)?;
    let passing = diff::passing(previous, image);
    let rows = || union(old.rows.keys().chain(passing.keys()), new.rows.keys());
    fits("ROWS", old.rows.len() + passing.len() + new.rows.len(), &rows, limit::ROWS)?;
    // A trie that is nearly full fails inserts that a hash would take: keep one twentieth free.
    let prefixes = limit::PREFIXES - limit::PREFIXES / 20;
    let own_prefixes = limit::OWN_PREFIXES - limit::OWN_PREFIXES / 20;
    for v4 in [true, false] {
        let addresses = || {
            let both = old.addresses.keys().chain(new.addresses.keys());
            distinct(both.filter(|address| address.is_ipv4() == v4))
        };
        let nets = || {
            let both = old.prefixes.keys().chain(new.prefixes.keys());
            distinct(both.filter(|net| net.addr().is_ipv4() == v4))
        };
        let own = || distinct(old.own.iter().chain(&new.own).filter(|(_, address)| address.is_ipv4() == v4));
        let own_nets = || {
            let both = old.own_prefixes.iter().chain(&new.own_prefixes);
            distinct(both.filter(|(_, net)| net.addr().is_ipv4() == v4))
        };
        let names = if v4 {
            ["ADDRESSES4", "PREFIXES4", "OWN4", "OWN_PREFIXES4"]
        } else {
            ["ADDRESSES6", "PREFIXES6", "OWN6", "OWN_PREFIXES6"]
        };
        fits(names[0], old.addresses.len() + new.addresses.len(), &addresses, limit::ADDRESSES)?;
        fits(names[1], old.prefixes.len() + new.prefixes.len(), &nets, prefixes)?;
        fits(names[2], old.own.len() + new.own.len(), &own, limit::OWN)?;
        fits(names[3], old.own_prefixes.len() + new.own_prefixes.len(), &own_nets, own_prefixes)?;
    }
    Ok(())
}

fn union<'a, T: Ord + 'a>(old: impl Iterator<Item = &'a T>, new: impl Iterator<Item = &'a T>) -> usize {
    distinct(old.chain(new))
}

fn distinct<'a, T: Ord + 'a>(both: impl Iterator<Item = &'a T>) -> usize {
    both.collect::<std::collections::BTreeSet<_>>().len()
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

    use enforcer_common::tables::{Endpoint, Row, RowKey};
    use ipnet::IpNet;

    use super::*;

    fn address(is_v4: bool, number: u32) -> IpAddr {
        if is_v4 { Ipv4Addr::from(number).into() } else { Ipv6Addr::from(u128::from(number)).into() }
    }

    /// An image with entries of one table, numbered.
    fn filled(table: &str, numbers: std::ops::Range<usize>) -> MapImage {
        let mut image = MapImage::default();
        let tables = &mut image.tables;
        let is_v4 = table.ends_with('4');
        for number in numbers.filter_map(|number| u32::try_from(number).ok()) {
            let address = address(is_v4, number);
            match table.trim_end_matches(['4', '6']) {
                "ENDPOINTS" => drop(tables.endpoints.insert(number, Endpoint::default())),
                "ROWS" => {
                    let key = RowKey::new(number, enforcer_common::Direction::Ingress, 0);
                    tables.rows.insert(key, Row { start: 0, len: 1 });
                }
                "ADDRESSES" => drop(tables.addresses.insert(address, 1)),
                "PREFIXES" => drop(tables.prefixes.insert(IpNet::from(address), 1)),
                "OWN" => drop(tables.own.insert((1, address))),
                _ => drop(tables.own_prefixes.insert((1, IpNet::from(address)))),
            }
        }
        image
    }

    #[test]
    fn a_table_that_old_and_new_do_not_fit_together_is_refused_by_its_name() {
        for (table, there) in [
            ("ENDPOINTS", 4096),
            ("ROWS", 1_048_576),
            ("ADDRESSES4", 524_288),
            ("ADDRESSES6", 524_288),
            // Nineteen of twenty.
            ("PREFIXES4", 249_037),
            ("PREFIXES6", 249_037),
            ("OWN4", 16_384),
            ("OWN6", 16_384),
            ("OWN_PREFIXES4", 15_565),
            ("OWN_PREFIXES6", 15_565),
        ] {
            // Neither has as many alone.
            let new = filled(table, 100..there + 1);
            assert_eq!(check(&filled(table, 1..100), &new), Ok(()), "{table}");
            let (asked, objects) = (there + 1, Suspects::default());
            let refused = Err(PlanError::Capacity { table, asked, there, objects });
            assert_eq!(check(&filled(table, 0..100), &new), refused);
        }
    }
}
