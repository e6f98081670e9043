//! What the chart installs, held to Kubernetes' types: an unknown or misspelt field is refused by `kubectl apply`, and silently dropped by others.

use super::{Chart, Release};
use crate::{manifests::OLDEST_KUBERNETES, workspace};
use anyhow::{Context as _, Result, anyhow, bail, ensure};
use k8s_openapi::{
    api::{
        apps::v1::DaemonSet,
        core::v1::{Container, ServiceAccount},
        rbac::v1::{ClusterRole, ClusterRoleBinding},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

const NEWEST_KUBERNETES: &str = "v1.36.1-gke.1000";

/// Sets of values that, together, use every branch of every template.
fn value_sets() -> Vec<Value> {
    vec![
        json!({}),
        json!({"cni": {"install": false}}),
        json!({"hostProcesses": true}),
        json!({"uninstall": true, "cni": {"confDir": "/var/lib/cni/net.d", "binDir": "/usr/libexec/cni", "keepProgram": true}}),
        json!({"image": {"repository": "registry.example.org/enforcer", "tag": "1.2.3"}, "imagePullSecrets": [{"name": "pull"}],
               "apiServer": "https://10.0.0.1:6443", "extraArgs": ["--log-format=json"]}),
        json!({"image": {"digest": format!("sha256:{}", "0".repeat(64))}}),
        json!({"metrics": {"address": "0.0.0.0", "port": 9000}, "podMonitor": {"enabled": true, "labels": {"release": "x"}}}),
        json!({"metrics": {"address": "::"}, "podMonitor": {"enabled": true}}),
        json!({"nodeSelector": {"pool": "true"}, "tolerations": [], "maxUnavailable": 1, "resources": null,
               "podLabels": {"team": "net"}, "podAnnotations": {"a.b/c": "1"},
               "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
                   "nodeSelectorTerms": [{"matchExpressions": [{"key": "a", "operator": "Exists"}]}]}}}}),
        json!({"security": {"appArmorProfile": {"type": "Localhost", "localhostProfile": "enforcer"},
                            "seccompProfile": {"type": "Localhost", "localhostProfile": "enforcer.json"},
                            "seLinuxOptions": {"type": "spc_t"}, "capabilities": ["BPF"]}}),
        json!({"security": {"appArmorProfile": {"type": "RuntimeDefault"}}}),
    ]
}

fn objects(kubernetes: &str, values: &Value) -> Result<Vec<Value>> {
    let chart = Chart::read(&workspace::root()?)?;
    let release = Release { namespace: "net", kubernetes, values: values.clone() };
    Ok(serde_saphyr::from_multiple(&chart.render(&release)?)?)
}

/// All renderings, with a name for messages.
fn renderings() -> Result<Vec<(String, Vec<Value>)>> {
    let mut all = Vec::new();
    for kubernetes in [OLDEST_KUBERNETES, NEWEST_KUBERNETES] {
        for values in value_sets() {
            let name = format!("{kubernetes} {values}");
            let objects = objects(kubernetes, &values).with_context(|| name.clone())?;
            all.push((name, objects));
        }
    }
    Ok(all)
}

/// Reads an object as its type, and nothing of it may be lost.
fn strictly<T: DeserializeOwned + Serialize>(object: &Value) -> Result<T> {
    let mut unknown = Vec::new();
    let read: T = serde_path_to_error::deserialize(serde_ignored::Deserializer::new(
        object,
        &mut |path: serde_ignored::Path<'_>| {
            unknown.push(path.to_string());
        },
    ))?;
    ensure!(unknown.is_empty(), "unknown fields: {unknown:?}");
    Ok(read)
}

fn daemon_set(objects: &[Value]) -> Result<DaemonSet> {
    let of_kind = |object: &&Value| object.get("kind").is_some_and(|kind| kind == "DaemonSet");
    strictly(objects.iter().find(of_kind).context("there is no DaemonSet")?)
}

fn containers(set: &DaemonSet) -> Result<Vec<Container>> {
    let pod = set.spec.template.spec.clone().context("it has no pods")?;
    Ok(pod.init_containers.unwrap_or_default().into_iter().chain(pod.containers).collect())
}

#[test]
fn every_object_is_of_its_type_without_unknown_fields() -> Result<()> {
    for (name, objects) in renderings()? {
        ensure!(objects.len() >= 4, "{name}: {} objects", objects.len());
        for object in &objects {
            let kind = object.get("kind").and_then(Value::as_str).unwrap_or_default();
            let result = match kind {
                "DaemonSet" => strictly::<DaemonSet>(object).map(drop),
                "ServiceAccount" => strictly::<ServiceAccount>(object).map(drop),
                "ClusterRole" => strictly::<ClusterRole>(object).map(drop),
                "ClusterRoleBinding" => strictly::<ClusterRoleBinding>(object).map(drop),
                "CustomResourceDefinition" => strictly::<CustomResourceDefinition>(object).map(drop),
                // The operator's type, which is in no crate here; its test is below.
                "PodMonitor" => Ok(()),
                other => Err(anyhow!("{other:?} is a kind that no test knows")),
            };
            result.with_context(|| format!("{name}: {kind}"))?;
        }
    }
    Ok(())
}

#[test]
fn an_unknown_field_would_be_found() {
    let object = json!({"apiVersion": "v1", "kind": "ServiceAccount", "automountToken": false});
    assert!(strictly::<ServiceAccount>(&object).is_err());
}

/// The API server refuses a name that is declared twice, a mount without its volume, and a selector that does not match.
#[test]
fn pods_are_consistent() -> Result<()> {
    for (name, objects) in renderings()? {
        let set = daemon_set(&objects)?;
        let spec = &set.spec;
        let labels = spec.template.metadata.as_ref().and_then(|meta| meta.labels.clone()).unwrap_or_default();
        let selector = spec.selector.match_labels.clone().unwrap_or_default();
        ensure!(
            !selector.is_empty() && selector.iter().all(|(key, value)| labels.get(key) == Some(value)),
            "{name}"
        );
        let pod = spec.template.spec.as_ref().context("no pod")?;
        let volumes: Vec<&str> = pod.volumes.iter().flatten().map(|volume| volume.name.as_str()).collect();
        for container in containers(&set)? {
            for mount in container.volume_mounts.unwrap_or_default() {
                ensure!(volumes.contains(&mount.name.as_str()), "{name}: no volume {}", mount.name);
            }
            for port in container.ports.unwrap_or_default() {
                ensure!(port.host_port == Some(port.container_port), "{name}: hostNetwork wants equal ports");
            }
        }
    }
    Ok(())
}

#[test]
fn no_container_is_privileged() -> Result<()> {
    for (name, objects) in renderings()? {
        let set = daemon_set(&objects)?;
        let pod = set.spec.template.spec.clone().context("no pod")?;
        let is_asked = name.contains("hostProcesses");
        ensure!(pod.host_pid.unwrap_or_default() == is_asked && pod.host_ipc.is_none(), "{name}");
        for container in containers(&set)? {
            let security = container.security_context.context("no security context")?;
            ensure!(security.privileged == Some(false), "{name}: privileged");
            ensure!(security.allow_privilege_escalation == Some(false), "{name}: escalation");
            ensure!(security.read_only_root_filesystem == Some(true), "{name}: the root is writable");
            ensure!(security.seccomp_profile.is_some(), "{name}: no seccomp profile");
            let capabilities = security.capabilities.context("no capabilities")?;
            ensure!(capabilities.drop == Some(vec!["ALL".to_owned()]), "{name}: not all are dropped");
            // Bidirectional is for privileged containers, and CAP_SYS_ADMIN, spelt so, is refused beside allowPrivilegeEscalation.
            let added = capabilities.add.unwrap_or_default();
            ensure!(
                !added.is_empty() && added.iter().all(|name| !name.starts_with("CAP_")),
                "{name}: {added:?}"
            );
            for mount in container.volume_mounts.unwrap_or_default() {
                ensure!(
                    mount.mount_propagation.as_deref() != Some("Bidirectional"),
                    "{name}: {}",
                    mount.name
                );
            }
        }
    }
    Ok(())
}

/// Every container has its profile, as a field where the server knows it, else as an annotation, never both.
#[test]
fn app_armor_profiles_reach_old_and_new_servers() -> Result<()> {
    const PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
    for (profile, annotation) in [
        (json!({"type": "Unconfined"}), "unconfined"),
        (json!({"type": "RuntimeDefault"}), "runtime/default"),
        (json!({"type": "Localhost", "localhostProfile": "enforcer"}), "localhost/enforcer"),
    ] {
        let values = json!({"security": {"appArmorProfile": profile}, "cni": {"install": false}});
        for (kubernetes, known) in
            [(OLDEST_KUBERNETES, false), ("v1.29.9", false), ("v1.30.0", true), (NEWEST_KUBERNETES, true)]
        {
            let set = daemon_set(&objects(kubernetes, &values)?)?;
            let template = set.spec.template.clone();
            let annotations = template.metadata.and_then(|meta| meta.annotations).unwrap_or_default();
            for container in containers(&set)? {
                let field = container.security_context.and_then(|security| security.app_armor_profile);
                let field = field.map(serde_json::to_value).transpose()?;
                let said = annotations.get(&format!("{PREFIX}{}", container.name)).map(String::as_str);
                ensure!(field.as_ref() == known.then_some(&profile), "{kubernetes} {profile}: {field:?}");
                ensure!(said == (!known).then_some(annotation), "{kubernetes} {profile}: {said:?}");
            }
            ensure!(
                annotations.keys().filter(|key| key.starts_with(PREFIX)).count() == if known { 0 } else { 2 }
            );
        }
    }
    Ok(())
}

/// What the ServiceAccount may do, as the issue of least privilege has it: read what rules are made of, write events.
#[test]
fn the_role_reads_what_rules_are_made_of_and_writes_events() -> Result<()> {
    let objects = objects(OLDEST_KUBERNETES, &json!({}))?;
    let of_kind = |object: &&Value| object.get("kind").is_some_and(|kind| kind == "ClusterRole");
    let role: ClusterRole = strictly(objects.iter().find(of_kind).context("there is no ClusterRole")?)?;
    let mut allowed = Vec::new();
    for rule in role.rules.unwrap_or_default() {
        for resource in rule.resources.unwrap_or_default() {
            allowed.push((resource, rule.verbs.join(" ")));
        }
    }
    allowed.sort();
    let read = "get list watch";
    let wanted = [
        ("endpointslices", read),
        ("events", "create patch"),
        ("namespaces", read),
        ("networkpolicies", read),
        ("nodes", read),
        ("pods", read),
        ("services", read),
    ];
    assert_eq!(allowed, wanted.map(|(resource, verbs)| (resource.to_owned(), verbs.to_owned())));
    Ok(())
}

#[test]
fn values_reach_the_agent() -> Result<()> {
    let agent = |values: Value| -> Result<Container> {
        let set = daemon_set(&objects(OLDEST_KUBERNETES, &values)?)?;
        containers(&set)?.into_iter().find(|container| container.name == "agent").context("no agent")
    };
    let image = agent(json!({}))?.image;
    let version =
        Chart::read(&workspace::root()?)?.app_version().map(ToOwned::to_owned).context("no version")?;
    assert_eq!(image, Some(format!("localhost/enforcer:{version}")));
    let digest = format!("sha256:{}", "a".repeat(64));
    let image = agent(json!({"image": {"repository": "r.example/e", "tag": "x", "digest": digest}}))?.image;
    assert_eq!(image, Some(format!("r.example/e@{digest}")));
    for (values, wanted, there) in [
        (json!({}), "--metrics-address=127.0.0.1:9401", true),
        (json!({"metrics": {"address": "::", "port": 80}}), "--metrics-address=[::]:80", true),
        (json!({"apiServer": "https://[::1]:6443"}), "--api-server=https://[::1]:6443", true),
        (json!({}), "--cni-conf-dir=/etc/cni/net.d", true),
        (json!({"cni": {"binDir": "/x"}}), "--cni-bin-dir=/x", true),
        (json!({"cni": {"install": false}}), "--cni-bin-dir=/opt/cni/bin", false),
        (json!({"uninstall": true}), "--cni-bin-dir=/opt/cni/bin", false),
        (json!({"uninstall": true}), "--detach-on-exit", true),
        (json!({}), "--detach-on-exit", false),
        (json!({"extraArgs": ["--a=b c"]}), "--a=b c", true),
    ] {
        let arguments = agent(values.clone())?.args.unwrap_or_default();
        ensure!(arguments.iter().any(|argument| argument == wanted) == there, "{values}: {arguments:?}");
    }
    Ok(())
}

/// Without the plugin each node's is taken out before the agent starts; with it nothing takes it out.
#[test]
fn the_plugin_is_taken_out_where_it_is_not_wanted() -> Result<()> {
    for (values, wanted) in [
        (json!({}), None),
        (
            json!({"cni": {"install": false}}),
            Some(["cni", "uninstall", "--conf-dir=/etc/cni/net.d", "--bin-dir=/opt/cni/bin"].as_slice()),
        ),
        (
            json!({"uninstall": true, "cni": {"confDir": "/c", "binDir": "/b", "keepProgram": true}}),
            Some(["cni", "uninstall", "--conf-dir=/c", "--bin-dir=/b", "--keep-program"].as_slice()),
        ),
    ] {
        let set = daemon_set(&objects(OLDEST_KUBERNETES, &values)?)?;
        let pod = set.spec.template.spec.context("no pod")?;
        let first = pod.init_containers.unwrap_or_default().into_iter().next();
        let arguments = first.map(|container| container.args.unwrap_or_default());
        let wanted: Option<Vec<String>> = wanted.map(|words| words.iter().map(ToString::to_string).collect());
        assert_eq!(arguments, wanted, "{values}");
    }
    Ok(())
}

#[test]
fn notes_say_how_to_go_on() -> Result<()> {
    let chart = Chart::read(&workspace::root()?)?;
    let notes = |values| chart.notes(&Release { namespace: "net", kubernetes: NEWEST_KUBERNETES, values });
    assert!(notes(json!({}))?.contains("--namespace net rollout status"));
    assert!(notes(json!({"uninstall": true}))?.contains("helm uninstall enforcer --namespace net"));
    Ok(())
}

#[test]
fn a_pod_monitor_needs_an_address_that_prometheus_reaches() -> Result<()> {
    let values = json!({"podMonitor": {"enabled": true}});
    let error = objects(OLDEST_KUBERNETES, &values).err().map(|error| format!("{error:#}"));
    assert!(error.as_ref().is_some_and(|error| error.contains("metrics.address")), "{error:?}");
    let values = json!({"metrics": {"address": "0.0.0.0"}, "podMonitor": {"enabled": true, "labels": {"release": "p"}}});
    let objects = objects(OLDEST_KUBERNETES, &values)?;
    let Some(monitor) =
        objects.iter().find(|object| object.get("kind").is_some_and(|kind| kind == "PodMonitor"))
    else {
        bail!("there is no PodMonitor");
    };
    let at = |path: &str| monitor.pointer(path).cloned();
    assert_eq!(at("/metadata/labels/release"), Some(json!("p")));
    assert_eq!(at("/spec/podMetricsEndpoints/0/port"), Some(json!("metrics")));
    let set = daemon_set(&objects)?;
    let selector = set.spec.selector.match_labels;
    assert_eq!(at("/spec/selector/matchLabels"), Some(serde_json::to_value(selector)?));
    Ok(())
}

#[test]
fn the_schema_takes_what_is_meant_and_refuses_what_is_misspelt() -> Result<()> {
    let root = workspace::root()?;
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(root.join(super::FOLDER).join("values.schema.json"))?)?;
    let mut compiler = boon::Compiler::new();
    compiler.add_resource("values", schema).map_err(|error| anyhow!("{error}"))?;
    let mut schemas = boon::Schemas::new();
    let index = compiler.compile("values", &mut schemas).map_err(|error| anyhow!("{error}"))?;
    let own = Chart::read(&root)?.values;
    let accepted = |values: &Value| schemas.validate(&super::values::merged(&own, values), index).is_ok();
    for values in value_sets() {
        ensure!(accepted(&values), "{values} is refused");
    }
    for values in [
        json!({"imgae": {}}),
        json!({"image": {"tags": "x"}}),
        json!({"image": {"pullPolicy": "ifnotpresent"}}),
        json!({"metrics": {"port": "9401"}}),
        json!({"metrics": {"address": "10.0.0.1"}}),
        json!({"apiServer": "10.0.0.1"}),
        json!({"cni": {"binDir": "opt"}}),
        json!({"maxUnavailable": 0}),
        json!({"maxUnavailable": "0%"}),
        json!({"security": {"capabilities": ["CAP_BPF"]}}),
        json!({"security": {"appArmorProfile": {"type": "Localhost"}}}),
        json!({"extraArgs": "--a"}),
    ] {
        ensure!(!accepted(&values), "{values} is accepted");
    }
    Ok(())
}
