//! What a packet's proven origin entitles it to (DESIGN 3.3, 3.4).

use crate::{
    flow::Ground,
    packet::{Context, Origin},
};

/// The ground on which a packet towards the pod in this slot passes above the rules, if its origin is one.
#[inline(always)]
pub(super) fn ground<P: Context>(packet: &P, slot: u16) -> Ground {
    match packet.origin() {
        Origin::Node => Ground::Node,
        Origin::Pod(token) if token == token_of(slot) => Ground::Own,
        Origin::Pod(_) | Origin::Elsewhere => Ground::Rules,
    }
}

/// The token of an endpoint: never 0, which is what an unmarked packet carries.
#[inline(always)]
pub(super) const fn token_of(slot: u16) -> u16 {
    slot.wrapping_add(1)
}
