//! Where a Service is reached: its cluster addresses, external addresses, load balancers.

use std::{collections::BTreeSet, net::IpAddr};

use k8s_openapi::api::core::v1;

use super::{
    Fault, Field, Findings,
    address::{convert_address, convert_addresses, convert_outer_address},
};
use crate::model::ServiceKind;

/// `clusterIP` of a headless Service.
const NONE: &str = "None";

/// Whether the Service has asked for no cluster address.
pub(super) fn is_headless(spec: &v1::ServiceSpec) -> bool {
    let first_of_all = spec.cluster_ips.iter().flatten().next();
    spec.cluster_ip.as_deref() == Some(NONE) || first_of_all.is_some_and(|first| first == NONE)
}

/// `clusterIP` is the first of `clusterIPs`; older writers set only the former.
pub(super) fn convert_cluster_ips(
    spec: &v1::ServiceSpec,
    kind: ServiceKind,
    field: &Field,
    findings: &mut Findings,
) -> BTreeSet<IpAddr> {
    let first = spec.cluster_ip.as_deref().filter(|ip| !ip.is_empty());
    let all = spec.cluster_ips.as_deref().unwrap_or_default();
    let at_all = field.child("clusterIPs");
    match kind {
        ServiceKind::Headless => {
            if all.len() > 1 {
                findings.note(&at_all, Fault::NoneBeside);
            }
        }
        ServiceKind::ExternalName => {
            if first.is_some_and(|ip| ip != NONE) {
                findings.note(&field.child("clusterIP"), Fault::NotOfType("ExternalName"));
            }
            if !all.is_empty() {
                findings.note(&at_all, Fault::NotOfType("ExternalName"));
            }
            return BTreeSet::new();
        }
        ServiceKind::ClusterIp | ServiceKind::NodePort | ServiceKind::LoadBalancer => {}
    }
    if let (Some(first), Some(first_of_all)) = (first, all.first())
        && first != first_of_all
    {
        findings.note(&at_all.index(0), Fault::NotTheFirst(first.to_owned()));
    }
    let first = first.map(|ip| (field.child("clusterIP"), ip));
    let all = all.iter().enumerate().map(|(index, ip)| (at_all.index(index), ip.as_str()));
    convert_addresses(first.into_iter().chain(all).filter(|(_, ip)| *ip != NONE), findings)
}

/// `externalIPs`
pub(super) fn convert_external_ips(
    spec: &v1::ServiceSpec,
    field: &Field,
    findings: &mut Findings,
) -> BTreeSet<IpAddr> {
    let field = field.child("externalIPs");
    let written = spec.external_ips.iter().flatten().enumerate();
    written.filter_map(|(index, ip)| convert_outer_address(ip, &field.index(index), findings)).collect()
}

/// The addresses of `status.loadBalancer` at which packets keep the virtual address: `ipMode` VIP, the
/// default.
pub(super) fn convert_load_balancer_ips(
    status: Option<&v1::ServiceStatus>,
    findings: &mut Findings,
) -> BTreeSet<IpAddr> {
    let field = Field::root("status").child("loadBalancer").child("ingress");
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer.and_then(|balancer| balancer.ingress.as_deref()).unwrap_or_default();
    let mut addresses = BTreeSet::new();
    for (index, ingress) in ingress.iter().enumerate() {
        let field = field.index(index);
        let at_mode = field.child("ipMode");
        let written = ingress.ip.as_deref().filter(|ip| !ip.is_empty());
        let address = written.and_then(|ip| convert_address(ip, &field.child("ip"), findings));
        match ingress.ip_mode.as_deref() {
            Some(_) if written.is_none() => findings.note(&at_mode, Fault::ModeAlone),
            None | Some("VIP") => addresses.extend(address),
            Some("Proxy") => {}
            Some(other) => {
                let fault = Fault::Unsupported { value: other.to_owned(), allowed: "VIP, Proxy" };
                findings.note(&at_mode, fault);
            }
        }
    }
    addresses
}
