//! Packets of both directions and a change of the rules, at the same time.
//!
//! Two CPUs carry a flow's two directions, and the agent writes while they do. The design asks that any interleaving
//! leaves a state that is at most as permissive as that of some order of the same events one after the other. Here a
//! packet is interrupted at each of its table accesses, in turn, by the whole of what comes at the same time: the other
//! packet, the change, or the other packet which is itself interrupted by the change, at each of its own accesses. What
//! counts is all verdicts: of both packets, and of whatever may come next.
//!
//! Two packets that write the one word that decides, or move the entry, leave what one of them wrote: without locks and
//! fetching atomics the other's is lost. So an order counts too in which one of the packets, or both, leave no trace, as
//! if they had been lost on the way here; the change never is. Nobody gains by that more than by not sending.
//!
//! A change is interrupted too, where it waits: it ends only when every packet that it has met has ended (the second
//! step of the generation, DESIGN section 5).
//!
//! What stands between two accesses is not interrupted: loads and stores of one entry's words. Why their order does not
//! matter: the word that decides is loaded once and stored once, whole. The rule beside it is only named in events. A
//! side is written by its own direction alone, but for a new flow's first packet, which clears both: a count or a flag
//! of the packet before may be lost or may come back by that. A flag that comes back says that the connection has ended,
//! and has the next SYN judged anew; one that is lost keeps a SYN of the opener from being judged by rules that the
//! entry's generation has been judged by already.

mod view;

use std::cell::Cell;

use enforcer::{
    host::{Frame, HostTables},
    plan::MapOp,
};
use enforcer_common::{Verdict, decide, packet::Origin};

use crate::frame::{self, Packet};
use view::{Shared, View};

/// A packet, and what proves where it comes from.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    /// As it is at the endpoint.
    pub packet: Packet,
    /// Its proof.
    pub origin: Origin,
}

/// What happens at the same time.
#[derive(Debug, Clone)]
pub struct Race {
    /// Both packets.
    pub packets: [Sent; 2],
    /// The writes of a change; none for none.
    pub change: Vec<MapOp>,
    /// What may come next, each by itself.
    pub next: Vec<Sent>,
}

/// All verdicts of one order of events: of both packets, then of what came next. `true` passes; a packet that is left
/// out does not.
pub type Verdicts = Vec<bool>;

/// How the events meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meeting {
    /// One after the other, in this order: 0 and 1 are the packets, 2 is the change.
    Serial(&'static [usize]),
    /// A packet is interrupted at one of its accesses by these, one after the other.
    Within(usize, usize, [Option<usize>; 2]),
    /// A packet is interrupted by the other one, which is interrupted by the change.
    Nested(usize, usize, usize),
}

const ORDERS: [&[usize]; 11] = [
    &[0, 1, 2],
    &[0, 2, 1],
    &[1, 0, 2],
    &[1, 2, 0],
    &[2, 0, 1],
    &[2, 1, 0],
    &[0, 2],
    &[2, 0],
    &[1, 2],
    &[2, 1],
    &[2],
];

impl Race {
    /// Every meeting that is not serial and the verdicts of each, beside the verdicts of every serial order. `tables`
    /// makes the tables as they are before.
    pub fn run(&self, tables: impl Fn() -> HostTables) -> (Vec<Verdicts>, Vec<(Meeting, Verdicts)>) {
        let serial = ORDERS.map(|order| self.verdicts(&tables, Meeting::Serial(order)));
        let mut met = Vec::new();
        for first in [0, 1] {
            let other = 1 - first;
            for interrupts in
                [[Some(other), None], [Some(2), None], [Some(other), Some(2)], [Some(2), Some(other)]]
            {
                // Until a place that the packet never comes to.
                for at in 0.. {
                    let meeting = Meeting::Within(first, at, interrupts);
                    let Some(verdicts) = self.play(&tables, meeting) else { break };
                    met.push((meeting, verdicts));
                }
            }
            for at in 0.. {
                let mut was_interrupted = false;
                for inner in 0.. {
                    let meeting = Meeting::Nested(first, at, inner);
                    let Some(verdicts) = self.play(&tables, meeting) else { break };
                    was_interrupted = true;
                    met.push((meeting, verdicts));
                }
                if !was_interrupted {
                    break;
                }
            }
        }
        (serial.to_vec(), met)
    }

    fn verdicts(&self, tables: &impl Fn() -> HostTables, meeting: Meeting) -> Verdicts {
        self.play(tables, meeting).unwrap_or_default()
    }

    /// `None` when an interruption finds no place.
    fn play(&self, tables: &impl Fn() -> HostTables, meeting: Meeting) -> Option<Verdicts> {
        let mut verdicts = Vec::new();
        // What comes next is tried on the same past each time: trying leaves traces.
        for next in std::iter::once(None).chain(self.next.iter().map(Some)) {
            let shared = Shared::new(tables());
            let both = self.meet(&shared, meeting)?;
            match next {
                None => verdicts.extend(both),
                Some(next) => verdicts.push(passes(&View::of(&shared), next)),
            }
        }
        Some(verdicts)
    }

    fn meet(&self, shared: &Shared, meeting: Meeting) -> Option<[bool; 2]> {
        let mut verdicts = [false; 2];
        let [one, other] = &self.packets;
        let packet = |number: usize| if number == 0 { one } else { other };
        let place = |verdicts: &mut [bool; 2], number: usize, passes: bool| {
            if let Some(place) = verdicts.get_mut(number) {
                *place = passes;
            }
        };
        match meeting {
            Meeting::Serial(order) => {
                for event in order.iter().copied() {
                    if event == 2 {
                        self.change(shared, true);
                        self.change(shared, false);
                    } else {
                        let passed = passes(&View::of(shared), packet(event));
                        place(&mut verdicts, event, passed);
                    }
                }
                return Some(verdicts);
            }
            Meeting::Within(first, at, interrupts) => {
                let inside = Cell::new(None);
                let interrupt = || {
                    for event in interrupts.into_iter().flatten() {
                        if event == 2 {
                            self.change(shared, true);
                        } else {
                            inside.set(Some(passes(&View::of(shared), packet(event))));
                        }
                    }
                };
                let view = View::interrupted(shared, at, &interrupt);
                let passed = passes(&view, packet(first));
                if !view.was_interrupted() {
                    return None;
                }
                place(&mut verdicts, first, passed);
                // What did not come inside comes after.
                if !interrupts.contains(&Some(2)) {
                    self.change(shared, true);
                }
                self.change(shared, false);
                let other = 1 - first;
                let passed = inside.get().unwrap_or_else(|| passes(&View::of(shared), packet(other)));
                place(&mut verdicts, other, passed);
            }
            Meeting::Nested(first, at, inner) => {
                let inside = Cell::new(None);
                let change = || self.change(shared, true);
                let interrupt = || {
                    let view = View::interrupted(shared, inner, &change);
                    let passed = passes(&view, packet(1 - first));
                    inside.set(Some((passed, view.was_interrupted())));
                };
                let view = View::interrupted(shared, at, &interrupt);
                let passed = passes(&view, packet(first));
                let (within, true) = inside.get()? else { return None };
                place(&mut verdicts, first, passed);
                place(&mut verdicts, 1 - first, within);
                self.change(shared, false);
            }
        }
        Some(verdicts)
    }

    /// The writes up to the first wait for packets in flight, or those after it.
    fn change(&self, shared: &Shared, until_grace: bool) {
        let grace = self.change.iter().position(|op| *op == MapOp::Grace).unwrap_or(self.change.len());
        let (before, after) = self.change.split_at(grace);
        for op in if until_grace { before } else { after } {
            shared.write(op);
        }
    }
}

fn passes(view: &View<'_>, sent: &Sent) -> bool {
    let bytes = frame::ethernet(&sent.packet);
    let frame = Frame {
        bytes: &bytes,
        interface: 1,
        direction: sent.packet.direction.into(),
        origin: sent.origin,
        now: 0,
        time: 0,
        token: Cell::default(),
    };
    decide(&frame, view) == Verdict::Pass
}

/// Whether some serial order leaves a state that lets everything pass that passes here afterwards; and each of the two
/// packets passes in some serial order if it passes here. (Not in the same one: the packet that passes before a change may
/// be the one that leaves no trace.)
#[must_use]
pub fn is_covered(verdicts: &Verdicts, serial: &[Verdicts]) -> bool {
    let covers = |order: &Verdicts, places: std::ops::Range<usize>| {
        let of = |verdicts: &Verdicts| verdicts.get(places.clone()).unwrap_or_default().to_vec();
        of(order).into_iter().zip(of(verdicts)).all(|(serially, here)| serially || !here)
    };
    [0..1, 1..2, 2..verdicts.len()]
        .into_iter()
        .all(|places| serial.iter().any(|order| covers(order, places.clone())))
}
