//! `networking.k8s.io/v1` NetworkPolicy.

use k8s_openapi::api::networking::v1::{NetworkPolicy, NetworkPolicySpec};

use super::{
    Fault, Field, Findings,
    meta::{NameSyntax, convert_labels, convert_object_name},
    peer::convert_peers,
    port::convert_policy_ports,
    selector::convert_selector,
};
use crate::model::{Policy, Rule, Selector};

/// Which directions a policy isolates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Isolation {
    ingress: bool,
    egress: bool,
}

/// Converts a NetworkPolicy. Every rule is checked, also one in a direction that `policyTypes` leaves out.
pub fn convert_policy(object: &NetworkPolicy, findings: &mut Findings) -> Option<Policy> {
    findings.guard(|findings| {
        let name = convert_object_name(&object.metadata, NameSyntax::Subdomain, findings);
        convert_labels(object.metadata.labels.as_ref(), &Field::root("metadata").child("labels"), findings);
        let at_spec = Field::root("spec");
        // The server reads a missing spec as an empty one: every pod, nothing allowed in.
        let empty = NetworkPolicySpec::default();
        let spec = object.spec.as_ref().unwrap_or(&empty);
        let pod_selector = match &spec.pod_selector {
            Some(selector) => convert_selector(selector, &at_spec.child("podSelector"), findings),
            // "If it is not specified, it defaults to an empty selector" (API reference).
            None => Selector::default(),
        };
        let ingress = convert_ingress(spec, &at_spec.child("ingress"), findings);
        let egress = convert_egress(spec, &at_spec.child("egress"), findings);
        let isolation = convert_types(spec, &at_spec.child("policyTypes"), findings);
        Some(Policy {
            name: name?,
            pod_selector,
            ingress: isolation.ingress.then_some(ingress),
            egress: isolation.egress.then_some(egress),
        })
    })
}

fn convert_ingress(spec: &NetworkPolicySpec, field: &Field, findings: &mut Findings) -> Vec<Rule> {
    let rules = spec.ingress.iter().flatten().enumerate();
    rules
        .filter_map(|(index, rule)| {
            let at = field.index(index);
            let peers = convert_peers(rule.from.as_deref(), &at.child("from"), findings);
            let ports = convert_policy_ports(rule.ports.as_deref(), &at.child("ports"), findings)?;
            Some(Rule { peers, ports })
        })
        .collect()
}

fn convert_egress(spec: &NetworkPolicySpec, field: &Field, findings: &mut Findings) -> Vec<Rule> {
    let rules = spec.egress.iter().flatten().enumerate();
    rules
        .filter_map(|(index, rule)| {
            let at = field.index(index);
            let peers = convert_peers(rule.to.as_deref(), &at.child("to"), findings);
            let ports = convert_policy_ports(rule.ports.as_deref(), &at.child("ports"), findings)?;
            Some(Rule { peers, ports })
        })
        .collect()
}

/// `policyTypes`; the default is ingress always, egress when there are egress rules.
fn convert_types(spec: &NetworkPolicySpec, field: &Field, findings: &mut Findings) -> Isolation {
    let types = spec.policy_types.as_deref().unwrap_or_default();
    if types.is_empty() {
        return Isolation {
            ingress: true,
            egress: spec.egress.as_ref().is_some_and(|rules| !rules.is_empty()),
        };
    }
    if types.len() > 2 {
        findings.note(field, Fault::PolicyTypesTooMany);
        return Isolation::default();
    }
    let mut isolation = Isolation::default();
    for (index, name) in types.iter().enumerate() {
        match name.as_str() {
            "Ingress" => isolation.ingress = true,
            "Egress" => isolation.egress = true,
            other => findings.note(
                &field.index(index),
                Fault::Unsupported { value: other.to_owned(), allowed: "Ingress, Egress" },
            ),
        }
    }
    isolation
}
