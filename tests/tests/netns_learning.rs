//! Level 6: connections that are older than enforcement. In each test the end that was *reached* speaks first once the
//! programs are there: its packets alone do not tell who opened the connection.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::{fmt::Write as _, fs, net::SocketAddr, os::unix::fs::symlink};

use anyhow::{Context, Result, ensure};
use enforcer::model::Protocol;
use enforcer_tests::{
    agent::{Agent, Endpoints},
    lab::{NODE_ADDRESSES, inside},
    oracle::Family,
    poll,
    scene::{DEADLINE, Ends, Scene, Speaker, families, pod},
};

/// Where the tests' own servers listen; the lab's are elsewhere.
const PORT: u16 = 7100;
const PROTOCOLS: [Protocol; 2] = [Protocol::Tcp, Protocol::Udp];

/// Runs `iptables` in the node, for a family.
fn iptables(scene: &Scene, family: Family, arguments: &str) -> Result<()> {
    let program = if family == Family::V4 { "iptables" } else { "ip6tables" };
    let mut command = inside(scene.lab.node().name(), program);
    let output = command.args(arguments.split(' ')).output().context("cannot run iptables")?;
    ensure!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

/// Has the node track connections: a rule that asks for their state is enough.
fn track(scene: &Scene) -> Result<()> {
    for family in families() {
        iptables(scene, family, "-A FORWARD -m conntrack --ctstate INVALID -j ACCEPT")?;
        iptables(scene, family, "-A OUTPUT -m conntrack --ctstate INVALID -j ACCEPT")?;
    }
    Ok(())
}

/// A policy that isolates a pod both ways but for these rules.
fn isolate(subject: &str, ingress: &str, egress: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {subject}, namespace: shop}}\n\
         spec: {{podSelector: {{matchLabels: {{app: {subject}}}}}, policyTypes: [Ingress, Egress], \
         ingress: {ingress}, egress: {egress}}}\n"
    )
}

fn from(peer: &str) -> String {
    format!("[{{from: [{{podSelector: {{matchLabels: {{app: {peer}}}}}}}]}}]")
}

fn to(peer: &str) -> String {
    format!("[{{to: [{{podSelector: {{matchLabels: {{app: {peer}}}}}}}]}}]")
}

/// The client may open towards the server and nothing else may be opened.
fn forward() -> String {
    isolate("client", "[]", &to("server")) + &isolate("server", &from("client"), "[]")
}

/// Only the other way round.
fn backward() -> String {
    isolate("client", &from("server"), "[]") + &isolate("server", "[]", &to("client"))
}

fn at(scene: &Scene, name: &str, family: Family, port: u16) -> Result<SocketAddr> {
    Ok(SocketAddr::new(scene.at(name, family)?.ip(), port))
}

fn open(scene: &Scene, protocol: Protocol, from: &str, to: &str, family: Family) -> Result<Ends> {
    let from = scene.lab.pod(&pod(from))?.netns();
    let address = at(scene, to, family, PORT)?;
    Ends::open(protocol, from, (scene.lab.pod(&pod(to))?.netns(), address), address)
}

/// One flow of each protocol and family.
fn open_all(scene: &Scene, from: &str, to: &str) -> Result<Vec<(String, Ends)>> {
    let mut flows = Vec::new();
    for family in families() {
        for protocol in PROTOCOLS {
            let name = format!("{protocol} {family:?}");
            flows.push((name, open(scene, protocol, from, to, family)?));
        }
    }
    Ok(flows)
}

fn all_go_on(flows: &mut [(String, Ends)]) -> Result<()> {
    for (name, ends) in flows {
        ensure!(ends.delivers(Speaker::Target)?, "{name}: the reached end is not heard");
        ensure!(ends.delivers(Speaker::Opener)?, "{name}: the opener is not heard");
        ensure!(ends.delivers(Speaker::Target)?, "{name}: the reached end is not heard any more");
    }
    Ok(())
}

fn all_are_cut(agent: &Agent, flows: &mut [(String, Ends)]) -> Result<()> {
    for (name, ends) in flows {
        let before = agent.said().drops.len();
        ends.say(Speaker::Target)?;
        ends.say(Speaker::Opener)?;
        poll::until(DEADLINE, &format!("{name}: both ends' packets are dropped"), || {
            let said = agent.said();
            let new: Vec<_> = said.drops.iter().skip(before).collect();
            let at =
                |name: &str| new.iter().any(|drop| drop.source.pod_name() == Some(pod(name).to_string()));
            (at("client") && at("server")).then_some(())
        })?;
        ensure!(ends.hear(Speaker::Target)? == 0 && ends.hear(Speaker::Opener)? == 0, "{name} goes on");
    }
    Ok(())
}

/// What the agent says of what it learnt: `name=NUMBER` of the first line about it.
fn learnt(agent: &Agent, name: &str) -> Result<usize> {
    let log = agent.log();
    let line = log.lines().find(|line| line.contains("flows from before enforcement")).context("no line")?;
    let number = line.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    number.context("not in the line")?.parse().context("not a number")
}

#[test]
fn by_conntrack_a_connection_goes_on_under_a_policy_that_allows_its_opening_only() -> Result<()> {
    let scene = Scene::new(&["client", "server"])?;
    track(&scene)?;
    let mut flows = open_all(&scene, "client", "server")?;
    scene.write("policies.yaml", &forward())?;
    let agent = scene.start()?;
    // Each flow is at both pods.
    assert_eq!(learnt(&agent, "by_conntrack")?, 2 * flows.len());
    all_go_on(&mut flows)
}

#[test]
fn by_conntrack_a_connection_stops_under_a_policy_that_allows_the_other_opening_only() -> Result<()> {
    let scene = Scene::new(&["client", "server"])?;
    track(&scene)?;
    let mut flows = open_all(&scene, "client", "server")?;
    scene.write("policies.yaml", &backward())?;
    let agent = scene.start()?;
    all_are_cut(&agent, &mut flows)
}

/// The scene's pods by namespaces of their names, so that the agent can look inside.
fn with_namespaces(pods: &[&str]) -> Result<Scene> {
    let mut scene = Scene::new(pods)?;
    let folder = scene.lab.folder().join("netns");
    fs::create_dir(&folder)?;
    for name in pods {
        symlink(scene.lab.pod(&pod(name))?.netns().path(), folder.join(format!("shop.{name}")))?;
    }
    scene.settings.endpoints = Endpoints::Namespaces(folder);
    Ok(scene)
}

#[test]
fn by_sockets_where_nothing_is_tracked() -> Result<()> {
    for (policies, goes_on) in [(forward(), true), (backward(), false)] {
        let scene = with_namespaces(&["client", "server"])?;
        // Of datagrams only what listens beside the connected socket tells who opened.
        let tcp = |family| open(&scene, Protocol::Tcp, "client", "server", family);
        let mut flows = Vec::new();
        for family in families() {
            flows.push((format!("{family:?}"), tcp(family)?));
        }
        scene.write("policies.yaml", &policies)?;
        let agent = scene.start()?;
        assert_eq!((learnt(&agent, "by_conntrack")?, learnt(&agent, "found")?), (0, 2 * flows.len()));
        if goes_on {
            all_go_on(&mut flows)?;
        } else {
            all_are_cut(&agent, &mut flows)?;
        }
    }
    Ok(())
}

#[test]
fn by_sockets_a_client_of_datagrams_keeps_its_answers() -> Result<()> {
    let scene = with_namespaces(&["client", "server"])?;
    let mut flows = Vec::new();
    for family in families() {
        flows.push((format!("{family:?}"), open(&scene, Protocol::Udp, "client", "server", family)?));
    }
    // Only the client is isolated: both sockets are connected, and neither tells who opened.
    scene.write("policies.yaml", &isolate("client", "[]", &to("server")))?;
    let _agent = scene.start()?;
    all_go_on(&mut flows)
}

/// Through a virtual address, as kube-proxy translates it.
#[test]
fn a_translated_connection_is_known_by_what_crosses_each_pods_interface() -> Result<()> {
    for goes_on in [true, false] {
        let scene = Scene::new(&["client", "server"])?;
        let mut flows = Vec::new();
        let mut blocks = String::new();
        for family in families() {
            let (virtual_address, length) = match family {
                Family::V4 => ("10.96.0.1", 32),
                Family::V6 => ("fd96::1", 128),
            };
            let via = SocketAddr::new(virtual_address.parse()?, 80);
            let address = at(&scene, "server", family, PORT)?;
            for protocol in ["tcp", "udp"] {
                let rule = format!(
                    "-t nat -A PREROUTING -d {virtual_address} -p {protocol} --dport 80 -j DNAT --to-destination {address}"
                );
                iptables(&scene, family, &rule)?;
            }
            let (client, server) = (scene.lab.pod(&pod("client"))?, scene.lab.pod(&pod("server"))?);
            for protocol in PROTOCOLS {
                let ends = Ends::open(protocol, client.netns(), (server.netns(), address), via)?;
                flows.push((format!("{protocol} {family:?}"), ends));
            }
            write!(blocks, "{{ipBlock: {{cidr: \"{virtual_address}/{length}\"}}}}, ")?;
        }
        let out = if goes_on { format!("[{{to: [{blocks}]}}]") } else { "[]".to_owned() };
        let policies = isolate("client", "[]", &out) + &isolate("server", &from("client"), "[]");
        scene.write("policies.yaml", &policies)?;
        let agent = scene.start()?;
        assert_eq!(learnt(&agent, "by_conntrack")?, 2 * flows.len());
        if goes_on {
            all_go_on(&mut flows)?;
        } else {
            // The client's side denies: the server is heard by nobody, and nobody hears the client.
            for (name, ends) in &mut flows {
                ends.say(Speaker::Target)?;
                ends.say(Speaker::Opener)?;
                poll::until(DEADLINE, &format!("{name} is cut"), || {
                    let said = agent.said();
                    let at_client = |direction: &str| {
                        said.drops.iter().any(|drop| {
                            drop.direction == direction
                                && drop.endpoint.pod_name() == Some(pod("client").to_string())
                        })
                    };
                    (at_client("ingress") && at_client("egress")).then_some(())
                })?;
                ensure!(
                    ends.hear(Speaker::Target)? == 0 && ends.hear(Speaker::Opener)? == 0,
                    "{name} goes on"
                );
            }
        }
    }
    Ok(())
}

/// A pod that reaches itself through its Service comes back with the node's address.
#[test]
fn a_pods_connection_to_itself_through_a_service_goes_on() -> Result<()> {
    let scene = Scene::new(&["client"])?;
    let address = at(&scene, "client", Family::V4, PORT)?;
    let [node, _] = NODE_ADDRESSES;
    let own = address.ip();
    for rule in [
        format!("-t nat -A PREROUTING -d 10.96.0.1 -p tcp --dport 80 -j DNAT --to-destination {address}"),
        format!("-t nat -A POSTROUTING -s {own} -d {own} -j SNAT --to-source {node}"),
    ] {
        iptables(&scene, Family::V4, &rule)?;
    }
    let netns = scene.lab.pod(&pod("client"))?.netns();
    let via = SocketAddr::new("10.96.0.1".parse()?, 80);
    let ends = Ends::open(Protocol::Tcp, netns, (netns, address), via)?;
    // What it may open is the Service's address; nothing may be opened to it.
    let out = "[{to: [{ipBlock: {cidr: 10.96.0.1/32}}]}]";
    scene.write("policies.yaml", &isolate("client", "[]", out))?;
    let agent = scene.start()?;
    assert_eq!(learnt(&agent, "by_conntrack")?, 2);
    all_go_on(&mut [("to itself".to_owned(), ends)])
}

/// A kubelet that reads a long answer: the pod speaks, the node only listens.
#[test]
fn a_connection_of_the_node_goes_on_under_any_policy() -> Result<()> {
    for tracked in [true, false] {
        let scene = with_namespaces(&["server"])?;
        if tracked {
            track(&scene)?;
        }
        let mut flows = Vec::new();
        for family in families() {
            let address = at(&scene, "server", family, PORT)?;
            let server = scene.lab.pod(&pod("server"))?.netns();
            let ends = Ends::open(Protocol::Tcp, scene.lab.node(), (server, address), address)?;
            flows.push((format!("{family:?}, tracked: {tracked}"), ends));
        }
        scene.write("policies.yaml", &isolate("server", "[]", "[]"))?;
        let agent = scene.start()?;
        assert_eq!(learnt(&agent, "by_conntrack")? > 0, tracked);
        all_go_on(&mut flows)?;
    }
    Ok(())
}

#[test]
fn a_pod_that_is_listed_later_keeps_its_connections() -> Result<()> {
    let scene = Scene::new(&["client", "server"])?;
    track(&scene)?;
    // The policies know a pod's address when it is listed.
    scene.write("policies.yaml", &isolate("server", &from("client"), "[]"))?;
    scene.list(&["client"])?;
    let mut agent = scene.start()?;
    let mut flows = open_all(&scene, "client", "server")?;
    scene.change(&mut agent, || scene.list(&["client", "server"]))?;
    all_go_on(&mut flows)
}
