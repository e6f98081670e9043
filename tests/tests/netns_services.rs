//! Level 6: two pods on one node, with and without a Service between them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::SocketAddr;

use anyhow::Result;
use enforcer::model::Protocol;
use enforcer_tests::{
    agent::{Agent, Dropped},
    lab::{NODE_ADDRESSES, Topology},
    oracle::Family,
    scene::{PORT, Published, Scene, ask, egress, families, ingress, pod, virtual_address},
};

/// The client's packets to the server that were dropped at a pod, after a time.
fn attempts(agent: &Agent, at: &str, after: &str) -> Vec<Dropped> {
    let (client, server) = (pod("client"), pod("server"));
    let protocols = [Protocol::Tcp, Protocol::Udp];
    let is_attempt = |drop: &&Dropped| {
        drop.is_at(&pod(at))
            && protocols.iter().any(|protocol| drop.names(&client, &server, *protocol, PORT))
            // Fractions of a second end where the zeros begin, and `Z` would sort behind a digit.
            && drop.time.trim_end_matches('Z') > after.trim_end_matches('Z')
    };
    agent.said().drops.iter().filter(is_attempt).cloned().collect()
}

/// Each pod's own rules drop, each with a record of its own.
#[test]
fn two_pods_of_one_node_are_judged_each_for_itself() -> Result<()> {
    for topology in Topology::all() {
        let scene = Scene::on(topology, &["client", "server"])?;
        scene.write("client.yaml", &egress("client", &[]))?;
        scene.write("server.yaml", &ingress("server", &[]))?;
        let mut agent = scene.start()?;
        let denied = |agent: &Agent, at: &str| -> Result<()> {
            let direction = if at == "client" { "egress" } else { "ingress" };
            for family in families() {
                for protocol in [Protocol::Tcp, Protocol::Udp] {
                    let what = format!("{protocol} {family:?} {topology} at {at}");
                    assert!(!scene.reaches("client", "server", protocol, family)?, "{what}");
                    scene.wait_drop(agent, at, &what, |drop| {
                        drop.names(&pod("client"), &pod("server"), protocol, PORT)
                            && drop.reason == "policy"
                            && drop.direction == direction
                            && drop.is_ipv6() == (family == Family::V6)
                    })?;
                }
            }
            Ok(())
        };
        // The sender's interface comes first.
        denied(&agent, "client")?;
        let at_server = attempts(&agent, "server", "");
        assert!(at_server.is_empty(), "{at_server:#?}");
        scene.change(&mut agent, || scene.write("client.yaml", &egress("client", &["server"])))?;
        denied(&agent, "server")?;
        // Now that the server's has dropped, the client's no longer does.
        let first = attempts(&agent, "server", "").first().map(|drop| drop.time.clone()).unwrap();
        let at_client = attempts(&agent, "client", &first);
        assert!(at_client.is_empty(), "{at_client:#?}");
    }
    Ok(())
}

/// Egress is judged by the Service's address, before translation; ingress by the client's, after it.
#[test]
fn a_service_is_as_open_as_its_backends() -> Result<()> {
    // Where bridged packets go past iptables, a neighbour's answer is not translated back: nobody has Services there.
    let untranslated = Topology::Bridged { netfilter: false };
    for topology in Topology::all().into_iter().filter(|topology| *topology != untranslated) {
        let scene = Scene::on(topology, &["client", "server", "other"])?;
        scene.publish(&[
            Published { name: "server", backends: &["server"], node_port: None },
            Published { name: "other", backends: &["other"], node_port: None },
        ])?;
        scene.write("policies.yaml", &egress("client", &["server"]))?;
        let mut agent = scene.start()?;
        let opens = |place: u8, wanted: Option<&str>| -> Result<()> {
            let banner = wanted.map(|name| format!("shop/{name}:{PORT}"));
            for family in families() {
                for protocol in [Protocol::Tcp, Protocol::Udp] {
                    let answer = ask(scene.netns("client")?, None, virtual_address(place, family), protocol)?;
                    assert_eq!(answer, banner, "Service {place}, {protocol} {family:?} {topology}");
                }
            }
            Ok(())
        };
        opens(0, Some("server"))?;
        opens(1, None)?;
        scene.wait_drop(&agent, "client", "the other's Service", |drop| {
            drop.destination.address == Some("10.96.0.2".to_owned()) && drop.reason == "policy"
        })?;
        // What the client may, the server need not let in.
        scene.change(&mut agent, || {
            scene.write(
                "policies.yaml",
                &[egress("client", &["server"]), ingress("server", &["other"])].concat(),
            )
        })?;
        opens(0, None)?;
        scene.change(&mut agent, || {
            scene.write(
                "policies.yaml",
                &[egress("client", &["server"]), ingress("server", &["client"])].concat(),
            )
        })?;
        opens(0, Some("server"))?;
        scene.change(&mut agent, || scene.write("policies.yaml", &egress("client", &["other"])))?;
        opens(0, None)?;
        opens(1, Some("other"))?;
    }
    Ok(())
}

/// From a pod with an egress policy, the node's address at a Service's port of the node is the Service.
#[test]
fn a_node_port_is_as_open_as_its_service() -> Result<()> {
    const NODE_PORT: u16 = 30_700;
    for topology in Topology::all() {
        let scene = Scene::on(topology, &["client", "server", "other"])?;
        scene.publish(&[Published { name: "server", backends: &["server"], node_port: Some(NODE_PORT) }])?;
        let addresses: String =
            NODE_ADDRESSES.iter().map(|at| format!("{{type: InternalIP, address: \"{at}\"}}, ")).collect();
        let node = format!(
            "apiVersion: v1\nkind: Node\nmetadata: {{name: here}}\nstatus: {{addresses: [{addresses}]}}\n"
        );
        scene.write("node.yaml", &node)?;
        scene.write("policies.yaml", &egress("client", &["other"]))?;
        let mut agent = scene.start()?;
        let answers = || -> Result<Vec<Option<String>>> {
            let [ipv4, ipv6] = NODE_ADDRESSES;
            let mut answers = Vec::new();
            for family in families() {
                let at = SocketAddr::new(if family == Family::V4 { ipv4 } else { ipv6 }, NODE_PORT);
                for protocol in [Protocol::Tcp, Protocol::Udp] {
                    answers.push(ask(scene.netns("client")?, None, at, protocol)?);
                }
            }
            Ok(answers)
        };
        assert!(answers()?.iter().all(Option::is_none), "{topology}");
        scene.change(&mut agent, || scene.write("policies.yaml", &egress("client", &["server"])))?;
        let banner = Some(format!("shop/server:{PORT}"));
        assert!(answers()?.iter().all(|answer| *answer == banner), "{topology}");
    }
    Ok(())
}
