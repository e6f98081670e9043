//! The node's connection tracking, and what an entry of it says of an endpoint's flows.
//!
//! Conntrack has a connection twice: as its first packet was, and as its replies are. Where an address was translated,
//! the two are not each other's reverse. At the interface of the pod that opened it, packets go as the original says;
//! at that of the pod that was reached in the end, as the reply says, reversed.

use std::{io, net::IpAddr};

use enforcer_common::{
    flow::{Ground, Opener},
    packet::protocol,
    tables::{Ports, REMOTE_ASKS},
};
use netlink_packet_core::{DefaultNla, NLM_F_DUMP, Nla};
use netlink_packet_netfilter::{
    NetfilterHeader, NetfilterMessage, NetfilterMessageInner, NetfilterProtoFamily,
    conntrack::{
        ConntrackAttribute, ConntrackMessage, IPTuple, ProtoInfo, ProtoInfoTCP, ProtoTuple, Status, Tuple,
    },
};
use netlink_sys::protocols::NETLINK_NETFILTER;

use super::{Known, Owners, Sockets};
use crate::{netlink, tuple::FlowTuple};

/// One way of a connection. Ports are 0 where the protocol has none; an echo has its identifier in both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Side {
    /// Who sends.
    pub source: IpAddr,
    /// Who receives.
    pub destination: IpAddr,
    /// The sender's port.
    pub source_port: u16,
    /// The receiver's port.
    pub destination_port: u16,
}

/// A connection that conntrack knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tracked {
    /// IANA number.
    pub protocol: u8,
    /// As its first packet was when it came.
    pub original: Side,
    /// As its replies are.
    pub reply: Side,
    /// Whether a reply was seen.
    pub answered: bool,
}

/// What a connection is at the endpoints that it begins or ends at.
#[must_use]
pub fn flows_of_tracked(tracked: &Tracked, owners: &Owners, node: &Sockets) -> Vec<(FlowTuple, Known)> {
    let &Tracked { protocol, original, reply, answered } = tracked;
    let is_echo = protocol == protocol::ICMP || protocol == protocol::ICMPV6;
    let number = u32::from(protocol);
    let (opener, target) = (owners.of(original.source), owners.of(reply.source));
    let mut flows = Vec::new();
    if let Some(interface) = opener {
        let tuple = FlowTuple {
            interface,
            local: original.source,
            remote: original.destination,
            ports: Ports { local: original.source_port, remote: original.destination_port },
            kind: number,
        };
        flows.push((tuple, Known { opener: Opener::Pod, ground: Ground::Rules, answered }));
    }
    if let Some(interface) = target {
        let tuple = FlowTuple {
            interface,
            local: reply.source,
            remote: reply.destination,
            ports: Ports { local: reply.source_port, remote: reply.destination_port },
            kind: if is_echo { number | REMOTE_ASKS } else { number },
        };
        let ground = if owners.are_one_pods(original.source, reply.source) {
            Ground::Own
        } else if owners.is_certain(reply.source)
            && node.has(
                protocol,
                (original.source, original.source_port),
                (original.destination, original.destination_port),
            )
        {
            Ground::Node
        } else {
            Ground::Rules
        };
        flows.push((tuple, Known { opener: Opener::Remote, ground, answered }));
    }
    flows
}

/// Gives every connection that is not over to `each`.
pub(super) fn read(mut each: impl FnMut(Tracked)) -> io::Result<()> {
    for family in [NetfilterProtoFamily::IPv4, NetfilterProtoFamily::IPv6] {
        let header = NetfilterHeader::new(family, 0, 0);
        let question = NetfilterMessage::new(header, ConntrackMessage::Get(Vec::new()));
        // Its dumps go from bucket to bucket, and say nothing of what moved meanwhile.
        let _is_whole = netlink::ask(NETLINK_NETFILTER, question, NLM_F_DUMP, |answer: NetfilterMessage| {
            if let NetfilterMessageInner::Conntrack(ConntrackMessage::New(attributes)) = answer.inner
                && let Some(tracked) = convert(&attributes)
            {
                each(tracked);
            }
        })?;
    }
    Ok(())
}

/// `None` for a connection that is over, and for what is no connection of ours: ICMP other than echoes.
fn convert(attributes: &[ConntrackAttribute]) -> Option<Tracked> {
    let (mut original, mut reply, mut answered) = (None, None, false);
    for attribute in attributes {
        if let ConntrackAttribute::CtaTupleOrig(tuple) = attribute {
            original = side(tuple);
        } else if let ConntrackAttribute::CtaTupleReply(tuple) = attribute {
            reply = side(tuple);
        } else if let ConntrackAttribute::CtaStatus(status) = attribute {
            answered = status.contains(Status::SeenReply);
            if status.contains(Status::Dying) {
                return None;
            }
        } else if let ConntrackAttribute::CtaProtoInfo(infos) = attribute
            && infos.iter().any(is_over)
        {
            return None;
        }
    }
    let ((protocol, original), (_, reply)) = (original?, reply?);
    Some(Tracked { protocol, original, reply, answered })
}

/// TCP's states as `enum tcp_conntrack` (uapi/linux/netfilter/nf_conntrack_tcp.h) numbers them.
fn is_over(info: &ProtoInfo) -> bool {
    const TIME_WAIT: u8 = 7;
    const CLOSE: u8 = 8;
    let ProtoInfo::TCP(infos) = info else { return false };
    infos.iter().any(|info| matches!(info, ProtoInfoTCP::State(TIME_WAIT | CLOSE)))
}

/// One side and its protocol.
fn side(tuple: &[Tuple]) -> Option<(u8, Side)> {
    let (mut source, mut destination, mut number, mut source_port, mut destination_port) =
        (None, None, None, 0, 0);
    let mut echo = Echo::default();
    for part in tuple {
        if let Tuple::Ip(addresses) = part {
            for address in addresses {
                if let IPTuple::SourceAddress(address) = address {
                    source = Some(*address);
                } else if let IPTuple::DestinationAddress(address) = address {
                    destination = Some(*address);
                }
            }
        } else if let Tuple::Proto(parts) = part {
            for part in parts {
                if let ProtoTuple::Protocol(protocol) = part {
                    number = Some(u8::from(*protocol));
                } else if let ProtoTuple::SourcePort(port) = part {
                    source_port = *port;
                } else if let ProtoTuple::DestinationPort(port) = part {
                    destination_port = *port;
                } else if let ProtoTuple::Other(other) = part {
                    echo.note(other);
                }
            }
        }
    }
    let number = number?;
    match number {
        protocol::TCP | protocol::UDP | protocol::SCTP => {}
        protocol::ICMP | protocol::ICMPV6 if echo.is_echo() => {
            (source_port, destination_port) = (echo.identifier, echo.identifier);
        }
        protocol::ICMP | protocol::ICMPV6 => return None,
        // The flow tables know no ports of these, whatever conntrack does.
        _ => (source_port, destination_port) = (0, 0),
    }
    Some((number, Side { source: source?, destination: destination?, source_port, destination_port }))
}

/// What conntrack has instead of ports for ICMP: attributes that the message crate leaves as bytes.
#[derive(Default)]
struct Echo {
    identifier: u16,
    kind: Option<u8>,
}

impl Echo {
    /// `CTA_PROTO_ICMP_*` and `CTA_PROTO_ICMPV6_*` of uapi/linux/netfilter/nfnetlink_conntrack.h.
    fn note(&mut self, attribute: &DefaultNla) {
        let mut value = vec![0; attribute.value_len()];
        attribute.emit_value(&mut value);
        match (attribute.kind(), value.as_slice()) {
            (4 | 7, [high, low]) => self.identifier = u16::from_be_bytes([*high, *low]),
            (5 | 8, [kind]) => self.kind = Some(*kind),
            _ => {}
        }
    }

    /// Requests stand in the original side, replies in the other.
    fn is_echo(&self) -> bool {
        matches!(self.kind, Some(8 | 0 | 128 | 129))
    }
}
