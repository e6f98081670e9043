//! Nodes, whose addresses lead to Services by their node ports.

use std::{collections::BTreeSet, net::IpAddr};

/// A node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Node {
    /// `metadata.name`
    pub name: String,
    /// `status.addresses` of the types `InternalIP` and `ExternalIP`.
    pub addresses: BTreeSet<IpAddr>,
}
