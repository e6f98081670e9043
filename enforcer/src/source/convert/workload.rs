//! Workloads, which stand for their pods where no controller makes them.

use k8s_openapi::{
    api::{apps::v1 as apps, batch::v1 as batch, core::v1 as core},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};

use super::{
    Fault, Field, Findings,
    meta::{NameSyntax, convert_labels, convert_object_name},
    pod::{convert_ports, is_host_network},
};
use crate::model::{ObjectName, Pod};

/// One manifest must not take all memory. The largest clusters have 150,000 pods ("Considerations
/// for large clusters"); one workload of a manifest folder is far below.
const PODS_MAX: i32 = 10_000;

/// A workload's pods, named `<workload>-<ordinal>`.
pub type Workload = Vec<Pod>;

/// What all workloads have in common.
struct Replicas<'a> {
    meta: &'a ObjectMeta,
    /// The field that gives the number of pods, and its value.
    count: (&'static str, Option<i32>),
    first_ordinal: i32,
    template: Option<&'a core::PodTemplateSpec>,
}

/// Converts a Deployment.
pub fn convert_deployment(object: &apps::Deployment, findings: &mut Findings) -> Option<Workload> {
    let count = ("replicas", object.spec.replicas);
    convert(
        &Replicas { meta: &object.metadata, count, first_ordinal: 0, template: Some(&object.spec.template) },
        findings,
    )
}

/// Converts a ReplicaSet.
pub fn convert_replica_set(object: &apps::ReplicaSet, findings: &mut Findings) -> Option<Workload> {
    let count = ("replicas", object.spec.replicas);
    let template = object.spec.template.as_ref();
    convert(&Replicas { meta: &object.metadata, count, first_ordinal: 0, template }, findings)
}

/// Converts a StatefulSet, whose ordinals may start elsewhere than at 0.
pub fn convert_stateful_set(object: &apps::StatefulSet, findings: &mut Findings) -> Option<Workload> {
    let count = ("replicas", object.spec.replicas);
    let first_ordinal = object.spec.ordinals.as_ref().and_then(|ordinals| ordinals.start).unwrap_or(0);
    convert(
        &Replicas { meta: &object.metadata, count, first_ordinal, template: Some(&object.spec.template) },
        findings,
    )
}

/// Converts a DaemonSet: one pod, that of this node.
pub fn convert_daemon_set(object: &apps::DaemonSet, findings: &mut Findings) -> Option<Workload> {
    let count = ("replicas", Some(1));
    convert(
        &Replicas { meta: &object.metadata, count, first_ordinal: 0, template: Some(&object.spec.template) },
        findings,
    )
}

/// Converts a Job: as many pods as run at once.
pub fn convert_job(object: &batch::Job, findings: &mut Findings) -> Option<Workload> {
    let spec = object.spec.as_ref();
    let parallelism = spec.and_then(|spec| spec.parallelism).unwrap_or(1);
    let completions = spec.and_then(|spec| spec.completions).unwrap_or(parallelism);
    let suspended = spec.and_then(|spec| spec.suspend).unwrap_or_default();
    let count = ("parallelism", Some(if suspended { 0 } else { parallelism.min(completions) }));
    let template = spec.map(|spec| &spec.template);
    convert(&Replicas { meta: &object.metadata, count, first_ordinal: 0, template }, findings)
}

fn convert(replicas: &Replicas<'_>, findings: &mut Findings) -> Option<Workload> {
    findings.guard(|findings| {
        let name = convert_object_name(replicas.meta, NameSyntax::Subdomain, findings);
        let at_spec = Field::root("spec");
        let at_template = at_spec.child("template");
        let template_meta = replicas.template.and_then(|template| template.metadata.as_ref());
        let labels = convert_labels(
            template_meta.and_then(|meta| meta.labels.as_ref()),
            &at_template.child("metadata").child("labels"),
            findings,
        );
        let spec = replicas.template.and_then(|template| template.spec.as_ref());
        if spec.is_none() {
            findings.note(&at_template.child("spec"), Fault::Missing);
        }
        let ports = convert_ports(spec, &at_template.child("spec"), findings);
        let count = convert_count(replicas, &at_spec, findings)?;
        let workload = name?;
        let first = i64::from(replicas.first_ordinal);
        let pods = (first..first + i64::from(count)).map(|ordinal| Pod {
            name: ObjectName::new(&workload.namespace, format!("{}-{ordinal}", workload.name)),
            labels: labels.clone(),
            host_network: is_host_network(spec),
            ports: ports.clone(),
            ..Pod::default()
        });
        Some(pods.collect())
    })
}

fn convert_count(replicas: &Replicas<'_>, at_spec: &Field, findings: &mut Findings) -> Option<i32> {
    let (name, count) = replicas.count;
    let count = count.unwrap_or(1);
    if count < 0 {
        return findings.refuse(&at_spec.child(name), Fault::Negative(count));
    }
    if replicas.first_ordinal < 0 {
        let field = at_spec.child("ordinals").child("start");
        return findings.refuse(&field, Fault::Negative(replicas.first_ordinal));
    }
    if count > PODS_MAX {
        return findings.refuse(&at_spec.child(name), Fault::TooManyPods { count, limit: PODS_MAX });
    }
    Some(count)
}
