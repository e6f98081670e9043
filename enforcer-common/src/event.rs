//! What the kernel reports of a drop: a fixed record in the ring buffer.
//!
//! Written by the kernel and read by the agent of the same build, so it carries no version; all
//! integers are in host byte order, addresses in network order.

use crate::{Direction, Reason};

/// One dropped packet, 72 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct DropEvent {
    /// Nanoseconds since boot, suspend included (`CLOCK_BOOTTIME`).
    pub time: u64,
    /// Interface index of the endpoint.
    pub endpoint: u32,
    /// Id of the rule that decided; 0 when none did.
    pub rule: u32,
    /// The generation under which it was decided.
    pub generation: u32,
    /// Bytes of the packet, with the link-layer header.
    pub length: u32,
    /// The endpoint's generation slot.
    pub slot: u16,
    /// A [`Reason`].
    pub reason: u8,
    /// A [`Direction`].
    pub direction: u8,
    /// 4, 6, or 0 when there is no IP header to speak of.
    pub family: u8,
    /// IP protocol number.
    pub protocol: u8,
    /// TCP flags of the packet.
    pub tcp_flags: u8,
    /// Always 0.
    pub reserved: u8,
    /// Source port, or 0.
    pub source_port: u16,
    /// Destination port, or 0.
    pub destination_port: u16,
    /// EtherType.
    pub ether_type: u16,
    /// Always 0.
    pub reserved_too: u16,
    /// Source address; IPv4 in the first four bytes.
    pub source: [u8; 16],
    /// Destination address; IPv4 in the first four bytes.
    pub destination: [u8; 16],
}

/// Size of a [`DropEvent`] in bytes.
pub const DROP_EVENT_LEN: usize = size_of::<DropEvent>();
const _: () = assert!(DROP_EVENT_LEN == 72);

/// The fields of a [`DropEvent`] that name the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// Why.
    pub reason: Reason,
    /// Which way the packet travelled.
    pub direction: Direction,
    /// The deciding rule, or 0.
    pub rule: u32,
    /// The endpoint's slot.
    pub slot: u16,
    /// The slot's generation.
    pub generation: u32,
}

impl DropEvent {
    /// A record without addresses.
    #[must_use]
    #[inline(always)]
    pub const fn new(time: u64, endpoint: u32, length: u32, ether_type: u16, cause: Cause) -> Self {
        Self {
            time,
            endpoint,
            rule: cause.rule,
            generation: cause.generation,
            length,
            slot: cause.slot,
            reason: cause.reason as u8,
            direction: cause.direction as u8,
            family: 0,
            protocol: 0,
            tcp_flags: 0,
            reserved: 0,
            source_port: 0,
            destination_port: 0,
            ether_type,
            reserved_too: 0,
            source: [0; 16],
            destination: [0; 16],
        }
    }
}
