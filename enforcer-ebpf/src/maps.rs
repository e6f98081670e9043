//! The maps, and the traits by which `decide` reads and writes them.
//!
//! One of the two files of this crate with `unsafe` code: values of hash maps are read through pointers that
//! the kernel returned, each by one load of 8 bytes or less (see `enforcer_common::tables` for why that is
//! enough), and flow entries are used in place.

use aya_ebpf::{
    bindings::{BPF_ANY, BPF_F_NO_PREALLOC, BPF_NOEXIST},
    btf_maps::{Array, HashMap, LpmTrie, LruHashMap, PerCpuArray, RingBuf, lpm_trie},
    helpers::{bpf_jiffies64, bpf_ktime_get_boot_ns},
    macros::btf_map,
};
use enforcer_common::{
    Direction, Reason,
    event::DropEvent,
    flow::FlowEntry,
    fragment::Remembered,
    tables::{
        DEFAULT_CLASS, Endpoint, Family, FamilyTables, FlowKey4, FlowKey6, Interval, OwnKey,
        PolicyGeneration, Row, RowKey, Tables, V4, V6, capacity, counter, unpack_class,
    },
};

const NO_PREALLOC: usize = BPF_F_NO_PREALLOC as usize;

#[btf_map]
static ENDPOINTS: HashMap<u32, u64, { capacity::ENDPOINTS as usize }, NO_PREALLOC> = HashMap::new();
#[btf_map]
static OWN4: HashMap<OwnKey<[u8; 4]>, u32, { capacity::OWN as usize }, NO_PREALLOC> = HashMap::new();
#[btf_map]
static OWN6: HashMap<OwnKey<[u8; 16]>, u32, { capacity::OWN as usize }, NO_PREALLOC> = HashMap::new();
#[btf_map]
static OWN_PREFIXES4: LpmTrie<OwnKey<[u8; 4]>, u32, { capacity::OWN_PREFIXES as usize }> = LpmTrie::new();
#[btf_map]
static OWN_PREFIXES6: LpmTrie<OwnKey<[u8; 16]>, u32, { capacity::OWN_PREFIXES as usize }> = LpmTrie::new();
#[btf_map]
static ADDRESSES4: HashMap<[u8; 4], u64, { capacity::ADDRESSES as usize }, NO_PREALLOC> = HashMap::new();
#[btf_map]
static ADDRESSES6: HashMap<[u8; 16], u64, { capacity::ADDRESSES as usize }, NO_PREALLOC> = HashMap::new();
#[btf_map]
static PREFIXES4: LpmTrie<[u8; 4], u32, { capacity::PREFIXES as usize }> = LpmTrie::new();
#[btf_map]
static PREFIXES6: LpmTrie<[u8; 16], u32, { capacity::PREFIXES as usize }> = LpmTrie::new();
#[btf_map]
static ROWS: HashMap<RowKey, u64, { capacity::ROWS as usize }, NO_PREALLOC> = HashMap::new();
#[btf_map]
static INTERVALS: Array<u64, { capacity::INTERVALS as usize }> = Array::new();
#[btf_map]
static GENERATIONS: Array<u32, { capacity::ENDPOINTS as usize }> = Array::new();
#[btf_map]
static POLICY_GENERATIONS: Array<u64, { 2 * capacity::ENDPOINTS as usize }> = Array::new();
#[btf_map]
static CONFIRMED4: HashMap<FlowKey4, FlowEntry, { capacity::CONFIRMED as usize }, NO_PREALLOC> =
    HashMap::new();
#[btf_map]
static CONFIRMED6: HashMap<FlowKey6, FlowEntry, { capacity::CONFIRMED as usize }, NO_PREALLOC> =
    HashMap::new();
#[btf_map]
static OPENING4: LruHashMap<FlowKey4, FlowEntry, { capacity::OPENING as usize }> = LruHashMap::new();
#[btf_map]
static OPENING6: LruHashMap<FlowKey6, FlowEntry, { capacity::OPENING as usize }> = LruHashMap::new();
#[btf_map]
static FRAGMENTS4: LruHashMap<FlowKey4, Remembered, { capacity::FRAGMENTS as usize }> = LruHashMap::new();
#[btf_map]
static FRAGMENTS6: LruHashMap<FlowKey6, Remembered, { capacity::FRAGMENTS as usize }> = LruHashMap::new();
#[btf_map]
static SPENT: Array<u32, { capacity::ENDPOINTS as usize }> = Array::new();
/// One word: the confirmed flows that an endpoint may have, written by the agent.
#[btf_map]
static BUDGET: Array<u32, 1> = Array::new();
#[btf_map]
static COUNTERS: PerCpuArray<u64, { counter::LEN as usize }> = PerCpuArray::new();
#[btf_map]
static EVENTS: RingBuf<DropEvent, { capacity::EVENT_BYTES as usize }> = RingBuf::new();
#[btf_map]
static CLOCK: Array<u64, 2> = Array::new();

/// The kernel's maps.
pub(crate) struct Maps;

impl Tables for Maps {
    #[inline(always)]
    fn endpoint(&self, interface: u32) -> Option<Endpoint> {
        // SAFETY: one aligned load from a live element. What is another's, or missed while elements move, is not looked
        // up again: one packet of an unknown endpoint is dropped, and its sender sends it once more.
        ENDPOINTS.get_ptr(interface).and_then(|word| Endpoint::unpack(unsafe { *word }, interface))
    }

    #[inline(always)]
    fn generation(&self, slot: u16) -> u32 {
        // SAFETY: one aligned load; volatile, since its order against the table reads matters.
        GENERATIONS.get_ptr(u32::from(slot)).map_or(0, |generation| unsafe { generation.read_volatile() })
    }

    #[inline(always)]
    fn policy_generation(&self, slot: u16, half: bool) -> PolicyGeneration {
        let word = POLICY_GENERATIONS.get_ptr(PolicyGeneration::index(slot, half));
        // SAFETY: one aligned load from an array.
        PolicyGeneration::unpack(word.map_or(0, |word| unsafe { *word }))
    }

    #[inline(always)]
    fn row(&self, key: RowKey) -> Option<Row> {
        // SAFETY: one aligned load from a live element.
        ROWS.get_ptr(key).map(|word| Row::unpack(unsafe { *word }))
    }

    #[inline(always)]
    fn interval(&self, index: u32) -> Option<Interval> {
        // SAFETY: one aligned load from an array.
        INTERVALS.get_ptr(index).map(|word| Interval::unpack(unsafe { *word }))
    }

    #[inline(always)]
    fn has_budget(&self, slot: u16) -> bool {
        let (Some(spent), Some(budget)) = (SPENT.get_ptr(u32::from(slot)), BUDGET.get_ptr(0)) else {
            return false;
        };
        // SAFETY: aligned loads from arrays.
        let is_left = unsafe { *spent < *budget };
        if !is_left {
            add(counter::UNCONFIRMED);
        }
        is_left
    }

    #[inline(always)]
    fn spend(&self, slot: u16) {
        if let Some(spent) = SPENT.get_ptr_mut(u32::from(slot)) {
            // SAFETY: a plain load and store in an array. Two CPUs may lose a count to each other (there are no
            // fetching atomics before 5.12); the agent's collector writes the true number each round.
            unsafe { *spent += 1 }
        }
    }

    #[inline(always)]
    fn count(&self, direction: Direction, reason: Option<Reason>) {
        add(counter::index(direction, reason));
    }

    #[inline(always)]
    fn report(&self, event: impl FnOnce() -> DropEvent) {
        match EVENTS.reserve(0) {
            Some(mut place) => {
                place.write(event());
                place.submit(0);
            }
            None => add(counter::LOST),
        }
    }
}

/// Adds one to a counter.
#[inline(always)]
fn add(counter: u32) {
    if let Some(count) = COUNTERS.get_ptr_mut(counter) {
        // SAFETY: this CPU's own slot.
        unsafe { *count += 1 }
    }
}

macro_rules! family_tables {
    ($family:ty, $address:ty, $key:ty, $bits:expr, $own:ident, $own_prefixes:ident, $addresses:ident,
     $prefixes:ident, $confirmed:ident, $opening:ident, $fragments:ident) => {
        impl FamilyTables<$family> for Maps {
            type Entry = &'static FlowEntry;

            #[inline(always)]
            fn is_own(&self, interface: u32, address: $address) -> bool {
                let key = OwnKey { interface, address };
                $own.get_ptr(key).is_some()
                    || $own_prefixes.get(&lpm_trie::Key::new(u32::BITS + $bits, key)).is_some()
            }

            #[inline(always)]
            fn class(&self, address: $address) -> u32 {
                let proof = <$family>::proof(address);
                // SAFETY: one aligned load from a live element.
                let look = || unpack_class(unsafe { *$addresses.get_ptr(&address)? }, proof);
                if let Some(class) = look().or_else(look) {
                    return class;
                }
                $prefixes.get(&lpm_trie::Key::new($bits, address)).copied().unwrap_or(DEFAULT_CLASS)
            }

            #[inline(always)]
            fn confirmed(&self, key: &$key) -> Option<&'static FlowEntry> {
                // SAFETY: map memory outlives the program; its cells are only read and written whole.
                $confirmed.get_ptr(key).map(|entry| unsafe { &*entry })
            }

            #[inline(always)]
            fn opening(&self, key: &$key) -> Option<&'static FlowEntry> {
                // SAFETY: as above.
                $opening.get_ptr(key).map(|entry| unsafe { &*entry })
            }

            #[inline(always)]
            fn open(&self, key: &$key, entry: &FlowEntry) {
                // A full table evicts its least recently used entry; nothing else can fail but memory, and
                // then the packet's verdict stands and the next one is judged like it.
                let _inserted = $opening.insert(key, entry, BPF_ANY as u64);
            }

            #[inline(always)]
            fn confirm(&self, key: &$key, entry: &&'static FlowEntry) -> bool {
                let confirmed = $confirmed.insert(key, *entry, BPF_NOEXIST as u64).is_ok();
                if confirmed {
                    let _removed = $opening.remove(key);
                } else {
                    add(counter::UNCONFIRMED);
                }
                confirmed
            }

            #[inline(always)]
            fn first_fragment(&self, key: &$key) -> Option<Remembered> {
                let words = $fragments.get_ptr(key)?.cast::<u64>();
                // SAFETY: map memory outlives the program; two aligned loads from one element of 16 bytes.
                Some(unsafe { Remembered::from_words(*words, *words.add(1)) })
            }

            #[inline(always)]
            fn remember_fragment(&self, key: &$key, first: &Remembered) {
                // A full table evicts; what is forgotten is dropped.
                let _inserted = $fragments.insert(key, first, BPF_ANY as u64);
            }
        }
    };
}

family_tables!(
    V4,
    [u8; 4],
    FlowKey4,
    32,
    OWN4,
    OWN_PREFIXES4,
    ADDRESSES4,
    PREFIXES4,
    CONFIRMED4,
    OPENING4,
    FRAGMENTS4
);
family_tables!(
    V6,
    [u8; 16],
    FlowKey6,
    128,
    OWN6,
    OWN_PREFIXES6,
    ADDRESSES6,
    PREFIXES6,
    CONFIRMED6,
    OPENING6,
    FRAGMENTS6
);

/// Writes the ticks and the nanoseconds since boot, for the agent.
#[inline(always)]
pub(crate) fn write_clock() {
    // SAFETY: the helpers take no arguments; the slots are the program's own.
    unsafe {
        if let Some(ticks) = CLOCK.get_ptr_mut(0) {
            *ticks = bpf_jiffies64();
        }
        if let Some(nanoseconds) = CLOCK.get_ptr_mut(1) {
            *nanoseconds = bpf_ktime_get_boot_ns();
        }
    }
}
