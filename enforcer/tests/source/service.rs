//! Services, EndpointSlices and Nodes.

use std::{collections::BTreeSet, net::IpAddr};

use enforcer::model::{
    AddressType, EndpointSlice, Node, ObjectName, Protocol, ServiceKind, ServicePort, SliceEndpoint,
    SlicePort, TargetPort,
};

use crate::scratch::Scratch;

fn none() -> Vec<String> {
    Vec::new()
}

fn addresses<const N: usize>(texts: [&str; N]) -> BTreeSet<IpAddr> {
    texts.map(|text| text.parse().unwrap()).into()
}

#[test]
fn reads_services() {
    let text = "
apiVersion: v1
kind: Service
metadata: {name: a}
spec:
  selector: {app: a}
  clusterIP: 10.1.0.1
  clusterIPs: [10.1.0.1, 'fd00::1']
  ports:
  - {port: 80, name: a}
  - {port: 81, targetPort: 8081, name: b, protocol: UDP}
  - {port: 82, targetPort: web, name: c}
  - {port: 83, targetPort: 0, name: d}
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {clusterIP: None, clusterIPs: [None], selector: {}}
";
    let mut scratch = Scratch::new(&[("s.yaml", text)]);
    assert_eq!(scratch.problems(), none());
    let service = &scratch.cluster.services[&ObjectName::new("default", "a")];
    assert_eq!(service.selector, Some([("app".to_owned(), "a".to_owned())].into()));
    assert_eq!(service.cluster_ips, addresses(["10.1.0.1", "fd00::1"]));
    assert_eq!(service.kind, ServiceKind::ClusterIp);
    let port = |name: &str, protocol, port, target| ServicePort {
        name: Some(name.to_owned()),
        protocol,
        port,
        target,
        node_port: None,
    };
    assert_eq!(
        service.ports,
        [
            port("a", Protocol::Tcp, 80, TargetPort::Number(80)),
            port("b", Protocol::Udp, 81, TargetPort::Number(8081)),
            port("c", Protocol::Tcp, 82, TargetPort::Name("web".to_owned())),
            port("d", Protocol::Tcp, 83, TargetPort::Number(83)),
        ]
    );
    let headless = &scratch.cluster.services[&ObjectName::new("default", "headless")];
    assert!(headless.selector.is_none() && headless.cluster_ips.is_empty());
    assert_eq!(headless.kind, ServiceKind::Headless);
}

#[test]
fn reads_what_leads_to_a_service() {
    let text = "
apiVersion: v1
kind: Service
metadata: {name: a}
spec:
  type: LoadBalancer
  clusterIP: 10.1.0.1
  externalIPs: [192.0.2.1, 192.0.2.2]
  ports: [{port: 80, nodePort: 30080}]
status:
  loadBalancer:
    ingress:
    - {ip: 203.0.113.1}
    - {ip: 203.0.113.2, ipMode: VIP}
    - {ip: 203.0.113.3, ipMode: Proxy}
    - {hostname: balancer.example.com}
---
apiVersion: v1
kind: Service
metadata: {name: b}
spec: {type: NodePort, ports: [{port: 80, nodePort: 0}]}
---
apiVersion: v1
kind: Service
metadata: {name: c}
spec: {type: ExternalName, externalName: example.com.}
";
    let mut scratch = Scratch::new(&[("s.yaml", text)]);
    assert_eq!(scratch.problems(), none());
    let service = |name| &scratch.cluster.services[&ObjectName::new("default", name)];
    assert_eq!(service("a").kind, ServiceKind::LoadBalancer);
    assert_eq!(service("a").external_ips, addresses(["192.0.2.1", "192.0.2.2"]));
    assert_eq!(service("a").load_balancer_ips, addresses(["203.0.113.1", "203.0.113.2"]));
    assert_eq!(service("a").ports[0].node_port, Some(30080));
    assert_eq!((service("b").kind, service("b").ports[0].node_port), (ServiceKind::NodePort, None));
    assert_eq!(service("c").kind, ServiceKind::ExternalName);
}

#[test]
fn reads_slices_and_nodes() {
    let text = "
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: a-x, namespace: shop, labels: {kubernetes.io/service-name: a}}
addressType: IPv4
endpoints:
- {addresses: [10.0.0.1]}
- {addresses: [10.0.0.2], conditions: {ready: false}}
- {addresses: [10.0.0.3], conditions: {ready: false, serving: false, terminating: true}, nodeName: node-1, targetRef: {kind: Pod}}
ports:
- {port: 80}
- {name: dns, protocol: UDP}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: names, namespace: shop}
addressType: FQDN
endpoints: [{addresses: [example.com]}]
---
apiVersion: v1
kind: Node
metadata: {name: n.example.com, namespace: ignored}
status:
  addresses:
  - {type: InternalIP, address: 192.168.0.10}
  - {type: InternalIP, address: 'fd01::10'}
  - {type: ExternalIP, address: 203.0.113.10}
  - {type: Hostname, address: node-1}
";
    let mut scratch = Scratch::new(&[("s.yaml", text)]);
    assert_eq!(scratch.problems(), none());
    let endpoint = |address, [ready, serving, terminating]: [bool; 3]| SliceEndpoint {
        addresses: addresses([address]),
        ready,
        serving,
        terminating,
    };
    let expected = EndpointSlice {
        name: ObjectName::new("shop", "a-x"),
        service: Some("a".to_owned()),
        address_type: AddressType::Ipv4,
        endpoints: vec![
            endpoint("10.0.0.1", [true, true, false]),
            endpoint("10.0.0.2", [false, true, false]),
            endpoint("10.0.0.3", [false, false, true]),
        ],
        ports: vec![
            SlicePort { name: None, protocol: Protocol::Tcp, port: Some(80) },
            SlicePort { name: Some("dns".to_owned()), protocol: Protocol::Udp, port: None },
        ],
    };
    assert_eq!(scratch.cluster.endpoint_slices[&ObjectName::new("shop", "a-x")], expected);
    let names = &scratch.cluster.endpoint_slices[&ObjectName::new("shop", "names")];
    assert_eq!((names.address_type, &names.service), (AddressType::Fqdn, &None));
    assert!(names.endpoints[0].addresses.is_empty());
    let node = Node {
        name: "n.example.com".to_owned(),
        addresses: addresses(["192.168.0.10", "fd01::10", "203.0.113.10"]),
    };
    assert_eq!(scratch.cluster.nodes.values().collect::<Vec<_>>(), [&node]);

    scratch.write("s.yaml", "");
    assert_eq!(scratch.problems(), none());
    assert!(scratch.cluster.nodes.is_empty() && scratch.cluster.endpoint_slices.is_empty());
}

/// Everything here the API server refuses too.
#[test]
fn refuses_bad_services() {
    let cases = [
        (
            "spec: {ports: [{port: 70000}]}",
            "spec.ports[0].port: 70000 must be between 1 and 65535, inclusive",
        ),
        ("spec: {clusterIP: none, ports: [{port: 1}]}", "spec.clusterIP: \"none\" is not an IP address"),
        ("spec: {clusterIP: 10.1.0.1}", "spec.ports: is required"),
        (
            "spec: {type: Cluster, ports: [{port: 1}]}",
            "spec.type: \"Cluster\" is none of ClusterIP, NodePort, LoadBalancer, ExternalName",
        ),
        ("spec: {type: ExternalName}", "spec.externalName: is required"),
        (
            "spec: {type: ExternalName, externalName: a, clusterIP: 10.1.0.1}",
            "spec.clusterIP: must not be set where the type is ExternalName",
        ),
        (
            "spec: {type: NodePort, clusterIP: None, ports: [{port: 1}]}",
            "spec.clusterIP: must not be None where the type is NodePort",
        ),
        (
            "spec: {ports: [{port: 1, nodePort: 30000}]}",
            "spec.ports[0].nodePort: must not be set where the type is ClusterIP",
        ),
        ("spec: {ports: [{port: 1, name: a}, {port: 2}]}", "spec.ports[1].name: is required"),
        (
            "spec: {ports: [{port: 1, name: a}, {port: 2, name: a}]}",
            "spec.ports[1].name: duplicate value \"a\"",
        ),
        (
            "spec: {ports: [{port: 1, name: a}, {port: 1, name: b}]}",
            "spec.ports[1]: duplicate value \"TCP port 1\"",
        ),
        (
            "spec: {type: NodePort, ports: [{port: 1, name: a, nodePort: 3}, {port: 2, name: b, nodePort: 3}]}",
            "spec.ports[1].nodePort: duplicate value \"TCP port 3\"",
        ),
        (
            "spec: {clusterIP: 10.1.0.1, clusterIPs: [10.1.0.2], ports: [{port: 1}]}",
            "spec.clusterIPs[0]: must be the same as clusterIP, \"10.1.0.1\"",
        ),
        (
            "spec: {clusterIP: None, clusterIPs: [None, 10.1.0.2]}",
            "spec.clusterIPs: must not have an entry beside \"None\"",
        ),
        (
            "spec: {externalIPs: [127.0.0.1], ports: [{port: 1}]}",
            "spec.externalIPs[0]: 127.0.0.1 is an unspecified, loopback, link-local or multicast address",
        ),
        (
            "{spec: {ports: [{port: 1}]}, status: {loadBalancer: {ingress: [{ip: 10.0.0.1, ipMode: vip}]}}}",
            "status.loadBalancer.ingress[0].ipMode: \"vip\" is none of VIP, Proxy",
        ),
        (
            "{spec: {ports: [{port: 1}]}, status: {loadBalancer: {ingress: [{hostname: a, ipMode: VIP}]}}}",
            "status.loadBalancer.ingress[0].ipMode: needs an ip beside it",
        ),
    ];
    for (rest, problem) in cases {
        let rest = rest.strip_prefix('{').map_or(rest.to_owned(), |flow| {
            flow.strip_suffix('}').unwrap().replacen(", status:", "\nstatus:", 1)
        });
        let text = format!("apiVersion: v1\nkind: Service\nmetadata: {{name: a}}\n{rest}\n");
        let problems = Scratch::new(&[("p.yaml", &text)]).problems();
        let said: Vec<&str> = problems
            .iter()
            .map(|line| line.split_once("Service default/a: ").unwrap().1.split_once("; nothing").unwrap().0)
            .collect();
        assert!(said.contains(&problem), "{rest}: {said:?}");
    }
}

#[test]
fn refuses_bad_slices_and_nodes() {
    let cases = [
        ("addressType: IPv5", "addressType: \"IPv5\" is none of IPv4, IPv6, FQDN"),
        ("addressType: ''", "addressType: is required"),
        ("addressType: IPv4\nendpoints: [{addresses: []}]", "endpoints[0].addresses: is required"),
        (
            "addressType: IPv4\nendpoints: [{addresses: [x]}]",
            "endpoints[0].addresses[0]: \"x\" is not an IP address",
        ),
        (
            "addressType: IPv4\nendpoints: [{addresses: ['fd00::1']}]",
            "endpoints[0].addresses[0]: fd00::1 is not of the address type IPv4",
        ),
        (
            "addressType: IPv6\nendpoints: [{addresses: ['fe80::1']}]",
            "endpoints[0].addresses[0]: fe80::1 is an unspecified, loopback, link-local or multicast address",
        ),
        (
            "addressType: IPv6\nendpoints: []\nports: [{port: 1}, {port: 2}]",
            "ports[1].name: duplicate value \"\"",
        ),
        (
            "addressType: IPv6\nendpoints: []\nports: [{port: 0}]",
            "ports[0].port: 0 must be between 1 and 65535, inclusive",
        ),
        (
            "addressType: IPv6\nendpoints: []\nports: [{protocol: ICMP}]",
            "ports[0].protocol: \"ICMP\" is none of TCP, UDP, SCTP",
        ),
    ];
    for (rest, problem) in cases {
        let text =
            format!("apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: a}}\n{rest}\n");
        let problems = Scratch::new(&[("p.yaml", &text)]).problems();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(
            problems[0].contains(&format!("EndpointSlice default/a: {problem}; nothing")),
            "{problems:?}"
        );
    }
    let node = "apiVersion: v1\nkind: Node\nmetadata: {name: node-1}\nstatus: {addresses: [{type: InternalIP, address: node-1}]}\n";
    let problems = Scratch::new(&[("p.yaml", node)]).problems();
    assert_eq!(
        problems,
        [
            "p.yaml:4: Node node-1: status.addresses[0].address: \"node-1\" is not an IP address; nothing of it is enforced"
        ]
    );
}
