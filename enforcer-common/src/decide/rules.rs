//! One question to the rules: the row of (rule set, direction, class), and its interval for the point of
//! (protocol, destination port).

use super::Outcome;
use crate::{
    Direction, Reason,
    packet::protocol,
    tables::{DEFAULT_CLASS, Endpoint, Interval, RowKey, Ruling, Tables, capacity, point},
};

/// What the rules of one direction say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) ruling: Ruling,
    pub(super) rule: u32,
}

/// Asks the rules of a direction. `port` is the destination port in that direction; it counts only for
/// protocols that have ports.
#[inline(always)]
pub(super) fn ask<T: Tables>(
    tables: &T,
    endpoint: Endpoint,
    direction: Direction,
    class: u32,
    protocol_number: u8,
    port: u16,
) -> Result<Answer, Outcome> {
    if !endpoint.isolates(direction) {
        return Ok(Answer { ruling: Ruling::Allow, rule: 0 });
    }
    let port = match protocol_number {
        protocol::TCP | protocol::UDP | protocol::SCTP => port,
        _ => 0,
    };
    let found = find(tables, endpoint.rule_set, direction, class, point(protocol_number, port));
    if found == NOT_FOUND {
        return Err(Outcome::of(Reason::Inconsistent));
    }
    let interval = Interval::unpack(found);
    Ok(Answer { ruling: interval.ruling, rule: interval.rule })
}

/// No interval packs to this: its start would be past every point.
const NOT_FOUND: u64 = u64::MAX;

/// The packed interval that holds a point, or [`NOT_FOUND`]: a binary search with a fixed bound. A function of
/// its own in the kernel too, which is why it takes and returns words: inlined, the verifier would walk
/// the search once for every state in which it is asked.
#[inline(never)]
fn find<T: Tables>(tables: &T, rule_set: u32, direction: Direction, class: u32, point: u32) -> u64 {
    // No row of its own: the rule set does not mention this class.
    let row = match tables.row(RowKey::new(rule_set, direction, class)) {
        Some(row) => row,
        None => match tables.row(RowKey::new(rule_set, direction, DEFAULT_CLASS)) {
            Some(row) => row,
            None => return NOT_FOUND,
        },
    };
    // Steps of falling powers of two: the verifier sees sixteen alike states, where a pair of closing bounds
    // would give it a new one at each turn.
    let mut low = 0;
    for step in (0..capacity::SEARCH_STEPS).rev() {
        let probe = low + (1 << step);
        if probe < row.len {
            let Some(interval) = tables.interval(row.start + probe) else { return NOT_FOUND };
            if interval.start <= point {
                low = probe;
            }
        }
    }
    tables.interval(row.start + low).map_or(NOT_FOUND, Interval::pack)
}
