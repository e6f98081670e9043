//! Endpoints and their own addresses.

use super::capacity;
use crate::Direction;

/// A local endpoint, by interface index. One `u64` in the table: the rule set in bits 32 to 63, the slot in 20 to 31, what
/// proves whose value it is in 4 to 19, flags in 0 to 3.
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
    /// The value in the table, of the endpoint of an interface.
    #[must_use]
    pub const fn pack(self, interface: u32) -> u64 {
        (self.rule_set as u64) << 32
            | (self.slot as u64) << 20
            | (proof(interface) as u64) << 4
            | (self.dhcp as u64) << 3
            | (self.any_source as u64) << 2
            | (self.isolates_egress as u64) << 1
            | self.isolates_ingress as u64
    }

    /// From the value in the table; `None` when it is another interface's.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "each field is cut out of the word by its width")]
    pub const fn unpack(word: u64, interface: u32) -> Option<Self> {
        if (word >> 4) as u16 != proof(interface) {
            return None;
        }
        Some(Self {
            rule_set: (word >> 32) as u32,
            slot: (word >> 20) as u16 & 0xfff,
            isolates_ingress: word & 1 != 0,
            isolates_egress: word & 2 != 0,
            any_source: word & 4 != 0,
            dhcp: word & 8 != 0,
        })
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

const _: () = assert!(capacity::ENDPOINTS <= 1 << 12, "slots have twelve bits");

/// What proves that a value is of an interface: the bits of its index, folded.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "the other half is folded in")]
const fn proof(interface: u32) -> u16 {
    (interface ^ interface >> 16) as u16
}

/// From which generation on an endpoint has had the egress policies of a rule set. One `u64` in the table, two for each
/// slot: of the rule set that the endpoint has, and of the one that it had or is about to have. So the endpoint and this
/// change in one write.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PolicyGeneration {
    /// The rule set.
    pub rule_set: u32,
    /// The generation.
    pub since: u32,
}

impl PolicyGeneration {
    /// The index in the table.
    #[must_use]
    #[inline(always)]
    pub const fn index(slot: u16, half: bool) -> u32 {
        (slot as u32) << 1 | half as u32
    }

    /// The value in the table.
    #[must_use]
    pub const fn pack(self) -> u64 {
        (self.rule_set as u64) << 32 | self.since as u64
    }

    /// From the value in the table.
    #[must_use]
    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "each field is half of the word")]
    pub const fn unpack(word: u64) -> Self {
        Self { rule_set: (word >> 32) as u32, since: word as u32 }
    }
}

/// The value of an address in the table: its class, and what proves that it is of this address
/// ([`super::Family::proof`]).
#[must_use]
pub const fn pack_class(class: u32, proof: u32) -> u64 {
    (class as u64) << 32 | proof as u64
}

/// The class in the value of an address; `None` when it is another address's.
#[must_use]
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "each field is half of the word")]
pub const fn unpack_class(word: u64, proof: u32) -> Option<u32> {
    if word as u32 == proof { Some((word >> 32) as u32) } else { None }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_says_what_was_put_in_and_only_to_its_own_interface() {
        let all = Endpoint {
            rule_set: u32::MAX,
            slot: 4095,
            isolates_ingress: true,
            isolates_egress: true,
            any_source: true,
            dhcp: true,
        };
        let one = |change: fn(&mut Endpoint)| {
            let mut one = Endpoint::default();
            change(&mut one);
            one
        };
        let endpoints = [
            all,
            Endpoint::default(),
            one(|it| it.rule_set = 1),
            one(|it| it.slot = 2048),
            one(|it| it.isolates_ingress = true),
            one(|it| it.isolates_egress = true),
            one(|it| it.any_source = true),
            one(|it| it.dhcp = true),
        ];
        for endpoint in endpoints {
            for interface in [1, 2, 0xffff, 0x1_0000, u32::MAX] {
                assert_eq!(Endpoint::unpack(endpoint.pack(interface), interface), Some(endpoint));
                assert_eq!(Endpoint::unpack(endpoint.pack(interface), interface ^ 4), None);
            }
        }
    }

    #[test]
    fn a_class_is_its_addresss_own() {
        assert_eq!(unpack_class(pack_class(7, 0xffff_ffff), 0xffff_ffff), Some(7));
        assert_eq!(unpack_class(pack_class(u32::MAX, 5), 4), None);
    }

    #[test]
    fn both_halves_of_a_slot_have_a_place_and_keep_what_they_hold() {
        let places = [(0, false), (0, true), (4095, false), (4095, true)]
            .map(|(slot, half)| PolicyGeneration::index(slot, half));
        assert_eq!(places, [0, 1, 8190, 8191]);
        let policies = PolicyGeneration { rule_set: 3, since: u32::MAX };
        assert_eq!(PolicyGeneration::unpack(policies.pack()), policies);
    }
}
