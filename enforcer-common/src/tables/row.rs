//! Rows and their intervals.

use crate::Direction;

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

impl RowKey {
    /// The key's bytes, as the kernel has them.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 8] {
        let [a, b, c, d] = self.rule_set.to_ne_bytes();
        let [e, f, g, h] = self.class_direction.to_ne_bytes();
        [a, b, c, d, e, f, g, h]
    }

    /// From the key's bytes.
    #[must_use]
    pub const fn from_bytes([a, b, c, d, e, f, g, h]: [u8; 8]) -> Self {
        Self { rule_set: u32::from_ne_bytes([a, b, c, d]), class_direction: u32::from_ne_bytes([e, f, g, h]) }
    }
}
