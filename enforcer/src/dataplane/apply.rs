//! [`MapOp`]s → map writes, in their order.

use std::{net::IpAddr, time::Duration};

use aya::maps::{MapError, lpm_trie::Key};
use enforcer_common::tables::{Family as _, OwnKey, PolicyGeneration, V4, V6, pack_class};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use rustix::thread::{MembarrierCommand, membarrier};

use super::{
    Dataplane, DataplaneError,
    maps::{Maps, absent_is_fine, remove, set},
};
use crate::{plan::MapOp, quantity::quantity};

impl Dataplane {
    /// Applies ops in order.
    ///
    /// # Errors
    /// At the first op that fails; the ops before it are in force, and the caller plans again from there.
    pub fn apply(&mut self, ops: &[MapOp]) -> Result<(), ApplyError> {
        for (done, op) in ops.iter().enumerate() {
            self.apply_one(op).map_err(|source| ApplyError { done, source })?;
        }
        Ok(())
    }

    fn apply_one(&mut self, op: &MapOp) -> Result<(), DataplaneError> {
        if *op == MapOp::Grace {
            grace();
            return Ok(());
        }
        let (map, result) = write(&mut self.maps, op);
        result.map_err(DataplaneError::map(map))
    }
}

/// Some ops were applied, one was not.
#[derive(Debug, thiserror::Error)]
#[error("after {}: {source}", quantity(*.done, "write"))]
pub struct ApplyError {
    /// How many ops are in force.
    pub done: usize,
    /// What happened to the next.
    #[source]
    pub source: DataplaneError,
}

fn write(maps: &mut Maps, op: &MapOp) -> (&'static str, Result<(), MapError>) {
    match op {
        MapOp::WriteIntervals { start, intervals } => {
            let mut pairs = (*start..).zip(intervals);
            (
                "INTERVALS",
                pairs.try_for_each(|(index, interval)| maps.intervals.set(index, interval.pack(), 0)),
            )
        }
        MapOp::SetRow { key, row } => ("ROWS", set(&mut maps.rows, key.to_bytes(), row.pack())),
        MapOp::DeleteRow { key } => ("ROWS", remove(&mut maps.rows, &key.to_bytes())),
        MapOp::SetAddress { address: IpAddr::V4(address), class } => {
            let octets = address.octets();
            ("ADDRESSES4", set(&mut maps.addresses4, octets, pack_class(*class, V4::proof(octets))))
        }
        MapOp::SetAddress { address: IpAddr::V6(address), class } => {
            let octets = address.octets();
            ("ADDRESSES6", set(&mut maps.addresses6, octets, pack_class(*class, V6::proof(octets))))
        }
        MapOp::DeleteAddress { address: IpAddr::V4(address) } => {
            ("ADDRESSES4", remove(&mut maps.addresses4, &address.octets()))
        }
        MapOp::DeleteAddress { address: IpAddr::V6(address) } => {
            ("ADDRESSES6", remove(&mut maps.addresses6, &address.octets()))
        }
        MapOp::SetPrefix { prefix: IpNet::V4(net), class } => {
            let key = Key::new(u32::from(net.prefix_len()), net.network().octets());
            ("PREFIXES4", maps.prefixes4.insert(&key, class, 0))
        }
        MapOp::SetPrefix { prefix: IpNet::V6(net), class } => {
            let key = Key::new(u32::from(net.prefix_len()), net.network().octets());
            ("PREFIXES6", maps.prefixes6.insert(&key, class, 0))
        }
        MapOp::DeletePrefix { prefix: IpNet::V4(net) } => {
            let key = Key::new(u32::from(net.prefix_len()), net.network().octets());
            ("PREFIXES4", absent_is_fine(maps.prefixes4.remove(&key)))
        }
        MapOp::DeletePrefix { prefix: IpNet::V6(net) } => {
            let key = Key::new(u32::from(net.prefix_len()), net.network().octets());
            ("PREFIXES6", absent_is_fine(maps.prefixes6.remove(&key)))
        }
        MapOp::SetOwn { interface, address: IpAddr::V4(address) } => {
            let key = OwnKey { interface: *interface, address: address.octets() };
            ("OWN4", set(&mut maps.own4, key.to_bytes(), 1))
        }
        MapOp::SetOwn { interface, address: IpAddr::V6(address) } => {
            let key = OwnKey { interface: *interface, address: address.octets() };
            ("OWN6", set(&mut maps.own6, key.to_bytes(), 1))
        }
        MapOp::DeleteOwn { interface, address: IpAddr::V4(address) } => {
            let key = OwnKey { interface: *interface, address: address.octets() };
            ("OWN4", remove(&mut maps.own4, &key.to_bytes()))
        }
        MapOp::DeleteOwn { interface, address: IpAddr::V6(address) } => {
            let key = OwnKey { interface: *interface, address: address.octets() };
            ("OWN6", remove(&mut maps.own6, &key.to_bytes()))
        }
        MapOp::SetOwnPrefix { interface, prefix: IpNet::V4(net) } => {
            ("OWN_PREFIXES4", maps.own_prefixes4.insert(&own_prefix4(*interface, *net), 1, 0))
        }
        MapOp::SetOwnPrefix { interface, prefix: IpNet::V6(net) } => {
            ("OWN_PREFIXES6", maps.own_prefixes6.insert(&own_prefix6(*interface, *net), 1, 0))
        }
        MapOp::DeleteOwnPrefix { interface, prefix: IpNet::V4(net) } => {
            let key = own_prefix4(*interface, *net);
            ("OWN_PREFIXES4", absent_is_fine(maps.own_prefixes4.remove(&key)))
        }
        MapOp::DeleteOwnPrefix { interface, prefix: IpNet::V6(net) } => {
            let key = own_prefix6(*interface, *net);
            ("OWN_PREFIXES6", absent_is_fine(maps.own_prefixes6.remove(&key)))
        }
        MapOp::SetEndpoint { interface, endpoint } => {
            ("ENDPOINTS", set(&mut maps.endpoints, *interface, endpoint.pack(*interface)))
        }
        MapOp::DeleteEndpoint { interface } => ("ENDPOINTS", remove(&mut maps.endpoints, interface)),
        MapOp::SetPolicyGeneration { slot, half, policies } => {
            let index = PolicyGeneration::index(*slot, *half);
            ("POLICY_GENERATIONS", maps.policy_generations.set(index, policies.pack(), 0))
        }
        MapOp::SetGeneration { slot, generation } => {
            ("GENERATIONS", maps.generations.set(u32::from(*slot), generation, 0))
        }
        MapOp::Grace => ("", Ok(())),
    }
}

/// The key of an endpoint's prefix: all bits of the interface index count.
fn own_prefix4(interface: u32, net: Ipv4Net) -> Key<[u8; 8]> {
    let key = OwnKey { interface, address: net.network().octets() };
    Key::new(u32::BITS + u32::from(net.prefix_len()), key.to_bytes())
}

fn own_prefix6(interface: u32, net: Ipv6Net) -> Key<[u8; 20]> {
    let key = OwnKey { interface, address: net.network().octets() };
    Key::new(u32::BITS + u32::from(net.prefix_len()), key.to_bytes())
}

/// Waits until every program that runs now has ended. Programs run under RCU, and the plain membarrier
/// command waits for a grace period of it (membarrier(2)). Kernels with `nohz_full` CPUs do not have the
/// command; there a wait takes its place that is long beside a program's run of microseconds.
pub(super) fn grace() {
    const LONG: Duration = Duration::from_millis(50);
    if membarrier(MembarrierCommand::Global).is_err() {
        std::thread::sleep(LONG);
    }
}
