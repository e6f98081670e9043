//! `ipBlock`: addresses bit by bit.

use std::net::IpAddr;

use enforcer::model::IpBlock;
use ipnet::IpNet;

/// "`ipBlock` with `except` (which cuts its own block only and never denies what another rule
/// allows)" (3.2): the exceptions are asked here, for this block, and nowhere else.
pub(super) fn matches(block: &IpBlock, address: IpAddr) -> bool {
    covers(block.cidr, address) && !block.except.iter().any(|&except| covers(except, address))
}

/// Whether the first `prefix_len` bits are the same. A block of one family covers nothing of the
/// other, and `::ffff:a.b.c.d` on the wire is an IPv6 address.
fn covers(cidr: IpNet, address: IpAddr) -> bool {
    let (block, address) = match (cidr.addr(), address) {
        (IpAddr::V4(block), IpAddr::V4(address)) => (bits(&block.octets()), bits(&address.octets())),
        (IpAddr::V6(block), IpAddr::V6(address)) => (bits(&block.octets()), bits(&address.octets())),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    let length = usize::from(cidr.prefix_len());
    block.iter().take(length).eq(address.iter().take(length))
}

fn bits(octets: &[u8]) -> Vec<bool> {
    let mut bits = Vec::new();
    for octet in octets {
        for place in (0..8).rev() {
            bits.push(octet >> place & 1 == 1);
        }
    }
    bits
}
