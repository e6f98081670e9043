//! Pods and workloads.

use enforcer::model::{ContainerPort, ObjectName, Pod, PodState, Protocol};

use crate::scratch::Scratch;

fn none() -> Vec<String> {
    Vec::new()
}

fn workload(api_version: &str, kind: &str, spec: &str) -> String {
    format!(
        "apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: w, namespace: shop, labels: {{not: these}}}}\nspec: {{{spec}template: {{metadata: {{labels: {{app: w}}}}, spec: {{hostNetwork: true, containers: [{{name: c, ports: [{{containerPort: 80}}]}}]}}}}}}\n"
    )
}

#[test]
fn workloads_stand_for_their_pods() {
    let cases = [
        ("apps/v1", "Deployment", "", vec![0]),
        ("apps/v1", "Deployment", "replicas: 0, ", vec![]),
        ("apps/v1", "Deployment", "replicas: 3, ", vec![0, 1, 2]),
        ("apps/v1", "ReplicaSet", "replicas: 2, ", vec![0, 1]),
        ("apps/v1", "StatefulSet", "replicas: 2, ", vec![0, 1]),
        ("apps/v1", "StatefulSet", "replicas: 2, ordinals: {start: 5}, ", vec![5, 6]),
        ("apps/v1", "DaemonSet", "", vec![0]),
        ("batch/v1", "Job", "", vec![0]),
        ("batch/v1", "Job", "parallelism: 3, ", vec![0, 1, 2]),
        ("batch/v1", "Job", "parallelism: 3, completions: 2, ", vec![0, 1]),
        ("batch/v1", "Job", "completions: 5, ", vec![0]),
        ("batch/v1", "Job", "suspend: true, ", vec![]),
    ];
    for (api_version, kind, spec, ordinals) in cases {
        let mut scratch = Scratch::new(&[("w.yaml", &workload(api_version, kind, spec))]);
        assert_eq!(scratch.problems(), none(), "{kind} {spec}");
        let expected = ordinals.iter().map(|ordinal| Pod {
            name: ObjectName::new("shop", format!("w-{ordinal}")),
            labels: [("app".to_owned(), "w".to_owned())].into(),
            host_network: true,
            ports: vec![ContainerPort { name: None, protocol: Protocol::Tcp, port: 80 }],
            ..Pod::default()
        });
        assert!(scratch.cluster.pods.values().cloned().eq(expected), "{kind} {spec}");
    }
}

#[test]
fn refuses_bad_workloads() {
    let cases = [
        ("replicas: -1, ", "spec.replicas: -1 is negative"),
        (
            "replicas: 10001, ",
            "spec.replicas: 10001 pods are more than the 10000 that one manifest may stand for",
        ),
        ("replicas: many, ", "spec.replicas: invalid type: string \"many\", expected i32"),
    ];
    for (spec, problem) in cases {
        let mut scratch = Scratch::new(&[("w.yaml", &workload("apps/v1", "Deployment", spec))]);
        assert_eq!(
            scratch.problems(),
            [format!("w.yaml:4: Deployment shop/w: {problem}; nothing of it is enforced")]
        );
        assert_eq!(scratch.pods(), none());
    }
}

#[test]
fn an_unknown_field_outside_policies_is_a_warning() {
    let mut scratch = Scratch::new(&[("w.yaml", &workload("apps/v1", "Deployment", "replica: 3, "))]);
    assert_eq!(
        scratch.problems(),
        ["w.yaml:4: Deployment shop/w: spec.replica: unknown field; the object is enforced all the same"]
    );
    assert_eq!(scratch.pods(), ["shop/w-0"]);
}

#[test]
fn two_workloads_cannot_stand_for_one_pod() {
    let mut scratch = Scratch::new(&[("2.yaml", &workload("apps/v1", "StatefulSet", "replicas: 2, "))]);
    assert_eq!(scratch.problems(), none());
    scratch.write("1.yaml", workload("apps/v1", "Deployment", ""));
    assert_eq!(
        scratch.problems(),
        [
            "2.yaml:1: StatefulSet shop/w: stands for Pod shop/w-0, which Deployment shop/w in 1.yaml:1 is or stands for already; its last good version stays in force"
        ]
    );
    assert_eq!(scratch.pods(), ["shop/w-0", "shop/w-1"]);
}

#[test]
fn reads_a_pod() {
    let text = "
apiVersion: v1
kind: Pod
metadata:
  name: a.b
  namespace: shop
  uid: 11-22
  creationTimestamp: null
spec:
  containers:
  - name: c
    image: c
    resources: {limits: {cpu: 1, memory: 1.5Gi}}
    ports:
    - {containerPort: 80, name: http, hostPort: 80}
    - {containerPort: 53, protocol: UDP}
    - {containerPort: 54, protocol: '', name: '', hostPort: 0}
  - name: d
    ports: [{containerPort: 8080, name: http}]
  initContainers:
  - {name: gone, ports: [{containerPort: 1}]}
  - {name: stays, restartPolicy: Always, ports: [{containerPort: 2, protocol: SCTP, name: side}]}
status:
  phase: Running
  podIP: 10.0.0.1
  podIPs: [{ip: 10.0.0.1}, {ip: 'fd00::1'}]
  startTime: '1970-01-01T00:01:00Z'
";
    let mut scratch = Scratch::new(&[("p.yaml", text)]);
    assert_eq!(scratch.problems(), none());
    let port =
        |name: Option<&str>, protocol, port| ContainerPort { name: name.map(str::to_owned), protocol, port };
    let expected = Pod {
        name: ObjectName::new("shop", "a.b"),
        uid: "11-22".to_owned(),
        addresses: ["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()].into(),
        started: Some(60),
        ports: vec![
            port(Some("http"), Protocol::Tcp, 80),
            port(None, Protocol::Udp, 53),
            port(None, Protocol::Tcp, 54),
            port(Some("http"), Protocol::Tcp, 8080),
            port(Some("side"), Protocol::Sctp, 2),
        ],
        ..Pod::default()
    };
    assert_eq!(scratch.cluster.pods.values().collect::<Vec<_>>(), [&expected]);
}

#[test]
fn reads_a_pods_state() {
    let cases = [
        ("metadata: {name: a}", PodState::Live),
        ("metadata: {name: a}\nstatus: {phase: Pending}", PodState::Live),
        ("metadata: {name: a, deletionTimestamp: '2024-01-01T00:00:00Z'}", PodState::Terminating),
        ("metadata: {name: a}\nstatus: {phase: Failed}", PodState::Finished),
        (
            "metadata: {name: a, deletionTimestamp: '2024-01-01T00:00:00Z'}\nstatus: {phase: Succeeded}",
            PodState::Finished,
        ),
    ];
    for (rest, state) in cases {
        let mut scratch = Scratch::new(&[("p.yaml", &format!("apiVersion: v1\nkind: Pod\n{rest}\n"))]);
        assert_eq!(scratch.problems(), none());
        assert_eq!(scratch.cluster.pods.values().next().unwrap().state, state, "{rest}");
    }
}

#[test]
fn refuses_bad_pods() {
    let cases = [
        ("Pod", "status: {podIPs: [{ip: 10.0.0}]}", "status.podIPs[0].ip: \"10.0.0\" is not an IP address"),
        (
            "Pod",
            "status: {podIPs: [{ip: 10.0.0.1}, {ip: 10.0.0.2}]}",
            "status.podIPs[1].ip: 10.0.0.2 is a second one: may specify no more than one IP for each IP family",
        ),
        (
            "Pod",
            "status: {podIP: '::ffff:10.0.0.1'}",
            "status.podIP: \"::ffff:10.0.0.1\" must not be an IPv4-mapped IPv6 address; write it as IPv4",
        ),
        (
            "Pod",
            "spec: {containers: [{name: c, ports: [{containerPort: 0}]}]}",
            "spec.containers[0].ports[0].containerPort: is required",
        ),
        (
            "Pod",
            "spec: {containers: [{name: c, ports: [{containerPort: 1, protocol: ICMP}]}]}",
            "spec.containers[0].ports[0].protocol: \"ICMP\" is none of TCP, UDP, SCTP",
        ),
        (
            "Pod",
            "spec: {containers: [{name: c, ports: [{containerPort: 65536}]}]}",
            "spec.containers[0].ports[0].containerPort: 65536 must be between 1 and 65535, inclusive",
        ),
        (
            "Pod",
            "spec: {containers: [{name: c, ports: [{containerPort: 1, hostPort: -1}]}]}",
            "spec.containers[0].ports[0].hostPort: -1 must be between 1 and 65535, inclusive",
        ),
        (
            "Pod",
            "spec: {containers: [{name: c, ports: [{containerPort: 1, name: '1'}]}]}",
            "spec.containers[0].ports[0].name: \"1\" must contain at least one letter (a-z)",
        ),
        (
            "Pod",
            "spec: {containers: [{name: c, ports: [{containerPort: 1, name: a}, {containerPort: 2, name: a}]}]}",
            "spec.containers[0].ports[1].name: duplicate value \"a\"",
        ),
        (
            "Pod",
            "spec: {initContainers: [{name: c, ports: [{containerPort: 70000}]}]}",
            "spec.initContainers[0].ports[0].containerPort: 70000 must be between 1 and 65535, inclusive",
        ),
    ];
    for (kind, rest, problem) in cases {
        let text = format!("apiVersion: v1\nkind: {kind}\nmetadata: {{name: a}}\n{rest}\n");
        let mut scratch = Scratch::new(&[("p.yaml", &text)]);
        assert_eq!(
            scratch.problems(),
            [format!("p.yaml:4: {kind} default/a: {problem}; nothing of it is enforced")]
        );
    }
}
