//! The grid: rows, columns, and the connections that each of its cells consists of.

use std::collections::{BTreeMap, BTreeSet};

use enforcer::{
    model::{ObjectName, Protocol},
    store::Cluster,
};

use super::{
    column::{Column, columns},
    row::{Row, rows},
};
use crate::{agent::Dropped, lab::Source, oracle::Family};

/// A connection that is tried.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Trial {
    /// From whom.
    pub(super) from: Source,
    /// To which pod.
    pub(super) to: ObjectName,
    /// By which protocol.
    pub(super) protocol: Protocol,
    /// To which of the pod's ports.
    pub(super) port: u16,
    /// Over IPv4 or IPv6.
    pub(super) family: Family,
}

impl Trial {
    /// Whether a dropped packet is one of this connection.
    pub(super) fn is_of(&self, dropped: &Dropped) -> bool {
        let Source::Pod(from) = &self.from else { return false };
        dropped.names(from, &self.to, self.protocol, self.port)
            && dropped.is_ipv6() == (self.family == Family::V6)
    }
}

/// Row and column, from 0.
pub(super) type Place = (usize, usize);

/// Everything that is tried, by cell.
#[derive(Debug)]
pub(super) struct Grid {
    /// Who connects.
    pub(super) rows: Vec<Row>,
    /// To what.
    pub(super) columns: Vec<Column>,
    /// The cells. A cell is empty where a workload of one pod would connect to itself: that never leaves
    /// the pod.
    pub(super) cells: BTreeMap<Place, BTreeSet<Trial>>,
    /// Service ports that are not tried, and why.
    pub(super) untried: Vec<String>,
}

impl Grid {
    /// Every pod, and the node, to every Service port.
    pub(super) fn new(cluster: &Cluster, families: &[Family]) -> Self {
        let rows = rows(cluster);
        let (columns, untried) = columns(cluster);
        let mut cells = BTreeMap::new();
        for (row, who) in rows.iter().enumerate() {
            for (index, column) in columns.iter().enumerate() {
                let trials = who.sources.iter().flat_map(|from| {
                    let others = column.backends.iter().filter(|(to, _)| *from != Source::Pod(to.clone()));
                    others.flat_map(|(to, port)| {
                        families.iter().map(|family| Trial {
                            from: from.clone(),
                            to: to.clone(),
                            protocol: column.protocol,
                            port: *port,
                            family: *family,
                        })
                    })
                });
                cells.insert((row, index), trials.collect());
            }
        }
        Self { rows, columns, cells, untried }
    }

    /// All connections; two Services may lead to the same one.
    pub(super) fn trials(&self) -> BTreeSet<Trial> {
        self.cells.values().flatten().cloned().collect()
    }

    /// Cells that consist of at least one connection.
    pub(super) fn tried_cells(&self) -> usize {
        self.cells.values().filter(|trials| !trials.is_empty()).count()
    }
}
