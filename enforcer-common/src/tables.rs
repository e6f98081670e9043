//! The layouts of keys and values in the kernel's tables, and the traits by which `decide` reads them.
//!
//! A value that decides is one `u64`, so that one load reads all of it: elements of hash tables are
//! recycled under readers. The agent's side of the same rule is that nothing is inserted after a
//! delete before every program that ran at the delete has ended. Flow entries are recycled by the
//! kernel itself (LRU), so they carry a fingerprint of their key ([`crate::flow::FlowEntry`]).
//!
//! Multi-byte fields of keys that come from packets are in network byte order, as byte arrays.

use core::ops::Deref;

use crate::{Direction, Reason, event::DropEvent, flow::FlowEntry};

/// Capacities of the tables, and so the sizes that `plan` refuses to exceed.
pub mod capacity {
    /// Local endpoints; generation slots are numbered below this.
    pub const ENDPOINTS: u32 = 4096;
    /// Own addresses of local endpoints, per family.
    pub const OWN: u32 = 16_384;
    /// Addresses with a class, per family.
    pub const ADDRESSES: u32 = 524_288;
    /// Prefixes with a class, per family.
    pub const PREFIXES: u32 = 262_144;
    /// Rows: (rule set, direction, class).
    pub const ROWS: u32 = 1_048_576;
    /// Intervals of all distinct rows together.
    pub const INTERVALS: u32 = 262_144;
    /// Confirmed flows, per family.
    pub const CONFIRMED: u32 = 262_144;
    /// Opening flows, per family.
    pub const OPENING: u32 = 131_072;
    /// Confirmed flows of one endpoint, both families together.
    pub const CONFIRMED_PER_ENDPOINT: u32 = 65_536;
    /// Bytes of the event ring.
    pub const EVENT_BYTES: u32 = 1 << 20;
    /// Intervals of one row: what the bounded binary search can reach.
    pub const ROW_INTERVALS: u32 = 1 << SEARCH_STEPS;
    /// Steps of the binary search over a row.
    pub const SEARCH_STEPS: u32 = 16;
}

/// An address family: its addresses and its flow keys. Each has tables of its own, because short keys
/// are cheaper to hash.
pub trait Family {
    /// An address in network byte order.
    type Address: Copy + Eq;
    /// The key of the flow tables.
    type FlowKey: Copy;
    /// Bits of an address.
    const BITS: u32;

    /// Builds a flow key.
    fn flow_key(
        endpoint: u32,
        local: Self::Address,
        remote: Self::Address,
        ports: Ports,
        protocol: u8,
    ) -> Self::FlowKey;

    /// A fingerprint of a flow key: equal keys have equal ones.
    fn fingerprint(key: &Self::FlowKey) -> u32;

    /// The address as 16 bytes, IPv4 in the first four.
    fn widen(address: Self::Address) -> [u8; 16];

    /// The address in the first bytes of these 16.
    fn narrow(bytes: [u8; 16]) -> Self::Address;
}

/// Both ports of a flow, seen from the endpoint. Protocols without ports have zeros; ICMP echo has its
/// identifier in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ports {
    /// The endpoint's side.
    pub local: u16,
    /// The other side.
    pub remote: u16,
}

/// IPv4.
#[derive(Debug, Clone, Copy)]
pub struct V4;

/// IPv6.
#[derive(Debug, Clone, Copy)]
pub struct V6;

/// Key of the IPv4 flow tables, 20 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct FlowKey4 {
    /// Interface index of the endpoint, so that two pods of one node never share an entry.
    pub endpoint: u32,
    /// The endpoint's address.
    pub local: [u8; 4],
    /// The other address.
    pub remote: [u8; 4],
    /// The endpoint's port.
    pub local_port: u16,
    /// The other port.
    pub remote_port: u16,
    /// IP protocol number; a whole word so that no padding byte is left undefined.
    pub protocol: u32,
}

/// Key of the IPv6 flow tables, 44 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct FlowKey6 {
    /// As in [`FlowKey4`].
    pub endpoint: u32,
    /// The endpoint's address.
    pub local: [u8; 16],
    /// The other address.
    pub remote: [u8; 16],
    /// The endpoint's port.
    pub local_port: u16,
    /// The other port.
    pub remote_port: u16,
    /// IP protocol number.
    pub protocol: u32,
}

/// Key of the endpoints' own addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct OwnKey<A> {
    /// Interface index of the endpoint.
    pub interface: u32,
    /// The address.
    pub address: A,
}

/// Bytes of the key of an IPv4 flow.
pub const FLOW_KEY4: usize = size_of::<FlowKey4>();
/// Bytes of the key of an IPv6 flow.
pub const FLOW_KEY6: usize = size_of::<FlowKey6>();
const _: () = assert!(FLOW_KEY4 == 20 && FLOW_KEY6 == 44);

impl OwnKey<[u8; 4]> {
    /// The key's bytes, as the kernel has them.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        let ([i0, i1, i2, i3], [a, b, c, d]) = (self.interface.to_ne_bytes(), self.address);
        [i0, i1, i2, i3, a, b, c, d]
    }
}

impl OwnKey<[u8; 16]> {
    /// The key's bytes, as the kernel has them.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        let (interface, address) = bytes.split_at_mut(4);
        interface.copy_from_slice(&self.interface.to_ne_bytes());
        address.copy_from_slice(&self.address);
        bytes
    }
}

impl RowKey {
    /// The key's bytes, as the kernel has them.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        let [a, b, c, d] = self.rule_set.to_ne_bytes();
        let [e, f, g, h] = self.class_direction.to_ne_bytes();
        [a, b, c, d, e, f, g, h]
    }
}

/// Places in the table of counters.
pub mod counter {
    use crate::{Direction, Reason};

    /// Events that found no room in the ring.
    pub const LOST: u32 = 0;
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
}

/// One step of the fingerprint: multiply and fold, as FNV-1a does by bytes.
const fn mix(hash: u32, word: u32) -> u32 {
    (hash ^ word).wrapping_mul(0x0100_0193).rotate_left(13)
}

const fn word(bytes: [u8; 16], at: usize) -> u32 {
    match at {
        0 => u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        1 => u32::from_ne_bytes([bytes[4], bytes[5], bytes[6], bytes[7]]),
        2 => u32::from_ne_bytes([bytes[8], bytes[9], bytes[10], bytes[11]]),
        _ => u32::from_ne_bytes([bytes[12], bytes[13], bytes[14], bytes[15]]),
    }
}

impl Family for V4 {
    type Address = [u8; 4];
    type FlowKey = FlowKey4;
    const BITS: u32 = 32;

    #[inline(always)]
    fn flow_key(endpoint: u32, local: [u8; 4], remote: [u8; 4], ports: Ports, protocol: u8) -> FlowKey4 {
        FlowKey4 {
            endpoint,
            local,
            remote,
            local_port: ports.local,
            remote_port: ports.remote,
            protocol: protocol as u32,
        }
    }

    #[inline(always)]
    fn fingerprint(key: &FlowKey4) -> u32 {
        let ports = (key.local_port as u32) << 16 | key.remote_port as u32;
        let hash = mix(key.endpoint ^ key.protocol << 24, u32::from_ne_bytes(key.local));
        mix(mix(hash, u32::from_ne_bytes(key.remote)), ports)
    }

    #[inline(always)]
    fn widen(address: [u8; 4]) -> [u8; 16] {
        let [a, b, c, d] = address;
        [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    }

    #[inline(always)]
    fn narrow(bytes: [u8; 16]) -> [u8; 4] {
        let [a, b, c, d, ..] = bytes;
        [a, b, c, d]
    }
}

impl Family for V6 {
    type Address = [u8; 16];
    type FlowKey = FlowKey6;
    const BITS: u32 = 128;

    #[inline(always)]
    fn flow_key(endpoint: u32, local: [u8; 16], remote: [u8; 16], ports: Ports, protocol: u8) -> FlowKey6 {
        FlowKey6 {
            endpoint,
            local,
            remote,
            local_port: ports.local,
            remote_port: ports.remote,
            protocol: protocol as u32,
        }
    }

    #[inline(always)]
    fn fingerprint(key: &FlowKey6) -> u32 {
        let mut hash = key.endpoint ^ key.protocol << 24;
        let mut at = 0;
        while at < 4 {
            hash = mix(mix(hash, word(key.local, at)), word(key.remote, at));
            at += 1;
        }
        mix(hash, (key.local_port as u32) << 16 | key.remote_port as u32)
    }

    #[inline(always)]
    fn widen(address: [u8; 16]) -> [u8; 16] {
        address
    }

    #[inline(always)]
    fn narrow(bytes: [u8; 16]) -> [u8; 16] {
        bytes
    }
}

/// A local endpoint, by interface index. One `u64` in the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Endpoint {
    /// Its rules; 0 when it has none.
    pub rule_set: u32,
    /// Its generation slot.
    pub slot: u16,
    /// Whether its rules isolate ingress.
    pub isolates_ingress: bool,
    /// Whether its rules isolate egress.
    pub isolates_egress: bool,
}

impl Endpoint {
    /// The value in the table.
    #[must_use]
    pub const fn pack(self) -> u64 {
        (self.rule_set as u64) << 32
            | (self.slot as u64) << 16
            | (self.isolates_egress as u64) << 1
            | self.isolates_ingress as u64
    }

    /// From the value in the table.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "each field is cut out of the word by its width")]
    pub const fn unpack(word: u64) -> Self {
        Self {
            rule_set: (word >> 32) as u32,
            slot: (word >> 16) as u16,
            isolates_ingress: word & 1 != 0,
            isolates_egress: word & 2 != 0,
        }
    }

    /// Whether a direction is isolated.
    #[must_use]
    #[inline(always)]
    pub const fn isolates(self, direction: Direction) -> bool {
        match direction {
            Direction::Ingress => self.isolates_ingress,
            Direction::Egress => self.isolates_egress,
        }
    }

    /// Whether any direction is isolated: only then are unparsable packets dropped.
    #[must_use]
    #[inline(always)]
    pub const fn has_rules(self) -> bool {
        self.isolates_ingress || self.isolates_egress
    }
}

/// Key of the rows: which rules, which way, which class of remote addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct RowKey {
    /// Rule set id.
    pub rule_set: u32,
    /// Class id in the upper 31 bits, direction in the lowest.
    pub class_direction: u32,
}

impl RowKey {
    /// From its parts. Classes are numbered below 2³¹.
    #[must_use]
    #[inline(always)]
    pub const fn new(rule_set: u32, direction: Direction, class: u32) -> Self {
        Self { rule_set, class_direction: class << 1 | direction as u32 }
    }
}

/// The class of every address that the tables do not name; its row is a rule set's default row.
pub const DEFAULT_CLASS: u32 = 0;

/// Where a row's intervals lie. One `u64` in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// Index of the first interval.
    pub start: u32,
    /// How many; at least one.
    pub len: u32,
}

impl Row {
    /// The value in the table.
    #[must_use]
    pub const fn pack(self) -> u64 {
        (self.start as u64) << 32 | self.len as u64
    }

    /// From the value in the table.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "each field is cut out of the word by its width")]
    pub const fn unpack(word: u64) -> Self {
        Self { start: (word >> 32) as u32, len: word as u32 }
    }
}

/// What a row answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Ruling {
    /// Not allowed.
    Deny = 0,
    /// Allowed.
    Allow = 1,
    /// No new flow may be opened, but one that is open may go on (a Service whose last backend went).
    Keep = 2,
}

/// A point of (protocol, destination port): the protocol in bits 16–23, the port below.
#[must_use]
#[inline(always)]
pub const fn point(protocol: u8, port: u16) -> u32 {
    (protocol as u32) << 16 | port as u32
}

/// One step of a row: from `start` up to the next interval's start, this is the answer. One `u64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interval {
    /// First [`point`]; a row's first interval starts at 0.
    pub start: u32,
    /// The answer.
    pub ruling: Ruling,
    /// Id of the rule that gives it, below 2³⁰; 0 is "no rule".
    pub rule: u32,
}

impl Interval {
    /// Ids of rules are below this.
    pub const RULES: u32 = 1 << 30;

    /// The value in the table.
    #[must_use]
    pub const fn pack(self) -> u64 {
        (self.start as u64) << 32 | (self.ruling as u64) << 30 | self.rule as u64
    }

    /// From the value in the table. The unused ruling 3 reads as deny.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "each field is cut out of the word by its width")]
    pub const fn unpack(word: u64) -> Self {
        let low = word as u32;
        let ruling = match low >> 30 {
            1 => Ruling::Allow,
            2 => Ruling::Keep,
            _ => Ruling::Deny,
        };
        Self { start: (word >> 32) as u32, ruling, rule: low & (Self::RULES - 1) }
    }
}

/// The tables that do not depend on the address family.
pub trait Tables {
    /// The endpoint of an interface.
    fn endpoint(&self, interface: u32) -> Option<Endpoint>;
    /// The current generation of a slot.
    fn generation(&self, slot: u16) -> u32;
    /// A row.
    fn row(&self, key: RowKey) -> Option<Row>;
    /// One interval.
    fn interval(&self, index: u32) -> Option<Interval>;
    /// Takes one confirmed flow out of the endpoint's budget; `false` when it is spent.
    fn spend(&self, slot: u16) -> bool;
    /// Counts a packet: `None` passed.
    fn count(&self, direction: Direction, reason: Option<Reason>);
    /// Reports a drop.
    fn report(&self, event: &DropEvent);
}

/// The tables of one address family.
pub trait FamilyTables<F: Family> {
    /// How an entry is reached in place.
    type Entry: Deref<Target = FlowEntry>;

    /// Whether this is an address of the endpoint.
    fn is_own(&self, interface: u32, address: F::Address) -> bool;
    /// The class of a remote address; [`DEFAULT_CLASS`] when nothing names it.
    fn class(&self, address: F::Address) -> u32;
    /// A flow of which both directions were seen.
    fn confirmed(&self, key: &F::FlowKey) -> Option<Self::Entry>;
    /// A flow of which one direction was seen.
    fn opening(&self, key: &F::FlowKey) -> Option<Self::Entry>;
    /// Puts a new flow into the opening table.
    fn open(&self, key: &F::FlowKey, entry: &FlowEntry);
    /// Moves a flow to the confirmed table; it stays where it is when there is no room.
    fn confirm(&self, key: &F::FlowKey, entry: &Self::Entry);
}
