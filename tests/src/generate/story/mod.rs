//! Frames of every make at one endpoint, many of them about frames before: the next part of a datagram, an error that
//! quotes a packet, the reply.

mod draft;
mod dress;
mod fragment;
mod link;
mod quote;
mod scene;

use enforcer::{
    model::{ClusterEvent, Endpoint, Pod},
    store::Cluster,
};
use proptest::{
    collection::{self, SizeRange},
    option,
    prelude::*,
    sample::{Index, select, subsequence},
};

use super::{
    cluster::cluster,
    edit,
    history::{converse, endpoint},
    pod,
    remote::{aim, remote},
    subject::subject,
    traffic::{carrier, port},
};
use crate::frame::{Frame, Sender};
use draft::{Draft, draft};
use scene::Scene;

/// A cluster, one of its pods' endpoint with its settings, and what happens there.
#[derive(Debug, Clone)]
pub struct Story {
    /// At the start.
    pub cluster: Cluster,
    /// Of a pod that is on the pod network from beginning to end.
    pub endpoint: Endpoint,
    /// In this order.
    pub beats: Vec<Beat>,
}

/// Something that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Beat {
    /// A frame crosses the interface.
    Frame(Frame, Sender),
    /// The cluster changes.
    Change(ClusterEvent),
    /// So many seconds pass.
    Wait(u64),
}

/// Prefixes of the administrator's.
const PREFIXES: [&str; 4] = ["10.0.1.0/24", "10.0.0.9/32", "fd00:0:0:1::/64", "2001:db8::/65"];

/// A story of this many beats.
pub fn story(beats: impl Into<SizeRange>) -> impl Strategy<Value = Story> {
    let conversations = collection::vec(((remote(), aim()), carrier(), port(), port()), 1..=3);
    let told = option::weighted(0.125, pod::addresses());
    let prefixes = option::weighted(0.5, subsequence(&PREFIXES[..], 1..=PREFIXES.len()));
    let settings = (prefixes, any::<Index>(), any::<bool>());
    let drafts = collection::vec(draft(), beats).boxed();
    (drafts, conversations.boxed(), (told, settings), subject(), cluster().boxed()).prop_filter_map(
        "no pod on the pod network with an address",
        |(drafts, conversations, (told, (prefixes, any_source, dhcp)), subject, cluster)| {
            let mut endpoint = endpoint(&cluster, &subject, told)?;
            endpoint.prefixes = prefixes.iter().flatten().map(|text| text.parse().expect("a CIDR")).collect();
            endpoint.any_source = any_source.index(8) == 7;
            endpoint.dhcp = dhcp;
            let conversations = conversations
                .iter()
                .filter_map(|(whom, carrier, local_port, remote_port)| {
                    converse(&cluster, &endpoint, whom, *carrier, [local_port, remote_port])
                })
                .collect();
            let scene = Scene { endpoint: &endpoint, conversations, frames: Vec::new() };
            let beats = resolve(&cluster, scene, &drafts);
            Some(Story { cluster, endpoint, beats })
        },
    )
}

fn sender() -> impl Strategy<Value = Sender> {
    let proved = select(&[Sender::Node, Sender::Own, Sender::OtherPod][..]);
    prop_oneof![4 => Just(Sender::Elsewhere), 1 => proved]
}

fn resolve(cluster: &Cluster, mut scene: Scene<'_>, drafts: &[Draft]) -> Vec<Beat> {
    let mut now = cluster.clone();
    let mut beats = Vec::new();
    let mut inverses = Vec::new();
    for draft in drafts {
        let (event, is_undo) = match draft {
            Draft::Change(edit) => (edit.event(&now), false),
            Draft::Undo => (inverses.pop(), true),
            Draft::Wait(seconds) => {
                beats.push(Beat::Wait(*seconds));
                continue;
            }
            Draft::Frame(shape, sender) => {
                if let Some(frame) = shape.frame(&scene) {
                    scene.frames.push(frame.clone());
                    beats.push(Beat::Frame(frame, *sender));
                }
                continue;
            }
        };
        let Some(event) = event else { continue };
        let mut next = now.clone();
        next.apply(event.clone());
        // Without its pod the endpoint would go.
        if next.pods.get(&scene.endpoint.pod).is_some_and(Pod::is_on_pod_network) {
            if !is_undo {
                inverses.extend(edit::inverse(&now, &event));
            }
            now = next;
            beats.push(Beat::Change(event));
        }
    }
    beats
}
