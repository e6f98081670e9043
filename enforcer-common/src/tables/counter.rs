//! Places in the table of counters.

use crate::{Direction, Reason};

/// Events that found no room in the ring.
pub const LOST: u32 = 0;
/// Packets whose flow could not be confirmed, for lack of budget or of room.
pub const UNCONFIRMED: u32 = 1;
/// How many counters there are.
pub const LEN: u32 = 2 + 2 * (Reason::Inconsistent as u32 + 1);

/// The counter of packets with this outcome; `None` passed.
#[must_use]
#[inline(always)]
pub const fn index(direction: Direction, reason: Option<Reason>) -> u32 {
    let outcome = match reason {
        None => 0,
        Some(reason) => reason as u32,
    };
    2 + outcome * 2 + direction as u32
}
