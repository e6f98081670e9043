//! Peers of a policy's rule.

use k8s_openapi::{api::networking::v1, apimachinery::pkg::apis::meta::v1::LabelSelector};

use super::{Fault, Field, Findings, address::convert_cidr, selector::convert_selector};
use crate::model::{IpBlock, NamespaceScope, Peer};

/// `from` or `to` of a rule: a missing or an empty list matches everything.
pub(super) fn convert_peers(
    peers: Option<&[v1::NetworkPolicyPeer]>,
    field: &Field,
    findings: &mut Findings,
) -> Option<Vec<Peer>> {
    let peers = peers.unwrap_or_default();
    if peers.is_empty() {
        return None;
    }
    let converted = peers
        .iter()
        .enumerate()
        .filter_map(|(index, peer)| convert_peer(peer, &field.index(index), findings))
        .collect();
    Some(converted)
}

fn convert_peer(peer: &v1::NetworkPolicyPeer, field: &Field, findings: &mut Findings) -> Option<Peer> {
    let mut convert = |selector: Option<&LabelSelector>, name: &str| {
        selector.map(|selector| convert_selector(selector, &field.child(name), findings))
    };
    let pods = convert(peer.pod_selector.as_ref(), "podSelector");
    let namespaces = convert(peer.namespace_selector.as_ref(), "namespaceSelector");
    let block = peer.ip_block.as_ref().map(|block| convert_block(block, &field.child("ipBlock"), findings));
    match (block, pods, namespaces) {
        (Some(block), None, None) => block.map(Peer::IpBlock),
        (Some(_), _, _) => findings.refuse(field, Fault::PeerMixed),
        (None, None, None) => findings.refuse(field, Fault::PeerEmpty),
        (None, pods, namespaces) => Some(Peer::Pods {
            namespaces: namespaces.map_or(NamespaceScope::Own, NamespaceScope::Matching),
            pods: pods.unwrap_or_default(),
        }),
    }
}

fn convert_block(block: &v1::IPBlock, field: &Field, findings: &mut Findings) -> Option<IpBlock> {
    let at_cidr = field.child("cidr");
    if block.cidr.is_empty() {
        return findings.refuse(&at_cidr, Fault::Missing);
    }
    let cidr = convert_cidr(&block.cidr, &at_cidr, findings)?;
    let at_except = field.child("except");
    let mut except = Vec::new();
    for (index, written) in block.except.iter().flatten().enumerate() {
        let at = at_except.index(index);
        let Some(hole) = convert_cidr(written, &at, findings) else { continue };
        // `contains` is false across families.
        if !cidr.contains(&hole) || cidr.prefix_len() >= hole.prefix_len() {
            findings.note(&at, Fault::ExceptOutside { except: hole.to_string(), cidr: cidr.to_string() });
        }
        except.push(hole);
    }
    Some(IpBlock { cidr, except })
}
