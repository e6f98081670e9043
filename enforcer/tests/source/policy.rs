//! What a NetworkPolicy is read as.

use enforcer::model::{
    IpBlock, NamedPort, NamespaceScope, Peer, PortMatch, PortRange, Ports, Protocol, Requirement, Rule,
    Selector,
};

use crate::scratch::{Scratch, policy};

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
          ports: [
            {port: 53, protocol: UDP}, {port: 1, endPort: 65535}, {protocol: SCTP}, {port: 7, endPort: 7},
            {port: http}, {port: 8-b, protocol: UDP}]}]}",
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
    let port = |protocol, first, last| PortMatch::Range(PortRange { protocol, first, last });
    let named = |protocol, name: &str| PortMatch::Named(NamedPort { protocol, name: name.to_owned() });
    let ports = Ports::Listed(vec![
        port(Protocol::Udp, 53, 53),
        port(Protocol::Tcp, 1, 65535),
        port(Protocol::Sctp, 0, 65535),
        port(Protocol::Tcp, 7, 7),
        named(Protocol::Tcp, "http"),
        named(Protocol::Udp, "8-b"),
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
            "p.yaml:4: NetworkPolicy default/p: spec.ingress[0].from[0].ipBlock.cidr: \"10.1.2.3/8\" has bits set beyond its prefix or leading zeros and is read as 10.0.0.0/8; the object is enforced all the same",
            "p.yaml:4: NetworkPolicy default/p: spec.ingress[0].from[0].ipBlock.except[0]: \"10.9.9.9/16\" has bits set beyond its prefix or leading zeros and is read as 10.9.0.0/16; the object is enforced all the same",
        ]
    );
    let peers = scratch.policy().ingress.as_ref().unwrap()[0].peers.as_ref().unwrap();
    let block = IpBlock { cidr: "10.0.0.0/8".parse().unwrap(), except: vec!["10.9.0.0/16".parse().unwrap()] };
    assert_eq!(*peers, [Peer::IpBlock(block)]);
}
