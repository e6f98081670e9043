//! The tables on the host: `decide` over a [`TableImage`], with flows, counters and events kept in memory.
//!
//! For tests, and for asking what an image would do to a packet. Same `decide`, same layouts as in the kernel.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    net::IpAddr,
    rc::Rc,
};

use enforcer_common::{
    Direction, Reason, Verdict, decide,
    event::DropEvent,
    flow::{FlowEntry, FlowState},
    fragment::Remembered,
    packet::{Context, Origin, Packet},
    tables::{
        Endpoint, FamilyTables, FlowKey4, FlowKey6, Interval, PolicyGeneration, Row, RowKey, Tables, V4, V6,
    },
};

use crate::{
    plan::TableImage,
    tuple::{FlowKey, FlowTuple, Found},
};

/// The interface index that a test run shows to the program: the loopback's.
pub const TRIAL_INTERFACE: u32 = 1;

/// Tables in memory.
#[derive(Debug, Default)]
pub struct HostTables {
    /// What the agent writes.
    pub image: TableImage,
    /// How many confirmed flows an endpoint may have; `None` is no limit.
    pub budget: Option<u32>,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    confirmed4: BTreeMap<FlowKey4, Rc<FlowEntry>>,
    confirmed6: BTreeMap<FlowKey6, Rc<FlowEntry>>,
    opening4: BTreeMap<FlowKey4, Rc<FlowEntry>>,
    opening6: BTreeMap<FlowKey6, Rc<FlowEntry>>,
    fragments4: BTreeMap<FlowKey4, Remembered>,
    fragments6: BTreeMap<FlowKey6, Remembered>,
    counters: BTreeMap<(Direction, Option<Reason>), u64>,
    events: Vec<DropEvent>,
    spent: BTreeMap<u16, u32>,
    unconfirmed: u64,
}

/// A frame at an endpoint.
#[derive(Debug, Clone)]
pub struct Frame<'a> {
    /// From the Ethernet header on.
    pub bytes: &'a [u8],
    /// Interface index of the endpoint.
    pub interface: u32,
    /// The way it travels.
    pub direction: Direction,
    /// Who sent it, as far as that can be proved.
    pub origin: Origin,
    /// Jiffies.
    pub now: u32,
    /// Nanoseconds since boot.
    pub time: u64,
    /// The token that it was stamped with, for programs that it comes by later.
    pub token: Cell<Option<u16>>,
}

impl HostTables {
    /// Tables with this content and no flows.
    #[must_use]
    pub fn new(image: TableImage) -> Self {
        Self { image, ..Self::default() }
    }

    /// Decides about a frame.
    pub fn decide(&self, frame: &Frame<'_>) -> Verdict {
        decide(frame, self)
    }

    /// Packets by direction and outcome; `None` passed.
    #[must_use]
    pub fn counters(&self) -> BTreeMap<(Direction, Option<Reason>), u64> {
        self.state.borrow().counters.clone()
    }

    /// The drop events since the last call.
    #[must_use]
    pub fn take_events(&self) -> Vec<DropEvent> {
        std::mem::take(&mut self.state.borrow_mut().events)
    }

    /// Packets whose flow could not be confirmed for lack of budget.
    #[must_use]
    pub fn unconfirmed(&self) -> u64 {
        self.state.borrow().unconfirmed
    }

    /// What the tables say of a flow.
    #[must_use]
    pub fn flow(&self, tuple: &FlowTuple, now: u32) -> Option<Found> {
        let (bytes, is_confirmed) = self.entry(tuple)?;
        Some(Found { is_confirmed, state: FlowState::from_bytes(&bytes, now) })
    }

    /// The bytes of a flow's entry, and whether it stands among the confirmed ones.
    #[must_use]
    pub fn entry(&self, tuple: &FlowTuple) -> Option<([u8; 64], bool)> {
        let state = self.state.borrow();
        let (confirmed, opening) = match tuple.key()? {
            FlowKey::V4(key) => (state.confirmed4.get(&key), state.opening4.get(&key)),
            FlowKey::V6(key) => (state.confirmed6.get(&key), state.opening6.get(&key)),
        };
        Some((confirmed.or(opening)?.to_bytes(), confirmed.is_some()))
    }

    /// Forgets one flow.
    pub fn forget_flow(&self, tuple: &FlowTuple) {
        let mut state = self.state.borrow_mut();
        match tuple.key() {
            Some(FlowKey::V4(key)) => {
                state.confirmed4.remove(&key);
                state.opening4.remove(&key);
            }
            Some(FlowKey::V6(key)) => {
                state.confirmed6.remove(&key);
                state.opening6.remove(&key);
            }
            None => {}
        }
    }

    /// Flow entries: opening and confirmed.
    #[must_use]
    pub fn flows(&self) -> (usize, usize) {
        let state = self.state.borrow();
        (state.opening4.len() + state.opening6.len(), state.confirmed4.len() + state.confirmed6.len())
    }
}

impl Packet for Frame<'_> {
    fn length(&self) -> u32 {
        u32::try_from(self.bytes.len()).unwrap_or(u32::MAX)
    }

    fn read<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.bytes.get(offset..)?.first_chunk().copied()
    }
}

impl Context for Frame<'_> {
    fn interface(&self) -> u32 {
        self.interface
    }

    fn direction(&self) -> Direction {
        self.direction
    }

    fn now(&self) -> u32 {
        self.now
    }

    fn time(&self) -> u64 {
        self.time
    }

    fn origin(&self) -> Origin {
        self.origin
    }

    fn stamp(&self, token: u16) {
        self.token.set(Some(token));
    }
}

impl Tables for HostTables {
    fn endpoint(&self, interface: u32) -> Option<Endpoint> {
        // Through the packed form, so that the layout is part of what is tested.
        Endpoint::unpack(self.image.endpoints.get(&interface)?.pack(interface), interface)
    }

    fn generation(&self, slot: u16) -> u32 {
        self.image.generations.get(&slot).copied().unwrap_or(0)
    }

    fn policy_generation(&self, slot: u16, half: bool) -> PolicyGeneration {
        let cell = self.image.policy_generations.get(&(slot, half)).copied().unwrap_or_default();
        PolicyGeneration::unpack(cell.pack())
    }

    fn row(&self, key: RowKey) -> Option<Row> {
        self.image.rows.get(&key).map(|row| Row::unpack(row.pack()))
    }

    fn interval(&self, index: u32) -> Option<Interval> {
        self.image.intervals.get(&index).map(|interval| Interval::unpack(interval.pack()))
    }

    fn has_budget(&self, slot: u16) -> bool {
        let mut state = self.state.borrow_mut();
        let spent = state.spent.get(&slot).copied().unwrap_or(0);
        let is_left = self.budget.is_none_or(|budget| spent < budget);
        state.unconfirmed += u64::from(!is_left);
        is_left
    }

    fn spend(&self, slot: u16) {
        *self.state.borrow_mut().spent.entry(slot).or_insert(0) += 1;
    }

    fn count(&self, direction: Direction, reason: Option<Reason>) {
        *self.state.borrow_mut().counters.entry((direction, reason)).or_insert(0) += 1;
    }

    fn report(&self, event: impl FnOnce() -> DropEvent) {
        self.state.borrow_mut().events.push(event());
    }
}

macro_rules! family_tables {
    ($family:ty, $address:ty, $key:ty, $confirmed:ident, $opening:ident, $fragments:ident) => {
        impl FamilyTables<$family> for HostTables {
            type Entry = Rc<FlowEntry>;

            fn is_own(&self, interface: u32, address: $address) -> bool {
                self.image.is_own(interface, IpAddr::from(address))
            }

            fn class(&self, address: $address) -> u32 {
                self.image.class(IpAddr::from(address))
            }

            fn confirmed(&self, key: &$key) -> Option<Rc<FlowEntry>> {
                self.state.borrow().$confirmed.get(key).cloned()
            }

            fn opening(&self, key: &$key) -> Option<Rc<FlowEntry>> {
                self.state.borrow().$opening.get(key).cloned()
            }

            fn open(&self, key: &$key, entry: &FlowEntry) {
                self.state.borrow_mut().$opening.insert(*key, Rc::new(entry.clone()));
            }

            fn confirm(&self, key: &$key, entry: &Rc<FlowEntry>) -> bool {
                let mut state = self.state.borrow_mut();
                // As in the kernel: an entry that is there already stays, and so does this one.
                if state.$confirmed.contains_key(key) {
                    state.unconfirmed += 1;
                    return false;
                }
                state.$confirmed.insert(*key, Rc::new(entry.as_ref().clone()));
                state.$opening.remove(key);
                true
            }

            fn first_fragment(&self, key: &$key) -> Option<Remembered> {
                self.state.borrow().$fragments.get(key).copied()
            }

            fn remember_fragment(&self, key: &$key, first: &Remembered) {
                self.state.borrow_mut().$fragments.insert(*key, *first);
            }
        }
    };
}

family_tables!(V4, [u8; 4], FlowKey4, confirmed4, opening4, fragments4);
family_tables!(V6, [u8; 16], FlowKey6, confirmed6, opening6, fragments6);
