//! The verdict. One function for kernel and host; DESIGN section 3 is its specification.
//!
//! The fast path is an established flow: one lookup in the confirmed table, one read of the generation,
//! one note in the entry (`fast`). Everything else goes through the parser and `judge`.

mod error;
mod fast;
mod first;
mod fragment;
mod judge;
mod known;
mod link;
mod origin;
mod rules;

pub use fast::fast;
use origin::{ground, token_of};

use crate::{
    Direction, Reason, Verdict,
    event::{Cause, DropEvent},
    flow::Ground,
    packet::{self, Context, Header, Packet, Part, ether_type},
    tables::{Family, FamilyTables, Tables, V4, V6},
};

/// All that `decide` needs to read and write.
pub trait AllTables: Tables + FamilyTables<V4> + FamilyTables<V6> {}
impl<T: Tables + FamilyTables<V4> + FamilyTables<V6>> AllTables for T {}

/// What becomes of a packet, in one word: 0 passes; else the reason, and below it the rule that asked for the
/// drop. One word, because a variant without the other's fields leaves these undefined where both
/// paths meet, and the verifier refuses to copy what was never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Outcome(u64);

impl Outcome {
    const PASS: Self = Self(0);

    const fn denied(reason: Reason, rule: u32) -> Self {
        Self((reason as u64) << 32 | rule as u64)
    }

    const fn of(reason: Reason) -> Self {
        Self::denied(reason, 0)
    }

    /// The reason and the rule of a drop.
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "each field is cut out of the word by its width")]
    fn drop(self) -> Option<(Reason, u32)> {
        if self == Self::PASS {
            return None;
        }
        let reason = Reason::from_number((self.0 >> 32) as u8).unwrap_or(Reason::Inconsistent);
        Some((reason, self.0 as u32))
    }
}

/// Decides about one packet, counts it, and reports it when it is dropped: [`fast()`], else [`thorough`].
#[inline(always)]
pub fn decide<P: Packet + Context, T: AllTables>(packet: &P, tables: &T) -> Verdict {
    if fast(packet, tables) { Verdict::Pass } else { thorough(packet, tables) }
}

/// The long way, for what [`fast()`] did not pass. The kernel programs call its branches as functions of their own: what
/// one family has on the stack, the other need not have room for.
#[inline(always)]
pub fn thorough<P: Packet + Context, T: AllTables>(packet: &P, tables: &T) -> Verdict {
    packet.gather();
    let (ether_type, start) = packet::ethernet(packet);
    match ether_type {
        ether_type::IPV4 => ipv4(packet, tables, start),
        ether_type::IPV6 => ipv6(packet, tables, start),
        _ => other(packet, tables, ether_type, start),
    }
}

/// An IPv4 packet whose header begins at `start`.
#[inline(always)]
pub fn ipv4<P: Packet + Context, T: AllTables>(packet: &P, tables: &T, start: usize) -> Verdict {
    ip::<V4, P, T>(packet, tables, packet::parse_ipv4(packet, start), ether_type::IPV4)
}

/// An IPv6 packet whose header begins at `start`.
#[inline(always)]
pub fn ipv6<P: Packet + Context, T: AllTables>(packet: &P, tables: &T, start: usize) -> Verdict {
    ip::<V6, P, T>(packet, tables, packet::parse_ipv6(packet, start), ether_type::IPV6)
}

/// A frame of another type, whose content begins at `start`.
#[inline(always)]
pub fn other<P: Packet + Context, T: AllTables>(
    packet: &P,
    tables: &T,
    ether_type: u16,
    start: usize,
) -> Verdict {
    let outcome = match ether_type {
        ether_type::ARP => link::arp(packet, tables, start),
        _ => unparsed(packet, tables, Reason::EtherType),
    };
    bare(packet, tables, ether_type, outcome)
}

// The two ways to an end are kept apart on purpose: one that took "the header, if there is one" would make
// the compiler carry a pointer into the packet that may be null, which the verifier refuses to follow.

#[inline(always)]
fn ip<F: Family, P: Packet + Context, T: Tables + FamilyTables<F>>(
    packet: &P,
    tables: &T,
    header: Option<Header<F::Address>>,
    ether_type: u16,
) -> Verdict {
    let Some(header) = header else {
        return bare(packet, tables, ether_type, unparsed(packet, tables, Reason::Malformed));
    };
    let header = header.sealed(packet);
    let outcome = judge::judge::<F, P, T>(packet, tables, &header);
    if header.part == Part::First {
        fragment::remember::<F, P, T>(packet, tables, &header, outcome);
    }
    match outcome.drop() {
        None => pass(packet, tables),
        Some((reason, rule)) => {
            let cause = cause(packet, tables, reason, rule);
            drop(packet, tables, reason, || DropEvent {
                family: if F::BITS == 32 { 4 } else { 6 },
                protocol: header.protocol,
                tcp_flags: header.tcp_flags,
                source_port: header.source_port,
                destination_port: header.destination_port,
                source: F::widen(header.source),
                destination: F::widen(header.destination),
                ..event(packet, ether_type, cause)
            })
        }
    }
}

/// The end of a packet of which no addresses are known.
#[inline(always)]
fn bare<P: Packet + Context, T: Tables>(
    packet: &P,
    tables: &T,
    ether_type: u16,
    outcome: Outcome,
) -> Verdict {
    if packet.direction() == Direction::Egress {
        packet.stamp(token_of(tables.endpoint(packet.interface()).unwrap_or_default().slot));
    }
    match outcome.drop() {
        None => pass(packet, tables),
        Some((reason, rule)) => {
            let cause = cause(packet, tables, reason, rule);
            drop(packet, tables, reason, || event(packet, ether_type, cause))
        }
    }
}

#[inline(always)]
fn pass<P: Context, T: Tables>(packet: &P, tables: &T) -> Verdict {
    tables.count(packet.direction(), None);
    Verdict::Pass
}

#[inline(always)]
fn drop<P: Context, T: Tables>(
    packet: &P,
    tables: &T,
    reason: Reason,
    event: impl FnOnce() -> DropEvent,
) -> Verdict {
    tables.count(packet.direction(), Some(reason));
    tables.report(event);
    Verdict::Drop(reason)
}

/// What cannot be parsed is dropped where there are rules, and only there; the node's own passes there too.
#[inline(always)]
fn unparsed<P: Context, T: Tables>(packet: &P, tables: &T, reason: Reason) -> Outcome {
    match tables.endpoint(packet.interface()) {
        None => Outcome::of(Reason::UnknownEndpoint),
        Some(endpoint) if endpoint.has_rules() => {
            let is_proved =
                packet.direction() == Direction::Ingress && ground(packet, endpoint.slot) != Ground::Rules;
            if is_proved { Outcome::PASS } else { Outcome::of(reason) }
        }
        Some(_) => Outcome::PASS,
    }
}

/// What decided, for the event.
#[inline(always)]
fn cause<P: Context, T: Tables>(packet: &P, tables: &T, reason: Reason, rule: u32) -> Cause {
    let slot = tables.endpoint(packet.interface()).unwrap_or_default().slot;
    Cause { reason, direction: packet.direction(), rule, slot, generation: tables.generation(slot) }
}

/// A drop event without addresses.
#[inline(always)]
fn event<P: Packet + Context>(packet: &P, ether_type: u16, cause: Cause) -> DropEvent {
    DropEvent::new(packet.time(), packet.interface(), packet.length(), ether_type, cause)
}
