//! Judging a step, and comparing it with what the table says.

use anyhow::{Context as _, ensure};
use enforcer::{host::TRIAL_INTERFACE, plan::RuleName};
use enforcer_common::{Direction, Reason, event::DropEvent};

use super::{Case, Sender, Stage, Step};
use crate::node::{At, Node, Seen, Target};

/// Judges one frame.
///
/// # Errors
/// When the kernel refuses.
pub fn judge<T: Target>(
    stage: &mut Stage<T>,
    frame: &[u8],
    direction: Direction,
    sender: Sender,
) -> anyhow::Result<Seen> {
    let origin = stage.origin(sender);
    stage.node.target.judge(&At { frame, interface: TRIAL_INTERFACE, direction, origin })
}

/// Plays a case. Returns what was seen, step by step.
///
/// # Errors
/// With the step, where it is not what the table says.
pub fn check<T: Target>(stage: &mut Stage<T>, case: &Case) -> anyhow::Result<Vec<Seen>> {
    stage.enter(case.setting)?;
    let mut all = Vec::new();
    for (index, step) in case.steps.iter().enumerate() {
        let place = || format!("{} ({:?}), frame {index}: {:02x?}", case.name, case.setting, step.frame);
        let seen = judge(stage, &step.frame, step.direction.into(), step.sender).with_context(place)?;
        compare(&stage.node, step, &seen).with_context(place)?;
        all.push(seen);
    }
    Ok(all)
}

fn compare<T: Target>(node: &Node<T>, step: &Step, seen: &Seen) -> anyhow::Result<()> {
    let wanted = step.reason.map_or("pass", Reason::name);
    let number = step.reason.map(|reason| reason as u8);
    ensure!(
        seen.passed == number.is_none() && seen.event.map(|event| event.reason) == number,
        "it should be {wanted}, but it is {seen}"
    );
    let Some(event) = seen.event else { return Ok(()) };
    let direction: Direction = step.direction.into();
    ensure!(event.endpoint == TRIAL_INTERFACE && event.direction == direction as u8, "{event:?}");
    ensure!(event.length as usize == step.frame.len(), "{event:?}");
    let at = network(&step.frame);
    let ether_type =
        step.frame.get(at - 2..at).map(|two| two.iter().fold(0, |sum, byte| sum << 8 | u16::from(*byte)));
    ensure!(Some(event.ether_type) == ether_type, "{event:?}");
    let endpoint = node.image.endpoints.get(&TRIAL_INTERFACE);
    let slot = endpoint.map_or(0, |endpoint| endpoint.slot);
    let generation = node.image.tables.generations.get(&slot).copied().unwrap_or_default();
    ensure!(
        (event.slot, event.generation) == (slot, generation),
        "slot {slot}, generation {generation}: {event:?}"
    );
    compare_rule(node, step, &event)?;
    compare_header(step, &event)
}

/// Only the rules' drops have a rule: the implicit deny of the policy that isolates the pod.
fn compare_rule<T: Target>(node: &Node<T>, step: &Step, event: &DropEvent) -> anyhow::Result<()> {
    if step.reason != Some(Reason::Policy) {
        ensure!(event.rule == 0, "a rule for a drop that is no rule's: {event:?}");
        return Ok(());
    }
    let name = node.rule(event.rule).map(AsRef::as_ref);
    let Some(RuleName::Isolated { direction, policies }) = name else {
        anyhow::bail!("rule {} is {name:?}, not an implicit deny", event.rule);
    };
    ensure!(*direction == step.direction, "the deny is named as {direction}");
    let policies: Vec<String> = policies.iter().map(ToString::to_string).collect();
    ensure!(policies == ["shop/web"], "isolated by {policies:?}");
    Ok(())
}

/// Where the network layer begins: behind two tags at most.
fn network(frame: &[u8]) -> usize {
    let is_tag = |at: usize| matches!(frame.get(at..at + 2), Some([0x81, 0x00] | [0x88, 0xa8]));
    match (is_tag(12), is_tag(16)) {
        (false, _) => 14,
        (true, false) => 18,
        (true, true) => 22,
    }
}

/// Addresses as they stand in the frame, where there is room for a whole IP header; else nothing.
fn compare_header(step: &Step, event: &DropEvent) -> anyhow::Result<()> {
    let start = network(&step.frame);
    let bytes = |from: usize, length: usize| step.frame.get(start + from..start + from + length);
    let (family, addresses) = match event.ether_type {
        0x0800 => (4, bytes(12, 4).zip(bytes(16, 4))),
        0x86dd => (6, bytes(8, 16).zip(bytes(24, 16))),
        _ => (0, None),
    };
    let Some((source, destination)) = addresses else {
        let blank = (event.family, event.source, event.destination) == (0, [0; 16], [0; 16]);
        ensure!(
            blank && (event.protocol, event.source_port, event.destination_port) == (0, 0, 0),
            "{event:?}"
        );
        return Ok(());
    };
    ensure!(event.family == family, "{event:?}");
    ensure!(event.source.starts_with(source) && event.destination.starts_with(destination), "{event:?}");
    if let Some(fields) = step.fields {
        let seen = (event.protocol, (event.source_port, event.destination_port), event.tcp_flags);
        ensure!(seen == (fields.protocol, fields.ports, fields.flags), "{fields:?}, but {event:?}");
    }
    Ok(())
}
