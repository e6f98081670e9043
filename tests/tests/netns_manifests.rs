//! Level 6: manifests that are wrong, beside some that are not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use anyhow::Result;
use enforcer_tests::{
    agent::Agent,
    poll,
    scene::{DEADLINE, Scene, ingress},
};

/// Each is wrong in one place: the object, the field, a word of the message.
const WRONG: [(&str, &str, &str, &str); 3] = [
    (
        "broken-selector",
        "{podSelector: {matchExpressions: [{key: app, operator: Like, values: [a]}]}, policyTypes: [Ingress]}",
        "spec.podSelector.matchExpressions[0].operator",
        "Like",
    ),
    (
        "bad-cidr",
        "{podSelector: {}, policyTypes: [Ingress], ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/33}}]}]}",
        "spec.ingress[0].from[0].ipBlock.cidr",
        "10.0.0.0/33",
    ),
    (
        "unknown-field",
        "{podSelector: {}, policyTypes: [Ingress], ingres: []}",
        "spec.ingres",
        "unknown field",
    ),
];

#[test]
fn three_bad_policies_give_three_messages_and_the_rest_is_enforced() -> Result<()> {
    let scene = Scene::new(&["client", "server", "other"])?;
    for (name, spec, ..) in WRONG {
        let text = format!(
            "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: {name}, namespace: shop}}\nspec: {spec}\n"
        );
        scene.write(&format!("{name}.yaml"), &text)?;
    }
    scene.write("server.yaml", &ingress("server", &["client"]))?;
    let agent = scene.start()?;
    let log = agent.log();
    println!("{log}");
    for (name, _, field, word) in WRONG {
        let lines: Vec<&str> = log.lines().filter(|line| line.contains(&format!("{name}.yaml"))).collect();
        let [line] = lines.as_slice() else { panic!("{} messages about {name}: {lines:?}", lines.len()) };
        for part in [&format!("NetworkPolicy shop/{name}"), field, word] {
            assert!(line.contains(part), "{line:?} does not say {part:?}");
        }
    }
    scene.wait_reaches("client", "server", true)?;
    scene.wait_reaches("other", "server", false)?;
    // All of these select every pod, or one that does not exist: nothing of them is enforced.
    scene.wait_reaches("other", "client", true)?;
    assert_eq!(agent.said().last_applied().map(|applied| applied.policies), Some(1));
    Ok(())
}

#[test]
fn a_policy_that_breaks_stays_as_it_was_until_it_is_mended() -> Result<()> {
    let scene = Scene::new(&["client", "server", "other"])?;
    scene.write("server.yaml", &ingress("server", &["client"]))?;
    let mut agent = scene.start()?;
    assert_eq!(reaching(&scene)?, ["client"]);

    let broken = ingress("server", &["other"]).replace("policyTypes", "policyTipes");
    scene.write("server.yaml", &broken)?;
    wait_said(&agent, "policyTipes")?;
    assert_eq!(reaching(&scene)?, ["client"], "the last good version stays in force");

    // Not YAML at all.
    scene.write("server.yaml", "kind: NetworkPolicy\n\tmetadata: {")?;
    poll::until(DEADLINE, "a message about the file", || {
        (agent.log().lines().filter(|line| line.contains("server.yaml")).count() > 1).then_some(())
    })?;
    assert_eq!(reaching(&scene)?, ["client"], "the last good version stays in force");

    scene.change(&mut agent, || scene.write("server.yaml", &ingress("server", &["other"])))?;
    assert_eq!(reaching(&scene)?, ["other"]);
    Ok(())
}

fn reaching(scene: &Scene) -> Result<Vec<&'static str>> {
    let mut found = Vec::new();
    for name in ["client", "other"] {
        for family in enforcer_tests::scene::families() {
            let reaches = scene.reaches(name, "server", enforcer::model::Protocol::Tcp, family)?;
            if reaches && !found.contains(&name) {
                found.push(name);
            }
        }
    }
    Ok(found)
}

fn wait_said(agent: &Agent, word: &str) -> Result<()> {
    poll::until(DEADLINE, &format!("a message with {word}"), || agent.log().contains(word).then_some(()))
}
