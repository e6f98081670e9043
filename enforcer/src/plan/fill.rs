//! How full the tables are.

use enforcer_common::tables::capacity;

use super::TableImage;

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// Its name in the kernel.
    pub table: &'static str,
    /// Entries in it.
    pub used: usize,
    /// Entries that it has room for.
    pub room: usize,
}

impl TableImage {
    /// How full each table is that a plan writes.
    #[must_use]
    pub fn fill(&self) -> Vec<Fill> {
        let fill =
            |table, used, room: u32| Fill { table, used, room: usize::try_from(room).unwrap_or(usize::MAX) };
        let families = |v4: usize, all: usize| [v4, all - v4];
        let addresses = self.addresses.keys().filter(|address| address.is_ipv4()).count();
        let [addresses4, addresses6] = families(addresses, self.addresses.len());
        let prefixes = self.prefixes.keys().filter(|net| net.addr().is_ipv4()).count();
        let [prefixes4, prefixes6] = families(prefixes, self.prefixes.len());
        let own = self.own.iter().filter(|(_, address)| address.is_ipv4()).count();
        let [own4, own6] = families(own, self.own.len());
        let own_nets = self.own_prefixes.iter().filter(|(_, net)| net.addr().is_ipv4()).count();
        let [own_nets4, own_nets6] = families(own_nets, self.own_prefixes.len());
        vec![
            fill("ENDPOINTS", self.endpoints.len(), capacity::ENDPOINTS),
            fill("OWN4", own4, capacity::OWN),
            fill("OWN6", own6, capacity::OWN),
            fill("OWN_PREFIXES4", own_nets4, capacity::OWN_PREFIXES),
            fill("OWN_PREFIXES6", own_nets6, capacity::OWN_PREFIXES),
            fill("ADDRESSES4", addresses4, capacity::ADDRESSES),
            fill("ADDRESSES6", addresses6, capacity::ADDRESSES),
            fill("PREFIXES4", prefixes4, capacity::PREFIXES),
            fill("PREFIXES6", prefixes6, capacity::PREFIXES),
            fill("ROWS", self.rows.len(), capacity::ROWS),
            fill("INTERVALS", self.intervals.len(), capacity::INTERVALS),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_are_counted_apart() {
        let mut tables = TableImage::default();
        for (address, class) in [("10.0.0.1", 1), ("10.0.0.2", 1), ("fd00::1", 2)] {
            tables.addresses.extend(address.parse().ok().map(|address: std::net::IpAddr| (address, class)));
        }
        let used = |table| tables.fill().into_iter().find(|fill| fill.table == table).map(|fill| fill.used);
        assert_eq!((used("ADDRESSES4"), used("ADDRESSES6"), used("ROWS")), (Some(2), Some(1), Some(0)));
    }
}
