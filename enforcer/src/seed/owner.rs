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
    /// Those that there are, so that a table of connections is not asked for 128 lengths each.
    lengths: BTreeSet<u8>,
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
        let lengths = prefixes.keys().map(IpNet::prefix_len).collect();
        Self { addresses: addresses.collect(), prefixes, lengths }
    }

    /// The endpoint that an address is of. One that has it by name comes before those that have a prefix around it.
    #[must_use]
    pub fn of(&self, address: IpAddr) -> Option<u32> {
        let by_prefix = || {
            self.lengths.iter().rev().find_map(|length| {
                let net = IpNet::new(address, *length).ok()?;
                self.prefixes.get(&net.trunc())
            })
        };
        *self.addresses.get(&address).or_else(by_prefix)?
    }

    /// Whether an address is beyond doubt an endpoint's. A prefix proves nothing: others on the link may have addresses
    /// in it too.
    #[must_use]
    pub fn is_certain(&self, address: IpAddr) -> bool {
        self.addresses.get(&address).is_some_and(Option::is_some)
    }

    /// Whether two addresses are beyond doubt one pod's.
    #[must_use]
    pub fn are_one_pods(&self, one: IpAddr, other: IpAddr) -> bool {
        self.is_certain(one) && self.addresses.get(&one) == self.addresses.get(&other)
    }
}

fn only(interfaces: &BTreeSet<u32>) -> Option<u32> {
    interfaces.first().copied().filter(|_| interfaces.len() == 1)
}
