//! The layouts of keys and values in the kernel's tables, and the traits by which `decide` reads them.
//!
//! A value that decides is one `u64`, so that one load reads all of it: elements of hash tables are
//! recycled under readers. To overwrite a value is to insert an element and to free the old one, which the
//! next write on that CPU takes, whosever it is: so values that are overwritten prove whose they are. A class that
//! is another address's is looked up again (while elements move, a look-up may also miss one that is always
//! there, so a miss is looked up again too); an endpoint's value that is another's counts as missing, which
//! drops the packet. The agent's side of the same rule is that nothing is inserted
//! after a delete before every program that ran at the delete has ended. Flow entries are recycled by the
//! kernel itself (LRU), so they carry a fingerprint of their key ([`crate::flow::FlowEntry`]).
//!
//! Addresses in keys are in network byte order, ports are numbers.

pub mod capacity;
pub mod counter;
mod endpoint;
mod family;
mod row;

use core::ops::Deref;

pub use endpoint::{Endpoint, OwnKey, PolicyGeneration, pack_class, unpack_class};
pub use family::{Family, FlowKey4, FlowKey6, Ports, REMOTE_ASKS, V4, V6, endpoint_and_kind};
pub use row::{DEFAULT_CLASS, Interval, Row, RowKey, Ruling, point};

use crate::{Direction, Reason, event::DropEvent, flow::FlowEntry, fragment::Remembered};

/// The tables that do not depend on the address family.
pub trait Tables {
    /// The endpoint of an interface.
    fn endpoint(&self, interface: u32) -> Option<Endpoint>;
    /// The current generation of a slot.
    fn generation(&self, slot: u16) -> u32;
    /// One of the two policy generations of a slot.
    fn policy_generation(&self, slot: u16, half: bool) -> PolicyGeneration;
    /// A row.
    fn row(&self, key: RowKey) -> Option<Row>;
    /// One interval.
    fn interval(&self, index: u32) -> Option<Interval>;
    /// Whether the endpoint may have one more confirmed flow; counted when it may not.
    fn has_budget(&self, slot: u16) -> bool;
    /// Takes one confirmed flow out of the endpoint's budget.
    fn spend(&self, slot: u16);
    /// Counts a packet: `None` passed.
    fn count(&self, direction: Direction, reason: Option<Reason>);
    /// Reports a drop. The event is made where it is to lie, since it is large for a kernel program's stack.
    fn report(&self, event: impl FnOnce() -> DropEvent);
}

/// The tables of one address family.
pub trait FamilyTables<F: Family> {
    /// How an entry is reached in place.
    type Entry: Deref<Target = FlowEntry>;

    /// Whether this is an address of the endpoint, or lies in one of its prefixes.
    fn is_own(&self, interface: u32, address: F::Address) -> bool;
    /// The class of a remote address; [`DEFAULT_CLASS`] when nothing names it.
    fn class(&self, address: F::Address) -> u32;
    /// A flow of which both directions were seen.
    fn confirmed(&self, key: &F::FlowKey) -> Option<Self::Entry>;
    /// A flow of which one direction was seen.
    fn opening(&self, key: &F::FlowKey) -> Option<Self::Entry>;
    /// Puts a new flow into the opening table.
    fn open(&self, key: &F::FlowKey, entry: &FlowEntry);
    /// Moves a flow to the confirmed table; `false`, and it stays where it is, when there is no room.
    fn confirm(&self, key: &F::FlowKey, entry: &Self::Entry) -> bool;
    /// What became of the first fragment of a packet.
    fn first_fragment(&self, key: &F::FlowKey) -> Option<Remembered>;
    /// Remembers what became of a first fragment, in place of what is remembered under its key.
    fn remember_fragment(&self, key: &F::FlowKey, first: &Remembered);
}
