//! Fragments (DESIGN 3.6): the first one has the ports and is judged like a whole packet; the later ones follow it.
//!
//! What became of a first fragment is remembered under the tuple by which the receiver puts the packet together, so
//! that no later fragment can be joined to another first one than the one that was judged. A new first
//! fragment always overwrites. Later ones never touch a flow.
//!
//! The generation is read after the judgement here, not before it. That is safe because it moves on twice: what was
//! judged by old rules has ended before the second step, and so cannot carry the last generation.

use super::{Outcome, origin::ground};
use crate::{
    Direction, Reason,
    flow::Ground,
    fragment::Remembered,
    packet::{Context, Header, Packet, protocol},
    tables::{Endpoint, Family, FamilyTables, Ports, Tables},
};

/// Seconds for which a first fragment speaks for the later ones: as long as Linux waits for them
/// (`net.ipv4.ipfrag_time`).
const LIFE: u32 = 30;

/// What a later fragment gets at an endpoint with rules.
#[inline(always)]
pub(super) fn follow<F: Family, P: Packet + Context, T: Tables + FamilyTables<F>>(
    packet: &P,
    tables: &T,
    header: &Header<F::Address>,
    endpoint: Endpoint,
    generation: u32,
) -> Outcome {
    if packet.direction() == Direction::Ingress && ground(packet, endpoint.slot) != Ground::Rules {
        return Outcome::PASS;
    }
    let key = key::<F, P>(packet, header);
    let Some(first) = tables.first_fragment(&key) else { return Outcome::of(Reason::Fragment) };
    let is_current = first.generation() == generation
        && first.tag() == Remembered::tag_of(F::fingerprint(&key))
        && seconds(packet).wrapping_sub(first.seconds()) <= LIFE;
    if !is_current || header.reach < first.reach() {
        return Outcome::of(Reason::Fragment);
    }
    match first.reason() {
        Some(reason) => Outcome::denied(reason, first.rule()),
        // Its origin let the first one pass, and this one does not prove the same.
        None if first.ground() != Ground::Rules => Outcome::of(Reason::Fragment),
        None => Outcome::PASS,
    }
}

/// Remembers what became of a first fragment.
#[inline(always)]
pub(super) fn remember<F: Family, P: Packet + Context, T: Tables + FamilyTables<F>>(
    packet: &P,
    tables: &T,
    header: &Header<F::Address>,
    outcome: Outcome,
) {
    let Some(endpoint) = tables.endpoint(packet.interface()) else { return };
    if !endpoint.has_rules() {
        return;
    }
    let (reason, rule) = match outcome.drop() {
        // The later ones have the same addresses.
        Some((Reason::Spoofed | Reason::NotMine, _)) => return,
        Some((reason, rule)) => (Some(reason), rule),
        None => (None, 0),
    };
    let ground = match (packet.direction(), reason) {
        (Direction::Ingress, None) => ground(packet, endpoint.slot),
        _ => Ground::Rules,
    };
    let key = key::<F, P>(packet, header);
    let generation = tables.generation(endpoint.slot);
    let tag = Remembered::tag_of(F::fingerprint(&key));
    let first = Remembered::new(generation, seconds(packet), tag, header.reach, reason, rule, ground);
    tables.remember_fragment(&key, &first);
}

/// RFC 791 puts fragments together by addresses, protocol and identification, RFC 8200 without the protocol.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the two halves of a word")]
fn key<F: Family, P: Context>(packet: &P, header: &Header<F::Address>) -> F::FlowKey {
    let kind = if F::BITS == 32 { header.protocol as u32 } else { protocol::FRAGMENT as u32 };
    let kind = kind | (packet.direction() as u32) << 8;
    let halves = Ports { local: (header.identification >> 16) as u16, remote: header.identification as u16 };
    F::flow_key(packet.interface(), header.source, header.destination, halves, kind)
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "seconds since boot, compared modulo 2³²")]
fn seconds<P: Context>(packet: &P) -> u32 {
    (packet.time() / 1_000_000_000) as u32
}
