//! The packet that nearly all packets are: TCP or UDP without IP options, extension headers or tags, of a confirmed flow
//! whose verdict stands. Whatever else it is, the long way decides.
//!
//! This repeats what the parser and `known` say of such a packet, and must say the same: it passes nothing that the
//! long way would not pass, with the same notes in the entry. What it saves is what a parser spends on being ready for
//! anything else.

use super::{judge::Ends, origin::token_of};
use crate::{
    Direction,
    flow::Ground,
    packet::{Context, Packet, ether_type, flag, protocol},
    tables::{Family, FamilyTables, Tables, V4, V6},
};

/// Whether the packet was passed here, with all that belongs to it. Else nothing was done.
#[inline(always)]
pub fn fast<P: Packet + Context, T: super::AllTables>(packet: &P, tables: &T) -> bool {
    match packet.read::<2>(12).map_or(0, u16::from_be_bytes) {
        ether_type::IPV4 => ipv4(packet, tables),
        ether_type::IPV6 => ipv6(packet, tables),
        _ => false,
    }
}

/// RFC 791: no options, no fragment, and the length is the packet's.
#[inline(always)]
fn ipv4<P: Packet + Context, T: Tables + FamilyTables<V4>>(packet: &P, tables: &T) -> bool {
    let Some(ip) = packet.read::<20>(14) else { return false };
    let [version, _, length0, length1, _, _, fragment0, fragment1, _, upper, ..] = ip;
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = ip;
    let total = u16::from_be_bytes([length0, length1]) as u32;
    let is_fragment = u16::from_be_bytes([fragment0, fragment1]) & 0x3fff != 0;
    if version != 0x45 || is_fragment || total < 20 || total + 14 > packet.length() {
        return false;
    }
    let plain = Plain { at: 34, available: total - 20, protocol: upper };
    plain.passes::<V4, P, T>(packet, tables, [s0, s1, s2, s3], [d0, d1, d2, d3])
}

/// RFC 8200: no extension header, and the length is the packet's.
#[inline(always)]
fn ipv6<P: Packet + Context, T: Tables + FamilyTables<V6>>(packet: &P, tables: &T) -> bool {
    let Some([version, _, _, _, length0, length1, next, _]) = packet.read::<8>(14) else { return false };
    let (Some(source), Some(destination)) = (packet.read::<16>(22), packet.read::<16>(38)) else {
        return false;
    };
    let payload = u16::from_be_bytes([length0, length1]) as u32;
    if version >> 4 != 6 || payload + 54 > packet.length() {
        return false;
    }
    let plain = Plain { at: 54, available: payload, protocol: next };
    plain.passes::<V6, P, T>(packet, tables, source, destination)
}

/// Where the upper-layer header lies, and how many bytes of the packet are there.
struct Plain {
    at: usize,
    available: u32,
    protocol: u8,
}

impl Plain {
    /// RFC 9293 in mid-stream, RFC 768 but for leases.
    #[inline(always)]
    fn passes<F: Family, P: Packet + Context, T: Tables + FamilyTables<F>>(
        &self,
        packet: &P,
        tables: &T,
        source: F::Address,
        destination: F::Address,
    ) -> bool {
        let (from, to, tcp_flags) = match self.protocol {
            protocol::TCP => {
                let Some([s0, s1, d0, d1, _, _, _, _, _, _, _, _, data_offset, flags]) =
                    packet.read::<14>(self.at)
                else {
                    return false;
                };
                let length = (data_offset >> 4) as u32 * 4;
                if flags & (flag::SYN | flag::ACK) != flag::ACK || length < 20 || length > self.available {
                    return false;
                }
                (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]), flags)
            }
            protocol::UDP => {
                let Some([s0, s1, d0, d1, l0, l1]) = packet.read::<6>(self.at) else { return false };
                let length = u16::from_be_bytes([l0, l1]) as u32;
                let (from, to) = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
                // Clients of DHCP and DHCPv6.
                let is_lease = matches!(from, 68 | 546) || matches!(to, 68 | 546);
                if length < 8 || length > self.available || is_lease {
                    return false;
                }
                (from, to, 0)
            }
            _ => return false,
        };
        let direction = packet.direction();
        let Ends { local, remote, ports } = Ends::of(direction, (source, from), (destination, to));
        let key = F::flow_key(packet.interface(), local, remote, ports, self.protocol as u32);
        let Some(entry) = tables.confirmed(&key) else { return false };
        let Some(judgement) = entry.judgement(F::fingerprint(&key)) else { return false };
        if judgement.denied
            || tables.generation(judgement.slot) != judgement.generation
            || (direction == Direction::Ingress && judgement.ground != Ground::Rules)
        {
            return false;
        }
        entry.touch(direction, packet.now(), packet.length(), tcp_flags);
        if direction == Direction::Egress {
            packet.stamp(token_of(judgement.slot));
        }
        tables.count(direction, None);
        true
    }
}
