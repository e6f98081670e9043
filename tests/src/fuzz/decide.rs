//! Frames and changes of the cluster over images of arbitrary small clusters.

use std::{cell::Cell, collections::BTreeMap, net::IpAddr, sync::LazyLock};

use enforcer::{
    compile::compile,
    host::{Frame, HostTables},
    model::{self, Protocol},
    plan::{MapImage, MapOp, diff, plan},
    store::Cluster,
};
use enforcer_common::{Direction, Reason, Verdict, packet::Origin};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use super::bytes::Bytes;
use crate::{
    compare::endpoints,
    frame::{self, Packet, SctpChunk, TcpFlags, Transport},
    generate::{cluster, universe},
};

/// Scenes to choose from.
const SCENES: usize = 12;
/// Clusters of a scene, one after the other.
const CLUSTERS: usize = 4;

/// What a node makes of some clusters in a row. Planned beforehand: it takes a thousand times as long as a packet.
struct Scene {
    /// Of the first.
    image: MapImage,
    /// From each to the next.
    writes: Vec<MapOp>,
}

/// Nanoseconds of a jiffy, at 250 a second.
const TICK: u64 = 4_000_000;

/// They are the same in each run.
static PLANNED: LazyLock<Vec<Scene>> = LazyLock::new(|| {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let clusters = std::iter::repeat_with(|| cluster().new_tree(&mut runner).map(|tree| tree.current()));
    let clusters: Vec<Cluster> = clusters.flatten().take(SCENES * CLUSTERS).collect();
    clusters.chunks(CLUSTERS).map(scene).collect()
});

fn scene(clusters: &[Cluster]) -> Scene {
    let mut scene = Scene { image: MapImage::default(), writes: Vec::new() };
    let mut previous = MapImage::default();
    for (number, cluster) in clusters.iter().enumerate() {
        let compiled = compile(cluster, &endpoints(cluster, 1));
        let mut next = plan(&previous, &compiled).expect("small clusters fit").image;
        if number == 0 {
            scene.image = next.clone();
        } else {
            scene.writes.extend(diff(&previous, &next));
        }
        next.release();
        previous = next;
    }
    scene
}

/// Plays an input: a scene, its writes one by one or some at a time, and frames between them.
///
/// # Panics
/// When an event or a counter is not what the verdict says.
pub fn decide(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let Some(scene) = PLANNED.get(usize::from(bytes.byte()) % SCENES) else { return };
    let mut tables = HostTables::new(scene.image.tables.clone());
    let mut writes = scene.writes.iter();
    let mut now: u32 = 0;
    while !bytes.is_empty() {
        let choice = bytes.byte();
        let direction = if choice & 1 == 0 { Direction::Ingress } else { Direction::Egress };
        let origin = match choice >> 1 & 3 {
            0 | 1 => Origin::Elsewhere,
            2 => Origin::Node,
            _ => Origin::Pod(u16::from(bytes.byte())),
        };
        now = now.wrapping_add(match choice >> 3 & 3 {
            0 | 1 => 0,
            2 => u32::from(bytes.byte()),
            _ => u32::from(bytes.word()) << 8,
        });
        let frame = match choice >> 5 {
            0 => {
                for write in writes.by_ref().take(usize::from(bytes.byte())) {
                    tables.image.apply(write);
                }
                continue;
            }
            1 => {
                let length = usize::from(bytes.byte());
                bytes.take(length).to_vec()
            }
            2 => mangled(&mut bytes, direction),
            _ => described(&mut bytes, direction).map(|packet| frame::ethernet(&packet)).unwrap_or_default(),
        };
        let interface = u32::from(bytes.byte() % 10);
        let time = u64::from(now) * TICK;
        judge(
            &tables,
            &Frame { bytes: &frame, interface, direction, origin, now, time, token: Cell::default() },
        );
    }
}

fn judge(tables: &HostTables, frame: &Frame<'_>) {
    let before = tables.counters();
    let verdict = tables.decide(frame);
    let events = tables.take_events();
    let outcome = match verdict {
        Verdict::Pass => {
            assert!(events.is_empty(), "passed with {events:?}");
            None
        }
        Verdict::Drop(reason) => {
            assert_eq!(events.len(), 1, "{reason:?} with {events:?}");
            let Some(event) = events.first() else { return };
            assert_eq!(Reason::from_number(event.reason), Some(reason));
            assert_eq!(Direction::from_number(event.direction), Some(frame.direction));
            assert_eq!(event.endpoint, frame.interface);
            assert_eq!(usize::try_from(event.length).ok(), Some(frame.bytes.len()));
            assert_ne!(reason, Reason::Inconsistent, "the tables are whole");
            Some(reason)
        }
    };
    let mut expected: BTreeMap<_, u64> = before;
    *expected.entry((frame.direction, outcome)).or_default() += 1;
    assert_eq!(tables.counters(), expected);
}

/// A packet between addresses of the universe.
fn described(bytes: &mut Bytes<'_>, direction: Direction) -> Option<Packet> {
    let addresses = universe::addresses();
    let local = bytes.pick(&addresses)?;
    let family: Vec<IpAddr> =
        addresses.into_iter().filter(|address| address.is_ipv4() == local.is_ipv4()).collect();
    let remote = bytes.pick(&family)?;
    let carrier = bytes.byte();
    let (own, other) = (bytes.pick(&universe::PORTS)?, bytes.pick(&universe::PORTS)?);
    let transport = match Protocol::ALL.get(usize::from(carrier % 5)) {
        Some(Protocol::Tcp) => Transport::Tcp { local: own, remote: other, flags: TcpFlags(bytes.byte()) },
        Some(Protocol::Udp) => Transport::Udp { local: own, remote: other },
        Some(Protocol::Sctp) => Transport::Sctp { local: own, remote: other, chunk: SctpChunk(bytes.byte()) },
        None if carrier % 5 == 3 => {
            Transport::Icmp { kind: bytes.byte(), code: bytes.byte(), identifier: own }
        }
        None => Transport::Other { protocol: bytes.byte() },
    };
    let direction = match direction {
        Direction::Ingress => model::Direction::Ingress,
        Direction::Egress => model::Direction::Egress,
    };
    Some(Packet { direction, local, remote, transport })
}

/// The same with some bytes changed, and perhaps cut.
fn mangled(bytes: &mut Bytes<'_>, direction: Direction) -> Vec<u8> {
    let Some(packet) = described(bytes, direction) else { return Vec::new() };
    let mut frame = frame::ethernet(&packet);
    for _ in 0..bytes.byte() % 4 {
        let (at, value) = (usize::from(bytes.byte()), bytes.byte());
        if let Some(byte) = frame.get_mut(at) {
            *byte = value;
        }
    }
    let cut = usize::from(bytes.byte());
    if cut < 128 {
        frame.truncate(cut);
    }
    frame
}
