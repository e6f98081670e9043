//! What a NetworkPolicy is read as, and what is refused.

use enforcer::model::{
    IpBlock, NamespaceScope, Peer, PortMatch, Ports, Protocol, Requirement, Rule, Selector,
};

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
                "spec.podSelector.matchExpressions[0].operator: \"Inn\" is none of In, NotIn, Exists, DoesNotExist",
            ],
        ),
        (
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {podSelector: {matchExpressions: [{key: a, operator: in, values: [b]}]}}]}]}",
            &[
                "spec.ingress[0].from[1].podSelector.matchExpressions[0].operator: \"in\" is none of In, NotIn, Exists, DoesNotExist",
            ],
        ),
        (
            "{egress: [{}, {to: [{namespaceSelector: {matchExpressions: [{key: a, operator: Exists}, {key: a}]}}]}]}",
            &["spec.egress[1].to[0].namespaceSelector.matchExpressions[1].operator: is required"],
        ),
        (
            "{podSelector: {matchExpressions: [{key: a, operator: In}, {key: a, operator: NotIn, values: []}]}}",
            &[
                "spec.podSelector.matchExpressions[0].values: must have a value, since the operator is In or NotIn",
                "spec.podSelector.matchExpressions[1].values: must have a value, since the operator is In or NotIn",
            ],
        ),
        (
            "{podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}, {key: a, operator: DoesNotExist, values: [b]}]}}",
            &[
                "spec.podSelector.matchExpressions[0].values: must be empty, since the operator is Exists or DoesNotExist",
                "spec.podSelector.matchExpressions[1].values: must be empty, since the operator is Exists or DoesNotExist",
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
            &["spec.ingress[0].from[0]: must set at least one of podSelector, namespaceSelector and ipBlock"],
        ),
        (
            "{ingress: [{from: [{podSelector: null}]}]}",
            &["spec.ingress[0].from[0]: must set at least one of podSelector, namespaceSelector and ipBlock"],
        ),
        (
            "{egress: [{to: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]}",
            &["spec.egress[0].to[0]: must not set ipBlock together with podSelector or namespaceSelector"],
        ),
        (
            "{egress: [{to: [{namespaceSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]}",
            &["spec.egress[0].to[0]: must not set ipBlock together with podSelector or namespaceSelector"],
        ),
        // Blocks.
        (
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}]}",
            &[
                "spec.ingress[0].from[0].ipBlock.cidr: \"10.0.0.0/33\" is not a CIDR such as 10.0.0.0/8 or fd00::/8",
            ],
        ),
        ("{ingress: [{from: [{ipBlock: {}}]}]}", &["spec.ingress[0].from[0].ipBlock.cidr: is required"]),
        (
            "{ingress: [{from: [{ipBlock: {cidr: '::ffff:10.0.0.0/104'}}]}]}",
            &[
                "spec.ingress[0].from[0].ipBlock.cidr: \"::ffff:10.0.0.0/104\" is an IPv4-mapped IPv6 address; write it as IPv4",
            ],
        ),
        (
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8, 11.0.0.0/16, 'fd00::/64', x]}}]}]}",
            &[
                "spec.ingress[0].from[0].ipBlock.except[0]: 10.0.0.0/8 is not strictly inside 10.0.0.0/8",
                "spec.ingress[0].from[0].ipBlock.except[1]: 11.0.0.0/16 is not strictly inside 10.0.0.0/8",
                "spec.ingress[0].from[0].ipBlock.except[2]: fd00::/64 is not strictly inside 10.0.0.0/8",
                "spec.ingress[0].from[0].ipBlock.except[3]: \"x\" is not a CIDR such as 10.0.0.0/8 or fd00::/8",
            ],
        ),
        (
            "{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/16, except: [10.0.0.0/8]}}]}]}",
            &["spec.ingress[0].from[0].ipBlock.except[0]: 10.0.0.0/8 is not strictly inside 10.0.0.0/16"],
        ),
        // Ports.
        (
            "{ingress: [{ports: [{port: 0}]}]}",
            &["spec.ingress[0].ports[0].port: 0 is not a port number from 1 to 65535"],
        ),
        (
            "{egress: [{ports: [{}, {port: 65536}]}]}",
            &["spec.egress[0].ports[1].port: 65536 is not a port number from 1 to 65535"],
        ),
        (
            "{ingress: [{ports: [{port: 80, endPort: 79}]}]}",
            &["spec.ingress[0].ports[0].endPort: 79 is less than port 80"],
        ),
        (
            "{ingress: [{ports: [{port: 80, endPort: 65536}]}]}",
            &["spec.ingress[0].ports[0].endPort: 65536 is not a port number from 1 to 65535"],
        ),
        (
            "{ingress: [{ports: [{endPort: 80}]}]}",
            &["spec.ingress[0].ports[0].endPort: needs a numeric port beside it"],
        ),
        (
            "{ingress: [{ports: [{port: 80, protocol: tcp}]}]}",
            &["spec.ingress[0].ports[0].protocol: \"tcp\" is none of TCP, UDP, SCTP"],
        ),
        (
            "{ingress: [{ports: [{port: 80.5}]}]}",
            &["spec.ingress[0].ports[0].port: invalid type: floating point `80.5`, expected IntOrString"],
        ),
        // Named ports come later; until then they are refused, not ignored.
        (
            "{ingress: [{ports: [{port: http}]}]}",
            &[
                "spec.ingress[0].ports[0].port: the named port \"http\" is not supported yet; write its number",
            ],
        ),
        (
            "{ingress: [{ports: [{port: '80'}]}]}",
            &[
                "spec.ingress[0].ports[0].port: \"80\" is not a port name: at most 15 of a-z, 0-9 and single '-', with a letter, and a letter or digit at either end",
            ],
        ),
        // Types.
        ("{policyTypes: [ingress]}", &["spec.policyTypes[0]: \"ingress\" is none of Ingress, Egress"]),
        (
            "{policyTypes: [Ingress, Egress, Egress]}",
            &["spec.policyTypes: must not have more than two entries"],
        ),
        // A rule is checked even where `policyTypes` leaves its direction out.
        (
            "{policyTypes: [Ingress], egress: [{ports: [{port: 0}]}]}",
            &["spec.egress[0].ports[0].port: 0 is not a port number from 1 to 65535"],
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
        assert_eq!(scratch.policies(), Vec::<String>::new());
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
        ("{name: p, lables: {}}", "p.yaml:3: NetworkPolicy default/p: metadata.lables: unknown field"),
    ];
    for (metadata, start) in starts {
        let problems = of(metadata);
        assert!(problems.len() == 1 && problems[0].starts_with(start), "{metadata}: {problems:?}");
    }
}

fn read(spec: &str) -> Scratch {
    let mut scratch = Scratch::new(&[("p.yaml", &policy("p", spec))]);
    assert_eq!(scratch.problems(), Vec::<String>::new(), "{spec}");
    scratch
}

#[test]
fn defaults_the_types() {
    // The spec, and whether it isolates ingress and egress.
    let cases = [
        ("{}", true, false),
        ("null", true, false),
        ("{policyTypes: []}", true, false),
        ("{ingress: []}", true, false),
        ("{egress: []}", true, false),
        ("{egress: [{}]}", true, true),
        ("{policyTypes: [Egress]}", false, true),
        ("{policyTypes: [Egress], ingress: [{}]}", false, true),
        ("{policyTypes: [Ingress], egress: [{}]}", true, false),
        ("{policyTypes: [Ingress, Ingress]}", true, false),
        ("{policyTypes: [Egress, Ingress]}", true, true),
    ];
    for (spec, ingress, egress) in cases {
        let scratch = read(spec);
        let policy = scratch.policy();
        assert_eq!((policy.ingress.is_some(), policy.egress.is_some()), (ingress, egress), "{spec}");
        assert_eq!(policy.pod_selector, Selector::default());
    }
}

#[test]
fn tells_missing_from_empty() {
    for spec in ["{ingress: []}", "{}"] {
        assert_eq!(read(spec).policy().ingress, Some(vec![]), "{spec}");
    }
    let any = Rule { peers: None, ports: Ports::Any };
    for spec in
        ["{ingress: [{}]}", "{ingress: [{from: [], ports: []}]}", "{ingress: [{from: null, ports: null}]}"]
    {
        assert_eq!(read(spec).policy().ingress, Some(vec![any.clone()]), "{spec}");
    }
}

#[test]
fn reads_every_part() {
    let scratch = read(
        "{podSelector: {matchLabels: {app: web, empty: ''}},
        egress: [{
          to: [
            {podSelector: {matchExpressions: [
              {key: a, operator: In, values: [z, x, x]}, {key: b, operator: NotIn, values: ['']},
              {key: c, operator: Exists}, {key: d, operator: DoesNotExist, values: []}]}},
            {namespaceSelector: {}},
            {namespaceSelector: {matchLabels: {team: a}}, podSelector: {}},
            {ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 10.0.0.0/9]}},
            {ipBlock: {cidr: '::/0', except: ['fd00::/8']}}],
          ports: [{port: 53, protocol: UDP}, {port: 1, endPort: 65535}, {protocol: SCTP}, {port: 7, endPort: 7}]}]}",
    );
    let policy = scratch.policy();
    let labels = |pairs: &[(&str, &str)]| Selector {
        match_labels: pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        match_expressions: vec![],
    };
    assert_eq!(policy.pod_selector, labels(&[("app", "web"), ("empty", "")]));
    let set = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
    let pods = Selector {
        match_labels: [].into(),
        match_expressions: vec![
            Requirement::In("a".into(), set(&["x", "z"])),
            Requirement::NotIn("b".into(), set(&[""])),
            Requirement::Exists("c".into()),
            Requirement::DoesNotExist("d".into()),
        ],
    };
    let block = |cidr: &str, except: &[&str]| {
        let except = except.iter().map(|hole| hole.parse().unwrap()).collect();
        Peer::IpBlock(IpBlock { cidr: cidr.parse().unwrap(), except })
    };
    let all = Selector::default;
    let peers = vec![
        Peer::Pods { namespaces: NamespaceScope::Own, pods },
        Peer::Pods { namespaces: NamespaceScope::Matching(all()), pods: all() },
        Peer::Pods { namespaces: NamespaceScope::Matching(labels(&[("team", "a")])), pods: all() },
        block("10.0.0.0/8", &["10.1.0.0/16", "10.0.0.0/9"]),
        block("::/0", &["fd00::/8"]),
    ];
    let port = |protocol, first, last| PortMatch { protocol, first, last };
    let ports = Ports::Listed(vec![
        port(Protocol::Udp, 53, 53),
        port(Protocol::Tcp, 1, 65535),
        port(Protocol::Sctp, 0, 65535),
        port(Protocol::Tcp, 7, 7),
    ]);
    assert_eq!(policy.egress, Some(vec![Rule { peers: Some(peers), ports }]));
    assert_eq!(policy.ingress, Some(vec![]));
}

#[test]
fn canonicalises_with_a_warning() {
    let text = policy("p", "{ingress: [{from: [{ipBlock: {cidr: 10.1.2.3/8, except: [10.9.9.9/16]}}]}]}");
    let mut scratch = Scratch::new(&[("p.yaml", &text)]);
    assert_eq!(
        scratch.problems(),
        [
            "p.yaml:4: NetworkPolicy default/p: spec.ingress[0].from[0].ipBlock.cidr: \"10.1.2.3/8\" has bits set beyond its prefix or leading zeros; it is read as 10.0.0.0/8; it is enforced as written",
            "p.yaml:4: NetworkPolicy default/p: spec.ingress[0].from[0].ipBlock.except[0]: \"10.9.9.9/16\" has bits set beyond its prefix or leading zeros; it is read as 10.9.0.0/16; it is enforced as written",
        ]
    );
    let peers = scratch.policy().ingress.as_ref().unwrap()[0].peers.as_ref().unwrap();
    let block = IpBlock { cidr: "10.0.0.0/8".parse().unwrap(), except: vec!["10.9.0.0/16".parse().unwrap()] };
    assert_eq!(*peers, [Peer::IpBlock(block)]);
}
