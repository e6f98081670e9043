//! Pods.

use std::{collections::BTreeSet, net::IpAddr};

use enforcer::model::{ObjectName, Pod, PodState};
use proptest::{option, prelude::*, sample::select};

use super::{
    label::labels,
    port::container_ports,
    universe::{CROWDED_NAMESPACES, NODE_ADDRESSES, POD_ADDRESSES_V4, POD_ADDRESSES_V6, address},
};

/// Pods are named by these. A divisor of 256, so that going round is plain arithmetic.
pub(super) const NUMBERS: std::ops::Range<u8> = 0..8;

/// A pod with one of eight names, in one of the namespaces.
pub fn pod() -> impl Strategy<Value = Pod> {
    let name = (select(&CROWDED_NAMESPACES[..]), NUMBERS)
        .prop_map(|(namespace, number)| ObjectName::new(namespace, format!("pod-{number}")));
    let who = (name, labels(), select(&["u1", "u2", "u3", ""][..]));
    let life = (state(), option::of(0..3_i64));
    // One pod in eight lives on the host network, with the addresses of one of the nodes.
    let node = option::weighted(0.125, select(&NODE_ADDRESSES[..]));
    let what = (addresses(), container_ports());
    (who, life, what, node).prop_map(|((name, labels, uid), (state, started), (addresses, ports), node)| {
        let host_network = node.is_some();
        let addresses = match node {
            Some((v4, v6)) => [v4, v6].map(address).into(),
            None => addresses,
        };
        Pod {
            uid: uid.into(),
            name,
            labels,
            addresses,
            state,
            started,
            host_network,
            ports,
            ..Pod::default()
        }
    })
}

/// At most one address of each family.
pub(super) fn addresses() -> impl Strategy<Value = BTreeSet<IpAddr>> {
    let v4 = option::weighted(0.8, select(&POD_ADDRESSES_V4[..]));
    let v6 = option::weighted(0.6, select(&POD_ADDRESSES_V6[..]));
    (v4, v6).prop_map(|(v4, v6)| v4.into_iter().chain(v6).map(address).collect())
}

pub(super) fn state() -> impl Strategy<Value = PodState> {
    prop_oneof![
        6 => Just(PodState::Live),
        2 => Just(PodState::Terminating),
        1 => Just(PodState::Finished),
    ]
}
