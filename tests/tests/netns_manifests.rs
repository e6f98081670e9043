//! Level 6: manifests that are wrong, beside some that are not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use anyhow::Result;
use enforcer_tests::{
    agent::Agent,
    poll,
    scene::{DEADLINE, Scene, ingress, policy},
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

#[test]
fn a_folder_that_is_moved_away_leaves_everything_as_it_was_and_its_return_is_said() -> Result<()> {
    let scene = Scene::new(&["client", "server", "other"])?;
    scene.write("server.yaml", &ingress("server", &["client"]))?;
    // Something that is wrong all the time: its file is away, its mistake is not mended.
    scene.write("wrong.yaml", "kind: NetworkPolicy\nmetadata: {name: wrong, namespace: shop}\n")?;
    let agent = scene.start()?;
    wait_said(&agent, "wrong.yaml:1: NetworkPolicy shop/wrong: apiVersion: is required")?;

    let away = scene.settings.manifests.with_extension("away");
    fs::rename(&scene.settings.manifests, &away)?;
    wait_said(&agent, "manifests: cannot read the manifest folder: No such file or directory")?;
    assert_eq!(reaching(&scene)?, ["client"], "what was read stays in force");

    fs::rename(&away, &scene.settings.manifests)?;
    wait_said(&agent, "manifests: can be read again")?;
    assert_eq!(reaching(&scene)?, ["client"]);
    let log = agent.log();
    assert!(!log.contains("no longer"), "{log}");
    scene.remove("wrong.yaml")?;
    wait_said(&agent, "wrong.yaml:1: NetworkPolicy shop/wrong: apiVersion: is required\n")?;
    assert!(agent.log().contains("no longer"), "{}", agent.log());
    Ok(())
}

#[test]
fn of_two_definitions_the_first_files_stays_in_force_whatever_becomes_of_it() -> Result<()> {
    let scene = Scene::new(&["client", "server", "other"])?;
    scene.write("1.yaml", &ingress("server", &["client"]))?;
    scene.write("2.yaml", &ingress("server", &["other"]))?;
    let mut agent = scene.start()?;
    let twice = "NetworkPolicy shop/server-ingress: is defined more than once; ";
    wait_said(&agent, twice)?;
    assert_eq!(reaching(&scene)?, ["client"]);

    scene.write("1.yaml", "kind: NetworkPolicy\n\tmetadata: {")?;
    wait_said(&agent, &format!("{twice}the last good version of the definition in "))?;
    assert_eq!(reaching(&scene)?, ["client"], "the last good version of the first file's");

    scene.change(&mut agent, || scene.remove("1.yaml"))?;
    assert_eq!(reaching(&scene)?, ["other"]);
    Ok(())
}

/// Its row is longer than rows may be. Everything else was refused with it.
#[test]
fn a_policy_that_does_not_fit_keeps_nothing_else_out() -> Result<()> {
    let scene = Scene::new(&["client", "server", "other"])?;
    let agent = scene.start()?;
    let ports: Vec<String> = (1..=u16::MAX).step_by(2).map(|port| format!("{{port: {port}}}")).collect();
    let spec = format!("policyTypes: [Ingress], ingress: [{{ports: [{}]}}]", ports.join(", "));
    scene.write("big.yaml", &policy("big", "other", &spec))?;
    wait_said(&agent, "NetworkPolicy shop/big: does not fit and is not in force")?;
    wait_said(&agent, "65536 are supported")?;

    scene.write("server.yaml", &ingress("server", &["client"]))?;
    scene.wait_reaches("other", "server", false)?;
    scene.wait_reaches("client", "server", true)?;
    scene.write("server.yaml", &ingress("server", &["other"]))?;
    scene.wait_reaches("client", "server", false)?;
    scene.remove("server.yaml")?;
    scene.wait_reaches("client", "server", true)?;

    // A version that fits is in force, and stays so.
    let small = policy("big", "other", "policyTypes: [Ingress]");
    scene.write("big.yaml", &small)?;
    scene.wait_reaches("client", "other", false)?;
    scene.write("big.yaml", &policy("big", "other", &spec))?;
    wait_said(&agent, "NetworkPolicy shop/big: does not fit, its last good version stays in force")?;
    scene.wait_reaches("client", "other", false)
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
