//! What becomes of flows, in the oracle's eyes.

use enforcer::{
    model::{ClusterEvent, Kind, Object, Pod, PodState},
    store::Cluster,
};

use super::{Census, Construct as C};
use crate::{
    frame::Packet,
    generate::{History, Step},
    oracle::flow::{Entry, FlowOracle, Opener, Outcome, Segment},
};

pub(super) fn count(census: &mut Census, history: &History) {
    let mut cluster = history.cluster.clone();
    let mut oracle = FlowOracle::new(&cluster, &history.endpoint);
    for step in &history.steps {
        match step {
            Step::Change(event) => {
                count_change(census, &cluster, event);
                cluster.apply(event.clone());
                oracle.update(&cluster);
            }
            Step::Packet(packet) => count_packet(census, &mut oracle, packet),
        }
    }
}

fn count_change(census: &mut Census, cluster: &Cluster, event: &ClusterEvent) {
    if let ClusterEvent::Apply(Object::Pod(pod)) = event
        && let Some(before) = cluster.pods.get(&pod.name)
    {
        count_pod_change(census, [before, pod]);
    }
    census.note_if(matches!(event, ClusterEvent::Delete(key) if key.kind == Kind::Pod), C::FlowPodGone);
    let kind = match event {
        ClusterEvent::Apply(object) => object.key().kind,
        ClusterEvent::Delete(key) => key.kind,
        ClusterEvent::Reset(objects) => match objects.first().map(Object::key) {
            Some(key) => key.kind,
            None => return,
        },
        ClusterEvent::ResetKind { kind, .. } => *kind,
    };
    match kind {
        Kind::NetworkPolicy => census.note(C::FlowPolicyChange),
        Kind::Pod => census.note(C::FlowPodChange),
        Kind::Namespace => census.note(C::FlowNamespaceChange),
        Kind::Service => census.note(C::FlowServiceChange),
        Kind::EndpointSlice => census.note(C::FlowSliceChange),
        Kind::Node => census.note(C::FlowNodeChange),
    }
}

fn count_pod_change(census: &mut Census, [before, after]: [&Pod; 2]) {
    census.note_if(before.labels != after.labels, C::FlowPodLabels);
    census.note_if(before.addresses != after.addresses, C::FlowPodAddresses);
    census.note_if(before.ports != after.ports, C::FlowPodPorts);
    let finishes = before.state != PodState::Finished && after.state == PodState::Finished;
    census.note_if(finishes, C::FlowPodFinished);
}

fn count_packet(census: &mut Census, oracle: &mut FlowOracle, packet: &Packet) {
    let before = oracle.entry(packet).copied();
    let current = before.is_some_and(|entry| oracle.is_current(&entry));
    let kept = oracle.keeps(packet);
    let outcome = oracle.packet(packet);
    let after = oracle.entry(packet).copied();
    let segment = Segment::of(packet);
    census.note_if(segment == Segment::NeverMakes, C::FlowNeverMade);
    if let (Some(before), Some(after), true) = (before, after, kept) {
        census.note_if(!current && !before.denied && !after.denied, C::FlowServiceKept);
    }
    let opens = oracle.opens_to_service(packet);
    let marked = before.zip(after).is_some_and(|(before, after)| !before.denied && after.denied);
    census.note_if(opens && marked, C::FlowServiceMarked);
    match (before, after) {
        (None, after) => count_first(census, segment, outcome, after),
        (Some(before), Some(after)) => count_next(census, [before, after], current, segment, outcome),
        (Some(_), None) => unreachable!("no entry ever goes"),
    }
}

fn count_first(census: &mut Census, segment: Segment, outcome: Outcome, after: Option<Entry>) {
    let construct = match (segment, after.map(|entry| entry.opener), outcome) {
        (_, Some(Opener::Unknown), _) => C::FlowOpenerUnknown,
        (Segment::MidStream, Some(Opener::Pod | Opener::Peer), _) => C::FlowTaken,
        (_, Some(Opener::Pod), _) => C::FlowOpenedByPod,
        (_, Some(Opener::Peer), _) => C::FlowOpenedByPeer,
        (Segment::Opens, None, _) => C::FlowOpeningDenied,
        (Segment::MidStream, None, Outcome::Pass) => C::FlowPassedBy,
        (Segment::MidStream, None, Outcome::Drop) => C::FlowMidStreamDenied,
        (Segment::NeverMakes, None, _) | (Segment::Alone, ..) => return,
    };
    census.note(construct);
}

fn count_next(
    census: &mut Census,
    [before, after]: [Entry; 2],
    current: bool,
    segment: Segment,
    outcome: Outcome,
) {
    let judged_again = !current && before.opener == after.opener && before.generation != after.generation;
    census.note_if(judged_again && before.opener == Opener::Unknown, C::FlowUnknownJudged);
    census.note_if(before.opener != after.opener, C::FlowReplaced);
    let refused = segment == Segment::Opens && before == after && outcome == Outcome::Drop;
    census.note_if(refused && !before.denied, C::FlowKept);
    let construct = match (judged_again, before.denied, after.denied) {
        (true, false, false) => C::FlowJudgedAgain,
        (true, false, true) => C::FlowMarked,
        (_, true, false) => C::FlowRevived,
        (false, false, _) => C::FlowFollowed,
        (_, true, true) => C::FlowFollowedDenied,
    };
    census.note(construct);
}
