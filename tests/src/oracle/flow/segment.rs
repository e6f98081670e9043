//! What a packet can do to the table of flows.

use crate::frame::{Packet, SctpChunk, TcpFlags, Transport};

/// A packet's part in its flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// It can open a flow.
    Opens,
    /// It never makes an entry.
    NeverMakes,
    /// It belongs to a flow that was opened before.
    MidStream,
    /// It belongs to no flow: ICMP other than echo (errors, which follow the flow that they quote, are not
    /// described here).
    Alone,
}

impl Segment {
    /// The part that this packet has.
    #[must_use]
    pub fn of(packet: &Packet) -> Self {
        match packet.transport {
            Transport::Tcp { flags, .. } => tcp(flags),
            Transport::Sctp { chunk, .. } => match chunk {
                SctpChunk::INIT => Self::Opens,
                SctpChunk::INIT_ACK | SctpChunk::ABORT => Self::NeverMakes,
                _ => Self::MidStream,
            },
            Transport::Icmp { .. } if packet.is_echo_request() => Self::Opens,
            // An echo reply answers; of other kinds nothing is remembered, and nothing is looked up.
            Transport::Icmp { .. } if packet.is_echo() => Self::NeverMakes,
            Transport::Icmp { .. } => Self::Alone,
            Transport::Udp { .. } | Transport::Other { .. } => Self::Opens,
        }
    }
}

fn tcp(flags: TcpFlags) -> Segment {
    let [syn, ack, fin, rst] =
        [TcpFlags::SYN, TcpFlags::ACK, TcpFlags::FIN, TcpFlags::RST].map(|flag| flags.contains(flag));
    // "SYN+ACK, RST and impossible flags never make an entry" (3.6). Impossible: SYN with FIN or RST, and
    // neither SYN nor RST nor ACK: after the first segment every one carries ACK (RFC 9293, 3.10.7).
    let never_makes = [rst, syn && ack, syn && fin, !syn && !ack];
    if never_makes.contains(&true) {
        Segment::NeverMakes
    } else if syn {
        Segment::Opens
    } else {
        Segment::MidStream
    }
}
