//! Level 6: replies pass, in both directions, protocols and families; and nothing else does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use anyhow::Result;
use enforcer::model::Protocol;
use enforcer_tests::scene::{Scene, egress, families, ingress, ping};

#[test]
fn replies_pass_without_a_rule_of_their_own() -> Result<()> {
    let scene = Scene::new(&["client", "server", "other"])?;
    // The client may only open towards the server, and nobody may open towards it; the server the other way round.
    let policies = [egress("client", &["server"]), ingress("client", &[])];
    let others = [ingress("server", &["client"]), egress("server", &[])];
    scene.write("policies.yaml", &[policies, others].concat().concat())?;
    let agent = scene.start()?;
    for family in families() {
        let mut conversation = scene.converse("client", "server", family)?;
        for round in 0..20 {
            conversation.exchange(&format!("round {round}\n"))?;
        }
        // More than one segment each way.
        conversation.exchange(&"x".repeat(20_000))?;
        for protocol in [Protocol::Tcp, Protocol::Udp] {
            assert!(scene.reaches("client", "server", protocol, family)?, "{protocol} {family:?}");
            for (from, to) in
                [("server", "client"), ("client", "other"), ("other", "server"), ("other", "client")]
            {
                assert!(!scene.reaches(from, to, protocol, family)?, "{from} to {to}, {protocol} {family:?}");
                scene.wait_dropped(&agent, from, to, protocol)?;
            }
            // The node's own connections are no policy's business.
            assert!(scene.reaches("(node)", "server", protocol, family)?, "{protocol} {family:?}");
            assert!(scene.reaches("(node)", "client", protocol, family)?, "{protocol} {family:?}");
        }
        assert!(!agent.said().drops.iter().any(|drop| drop.reason != "policy"), "{:?}", agent.said().drops);
    }
    Ok(())
}

#[test]
fn both_sides_must_allow() -> Result<()> {
    let scene = Scene::new(&["client", "server"])?;
    scene.write("client.yaml", &egress("client", &[]))?;
    scene.write("server.yaml", &ingress("server", &[]))?;
    let mut agent = scene.start()?;
    let reaches = |from: &str, wanted: bool| -> Result<()> {
        for family in families() {
            for protocol in [Protocol::Tcp, Protocol::Udp] {
                assert_eq!(
                    scene.reaches(from, "server", protocol, family)?,
                    wanted,
                    "{from}, {protocol} {family:?}"
                );
            }
        }
        Ok(())
    };
    reaches("client", false)?;
    scene.change(&mut agent, || scene.write("client.yaml", &egress("client", &["server"])))?;
    reaches("client", false)?;
    scene.change(&mut agent, || scene.write("server.yaml", &ingress("server", &["client"])))?;
    reaches("client", true)?;
    scene.change(&mut agent, || scene.write("client.yaml", &egress("client", &[])))?;
    reaches("client", false)?;
    reaches("(node)", true)
}

#[test]
fn pings_follow_the_rules_and_so_do_their_replies() -> Result<()> {
    let scene = Scene::new(&["client", "server", "other"])?;
    // Ports make a rule one of TCP, UDP and SCTP; this one has none.
    let all_protocols = "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n\
         metadata: {name: ping, namespace: shop}\n\
         spec: {podSelector: {matchLabels: {app: server}}, policyTypes: [Ingress, Egress],\n  \
         ingress: [{from: [{podSelector: {matchLabels: {app: client}}}]}]}\n";
    scene.write("policies.yaml", all_protocols)?;
    for family in families() {
        assert!(ping(&scene, "other", "server", family)?, "without an enforcer, {family:?}");
    }
    let _agent = scene.start()?;
    for family in families() {
        assert!(ping(&scene, "client", "server", family)?, "{family:?}");
        assert!(!ping(&scene, "other", "server", family)?, "{family:?}");
        assert!(!ping(&scene, "server", "client", family)?, "{family:?}");
        assert!(ping(&scene, "client", "other", family)?, "{family:?}");
    }
    Ok(())
}
