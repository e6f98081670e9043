//! Plays a case on a node's tables.

use std::net::{IpAddr, Ipv6Addr};

use anyhow::{Context as _, ensure};
use enforcer::{
    host::TRIAL_INTERFACE,
    model::{Endpoint, Policy},
};
use enforcer_common::{Reason, packet::Origin, tables::capacity};

use super::{Case, Entry, Step};
use crate::{
    builder::{cluster, endpoint},
    frame::{self, Packet, Transport},
    node::{At, Node, Target, tuple_of},
    oracle::Family,
    reason::Sender,
};

/// The second pod's interface, where it is local too.
const SECOND: u32 = TRIAL_INTERFACE + 1;

/// What was seen of a case.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Played {
    /// Packets that went on.
    pub passed: u64,
    /// Packets that were dropped.
    pub dropped: u64,
    /// Entries that were looked at, or looked for.
    pub looks: u64,
}

/// Plays a case.
///
/// # Errors
/// With the step, where it is not as the case says.
pub fn play<T: Target>(node: &mut Node<T>, case: &Case, family: Family) -> anyhow::Result<Played> {
    node.target.forget_flows()?;
    node.target.set_budget(capacity::CONFIRMED_PER_ENDPOINT)?;
    enter(node, case, &[])?;
    let before = (node.target.unconfirmed()?, node.target.dropped()?);
    let mut played = Played::default();
    for (index, step) in case.steps.iter().enumerate() {
        let place = || format!("{}, {family:?}, step {index}: {step:?}", case.name);
        match step {
            Step::Rules(policies) => enter(node, case, policies).with_context(place)?,
            Step::Budget(flows) => node.target.set_budget(*flows)?,
            Step::Send { packet, sender, passes, at_second } => {
                let packet = translate(packet, family);
                send(node, &packet, *sender, *passes, interface(*at_second)).with_context(place)?;
                played.passed += u64::from(*passes);
                played.dropped += u64::from(!*passes);
            }
            Step::Says { packet, entry, at_second } => {
                let packet = translate(packet, family);
                look(node, &packet, entry.as_ref(), interface(*at_second)).with_context(place)?;
                played.looks += 1;
            }
            Step::Unconfirmed(wanted) => {
                let seen = node.target.unconfirmed()? - before.0;
                ensure!(seen == *wanted, "{}: {seen} packets without confirmation, not {wanted}", case.name);
            }
        }
    }
    let counted = node.target.dropped()? - before.1;
    ensure!(counted == played.dropped, "{}: {counted} drops counted, not {}", case.name, played.dropped);
    Ok(played)
}

fn interface(at_second: bool) -> u32 {
    if at_second { SECOND } else { TRIAL_INTERFACE }
}

fn enter<T: Target>(node: &mut Node<T>, case: &Case, policies: &[Policy]) -> anyhow::Result<()> {
    let scene = cluster()
        .pod("a/one", [("app", "one")], ["10.0.0.1", "fd00::1"])
        .pod("a/two", [("app", "two")], ["10.0.0.2", "fd00::2"])
        .pod("a/peer", [("app", "peer")], ["10.0.0.9", "fd00::9"]);
    let scene = policies.iter().cloned().fold(scene, crate::builder::ClusterBuilder::policy).build();
    let one = Endpoint { interface_index: TRIAL_INTERFACE, ..endpoint("a/one", ["10.0.0.1", "fd00::1"]) };
    let two = Endpoint { interface_index: SECOND, ..endpoint("a/two", ["10.0.0.2", "fd00::2"]) };
    let local = if case.both_local { vec![one, two] } else { vec![one] };
    node.update(&scene, &local)
}

fn send<T: Target>(
    node: &mut Node<T>,
    packet: &Packet,
    sender: Sender,
    passes: bool,
    interface: u32,
) -> anyhow::Result<()> {
    let slot = slot(node, interface);
    let origin = match sender {
        Sender::Elsewhere => Origin::Elsewhere,
        Sender::Node => Origin::Node,
        // 0 is no token, so slots are counted from 1.
        Sender::Own => Origin::Pod(slot.wrapping_add(1)),
        Sender::OtherPod => Origin::Pod(slot.wrapping_add(2)),
    };
    let frame = frame::ethernet(packet);
    let direction = packet.direction.into();
    let seen = node.target.judge(&At { frame: &frame, interface, direction, origin })?;
    let reason = (!passes).then_some(Reason::Policy as u8);
    ensure!(seen.passed == passes && seen.event.map(|event| event.reason) == reason, "it is {seen}");
    ensure!(seen.event.is_none_or(|event| node.rule(event.rule).is_some()), "no rule is named: it is {seen}");
    Ok(())
}

fn look<T: Target>(
    node: &mut Node<T>,
    packet: &Packet,
    wanted: Option<&Entry>,
    interface: u32,
) -> anyhow::Result<()> {
    let generation = node.image.tables.generations.get(&slot(node, interface)).copied();
    let found = node.target.flow(&tuple_of(packet, interface))?;
    let seen = found.map(|found| {
        let judgement = found.state.judgement;
        Entry {
            opener: judgement.opener,
            ground: judgement.ground,
            denied: judgement.denied,
            current: Some(judgement.generation) == generation,
            answered: found.state.answered,
            confirmed: found.is_confirmed,
        }
    });
    ensure!(seen.as_ref() == wanted, "the tables say {seen:?}");
    Ok(())
}

fn slot<T: Target>(node: &Node<T>, interface: u32) -> u16 {
    node.image.endpoints.get(&interface).map_or(0, |endpoint| endpoint.slot)
}

/// The same packet in the other family: 10.0.0.N is fd00::N, and ICMP's echo is `ICMPv6`'s.
fn translate(packet: &Packet, family: Family) -> Packet {
    if family == Family::V4 {
        return *packet;
    }
    let wide = |address: IpAddr| match address {
        IpAddr::V4(address) => {
            let [.., number] = address.octets();
            IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, number.into()))
        }
        IpAddr::V6(_) => address,
    };
    let transport = if let Transport::Icmp { kind, code, identifier } = packet.transport {
        Transport::Icmp { kind: if kind == 8 { 128 } else { 129 }, code, identifier }
    } else {
        packet.transport
    };
    Packet { local: wide(packet.local), remote: wide(packet.remote), transport, ..*packet }
}
