//! Frames that nobody built: arbitrary bytes, and the table's frames with a few bytes changed.

use enforcer_common::Direction;
use proptest::{collection, prelude::*, sample};

use super::cases;

/// A frame and its way.
#[derive(Debug, Clone)]
pub struct Sent {
    /// From the Ethernet header on.
    pub frame: Vec<u8>,
    /// The way it travels.
    pub direction: Direction,
}

/// Some frames.
pub fn noise() -> impl Strategy<Value = Vec<Sent>> {
    collection::vec(prop_oneof![arbitrary(), labelled(), mutated()], 1..12)
}

fn direction() -> impl Strategy<Value = Direction> {
    sample::select(vec![Direction::Ingress, Direction::Egress])
}

fn arbitrary() -> BoxedStrategy<Sent> {
    let frame = collection::vec(any::<u8>(), 0..200);
    (frame, direction()).prop_map(|(frame, direction)| Sent { frame, direction }).boxed()
}

/// Arbitrary bytes behind an EtherType that is parsed, with a version that is believed.
fn labelled() -> BoxedStrategy<Sent> {
    let kinds = sample::select(vec![([8, 0], 0x45), ([8, 0], 0x46), ([8, 6], 0), ([0x86, 0xdd], 0x60)]);
    (collection::vec(any::<u8>(), 15..200), kinds, direction())
        .prop_map(|(mut frame, (ether_type, first), direction)| {
            for (to, from) in frame.iter_mut().skip(12).zip([ether_type[0], ether_type[1], first]) {
                *to = from;
            }
            Sent { frame, direction }
        })
        .boxed()
}

/// A frame of the table, some bytes flipped or set, perhaps cut or padded.
fn mutated() -> BoxedStrategy<Sent> {
    let frames: Vec<Sent> = cases()
        .into_iter()
        .flat_map(|case| case.steps)
        .map(|step| Sent { frame: step.frame, direction: step.direction.into() })
        .collect();
    let changes = collection::vec((any::<sample::Index>(), any::<u8>()), 0..4);
    let cut = proptest::option::weighted(0.3, any::<sample::Index>());
    let padding = collection::vec(any::<u8>(), 0..8);
    (sample::select(frames), changes, cut, padding)
        .prop_map(|(mut sent, changes, cut, padding)| {
            for (at, value) in changes {
                let at = at.index(sent.frame.len());
                sent.frame.iter_mut().skip(at).take(1).for_each(|byte| *byte ^= value);
            }
            match cut {
                Some(cut) => sent.frame.truncate(cut.index(sent.frame.len())),
                None => sent.frame.extend(padding),
            }
            sent
        })
        .boxed()
}
