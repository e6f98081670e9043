//! Objects as an API server has them.

use serde_json::{Value, json};

/// A policy of the namespace `shop` for all of its pods, with the rest of its `spec`.
#[must_use]
pub fn policy(name: &str, rest: Value) -> Value {
    let mut spec = json!({"podSelector": {}});
    if let (Some(spec), Value::Object(rest)) = (spec.as_object_mut(), rest) {
        spec.extend(rest);
    }
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "shop", "uid": format!("uid-of-{name}")},
        "spec": spec,
    })
}

/// A running pod of the namespace `shop`, on another node.
#[must_use]
pub fn pod(name: &str, address: &str) -> Value {
    pod_on("node-2", name, address, "Running")
}

/// A pod with all that a kubelet and a ReplicaSet write, as far as it makes a pod large.
#[must_use]
pub fn pod_on(node: &str, name: &str, address: &str, phase: &str) -> Value {
    let started = "2026-01-02T03:04:05Z";
    let field = |name: &str| json!({format!("f:{name}"): {".": {}, "f:x": {}, "f:y": {}}});
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": format!("9f2c1a44-8d1b-4b5e-9c3a-{:0>12}", name.len()),
            "creationTimestamp": started,
            "labels": {"app": name, "pod-template-hash": "6d4b75cb6d", "app.kubernetes.io/part-of": "shop"},
            "annotations": {"kubernetes.io/config.source": "api", "checksum/config": "0123456789abcdef".repeat(4)},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "u", "controller": true}],
            "managedFields": [{
                "manager": "kubelet",
                "operation": "Update",
                "apiVersion": "v1",
                "time": started,
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:status": [field("conditions"), field("containerStatuses"), field("podIPs")]},
            }],
        },
        "spec": {
            "nodeName": node,
            "serviceAccountName": "default",
            "containers": [{
                "name": "main",
                "image": "registry.example.org/shop/main:1.2.3",
                "ports": [{"name": "http", "containerPort": 8080, "protocol": "TCP"}],
                "env": [{"name": "A", "value": "a".repeat(40)}, {"name": "B", "value": "b".repeat(40)}],
                "resources": {"limits": {"cpu": "1", "memory": "128Mi"}, "requests": {"cpu": "100m"}},
                "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}],
            }],
            "volumes": [{"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}],
        },
        "status": {
            "phase": phase,
            "podIP": address,
            "podIPs": [{"ip": address}],
            "hostIP": "10.0.0.1",
            "startTime": started,
            "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": started}],
            "containerStatuses": [{
                "name": "main", "ready": true, "restartCount": 0, "image": "main", "imageID": "sha256:0123",
                "state": {"running": {"startedAt": started}}, "lastState": {},
            }],
        },
    })
}
