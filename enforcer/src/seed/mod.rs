//! What is known of flows that are older than enforcement at their endpoint.
//!
//! When the programs come to an interface, connections go on across it of which they have not seen the beginning. A
//! mid-stream packet does not tell who opened its flow, and by guessing replies would be dropped as if they were
//! openings. So before its first judgement each new endpoint's flows are put into the tables: from the node's
//! connection tracking, which saw them begin, and where that has nothing, from the sockets in the pod.
//!
//! **Only the opener is learnt; nothing is exempt.** An entry is written under a generation that is over, so that its
//! first packet has it judged by the rules, in the opener's direction. At worst a pod that opened a connection itself
//! and listens at the same port has it judged as one that was opened to it.
//!
//! **Before the first judgement**: the tables are filled before the programs are attached. What begins between the
//! look at conntrack and the attachment was seen by nobody, so there is a second look right after it. Entries that
//! the programs have made in the meantime stand: a second look never writes over one. Between the attachment and the
//! end of the second look (the time of a dump) a packet of such a flow is judged like any mid-stream packet; where it
//! is dropped, its sender repeats it and finds the entry.
//!
//! **The node's own connections** to a pod are no rule's business (DESIGN 3.3), but for the pod's replies an entry
//! must say so. An address does not prove that a connection is the node's: what pods send through a `NodePort` carries
//! it too. A socket in the node's network namespace whose connection is exactly this one does. Such a flow, and one
//! that a pod opened to itself through a Service, is entered on that ground: it admits the pod's replies, and packets
//! towards the pod prove their origin each time, as always.

mod conntrack;
mod owner;
mod sockets;

use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fs::File,
    io,
    path::PathBuf,
};

use enforcer_common::flow::{Ground, Opener};
use thiserror::Error;

pub use conntrack::{Side, Tracked, flows_of_tracked};
pub use owner::Owners;
pub use sockets::{Sockets, flows_of_sockets};

use crate::{
    model::{Endpoint, ObjectName},
    netns::{NetnsError, within},
    tuple::FlowTuple,
};

/// What is known of one flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Known {
    /// Who opened it.
    pub opener: Opener,
    /// For whose sake it goes on.
    pub ground: Ground,
    /// Whether both directions were seen.
    pub answered: bool,
}

/// Flows that are older than enforcement.
pub type Flows = BTreeMap<FlowTuple, Known>;

/// What was found, and what could not be looked at.
#[derive(Debug, Default)]
pub struct Findings {
    /// By endpoint, addresses and ports.
    pub flows: Flows,
    /// How many of them conntrack knew; the others are known from sockets.
    pub tracked: usize,
    /// What could not be read. Flows that only this would have shown are judged as any mid-stream packet is.
    pub errors: Vec<SeedError>,
}

/// Why something could not be looked at.
#[derive(Debug, Error)]
pub enum SeedError {
    /// The node's conntrack.
    #[error("the node's connection tracking cannot be read: {0}")]
    Conntrack(#[source] io::Error),
    /// The node's sockets.
    #[error("the node's sockets cannot be read: {0}")]
    NodeSockets(#[source] io::Error),
    /// A pod's sockets.
    #[error("the sockets of pod {pod} cannot be read: {why}")]
    PodSockets {
        /// Whose.
        pod: ObjectName,
        /// What happened.
        why: String,
    },
}

/// Looks for flows of some endpoints among all of the node. `namespace_of` tells the file of an endpoint's network
/// namespace, where it is known.
pub fn find(
    fresh: &[&Endpoint],
    all: &[Endpoint],
    namespace_of: impl Fn(&Endpoint) -> Option<PathBuf>,
) -> Findings {
    let mut findings = Findings::default();
    let node = sockets::read().unwrap_or_else(|error| {
        findings.errors.push(SeedError::NodeSockets(error));
        Sockets::default()
    });
    let owners = Owners::new(all);
    let interfaces: BTreeSet<u32> = fresh.iter().map(|endpoint| endpoint.interface_index).collect();
    let flows = &mut findings.flows;
    let dump = conntrack::read(|tracked| {
        for (tuple, known) in flows_of_tracked(&tracked, &owners, &node) {
            if interfaces.contains(&tuple.interface) {
                learn(flows, tuple, known);
            }
        }
    });
    findings.errors.extend(dump.err().map(SeedError::Conntrack));
    findings.tracked = findings.flows.len();
    for endpoint in fresh {
        let Some(path) = namespace_of(endpoint) else { continue };
        match File::open(&path).map_err(NetnsError::Open).and_then(|file| within(file, sockets::read)) {
            Ok(Ok(sockets)) => {
                for (tuple, known) in flows_of_sockets(&sockets, endpoint, &node) {
                    findings.flows.entry(tuple).or_insert(known);
                }
            }
            Ok(Err(error)) => findings.errors.push(pod_error(endpoint, &error)),
            Err(error) => findings.errors.push(pod_error(endpoint, &error)),
        }
    }
    findings
}

fn pod_error(endpoint: &Endpoint, why: &impl ToString) -> SeedError {
    SeedError::PodSockets { pod: endpoint.pod.clone(), why: why.to_string() }
}

/// Notes a flow. Protocols without ports have one entry for all their connections between two addresses: where these
/// were not opened by the same side, the opener is not known, and what is unknown has to be allowed both ways.
fn learn(flows: &mut Flows, tuple: FlowTuple, known: Known) {
    match flows.entry(tuple) {
        Entry::Vacant(place) => {
            place.insert(known);
        }
        Entry::Occupied(mut place) => {
            let there = place.get_mut();
            if (there.opener, there.ground) != (known.opener, known.ground) {
                (there.opener, there.ground) = (Opener::Unknown, Ground::Rules);
            }
            there.answered |= known.answered;
        }
    }
}

#[cfg(test)]
mod tests;
