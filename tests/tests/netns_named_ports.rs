//! Level 6: named ports, which stand for another number on each pod, and for another one tomorrow.

use std::fmt::Write as _;

use anyhow::{Result, ensure};
use enforcer::model::Protocol;
use enforcer_tests::scene::{PORT, Scene, families};

const PODS: [&str; 3] = ["client", "server", "other"];

/// The pods, of which these call the port that their servers listen at "talk"; the others call another one so.
fn pods(talking: &[&str]) -> String {
    PODS.iter().fold(String::new(), |mut text, name| {
        let port = if talking.contains(name) { PORT } else { PORT + 1 };
        let _ = write!(
            text,
            "---\napiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, namespace: shop, labels: {{app: {name}}}}}\n\
             spec: {{containers: [{{name: main, ports: [{{name: talk, containerPort: {port}}}]}}]}}\n"
        );
        text
    })
}

/// Isolates a pod in a direction but for TCP to the named port.
fn talk(subject: &str, list: &str, kind: &str) -> String {
    format!(
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {subject}, namespace: shop}}\n\
         spec: {{podSelector: {{matchLabels: {{app: {subject}}}}}, policyTypes: [{kind}], \
         {list}: [{{ports: [{{port: talk}}]}}]}}\n"
    )
}

/// Whether the client reaches both others by a protocol, the same in every family.
fn reached(scene: &Scene, protocol: Protocol) -> Result<[bool; 2]> {
    let mut seen = Vec::new();
    for family in families() {
        let mut reached = [false; 2];
        for (place, to) in reached.iter_mut().zip(["server", "other"]) {
            *place = scene.reaches("client", to, protocol, family)?;
        }
        seen.push(reached);
    }
    let first = seen.first().copied().unwrap_or_default();
    ensure!(seen.iter().all(|each| *each == first), "families differ: {seen:?}");
    Ok(first)
}

/// The client reaches what calls its port so, by the name's protocol, under these policies.
fn follows(policies: &str) -> Result<()> {
    let scene = Scene::new(&PODS)?;
    scene.write("pods.yaml", &pods(&["server"]))?;
    scene.write("policy.yaml", policies)?;
    let mut agent = scene.start()?;
    ensure!(reached(&scene, Protocol::Tcp)? == [true, false]);
    // The name is that of a TCP port.
    ensure!(reached(&scene, Protocol::Udp)? == [false, false]);
    scene.change(&mut agent, || scene.write("pods.yaml", &pods(&["client", "other"])))?;
    ensure!(reached(&scene, Protocol::Tcp)? == [false, true]);
    Ok(())
}

#[test]
fn egress_to_a_named_port_is_resolved_on_each_peer_and_follows_it() -> Result<()> {
    follows(&talk("client", "egress", "Egress"))
}

#[test]
fn ingress_to_a_named_port_is_resolved_on_each_subject_and_follows_it() -> Result<()> {
    follows(&["server", "other"].map(|subject| talk(subject, "ingress", "Ingress")).concat())
}
