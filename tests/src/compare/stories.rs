//! Frames of every make: the oracle that judges their description against the node that reads their bytes.

use std::{collections::BTreeSet, net::IpAddr};

use anyhow::{Context as _, ensure};
use enforcer::{model::ObjectName, plan::RuleName};
use enforcer_common::{Reason, event::DropEvent};

use crate::{
    frame::{Content, Fragment, Frame, Sender, Transport, Upper},
    generate::{Beat, Story},
    node::{At, Node, Seen, Target},
    oracle::{
        flow::{Denial, Ground},
        packet::{Drop, PacketOracle, Part, read},
    },
};

/// Plays a story on the node and for the oracle. Returns how many frames were compared.
///
/// # Errors
/// With the beat, where they differ.
pub fn compare_story<T: Target>(node: &mut Node<T>, story: &Story) -> anyhow::Result<u64> {
    let endpoint = &story.endpoint;
    let endpoints = std::slice::from_ref(endpoint);
    let mut cluster = story.cluster.clone();
    node.target.forget_flows()?;
    node.update(&cluster, endpoints)?;
    let mut oracle = PacketOracle::new(&cluster, endpoint);
    let mut compared = 0;
    for (index, beat) in story.beats.iter().enumerate() {
        match beat {
            Beat::Wait(seconds) => {
                node.target.wait(*seconds)?;
                oracle.wait(*seconds);
            }
            Beat::Change(event) => {
                let before = node.generation(endpoint.interface_index);
                cluster.apply(event.clone());
                node.update(&cluster, endpoints)?;
                oracle.update(&cluster, node.generation(endpoint.interface_index) != before);
            }
            Beat::Frame(frame, sender) => {
                let bytes = frame.bytes();
                if !node.target.takes(&bytes) {
                    continue;
                }
                let expected = oracle.frame(frame, *sender);
                let seen = judge(node, endpoint.interface_index, frame, &bytes, *sender)?;
                agree(node, endpoint.interface_index, frame, &bytes, &expected, &seen).with_context(|| {
                    format!(
                        "beat {index}, {sender:?}, {frame:?}: the oracle says {expected:?}, but it is {seen}"
                    )
                })?;
                compared += 1;
            }
        }
    }
    Ok(compared)
}

fn judge<T: Target>(
    node: &mut Node<T>,
    interface: u32,
    frame: &Frame,
    bytes: &[u8],
    sender: Sender,
) -> anyhow::Result<Seen> {
    let origin = node.origin(interface, sender);
    node.target.judge(&At { frame: bytes, interface, direction: frame.direction.into(), origin })
}

fn agree<T: Target>(
    node: &Node<T>,
    interface: u32,
    frame: &Frame,
    bytes: &[u8],
    expected: &Result<Ground, Drop>,
    seen: &Seen,
) -> anyhow::Result<()> {
    ensure!(seen.passed == seen.event.is_none(), "a drop has one event and a pass has none");
    ensure!(seen.passed == expected.is_ok(), "another verdict");
    let (Err(drop), Some(event)) = (expected, seen.event) else { return Ok(()) };
    ensure!(event.reason == reason(drop) as u8, "another reason");
    match drop {
        Drop::Policy(denial) => names(node.rule(event.rule).map(AsRef::as_ref), denial)?,
        Drop::Spoofed
        | Drop::NotMine
        | Drop::Malformed
        | Drop::Fragment
        | Drop::ExtensionHeader
        | Drop::EtherType => ensure!(event.rule == 0, "a rule for a drop that is no rule's: {event:?}"),
    }
    let direction: enforcer_common::Direction = frame.direction.into();
    ensure!(event.endpoint == interface && event.direction == direction as u8, "{event:?}");
    ensure!(event.length as usize == bytes.len(), "{event:?}");
    ensure!((event.slot, event.generation) == node.generation(interface), "{event:?}");
    ensure!(event.ether_type == ether_type(frame), "{event:?}");
    describes(frame, drop, &event).with_context(|| format!("{event:?}"))
}

fn reason(drop: &Drop) -> Reason {
    match drop {
        Drop::Policy(_) => Reason::Policy,
        Drop::Spoofed => Reason::Spoofed,
        Drop::NotMine => Reason::NotMine,
        Drop::Malformed => Reason::Malformed,
        Drop::Fragment => Reason::Fragment,
        Drop::ExtensionHeader => Reason::ExtensionHeader,
        Drop::EtherType => Reason::EtherType,
    }
}

/// The rule is the implicit deny of the policies that isolate.
fn names(name: Option<&RuleName>, denial: &Denial) -> anyhow::Result<()> {
    let Some(RuleName::Isolated { direction, policies }) = name else {
        anyhow::bail!("the rule is {name:?}, not an implicit deny");
    };
    let policies: BTreeSet<ObjectName> = policies.iter().cloned().collect();
    ensure!(denial.0.get(direction) == Some(&policies), "the deny is said to be {direction} of {policies:?}");
    Ok(())
}

/// "The drop event's `ether_type` is the inner one": behind two tags, a third tag's.
fn ether_type(frame: &Frame) -> u16 {
    frame.tags.get(2).map_or_else(|| frame.content.ether_type(), |tag| tag.ether_type())
}

/// What the event says of the packet's headers.
fn describes(frame: &Frame, drop: &Drop, event: &DropEvent) -> anyhow::Result<()> {
    let blank = |event: &DropEvent| {
        let addresses = (event.family, event.source, event.destination) == (0, [0; 16], [0; 16]);
        addresses
            && (event.protocol, event.source_port, event.destination_port, event.tcp_flags) == (0, 0, 0, 0)
    };
    let datagram = match &frame.content {
        Content::Whole(datagram) | Content::Fragment(Fragment { whole: datagram, .. }) => datagram,
        Content::Arp(_) | Content::Other(_) => {
            ensure!(blank(event), "of what has no addresses");
            return Ok(());
        }
    };
    let Some(reading) = read(frame, datagram).filter(|_| *drop != Drop::EtherType) else {
        ensure!(blank(event), "of what has no addresses");
        return Ok(());
    };
    let packet = &datagram.packet;
    ensure!(event.family == if datagram.is_ipv4() { 4 } else { 6 }, "the family");
    ensure!(event.source == widened(packet.source()), "the source");
    ensure!(event.destination == widened(packet.destination()), "the destination");
    let ports = (event.source_port, event.destination_port);
    match reading.part {
        // "Events of later fragments have ports 0."
        Part::Later { .. } => {
            ensure!(ports == (0, 0) && event.tcp_flags == 0, "ports of a later fragment");
            if datagram.is_ipv4() {
                ensure!(event.protocol == reading.protocol, "the protocol");
            }
        }
        Part::Whole | Part::First { .. } if reading.fault.is_none() => {
            ensure!(event.protocol == reading.protocol, "the protocol");
            let (wanted, flags) = if reading.hidden || datagram.upper != Upper::Transport {
                ((0, 0), 0)
            } else {
                match packet.transport {
                    // An echo's identifier stands in the place of both ports.
                    Transport::Icmp { identifier, .. } if packet.is_echo() => ((identifier, identifier), 0),
                    Transport::Tcp { flags, .. } => (packet.ports().unwrap_or_default(), flags.0),
                    Transport::Udp { .. }
                    | Transport::Sctp { .. }
                    | Transport::Icmp { .. }
                    | Transport::Other { .. } => (packet.ports().unwrap_or_default(), 0),
                }
            };
            ensure!(ports == wanted && event.tcp_flags == flags, "ports or flags");
        }
        Part::Whole | Part::First { .. } => {}
    }
    Ok(())
}

/// IPv4 stands in the first four bytes.
fn widened(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V6(v6) => v6.octets(),
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        }
    }
}
