//! Whose an address is at the endpoint (DESIGN 3.5).

use std::net::IpAddr;

use enforcer::model::Direction;

use super::{Drop, PacketOracle};
use crate::frame::Datagram;

impl PacketOracle {
    /// "an endpoint may list `prefixes` (SLAAC, delegated subnets): addresses inside count as its own for every check".
    pub(super) fn is_own(&self, address: IpAddr) -> bool {
        self.endpoint.addresses.contains(&address)
            || self.endpoint.prefixes.iter().any(|prefix| match (prefix.network(), address) {
                (IpAddr::V4(network), IpAddr::V4(address)) => {
                    let free = 32 - u32::from(prefix.prefix_len());
                    network.to_bits().checked_shr(free) == address.to_bits().checked_shr(free)
                }
                (IpAddr::V6(network), IpAddr::V6(address)) => {
                    let free = 128 - u32::from(prefix.prefix_len());
                    network.to_bits().checked_shr(free) == address.to_bits().checked_shr(free)
                }
                _ => false,
            })
    }

    /// "`anySource: true`: no source, NA, ARP or not-mine check at this endpoint".
    pub(super) fn speaks_as(&self, address: IpAddr) -> bool {
        self.endpoint.any_source || self.is_own(address)
    }

    /// "the source must be E's own address (`Spoofed` otherwise)"; "a unicast address that is not E's is dropped
    /// (`NotMine`)", where there are rules: without "nothing is dropped but spoofed sources" (3.1).
    pub(super) fn addresses(&self, datagram: &Datagram) -> Result<(), Drop> {
        let local = datagram.packet.local;
        match datagram.packet.direction {
            Direction::Egress if !self.speaks_as(local) => Err(Drop::Spoofed),
            Direction::Ingress if self.has_rules() && !is_group(local) && !self.speaks_as(local) => {
                Err(Drop::NotMine)
            }
            Direction::Ingress | Direction::Egress => Ok(()),
        }
    }
}

/// Multicast and the limited broadcast are nobody's own.
fn is_group(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.is_multicast() || v4.is_broadcast(),
        IpAddr::V6(v6) => v6.is_multicast(),
    }
}

/// fe80::/10.
pub(super) fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}
