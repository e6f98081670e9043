//! What the chart installs, held to Kubernetes' types: an unknown or misspelt field is refused by `kubectl apply`, and silently dropped by others.

mod node;

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
        json!({"cni": {"whenAgentIsAway": "closed", "timeoutSeconds": 30, "systemNamespaces": ["kube-system", "net"]}}),
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

/// What the ServiceAccount may do: read what rules are made of, write events and statuses of its own kind.
#[test]
fn the_role_reads_what_rules_are_made_of_and_writes_events_and_status() -> Result<()> {
    let objects = objects(OLDEST_KUBERNETES, &json!({}))?;
    let of_kind = |object: &&Value| object.get("kind").is_some_and(|kind| kind == "ClusterRole");
    let role: ClusterRole = strictly(objects.iter().find(of_kind).context("there is no ClusterRole")?)?;
    let mut allowed = Vec::new();
    for rule in role.rules.unwrap_or_default() {
        let groups = rule.api_groups.unwrap_or_default().join(" ");
        for resource in rule.resources.unwrap_or_default() {
            allowed.push((groups.clone(), resource, rule.verbs.join(" ")));
        }
    }
    allowed.sort();
    let read = "get list watch";
    let wanted = [
        ("", "namespaces", read),
        ("", "nodes", read),
        ("", "pods", read),
        ("", "services", read),
        ("discovery.k8s.io", "endpointslices", read),
        ("enforcer.dev", "enforcernodestatuses", "create patch"),
        ("events.k8s.io", "events", "create"),
        ("networking.k8s.io", "networkpolicies", read),
    ];
    let wanted = wanted.map(|(group, resource, verbs)| (group.into(), resource.into(), verbs.into()));
    assert_eq!(allowed, wanted);
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
        (json!({}), "--cni-install", true),
        (json!({"cni": {"install": false}}), "--cni-install", false),
        (json!({"uninstall": true}), "--cni-install", false),
        (json!({}), "--cni-conf-dir=/etc/cni/net.d", true),
        (json!({"cni": {"binDir": "/x"}}), "--cni-bin-dir=/x", true),
        (json!({"cni": {"install": false}}), "--cni-bin-dir=/opt/cni/bin", false),
        (json!({"uninstall": true}), "--cni-bin-dir=/opt/cni/bin", false),
        (json!({}), "--when-agent-is-away=closed-for-policed", true),
        (json!({"cni": {"whenAgentIsAway": "open"}}), "--when-agent-is-away=open", true),
        (json!({}), "--cni-timeout=10", true),
        (json!({"cni": {"timeoutSeconds": 60}}), "--cni-timeout=60", true),
        (json!({}), "--system-namespace=kube-system", true),
        (json!({"cni": {"systemNamespaces": ["a", "b"]}}), "--system-namespace=b", true),
        (json!({"cni": {"systemNamespaces": ["a"]}}), "--system-namespace=kube-system", false),
        (json!({"extraArgs": ["--a=b c"]}), "--a=b c", true),
        (json!({}), "--detach-on-exit", false),
        (json!({"cni": {"install": false}}), "--detach-on-exit", false),
        (json!({"uninstall": true}), "--detach-on-exit", true),
        (json!({"uninstall": true, "extraArgs": ["--detach-on-exit"]}), "--detach-on-exit", true),
    ] {
        let arguments = agent(values.clone())?.args.unwrap_or_default();
        // Twice is an error of the command line.
        let times = arguments.iter().filter(|argument| *argument == wanted).count();
        ensure!(times == usize::from(there), "{values}: {arguments:?}");
    }
    Ok(())
}

/// Helm installs them first, and as they are: they are no templates.
#[test]
fn definitions_of_kinds_come_first_and_unrendered() -> Result<()> {
    let mut chart = Chart::read(&workspace::root()?)?;
    let file = |path: &str, text: &str| super::File { path: path.to_owned(), text: text.to_owned() };
    chart.crds = vec![
        file("crds/a.yaml", "kind: CustomResourceDefinition\ndescription: '{{ x }}'\n"),
        file("crds/README.md", "# Not an object\n"),
    ];
    let text =
        chart.render(&Release { namespace: "net", kubernetes: NEWEST_KUBERNETES, values: json!({}) })?;
    let first =
        "---\n# Source: enforcer/crds/a.yaml\nkind: CustomResourceDefinition\ndescription: '{{ x }}'\n---\n";
    ensure!(text.starts_with(first) && !text.contains("Not an object"), "{text}");
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
        json!({"cni": {"whenAgentIsAway": "shut"}}),
        json!({"cni": {"timeoutSeconds": 0}}),
        json!({"cni": {"systemNamespaces": []}}),
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
