//! The cluster that all variants enforce, and the connections that are tried in it.
//!
//! Policies whose number the suite varies select one pod, `server`, each with one port for one of ten groups of ten pods.
//! The policy in the middle of the list (by name, as all layouts have it) opens the measured port: a linear list
//! is neither flattered nor wronged. What policies can say besides, other pods' policies say, the same ones at each size.

use std::{collections::BTreeSet, net::Ipv4Addr};

use anyhow::{Context as _, Result};
use enforcer::{
    model::{ClusterEvent, Labels, Namespace, Object, ObjectName, Pod, Protocol},
    store::Cluster,
};

use crate::{
    builder::{block, labels, pods, pods_in, policy, range, rule, tcp, udp},
    lab::{Lab, PodSpec},
};

/// The port, of TCP and UDP, that is measured; the loads listen there themselves.
pub(super) const MEASURED_PORT: u16 = 19_999;
/// Policy number n opens this port plus n.
const FIRST_PORT: u16 = 20_000;
/// After the change the policy in the middle opens a port that is higher by this.
const MOVE: u16 = 5_000;
const GROUPS: u16 = 10;
const PODS_OF_GROUP: u16 = 10;

/// Ports of TCP and UDP about which the policies of `varied` and `guarded` have something to say, and their neighbours.
const VARIED_TCP: [u16; 5] = [9_989, 9_990, 9_995, 9_996, 9_998];
const OPEN_TCP: u16 = 9_999;
const VARIED_UDP: [u16; 2] = [5_353, 5_354];

/// The pods that run, with their labels. The order gives the lab's addresses.
const PODS: [(&str, &str, &str); 5] = [
    ("bench", "server", "server"),
    ("bench", "varied", "varied"),
    ("bench", "client", "client"),
    ("bench", "guarded", "guarded"),
    ("other", "stranger", "stranger"),
];

/// How many policies select the measured pod, and whether the one in the middle has been changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) policies: u16,
    pub(super) changed: bool,
}

impl Shape {
    fn middle(self) -> u16 {
        self.policies / 2
    }

    fn port(self, number: u16) -> u16 {
        FIRST_PORT + number + if self.changed && number == self.middle() { MOVE } else { 0 }
    }

    fn group(self, number: u16) -> String {
        format!("g-{}", number % GROUPS)
    }

    /// TCP ports of the numbered policies that are tried: of the first, the middle (before and after the change) and the last
    /// one, and one that no policy opens.
    fn tried(self) -> BTreeSet<u16> {
        let middle = FIRST_PORT + self.middle();
        let last = FIRST_PORT + self.policies - 1;
        BTreeSet::from([FIRST_PORT, middle, middle + MOVE, last, last + 1])
    }
}

/// One connection attempt.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Trial {
    pub(super) from: ObjectName,
    pub(super) to: ObjectName,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
}

/// A pod by its short name.
pub(super) fn running(name: &str) -> ObjectName {
    let namespace =
        PODS.iter().find(|(_, pod, _)| *pod == name).map_or("bench", |(namespace, ..)| *namespace);
    ObjectName::new(namespace, name)
}

/// What a lab is asked for: all pods listen wherever something is tried at any of these sizes.
pub(super) fn specs(sizes: &[u16]) -> Vec<PodSpec> {
    let shapes = sizes.iter().map(|policies| Shape { policies: *policies, changed: false });
    let mut ports: BTreeSet<_> = shapes.flat_map(Shape::tried).map(|port| (Protocol::Tcp, port)).collect();
    ports.extend(VARIED_TCP.into_iter().chain([OPEN_TCP]).map(|port| (Protocol::Tcp, port)));
    ports.extend(VARIED_UDP.map(|port| (Protocol::Udp, port)));
    let spec = |(namespace, name, _): (&str, &str, &str)| PodSpec {
        name: ObjectName::new(namespace, name),
        ports: ports.clone(),
        ..PodSpec::default()
    };
    PODS.map(spec).into()
}

/// All attempts of a size: some are allowed, more are not.
pub(super) fn trials(shape: Shape) -> BTreeSet<Trial> {
    let tcp = shape.tried().into_iter().chain(VARIED_TCP).chain([OPEN_TCP]);
    let udp = VARIED_UDP.into_iter().map(|port| (Protocol::Udp, port));
    let services: Vec<_> = tcp.map(|port| (Protocol::Tcp, port)).chain(udp).collect();
    let mut trials = BTreeSet::new();
    for (_, from, _) in PODS {
        for to in ["server", "varied", "client"].into_iter().filter(|to| *to != from) {
            trials.extend(services.iter().map(|(protocol, port)| Trial {
                from: running(from),
                to: running(to),
                protocol: *protocol,
                port: *port,
            }));
        }
    }
    trials
}

/// The cluster of a size, with the addresses that the lab gave.
///
/// # Errors
/// When the lab lacks a pod or its IPv4 address.
pub(super) fn cluster(lab: &Lab, shape: Shape) -> Result<Cluster> {
    let mut cluster = Cluster::default();
    let mut put = |object| cluster.apply(ClusterEvent::Apply(object));
    for (name, team) in [("bench", "ours"), ("other", "theirs")] {
        let labels = [("kubernetes.io/metadata.name", name), ("team", team)];
        put(Object::Namespace(Namespace { name: name.to_owned(), labels: of(labels) }));
    }
    let middle = shape.group(shape.middle());
    for (namespace, name, app) in PODS {
        let name = ObjectName::new(namespace, name);
        let group = if ["client", "guarded"].contains(&app) { middle.as_str() } else { "none" };
        let addresses = lab.pod(&name)?.addresses().clone();
        let labels = of([("app", app), ("group", group)]);
        put(Object::Pod(Pod { uid: name.to_string(), name, labels, addresses, ..Pod::default() }));
    }
    for number in 0..GROUPS * PODS_OF_GROUP {
        let name = ObjectName::new("bench", format!("peer-{number:03}"));
        let [high, low] = number.to_be_bytes();
        let addresses = BTreeSet::from([Ipv4Addr::new(10, 64, high, low).into()]);
        let labels = of([("app", "peer"), ("group", shape.group(number).as_str())]);
        put(Object::Pod(Pod { uid: name.to_string(), name, labels, addresses, ..Pod::default() }));
    }
    for number in 0..shape.policies {
        let mut ports = vec![tcp(shape.port(number))];
        if number == shape.middle() {
            ports.extend([tcp(MEASURED_PORT), udp(MEASURED_PORT)]);
        }
        let from = rule([pods(labels([("group", shape.group(number).as_str())]))], ports);
        let numbered = policy(&format!("bench/policy-{number:04}"));
        put(Object::Policy(numbered.select(labels([("app", "server")])).ingress([from]).into()));
    }
    for object in varied(lab)? {
        put(object);
    }
    Ok(cluster)
}

/// What a policy can say besides one group and one port: a range of ports, UDP, a block with exceptions, another
/// namespace and every protocol, everybody; and egress.
fn varied(lab: &Lab) -> Result<Vec<Object>> {
    let host = |name: &str| -> Result<String> { Ok(format!("{}/32", address(lab, name)?)) };
    let (client, varied) = (host("client")?, host("varied")?);
    let to_varied = |name: &str| policy(&format!("bench/{name}")).select(labels([("app", "varied")]));
    let clients = || [pods(labels([("app", "client")]))];
    let ranges = [range(Protocol::Tcp, 9_990, 9_995), udp(5_353)];
    let everybody_else = block("0.0.0.0/0", [varied.as_str()]);
    let policies = [
        to_varied("varied-range").ingress([rule(clients(), ranges)]),
        to_varied("varied-block").ingress([rule([block("10.77.0.0/24", [client.as_str()])], [tcp(9_998)])]),
        to_varied("varied-all")
            .ingress([rule([pods_in(labels([("team", "theirs")]), labels([("app", "stranger")]))], [])]),
        to_varied("varied-open").ingress([rule([], [tcp(OPEN_TCP)])]),
        policy("bench/guarded").select(labels([("app", "guarded")])).egress([
            rule([pods(labels([("app", "server")]))], [range(Protocol::Tcp, FIRST_PORT, u16::MAX)]),
            rule([everybody_else], [udp(5_353), tcp(9_998)]),
            rule([pods(labels([("app", "varied")]))], [tcp(OPEN_TCP)]),
        ]),
    ];
    Ok(policies.into_iter().map(|policy| Object::Policy(policy.into())).collect())
}

/// The IPv4 address of a pod that runs.
///
/// # Errors
/// When there is none.
pub(super) fn address(lab: &Lab, name: &str) -> Result<Ipv4Addr> {
    let mut addresses = lab.pod(&running(name))?.addresses().iter();
    let found = addresses.find_map(|address| match address {
        std::net::IpAddr::V4(address) => Some(*address),
        std::net::IpAddr::V6(_) => None,
    });
    found.with_context(|| format!("{name} has no IPv4 address"))
}

fn of<const N: usize>(labels: [(&str, &str); N]) -> Labels {
    labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_moves_one_port_of_the_policy_in_the_middle() {
        let [before, after] = [false, true].map(|changed| Shape { policies: 10, changed });
        let moved: Vec<u16> = (0..10).filter(|number| before.port(*number) != after.port(*number)).collect();
        assert_eq!(moved, [5]);
        assert!(after.tried().contains(&after.port(5)), "the check after a change would not see it");
    }
}
