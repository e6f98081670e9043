//! Endpoints and their own addresses.

use crate::Direction;

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
    /// Whether it may send from, and be sent to, addresses that are not its own.
    pub any_source: bool,
    /// Whether its addresses are leased by DHCP.
    pub dhcp: bool,
}

impl Endpoint {
    /// The value in the table.
    #[must_use]
    pub const fn pack(self) -> u64 {
        (self.rule_set as u64) << 32
            | (self.slot as u64) << 16
            | (self.dhcp as u64) << 3
            | (self.any_source as u64) << 2
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
            any_source: word & 4 != 0,
            dhcp: word & 8 != 0,
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

/// Key of the endpoints' own addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(C)]
pub struct OwnKey<A> {
    /// Interface index of the endpoint.
    pub interface: u32,
    /// The address.
    pub address: A,
}

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
