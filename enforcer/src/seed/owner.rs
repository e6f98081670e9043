//! Which endpoint an address is of, as far as that can be told from addresses alone.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;

use crate::{model::Endpoint, prefix};

/// The endpoints of a node by their addresses and prefixes, each as an interface index; `None` where two claim the
/// same: whose flow it is cannot be told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners {
    addresses: BTreeMap<IpAddr, Option<u32>>,
    prefixes: BTreeMap<IpNet, Option<u32>>,
}

impl Owners {
    /// Those of all endpoints of a node.
    #[must_use]
    pub fn new(endpoints: &[Endpoint]) -> Self {
        let mut addresses: BTreeMap<IpAddr, BTreeSet<u32>> = BTreeMap::new();
        let mut claims: BTreeMap<IpNet, BTreeSet<u32>> = BTreeMap::new();
        for endpoint in endpoints {
            let interface = endpoint.interface_index;
            for address in &endpoint.addresses {
                addresses.entry(*address).or_default().insert(interface);
            }
            for net in &endpoint.prefixes {
                claims.entry(net.trunc()).or_default().insert(interface);
            }
        }
        // Shortest first: a prefix within another endpoint's is claimed by both.
        let mut nets: Vec<(IpNet, Option<u32>)> =
            claims.iter().map(|(net, interfaces)| (*net, only(interfaces))).collect();
        nets.sort_by_key(|(net, _)| net.prefix_len());
        let mut prefixes = BTreeMap::new();
        for (net, owner) in nets {
            let agrees = prefix::parent(&prefixes, net).is_none_or(|around| *around == owner);
            prefixes.insert(net, owner.filter(|_| agrees));
        }
        let addresses = addresses.iter().map(|(address, interfaces)| (*address, only(interfaces)));
        Self { addresses: addresses.collect(), prefixes }
    }

    /// The endpoint that an address is of. One that has it by name comes before those that have a prefix around it.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Option<u32> {
        let by_name = self.addresses.get(&address);
        *by_name.or_else(|| prefix::longest(&self.prefixes, address))?
    }

    /// Whether two addresses are beyond doubt one pod's. A prefix proves nothing of two different ones: others on the
    /// link may have addresses in it too.
    #[must_use]
    pub fn are_one_pods(&self, one: IpAddr, other: IpAddr) -> bool {
        let by_name = |address| self.addresses.get(&address).copied().flatten();
        one == other || by_name(one).is_some_and(|owner| by_name(other) == Some(owner))
    }
}

fn only(interfaces: &BTreeSet<u32>) -> Option<u32> {
    interfaces.first().copied().filter(|_| interfaces.len() == 1)
}
