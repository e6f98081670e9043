//! Level 6: a pod and itself, directly and through its own Service.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use anyhow::Result;
use enforcer::model::Protocol;
use enforcer_tests::{
    lab::Topology,
    scene::{
        PORT, Published, Scene, ask, deny_all, families, ingress, pod, policy, send_datagram, virtual_address,
    },
};

/// The server alone behind its Service; another one behind the other's.
fn published(topology: Topology) -> Result<Scene> {
    let scene = Scene::on(topology, &["server", "other"])?;
    scene.publish(&[
        Published { name: "server", backends: &["server"], node_port: None },
        Published { name: "other", backends: &["other"], node_port: None },
    ])?;
    Ok(scene)
}

/// What the pod is told at its own address and at its own Service's.
fn reaches_itself(scene: &Scene, at_service: bool) -> Result<()> {
    let netns = scene.netns("server")?;
    let banner = Some(scene.lab.pod(&pod("server"))?.banner(PORT));
    for family in families() {
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            let what = format!("{protocol} {family:?}, {}", scene.lab.topology());
            assert_eq!(ask(netns, None, scene.at("server", family)?, protocol)?, banner, "directly, {what}");
            if at_service {
                let answer = ask(netns, None, virtual_address(0, family), protocol)?;
                assert_eq!(answer, banner, "through its Service, {what}");
            }
        }
        // In fragments, each of which has to show whose it is.
        if at_service {
            let answered = send_datagram(netns, virtual_address(0, family), 8000)?;
            assert!(answered, "a large datagram through its Service, {family:?}, {}", scene.lab.topology());
        }
    }
    Ok(())
}

/// What comes back from the node has the node's address, and yet is the pod's own.
#[test]
fn ingress_isolation_does_not_part_a_pod_from_itself() -> Result<()> {
    for topology in Topology::all() {
        let scene = published(topology)?;
        reaches_itself(&scene, true)?;
        scene.write("policies.yaml", &ingress("server", &[]))?;
        let agent = scene.start()?;
        reaches_itself(&scene, true)?;
        for family in families() {
            assert!(!scene.reaches("other", "server", Protocol::Tcp, family)?, "{family:?} {topology}");
        }
        assert!(!agent.said().drops.iter().any(|drop| drop.source.pod_name() == Some("shop/server".into())));
    }
    Ok(())
}

/// A Service is opened when every backend may be reached; the pod itself always may.
#[test]
fn deny_all_does_not_part_a_pod_from_its_own_service() -> Result<()> {
    for topology in Topology::all() {
        let scene = published(topology)?;
        scene.write("policies.yaml", &deny_all("server"))?;
        let _agent = scene.start()?;
        reaches_itself(&scene, true)?;
        for family in families() {
            let answer = ask(scene.netns("server")?, None, virtual_address(1, family), Protocol::Tcp)?;
            assert_eq!(answer, None, "another's Service, {family:?} {topology}");
        }
    }
    Ok(())
}

/// Another pod behind the same Service has to be allowed too: which one answers is not the pod's choice.
#[test]
fn a_service_shared_with_another_pod_needs_the_other_to_be_allowed() -> Result<()> {
    let scene = Scene::new(&["server", "other"])?;
    scene.publish(&[Published { name: "server", backends: &["server", "other"], node_port: None }])?;
    // The Service selects by this label.
    let both = scene.settings.manifests.join("pods.yaml");
    let text =
        std::fs::read_to_string(&both)?.replace("labels: {app: other}", "labels: {app: server, too: other}");
    scene.write("pods.yaml", &text)?;
    scene.write("policies.yaml", &policy("none", "server", "policyTypes: [Egress]"))?;
    let mut agent = scene.start()?;
    let netns = scene.netns("server")?;
    let opens = || -> Result<Vec<bool>> {
        let mut answers = Vec::new();
        for family in families() {
            // Both turns.
            for _ in 0..2 {
                answers.push(ask(netns, None, virtual_address(0, family), Protocol::Tcp)?.is_some());
            }
        }
        Ok(answers)
    };
    assert!(opens()?.iter().all(|open| !open));
    let allowed = "policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {too: other}}}]}]";
    scene.change(&mut agent, || scene.write("policies.yaml", &policy("one", "server", allowed)))?;
    assert!(opens()?.iter().all(|open| *open));
    Ok(())
}
