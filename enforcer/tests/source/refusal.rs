//! What is refused of a NetworkPolicy, with the API server's reasons.

use crate::scratch::{Scratch, policy};

/// The fields and messages that a spec gives.
fn refusals(spec: &str) -> Vec<String> {
    let mut scratch = Scratch::new(&[("p.yaml", &policy("p", spec))]);
    let problems = scratch.problems();
    assert_eq!(scratch.policies(), Vec::<String>::new(), "{spec}");
    let trim = |problem: String| {
        let problem = problem.strip_prefix("p.yaml:4: NetworkPolicy default/p: ").unwrap().to_owned();
        problem.strip_suffix("; nothing of it is enforced").unwrap().to_owned()
    };
    problems.into_iter().map(trim).collect()
}

#[test]
fn refuses_what_the_api_server_refuses() {
    const LABEL_KEY: &str = "is not a label key: an optional DNS subdomain and '/', then at most 63 letters, digits, '-', '_' and '.', with a letter or digit at either end";
    const LABEL_VALUE: &str = "is not a label value: empty, or at most 63 letters, digits, '-', '_' and '.', with a letter or digit at either end";
    let cases: &[(&str, &[&str])] = &[
        // Selectors, wherever they stand.
        (
            "{podSelector: {matchExpressions: [{key: a, operator: Inn, values: [b]}]}}",
            &[
                "spec.podSelector.matchExpressions[0].operator: \"Inn\" is not a valid selector operator: In, NotIn, Exists, DoesNotExist",
            ],
        ),
        (
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {podSelector: {matchExpressions: [{key: a, operator: in, values: [b]}]}}]}]}",
            &[
                "spec.ingress[0].from[1].podSelector.matchExpressions[0].operator: \"in\" is not a valid selector operator: In, NotIn, Exists, DoesNotExist",
            ],
        ),
        (
            "{egress: [{}, {to: [{namespaceSelector: {matchExpressions: [{key: a, operator: Exists}, {key: a}]}}]}]}",
            &[
                "spec.egress[1].to[0].namespaceSelector.matchExpressions[1].operator: \"\" is not a valid selector operator: In, NotIn, Exists, DoesNotExist",
            ],
        ),
        (
            "{podSelector: {matchExpressions: [{key: a, operator: In}, {key: a, operator: NotIn, values: []}]}}",
            &[
                "spec.podSelector.matchExpressions[0].values: must be specified when `operator` is 'In' or 'NotIn'",
                "spec.podSelector.matchExpressions[1].values: must be specified when `operator` is 'In' or 'NotIn'",
            ],
        ),
        (
            "{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}, {key: a, operator: DoesNotExist, values: [b]}]}}",
            &[
                "spec.podSelector.matchExpressions[0].values: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
                "spec.podSelector.matchExpressions[1].values: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
            ],
        ),
        (
            "{podSelector: {matchExpressions: [{operator: Exists}]}}",
            &["spec.podSelector.matchExpressions[0].key: is required"],
        ),
        (
            "{podSelector: {matchLabels: {-a: b}}}",
            &[&format!("spec.podSelector.matchLabels: \"-a\" {LABEL_KEY}")],
        ),
        (
            "{podSelector: {matchLabels: {a: b c}}}",
            &[&format!("spec.podSelector.matchLabels.a: \"b c\" {LABEL_VALUE}")],
        ),
        (
            "{podSelector: {matchExpressions: [{key: a, operator: In, values: [b, -c]}]}}",
            &[&format!("spec.podSelector.matchExpressions[0].values[1]: \"-c\" {LABEL_VALUE}")],
        ),
        // Peers.
        (
            "{ingress: [{from: [{}]}]}",
            &["spec.ingress[0].from[0]: must specify a peer: podSelector, namespaceSelector or ipBlock"],
        ),
        (
            "{ingress: [{from: [{podSelector: null}]}]}",
            &["spec.ingress[0].from[0]: must specify a peer: podSelector, namespaceSelector or ipBlock"],
        ),
        (
            "{egress: [{to: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]}",
            &["spec.egress[0].to[0]: may not specify both ipBlock and another peer"],
        ),
        (
            "{egress: [{to: [{namespaceSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]}",
            &["spec.egress[0].to[0]: may not specify both ipBlock and another peer"],
        ),
        // Blocks.
        (
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}]}",
            &[
                "spec.ingress[0].from[0].ipBlock.cidr: \"10.0.0.0/33\" must be a valid CIDR value, such as 10.0.0.0/8 or fd00::/8",
            ],
        ),
        ("{ingress: [{from: [{ipBlock: {}}]}]}", &["spec.ingress[0].from[0].ipBlock.cidr: is required"]),
        (
            "{ingress: [{from: [{ipBlock: {cidr: '::ffff:10.0.0.0/104'}}]}]}",
            &[
                "spec.ingress[0].from[0].ipBlock.cidr: \"::ffff:10.0.0.0/104\" must not be an IPv4-mapped IPv6 address; write it as IPv4",
            ],
        ),
        (
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8, 11.0.0.0/16, 'fd00::/64', x]}}]}]}",
            &[
                "spec.ingress[0].from[0].ipBlock.except[0]: 10.0.0.0/8 must be a strict subset of `cidr`, 10.0.0.0/8",
                "spec.ingress[0].from[0].ipBlock.except[1]: 11.0.0.0/16 must be a strict subset of `cidr`, 10.0.0.0/8",
                "spec.ingress[0].from[0].ipBlock.except[2]: fd00::/64 must be a strict subset of `cidr`, 10.0.0.0/8",
                "spec.ingress[0].from[0].ipBlock.except[3]: \"x\" must be a valid CIDR value, such as 10.0.0.0/8 or fd00::/8",
            ],
        ),
        (
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: ['']}}]}]}",
            &[
                "spec.ingress[0].from[0].ipBlock.except[0]: \"\" must be a valid CIDR value, such as 10.0.0.0/8 or fd00::/8",
            ],
        ),
        (
            "{ingress: [{from: [{ipBlock: {cidr: '::/0', except: [10.0.0.0/8]}}]}]}",
            &[
                "spec.ingress[0].from[0].ipBlock.except[0]: 10.0.0.0/8 must be a strict subset of `cidr`, ::/0",
            ],
        ),
        (
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/16, except: [10.0.0.0/8]}}]}]}",
            &[
                "spec.ingress[0].from[0].ipBlock.except[0]: 10.0.0.0/8 must be a strict subset of `cidr`, 10.0.0.0/16",
            ],
        ),
        // Ports.
        (
            "{ingress: [{ports: [{port: 0}]}]}",
            &["spec.ingress[0].ports[0].port: 0 must be between 1 and 65535, inclusive"],
        ),
        (
            "{egress: [{ports: [{}, {port: 65536}]}]}",
            &["spec.egress[0].ports[1].port: 65536 must be between 1 and 65535, inclusive"],
        ),
        (
            "{ingress: [{ports: [{port: 80, endPort: 79}]}]}",
            &["spec.ingress[0].ports[0].endPort: 79 must be greater than or equal to `port`, 80"],
        ),
        (
            "{ingress: [{ports: [{port: 80, endPort: 65536}]}]}",
            &["spec.ingress[0].ports[0].endPort: 65536 must be between 1 and 65535, inclusive"],
        ),
        (
            "{ingress: [{ports: [{endPort: 80}]}]}",
            &["spec.ingress[0].ports[0].endPort: may not be specified when `port` is not specified"],
        ),
        (
            "{ingress: [{ports: [{port: 80, protocol: tcp}]}]}",
            &["spec.ingress[0].ports[0].protocol: \"tcp\" is none of TCP, UDP, SCTP"],
        ),
        (
            "{ingress: [{ports: [{port: 80.5}]}]}",
            &["spec.ingress[0].ports[0].port: invalid type: floating point `80.5`, expected IntOrString"],
        ),
        (
            "{ingress: [{ports: [{port: 65536, endPort: 0}]}]}",
            &[
                "spec.ingress[0].ports[0].endPort: 0 must be between 1 and 65535, inclusive",
                "spec.ingress[0].ports[0].endPort: 0 must be greater than or equal to `port`, 65536",
                "spec.ingress[0].ports[0].port: 65536 must be between 1 and 65535, inclusive",
            ],
        ),
        (
            "{ingress: [{ports: [{port: 80, protocol: ''}]}]}",
            &["spec.ingress[0].ports[0].protocol: \"\" is none of TCP, UDP, SCTP"],
        ),
        // Named ports.
        (
            "{egress: [{ports: [{port: http, endPort: 90}]}]}",
            &["spec.egress[0].ports[0].endPort: may not be specified when `port` is non-numeric"],
        ),
        (
            "{ingress: [{ports: [{port: '80'}]}]}",
            &["spec.ingress[0].ports[0].port: \"80\" must contain at least one letter (a-z)"],
        ),
        (
            "{ingress: [{ports: [{port: ''}]}]}",
            &[
                "spec.ingress[0].ports[0].port: \"\" must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), must contain at least one letter (a-z)",
            ],
        ),
        (
            "{ingress: [{ports: [{port: a-name-that-is-16}, {port: a--b}, {port: -a, endPort: 1}, {port: A_b}]}]}",
            &[
                "spec.ingress[0].ports[0].port: \"a-name-that-is-16\" must be no more than 15 characters",
                "spec.ingress[0].ports[1].port: \"a--b\" must not contain consecutive hyphens",
                "spec.ingress[0].ports[2].endPort: may not be specified when `port` is non-numeric",
                "spec.ingress[0].ports[2].port: \"-a\" must not begin or end with a hyphen",
                "spec.ingress[0].ports[3].port: \"A_b\" must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)",
            ],
        ),
        // Types.
        ("{policyTypes: [ingress]}", &["spec.policyTypes[0]: \"ingress\" is none of Ingress, Egress"]),
        (
            "{policyTypes: [Ingress, Egress, ingress]}",
            &["spec.policyTypes: may not specify more than two policyTypes"],
        ),
        ("{policyTypes: ['']}", &["spec.policyTypes[0]: \"\" is none of Ingress, Egress"]),
        // A rule is checked even where `policyTypes` leaves its direction out.
        (
            "{policyTypes: [Ingress], egress: [{ports: [{port: 0}]}]}",
            &["spec.egress[0].ports[0].port: 0 must be between 1 and 65535, inclusive"],
        ),
        // Unknown fields and wrong types. YAML 1.1's booleans are booleans, as with kubectl.
        (
            "{podSelector: {matchLabels: {a: y}}}",
            &["spec.podSelector.matchLabels.a: invalid type: boolean `true`, expected a string"],
        ),
        ("{podselector: {}}", &["spec.podselector: unknown field"]),
        (
            "{ingress: [{from: [{podSelector: {matchlabels: {a: b}}}]}]}",
            &["spec.ingress[0].from[0].podSelector.matchlabels: unknown field"],
        ),
        ("{ingress: [{port: [{port: 80}]}]}", &["spec.ingress[0].port: unknown field"]),
        // The API server reads `null` as an empty rule: all may enter. Surely that is not what is meant.
        ("{ingress: [null]}", &["spec.ingress[0]: invalid type: null, expected NetworkPolicyIngressRule"]),
        (
            "{ingress: [{ports: [null]}]}",
            &["spec.ingress[0].ports[0]: invalid type: null, expected NetworkPolicyPort"],
        ),
        ("{ingress: {}}", &["spec.ingress: invalid type: map, expected a sequence"]),
        (
            "{podSelector: {matchLabels: {a: 1}}}",
            &["spec.podSelector.matchLabels.a: invalid type: integer `1`, expected a string"],
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(refusals(spec), *expected, "{spec}");
    }
}

#[test]
fn refuses_bad_names_and_labels() {
    let of = |metadata: &str| {
        let text = format!("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {metadata}\n");
        let mut scratch = Scratch::new(&[("p.yaml", &text)]);
        let problems = scratch.problems();
        assert_eq!(scratch.policies(), Vec::<String>::new(), "{metadata}");
        problems
    };
    let starts = [
        ("{name: P}", "p.yaml:3: NetworkPolicy default/P: metadata.name: \"P\" is not a DNS subdomain"),
        ("{}", "p.yaml:3: metadata.name: of an unnamed NetworkPolicy: is required"),
        (
            "{name: 5}",
            "p.yaml:3: metadata.name: of an unnamed NetworkPolicy: invalid type: integer `5`, expected a string",
        ),
        (
            "{name: p, namespace: a.b}",
            "p.yaml:3: NetworkPolicy a.b/p: metadata.namespace: \"a.b\" is not a DNS label",
        ),
        (
            "{name: p, labels: {a: '*'}}",
            "p.yaml:3: NetworkPolicy default/p: metadata.labels.a: \"*\" is not a label value",
        ),
        (
            "{name: p, labels: {a/b/c: x}}",
            "p.yaml:3: NetworkPolicy default/p: metadata.labels: \"a/b/c\" is not a label key",
        ),
        (
            "{name: p, annotations: {a b: x}}",
            "p.yaml:3: NetworkPolicy default/p: metadata.annotations: \"a b\" is not a label key",
        ),
        (
            "{name: p, generateName: PQ-}",
            "p.yaml:3: NetworkPolicy default/p: metadata.generateName: \"PQ-\" is not a DNS subdomain",
        ),
        (
            "{name: p, finalizers: ['-']}",
            "p.yaml:3: NetworkPolicy default/p: metadata.finalizers: \"-\" is not a label key",
        ),
        (
            "{name: p, finalizers: [orphan, foregroundDeletion]}",
            "p.yaml:3: NetworkPolicy default/p: metadata.finalizers: finalizer foregroundDeletion and orphan cannot be both set",
        ),
        (
            "{name: p, ownerReferences: [{apiVersion: apps/, kind: a, name: b, uid: c}]}",
            "p.yaml:3: NetworkPolicy default/p: metadata.ownerReferences[0].apiVersion: is required",
        ),
        (
            "{name: p, ownerReferences: [{apiVersion: v1, kind: a, name: '', uid: c}]}",
            "p.yaml:3: NetworkPolicy default/p: metadata.ownerReferences[0].name: is required",
        ),
        (
            "{name: p, ownerReferences: [{apiVersion: v1, kind: Event, name: b, uid: c}]}",
            "p.yaml:3: NetworkPolicy default/p: metadata.ownerReferences[0]: v1 Event is disallowed from being an owner",
        ),
        (
            "{name: p, ownerReferences: [{apiVersion: v1, kind: a, name: b, uid: c, controller: true}, {apiVersion: v1, kind: a, name: d, uid: e, controller: true}]}",
            "p.yaml:3: NetworkPolicy default/p: metadata.ownerReferences: only one reference can have `controller` set to true",
        ),
        ("{name: p, lables: {}}", "p.yaml:3: NetworkPolicy default/p: metadata.lables: unknown field"),
    ];
    for (metadata, start) in starts {
        let problems = of(metadata);
        assert!(problems.len() == 1 && problems[0].starts_with(start), "{metadata}: {problems:?}");
    }
}

#[test]
fn refuses_annotations_that_are_too_long() {
    let of = |length: usize| {
        let text = format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p, annotations: {{a: '{}'}}}}\n",
            "x".repeat(length)
        );
        Scratch::new(&[("p.yaml", &text)]).problems()
    };
    assert_eq!(of(256 * 1024 - 1), Vec::<String>::new());
    assert_eq!(
        of(256 * 1024),
        [
            "p.yaml:3: NetworkPolicy default/p: metadata.annotations: must have at most 262144 bytes, but has 262145; nothing of it is enforced"
        ]
    );
}

#[test]
fn accepts_metadata_that_the_api_server_accepts() {
    for metadata in [
        "{name: p, annotations: {A/B: '', a.b/C_d: '*'}}",
        "{name: p, generateName: p-}",
        "{name: p, finalizers: [orphan, example.com/x]}",
        "{name: p, ownerReferences: [{apiVersion: apps/v1, kind: a, name: b, uid: c, controller: true}, {apiVersion: v1, kind: a, name: d, uid: e, controller: false}]}",
        "{name: p, generation: -1}",
    ] {
        let text = format!("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {metadata}\n");
        let mut scratch = Scratch::new(&[("p.yaml", &text)]);
        assert_eq!(scratch.problems(), Vec::<String>::new(), "{metadata}");
        assert_eq!(scratch.policies(), ["default/p"]);
    }
}
