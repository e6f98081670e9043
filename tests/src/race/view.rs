//! One packet's way to the tables, with a place at which something else comes in between.

use std::{cell::Cell, cell::RefCell, rc::Rc};

use enforcer::{host::HostTables, plan::MapOp};
use enforcer_common::{
    Direction, Reason,
    event::DropEvent,
    flow::FlowEntry,
    fragment::Remembered,
    tables::{
        Endpoint, Family, FamilyTables, FlowKey4, FlowKey6, Interval, PolicyGeneration, Row, RowKey, Tables,
        V4, V6,
    },
};

/// The tables that all packets and the change have in common.
pub(super) struct Shared(RefCell<HostTables>);

impl Shared {
    pub(super) fn new(tables: HostTables) -> Self {
        Self(RefCell::new(tables))
    }

    pub(super) fn write(&self, op: &MapOp) {
        self.0.borrow_mut().image.apply(op);
    }
}

/// What one packet sees.
pub(super) struct View<'a> {
    shared: &'a Shared,
    accesses: Cell<usize>,
    interrupt: Option<(usize, &'a dyn Fn())>,
}

impl<'a> View<'a> {
    pub(super) fn of(shared: &'a Shared) -> Self {
        Self { shared, accesses: Cell::new(0), interrupt: None }
    }

    /// Before this access, counted from 0, something else happens.
    pub(super) fn interrupted(shared: &'a Shared, at: usize, by: &'a dyn Fn()) -> Self {
        Self { interrupt: Some((at, by)), ..Self::of(shared) }
    }

    pub(super) fn was_interrupted(&self) -> bool {
        self.interrupt.is_some_and(|(at, _)| self.accesses.get() > at)
    }

    fn access<T>(&self, look: impl FnOnce(&HostTables) -> T) -> T {
        let access = self.accesses.get();
        self.accesses.set(access + 1);
        if let Some((at, by)) = self.interrupt
            && at == access
        {
            by();
        }
        look(&self.shared.0.borrow())
    }
}

impl Tables for View<'_> {
    fn endpoint(&self, interface: u32) -> Option<Endpoint> {
        self.access(|tables| tables.endpoint(interface))
    }

    fn generation(&self, slot: u16) -> u32 {
        self.access(|tables| tables.generation(slot))
    }

    fn policy_generation(&self, slot: u16, half: bool) -> PolicyGeneration {
        self.access(|tables| tables.policy_generation(slot, half))
    }

    fn row(&self, key: RowKey) -> Option<Row> {
        self.access(|tables| tables.row(key))
    }

    fn interval(&self, index: u32) -> Option<Interval> {
        self.access(|tables| tables.interval(index))
    }

    fn has_budget(&self, slot: u16) -> bool {
        self.access(|tables| tables.has_budget(slot))
    }

    fn spend(&self, slot: u16) {
        self.access(|tables| tables.spend(slot));
    }

    fn count(&self, direction: Direction, reason: Option<Reason>) {
        self.access(|tables| tables.count(direction, reason));
    }

    fn report(&self, event: impl FnOnce() -> DropEvent) {
        self.access(|tables| tables.report(event));
    }
}

macro_rules! family_tables {
    ($family:ty, $key:ty) => {
        impl FamilyTables<$family> for View<'_> {
            type Entry = Rc<FlowEntry>;

            fn is_own(&self, interface: u32, address: <$family as Family>::Address) -> bool {
                self.access(|tables| FamilyTables::<$family>::is_own(tables, interface, address))
            }

            fn class(&self, address: <$family as Family>::Address) -> u32 {
                self.access(|tables| FamilyTables::<$family>::class(tables, address))
            }

            fn confirmed(&self, key: &$key) -> Option<Rc<FlowEntry>> {
                self.access(|tables| FamilyTables::<$family>::confirmed(tables, key))
            }

            fn opening(&self, key: &$key) -> Option<Rc<FlowEntry>> {
                self.access(|tables| FamilyTables::<$family>::opening(tables, key))
            }

            fn open(&self, key: &$key, entry: &FlowEntry) {
                self.access(|tables| FamilyTables::<$family>::open(tables, key, entry));
            }

            fn confirm(&self, key: &$key, entry: &Rc<FlowEntry>) -> bool {
                self.access(|tables| FamilyTables::<$family>::confirm(tables, key, entry))
            }

            fn first_fragment(&self, key: &$key) -> Option<Remembered> {
                self.access(|tables| FamilyTables::<$family>::first_fragment(tables, key))
            }

            fn remember_fragment(&self, key: &$key, first: &Remembered) {
                self.access(|tables| FamilyTables::<$family>::remember_fragment(tables, key, first));
            }
        }
    };
}

family_tables!(V4, FlowKey4);
family_tables!(V6, FlowKey6);
