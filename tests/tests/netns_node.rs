//! Level 6: the node always reaches its pods.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::net::IpAddr;

use anyhow::Result;
use enforcer::model::Protocol;
use enforcer_tests::{
    agent::Agent,
    lab::{NODE_ADDRESSES, Source, Topology},
    oracle::Family,
    scene::{PORT, Scene, ask, deny_all, echo, families, pod},
};

/// An isolated pod, on a node with three addresses of each family.
fn isolated(topology: Topology, attach: &str) -> Result<(Scene, Agent)> {
    let mut scene = Scene::on(topology, &["client", "server"])?;
    scene.settings.attach = Some(attach.to_owned());
    scene.lab.join_outside()?;
    let mut further = "addr add 10.78.0.1/32 dev lo\n".to_owned();
    if families().contains(&Family::V6) {
        further.push_str("addr add fd78::1/128 dev lo nodad\n");
    }
    scene.lab.ip(&Source::Node, &further)?;
    scene.write("policies.yaml", &deny_all("server"))?;
    let agent = scene.start()?;
    Ok((scene, agent))
}

/// The node's addresses: the pods' gateway, the uplink's, and one more.
fn addresses(family: Family) -> [IpAddr; 3] {
    let [ipv4, ipv6] = NODE_ADDRESSES;
    match family {
        Family::V4 => [ipv4, "10.88.0.1".parse().unwrap(), "10.78.0.1".parse().unwrap()],
        Family::V6 => [ipv6, "fd88::1".parse().unwrap(), "fd78::1".parse().unwrap()],
    }
}

fn reaches_from_every_address(topology: Topology, attach: &str) -> Result<()> {
    let (scene, _agent) = isolated(topology, attach)?;
    let banner = Some(scene.lab.pod(&pod("server"))?.banner(PORT));
    for family in families() {
        let server = scene.at("server", family)?;
        for from in addresses(family) {
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                let answer = ask(scene.lab.node(), Some(from), server, protocol)?;
                assert_eq!(answer, banner, "{protocol} from {from}, {topology}, {attach}");
            }
            let answered = echo(scene.lab.node(), Some(from), server.ip(), 8)?;
            assert!(answered, "ping from {from}, {topology}, {attach}");
        }
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            assert!(
                !scene.reaches("client", "server", protocol, family)?,
                "{protocol} {family:?} {topology}"
            );
            assert!(
                !scene.reaches("server", "client", protocol, family)?,
                "{protocol} {family:?} {topology}"
            );
        }
    }
    Ok(())
}

#[test]
fn the_node_reaches_routed_pods_from_any_of_its_addresses() -> Result<()> {
    reaches_from_every_address(Topology::Routed, "tcx")?;
    reaches_from_every_address(Topology::Routed, "clsact")
}

#[test]
fn the_node_reaches_bridged_pods_from_any_of_its_addresses() -> Result<()> {
    let bridged = Topology::all().into_iter().filter(|topology| *topology != Topology::Routed);
    bridged.into_iter().try_for_each(|topology| reaches_from_every_address(topology, "tcx"))
}

#[test]
fn large_pings_of_the_node_are_answered() -> Result<()> {
    for topology in Topology::all() {
        let (scene, _agent) = isolated(topology, "tcx")?;
        for family in families() {
            let server = scene.at("server", family)?.ip();
            for size in [1400, 4000, 20_000] {
                let answered = echo(scene.lab.node(), None, server, size)?;
                assert!(answered, "{size} bytes, {family:?}, {topology}");
            }
            // The pod's own pings are its policy's business, whole or in pieces.
            for size in [1400, 4000] {
                let answered = echo(scene.netns("server")?, None, addresses(family)[0], size)?;
                assert!(!answered, "{size} bytes of the pod, {family:?}, {topology}");
            }
        }
    }
    Ok(())
}
