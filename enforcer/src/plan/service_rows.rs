//! Rows of virtual addresses: the row of the plain address, with one point changed for each port of a Service (DESIGN
//! 3.8). Such a port is open when every backend is open at its target port; another one judged by another address,
//! so no row of a plain address can say this.

use std::collections::BTreeSet;

use enforcer_common::tables::{Interval, Ruling, point};

use super::{
    PlanError,
    rows::{Content, END, Side},
};
use crate::{
    compile::{ServicePorts, Signature, Target},
    model::Protocol,
};

/// The row of a virtual address.
pub(super) fn service_row(
    side: &mut Side<'_>,
    rule_set: u32,
    signature: &Signature,
    service: &ServicePorts,
) -> Result<Content, PlanError> {
    let mut row = Vec::new();
    let plain = side.row(signature)?;
    let mut rest = plain.iter().peekable();
    // What the plain address gets from here on.
    let mut under = (Ruling::Deny, side.default_rule);
    for ((protocol, port), backends) in &service.ports {
        let at = point(protocol.number(), *port);
        while let Some(step) = rest.next_if(|step| step.start <= at) {
            under = (step.ruling, step.rule);
            push(&mut row, step.start, under);
        }
        let answer = match opened(side, signature, at, *protocol, backends)? {
            Some(rule) => (Ruling::Allow, rule),
            None if signature.kept.contains(&(rule_set, at)) => (Ruling::Keep, side.default_rule),
            None => (Ruling::Deny, side.default_rule),
        };
        push(&mut row, at, answer);
        push(&mut row, at + 1, under);
    }
    for step in rest {
        push(&mut row, step.start, (step.ruling, step.rule));
    }
    Ok(row.into())
}

/// The points of a virtual address that stay closed.
pub(super) fn closed(
    side: &mut Side<'_>,
    signature: &Signature,
    service: &ServicePorts,
) -> Result<Vec<u32>, PlanError> {
    let mut closed = Vec::new();
    for ((protocol, port), backends) in &service.ports {
        let at = point(protocol.number(), *port);
        if opened(side, signature, at, *protocol, backends)?.is_none() {
            closed.push(at);
        }
    }
    Ok(closed)
}

/// Whether a port is open, and by which rule: the first of those that open a backend; none (0) where the subject is
/// the only one.
fn opened(
    side: &mut Side<'_>,
    signature: &Signature,
    at: u32,
    protocol: Protocol,
    backends: &BTreeSet<(Signature, Target)>,
) -> Result<Option<u32>, PlanError> {
    let own = signature.iter().any(|peer| side.own.contains(&(peer, at)));
    let mut open = own || !backends.is_empty();
    let mut rules = BTreeSet::new();
    for (backend, target) in backends {
        match allowing(&side.row(backend)?, protocol, *target) {
            Some(by) => rules.extend(by),
            None => open &= own,
        }
    }
    let first = rules.into_iter().min_by_key(|rule| side.order(*rule));
    Ok(open.then_some(first.unwrap_or(0)))
}

/// The rules that allow a target port; `None` when it is not allowed, or not all of it.
fn allowing(row: &[Interval], protocol: Protocol, target: Target) -> Option<BTreeSet<u32>> {
    let number = protocol.number();
    let (first, last) = match target {
        Target::Port(port) => (point(number, port), point(number, port)),
        Target::Every => (point(number, 1), point(number, u16::MAX)),
    };
    let from = row.partition_point(|step| step.start <= first).saturating_sub(1);
    let steps = row.iter().skip(from).take_while(|step| step.start <= last);
    steps.map(|step| (step.ruling == Ruling::Allow).then_some(step.rule)).collect()
}

/// Adds a step, unless it changes nothing; a later word on the same point replaces an earlier one.
fn push(row: &mut Vec<Interval>, start: u32, (ruling, rule): (Ruling, u32)) {
    if start >= END {
        return;
    }
    row.pop_if(|last| last.start == start);
    if row.last().is_none_or(|last| (last.ruling, last.rule) != (ruling, rule)) {
        row.push(Interval { start, ruling, rule });
    }
}
